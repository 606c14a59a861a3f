//! One session in memory, fed as a data-plane thread would feed it.

use std::collections::HashMap;
use std::sync::Arc;

use velum_core::audit::receipt::values::Secret;
use velum_core::audit::record::SessionId;
use velum_core::audit::token::TokenKey;
use velum_core::bytes::Window;
use velum_core::catalog::{Catalog, Column, Relation};
use velum_core::identity::{Identity, Method};
use velum_core::limits::{ANALYSES_BYTES, WINDOW_BULK_BYTES};
use velum_core::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};
use velum_core::sql::SharedAnalyses;
use velum_core::time::Timestamp;
use velum_core::wire::postgres::session::{ReceiptSetup, Session, SessionSetup, Step};
use velum_detectors::Detectors;

use crate::result::{TABLE, frame};
use crate::{HASH_SEED, content_hash};

/// What a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: frames are read, rows pass.
    Exempt,
    /// The second column is redacted by a rule.
    Rule,
    /// Every text is scanned by the standard detectors.
    Content,
}

/// A session that is ready for its first query.
pub struct Relay {
    session: Session<Detectors>,
    client: Window,
    server: Window,
}

impl Relay {
    /// A session under `asked`.
    pub fn new(asked: Asked, detectors: &Arc<Detectors>) -> Self {
        Self::with(asked, detectors, None)
    }

    /// The same with a receipt, which commits to the masked values if it is to.
    pub fn with_receipt(asked: Asked, detectors: &Arc<Detectors>, commits: bool) -> Self {
        let receipts = ReceiptSetup {
            secret: commits.then(|| Secret::new([7; 32])),
            values_most: 100_000,
            detectors: [0; 32],
        };
        Self::with(asked, detectors, Some(receipts))
    }

    fn with(asked: Asked, detectors: &Arc<Detectors>, receipts: Option<ReceiptSetup>) -> Self {
        let setup = SessionSetup {
            id: SessionId(1),
            identity: Identity::new("bench", Method::Trust),
            resource: "bench".to_owned(),
            database: "bench".to_owned(),
            role: "bench".to_owned(),
            client_address: String::new(),
            client_tls: false,
            server_tls: false,
            policy: Arc::new(policy(asked)),
            catalog: Arc::new(catalog()),
            analyses: SharedAnalyses::new(ANALYSES_BYTES),
            ledger: Arc::default(),
            inspector: Arc::clone(detectors),
            tokens: Arc::new(TokenKey::new(&[0; 32])),
            receipts,
            cancel_key: vec![0; 4],
        };
        let mut relay = Self {
            session: Session::new(setup, Timestamp(0)),
            client: Window::new(vec![0; 1024]),
            server: Window::new(vec![0; WINDOW_BULK_BYTES]),
        };
        let mut ready = Vec::new();
        frame(&mut ready, b'Z', b"I");
        relay.answer(&ready, |_| {});
        relay
    }

    /// Asks one query and lets `answer` be the server's; `sent` sees what the client gets.
    ///
    /// # Panics
    /// If the session ends, or does not take what the server sends.
    pub fn ask(&mut self, answer: &[u8], sent: impl FnMut(&[u8])) {
        let mut query = Vec::new();
        frame(&mut query, b'Q', b"SELECT c1, c2 FROM t\0");
        self.client.extend(&query);
        let step = self.session.on_client(&mut self.client, Timestamp(0));
        assert_ne!(step, Step::Finished, "the query was refused");
        self.session.records_durable(u64::MAX);
        let released = self.client.released_bytes();
        self.client.consume(released);
        self.client.compact();
        self.answer(answer, sent);
        self.session.take_records();
    }

    fn answer(&mut self, mut bytes: &[u8], mut sent: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let spare = self.server.spare_mut();
            let count = spare.len().min(bytes.len());
            assert_ne!(count, 0, "the session takes no more");
            spare[..count].copy_from_slice(&bytes[..count]);
            self.server.commit(count);
            bytes = &bytes[count..];
            let step = self.session.on_server(&mut self.server, Timestamp(0));
            assert_eq!(step, Step::NeedBytes);
            self.server.released().slices().for_each(&mut sent);
            let released = self.server.released_bytes();
            self.server.consume(released);
            self.server.compact();
        }
    }
}

/// Hash of what a client gets for `answer` under `asked`.
pub fn released_hash(asked: Asked, detectors: &Arc<Detectors>, answer: &[u8]) -> u64 {
    let mut hash = HASH_SEED;
    Relay::new(asked, detectors).ask(answer, |bytes| hash = content_hash(hash, bytes));
    hash
}

fn policy(asked: Asked) -> Policy {
    let glob = |text: &str| Glob::new(text).unwrap_or_else(|_| Glob::any());
    let rules = match asked {
        Asked::Rule => vec![Rule {
            name: "second".to_owned(),
            selector: Selector::Column {
                schema: glob("public"),
                table: glob("t"),
                column: glob("c2"),
            },
            strategy: Strategy::Redact,
        }],
        Asked::Exempt | Asked::Content => Vec::new(),
    };
    let content = (asked == Asked::Content).then_some(Strategy::Redact);
    match asked {
        Asked::Exempt => Policy::exempt(),
        _ => Policy::new(
            "bench".to_owned(),
            rules,
            content,
            Messages::Strict,
            [0; 32],
        ),
    }
}

fn catalog() -> Catalog {
    let column = |attnum: i16| Column {
        attnum,
        name: format!("c{attnum}"),
        type_oid: 25,
        generated: false,
        origins: Vec::new(),
    };
    let relation = Relation {
        children: Vec::new(),
        is_view: false,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        columns: (1..=20).map(column).collect(),
        parents: Vec::new(),
    };
    Catalog {
        epoch: 1,
        relations: HashMap::from([(TABLE, relation)]),
        ..Catalog::default()
    }
}
