//! Texts that the server writes: errors, notices, notifications, parameters, command tags and
//! column names. Any of them can quote a value.
//!
//! Content detection runs over all of them. Where columns are masked by rule, a value need not
//! look like PHI, so words are veiled as well unless they are known to be no value, see `known`.
//! Every change keeps the length, so it is made in place, and costs time linear in the text.

use std::ops::Range;

use crate::bytes::Reader;
use crate::cell::{ColumnFacts, Encoding, Verdict};
use crate::error::{Fault, Peer, Refusal, SqlState, Violation};
use crate::inspect::Inspect;

use super::known::{Known, is_lower_context_word};
use super::lineage::Lineage;
use super::parameters::{self, Show};
use super::rulebook::Rulebook;
use super::sentences::{veil_field, veil_words};

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

/// Fields of one error; PostgreSQL has 18 kinds and sends each once.
const FIELDS: usize = 64;

/// Sources that pass on the words of another server, on whose texts nothing is known.
const REMOTE_SOURCES: [&[u8]; 2] = [b"dblink.c", b"connection.c"];

/// Sources of the planner and of the plan cache; any other `pl…` may be a language's.
const PLANNER_SOURCES: [&[u8]; 4] = [b"plancache.c", b"plancat.c", b"planner.c", b"planmain.c"];

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
    pub(super) fn veil_notice(&mut self, body: &mut [u8]) -> Result<Notice, Violation> {
        let fields = fields(body)?;
        let notice = Notice {
            sqlstate: sqlstate(&fields, body)?,
            is_fatal: is_fatal(&fields, body),
        };
        if self.judges_nothing() {
            return Ok(notice);
        }
        let origin = Origin::of(&fields, body);
        let spoken = match origin {
            _ if !self.veils_messages() => None,
            Origin::Text => self.spoken(),
            Origin::Server => self.spoken().filter(|spoken| spoken.is_inert),
            Origin::Within | Origin::Code => None,
        };
        let known = Known {
            catalog: self.catalog(),
            own: spoken,
        };
        if self.veils_messages() {
            for (tag, range) in &fields {
                if let Some(text) = body.get_mut(range.clone()) {
                    veil_field(*tag, text, origin == Origin::Code, &known);
                }
            }
        }
        let texts: Vec<_> = fields.into_iter().map(|(_, range)| range).collect();
        self.veil_strings(body, &texts);
        Ok(notice)
    }

    /// Judges the body of a NotificationResponse in place: process id, channel, payload. A
    /// channel shows if the client has named it in a LISTEN.
    pub(super) fn veil_notification(&mut self, body: &mut [u8]) -> Result<(), Violation> {
        let mut reader = Reader::new(body);
        let parts = reader
            .i32()
            .and_then(|_| Ok((reader.cstr()?.len(), reader.cstr()?.len())));
        let (Ok((channel, payload)), true) = (parts, reader.is_empty()) else {
            return Err(malformed("malformed NotificationResponse"));
        };
        let payload = 5 + channel..5 + channel + payload;
        let channel = 4..4 + channel;
        let listens = |channel| self.listens_to(channel);
        if !body.get(channel.clone()).is_some_and(listens) {
            self.veil_unknown_words(body, channel.clone());
        }
        if !body
            .get(payload.clone())
            .is_some_and(|text| self.said(text))
        {
            self.veil_unknown_words(body, payload.clone());
        }
        self.veil_strings(body, &[channel, payload]);
        Ok(())
    }

    /// Judges the body of a ParameterStatus in place: name, value. `in_start_up`: before the
    /// session's first statement.
    ///
    /// # Errors
    /// A client encoding in which content cannot be judged.
    pub(super) fn veil_parameter(
        &mut self,
        body: &mut [u8],
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
        let show = match parameters::show(name, value, in_start_up) {
            _ if self.said(value) => Show::Whole,
            show => show,
        };
        let value = name.len() + 1..name.len() + 1 + value.len();
        if self.veils_messages()
            && let Some(text) = body.get_mut(value.clone())
        {
            match show {
                Show::Whole => {}
                Show::Names => veil_words(text, |word| self.known().is_name(word)),
                Show::Nothing => veil_words(text, |_| false),
                Show::Rounds => parameters::write_rounds(text),
            }
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
            let name = at..at + length;
            at += length + 1;
            let origin = body.get(at..).and_then(|rest| rest.first_chunk());
            if self.veils_messages() && !self.is_known_column(body, name.clone(), origin) {
                self.veil_unknown_words(body, name.clone());
            }
            names.push(name);
            at += 18;
        }
        self.veil_strings(body, &names);
    }

    /// True if the column at `name` may keep its name; `origin` is its table and attribute.
    fn is_known_column(&self, body: &[u8], name: Range<usize>, origin: Option<&[u8; 6]>) -> bool {
        let (Some(name), Some(&[a, b, c, d, e, f])) = (body.get(name), origin) else {
            return false;
        };
        let table_oid = u32::from_be_bytes([a, b, c, d]);
        self.is_column_name(name, table_oid, i16::from_be_bytes([e, f]))
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
        let plan = self.plan(&facts, Lineage::Described);
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

    /// True if the client itself said `value`, in the statement at hand.
    fn said(&self, value: &[u8]) -> bool {
        self.veils_messages() && self.spoken().is_some_and(|spoken| spoken.said(value))
    }

    /// What is known of texts that need not speak of the client's own statement.
    fn known(&self) -> Known<'_> {
        Known {
            catalog: self.catalog(),
            own: None,
        }
    }

    /// Veils what could be a value, where a value need not look like PHI.
    fn veil_unknown_words(&self, body: &mut [u8], range: Range<usize>) {
        if let Some(text) = body.get_mut(range)
            && self.veils_messages()
        {
            let known = self.known();
            veil_words(text, |word| {
                known.is_name(word) || is_lower_context_word(word)
            });
        }
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

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The server's reading of the client's own text, before anything runs: it has a position
    /// there, and no code stands between.
    Text,
    /// The server, about what the statement does.
    Server,
    /// The server, about what code does that the statement runs: it has a context.
    Within,
    /// A procedural language or another server wrote it: any part of it may be a value.
    Code,
}

impl Origin {
    /// The source file is told by the server itself and cannot be set from SQL.
    fn of(fields: &[(u8, Range<usize>)], body: &[u8]) -> Self {
        let has = |wanted: u8| fields.iter().any(|(tag, _)| *tag == wanted);
        let file = fields.iter().find(|(tag, _)| *tag == b'F');
        let file = file.and_then(|(_, range)| body.get(range.clone()));
        if file.is_none_or(is_code) {
            Origin::Code
        } else if has(b'W') || has(b'q') || has(b'p') {
            Origin::Within
        } else if has(b'P') {
            Origin::Text
        } else {
            Origin::Server
        }
    }
}

/// Is `file` a source of a procedural language, or of what passes on another server's words?
/// The planner's own begin with `pl` as well.
fn is_code(file: &[u8]) -> bool {
    REMOTE_SOURCES.contains(&file) || (file.starts_with(b"pl") && !PLANNER_SOURCES.contains(&file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_endless_fields_is_none() {
        let body = |count: usize| [b"S\0".repeat(count), vec![0]].concat();
        assert!(fields(&body(FIELDS)).is_ok());
        assert!(fields(&body(FIELDS + 1)).is_err());
    }

    fn origin(fields_of: &[(u8, &str)]) -> Origin {
        let mut body = Vec::new();
        for (tag, text) in fields_of {
            body.extend([&[*tag], text.as_bytes(), b"\0"].concat());
        }
        body.push(0);
        Origin::of(&fields(&body).unwrap(), &body)
    }

    #[test]
    fn texts_of_other_servers_are_texts_of_code() {
        for source in [
            "pl_exec.c",
            "plpy_elog.c",
            "plperl.c",
            "dblink.c",
            "connection.c",
        ] {
            assert_eq!(origin(&[(b'F', source)]), Origin::Code, "{source}");
        }
        for source in ["execMain.c", "plancache.c", "planner.c", "plancat.c"] {
            assert_eq!(origin(&[(b'F', source)]), Origin::Server, "{source}");
        }
    }

    #[test]
    fn a_text_speaks_of_the_statement_if_no_code_stands_between() {
        let file = (b'F', "parse_relation.c");
        assert_eq!(origin(&[file, (b'P', "8")]), Origin::Text);
        assert_eq!(origin(&[file]), Origin::Server);
        for within in [(b'W', "SQL function \"f\""), (b'q', "select"), (b'p', "1")] {
            assert_eq!(origin(&[file, (b'P', "8"), within]), Origin::Within);
        }
        assert_eq!(origin(&[(b'P', "8")]), Origin::Code);
    }
}
