//! Feeds arbitrary bytes to whatever reads a token. The body of a fuzz target.

use super::claims::Claims;
use super::rejection::Rejection;
use super::rules::{self, ClaimRule, TokenIdentity, Wanted};
use super::token::{Expected, Token};
use crate::limits;
use crate::policy::Glob;
use crate::time::Timestamp;

/// The time at which seeds were valid: 2026-11-18.
const NOW: Timestamp = Timestamp(1_795_000_000_000_000_000);

/// No token may make a reader panic, and what is asserted is within its bounds and was asked for.
/// Bytes without a dot are read as JSON, so that the reader is reached without base64.
///
/// # Panics
/// If a property does not hold.
pub fn fuzz_token(bytes: &[u8]) {
    if !bytes.contains(&b'.') || bytes.first() == Some(&b'{') {
        if let Ok(claims) = Claims::read(bytes, Rejection::ClaimsNotJson) {
            let _found = claims.find("a.b.c");
        }
        return;
    }
    let Ok(token) = Token::parse(bytes) else {
        return;
    };
    assert!(bytes.len() <= limits::TOKEN_BYTES);
    assert!(bytes.starts_with(token.signed) && token.signed.len() < bytes.len());
    let audiences = ["velum".to_owned()];
    let expected = Expected {
        issuer: "https://issuer.example",
        audiences: &audiences,
        clock_skew_ms: 30_000,
        groups_claim: "groups",
    };
    let Ok(assertion) = token.check(&expected, NOW) else {
        return;
    };
    assert_eq!(assertion.issuer, expected.issuer);
    assert!(assertion.audience.contains(&audiences[0]));
    assert!(assertion.expires_s > NOW.0 / 1_000_000_000 - 30);
    assert!(assertion.subject.is_ascii() && assertion.chain.len() <= super::assertion::CHAIN);
    let identity = |name: &str, wanted| TokenIdentity {
        name: name.to_owned(),
        audiences: Vec::new(),
        claims: vec![ClaimRule {
            path: "kubernetes.io.serviceaccount.name".to_owned(),
            wanted,
        }],
        ends_with_token: true,
    };
    let identities = [
        identity("one", Wanted::Text("loader".to_owned())),
        identity("two", Wanted::Pattern(Glob::any())),
    ];
    if let Ok(chosen) = rules::choose(&identities, "two", &assertion) {
        assert_eq!(chosen.name, "two", "only who was asked for");
    }
}
