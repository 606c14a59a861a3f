//! Real signatures by every kind of key, sets of keys that are hostile, and keys that grow old.

mod forge;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge::{Signer, key_set, with};
use serde_json::{Value, json};
use velum_core::identity::Rejection;
use velum_core::time::Timestamp;

use super::bearer::{Principal, authenticate, authenticate_soon, token_of};
use super::keys::KeySet;
use super::verify::{Unverified, verify};
use super::*;
use crate::config::{self, Config, Environment};
use crate::observe;
use crate::planes::{ControlRequest, Shared};

const ISSUER: &str = "https://issuer.example";
const HOUR: Duration = Duration::from_secs(3_600);

const CONFIG: &str = r#"
[[listener]]
address = "127.0.0.1:0"
tokens_in_clear = true

[audit]
directory = "audit"

[[issuer]]
name = "tests"
url = "https://issuer.example"
audiences = ["velum"]
algorithms = ["RS256", "ES256", "ES384", "EdDSA", "PS256"]
ca = "ca.pem"
jwks_ttl_ms = 600_000
keys_kept_ms = 3_600_000
roles = { leads = "approver", security = "auditor" }

[[identity]]
name = "loader"
auth = "oidc"
issuer = "tests"
claims = { sub = "loader" }
access = { ehr = "exempt" }

[[resource]]
name = "ehr"
kind = "postgres"
address = "/nonexistent"
database = "ehr"
user = "velum"
tls_mode = "disable"

[[policy]]
name = "exempt"
exempt = true
"#;

fn config() -> Config {
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::demo::cluster::Authority::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
    let environment = Environment {
        directory: folder.path().to_owned(),
        variable: &|_| None,
    };
    let parsed = config::parse(Path::new("velum.toml"), CONFIG, &environment);
    parsed.unwrap_or_else(|problems| panic!("{}", problems.to_text()))
}

/// The issuers of the configuration, with these keys fetched at `fetched`.
fn issuers(keys: &str, fetched: Instant) -> Issuers {
    let issuers = Issuers::new(&config(), None).unwrap();
    let slot = &issuers.by_url(ISSUER).unwrap().slot;
    assert!(slot.begin());
    slot.succeed(KeySet::read(keys.as_bytes()).unwrap(), fetched, HOUR);
    issuers
}

fn claims() -> Value {
    let now = observe::now().0 / 1_000_000_000;
    json!({ "iss": ISSUER, "sub": "loader", "aud": "velum", "exp": now + 300 })
}

fn verdict(issuers: &Issuers, token: &str, now: Instant) -> Result<String, Rejection> {
    match verify(issuers, token.as_bytes(), now, observe::now()) {
        Ok(verified) => Ok(verified.assertion.subject),
        Err(Unverified::Rejected(why) | Unverified::NeedsKeys(_, why)) => Err(why),
    }
}

#[test]
fn every_kind_of_key_verifies_its_own_signatures_and_no_others() {
    let makers = [Signer::rsa, Signer::p256, Signer::p384, Signer::ed25519];
    let signers: Vec<Signer> = makers.iter().map(|make| make("key")).collect();
    let now = Instant::now();
    for (at, signer) in signers.iter().enumerate() {
        let issuers = issuers(&key_set(&[signer]), now);
        let good = signer.token(&claims());
        assert_eq!(
            verdict(&issuers, &good, now),
            Ok("loader".to_owned()),
            "{}",
            signer.algorithm
        );
        for (other_at, other) in signers.iter().enumerate() {
            let forged = other.token(&claims());
            let expected = match at == other_at {
                true => continue,
                false => Err(Rejection::KeyMismatch),
            };
            assert_eq!(verdict(&issuers, &forged, now), expected);
        }
        let same = makers[at]("key").token(&claims());
        assert_eq!(
            verdict(&issuers, &same, now),
            Err(Rejection::SignatureWrong)
        );
    }
}

/// ES256 with r and s of zero (CVE-2022-21449), of the group's order, in DER, and too short.
#[test]
fn signatures_that_are_none() {
    let (rsa, ec) = (Signer::rsa("rsa"), Signer::p256("ec"));
    let now = Instant::now();
    let issuers = issuers(&key_set(&[&rsa, &ec]), now);
    let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| hex(&order[at..at + 2]))
        .collect();
    let (head, body) = (ec.header().to_string(), claims().to_string());
    let signed = ec.token_of(&head, &body);
    let signed = signed.rsplit_once('.').unwrap().0;
    let good = ec.sign(signed.as_bytes());
    let mut swapped = good.clone();
    swapped.rotate_left(32);
    let signatures: Vec<Vec<u8>> = vec![
        vec![0; 64],
        [order.clone(), order].concat(),
        swapped,
        good[..63].to_vec(),
        [good.clone(), vec![0]].concat(),
        Vec::new(),
        vec![0x30, 6, 2, 1, 1, 2, 1, 1],
    ];
    for signature in signatures {
        let token = format!("{signed}.{}", forge::encode(&signature));
        assert_eq!(
            verdict(&issuers, &token, now),
            Err(Rejection::SignatureWrong)
        );
    }
    let token = format!("{signed}.{}", forge::encode(&good));
    assert_eq!(verdict(&issuers, &token, now), Ok("loader".to_owned()));
}

fn hex(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).unwrap()
}

#[test]
fn keys_that_a_set_may_not_bring() {
    let rsa = Signer::rsa("key");
    let token = rsa.token(&claims());
    let now = Instant::now();
    let judged = |jwk: &Value| {
        let issuers = issuers(&json!({ "keys": [jwk] }).to_string(), now);
        verdict(&issuers, &token, now)
    };
    assert!(judged(&rsa.jwk()).is_ok());
    for changes in [
        json!({"use": null, "alg": "RS256"}),
        json!({"use": null, "key_ops": ["verify"]}),
        json!({"x5t": "anything", "unknown": {"a": 1}}),
    ] {
        assert!(judged(&with(&rsa.jwk(), &changes)).is_ok(), "{changes}");
    }
    for changes in [
        json!({"use": "enc"}),
        json!({"use": 1}),
        json!({"key_ops": ["encrypt"]}),
        json!({"key_ops": "verify"}),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "rsa"}),
        json!({"alg": "HS256"}),
        json!({"alg": "none"}),
        json!({"d": "AQAB"}),
        json!({"e": "AQ"}),
        json!({"e": "AQAA"}),
        json!({"e": "AQABAQABAQAB"}),
        json!({"n": "AQAB"}),
        json!({"n": "===="}),
        json!({"kid": 1}),
        json!({"crv": "P-256"}),
    ] {
        let refused = judged(&with(&rsa.jwk(), &changes));
        assert_eq!(refused, Err(Rejection::KeyUnknown), "{changes}");
    }
    let pinned = with(&rsa.jwk(), &json!({"alg": "PS256"}));
    assert_eq!(judged(&pinned), Err(Rejection::KeyMismatch));
    let other = with(&rsa.jwk(), &json!({"kid": "other"}));
    assert_eq!(judged(&other), Err(Rejection::KeyUnknown));
    // The point at infinity, and one that is not on the curve.
    let ec = Signer::p256("ec");
    for (x, y) in [([0; 32], [0; 32]), ([1; 32], [2; 32])] {
        let bad = json!({"x": forge::encode(&x), "y": forge::encode(&y)});
        let issuers = issuers(&json!({"keys": [with(&ec.jwk(), &bad)]}).to_string(), now);
        let refused = verdict(&issuers, &ec.token(&claims()), now);
        assert_eq!(refused, Err(Rejection::SignatureWrong));
    }
}

#[test]
fn documents_that_are_no_key_sets() {
    let many = json!({ "keys": vec![json!({"kty": "oct"}); 65] }).to_string();
    for text in [
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
        "{\"keys\":[]} x",
        &many,
    ] {
        assert!(KeySet::read(text.as_bytes()).is_err(), "{text}");
    }
    assert!(KeySet::read(b"{\"keys\":[]}").unwrap().is_empty());
}

#[test]
fn a_token_without_a_key_id_needs_a_single_key() {
    let (one, two, other) = (Signer::rsa("one"), Signer::rsa("two"), Signer::p256("ec"));
    let now = Instant::now();
    let header = json!({"alg": "RS256"}).to_string();
    let token = one.token_of(&header, &claims().to_string());
    let judged = |signers: &[&Signer]| verdict(&issuers(&key_set(signers), now), &token, now);
    assert!(judged(&[&one, &other]).is_ok());
    assert_eq!(judged(&[&one, &two]), Err(Rejection::KeyIdMissing));
    assert_eq!(judged(&[&other]), Err(Rejection::KeyMismatch));
}

#[test]
fn keys_serve_through_an_outage_and_not_for_ever() {
    let rsa = Signer::rsa("key");
    let token = rsa.token(&claims());
    let fetched = Instant::now();
    let issuers = issuers(&key_set(&[&rsa]), fetched);
    let slot = &issuers.by_url(ISSUER).unwrap().slot;
    assert!(slot.begin() && slot.fail(fetched));
    assert!(verdict(&issuers, &token, fetched + HOUR).is_ok());
    let late = fetched + HOUR + Duration::from_millis(1);
    assert_eq!(
        verdict(&issuers, &token, late),
        Err(Rejection::KeysOutdated)
    );
    let never = Issuers::new(&config(), None).unwrap();
    assert_eq!(
        verdict(&never, &token, fetched),
        Err(Rejection::KeysMissing)
    );
}

/// A reload keeps the keys, and has them fetched again at once.
#[test]
fn a_reload_keeps_the_keys() {
    let rsa = Signer::rsa("key");
    let now = Instant::now();
    let before = issuers(&key_set(&[&rsa]), now);
    let after = Issuers::new(&config(), Some(&before)).unwrap();
    assert!(verdict(&after, &rsa.token(&claims()), now).is_ok());
    let slot = &after.by_url(ISSUER).unwrap().slot;
    assert!(Arc::ptr_eq(slot, &before.by_url(ISSUER).unwrap().slot));
    assert!(slot.due().is_some_and(|due| due <= Instant::now()));
}

#[test]
fn algorithms_are_those_of_the_list() {
    let rsa = Signer::rsa("key");
    let now = Instant::now();
    let issuers = issuers(&key_set(&[&rsa]), now);
    let header = with(&rsa.header(), &json!({"alg": "RS512"}));
    let token = rsa.token_of(&header.to_string(), &claims().to_string());
    assert_eq!(
        verdict(&issuers, &token, now),
        Err(Rejection::AlgorithmRefused)
    );
    // On the list, but the signature is PKCS #1's.
    let header = with(&rsa.header(), &json!({"alg": "PS256"}));
    let token = rsa.token_of(&header.to_string(), &claims().to_string());
    assert_eq!(
        verdict(&issuers, &token, now),
        Err(Rejection::SignatureWrong)
    );
}

#[test]
fn the_same_moment_counts_on_both_clocks() {
    let rsa = Signer::rsa("key");
    let now = Instant::now();
    let issuers = issuers(&key_set(&[&rsa]), now);
    let token = rsa.token(&claims());
    let later = Timestamp(observe::now().0 + 400 * 1_000_000_000);
    let refused = verify(&issuers, token.as_bytes(), now, later);
    assert!(matches!(
        refused,
        Err(Unverified::Rejected(Rejection::Expired))
    ));
}

#[test]
fn groups_give_roles_to_who_calls_the_api() {
    let rsa = Signer::rsa("key");
    let issuers = issuers(&key_set(&[&rsa]), Instant::now());
    let principal = |changes: Value| -> Result<Principal, Rejection> {
        let token = rsa.token(&with(&claims(), &changes));
        let header = format!("Bearer {token}");
        authenticate(&issuers, token_of(&header).unwrap().as_bytes())
    };
    let lead = principal(json!({"groups": ["leads", "others"]})).unwrap();
    assert_eq!(lead.roles.iter().collect::<Vec<_>>(), ["approver"]);
    assert_eq!(lead.identity.as_deref(), Some("loader"));
    let both = principal(json!({"groups": ["leads", "security"], "sub": "person"})).unwrap();
    assert_eq!(
        both.roles.iter().collect::<Vec<_>>(),
        ["approver", "auditor"]
    );
    assert_eq!(both.identity, None);
    for groups in [json!(["Leads"]), json!("leads,security"), json!([])] {
        let nobody = principal(json!({ "groups": groups })).unwrap();
        assert!(nobody.roles.is_empty(), "{groups}");
    }
    assert_eq!(principal(json!({"exp": 1})), Err(Rejection::Expired));
    for header in ["", "Bearer", "Basic eA==", "bearerx y"] {
        assert_eq!(token_of(header), None, "{header}");
    }
    assert_eq!(token_of("bEARER  x.y.z"), Some("x.y.z"));
    let unknown = Signer::rsa("unknown").token(&claims());
    let refused = authenticate(&issuers, unknown.as_bytes());
    assert_eq!(refused, Err(Rejection::KeyUnknown));
}

/// The control thread is asked once, and who waits goes on with what it has fetched.
#[test]
fn who_can_wait_has_keys_fetched() {
    let (old, new) = (Signer::rsa("old"), Signer::rsa("new"));
    let mut snapshot = crate::planes::snapshot::tests::empty();
    snapshot.issuers = Arc::new(issuers(&key_set(&[&old]), Instant::now()));
    let (shared, mut receivers) = Shared::new(snapshot, 1).unwrap();
    let token = new.token(&claims());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let (waited, fetched) = runtime.unwrap().block_on(async {
        let keys = key_set(&[&old, &new]);
        let control = async {
            let Some(ControlRequest::Keys { issuer }) = receivers.requests.recv().await else {
                panic!("nothing was asked for")
            };
            assert!(issuer.slot.begin());
            let keys = KeySet::read(keys.as_bytes()).unwrap();
            issuer.slot.succeed(keys, Instant::now(), HOUR)
        };
        tokio::join!(authenticate_soon(&shared, token.as_bytes()), control)
    });
    assert!(!fetched, "nothing had failed before");
    assert_eq!(waited.unwrap().assertion.subject, "loader");
    let other = Signer::rsa("other").token(&claims());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let refused = runtime
        .unwrap()
        .block_on(authenticate_soon(&shared, other.as_bytes()));
    assert_eq!(refused, Err(Rejection::KeyUnknown), "once a minute");
    assert!(receivers.requests.try_recv().is_err());
}
