//! The form of a signed token, and what it must claim: RFC 7515, RFC 7519 and RFC 8725.
//!
//! ```text
//!  base64url(header) . base64url(claims) . base64url(signature)
//!  └──────────── signed ───────────────┘
//! ```
//! Nothing here believes a token: until its signature is verified, header and claims say no more
//! than which key to try.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use super::assertion::{self, Assertion};
use super::claims::{Claim, Claims};
use super::rejection::Rejection;
use crate::limits;
use crate::time::Timestamp;

/// Longest `kid`.
const KEY_ID_BYTES: usize = 256;
/// OpenID Connect Core section 2.
const SUBJECT_BYTES: usize = 255;
/// How far from now a token may expire: ten years.
const LIFETIME_S: u64 = 10 * 366 * 86_400;

/// An asymmetric signature, RFC 7518 section 3.1 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their names are their meaning")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// Which keys an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// An RSA key.
    Rsa,
    /// A key on the curve P-256.
    P256,
    /// A key on the curve P-384.
    P384,
    /// A key on the curve Ed25519.
    Ed25519,
}

impl Algorithm {
    /// All that are known, with their registered names.
    pub const ALL: &[(&'static str, Algorithm)] = &[
        ("RS256", Algorithm::RS256),
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
        ("ES256", Algorithm::ES256),
        ("ES384", Algorithm::ES384),
        ("EdDSA", Algorithm::EdDSA),
    ];

    /// Which keys it needs.
    pub fn family(self) -> Family {
        match self {
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => Family::Rsa,
            Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => Family::Rsa,
            Algorithm::ES256 => Family::P256,
            Algorithm::ES384 => Family::P384,
            Algorithm::EdDSA => Family::Ed25519,
        }
    }

    /// Names are compared as they stand, RFC 7515 section 4.1.1; `NoNe` is an unknown one.
    fn read(name: &str) -> Result<Self, Rejection> {
        if let Some((_, algorithm)) = Self::ALL.iter().find(|(known, _)| *known == name) {
            return Ok(*algorithm);
        }
        Err(match name {
            "none" => Rejection::AlgorithmNone,
            "HS256" | "HS384" | "HS512" => Rejection::AlgorithmSymmetric,
            _ => Rejection::AlgorithmUnknown,
        })
    }
}

/// A token that nobody has verified. Holds parts of a credential, so there is no `Debug`.
pub struct Token<'t> {
    /// How it says that it is signed.
    pub algorithm: Algorithm,
    /// By which key.
    pub key_id: Option<String>,
    /// Who it says it is from.
    pub issuer: String,
    /// What the signature is over.
    pub signed: &'t [u8],
    /// The signature, base64url.
    pub signature: &'t str,
    claims: Claims,
}

/// What the claims of a token are held to.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// `iss`, byte by byte.
    pub issuer: &'e str,
    /// One of these must be in `aud`.
    pub audiences: &'e [String],
    /// How far clocks may be apart.
    pub clock_skew_ms: u64,
    /// Where the groups are.
    pub groups_claim: &'e str,
}

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Whatever is not exactly the compact form of one signed token of a known algorithm.
    pub fn parse(bytes: &'t [u8]) -> Result<Self, Rejection> {
        if bytes.is_empty() {
            return Err(Rejection::Empty);
        }
        if bytes.len() > limits::TOKEN_BYTES {
            return Err(Rejection::Oversized);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Rejection::NotCompact)?;
        let parts: Vec<&str> = text.splitn(6, '.').collect();
        let (header, payload, signature) = match parts.as_slice() {
            [header, payload, signature] => (*header, *payload, *signature),
            [_, _, _, _, _] => return Err(Rejection::Encrypted),
            _ => return Err(Rejection::NotCompact),
        };
        let fields = Claims::read(&decode(header)?, Rejection::HeaderNotJson)?;
        let (algorithm, key_id) = read_header(&fields)?;
        // The verifier decodes it again; what it takes for the same is refused here.
        decode(signature)?;
        let claims = Claims::read(&decode(payload)?, Rejection::ClaimsNotJson)?;
        let Some(Claim::Text(issuer)) = claims.get("iss") else {
            return Err(Rejection::IssuerMissing);
        };
        let signed = bytes.get(..header.len() + 1 + payload.len());
        Ok(Self {
            algorithm,
            key_id,
            issuer: issuer.clone(),
            signed: signed.unwrap_or_default(),
            signature,
            claims,
        })
    }

    /// What the token asserts. Only for one whose signature was verified.
    ///
    /// # Errors
    /// Another issuer or audience, a time that is over or to come, or a claim that is no such.
    pub fn check(self, expected: &Expected<'_>, now: Timestamp) -> Result<Assertion, Rejection> {
        if self.issuer != expected.issuer {
            return Err(Rejection::IssuerUnknown);
        }
        let subject = subject(&self.claims)?;
        let audience = audience(&self.claims, expected.audiences)?;
        let expires_s = times(&self.claims, expected.clock_skew_ms, now)?;
        if self.claims.get("cnf").is_some() {
            return Err(Rejection::Bound);
        }
        Ok(Assertion {
            chain: assertion::chain(&subject, &self.claims)?,
            groups: assertion::groups(expected.groups_claim, &self.claims)?,
            issuer: self.issuer,
            subject,
            audience,
            expires_s,
            claims: self.claims,
        })
    }
}

/// Strict: no padding, no bits left over, nothing of another alphabet.
fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| Rejection::NotBase64)
}

fn read_header(fields: &Claims) -> Result<(Algorithm, Option<String>), Rejection> {
    let refused = [
        ("crit", Rejection::Critical),
        ("b64", Rejection::Unencoded),
        ("zip", Rejection::Compressed),
        ("jwk", Rejection::EmbeddedKey),
        ("x5c", Rejection::EmbeddedKey),
        ("jku", Rejection::KeyReference),
        ("x5u", Rejection::KeyReference),
        ("enc", Rejection::Encrypted),
        ("cty", Rejection::Nested),
    ];
    if let Some((_, why)) = refused.iter().find(|(name, _)| fields.get(name).is_some()) {
        return Err(*why);
    }
    let algorithm = match fields.get("alg") {
        Some(Claim::Text(name)) => Algorithm::read(name)?,
        _ => return Err(Rejection::AlgorithmMissing),
    };
    match fields.get("typ") {
        None => {}
        Some(Claim::Text(typ)) if is_token_type(typ) => {}
        Some(_) => return Err(Rejection::TypeRefused),
    }
    let key_id = match fields.get("kid") {
        None => None,
        Some(Claim::Text(id)) if id.len() <= KEY_ID_BYTES => Some(id.clone()),
        Some(_) => return Err(Rejection::KeyIdInvalid),
    };
    Ok((algorithm, key_id))
}

/// RFC 7519 section 5.1 and RFC 9068 section 2.1. A token for a log-out, a proof of possession or
/// an event is no token to log in with.
fn is_token_type(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    let short = typ.strip_prefix("application/").unwrap_or(&typ);
    matches!(short, "jwt" | "at+jwt")
}

fn subject(claims: &Claims) -> Result<String, Rejection> {
    match claims.get("sub") {
        Some(Claim::Text(subject)) if is_subject(subject) => Ok(subject.clone()),
        Some(Claim::Text(_)) => Err(Rejection::SubjectInvalid),
        _ => Err(Rejection::SubjectMissing),
    }
}

/// Can this be somebody's name? Printable ASCII of at most 255 characters:
/// nothing that looks like another one: letters of other scripts, marks that turn the direction.
pub fn is_subject(text: &str) -> bool {
    let printable = |byte: u8| (0x20..0x7f).contains(&byte);
    !text.is_empty() && text.len() <= SUBJECT_BYTES && text.bytes().all(printable)
}

fn audience(claims: &Claims, ours: &[String]) -> Result<Vec<String>, Rejection> {
    let claim = claims.get("aud").ok_or(Rejection::AudienceMissing)?;
    let audience = assertion::texts(Some(claim)).ok_or(Rejection::AudienceInvalid)?;
    match ours.iter().any(|our| audience.contains(our)) {
        true => Ok(audience),
        false => Err(Rejection::AudienceOther),
    }
}

/// `exp`, `nbf` and `iat`, RFC 7519 section 4.1, in whole seconds. Gives the first.
fn times(claims: &Claims, skew_ms: u64, now: Timestamp) -> Result<u64, Rejection> {
    let now_ms = now.0 / 1_000_000;
    let whole = |name: &str, invalid: Rejection| match claims.get(name) {
        None => Ok(None),
        Some(Claim::Whole(seconds)) => Ok(Some(*seconds)),
        Some(_) => Err(invalid),
    };
    let expires_s = whole("exp", Rejection::ExpiryInvalid)?.ok_or(Rejection::ExpiryMissing)?;
    if expires_s > (now_ms / 1_000).saturating_add(LIFETIME_S) {
        return Err(Rejection::ExpiryFar);
    }
    let millis = |seconds: u64| seconds.saturating_mul(1_000);
    if now_ms >= millis(expires_s).saturating_add(skew_ms) {
        return Err(Rejection::Expired);
    }
    let latest_ms = now_ms.saturating_add(skew_ms);
    let not_before = whole("nbf", Rejection::NotBeforeInvalid)?;
    if not_before.is_some_and(|seconds| millis(seconds) > latest_ms) {
        return Err(Rejection::NotYetValid);
    }
    let issued = whole("iat", Rejection::IssuedAtInvalid)?;
    if issued.is_some_and(|seconds| millis(seconds) > latest_ms) {
        return Err(Rejection::IssuedInFuture);
    }
    Ok(expires_s)
}
