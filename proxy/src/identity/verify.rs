//! A token against the issuers in force: on the thread that has it, with the keys that are there.

use std::sync::Arc;
use std::time::Instant;

use velum_core::identity::token::{Expected, Token};
use velum_core::identity::{Assertion, Rejection};
use velum_core::time::Timestamp;

use super::issuer::{Issuer, Issuers};

/// A token that was verified.
pub struct Verified {
    /// Whose it is.
    pub issuer: Arc<Issuer>,
    /// What it says.
    pub assertion: Assertion,
}

/// Why there is no verified token.
pub enum Unverified {
    /// It is refused.
    Rejected(Rejection),
    /// Its issuer has no such key, or did not have it when it was last asked.
    NeedsKeys(Arc<Issuer>, Rejection),
}

impl Unverified {
    /// Why, for records.
    pub(super) fn why(self) -> Rejection {
        match self {
            Unverified::Rejected(rejection) | Unverified::NeedsKeys(_, rejection) => rejection,
        }
    }
}

impl From<Rejection> for Unverified {
    fn from(rejection: Rejection) -> Self {
        Unverified::Rejected(rejection)
    }
}

/// Verifies a token. `now` and `time` are the same moment on two clocks: one that only goes on, and
/// one that issuers have too.
///
/// # Errors
/// See [`Unverified`].
pub fn verify(
    issuers: &Issuers,
    token: &[u8],
    now: Instant,
    time: Timestamp,
) -> Result<Verified, Unverified> {
    verify_for(issuers, token, None, now, time)
}

/// The same of a token that has to be for one of these audiences, and not for the issuer's.
///
/// # Errors
/// See [`Unverified`].
pub(super) fn verify_for(
    issuers: &Issuers,
    token: &[u8],
    audiences: Option<&[String]>,
    now: Instant,
    time: Timestamp,
) -> Result<Verified, Unverified> {
    let token = Token::parse(token)?;
    let issuer = issuers
        .by_url(&token.issuer)
        .ok_or(Rejection::IssuerUnknown)?;
    if !issuer.algorithms.contains(&token.algorithm) {
        return Err(Rejection::AlgorithmRefused.into());
    }
    let held = issuer.slot.held();
    if let Some(source) = &issuer.source {
        let Some(fetched) = held.fetched else {
            let why = Rejection::KeysMissing;
            return Err(Unverified::NeedsKeys(Arc::clone(issuer), why));
        };
        if now.saturating_duration_since(fetched) > source.kept {
            return Err(Rejection::KeysOutdated.into());
        }
    }
    match held.keys.verify(&token) {
        Ok(()) => {}
        Err(Rejection::KeyUnknown) if issuer.source.is_some() => {
            let why = Rejection::KeyUnknown;
            return Err(Unverified::NeedsKeys(Arc::clone(issuer), why));
        }
        Err(rejection) => return Err(rejection.into()),
    }
    let expected = Expected {
        issuer: &issuer.url,
        audiences: audiences.unwrap_or(&issuer.audiences),
        clock_skew_ms: issuer.clock_skew_ms,
        groups_claim: &issuer.groups_claim,
    };
    let assertion = token.check(&expected, time)?;
    Ok(Verified {
        issuer: Arc::clone(issuer),
        assertion,
    })
}
