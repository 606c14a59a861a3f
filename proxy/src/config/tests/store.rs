//! `store`.

use std::sync::Arc;

use super::*;
use crate::config::model::ResourceAddress;
use crate::config::secret::Source;
use crate::store::Place;
use crate::store::postgres::Server;

fn server(house: &House, store: &str) -> Arc<Server> {
    let config = house.parse(&format!("{store}\n{GOOD}"));
    let config = config.map_err(|problems| problems.to_text()).unwrap();
    match &config.store {
        Place::Server(server) => Arc::clone(server),
        Place::Folder => panic!("a folder"),
    }
}

#[test]
fn a_file_is_the_default_and_a_line_is_enough_for_a_server() {
    let house = House::new();
    assert_eq!(house.parse(GOOD).unwrap().store, Place::Folder);
    let local = server(
        &house,
        "store = \"postgres://velum@/grants?host=/run/postgresql\"",
    );
    let socket = ResourceAddress::Unix("/run/postgresql/.s.PGSQL.5432".into());
    assert_eq!(local.hosts, [socket]);
    assert_eq!(
        (local.user.as_str(), local.database.as_str()),
        ("velum", "grants")
    );
    assert!(local.tls.is_none() && local.password.is_none());
    let several = "store = \"postgresql://velum@a:5433,b/grants?sslmode=require\"";
    let several = server(&house, several);
    assert_eq!(several.hosts.len(), 2);
    assert!(several.tls.is_some());
}

#[test]
fn a_password_comes_from_elsewhere() {
    let house = House::new();
    let beside = server(
        &house,
        "store = { url = \"postgres://velum@db/grants\", password = { file = \"password\" }, \
         tls_ca = \"server.crt\" }",
    );
    assert!(
        matches!(beside.password, Some(Source::File(_))),
        "read again at each log-in"
    );
    assert_eq!(
        beside.password.as_ref().unwrap().read().unwrap().expose(),
        b"correct horse"
    );
    assert!(beside.tls.is_some());
    let url = "postgres://velum:hunter2@db/grants?sslmode=disable";
    house.file("store.url", 0o600, url.as_bytes());
    let whole = server(&house, "store = { url = { file = \"store.url\" } }");
    assert_eq!(
        whole.password.as_ref().unwrap().read().unwrap().expose(),
        b"hunter2"
    );
    assert!(!format!("{whole:?}").contains("hunter2"));
}

#[test]
fn what_is_wrong_with_it_is_said_and_no_password_shown() {
    let house = House::new();
    let cases = [
        ("store = 7", "`store` must be a table"),
        ("store = \"sqlite:velum.db\"", "no URL of PostgreSQL"),
        ("store = \"postgres://velum@db\"", "names no database"),
        ("store = \"postgres://db/grants\"", "names no user"),
        ("store = \"postgres://velum@/grants\"", "names no host"),
        (
            "store = \"postgres://velum:hunter2@db/grants\"",
            "holds a password in the file itself",
        ),
        (
            "store = \"postgres://velum@db/grants?password=hunter2\"",
            "`password` means nothing",
        ),
        (
            "store = \"postgres://velum@db/grants?sslmode=prefer\"",
            "is one of disable, require",
        ),
        (
            "store = \"postgres://velum@db/grants?sslrootcert=ca.pem\"",
            "`tls_ca`",
        ),
        (
            "store = { password = { file = \"password\" } }",
            "`store` lacks `url`",
        ),
        (
            "store = { url = \"postgres://velum@db/grants\", password = \"hunter2\" }",
            "holds a secret in the file itself",
        ),
        (
            "store = { url = \"postgres://velum@db/grants\", pasword = { file = \"password\" } }",
            "unknown key `pasword`",
        ),
        (
            "store = { url = \"postgres://velum@db/grants?sslmode=disable\", \
             tls_ca = \"server.crt\" }",
            "means nothing with",
        ),
        ("store = \"postgres://velum:hunter2@db/grants", "mistake"),
    ];
    for (store, expected) in cases {
        let problems = house.parse(&format!("{store}\n{GOOD}")).err().unwrap();
        let text = problems.to_text();
        assert!(text.contains(expected), "{store}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            !problems.to_json().to_string().contains("hunter2"),
            "{text}"
        );
    }
}
