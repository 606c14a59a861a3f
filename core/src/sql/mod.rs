//! SQL text: which statements it holds, what they may do, and how they read in a record.
//!
//! * [`statements`] splits a text into statements and says of each what it is ([`Command`]),
//!   whether it may change anything ([`Effect`]) and, for `COPY … TO STDOUT`, in which format its
//!   rows come ([`CopyTo`]).
//! * [`tokenise`] writes a text down without its literals and unknown names.
//!
//! Both read the lexical structure only and never fail: what cannot be read with certainty is a
//! statement that may write, and is not written down.
//!
//! * [`effects`] and [`lineage`] read the parse tree that PostgreSQL's own grammar makes: what a
//!   statement touches, and which columns flow into what it returns.
//! * [`Analyses`] keeps what was read.

mod analysis;
mod copy;
mod effect;
pub mod effects;
mod functions;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod identifiers;
mod keywords;
pub(crate) mod lex;
pub mod lineage;
mod path;
mod tokenise;
pub mod tree;

use std::ops::Range;

pub use analysis::{Analyses, Analysis, Known, SharedAnalyses, Unread, read};
pub use copy::{CopyFormat, CopyOptions, CopySource, CopyTo};
#[cfg(any(test, fuzzing))]
pub use fuzz::fuzz_read;
pub use identifiers::quoted;
pub(crate) use identifiers::{channels, identifiers, is_inert, literals};
pub(crate) use keywords::is_builtin;
pub use path::SearchPath;
pub use tokenise::tokenise;

use crate::audit::record::Effect;
use effect::Scan;
use lex::{Kind, Lexeme, Lexer};

/// One statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From its first to its last lexeme, without the `;`.
    pub range: Range<usize>,
    /// What it is.
    pub command: Command,
    /// What it may do, by its text alone; see `effect.rs` for what that cannot see.
    pub effect: Effect,
    /// Set if it is a `COPY … TO STDOUT` whose every option is known.
    pub copy_to: Option<CopyTo>,
}

/// A statement's kind, by its first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the keyword of its name")]
pub enum Command {
    Select,
    Values,
    Table,
    /// A query or a data-modifying statement with common table expressions.
    With,
    Insert,
    Update,
    Delete,
    Merge,
    Copy,
    Explain,
    Show,
    Set,
    Reset,
    /// Also `START TRANSACTION`.
    Begin,
    /// Also `END` and `COMMIT PREPARED`.
    Commit,
    /// Also `ABORT` and `ROLLBACK PREPARED`.
    Rollback,
    Savepoint,
    Release,
    /// `PREPARE TRANSACTION`
    PrepareTransaction,
    Prepare,
    Execute,
    Deallocate,
    Discard,
    Declare,
    Fetch,
    Move,
    Close,
    Listen,
    Unlisten,
    Notify,
    Call,
    Do,
    Create,
    Alter,
    Drop,
    Truncate,
    Lock,
    /// Everything else, and what cannot be read.
    Other,
}

impl Command {
    fn of(word: &[u8]) -> Self {
        let mut folded = [0; 16];
        let Some(folded) = folded.get_mut(..word.len()) else {
            return Command::Other;
        };
        folded.copy_from_slice(word);
        folded.make_ascii_lowercase();
        match &*folded {
            b"select" => Command::Select,
            b"values" => Command::Values,
            b"table" => Command::Table,
            b"with" => Command::With,
            b"insert" => Command::Insert,
            b"update" => Command::Update,
            b"delete" => Command::Delete,
            b"merge" => Command::Merge,
            b"copy" => Command::Copy,
            b"explain" => Command::Explain,
            b"show" => Command::Show,
            b"set" => Command::Set,
            b"reset" => Command::Reset,
            b"begin" | b"start" => Command::Begin,
            b"commit" | b"end" => Command::Commit,
            b"rollback" | b"abort" => Command::Rollback,
            b"savepoint" => Command::Savepoint,
            b"release" => Command::Release,
            b"prepare" => Command::Prepare,
            b"execute" => Command::Execute,
            b"deallocate" => Command::Deallocate,
            b"discard" => Command::Discard,
            b"declare" => Command::Declare,
            b"fetch" => Command::Fetch,
            b"move" => Command::Move,
            b"close" => Command::Close,
            b"listen" => Command::Listen,
            b"unlisten" => Command::Unlisten,
            b"notify" => Command::Notify,
            b"call" => Command::Call,
            b"do" => Command::Do,
            b"create" => Command::Create,
            b"alter" => Command::Alter,
            b"drop" => Command::Drop,
            b"truncate" => Command::Truncate,
            b"lock" => Command::Lock,
            _ => Command::Other,
        }
    }
}

/// The statements of `sql` in order; empty ones are left out. Statements end at `;` outside of
/// parentheses and of `BEGIN ATOMIC … END` bodies. One pass, except that a COPY is read twice;
/// a text may hold millions, so they come one by one.
pub fn statements(sql: &[u8]) -> impl Iterator<Item = Statement> {
    // PostgreSQL parses the whole text before it runs any of it, by its own encoding: nothing
    // is certain about a text that is not UTF-8.
    let certain = std::str::from_utf8(sql).is_ok();
    let mut lexemes = Lexer::new(sql).significant();
    std::iter::from_fn(move || {
        let mut current: Option<Reading<'_>> = None;
        for lexeme in lexemes.by_ref() {
            let ends = lexeme.is(sql, b';')
                && current
                    .as_ref()
                    .is_none_or(|reading| reading.depth == 0 && reading.atomic == 0);
            match current.take() {
                None if ends => {}
                Some(reading) if ends => return Some(reading.finish()),
                reading => {
                    let mut reading = reading.unwrap_or_else(|| Reading::new(sql, lexeme.start));
                    reading.feed(lexeme);
                    current = Some(reading);
                }
            }
        }
        current.map(Reading::finish)
    })
    .map(move |mut statement| {
        if !certain {
            statement.effect = Effect::MayWrite;
        }
        statement
    })
}

/// All [`statements`] of a text.
#[cfg(any(test, fuzzing))]
fn analyse(sql: &[u8]) -> Vec<Statement> {
    statements(sql).collect()
}

/// A statement that is being read.
struct Reading<'a> {
    sql: &'a [u8],
    range: Range<usize>,
    scan: Scan<'a>,
    /// Open parentheses.
    depth: usize,
    routine: Routine,
    /// Open `BEGIN ATOMIC` and `CASE` of a routine's body.
    atomic: usize,
    last_begin: bool,
    clear: bool,
}

/// How far a statement reads as `CREATE [OR REPLACE] {FUNCTION | PROCEDURE}`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routine {
    Start,
    Create,
    Or,
    Yes,
    No,
}

impl<'a> Reading<'a> {
    fn new(sql: &'a [u8], start: usize) -> Self {
        Self {
            sql,
            range: start..start,
            scan: Scan::new(sql),
            depth: 0,
            routine: Routine::Start,
            atomic: 0,
            last_begin: false,
            clear: true,
        }
    }

    fn feed(&mut self, lexeme: Lexeme) {
        self.range.end = lexeme.end;
        self.clear &= lexeme.kind != Kind::Unclear;
        if lexeme.is(self.sql, b'(') {
            self.depth += 1;
        } else if lexeme.is(self.sql, b')') {
            self.depth = self.depth.saturating_sub(1);
        }
        self.follow_body(lexeme);
        self.scan.feed(lexeme);
    }

    /// Follows `BEGIN ATOMIC … END`, as psql does.
    fn follow_body(&mut self, lexeme: Lexeme) {
        let word = |word| lexeme.is_word(self.sql, word);
        if self.routine != Routine::Yes {
            self.routine = match self.routine {
                Routine::Start if word("create") => Routine::Create,
                Routine::Create if word("or") => Routine::Or,
                Routine::Or if word("replace") => Routine::Create,
                Routine::Create if word("function") || word("procedure") => Routine::Yes,
                _ => Routine::No,
            };
            return;
        }
        let begin = word("begin");
        if self.atomic > 0 && word("end") {
            self.atomic -= 1;
        } else if (self.atomic > 0 && word("case")) || (self.last_begin && word("atomic")) {
            self.atomic += 1;
        }
        self.last_begin = begin;
    }

    fn finish(self) -> Statement {
        let unread = Statement {
            range: self.range.clone(),
            command: Command::Other,
            effect: Effect::MayWrite,
            copy_to: None,
        };
        if !self.clear {
            return unread;
        }
        let (command, effect) = self.scan.finish();
        if command != Command::Copy {
            return Statement {
                command,
                effect,
                ..unread
            };
        }
        let copy_to = copy::parse(self.sql, self.range.clone());
        let effect = match copy_to.as_ref().map(|copy| &copy.source) {
            Some(CopySource::Table { .. }) => Effect::Read,
            Some(CopySource::Query(query)) => effect::of_query(self.sql, query.clone()),
            None => Effect::MayWrite,
        };
        Statement {
            command,
            effect,
            copy_to,
            ..unread
        }
    }
}

#[cfg(any(test, fuzzing))]
/// Body of the fuzz target: any text is read, and what the result points at lies in the text.
pub fn fuzz_analyse(sql: &[u8]) {
    let mut at = 0;
    for statement in analyse(sql) {
        assert!(at <= statement.range.start && statement.range.start < statement.range.end);
        assert!(statement.range.end <= sql.len());
        at = statement.range.end;
        if let Some(copy) = statement.copy_to {
            assert!(!copy.probe(sql).is_empty());
        }
    }
    let key = crate::audit::token::TokenKey::new(&[7; 32]);
    for limit_bytes in [0, 3, 20, 1 << 20] {
        assert!(tokenise(sql, &key, limit_bytes, |_| false).len() <= limit_bytes);
    }
}

#[cfg(test)]
mod tests;
