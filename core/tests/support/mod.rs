//! A session driven from bytes, and the messages of a made-up database.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod paths;

use std::collections::HashMap;
use std::sync::Arc;

use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::audit::token::TokenKey;
use velum_core::bytes::Window;
use velum_core::catalog::{Catalog, Column, Relation};
use velum_core::identity::{Identity, Method};
use velum_core::inspect::{DetectorId, Finding, Inspect, Surroundings};
use velum_core::limits::ANALYSES_BYTES;
use velum_core::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};
use velum_core::sql::SharedAnalyses;
use velum_core::time::Timestamp;
use velum_core::wire::postgres::frame;
use velum_core::wire::postgres::session::{Session, SessionSetup, Step};

/// Finds `ddd-dd-dddd` between non-digits.
pub struct Dashed;

impl Inspect for Dashed {
    fn inspect(&self, text: &[u8], _: Surroundings<'_>, out: &mut Vec<Finding>) {
        let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
        for start in 0..text.len().saturating_sub(10) {
            let shape = (0..11).all(|i| match i {
                3 | 6 => text[start + i] == b'-',
                _ => digit(start + i),
            });
            let bounded = (start == 0 || !digit(start - 1)) && !digit(start + 11);
            if shape && bounded {
                out.push(Finding {
                    start,
                    end: start + 11,
                    detector: DetectorId(0),
                });
            }
        }
    }

    fn horizon_bytes(&self) -> usize {
        12
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "dashed"
    }
}

pub const PATIENTS: u32 = 20_000;
/// A column that no rule is about, as a RowDescription names it.
pub const ID: (&str, u32, i16, u32, u16) = ("id", PATIENTS, 1, 23, 0);
/// One that the masking policy hides.
pub const SSN: (&str, u32, i16, u32, u16) = ("ssn", PATIENTS, 2, 25, 0);
pub const VIEW: u32 = 20_001;

pub fn catalog() -> Catalog {
    let column = |attnum, name: &str, type_oid, origins| Column {
        attnum,
        name: name.into(),
        type_oid,
        generated: false,
        origins,
    };
    let patients = Relation {
        children: Vec::new(),
        is_view: false,
        schema: "public".into(),
        name: "patients".into(),
        columns: vec![
            column(1, "id", 23, vec![]),
            column(2, "ssn", 25, vec![]),
            column(3, "name", 25, vec![]),
            column(4, "born", 1082, vec![]),
        ],
        parents: vec![],
    };
    let view = Relation {
        children: Vec::new(),
        is_view: true,
        schema: "public".into(),
        name: "people".into(),
        columns: vec![column(1, "label", 25, vec![(PATIENTS, 3)])],
        parents: vec![],
    };
    Catalog {
        epoch: 1,
        relations: HashMap::from([(PATIENTS, patients), (VIEW, view)]),
        words: ["patients", "ssn", "name"].map(String::from).into(),
        ..Catalog::default()
    }
}

pub fn masking_policy() -> Policy {
    let rule = |name: &str, column: &str, strategy| Rule {
        name: name.into(),
        selector: Selector::Column {
            schema: Glob::new("public").unwrap(),
            table: Glob::new("patients").unwrap(),
            column: Glob::new(column).unwrap(),
        },
        strategy,
    };
    let rules = vec![
        rule("ssn", "ssn", Strategy::Redact),
        rule("name", "name", Strategy::Constant(b"<withheld>".to_vec())),
        rule("born", "born", Strategy::Null),
    ];
    Policy::new(
        "masked".into(),
        rules,
        Some(Strategy::Redact),
        Messages::Strict,
        [7; 32],
    )
}

/// A session under it.
pub fn masked() -> Harness<Dashed> {
    Harness::ready(masking_policy(), Dashed)
}

/// The rules of the masking policy without any content detection.
pub fn rules_alone() -> Harness<Dashed> {
    rules_with(Messages::Strict)
}

/// The same, with messages judged so.
pub fn rules_with(messages: Messages) -> Harness<Dashed> {
    let with_content = masking_policy();
    let rules = with_content.rules.clone();
    let policy = Policy::new("rules".into(), rules, None, messages, [7; 32]);
    Harness::ready(policy, Dashed)
}

/// A session with both windows; released bytes are collected.
pub struct Harness<I: Inspect> {
    pub session: Session<I>,
    pub policy: Arc<Policy>,
    pub catalog: Arc<Catalog>,
    client: Window,
    server: Window,
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
    pub records: Vec<Record>,
    /// Records are on disk as soon as they are made.
    pub durable: bool,
    /// A catalog that the session asks for is there at once.
    pub answers_catalog: bool,
    pub steps: (Step, Step),
    now: u64,
}

impl<I: Inspect> Harness<I> {
    pub fn new(policy: Policy, inspector: I) -> Self {
        let (policy, catalog) = (Arc::new(policy), Arc::new(catalog()));
        let setup = SessionSetup {
            id: SessionId(1),
            identity: Identity::new("bot", Method::Scram),
            resource: "ehr".into(),
            database: "ehr".into(),
            role: "velum".into(),
            client_address: "127.0.0.1:9".into(),
            client_tls: false,
            server_tls: false,
            policy: Arc::clone(&policy),
            catalog: Arc::clone(&catalog),
            analyses: SharedAnalyses::new(ANALYSES_BYTES),
            ledger: Arc::default(),
            inspector: Arc::new(inspector),
            tokens: Arc::new(TokenKey::new(&[1; 32])),
            receipts: None,
            cancel_key: b"ours".to_vec(),
        };
        Self {
            session: Session::new(setup, Timestamp(0)),
            policy,
            catalog,
            client: Window::default(),
            server: Window::default(),
            to_server: Vec::new(),
            to_client: Vec::new(),
            records: Vec::new(),
            durable: true,
            answers_catalog: true,
            steps: (Step::NeedBytes, Step::NeedBytes),
            now: 0,
        }
    }

    /// A session past its start-up, with the start-up's bytes forgotten.
    pub fn ready(policy: Policy, inspector: I) -> Self {
        let mut harness = Self::new(policy, inspector);
        harness.server(&start_up());
        assert!(harness.to_client.ends_with(&ready(b'I')));
        harness.to_client.clear();
        harness
    }

    pub fn client(&mut self, bytes: &[u8]) -> &mut Self {
        self.client.extend(bytes);
        self.run();
        self
    }

    pub fn server(&mut self, bytes: &[u8]) -> &mut Self {
        self.server.extend(bytes);
        self.run();
        self
    }

    /// Lets both directions go on until neither moves.
    pub fn run(&mut self) {
        loop {
            self.now += 1_000;
            let before = (self.client.unjudged().len(), self.server.unjudged().len());
            let sent = (self.to_server.len(), self.to_client.len());
            let recorded = self.records.len();
            self.steps.0 = self
                .session
                .on_client(&mut self.client, Timestamp(self.now));
            collect(&mut self.client, &mut self.to_server);
            self.note_records();
            self.steps.1 = self
                .session
                .on_server(&mut self.server, Timestamp(self.now));
            collect(&mut self.server, &mut self.to_client);
            self.note_records();
            let asked = [self.steps.0, self.steps.1].contains(&Step::AwaitCatalog);
            let asked = asked && self.answers_catalog;
            if asked {
                self.session
                    .refresh(Arc::clone(&self.policy), Arc::clone(&self.catalog));
            }
            let after = (self.client.unjudged().len(), self.server.unjudged().len());
            let moved = before != after
                || sent != (self.to_server.len(), self.to_client.len())
                || recorded != self.records.len();
            if !moved && !asked {
                break;
            }
        }
        let outbox = self.session.to_client();
        let pending = outbox.pending().to_vec();
        outbox.consume(pending.len());
        self.to_client.extend_from_slice(&pending);
    }

    fn note_records(&mut self) {
        self.records.extend(self.session.take_records());
        if self.durable {
            self.session.records_durable(self.records.len() as u64);
        }
    }

    /// Has an INTENT these words?
    pub fn has_intent_of(&self, words: &str) -> bool {
        self.records.iter().any(|record| match &record.body {
            Body::Intent { text, .. } => text.contains(words),
            _ => false,
        })
    }

    pub fn is_finished(&self) -> bool {
        self.steps.0 == Step::Finished || self.steps.1 == Step::Finished
    }

    /// What the client got since the last call.
    pub fn take_client(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_client)
    }

    /// What the upstream got since the last call.
    pub fn take_server(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_server)
    }

    pub fn outcomes(&self) -> Vec<&Body> {
        let is_outcome = |body: &&Body| matches!(body, Body::Outcome { .. });
        self.records
            .iter()
            .map(|record| &record.body)
            .filter(is_outcome)
            .collect()
    }
}

fn collect(window: &mut Window, to: &mut Vec<u8>) {
    let start = to.len();
    for slice in window.released().slices() {
        to.extend_from_slice(slice);
    }
    window.consume(to.len() - start);
    window.compact();
}

// -- messages --------------------------------------------------------------------------------

pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, tag, |out| out.extend_from_slice(body));
    out
}

pub fn concat(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

pub fn start_up() -> Vec<u8> {
    concat(&[
        message(b'S', b"server_version\x0015.18\0"),
        message(b'S', b"client_encoding\0UTF8\0"),
        message(b'K', b"\0\0\x12\x34real"),
        ready(b'I'),
    ])
}

pub fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

pub fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"].concat())
}

pub fn parse(name: &str, text: &str) -> Vec<u8> {
    message(
        b'P',
        &[name.as_bytes(), b"\0", text.as_bytes(), b"\0\0\0"].concat(),
    )
}

/// A Bind with one text parameter and the given result formats.
pub fn bind(portal: &str, statement: &str, value: &[u8], formats: &[u16]) -> Vec<u8> {
    let mut body = [
        portal.as_bytes(),
        b"\0",
        statement.as_bytes(),
        b"\0",
        &[0, 0, 0, 1],
    ]
    .concat();
    body.extend_from_slice(&(value.len() as u32).to_be_bytes());
    body.extend_from_slice(value);
    body.extend_from_slice(&(formats.len() as u16).to_be_bytes());
    formats
        .iter()
        .for_each(|format| body.extend_from_slice(&format.to_be_bytes()));
    message(b'B', &body)
}

pub fn describe(kind: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[kind], name.as_bytes(), b"\0"].concat())
}

pub fn execute(portal: &str) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0\0\0\0\0"].concat())
}

pub fn sync() -> Vec<u8> {
    message(b'S', b"")
}

/// A RowDescription of (name, table, attnum, type, format).
pub fn row_description(columns: &[(&str, u32, i16, u32, u16)]) -> Vec<u8> {
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    for (name, table, attnum, type_oid, format) in columns {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(&table.to_be_bytes());
        body.extend_from_slice(&attnum.to_be_bytes());
        body.extend_from_slice(&type_oid.to_be_bytes());
        body.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        body.extend_from_slice(&format.to_be_bytes());
    }
    message(b'T', &body)
}

pub fn data_row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = (values.len() as u16).to_be_bytes().to_vec();
    for value in values {
        match value {
            Some(value) => {
                body.extend_from_slice(&(value.len() as u32).to_be_bytes());
                body.extend_from_slice(value);
            }
            None => body.extend_from_slice(&[0xff; 4]),
        }
    }
    message(b'D', &body)
}

pub fn complete(tag: &str) -> Vec<u8> {
    message(b'C', &[tag.as_bytes(), b"\0"].concat())
}

pub fn error(fields: &[(u8, &str)]) -> Vec<u8> {
    notice_like(b'E', fields)
}

pub fn notice_like(tag: u8, fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, text) in fields {
        body.push(*field);
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    message(tag, &body)
}

/// The answer to the question about the columns of a COPY.
pub fn copy_described(columns: &[(&str, u32, i16, u32, u16)]) -> Vec<u8> {
    concat(&[
        message(b'1', b""),
        message(b't', &[0, 0]),
        row_description(columns),
        message(b'3', b""),
        ready(b'I'),
    ])
}

/// A COPY of one column that gives one row; `format` 0 text, 1 binary.
pub fn copied_out(format: u8, row: &[u8]) -> Vec<u8> {
    concat(&[
        message(b'H', &[format, 0, 1, 0, format]),
        message(b'd', row),
        message(b'c', b""),
        complete("COPY 1"),
    ])
}

/// Splits bytes into (tag, body).
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        out.push((bytes[0], bytes[5..length + 1].to_vec()));
        bytes = &bytes[length + 1..];
    }
    out
}

pub fn tags(bytes: &[u8]) -> String {
    frames(bytes)
        .iter()
        .map(|(tag, _)| char::from(*tag))
        .collect()
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
