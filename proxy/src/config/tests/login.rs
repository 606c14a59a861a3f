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
    (
        "https://velum.example\"",
        "https://velum.example/?next=1\"",
        "is not an address of the web",
    ),
    ("{ leads =", "{ \"\" =", "a group has a name"),
    ("step_up_amr", "step_up_arm", "unknown key `step_up_arm`"),
    ("\"hwk\"", "\"pwd\"", "nobody would have to step up"),
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

const SAML: &str = r#"
[api]
listen = "127.0.0.1:6480"
url = "https://velum.example"

[[saml]]
name = "hospital"
metadata = "idp.xml"
signed_responses = true
roles = { leads = "approver" }
"#;

/// What an identity provider says of itself, with the certificate of the house.
fn metadata(house: &House) -> String {
    let pem = std::fs::read_to_string(house.0.path().join("server.crt")).unwrap();
    let body: String = pem.lines().filter(|line| !line.contains("-----")).collect();
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" \
         entityID=\"https://idp.example/metadata\"><IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
         <X509Data><X509Certificate>{body}</X509Certificate></X509Data></KeyInfo>\
         </KeyDescriptor><SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" \
         Location=\"https://idp.example/sso\"/></IDPSSODescriptor></EntityDescriptor>"
    )
}

#[test]
fn people_log_in_at_an_identity_provider() {
    let house = House::new();
    house.file("idp.xml", 0o644, metadata(&house).as_bytes());
    let config = house.parse(&format!("{GOOD}{SAML}"));
    let config = config.map_err(|problems| problems.to_text()).unwrap();
    let provider = &config.saml("hospital").unwrap().provider;
    assert_eq!(provider.entity_id(), "https://idp.example/metadata");
    assert!(provider.settings().signed_responses && !provider.settings().is_idp_initiated);
    let own = "https://velum.example/api/v1/login/saml/hospital/acs";
    assert!(provider.metadata().contains(own), "{}", provider.metadata());
}

#[test]
fn an_identity_provider_has_to_be_usable() {
    let house = House::new();
    let good = metadata(&house);
    let mistakes = |file: &str, text: &str| {
        house.file("idp.xml", 0o644, file.as_bytes());
        house.mistakes(&format!("{GOOD}{text}"))
    };
    for (file, text, expected) in [
        ("nonsense", SAML, "no identity provider can be asked"),
        (
            &*format!("<!DOCTYPE a>{good}"),
            SAML,
            "a document type, which is refused",
        ),
        (
            &good.replace("SingleSignOn", "SingleLogout"),
            SAML,
            "no identity provider",
        ),
        (&good, &SAML.replace("idp.xml", "none.xml"), "No such file"),
        (
            &good,
            &SAML.replace("hospital", "a b"),
            "cannot be a part of an address",
        ),
        (
            &good,
            &SAML.replace("{ leads = \"approver\" }", "{}"),
            "nobody could do anything",
        ),
        (
            &good,
            &SAML.replace("url = ", "# url = "),
            "it is not known where the API is",
        ),
        (&good, &format!("{SAML}idp = 1\n"), "unknown key `idp`"),
    ] {
        let all = mistakes(file, text);
        assert!(
            all.iter().any(|it| it.contains(expected)),
            "{expected}: {all:#?}"
        );
    }
}
