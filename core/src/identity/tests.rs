//! Tokens without their signatures: what they may look like, what they must claim, whose they are.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::claims::{Claim, Claims, DEPTH};
use super::rules::{ClaimRule, TokenIdentity, Wanted, choose};
use super::token::{Algorithm, Expected, Token};
use super::*;
use crate::limits;
use crate::policy::Glob;
use crate::time::Timestamp;

const NOW_S: u64 = 1_795_000_000;
const ISSUER: &str = "https://issuer.example";

fn now() -> Timestamp {
    Timestamp(NOW_S * 1_000_000_000)
}

fn joined(header: &str, claims: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", encode(header), encode(claims))
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "one", "typ": "JWT"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "repo:org/app:ref:refs/heads/main", "aud": ["velum", "other"],
        "exp": NOW_S + 600, "nbf": NOW_S, "iat": NOW_S, "groups": ["ci", "nightly"],
        "repository": "org/app", "run": 17, "protected": true,
        "kubernetes.io": {"namespace": "ehr", "serviceaccount": {"name": "loader"}},
    })
}

/// The value with members put in or, for null, taken out.
fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        let members = value.as_object_mut().unwrap();
        match change.is_null() {
            true => drop(members.remove(name)),
            false => drop(members.insert(name.clone(), change.clone())),
        }
    }
    value
}

fn assess(token: &str) -> Result<Assertion, Rejection> {
    let audiences = ["velum".to_owned(), "velum-too".to_owned()];
    let expected = Expected {
        issuer: ISSUER,
        audiences: &audiences,
        clock_skew_ms: 30_000,
        groups_claim: "groups",
    };
    Token::parse(token.as_bytes())?.check(&expected, now())
}

fn by_header(changes: Value) -> Result<Assertion, Rejection> {
    assess(&joined(
        &with(header(), changes).to_string(),
        &claims().to_string(),
    ))
}

fn by_claims(changes: Value) -> Result<Assertion, Rejection> {
    assess(&joined(
        &header().to_string(),
        &with(claims(), changes).to_string(),
    ))
}

#[test]
fn a_good_token_comes_out_whole() {
    let assertion = by_claims(json!({})).unwrap();
    assert_eq!(assertion.issuer, ISSUER);
    assert_eq!(assertion.subject, "repo:org/app:ref:refs/heads/main");
    assert_eq!(assertion.audience, ["velum", "other"]);
    assert_eq!(assertion.groups, ["ci", "nightly"]);
    assert_eq!(assertion.expires_s, NOW_S + 600);
    assert!(assertion.chain.is_empty());
    for typ in [
        "JWT",
        "jwt",
        "at+jwt",
        "application/at+jwt",
        "application/JWT",
    ] {
        assert!(by_header(json!({ "typ": typ })).is_ok(), "{typ}");
    }
    for changes in [
        json!({"typ": null}),
        json!({"kid": null}),
        json!({"unknown": [1]}),
    ] {
        assert!(by_header(changes.clone()).is_ok(), "{changes}");
    }
    for (name, algorithm) in Algorithm::ALL {
        let token = joined(&json!({ "alg": name }).to_string(), &claims().to_string());
        assert_eq!(
            Token::parse(token.as_bytes()).unwrap().algorithm,
            *algorithm
        );
    }
}

#[test]
fn headers_that_are_refused() {
    use Rejection::*;
    for (changes, why) in [
        (json!({"alg": null}), AlgorithmMissing),
        (json!({"alg": ["RS256"]}), AlgorithmMissing),
        (json!({"alg": "none"}), AlgorithmNone),
        (json!({"alg": "None"}), AlgorithmUnknown),
        (json!({"alg": "rs256"}), AlgorithmUnknown),
        (json!({"alg": "ES256K"}), AlgorithmUnknown),
        (json!({"alg": "HS256"}), AlgorithmSymmetric),
        (json!({"alg": "HS512"}), AlgorithmSymmetric),
        (json!({"crit": ["exp"]}), Critical),
        (json!({"crit": []}), Critical),
        (json!({"b64": false}), Unencoded),
        (json!({"zip": "DEF"}), Compressed),
        (json!({"jwk": {"kty": "RSA"}}), EmbeddedKey),
        (json!({"x5c": ["MII"]}), EmbeddedKey),
        (json!({"jku": "https://evil.example/keys"}), KeyReference),
        (json!({"x5u": "https://evil.example/cert"}), KeyReference),
        (json!({"enc": "A128GCM"}), Encrypted),
        (json!({"cty": "JWT"}), Nested),
        (json!({"typ": "logout+jwt"}), TypeRefused),
        (json!({"typ": "dpop+jwt"}), TypeRefused),
        (json!({"typ": 1}), TypeRefused),
        (json!({"kid": 1}), KeyIdInvalid),
        (json!({"kid": "k".repeat(257)}), KeyIdInvalid),
    ] {
        assert_eq!(by_header(changes.clone()), Err(why), "{changes}");
    }
}

#[test]
fn claims_that_are_refused() {
    use Rejection::*;
    let far = NOW_S + 11 * 366 * 86_400;
    for (changes, why) in [
        (json!({"iss": null}), IssuerMissing),
        (json!({"iss": [ISSUER]}), IssuerMissing),
        (json!({"iss": "https://issuer.example/"}), IssuerUnknown),
        (json!({"iss": "https://ISSUER.example"}), IssuerUnknown),
        (
            json!({"iss": "https://\u{456}ssuer.example"}),
            IssuerUnknown,
        ),
        (json!({"iss": "https://issuer.example\u{0}"}), IssuerUnknown),
        (json!({"sub": null}), SubjectMissing),
        (json!({"sub": 7}), SubjectMissing),
        (json!({"sub": ""}), SubjectInvalid),
        (json!({"sub": "admin\u{202e}"}), SubjectInvalid),
        (json!({"sub": "\u{430}dmin"}), SubjectInvalid),
        (json!({"sub": "a\nb"}), SubjectInvalid),
        (json!({"sub": "a".repeat(256)}), SubjectInvalid),
        (json!({"aud": null}), AudienceMissing),
        (json!({"aud": 1}), AudienceInvalid),
        (json!({"aud": ["velum", 1]}), AudienceInvalid),
        (json!({"aud": []}), AudienceOther),
        (json!({"aud": "Velum"}), AudienceOther),
        (json!({"aud": ["velum2", "xvelum"]}), AudienceOther),
        (json!({"exp": null}), ExpiryMissing),
        (json!({"exp": -1}), ExpiryInvalid),
        (json!({"exp": 1.5e9}), ExpiryInvalid),
        (json!({"exp": (NOW_S + 600).to_string()}), ExpiryInvalid),
        (json!({"exp": true}), ExpiryInvalid),
        (json!({"exp": 1e300}), ExpiryInvalid),
        (json!({"exp": u64::MAX}), ExpiryFar),
        (json!({"exp": far}), ExpiryFar),
        (json!({"exp": 0}), Expired),
        (json!({"exp": NOW_S - 30}), Expired),
        (json!({"nbf": NOW_S + 31}), NotYetValid),
        (json!({"nbf": u64::MAX}), NotYetValid),
        (json!({"nbf": -5}), NotBeforeInvalid),
        (json!({"nbf": "now"}), NotBeforeInvalid),
        (json!({"iat": NOW_S + 31}), IssuedInFuture),
        (json!({"iat": 0.5}), IssuedAtInvalid),
        (json!({"cnf": {"jkt": "x"}}), Bound),
        (json!({"groups": {"a": 1}}), GroupsInvalid),
        (json!({"groups": ["a", 1]}), GroupsInvalid),
        (json!({"groups": vec!["g"; 1_025]}), GroupsInvalid),
    ] {
        assert_eq!(by_claims(changes.clone()), Err(why), "{changes}");
    }
    for changes in [
        json!({"exp": NOW_S - 29}),
        json!({"nbf": NOW_S + 30}),
        json!({"nbf": null, "iat": null}),
        json!({"aud": "velum-too"}),
        json!({"groups": "ci"}),
    ] {
        assert!(by_claims(changes.clone()).is_ok(), "{changes}");
    }
}

#[test]
fn forms_that_are_refused() {
    use Rejection::*;
    let (head, body) = (header().to_string(), claims().to_string());
    let good = joined(&head, &body);
    let padded = |text: &str| BASE64_STANDARD.encode(text);
    let doubled = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let cases: Vec<(String, Rejection)> = vec![
        (String::new(), Empty),
        ("x".repeat(limits::TOKEN_BYTES + 1), Oversized),
        ("..".to_owned(), HeaderNotJson),
        ("a".to_owned(), NotCompact),
        (good.replace(".c2ln", ""), NotCompact),
        (format!("{good}.x"), NotCompact),
        (format!("{good}.x.y"), Encrypted),
        (format!("{good}.x.y.z"), NotCompact),
        (format!("{good}="), NotBase64),
        (format!("{good} "), NotBase64),
        (format!("{good}\n"), NotBase64),
        (good.replace(".c2ln", ".c2lo+"), NotBase64),
        // Bits left over: another spelling of the same signature.
        (good.replace(".c2ln", ".c2lnZh"), NotBase64),
        (
            format!("{}.{}.c2ln", padded("{\"alg\":\"none\"}"), padded(&body)),
            NotBase64,
        ),
        (joined("[]", &body), HeaderNotJson),
        (joined(&format!("{head}{head}"), &body), HeaderNotJson),
        (joined(&head, "null"), ClaimsNotJson),
        (joined(&head, &format!("{body},")), ClaimsNotJson),
        (joined(&head, "{\"sub\":\"\\ud800\"}"), ClaimsNotJson),
        (joined(&head, &deep), TooDeep),
        (
            joined(&doubled(&head, "\"alg\":\"none\""), &body),
            DuplicateMember,
        ),
        (
            joined(&head, &doubled(&body, "\"sub\":\"x\"")),
            DuplicateMember,
        ),
        (
            joined(&head, &doubled(&body, "\"\\u0073ub\":\"x\"")),
            DuplicateMember,
        ),
        (joined(&head, "{\"x\":{\"a\":1,\"a\":1}}"), DuplicateMember),
    ];
    for (token, why) in cases {
        assert_eq!(assess(&token), Err(why), "{token}");
    }
}

#[test]
fn chains_of_delegation() {
    let chain = |changes: Value| by_claims(changes).map(|assertion| assertion.chain_texts());
    let texts = |texts: &[&str]| {
        Ok(texts
            .iter()
            .map(|&text| text.to_owned())
            .collect::<Vec<_>>())
    };
    let subject = "repo:org/app:ref:refs/heads/main";
    assert_eq!(
        chain(json!({"act": {"sub": "agent"}})),
        texts(&[subject, "agent"])
    );
    let act = json!({"sub": "agent", "act": {"sub": "router", "iss": "https://other.example"}});
    let expected = [subject, "router (https://other.example)", "agent"];
    assert_eq!(chain(json!({ "act": act })), texts(&expected));
    assert_eq!(
        chain(json!({"on_behalf_of": "nurse"})),
        texts(&["nurse", subject])
    );
    let origin = json!({"sub": "planner", "on_behalf_of": {"sub": "nurse"}});
    assert_eq!(
        chain(json!({"on-behalf-of": origin})),
        texts(&["nurse", "planner", subject])
    );
    let mut long = json!({"sub": "a"});
    for _ in 0..assertion::CHAIN {
        long = json!({"sub": "a", "act": long});
    }
    for (changes, why) in [
        (json!({"act": "agent"}), Rejection::DelegationInvalid),
        (json!({"act": {}}), Rejection::DelegationInvalid),
        (json!({"act": {"sub": 1}}), Rejection::DelegationInvalid),
        (
            json!({"act": {"sub": "\u{430}"}}),
            Rejection::DelegationInvalid,
        ),
        (
            json!({"act": {"sub": "a", "iss": 1}}),
            Rejection::DelegationInvalid,
        ),
        (
            json!({"act": {"sub": "a", "act": []}}),
            Rejection::DelegationInvalid,
        ),
        (
            json!({"act": {"sub": "a"}, "on_behalf_of": "b"}),
            Rejection::DelegationInvalid,
        ),
        (
            json!({"on_behalf_of": "a", "on-behalf-of": "b"}),
            Rejection::DelegationInvalid,
        ),
        (json!({ "act": long }), Rejection::DelegationLong),
    ] {
        assert_eq!(chain(changes.clone()), Err(why), "{changes}");
    }
}

#[test]
fn paths_through_names_with_dots() {
    let read = |json: Value| Claims::read(json.to_string().as_bytes(), Rejection::Empty).unwrap();
    let text = |text: &str| Claim::Text(text.to_owned());
    let nested = read(claims());
    let path = "kubernetes.io.serviceaccount.name";
    assert_eq!(nested.find(path), Ok(Some(&text("loader"))));
    assert_eq!(nested.find("kubernetes.io.serviceaccount.uid"), Ok(None));
    assert_eq!(nested.find("kubernetes"), Ok(None));
    assert_eq!(
        read(json!({ path: "flat" })).find(path),
        Ok(Some(&text("flat")))
    );
    let both = read(with(claims(), json!({ path: "flat" })));
    assert_eq!(both.find(path), Err(Rejection::ClaimAmbiguous));
    let other = read(json!({"a": {"b.c": 1}, "a.b": {"c": 2}}));
    assert_eq!(other.find("a.b.c"), Err(Rejection::ClaimAmbiguous));
}

fn identity(name: &str, rules: &[(&str, Wanted)]) -> TokenIdentity {
    let rule = |(path, wanted): &(&str, Wanted)| ClaimRule {
        path: (*path).to_owned(),
        wanted: wanted.clone(),
    };
    TokenIdentity {
        name: name.to_owned(),
        audiences: Vec::new(),
        claims: rules.iter().map(rule).collect(),
        ends_with_token: true,
    }
}

fn text(text: &str) -> Wanted {
    Wanted::Text(text.to_owned())
}

fn pattern(text: &str) -> Wanted {
    Wanted::Pattern(Glob::in_case(text).unwrap())
}

#[test]
fn claims_fit_by_type_case_and_membership() {
    let assertion = by_claims(json!({})).unwrap();
    let fits = |path: &str, wanted: Wanted| {
        let identities = [identity("ci", &[(path, wanted)])];
        choose(&identities, "ci", &assertion).is_ok()
    };
    for (path, wanted) in [
        ("repository", text("org/app")),
        ("repository", pattern("org/*")),
        ("groups", text("nightly")),
        ("groups", pattern("night??")),
        ("run", Wanted::Whole(17)),
        ("protected", Wanted::Bool(true)),
        ("kubernetes.io.serviceaccount.name", text("loader")),
    ] {
        assert!(fits(path, wanted), "{path}");
    }
    for (path, wanted) in [
        ("repository", text("org/*")),
        ("repository", text("Org/app")),
        ("repository", pattern("Org/*")),
        ("repository", pattern("org/ap")),
        ("groups", text("night")),
        ("groups", text("ci,nightly")),
        ("run", text("17")),
        ("run", Wanted::Whole(1)),
        ("protected", text("true")),
        ("protected", Wanted::Bool(false)),
        ("kubernetes.io", text("loader")),
        ("kubernetes.io.serviceaccount", pattern("*")),
        ("missing", pattern("*")),
    ] {
        assert!(!fits(path, wanted), "{path}");
    }
}

#[test]
fn one_identity_and_the_one_that_was_asked_for() {
    let assertion = by_claims(json!({})).unwrap();
    let app = identity("app", &[("repository", text("org/app"))]);
    let other = identity("other", &[("repository", text("org/other"))]);
    let wide = identity("wide", &[("repository", pattern("org/*"))]);
    let both = identity(
        "both",
        &[("repository", text("org/app")), ("run", Wanted::Whole(1))],
    );
    let nothing = identity("nothing", &[]);
    let mut elsewhere = app.clone();
    elsewhere.audiences = vec!["elsewhere".to_owned()];
    let mut here = app.clone();
    here.audiences = vec!["elsewhere".to_owned(), "other".to_owned()];
    let chosen = |identities: &[&TokenIdentity], asked: &str| {
        let identities: Vec<_> = identities.iter().map(|&it| it.clone()).collect();
        choose(&identities, asked, &assertion).map(|it| it.name.clone())
    };
    assert_eq!(chosen(&[&other, &app, &both], "app"), Ok("app".to_owned()));
    assert_eq!(chosen(&[&here], "app"), Ok("app".to_owned()));
    for (identities, asked, why) in [
        (&[&other, &app][..], "other", Rejection::IdentityOther),
        (&[&app][..], "App", Rejection::IdentityOther),
        (&[&app, &wide][..], "app", Rejection::IdentitiesSeveral),
        (&[&app, &wide][..], "wide", Rejection::IdentitiesSeveral),
        (
            &[&other, &both, &nothing][..],
            "other",
            Rejection::IdentityNone,
        ),
        (&[&elsewhere][..], "app", Rejection::IdentityNone),
        (&[][..], "app", Rejection::IdentityNone),
    ] {
        assert_eq!(chosen(identities, asked), Err(why), "{asked}");
    }
    let path = "kubernetes.io.serviceaccount.name";
    let ambiguous = by_claims(json!({ path: "flat" })).unwrap();
    let pod = [identity("pod", &[(path, text("loader"))])];
    let refused = choose(&pod, "pod", &ambiguous).map(|it| it.name.clone());
    assert_eq!(refused, Err(Rejection::ClaimAmbiguous));
}

#[test]
fn reasons_are_distinct_and_say_something() {
    let texts: BTreeSet<_> = Rejection::ALL.iter().map(|why| why.as_str()).collect();
    assert_eq!(texts.len(), Rejection::ALL.len());
    assert!(texts.iter().all(|text| text.len() > 10));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_token(&bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        fuzz_token(joined(&header().to_string(), &text).as_bytes());
        fuzz_token(joined(&text, &claims().to_string()).as_bytes());
    }

    /// One character of a good token that is another one gives the same claims or none.
    #[test]
    fn no_spelling_is_another_of_the_same_text(at in 0usize..600, to in "[ -~]") {
        let good = joined(&header().to_string(), &claims().to_string());
        let at = at % good.len();
        let mut other = good.clone();
        other.replace_range(at..=at, &to);
        if other != good && let Ok(token) = Token::parse(other.as_bytes()) {
            let same = token.signed == good.rsplit_once('.').unwrap().0.as_bytes();
            prop_assert!(!same || token.signature != "c2ln");
        }
    }
}
