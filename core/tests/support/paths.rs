//! A database with a table `people` in two schemas, one of them under a rule, and how a session
//! asks for its search path there.

use std::sync::Arc;

use velum_core::catalog::{Catalog, Column, Relation};
use velum_core::policy::{Glob, Policy, Rule, Selector, Strategy};

use super::{
    Dashed, Harness, VIEW, catalog, complete, concat, contains, data_row, masking_policy, message,
    query, ready, row_description, tags,
};

pub const OPEN: u32 = 30_000;
pub const CLOSED: u32 = 30_001;
pub const VISITS: u32 = 30_002;
/// A column without a table, and its only value.
pub const COMPUTED: (&str, u32, i16, u32, u16) = ("x", 0, 0, 25, 0);
pub const VALUE: &[u8] = b"Miller";
/// One of both tables, or of one of them.
pub const READ: &str = "SELECT upper(note) FROM people";
pub const BEGINNING: &str = "\"$user\", open";

pub fn two_schemas() -> Catalog {
    let relation = |schema: &str, name: &str| Relation {
        schema: schema.into(),
        name: name.into(),
        is_view: false,
        columns: vec![Column {
            attnum: 1,
            name: "note".into(),
            type_oid: 25,
            generated: false,
            origins: Vec::new(),
        }],
        parents: Vec::new(),
        children: Vec::new(),
    };
    let mut catalog = catalog();
    catalog.epoch = 2;
    catalog.relations.insert(OPEN, relation("open", "people"));
    catalog
        .relations
        .insert(CLOSED, relation("closed", "people"));
    catalog.relations.insert(VISITS, relation("open", "visits"));
    catalog.own_functions.insert("act".into());
    // The view of the catalog has the name, too.
    catalog.relations.remove(&VIEW);
    catalog
}

pub fn policy() -> Policy {
    let mut policy = masking_policy();
    let rule = Rule {
        name: "note".into(),
        selector: Selector::Column {
            schema: Glob::new("closed").unwrap(),
            table: Glob::new("people").unwrap(),
            column: Glob::new("note").unwrap(),
        },
        strategy: Strategy::Redact,
    };
    policy.rules = vec![rule];
    let Policy {
        name,
        rules,
        content,
        messages,
        sha256,
        ..
    } = policy;
    Policy::new(name, rules, content, messages, sha256)
}

pub fn session_under(policy: Policy) -> Harness<Dashed> {
    let mut harness = Harness::ready(policy, Dashed);
    harness.catalog = Arc::new(two_schemas());
    let catalog = Arc::clone(&harness.catalog);
    harness
        .session
        .refresh(Arc::clone(&harness.policy), catalog);
    harness
}

pub fn session() -> Harness<Dashed> {
    session_under(policy())
}

/// The answer to Velum's question.
pub fn told(path: &str, user: &str, temporary: &str) -> Vec<u8> {
    let values = [path, user, temporary].map(|value| Some(value.as_bytes()));
    concat(&[
        message(b'1', b""),
        message(b'2', b""),
        data_row(&values),
        complete("SELECT 1"),
        message(b'3', b""),
        ready(b'I'),
    ])
}

/// Answers the question, if the session asks one. Says whether it did.
pub fn answer(harness: &mut Harness<Dashed>, path: &str) -> bool {
    let asks = tags(&harness.to_server).ends_with("PBECS")
        && contains(&harness.to_server, b"current_setting('search_path')");
    if asks {
        harness.to_server.clear();
        harness.server(&told(path, "app", "0"));
    }
    asks
}

/// Is the value of the only column of such a query shown, in a session whose path the server says
/// is this one?
pub fn shows_in(harness: &mut Harness<Dashed>, path: &str, text: &str, status: u8) -> bool {
    harness.to_server.clear();
    harness.client(&query(text));
    answer(harness, path);
    assert_eq!(tags(&harness.to_server), "Q", "{text}");
    let result = [
        row_description(&[COMPUTED]),
        data_row(&[Some(VALUE)]),
        complete("SELECT 1"),
        ready(status),
    ];
    harness.server(&concat(&result));
    assert!(!harness.is_finished(), "{text}");
    contains(&harness.take_client(), VALUE)
}

/// Runs what returns no rows.
pub fn run_in(harness: &mut Harness<Dashed>, path: &str, text: &str, tag: &str, status: u8) {
    harness.client(&query(text));
    answer(harness, path);
    harness.server(&concat(&[complete(tag), ready(status)]));
    assert!(!harness.is_finished(), "{text}");
    harness.take_client();
    harness.to_server.clear();
}
