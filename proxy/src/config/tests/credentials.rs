//! Credentials that are elsewhere, and `[sealing]`.

use super::*;

const HERE: &str = "{ env = \"PASSWORD\" }";

fn with(credential: &str) -> String {
    GOOD.replace(HERE, credential)
}

fn text(problems: Problems) -> String {
    problems.to_text()
}

#[test]
fn a_resource_refers_to_secrets_elsewhere() {
    let house = House::new();
    let password = |credential: &str| {
        let config = house.parse(&with(credential)).map_err(text).unwrap();
        let uses_store = config.uses_store();
        (config.resources[0].password.clone().unwrap(), uses_store)
    };
    let (sealed, uses_store) = password("{ sealed = \"ehr-password\" }");
    assert!(matches!(sealed, Credential::Sealed(name) if name == "ehr-password"));
    assert!(uses_store);
    let (printed, uses_store) = password("{ command = [\"/bin/echo\", \"$HOME\"] }");
    assert_eq!(printed.known().unwrap().expose(), b"$HOME");
    assert!(!uses_store);
    let (lent, _) = password(
        "{ vault = { address = \"http://127.0.0.1:8200/\", path = \"database/creds/reader\", \
         token = { file = \"later\" }, ca = \"server.crt\" } }",
    );
    assert!(lent.is_dynamic());
    let Credential::Vault(vault) = lent else {
        panic!("of a vault")
    };
    assert_eq!(vault.address, "http://127.0.0.1:8200");
    assert!(vault.token.read().is_err(), "an agent may write it later");
    let (value, _) = password(
        "{ vault = { address = \"https://vault.example\", path = \"secret/data/ehr\", \
         field = \"password\", namespace = \"clinic\", token = { env = \"PASSWORD\" }, \
         ca = \"server.crt\", refresh_ms = 2_000 } }",
    );
    assert!(!value.is_dynamic());
}

#[test]
fn mistakes_about_credentials_are_found() {
    let house = House::new();
    let vault = |rest: &str| format!("{{ vault = {{ ca = \"server.crt\", {rest} }} }}");
    let token = "token = { file = \"password\" }";
    let cases = [
        (
            "{ sealed = \"../x\" }".to_owned(),
            "a name has 1 to 64 letters",
        ),
        (
            "{ sealed = \"x\", env = \"PASSWORD\" }".to_owned(),
            "names several places",
        ),
        (
            "{}".to_owned(),
            "exactly one of `file`, `env`, `systemd`, `sealed`, `vault` and",
        ),
        ("{ command = [] }".to_owned(), "names no program"),
        ("{ command = [\"/bin/false\"] }".to_owned(), "it failed"),
        ("{ command = [\"/bin/true\"] }".to_owned(), "is empty"),
        (
            vault(&format!("path = \"kv/x\", field = \"p\", {token}")),
            "lacks `address`",
        ),
        (
            vault("address = \"https://v.example\", path = \"kv/x\", field = \"p\""),
            "lacks `token`",
        ),
        (
            vault("address = \"https://v.example\", path = \"kv/x\", token = \"s.inline\""),
            "holds a secret in the file itself",
        ),
        (
            vault(&format!(
                "address = \"http://v.example\", path = \"kv/x\", {token}"
            )),
            "without TLS only a loopback",
        ),
        (
            vault(&format!(
                "address = \"https://v.example\", path = \"kv/../x\", {token}"
            )),
            "is no path of the API",
        ),
        (
            vault(&format!(
                "address = \"https://v.example\", path = \"kv/x\", refresh_ms = 9_000, {token}"
            )),
            "`refresh_ms` means nothing without `field`",
        ),
        (
            vault(&format!(
                "address = \"https://v.example\", path = \"kv/x\", pth = 1, {token}"
            )),
            "unknown key `pth`",
        ),
    ];
    for (credential, mistake) in cases {
        let found = house.parse(&with(&credential)).map(|_| ()).map_err(text);
        let found = found.expect_err(&credential);
        assert!(found.contains(mistake), "{credential}\n{found}");
        assert!(!found.contains("s.inline"), "{found}");
    }
}

#[test]
fn the_sealing_keys_are_long_and_elsewhere() {
    let house = House::new();
    house.file("sealing", 0o600, &[b'a'; 64]);
    let parse = |sealing: &str| house.parse(&format!("{GOOD}\n[sealing]\n{sealing}"));
    let config = parse(
        "key = { file = \"sealing\" }\n\
         previous_key = { command = [\"/bin/cat\", \"sealing\"] }",
    );
    let sealing = config.map_err(text).unwrap().sealing;
    assert_eq!(sealing.key.unwrap().expose(), [b'a'; 64]);
    assert_eq!(sealing.previous_key.unwrap().expose(), [b'a'; 64]);
    assert!(house.parse(GOOD).unwrap().sealing.key.is_none());
    for (sealing, mistake) in [
        ("key = { file = \"password\" }", "holds fewer than 32 bytes"),
        ("key = \"inline\"", "holds a secret in the file itself"),
        ("key = { sealed = \"x\" }", "unknown key `sealed`"),
        ("kye = { file = \"sealing\" }", "did you mean `key`?"),
    ] {
        let found = parse(sealing).map(|_| ()).map_err(text).expect_err(sealing);
        assert!(found.contains(mistake), "{sealing}\n{found}");
    }
}
