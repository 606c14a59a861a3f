//! Why a statement may not run, in words that quote no value.

use super::{Exhausted, ProbeBudget, Unguardable};
use crate::error::{Refusal, SqlState};
use crate::sql::Unread;
use crate::sql::effects::{Class, Place};
use crate::sql::lineage::Unresolved;

/// What is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The text cannot be read.
    Unread(Unread),
    /// The text is longer than what is read.
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// What it makes of columns under rules cannot be worked out.
    Unclear(Unresolved),
    /// A command.
    Command(Class),
    /// A text that is not one of those that were granted.
    Statement,
    /// It may write, and the policy lets nothing be written.
    ReadOnly,
    /// Files, programs and other servers, by COPY.
    ServerFile,
    /// A function by its name.
    Function(String),
    /// A setting that is not the client's to change.
    Setting(&'static str),
    /// A table, if the catalog has it.
    Table(Option<String>),
    /// A column under a rule is compared, grouped or ordered by.
    Learnt {
        /// Schema, table and column, if it is one that the catalog has.
        column: Option<String>,
        /// Where it stands.
        place: Place,
    },
    /// A column under a rule is written where no rule holds.
    Copied {
        /// Schema, table and column, if it is one that the catalog has.
        column: Option<String>,
    },
    /// A column that is not there for the client is named.
    Hidden(String),
    /// A table under a rule is altered.
    Altered(String),
    /// An aggregate of few persons could be shown.
    SmallCells(Unguardable),
    /// Columns under rules were compared with as many values as may be for now.
    Spent(ProbeBudget),
    /// As much was carried away as may be for now.
    Exhausted(Exhausted),
    /// What names stand for is not known before the open transaction has ended.
    InFlux,
}

/// A statement that may not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What is refused.
    pub reason: Reason,
    /// Name of the policy.
    pub policy: String,
    /// Name of the rule that is about the column.
    pub rule: Option<String>,
}

impl Denial {
    /// What the client reads.
    pub fn to_refusal(&self) -> Refusal {
        let what = self.what();
        let by = match &self.rule {
            Some(rule) => format!("policy \"{}\", rule \"{rule}\"", self.policy),
            None => format!("policy \"{}\"", self.policy),
        };
        Refusal::new(self.code(), format!("refused by {by}: {what}")).with_hint(self.hint())
    }

    fn code(&self) -> SqlState {
        match &self.reason {
            Reason::Unread(_) => SqlState::SYNTAX_ERROR,
            Reason::TooLong { .. } | Reason::Unclear(Unresolved::Work) => {
                SqlState::PROGRAM_LIMIT_EXCEEDED
            }
            Reason::Spent(_) | Reason::Exhausted(_) => SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            _ => SqlState::INSUFFICIENT_PRIVILEGE,
        }
    }

    /// What is refused.
    fn what(&self) -> String {
        let column = |column: &Option<String>| match column {
            Some(name) => format!("column {name}"),
            None => "a value that may come from a masked column".to_owned(),
        };
        match &self.reason {
            Reason::Unread(unread) => unread.to_string(),
            Reason::TooLong { bytes } => format!("a text of {bytes} bytes is too long to be read"),
            Reason::Unclear(unresolved) => unclear(*unresolved).to_owned(),
            Reason::Command(class) => format!("{} is not allowed", class.words()),
            Reason::Statement => "this statement is not granted".to_owned(),
            Reason::ReadOnly => "nothing may be written".to_owned(),
            Reason::ServerFile => "files and programs of the server are out of reach".to_owned(),
            Reason::Function(name) => {
                format!("function {name} may read or do more than its arguments say")
            }
            Reason::Setting(name) => format!("{name} is set by the policy"),
            Reason::Table(Some(name)) => format!("table {name} is not granted"),
            Reason::Table(None) => {
                "a table that the catalog does not have is not granted".to_owned()
            }
            Reason::Learnt {
                column: name,
                place,
            } => format!("{} is used {}", column(name), place.words()),
            Reason::Copied { column: name } => {
                format!("{} would be written where no rule masks it", column(name))
            }
            Reason::Hidden(name) => format!("column {name} is hidden"),
            Reason::Altered(name) => {
                format!("table {name} has masked columns and may not be altered")
            }
            Reason::SmallCells(why) => why.what(),
            Reason::Spent(ProbeBudget { limit, window_s }) => {
                format!("masked columns may be compared with {limit} values in {window_s} s")
            }
            Reason::Exhausted(it) => {
                let (limit, what, window_s) = (it.limit, it.what.key(), it.window_s);
                format!("the budget of {limit} {what} in {window_s} s is spent")
            }
            Reason::InFlux => "the open transaction has changed what names stand for".to_owned(),
        }
    }

    /// What to do about it.
    fn hint(&self) -> String {
        let hint = match &self.reason {
            Reason::Command(class) => {
                let key = class.key();
                return format!("Ask for \"{key}\" in `commands` of the policy's scope.");
            }
            Reason::Exhausted(it) => {
                let (ends_in_s, key) = (it.ends_in_s, it.what.key());
                return format!(
                    "A new window begins in {ends_in_s} s; or ask for more `{key}` in `volume` of \
                     the policy's scope."
                );
            }
            Reason::Unread(_) => "A statement has to be read to be allowed: check its syntax.",
            Reason::TooLong { .. } => "Send values as parameters, or rows by COPY FROM STDIN.",
            Reason::Unclear(_) => "Name tables and columns that exist, in a simpler statement.",
            Reason::Statement => "Send the text that was granted, byte for byte.",
            Reason::ReadOnly => "The policy's scope says `read_only = true`.",
            Reason::ServerFile => "Use COPY FROM STDIN or COPY TO STDOUT.",
            Reason::Function(_) => "Ask for its name in `functions` of the policy's scope.",
            Reason::Setting(_) => "Leave it as it is.",
            Reason::Table(Some(_)) => "Ask for it in `tables` of the policy's scope.",
            Reason::Table(None) => "If it was made in an open transaction, commit that first.",
            Reason::Learnt {
                place: Place::Predicate,
                ..
            } => "Compare it with = and a value, or ask for `predicates = \"allow\"` in its rule.",
            Reason::Learnt {
                place: Place::Computed,
                ..
            } => {
                "Show it as it is, compute nothing that can fail, or ask for \
                 `predicates = \"allow\"` in its rule."
            }
            Reason::Learnt { .. } => {
                "Leave it out there, or ask for `predicates = \"allow\"` in its rule."
            }
            Reason::Copied { .. } => {
                "Write it into columns under a rule, or ask for `copies = \"allow\"` in the scope."
            }
            Reason::Hidden(_) => "Leave it out; `*` goes without it.",
            Reason::Altered(_) => "Ask for \"alter\" in `commands` of the policy's scope.",
            Reason::SmallCells(why) => why.hint(),
            Reason::Spent(_) => "Wait, or ask for a larger `probes` in the policy's scope.",
            Reason::InFlux => "Commit it first.",
        };
        hint.to_owned()
    }
}

fn unclear(unresolved: Unresolved) -> &'static str {
    match unresolved {
        Unresolved::Work => "the statement is too complex to be followed",
        _ => "what the statement makes of masked columns cannot be worked out",
    }
}
