//! Tokens that must not let anybody in. Each has its reason in the audit log, and the client reads
//! one and the same.

use std::time::{SystemTime, UNIX_EPOCH};

use postgres_protocol::message::frontend;
use serde_json::{Value, json};
use velum_core::identity::Rejection;
use velum_proxy::demo::cluster::Cluster;

use super::forge::{Signer, encode, key_set, with};
use super::support::client::Client;
use super::support::clinic;
use super::support::gateway::{Driver, Gateway};
use super::{TOLD, gateway, identity, left_nothing, let_in, records, refused as is_refused};

const ISSUER: &str = "https://issuer.example";

/// What there is to forge with.
struct Forge {
    rsa: Signer,
    ec: Signer,
    ed: Signer,
    /// A key that the issuer does not have, under a name that it has.
    thief: Signer,
    now: u64,
}

impl Forge {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            rsa: Signer::rsa("rsa"),
            ec: Signer::p256("ec"),
            ed: Signer::ed25519("ed"),
            thief: Signer::rsa("rsa"),
            now: since.expect("a clock").as_secs(),
        }
    }

    fn claims(&self) -> Value {
        json!({
            "iss": ISSUER, "sub": "loader", "aud": "velum", "exp": self.now + 300,
            "iat": self.now, "nbf": self.now, "repository": "org/app",
        })
    }

    /// A well signed token with other claims.
    fn claiming(&self, changes: Value) -> String {
        self.rsa.token(&with(&self.claims(), &changes))
    }

    /// A well signed token with another header.
    fn headed(&self, changes: Value) -> String {
        let header = with(&self.rsa.header(), &changes).to_string();
        self.rsa.token_of(&header, &self.claims().to_string())
    }

    /// A well signed token of any claims.
    fn saying(&self, claims: &str) -> String {
        self.rsa.token_of(&self.rsa.header().to_string(), claims)
    }

    /// Header and claims, with a signature that is given.
    fn signed_by(&self, header: Value, signature: &[u8]) -> String {
        let header = encode(header.to_string().as_bytes());
        let claims = encode(self.claims().to_string().as_bytes());
        format!("{header}.{claims}.{}", encode(signature))
    }
}

type Case = (String, String, Rejection);

/// Headers of well signed tokens: what is forged, the members that are changed, the reason.
const HEADERS: &str = r#"
alg none, signed            | {"alg": "none"}                   | AlgorithmNone
no alg                      | {"alg": null}                     | AlgorithmMissing
HS384                       | {"alg": "HS384"}                  | AlgorithmSymmetric
an algorithm off the list   | {"alg": "RS384"}                  | AlgorithmRefused
an unknown algorithm        | {"alg": "ES256K"}                 | AlgorithmUnknown
another kind of key         | {"kid": "ec"}                     | KeyMismatch
an RSA key for ES256        | {"alg": "ES256"}                  | KeyMismatch
an unknown key              | {"kid": "new"}                    | KeyUnknown
a key of the file system    | {"kid": "../../etc/passwd"}       | KeyUnknown
a key of the database       | {"kid": "' OR 1=1 --"}            | KeyUnknown
a key with a zero           | {"kid": "rsa\u0000"}              | KeyUnknown
a key id that is a list     | {"kid": ["rsa"]}                  | KeyIdInvalid
its own certificate         | {"x5c": ["MIIB"]}                 | EmbeddedKey
where its key is            | {"jku": "https://evil.example"}   | KeyReference
where its certificate is    | {"x5u": "http://127.0.0.1"}       | KeyReference
a critical header           | {"crit": ["exp"], "exp": 1}       | Critical
a payload in clear          | {"b64": false}                    | Unencoded
a compressed payload        | {"zip": "DEF"}                    | Compressed
a nested token              | {"cty": "JWT"}                    | Nested
a log-out token             | {"typ": "logout+jwt"}             | TypeRefused
an event                    | {"typ": "secevent+jwt"}           | TypeRefused
"#;

/// The same of claims. A text with `@` is a time, in seconds from now.
const CLAIMS: &str = r#"
another issuer              | {"iss": "https://evil.example"}       | IssuerUnknown
no issuer                   | {"iss": null}                         | IssuerMissing
an issuer with a slash      | {"iss": "https://issuer.example/"}    | IssuerUnknown
an issuer in Cyrillic       | {"iss": "https://\u0456ssuer.example"} | IssuerUnknown
an issuer with a zero       | {"iss": "https://issuer.example\u0000"} | IssuerUnknown
no subject                  | {"sub": null}                         | SubjectMissing
a subject in Cyrillic       | {"sub": "l\u043eader"}                | SubjectInvalid
a subject that turns round  | {"sub": "\u202eredaol"}               | SubjectInvalid
a subject without width     | {"sub": "loader\u200b"}               | SubjectInvalid
another audience            | {"aud": "other"}                      | AudienceOther
audiences without ours      | {"aud": ["a", "velum2"]}              | AudienceOther
no audience                 | {"aud": null}                         | AudienceMissing
an audience that is an object | {"aud": {"velum": 1}}               | AudienceInvalid
expired                     | {"exp": "@-120"}                      | Expired
never expires               | {"exp": null}                         | ExpiryMissing
expires before time         | {"exp": -1}                           | ExpiryInvalid
expires at a fraction       | {"exp": 1.9e9}                        | ExpiryInvalid
expires at a text           | {"exp": "4102444800"}                 | ExpiryInvalid
expires in ages             | {"exp": 18446744073709551615}         | ExpiryFar
not valid yet               | {"nbf": "@120"}                       | NotYetValid
a not-before that is a list | {"nbf": [1]}                          | NotBeforeInvalid
issued in the future        | {"iat": "@120"}                       | IssuedInFuture
issued before time          | {"iat": -1}                           | IssuedAtInvalid
bound to a key              | {"cnf": {"jkt": "x"}}                 | Bound
an actor without a name     | {"act": {}}                           | DelegationInvalid
claims of nobody            | {"repository": "org/evil"}            | IdentityNone
claims of somebody else     | {"repository": "org/other", "sub": "x"} | IdentityOther
claims of two               | {"repository": ["org/app", "org/other"]} | IdentitiesSeveral
a claim with two meanings   | {"a": {"b": "x"}, "a.b": "y"}         | ClaimAmbiguous
"#;

/// The rows of a table, with the token that `forge` makes of each.
fn rows(table: &str, now: u64, forge: impl Fn(Value) -> String) -> Vec<Case> {
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim);
        let mut next = || cells.next().expect("three cells");
        let (name, changes, why) = (next(), next(), next());
        let mut changes: Value = serde_json::from_str(changes).expect("JSON");
        for value in changes.as_object_mut().expect("an object").values_mut() {
            if let Some(offset) = value.as_str().and_then(|text| text.strip_prefix('@')) {
                let offset = offset.parse().expect("seconds");
                *value = json!(now.saturating_add_signed(offset));
            }
        }
        let why = Rejection::ALL
            .iter()
            .find(|known| format!("{known:?}") == why);
        (name.to_owned(), forge(changes), *why.expect("a reason"))
    };
    table.trim().lines().map(row).collect()
}

fn named<const N: usize>(cases: [(&str, String, Rejection); N]) -> Vec<Case> {
    cases
        .map(|(name, token, why)| (name.to_owned(), token, why))
        .to_vec()
}

/// Signatures that are not by the issuer's keys, or none at all.
fn by_signature(forge: &Forge) -> Vec<Case> {
    use Rejection::*;
    let signed_as = |alg: &str, key: &str, signature: &[u8]| {
        forge.signed_by(json!({"alg": alg, "kid": key}), signature)
    };
    // HMAC over the public key in PEM: what a verifier that trusts `alg` would accept.
    let secret = forge.rsa.public_pem();
    let unsigned = signed_as("HS256", "rsa", b"");
    let hmac = hmac_sha256(secret.as_bytes(), unsigned.trim_end_matches('.').as_bytes());
    let good = forge.rsa.token(&forge.claims());
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let of_other = forge.claiming(json!({"sub": "other"}));
    let (_, other) = of_other.rsplit_once('.').expect("three parts");
    let own_key = forge.headed(json!({"jwk": forge.thief.jwk()}));
    let half = &signature[..172];
    named([
        ("alg none", signed_as("none", "rsa", b""), AlgorithmNone),
        ("alg NONE", signed_as("NONE", "rsa", b""), AlgorithmUnknown),
        (
            "the key as a secret",
            signed_as("HS256", "rsa", &hmac),
            AlgorithmSymmetric,
        ),
        ("its own key", own_key, EmbeddedKey),
        (
            "a key of another curve",
            signed_as("ES256", "ed", &[1; 64]),
            KeyMismatch,
        ),
        (
            "a stolen name",
            forge.thief.token(&forge.claims()),
            SignatureWrong,
        ),
        (
            "another signature",
            format!("{signed}.{other}"),
            SignatureWrong,
        ),
        ("no signature", format!("{signed}."), SignatureWrong),
        (
            "half a signature",
            format!("{signed}.{half}"),
            SignatureWrong,
        ),
        (
            "r and s of zero",
            signed_as("ES256", "ec", &[0; 64]),
            SignatureWrong,
        ),
        (
            "an EdDSA of zeros",
            signed_as("EdDSA", "ed", &[0; 64]),
            SignatureWrong,
        ),
    ])
}

/// Texts that are no single signed token of claims with one meaning.
fn by_form(forge: &Forge) -> Vec<Case> {
    use Rejection::*;
    let good = forge.rsa.token(&forge.claims());
    let claims = forge.claims().to_string();
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let twice = format!("{{\"sub\":\"loader\",{}", &claims[1..]);
    let escaped = format!("{{\"\\u0061ud\":\"velum\",{}", &claims[1..]);
    let head = format!(
        "{{\"alg\":\"none\",{}",
        &forge.rsa.header().to_string()[1..]
    );
    let deep = format!(
        "{{\"a\":{}1{},{}",
        "[".repeat(40),
        "]".repeat(40),
        &claims[1..]
    );
    let large = forge.claiming(json!({"padding": "x".repeat(12_000)}));
    let saying = |claims: &str| forge.saying(claims);
    let endless = claims.replace(&format!("\"exp\":{}", forge.now + 300), "\"exp\":1e400");
    let in_token = format!("\"{good}\"");
    let behind = format!("{claims}{claims}");
    let two_algorithms = forge.rsa.token_of(&head, &claims);
    named([
        ("nothing", String::new(), Empty),
        ("a password", "correct horse battery".to_owned(), NotCompact),
        ("no third part", signed.to_owned(), NotCompact),
        ("a fourth part", format!("{good}.e30"), NotCompact),
        ("an encrypted token", format!("{good}.e30.e30"), Encrypted),
        ("another alphabet", good.replace('.', "+."), NotBase64),
        ("a line end", format!("{good}\n"), NotBase64),
        ("a token in a token", saying(&in_token), ClaimsNotJson),
        ("claims that are a list", saying("[]"), ClaimsNotJson),
        ("claims behind claims", saying(&behind), ClaimsNotJson),
        ("expires at infinity", saying(&endless), ClaimsNotJson),
        ("a subject twice", saying(&twice), DuplicateMember),
        ("an audience twice", saying(&escaped), DuplicateMember),
        ("an algorithm twice", two_algorithms, DuplicateMember),
        ("forty lists", saying(&deep), TooDeep),
        ("more than 16 KiB", large, Oversized),
    ])
}

/// See the module's text.
pub fn refused(cluster: &Cluster, driver: Driver) {
    let forge = Forge::new();
    let keys = tempfile::NamedTempFile::new().expect("a file");
    let set = key_set(&[&forge.rsa, &forge.ec, &forge.ed]);
    std::fs::write(keys.path(), set).expect("written");
    let issuer = format!(
        "\n[[issuer]]\nname = \"tests\"\nurl = \"{ISSUER}\"\naudiences = [\"velum\"]\n\
         algorithms = [\"RS256\", \"ES256\", \"EdDSA\"]\njwks = \"{}\"\n",
        keys.path().display()
    );
    let app = "issuer = \"tests\"\nclaims = { repository = \"org/app\" }";
    let other = "issuer = \"tests\"\nclaims = { repository = \"org/other\" }";
    let odd = "issuer = \"tests\"\nclaims = { \"a.b\" = \"x\" }";
    let sections = [
        issuer,
        identity("loader", app),
        identity("other", other),
        identity("odd", odd),
    ];
    let gateway = gateway(cluster, driver, &sections.concat());

    for signer in [&forge.rsa, &forge.ec, &forge.ed] {
        let token = signer.token(&forge.claims());
        let_in(&gateway, "loader", &token);
    }
    let mut cases = by_signature(&forge);
    cases.extend(by_form(&forge));
    cases.extend(rows(HEADERS, forge.now, |changes| forge.headed(changes)));
    cases.extend(rows(CLAIMS, forge.now, |changes| forge.claiming(changes)));
    assert!(cases.len() >= 40);
    // Which record is whose shows in the port: two threads write them.
    let mut ports = Vec::new();
    for (name, token, _) in &cases {
        let (port, told) = told(&gateway, "loader", token);
        assert_eq!(told, format!("{TOLD} \"loader\""), "{name}");
        ports.push(format!("127.0.0.1:{port}"));
    }
    let records = records(&gateway, "connection_refused", cases.len());
    assert_eq!(records.len(), cases.len());
    for ((name, _, why), port) in cases.iter().zip(&ports) {
        let record = records
            .iter()
            .find(|it| it["client_address"] == port.as_str());
        let record = record.expect("a record");
        assert_eq!(record["reason"], why.as_str(), "{name}");
        assert_eq!(record["identity"], "loader", "{name}");
        assert_eq!(record["sqlstate"], "28P01", "{name}");
    }
    // A good token is of no use under another name, and neither is another's password.
    let good = forge.rsa.token(&forge.claims());
    is_refused(&gateway, "other", &good);
    for (_, token, _) in cases
        .iter()
        .chain([&(String::new(), good, Rejection::Empty)])
    {
        left_nothing(&gateway, token);
    }
}

/// The port that it came from, and what it was told.
fn told(gateway: &Gateway, user: &str, token: &str) -> (u16, String) {
    let login = gateway.login(user, true);
    let mut client = Client::open(&login).expect("a connection");
    let port = client.port();
    let startup = [("user", user), ("database", clinic::DATABASE)];
    client
        .write(|out| frontend::startup_message(startup, out))
        .expect("sent");
    let told = client.log_in(token).expect_err("it was let in");
    (port, told.to_string())
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut block = [0u8; 64];
    let digest = Sha256::digest(key);
    block[..32].copy_from_slice(&digest);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner);
    outer.finalize().to_vec()
}
