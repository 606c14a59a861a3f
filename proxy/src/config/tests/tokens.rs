//! `[[issuer]]`, and identities that prove themselves by tokens.

use super::*;

const TOKENS: &str = r#"
[[issuer]]
name = "ci"
url = "https://issuer.example"
audiences = ["velum", "other"]
ca = "server.crt"

[[identity]]
name = "pipeline"
auth = "oidc"
issuer = "ci"
audiences = ["velum"]
claims = { repository = "org/app", ref = { glob = "refs/heads/*" }, run = 7, protected = true }
access = { ehr = "masked" }
"#;

fn text() -> String {
    format!("{GOOD}{TOKENS}")
}

#[test]
fn issuers_and_claims_come_out_typed() {
    let house = House::new();
    let config = house
        .parse(&text())
        .map_err(|problems| problems.to_text())
        .unwrap();
    let issuer = config.issuer("ci").unwrap();
    assert_eq!(issuer.url, "https://issuer.example");
    assert_eq!(issuer.audiences, ["velum", "other"]);
    assert_eq!(issuer.algorithms.len(), 4);
    assert_eq!(
        (issuer.groups_claim.as_str(), issuer.scope.as_str()),
        ("groups", "openid")
    );
    let model::IssuerKeys::Fetched { ttl, kept, .. } = &issuer.keys else {
        panic!("no file was given")
    };
    assert_eq!((ttl.as_secs(), kept.as_secs()), (3_600, 4 * 3_600));
    let model::Auth::Oidc(oidc) = &config.identities[1].auth else {
        panic!("{:?}", config.identities[1].auth);
    };
    assert!(oidc.ends_with_token);
    assert_eq!(oidc.token_by, model::TokenBy::Password);
    let claim = |name: &str| {
        let mut claims = oidc.claims.iter();
        claims
            .find(|(path, _)| path == name)
            .map(|(_, value)| value.clone())
    };
    use model::ClaimValue::*;
    assert_eq!(claim("repository"), Some(Text("org/app".to_owned())));
    assert_eq!(claim("ref"), Some(Glob("refs/heads/*".to_owned())));
    assert_eq!(
        (claim("run"), claim("protected")),
        (Some(Whole(7)), Some(Bool(true)))
    );
}

/// What is replaced, by what, and a mistake that follows.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("name = \"ci\"", "", "`issuer` lacks `name`"),
    ("url = \"https:", "url = \"http:", "only a loopback address"),
    (
        "issuer.example\"",
        "issuer.example?x=1\"",
        "no user, query or fragment",
    ),
    (
        "audiences = [\"velum\", \"other\"]",
        "",
        "`issuer` lacks `audiences`",
    ),
    ("[\"velum\", \"other\"]", "[]", "`audiences` names nobody"),
    (
        "[\"velum\", \"other\"]",
        "[\"other\"]",
        "`velum` is none of the audiences of the issuer",
    ),
    (
        "[\"velum\", \"other\"]",
        "[\"velum\"]\nalgorithms = [\"HS256\"]",
        "`HS256` is no algorithm",
    ),
    (
        "[\"velum\", \"other\"]",
        "[\"velum\"]\nalgorithms = [\"none\"]",
        "`none` is no algorithm",
    ),
    (
        "[\"velum\", \"other\"]",
        "[\"velum\"]\nalgorithms = []",
        "lets no token in",
    ),
    (
        "[\"velum\", \"other\"]",
        "[\"velum\"]\njwks_ttl_ms = 5000\nkeys_kept_ms = 2000",
        "`keys_kept_ms` is less than `jwks_ttl_ms`",
    ),
    (
        "ca = \"server.crt\"",
        "jwks = \"password\"",
        "not a JSON object",
    ),
    (
        "ca = \"server.crt\"",
        "jwks = \"empty.json\"",
        "no key in it can verify",
    ),
    (
        "ca = ",
        "jwks = \"empty.json\"\nca = ",
        "`ca` means nothing where `jwks` is a file",
    ),
    (
        "ca = \"server.crt\"",
        "ca = \"password\"",
        "holds no PEM certificate",
    ),
    (
        "[\"velum\", \"other\"]",
        "[\"velum\"]\nscope = 'a\"b'",
        "printable ASCII without quotes",
    ),
    (
        "[\"velum\", \"other\"]",
        "[\"velum\"]\nroles = { a = \"root\" }",
        "there is no role `root`",
    ),
    (
        "issuer = \"ci\"",
        "issuer = \"cd\"",
        "there is no issuer `cd`",
    ),
    ("issuer = \"ci\"", "", "`identity` lacks `issuer`"),
    ("run = 7", "run = -7", "`run` must be a text"),
    ("run = 7", "run = [7]", "`run` must be a text"),
    ("run = 7", "a.b = \"x\"", "`a` must be a text"),
    (
        "run = 7",
        "aud = \"velum\"",
        "`aud` does not tell one identity from others",
    ),
    ("refs/heads/*", "refs/[a]", "has no meaning in a pattern"),
    (
        "issuer = \"ci\"",
        "issuer = \"ci\"\ntoken_by = \"sasl\"",
        "not a known value of `token_by`",
    ),
    (
        "auth = \"oidc\"",
        "auth = \"certificate\"",
        "`issuer` means nothing without",
    ),
    ("name = \"pipeline\"", "name = \"*\"", "can only be trusted"),
    (
        "auth = \"oidc\"",
        "auth = \"oidc\"\npassword = { file = \"password\" }",
        "without SCRAM",
    ),
    (
        "claims = { repository = \"org/app\", ref = { glob = \"refs/heads/*\" }, run = 7, \
         protected = true }",
        "",
        "every token of the issuer would be this identity",
    ),
];

#[test]
fn mistakes_about_tokens_are_reported() {
    let house = House::new();
    house.file("empty.json", 0o644, b"{\"keys\":[]}");
    for (from, to, expected) in MISTAKES {
        assert!(TOKENS.contains(from), "{from}");
        let text = format!("{GOOD}{}", TOKENS.replacen(from, to, 1));
        let mistakes = house.mistakes(&text);
        let found = mistakes.iter().any(|mistake| mistake.contains(expected));
        assert!(found, "{to}: {mistakes:#?}");
    }
}

#[test]
fn a_token_needs_a_way_in() {
    let house = House::new();
    let plain = text().replace("tls_mode = \"optional\"\ntls = {", "# {");
    let mistakes = house.mistakes(&plain);
    assert!(
        mistakes
            .iter()
            .any(|it| it.contains("no listener offers TLS")),
        "{mistakes:?}"
    );
    let clear = plain.replace(
        "127.0.0.1:6432\"",
        "127.0.0.1:6432\"\ntokens_in_clear = true",
    );
    assert!(house.parse(&clear).is_ok());
    let open = clear.replace("127.0.0.1:6432", "0.0.0.0:6432");
    let mistakes = house.mistakes(&open);
    assert!(
        mistakes
            .iter()
            .any(|it| it.contains("not a loopback address")),
        "{mistakes:?}"
    );
}

#[test]
fn workloads_need_an_authority_that_is_believed() {
    let house = House::new();
    let text = GOOD
        .replace(
            "auth = \"scram\"",
            "auth = \"spiffe\"\nspiffe_id = \"spiffe://prod.example/a\"",
        )
        .replace("password = { file = \"password\" }\naccess", "access")
        .replace(
            "\"server.key\" }",
            "\"server.key\", client_ca = \"server.crt\", MORE }",
        );
    let with = |more: &str| text.replace(", MORE", more);
    assert!(
        house
            .parse(&with(", trust_domain = \"prod.example\""))
            .is_ok()
    );
    for (more, mistake) in [
        ("", "no listener believes the trust domain"),
        (
            ", trust_domain = \"dev.example\"",
            "no listener believes the trust domain",
        ),
        (
            ", trust_domain = \"Prod.example\"",
            "is no name of a trust domain",
        ),
        (
            ", client_crl = \"server.crt\"",
            "holds no PEM revocation list",
        ),
        (", client_crl = [\"gone.pem\"]", "gone.pem: No such file"),
    ] {
        let mistakes = house.mistakes(&with(more));
        assert!(
            mistakes.iter().any(|it| it.contains(mistake)),
            "{more}: {mistakes:?}"
        );
    }
    let trusting = with(", trust_domain = \"prod.example\"");
    for (from, to, mistake) in [
        ("prod.example/a", "prod.example", "it has no path"),
        (
            "auth = \"spiffe\"",
            "auth = \"certificate\"",
            "`spiffe_id` means nothing",
        ),
        (
            "client_ca = \"server.crt\", ",
            "",
            "`trust_domain` means nothing without `client_ca`",
        ),
    ] {
        let mistakes = house.mistakes(&trusting.replacen(from, to, 1));
        assert!(
            mistakes.iter().any(|it| it.contains(mistake)),
            "{to}: {mistakes:?}"
        );
    }
}

#[test]
fn issuers_are_told_apart() {
    let house = House::new();
    let second = "\n[[issuer]]\nname = \"second\"\nurl = \"https://issuer.example\"\n\
                  audiences = [\"velum\"]\nca = \"server.crt\"\n";
    let mistakes = house.mistakes(&format!("{}{second}", text()));
    let same = "the address of an issuer `https://issuer.example` is given twice";
    assert_eq!(mistakes, [same]);
}
