//! Why a statement may not run, in words that quote no value.

use super::ProbeBudget;
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
    /// A table under a rule is altered.
    Altered(String),
    /// Columns under rules were compared with as many values as may be for now.
    Spent(ProbeBudget),
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
        let (what, hint) = self.words();
        let by = match &self.rule {
            Some(rule) => format!("policy \"{}\", rule \"{rule}\"", self.policy),
            None => format!("policy \"{}\"", self.policy),
        };
        Refusal::new(self.code(), format!("refused by {by}: {what}")).with_hint(hint)
    }

    fn code(&self) -> SqlState {
        match &self.reason {
            Reason::Unread(_) => SqlState::SYNTAX_ERROR,
            Reason::TooLong { .. } | Reason::Unclear(Unresolved::Work) => {
                SqlState::PROGRAM_LIMIT_EXCEEDED
            }
            Reason::Spent(_) => SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            _ => SqlState::INSUFFICIENT_PRIVILEGE,
        }
    }

    /// What is refused, and what to do about it.
    fn words(&self) -> (String, String) {
        let column = |column: &Option<String>| match column {
            Some(name) => format!("column {name}"),
            None => "a value that may come from a masked column".to_owned(),
        };
        match &self.reason {
            Reason::Unread(unread) => (
                unread.to_string(),
                "Statements have to be read to be allowed; check the syntax.".to_owned(),
            ),
            Reason::TooLong { bytes } => (
                format!("a text of {bytes} bytes is too long to be read"),
                "Send values as parameters, or rows by COPY FROM STDIN.".to_owned(),
            ),
            Reason::Unclear(unresolved) => (unclear(*unresolved).to_owned(), UNCLEAR_HINT.into()),
            Reason::Command(class) => (
                format!("{} is not allowed", class.words()),
                format!(
                    "Add \"{}\" to `commands` of the policy's scope.",
                    class.key()
                ),
            ),
            Reason::ReadOnly => (
                "nothing may be written".to_owned(),
                "The policy's scope says `read_only = true`.".to_owned(),
            ),
            Reason::ServerFile => (
                "files and programs of the server are out of reach".to_owned(),
                "Use COPY FROM STDIN or COPY TO STDOUT.".to_owned(),
            ),
            Reason::Function(name) => (
                format!("function {name} may read or do more than its arguments say"),
                "Add its name to `functions` of the policy's scope, if it is harmless.".to_owned(),
            ),
            Reason::Setting(name) => (
                format!("{name} is set by the policy"),
                "Leave it as it is.".to_owned(),
            ),
            Reason::Table(Some(name)) => (
                format!("table {name} is not granted"),
                "Add it to `tables` of the policy's scope.".to_owned(),
            ),
            Reason::Table(None) => (
                "a table that the catalog does not have is not granted".to_owned(),
                "If it was made in an open transaction, commit that first.".to_owned(),
            ),
            Reason::Learnt {
                column: name,
                place,
            } => (
                format!("{} is used {}", column(name), place.words()),
                LEARNT_HINT.to_owned(),
            ),
            Reason::Copied { column: name } => (
                format!("{} would be written where no rule masks it", column(name)),
                "Name columns under the same rule, or set `copies = \"allow\"` in the scope."
                    .to_owned(),
            ),
            Reason::Altered(name) => (
                format!("table {name} has masked columns and may not be altered"),
                "Name \"alter\" in `commands` of the policy's scope.".to_owned(),
            ),
            Reason::Spent(budget) => (
                format!(
                    "masked columns may be compared with {} values in {} s, and were",
                    budget.limit, budget.window_s
                ),
                "Wait, or ask for a larger `probes` in the policy's scope.".to_owned(),
            ),
            Reason::InFlux => (
                "the open transaction has changed what names stand for".to_owned(),
                "Commit it first.".to_owned(),
            ),
        }
    }
}

const UNCLEAR_HINT: &str = "Name tables and columns that exist, in a simpler statement.";
const LEARNT_HINT: &str = "Compare it with = and a value, or ask for `predicates = \"allow\"` \
                           in its rule.";

fn unclear(unresolved: Unresolved) -> &'static str {
    match unresolved {
        Unresolved::Work => "the statement is too complex to be followed",
        _ => "what the statement makes of masked columns cannot be worked out",
    }
}
