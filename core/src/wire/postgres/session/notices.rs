//! Texts that the server writes: errors, notices, notifications, parameters, command tags and
//! column names. Any of them can quote a value.
//!
//! Content detection runs over all of them. Where columns are masked by rule, a value need not
//! look like PHI, so words are veiled as well unless they are known to be no value: words of
//! the statement at hand, identifiers of the catalog, and the vocabulary of the server itself.
//! Every change keeps the length, so it is made in place.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

use crate::bytes::Reader;
use crate::cell::{ColumnFacts, Encoding, Verdict};
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::inspect::Inspect;

use super::rulebook::Rulebook;
use super::statements::Statement;

/// Words of PostgreSQL's own DETAIL and CONTEXT texts.
const VOCABULARY: &str = "a access already an and any are as at be because block but by call \
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

/// Encodings in which an ASCII byte can be a part of another character: what content detection
/// sees in them is not what the client sees.
const UNSAFE_ENCODINGS: [&str; 7] = [
    "SJIS",
    "SHIFT_JIS_2004",
    "BIG5",
    "GBK",
    "UHC",
    "JOHAB",
    "GB18030",
];

/// Parameters that are reported to the client and that SQL can set to any text.
const FREE_TEXT_PARAMETERS: [&[u8]; 2] = [b"application_name", b"search_path"];

/// Fields of one error; PostgreSQL has 18 kinds and sends each once.
const FIELDS: usize = 64;

/// Sources that pass on the words of another server, on whose texts nothing is known.
const REMOTE_SOURCES: [&[u8]; 2] = [b"dblink.c", b"connection.c"];

static VOCABULARY_SET: LazyLock<HashSet<&'static [u8]>> =
    LazyLock::new(|| VOCABULARY.split_whitespace().map(str::as_bytes).collect());

fn malformed(what: &'static str) -> Violation {
    Violation {
        peer: Peer::Server,
        what,
    }
}

/// What the session has to know of an ErrorResponse or NoticeResponse.
pub(super) struct Notice {
    pub(super) sqlstate: [u8; 5],
    /// FATAL or PANIC: the server closes the connection after it.
    pub(super) is_fatal: bool,
}

impl<I: Inspect> Rulebook<I> {
    /// Judges the body of an ErrorResponse or NoticeResponse in place.
    ///
    /// # Errors
    /// A body that is not a list of fields, or a SQLSTATE that is none.
    pub(super) fn veil_notice(
        &mut self,
        body: &mut [u8],
        statement: Option<&Statement>,
    ) -> Result<Notice, Violation> {
        let fields = fields(body)?;
        let notice = Notice {
            sqlstate: sqlstate(&fields, body)?,
            is_fatal: is_fatal(&fields, body),
        };
        if self.judges_nothing() {
            return Ok(notice);
        }
        let from_code = is_raised_by_code(&fields, body);
        for (tag, range) in fields {
            let Some(text) = body.get_mut(range) else {
                continue;
            };
            if self.veils_messages() {
                let known = |word: &[u8]| self.is_known(word, statement);
                veil_field(tag, text, from_code, known);
            }
            self.judge().text(text, None);
        }
        Ok(notice)
    }

    /// Judges the body of a NotificationResponse in place: process id, channel, payload. The
    /// channel is one that the client listens to, so it knows its name already. `statement` is
    /// what the server runs, which may have sent it.
    pub(super) fn veil_notification(
        &mut self,
        body: &mut [u8],
        statement: Option<&Statement>,
    ) -> Result<(), Violation> {
        let mut reader = Reader::new(body);
        let parts = reader
            .i32()
            .and_then(|_| Ok((reader.cstr()?.len(), reader.cstr()?.len())));
        let (Ok((channel, payload)), true) = (parts, reader.is_empty()) else {
            return Err(malformed("malformed NotificationResponse"));
        };
        let payload = 5 + channel..5 + channel + payload;
        self.veil_unknown_words(body, payload.clone(), statement);
        self.veil_strings(body, &[4..4 + channel, payload]);
        Ok(())
    }

    /// Judges the body of a ParameterStatus in place: name, value. `statement` is what the
    /// server runs; `None` in the start-up, where the client's own wishes come back.
    ///
    /// # Errors
    /// A client encoding in which content cannot be judged.
    pub(super) fn veil_parameter(
        &mut self,
        body: &mut [u8],
        statement: Option<&Statement>,
        in_start_up: bool,
    ) -> Result<(), Fault> {
        let mut reader = Reader::new(body);
        let (Ok(name), Ok(value), true) = (reader.cstr(), reader.cstr(), reader.is_empty()) else {
            return Err(malformed("malformed ParameterStatus").into());
        };
        if self.judges_nothing() {
            return Ok(());
        }
        let is_unsafe = |value| UNSAFE_ENCODINGS.iter().any(|name| name.as_bytes() == value);
        if name == b"client_encoding" && is_unsafe(value) {
            let text = "this client_encoding is not available under a masking policy";
            return Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, text)
                .with_hint("Use client_encoding = UTF8.")
                .into());
        }
        let is_free_text = FREE_TEXT_PARAMETERS.contains(&name);
        let value = name.len() + 1..name.len() + 1 + value.len();
        if is_free_text && !in_start_up {
            self.veil_unknown_words(body, value.clone(), statement);
        }
        self.veil_strings(body, &[value]);
        Ok(())
    }

    /// Judges the column names in the body of a well-formed RowDescription in place.
    pub(super) fn veil_names(&mut self, body: &mut [u8]) {
        if self.judges_nothing() {
            return;
        }
        let mut names = Vec::new();
        let mut at = 2;
        while let Some(length) = body.get(at..).and_then(|rest| memchr::memchr(0, rest)) {
            names.push(at..at + length);
            at += length + 1 + 18;
        }
        self.veil_strings(body, &names);
    }

    /// Judges a command tag in place.
    pub(super) fn veil_command(&mut self, tag: &mut [u8]) {
        let plain = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'0'..=b'9');
        if !self.judges_nothing() && !tag.iter().all(plain) {
            self.judge().text(tag, None);
        }
    }

    /// Judges the value of a FunctionCallResponse in place. False if it has to be withheld.
    pub(super) fn inspect_function_result(&mut self, value: &mut [u8]) -> bool {
        if self.judges_nothing() {
            return true;
        }
        let type_oid = match value.len() {
            4 => 23, // int4
            8 => 20, // int8
            _ => {
                self.judge().text(value, None);
                return true;
            }
        };
        let facts = ColumnFacts {
            name: Box::default(),
            table_oid: 0,
            attnum: 0,
            type_oid,
        };
        let plan = self.plan(&facts);
        let verdict = self.judge().cell(&plan, Encoding::Binary, value);
        matches!(verdict, Verdict::Unchanged | Verdict::InPlace)
    }

    fn veil_strings(&mut self, body: &mut [u8], strings: &[Range<usize>]) {
        if self.judges_nothing() {
            return;
        }
        for range in strings {
            if let Some(text) = body.get_mut(range.clone()) {
                self.judge().text(text, None);
            }
        }
    }

    /// Veils what could be a value, where a value need not look like PHI.
    fn veil_unknown_words(
        &self,
        body: &mut [u8],
        range: Range<usize>,
        statement: Option<&Statement>,
    ) {
        if let Some(text) = body.get_mut(range)
            && self.veils_messages()
        {
            veil_words(text, |word| self.is_known(word, statement));
        }
    }

    /// True if showing `word` tells the client nothing about a value.
    fn is_known(&self, word: &[u8], statement: Option<&Statement>) -> bool {
        let lower = word.to_ascii_lowercase();
        VOCABULARY_SET.contains(lower.as_slice())
            || std::str::from_utf8(word).is_ok_and(|word| self.catalog().words.contains(word))
            || statement.is_some_and(|statement| has_word(&statement.text.raw, word))
    }
}

/// Tags and ranges of the fields of an error or a notice.
fn fields(body: &[u8]) -> Result<Vec<(u8, Range<usize>)>, Violation> {
    let malformed = malformed("malformed ErrorResponse or NoticeResponse");
    let mut fields = Vec::with_capacity(12);
    let mut at = 0;
    loop {
        let tag = *body.get(at).ok_or(malformed)?;
        if tag == 0 {
            return if at + 1 == body.len() {
                Ok(fields)
            } else {
                Err(malformed)
            };
        }
        if fields.len() == FIELDS {
            return Err(malformed);
        }
        let start = at + 1;
        let length = memchr::memchr(0, body.get(start..).ok_or(malformed)?).ok_or(malformed)?;
        fields.push((tag, start..start + length));
        at = start + length + 1;
    }
}

fn sqlstate(fields: &[(u8, Range<usize>)], body: &[u8]) -> Result<[u8; 5], Violation> {
    fields
        .iter()
        .find(|(tag, _)| *tag == b'C')
        .and_then(|(_, range)| <[u8; 5]>::try_from(body.get(range.clone())?).ok())
        .filter(|code| {
            code.iter()
                .all(|&b| b.is_ascii_digit() || b.is_ascii_uppercase())
        })
        .ok_or(malformed("error without a SQLSTATE"))
}

/// The severity that is never translated says so, see PostgreSQL's elog.h.
fn is_fatal(fields: &[(u8, Range<usize>)], body: &[u8]) -> bool {
    let severity = fields.iter().find(|(tag, _)| *tag == b'V');
    severity
        .and_then(|(_, range)| body.get(range.clone()))
        .is_some_and(|severity| matches!(severity, b"FATAL" | b"PANIC"))
}

/// True if a procedural language or another server wrote the text, so that any part of it may
/// be a value. The source file is told by the server itself and cannot be set from SQL.
fn is_raised_by_code(fields: &[(u8, Range<usize>)], body: &[u8]) -> bool {
    let file = fields.iter().find(|(tag, _)| *tag == b'F');
    file.is_none_or(|(_, range)| {
        body.get(range.clone())
            .is_none_or(|name| name.starts_with(b"pl") || REMOTE_SOURCES.contains(&name))
    })
}

/// Veils one field, see
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html>.
fn veil_field(tag: u8, text: &mut [u8], from_code: bool, known: impl Fn(&[u8]) -> bool) {
    match tag {
        // Severity, SQLSTATE, positions and source: never a value.
        b'S' | b'V' | b'C' | b'P' | b'p' | b'F' | b'L' | b'R' => {}
        // The server's own sentences quote values and identifiers alike, but not numbers.
        b'M' | b'H' if !from_code && text.is_ascii() => {
            let range = quoted(text);
            veil_words(&mut text[range], &known);
            veil_words(text, |word| {
                !word.iter().any(u8::is_ascii_digit) || known(word)
            });
        }
        b'D' => {
            let values = listed_values(text);
            veil_words(&mut text[values], |_| false);
            veil_words(text, known);
        }
        _ => veil_words(text, known),
    }
}

/// From the first quotation mark to the last: quoted values may themselves hold marks.
fn quoted(text: &[u8]) -> Range<usize> {
    let Some(first) = memchr::memchr(b'"', text) else {
        return 0..0;
    };
    match memchr::memrchr(b'"', text) {
        Some(last) if last > first => first..last,
        _ => first..text.len(),
    }
}

/// The values in `Key (ssn)=(…)` and `Failing row contains (…)`.
fn listed_values(text: &[u8]) -> Range<usize> {
    let keys = memmem::find(text, b")=(").map(|at| at + 2);
    let row = memmem::find(text, b"contains (").map(|at| at + 9);
    let Some(start) = keys.or(row) else {
        return 0..0;
    };
    let end = memchr::memrchr(b')', text).filter(|&end| end > start);
    start..end.unwrap_or(text.len())
}

/// Replaces every word that is not known by as many `X`.
fn veil_words(text: &mut [u8], known: impl Fn(&[u8]) -> bool) {
    for word in text.split_mut(|byte| !is_word_byte(*byte)) {
        if !word.is_empty() && !word.iter().all(|&byte| byte == b'X') && !known(word) {
            word.fill(b'X');
        }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// True if `text` holds `word` as a whole word.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    memmem::find_iter(text, word).any(|at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at + word.len());
        !before.is_some_and(|&byte| is_word_byte(byte))
            && !after.is_some_and(|&byte| is_word_byte(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veiled(tag: u8, text: &str, from_code: bool) -> String {
        let mut text = text.as_bytes().to_vec();
        let known = |word: &[u8]| {
            VOCABULARY_SET.contains(word.to_ascii_lowercase().as_slice())
                || [&b"patients"[..], b"ssn", b"integer"].contains(&word)
        };
        veil_field(tag, &mut text, from_code, known);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn details_keep_their_form_and_lose_their_values() {
        assert_eq!(
            veiled(b'D', "Key (ssn)=(Miller) already exists.", false),
            "Key (ssn)=(XXXXXX) already exists."
        );
        assert_eq!(
            veiled(b'D', "Failing row contains (1, key, O'Neil (x), 5).", false),
            "Failing row contains (X, XXX, X'XXXX (X), X)."
        );
    }

    #[test]
    fn messages_lose_what_they_quote_unless_it_is_known() {
        assert_eq!(
            veiled(
                b'M',
                "invalid input syntax for type integer: \"Miller\"",
                false
            ),
            "invalid input syntax for type integer: \"XXXXXX\""
        );
        assert_eq!(
            veiled(b'M', "relation \"patients\" does not exist", false),
            "relation \"patients\" does not exist"
        );
        assert_eq!(
            veiled(b'M', "bad json: \"{\"a\": \"Miller\", b}\"", false),
            "bad json: \"{\"a\": \"XXXXXX\", X}\""
        );
    }

    #[test]
    fn numbers_need_no_marks_to_be_values() {
        assert_eq!(
            veiled(b'M', "large object 531770294 does not exist", false),
            "large object XXXXXXXXX does not exist"
        );
        assert_eq!(
            veiled(b'M', "parameter 5.3177e+08 is out of range [-1,1]", false),
            "parameter X.XXXXX+XX is out of range [-X,X]"
        );
    }

    #[test]
    fn an_error_of_endless_fields_is_none() {
        let body = |count: usize| [b"S\0".repeat(count), vec![0]].concat();
        assert!(fields(&body(FIELDS)).is_ok());
        assert!(fields(&body(FIELDS + 1)).is_err());
    }

    #[test]
    fn texts_of_other_servers_are_texts_of_code() {
        let raised = |source: &str| {
            let body = [b"F", source.as_bytes(), b"\0\0"].concat();
            is_raised_by_code(&fields(&body).unwrap(), &body)
        };
        for source in ["pl_exec.c", "plpy_elog.c", "dblink.c", "connection.c"] {
            assert!(raised(source), "{source}");
        }
        assert!(!raised("execMain.c"));
    }

    #[test]
    fn texts_of_code_are_veiled_word_by_word() {
        assert_eq!(
            veiled(b'M', "no row of Miller, 12", true),
            "no row of XXXXXX, XX"
        );
        assert_eq!(
            veiled(b'W', "COPY patients, line 3, column ssn: \"abc\"", false),
            "COPY patients, line X, column ssn: \"XXX\""
        );
    }
}
