//! The body of the fuzz targets: a session that is told anything, by either side, in any order.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Session, SessionSetup, Step};
use crate::audit::record::SessionId;
use crate::audit::token::TokenKey;
use crate::bytes::Window;
use crate::catalog::{Catalog, Column, Relation};
use crate::identity::{Identity, Method};
use crate::inspect::Nothing;
use crate::limits;
use crate::policy::guard::Guard;
use crate::policy::{Glob, Messages, Policy, Rule, Selector, Strategy};
use crate::sql::SharedAnalyses;
use crate::time::Timestamp;

/// A table that a seed may name: OID 20000, column 2 is ruled.
const TABLE: u32 = 20_000;
/// Most bytes that one input may make a session hold, whatever lengths it declares.
const HELD_BYTES: usize = 2 * limits::WINDOW_BULK_BYTES;

/// Runs a session on `data`, under a guard if its length is odd: each part is a byte (bit 7: the
/// server speaks; the rest: how many bytes follow, times four), then its bytes.
///
/// # Panics
/// If the session panics, or if it makes its windows grow beyond what it was given.
pub fn fuzz_session(data: &[u8]) {
    let mut session = Session::new(setup(data.len() % 2 == 1), Timestamp(0));
    let (mut client, mut server) = (Window::default(), Window::default());
    feed(&mut session, &mut client, &mut server, false, b"");
    feed(
        &mut session,
        &mut client,
        &mut server,
        true,
        b"Z\0\0\0\x05I",
    );
    let mut rest = data;
    while let Some((&head, tail)) = rest.split_first() {
        let part = usize::from(head & 0x7f) * 4;
        let (bytes, tail) = tail.split_at(part.min(tail.len()));
        feed(
            &mut session,
            &mut client,
            &mut server,
            head & 0x80 != 0,
            bytes,
        );
        rest = tail;
    }
    let held = client.capacity() + server.capacity();
    assert!(
        held <= HELD_BYTES + 4 * data.len(),
        "{held} bytes held for {}",
        data.len()
    );
    session.client_lost(Timestamp(1));
    assert!(session.take_records().next().is_some());
}

fn feed(
    session: &mut Session<Nothing>,
    client: &mut Window,
    server: &mut Window,
    from_server: bool,
    bytes: &[u8],
) {
    if from_server {
        server.extend(bytes)
    } else {
        client.extend(bytes)
    }
    for _ in 0..3 {
        let first = session.on_client(client, Timestamp(0));
        let second = session.on_server(server, Timestamp(0));
        session.records_durable(u64::MAX);
        if first == Step::AwaitCatalog || second == Step::AwaitCatalog {
            session.refresh(Arc::new(policy()), Arc::new(catalog()));
        }
    }
    for window in [client, server] {
        let released = window.released_bytes();
        assert_eq!(
            released,
            window.released().slices().map(<[u8]>::len).sum::<usize>()
        );
        window.consume(released);
        window.compact();
    }
}

fn setup(is_guarded: bool) -> SessionSetup<Nothing> {
    let mut policy = policy();
    policy.guard = is_guarded.then(Guard::default);
    SessionSetup {
        id: SessionId(1),
        identity: Identity::new("fuzz", Method::Trust),
        resource: String::new(),
        database: String::new(),
        role: String::new(),
        client_address: String::new(),
        client_tls: false,
        server_tls: false,
        policy: Arc::new(policy),
        catalog: Arc::new(catalog()),
        analyses: SharedAnalyses::new(limits::ANALYSES_BYTES),
        ledger: Arc::default(),
        inspector: Arc::new(Nothing),
        tokens: Arc::new(TokenKey::new(&[0; 32])),
        receipts: None,
        cancel_key: vec![0; 4],
    }
}

fn policy() -> Policy {
    let selector = Selector::Column {
        schema: Glob::any(),
        table: Glob::any(),
        column: Glob::new("s*").unwrap_or_else(|_| Glob::any()),
    };
    let rule = Rule {
        name: "s".to_owned(),
        selector,
        strategy: Strategy::Null,
    };
    Policy::new(
        "fuzz".to_owned(),
        vec![rule],
        Some(Strategy::Redact),
        Messages::Strict,
        [0; 32],
    )
}

fn catalog() -> Catalog {
    let column = |attnum, name: &str| Column {
        attnum,
        name: name.to_owned(),
        type_oid: 25,
        generated: false,
        origins: Vec::new(),
    };
    let relation = Relation {
        children: Vec::new(),
        is_view: false,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        columns: vec![column(1, "id"), column(2, "ssn")],
        parents: Vec::new(),
    };
    Catalog {
        epoch: 1,
        relations: HashMap::from([(TABLE, relation)]),
        ..Catalog::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn anything_is_survived(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
            super::fuzz_session(&data);
        }
    }
}
