//! May a statement change anything? Answered from its text alone.
//!
//! `Read` is given only to statements whose every word and every call is known to be harmless.
//! What no text shows is assumed away, and stated here: a view, a row security policy, an
//! operator, a cast or an attribute notation (`row.function`) that somebody defined over a
//! function with side effects, and a function of a user's own that shadows one of
//! `pg_catalog`. Setting such a trap takes DDL, which is itself recorded before it runs; falling
//! into it moves the record of the read from before the execution to before its result.
#![deny(clippy::indexing_slicing)]

use std::ops::Range;

use super::lex::{Kind, Lexeme, Lexer};
use super::{Command, functions};
use crate::audit::record::Effect;

/// The effect of a query that stands inside another statement.
pub(super) fn of_query(sql: &[u8], range: Range<usize>) -> Effect {
    let mut scan = Scan::new(sql);
    for lexeme in Lexer::within(sql, range).significant() {
        scan.feed(lexeme);
    }
    match scan.finish() {
        (Command::Select | Command::Values | Command::Table | Command::With, effect) => effect,
        _ => Effect::MayWrite,
    }
}

/// Reads a statement, lexeme by lexeme.
pub(super) struct Scan<'a> {
    sql: &'a [u8],
    command: Option<Command>,
    /// Words read, the command's own left out.
    words: usize,
    /// Open parentheses.
    depth: usize,
    /// The last four lexemes, newest first.
    last: [Option<Lexeme>; 4],
    /// The query inside an EXPLAIN has begun.
    inner: bool,
    /// `join (` was read: a call, unless a query or another parenthesis follows.
    open_join: bool,
    may_write: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(sql: &'a [u8]) -> Self {
        Self {
            sql,
            command: None,
            words: 0,
            depth: 0,
            last: [None; 4],
            inner: false,
            open_join: false,
            may_write: false,
        }
    }

    /// The next significant lexeme.
    pub(super) fn feed(&mut self, lexeme: Lexeme) {
        match self.command {
            None => self.first(lexeme),
            Some(Command::Prepare)
                if self.words == 0 && lexeme.is_word(self.sql, "transaction") =>
            {
                self.command = Some(Command::PrepareTransaction);
            }
            Some(command) => self.next(command, lexeme),
        }
        if lexeme.is(self.sql, b'(') {
            self.depth += 1;
        } else if lexeme.is(self.sql, b')') {
            self.depth = self.depth.saturating_sub(1);
        }
        self.last.rotate_right(1);
        if let Some(newest) = self.last.first_mut() {
            *newest = Some(lexeme);
        }
    }

    fn first(&mut self, lexeme: Lexeme) {
        if lexeme.kind == Kind::Word {
            self.command = Some(Command::of(lexeme.bytes(self.sql)));
        } else if !lexeme.is(self.sql, b'(') {
            self.command = Some(Command::Other);
        }
    }

    fn next(&mut self, command: Command, lexeme: Lexeme) {
        match command {
            Command::Select | Command::Values | Command::Table | Command::With => {
                self.query(lexeme);
            }
            Command::Declare => self.query(lexeme),
            Command::Explain => self.explain(lexeme),
            Command::Set | Command::Reset => self.setting(lexeme),
            Command::Rollback => self.may_write |= lexeme.is_word(self.sql, "prepared"),
            _ => {}
        }
        self.words += usize::from(lexeme.kind == Kind::Word);
    }

    /// What may not stand in a query that only reads.
    fn query(&mut self, lexeme: Lexeme) {
        if self.open_join {
            self.open_join = false;
            let query = ["select", "values", "table", "with", "lateral", "only"];
            self.may_write |= !lexeme.is(self.sql, b'(')
                && !query.iter().any(|word| lexeme.is_word(self.sql, word));
        }
        if lexeme.kind == Kind::Word {
            let writes = ["insert", "update", "delete", "merge", "into"];
            self.may_write |= writes.iter().any(|word| lexeme.is_word(self.sql, word));
            if lexeme.is_word(self.sql, "share") {
                self.may_write |= self.last_is(0, "for") || self.last_is(0, "key");
            }
        }
        if lexeme.is(self.sql, b'(') {
            self.may_write |= !self.harmless_parenthesis();
        }
    }

    /// Is the parenthesis that comes now no call, or a call of a harmless function?
    fn harmless_parenthesis(&mut self) -> bool {
        let [Some(name), before, schema, outer] = self.last else {
            return true;
        };
        let qualified = before.is_some_and(|dot| dot.is(self.sql, b'.'));
        match name.kind {
            Kind::Word | Kind::Quoted if qualified => {
                schema.is_some_and(|schema| schema.is_word(self.sql, "pg_catalog"))
                    && !outer.is_some_and(|dot| dot.is(self.sql, b'.'))
                    && self.is_harmless_function(name)
            }
            Kind::Quoted => self.is_harmless_function(name),
            Kind::Word => {
                self.open_join = name.is_word(self.sql, "join");
                self.open_join || self.is_keyword(name, before) || self.is_harmless_function(name)
            }
            Kind::UnicodeQuoted => false,
            _ => true,
        }
    }

    fn is_harmless_function(&self, name: Lexeme) -> bool {
        let bytes = name.bytes(self.sql);
        match name.kind {
            Kind::Quoted => {
                let inside = bytes
                    .get(1..bytes.len().saturating_sub(1))
                    .unwrap_or_default();
                functions::is_harmless(inside)
            }
            _ => functions::folded(bytes).is_some_and(|name| functions::is_harmless(name.as_ref())),
        }
    }

    /// Is `name` before a parenthesis a keyword, so that no function is called? Keywords that
    /// may also name a function count only where the grammar wants them.
    fn is_keyword(&self, name: Lexeme, before: Option<Lexeme>) -> bool {
        let after = |words: &[&str]| {
            before.is_some_and(|before| words.iter().any(|word| before.is_word(self.sql, word)))
        };
        let is = |word| name.is_word(self.sql, word);
        if functions::folded(name.bytes(self.sql))
            .is_some_and(|name| functions::is_reserved(name.as_ref()))
        {
            return true;
        }
        // The name of a common table expression, with its columns: `WITH name (a, b) AS (`.
        after(&["with", "recursive"])
            || (is("filter") || is("over")) && before.is_some_and(|paren| paren.is(self.sql, b')'))
            || is("sets") && after(&["grouping"])
            || is("varying") && after(&["character", "char", "bit", "nchar"])
            || is("materialized") && after(&["as", "not"])
            || (is("system") || is("bernoulli")) && after(&["tablesample"])
            || is("zone") && after(&["time"])
    }

    /// `EXPLAIN [VERBOSE | (options)] query`; with ANALYZE the query runs.
    fn explain(&mut self, lexeme: Lexeme) {
        let analyse = ["analyze", "analyse"];
        self.may_write |= analyse.iter().any(|word| lexeme.is_word(self.sql, word));
        if self.inner {
            return self.query(lexeme);
        }
        if lexeme.kind == Kind::Word {
            let query = ["select", "values", "table", "with"];
            self.inner = query.iter().any(|word| lexeme.is_word(self.sql, word));
            self.may_write |=
                !self.inner && self.depth == 0 && !lexeme.is_word(self.sql, "verbose");
        }
    }

    /// SET and RESET change no data, but a change of role belongs on disk before it happens.
    fn setting(&mut self, lexeme: Lexeme) {
        if self.words < 3 {
            let roles = ["role", "authorization", "session_authorization"];
            self.may_write |= matches!(lexeme.kind, Kind::Quoted | Kind::UnicodeQuoted)
                || roles.iter().any(|word| lexeme.is_word(self.sql, word));
        }
    }

    fn last_is(&self, ago: usize, word: &str) -> bool {
        self.last
            .get(ago)
            .copied()
            .flatten()
            .is_some_and(|lexeme| lexeme.is_word(self.sql, word))
    }

    /// What the statement is, and what it may do.
    pub(super) fn finish(self) -> (Command, Effect) {
        let command = self.command.unwrap_or(Command::Other);
        let reads = match command {
            Command::Select
            | Command::Values
            | Command::Table
            | Command::With
            | Command::Show
            | Command::Set
            | Command::Reset
            | Command::Begin
            | Command::Rollback
            | Command::Savepoint
            | Command::Release
            | Command::Prepare
            | Command::Deallocate
            | Command::Discard
            | Command::Declare
            | Command::Close
            | Command::Listen
            | Command::Unlisten => true,
            Command::Explain => self.inner,
            _ => false,
        };
        let effect = if reads && !self.may_write {
            Effect::Read
        } else {
            Effect::MayWrite
        };
        (command, effect)
    }
}
