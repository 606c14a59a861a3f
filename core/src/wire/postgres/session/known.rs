//! Words that tell a client nothing about a value: the server's own, and names.
//!
//! A name is known if the catalog or SQL itself has it. The names that the client wrote in its
//! statement are known only where a text is sure to speak of that statement: a client chooses
//! them, so that elsewhere a list of guesses would let a value through.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::LazyLock;

use crate::audit::record::Effect;
use crate::audit::token::Token;
use crate::catalog::Catalog;
use crate::sql;

use super::statements::Statement;
use super::text::StatementText;

/// Words of PostgreSQL's DETAIL and CONTEXT texts.
const CONTEXT_WORDS: &str = "a access already an and any are as at be because block but by call \
    calls can cannot cascade check code column columns command commands conflicts constraint \
    contains context copy currently data database deferred depends detail does drop during each \
    enabled error exception execute exists existing expected expression extended failing \
    failed fetch foreign found from function has have if in index inline input insert into \
    invalid is it json key keys line loop lock member missing more must name named no not null \
    object objects of on only operation or other out over owner parameter partition pg pl \
    plpgsql perform pgsql portal position privilege privileges procedure process query raise \
    referenced referencing references relation return role routine row rows rule schema \
    select sequence server session set sql statement still subquery table tables temporary \
    than that the this to token transaction trigger tuple type unnamed unterminated update \
    user value values view violates waiting waits was while with assignment delete";

/// Types as PostgreSQL spells them in signatures.
const TYPE_WORDS: [&[u8]; 18] = [
    b"array",
    b"bigint",
    b"bit",
    b"boolean",
    b"character",
    b"double",
    b"integer",
    b"interval",
    b"numeric",
    b"precision",
    b"real",
    b"record",
    b"smallint",
    b"time",
    b"varying",
    b"with",
    b"without",
    b"zone",
];

/// Words of the messages and hints in PostgreSQL's catalogue (`src/backend/po`), as spelled.
const MESSAGE_WORDS: &str = include_str!("vocabulary.txt");

type Words = HashSet<&'static [u8]>;

static CONTEXT: LazyLock<Words> = LazyLock::new(|| set(CONTEXT_WORDS));
static MESSAGES: LazyLock<Words> = LazyLock::new(|| set(MESSAGE_WORDS));

fn set(words: &'static str) -> Words {
    words.split_whitespace().map(str::as_bytes).collect()
}

/// A word of the server's own in DETAIL or CONTEXT, in any case.
pub(super) fn is_context_word(word: &[u8]) -> bool {
    CONTEXT.contains(word.to_ascii_lowercase().as_slice())
}

/// The same where a value may stand as well: in lower case, as names are not.
pub(super) fn is_lower_context_word(word: &[u8]) -> bool {
    CONTEXT.contains(word)
}

/// A word of the server's own messages; `begins`: it begins a sentence.
pub(super) fn is_message_word(word: &[u8], begins: bool) -> bool {
    MESSAGES.contains(word) || begins && MESSAGES.contains(word.to_ascii_lowercase().as_slice())
}

/// A word of a type's name.
pub(super) fn is_type_word(word: &[u8]) -> bool {
    TYPE_WORDS.contains(&word)
}

/// A column name that the server makes up: `?column?`, `column2` of VALUES, `f1` of a record.
pub(super) fn is_generated_name(name: &[u8]) -> bool {
    let numbered = [&b"column"[..], b"f"].iter().any(|start| {
        name.strip_prefix(*start)
            .is_some_and(|number| number.len() <= 4 && number.iter().all(u8::is_ascii_digit))
    });
    numbered || matches!(name, b"?column?" | b"QUERY PLAN")
}

/// The names in a statement's text.
pub(super) struct Spoken {
    /// Of the text that was read.
    token: Token,
    names: HashSet<Vec<u8>>,
    pub(super) channels: Vec<Vec<u8>>,
    /// Nothing in it is evaluated.
    pub(super) is_inert: bool,
    /// Its literals, if it is inert.
    literals: HashSet<Vec<u8>>,
}

impl Spoken {
    fn read(text: &StatementText) -> Self {
        // Of a longer text only the beginning is kept.
        let (raw, is_whole) = text.beginning();
        let is_inert = is_whole && sql::is_inert(raw);
        let literals = sql::literals(raw).filter(|_| is_inert);
        Self {
            literals: literals.collect(),
            token: text.token,
            names: sql::identifiers(raw).collect(),
            channels: sql::channels(raw),
            is_inert,
        }
    }

    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.names.contains(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.names.iter()
    }

    /// True if the client itself said `value`, in a statement that evaluates nothing.
    pub(super) fn said(&self, value: &[u8]) -> bool {
        self.literals.contains(value)
    }
}

/// The statement that the server answers. Its names are read when they are first asked for, and
/// once for all texts that come while it runs.
#[derive(Default)]
pub(super) struct Speaker {
    statement: Option<Rc<Statement>>,
    spoken: OnceCell<Spoken>,
    /// What it makes the client listen to is noted.
    is_heeded: bool,
}

impl Speaker {
    pub(super) fn attend(&mut self, statement: Option<&Rc<Statement>>) {
        let token = |statement: &Rc<Statement>| statement.text.token;
        if self.spoken.get().map(|spoken| spoken.token) != statement.map(token) {
            self.spoken = OnceCell::new();
            self.is_heeded = false;
        }
        self.statement = statement.cloned();
    }

    /// True if the statement may change something; so may one that is not known.
    pub(super) fn may_write(&self) -> bool {
        let statement = self.statement.as_ref();
        statement.is_none_or(|statement| statement.text.effect == Effect::MayWrite)
    }

    /// The names in the statement, the first time that its end is met.
    pub(super) fn heed(&mut self) -> Option<&Spoken> {
        let is_first = !std::mem::replace(&mut self.is_heeded, true);
        self.spoken().filter(|_| is_first)
    }

    /// The names in the statement.
    pub(super) fn spoken(&self) -> Option<&Spoken> {
        let statement = self.statement.as_ref()?;
        Some(self.spoken.get_or_init(|| Spoken::read(&statement.text)))
    }
}

/// What is known where a text is judged.
pub(super) struct Known<'a> {
    pub(super) catalog: &'a Catalog,
    /// The statement, where the text is sure to speak of it.
    pub(super) own: Option<&'a Spoken>,
}

impl Known<'_> {
    /// Is `word` a name that tells nothing?
    pub(super) fn is_name(&self, word: &[u8]) -> bool {
        self.catalog.has_word(word)
            || sql::is_builtin(word)
            || self.own.is_some_and(|own| own.has(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::token::TokenKey;

    fn statement(sql: &str) -> Rc<Statement> {
        let key = TokenKey::new(&[1; 32]);
        let text = StatementText::new(sql.as_bytes(), &key, &Catalog::default());
        Statement::new(text, sql::SearchPath::Unknown)
    }

    #[test]
    fn a_statement_is_read_once_for_all_texts_that_come_while_it_runs() {
        let mut speaker = Speaker::default();
        assert!(speaker.spoken().is_none());
        let first = statement("SELECT Total");
        speaker.attend(Some(&first));
        let read = std::ptr::from_ref(speaker.spoken().unwrap().names.get(&b"total"[..]).unwrap());
        for _ in 0..3 {
            speaker.attend(Some(&first));
            let again = speaker.spoken().unwrap().names.get(&b"total"[..]).unwrap();
            assert!(std::ptr::eq(read, again));
        }
        speaker.attend(Some(&statement("SELECT other")));
        assert!(!speaker.spoken().unwrap().has(b"total"));
        speaker.attend(None);
        assert!(speaker.spoken().is_none());
    }

    #[test]
    fn what_the_client_said_is_what_nothing_was_made_of() {
        let said = |sql: &str| Spoken::read(&statement(sql).text).said(b"Miller");
        assert!(said("SET application_name = 'Miller'"));
        assert!(!said("SELECT set_config('a', 'Miller', false)"));
        assert!(!said("SET a = 'Miller'; SELECT 1"));
    }
}
