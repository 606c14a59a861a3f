//! `[login]` and `[issuer.login]`.

use super::*;

const LOGIN: &str = r#"
[api]
listen = "127.0.0.1:6480"
url = "https://velum.example"

[login]
idle_timeout_ms = 600_000
step_up_amr = ["hwk"]

[[issuer]]
name = "staff"
url = "https://issuer.example"
audiences = ["api", "cli"]
ca = "server.crt"
roles = { leads = "approver" }

[issuer.login]
client_id = "velum"
client_secret = { file = "password" }
device_client_id = "cli"
"#;

#[test]
fn people_log_in_at_an_issuer() {
    let house = House::new();
    let config = house.parse(&format!("{GOOD}{LOGIN}"));
    let config = config.map_err(|problems| problems.to_text()).unwrap();
    assert_eq!(config.login.idle.as_secs(), 600);
    assert_eq!(config.login.absolute.as_secs(), 12 * 3_600);
    assert_eq!(config.login.step_up.within.as_secs(), 900);
    assert_eq!(config.login.step_up.amr, ["hwk"]);
    let login = config.issuer("staff").unwrap().login.clone().unwrap();
    assert_eq!(
        (login.client_id.as_str(), login.scope.as_str()),
        ("velum", "openid")
    );
    assert_eq!(login.client_secret.unwrap().expose(), b"correct horse");
    assert_eq!(login.device_client_id.as_deref(), Some("cli"));
}

/// What is replaced, by what, and a mistake that follows.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "client_id = \"velum\"",
        "",
        "`issuer.login` lacks `client_id`",
    ),
    (
        "{ file = \"password\" }",
        "\"hunter2\"",
        "holds a secret in the file itself",
    ),
    (
        "device_client_id = \"cli\"",
        "device_client_id = \"app\"",
        "`app` is none of the audiences",
    ),
    (
        "client_id = \"velum\"",
        "client_id = \"velum\"\nscope = \"groups\"",
        "lacks `openid`",
    ),
    (
        "roles = { leads = \"approver\" }",
        "",
        "nobody could do anything",
    ),
    (
        "url = \"https://velum.example\"",
        "",
        "it is not known where the API is",
    ),
    (
        "https://velum.example\"",
        "http://velum.example\"",
        "it is not known where the API is",
    ),
    (
        "name = \"staff\"",
        "name = \"saml\"",
        "cannot be a part of an address",
    ),
    (
        "name = \"staff\"",
        "name = \"a/b\"",
        "cannot be a part of an address",
    ),
    (
        "idle_timeout_ms = 600_000",
        "idle_timeout_ms = 600_000\nabsolute_timeout_ms = 60_000",
        "less than `idle_timeout_ms`",
    ),
    ("step_up_amr", "step_up_arm", "unknown key `step_up_arm`"),
];

#[test]
fn what_keeps_them_out_is_a_mistake() {
    let house = House::new();
    for (from, to, expected) in MISTAKES {
        assert!(LOGIN.contains(from), "{from}");
        let mistakes = house.mistakes(&format!("{GOOD}{}", LOGIN.replacen(from, to, 1)));
        let found = mistakes.iter().any(|mistake| mistake.contains(expected));
        assert!(found, "{to}: {mistakes:#?}");
    }
}
