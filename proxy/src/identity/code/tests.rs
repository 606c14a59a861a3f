use super::*;

fn login() -> IssuerLogin {
    IssuerLogin {
        client_id: "velum".to_owned(),
        client_secret: None,
        scope: "openid groups".to_owned(),
        device_client_id: None,
    }
}

#[test]
fn a_browser_is_sent_with_a_challenge_and_not_with_its_verifier() {
    let login = login();
    // RFC 7636, appendix B.
    let asking = Asking {
        login: &login,
        redirect: "https://velum.example/back",
        state: "st",
        nonce: "no",
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        max_age_s: 60,
        is_fresh: false,
        acr: &["mfa".to_owned()],
    };
    let url = authorization_url("https://issuer.example/auth?tenant=a", &asking);
    assert_eq!(
        url,
        "https://issuer.example/auth?tenant=a&response_type=code&client_id=velum\
         &redirect_uri=https%3A%2F%2Fvelum.example%2Fback&scope=openid+groups&state=st&nonce=no\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
         &code_challenge_method=S256&max_age=60"
    );
    let fresh = Asking {
        is_fresh: true,
        ..asking
    };
    let url = authorization_url("https://issuer.example/auth", &fresh);
    assert!(
        url.ends_with("&prompt=login&max_age=0&acr_values=mfa"),
        "{url}"
    );
    assert_eq!(random().unwrap().len(), 43);
}

#[test]
fn secrets_are_encoded_before_they_are_joined() {
    let header = basic("a:b", b"p&w d");
    let pair = BASE64_STANDARD.decode(header.strip_prefix("Basic ").unwrap());
    assert_eq!(pair.unwrap(), b"a%3Ab:p%26w+d");
}

/// An assertion with these claims.
fn said(json: &str, audience: &[&str]) -> Assertion {
    Assertion {
        issuer: "https://issuer.example".to_owned(),
        subject: "ann".to_owned(),
        audience: audience.iter().map(|&it| it.to_owned()).collect(),
        groups: Vec::new(),
        expires_s: 2_000,
        chain: Vec::new(),
        claims: Claims::read(json.as_bytes(), Rejection::ClaimsNotJson).unwrap(),
    }
}

use Unredeemed::*;

/// Claims, audience, whether a fresh log-in was asked for, and what comes of it.
type Case = (
    &'static str,
    &'static [&'static str],
    bool,
    Result<Option<u64>, Unredeemed>,
);

const ONE: &[&str] = &["velum"];
const TWO: &[&str] = &["velum", "other"];
const CASES: &[Case] = &[
    (r#"{"nonce":"no"}"#, ONE, false, Ok(None)),
    (r#"{}"#, ONE, false, Err(NonceMissing)),
    (r#"{"nonce":"on"}"#, ONE, false, Err(NonceOther)),
    (r#"{"nonce":["no"]}"#, ONE, false, Err(NonceOther)),
    (r#"{"nonce":"no","azp":"velum"}"#, TWO, false, Ok(None)),
    (
        r#"{"nonce":"no","azp":"other"}"#,
        ONE,
        false,
        Err(PartyOther),
    ),
    (r#"{"nonce":"no"}"#, TWO, false, Err(PartyMissing)),
    (r#"{"nonce":"no"}"#, ONE, true, Err(AuthTimeMissing)),
    (
        r#"{"nonce":"no","auth_time":"1"}"#,
        ONE,
        true,
        Err(AuthTimeInvalid),
    ),
    (
        r#"{"nonce":"no","auth_time":995}"#,
        ONE,
        true,
        Ok(Some(995)),
    ),
    (
        r#"{"nonce":"no","auth_time":994}"#,
        ONE,
        true,
        Err(AuthTimeOld),
    ),
    (
        r#"{"nonce":"no","auth_time":895}"#,
        ONE,
        false,
        Ok(Some(895)),
    ),
    (
        r#"{"nonce":"no","auth_time":894}"#,
        ONE,
        false,
        Err(AuthTimeOld),
    ),
    (
        r#"{"nonce":"no","auth_time":1016}"#,
        ONE,
        false,
        Err(AuthTimeInvalid),
    ),
    (
        r#"{"nonce":"no","amr":"pwd"}"#,
        ONE,
        false,
        Err(MethodInvalid),
    ),
    (r#"{"nonce":"no","acr":1}"#, ONE, false, Err(MethodInvalid)),
];

#[test]
fn an_id_token_is_of_this_log_in_and_for_this_client() {
    let at = |seconds: u64| Timestamp(seconds * SECOND_NS);
    for (json, audience, is_fresh, expected) in CASES {
        let wanted = Wanted {
            client_id: "velum",
            nonce: "no",
            begun: at(1_000),
            is_fresh: *is_fresh,
            max_age_s: 100,
            clock_skew_ms: 5_000,
            now: at(1_010),
        };
        let checked = check(&said(json, audience), &wanted).map(|proof| proof.at_s);
        assert_eq!(checked, *expected, "{json}");
    }
}
