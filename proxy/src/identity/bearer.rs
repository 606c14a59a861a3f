//! Who calls the API, and in which roles: the same tokens, and the groups that they name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_core::identity::{Assertion, Rejection};

use super::issuer::{Issuer, Issuers};
use super::slot::Asked;
use super::verify::{Unverified, Verified, verify, verify_for};
use crate::observe;
use crate::planes::{ControlRequest, Shared};

/// Keys that are asked for are there or not within this.
const WITHIN: Duration = Duration::from_secs(6);
/// How often they are looked for.
const LOOK: Duration = Duration::from_millis(10);

/// What somebody may do by the API.
pub const ROLES: &[&str] = &["requester", "approver", "auditor", "admin"];

/// Somebody who has shown a token to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What the issuer says.
    pub assertion: Assertion,
    /// The identity of the configuration whose claims it has, if it is exactly one's.
    pub identity: Option<String>,
    /// Of [`ROLES`], by the issuer's `roles`; empty: it may do nothing.
    pub roles: BTreeSet<String>,
}

impl Principal {
    /// Roles and identity of a verified token.
    fn new(issuer: &Issuer, assertion: Assertion) -> Self {
        let roles = roles_of(&issuer.roles, &assertion.groups);
        let is = |name: &str| {
            velum_core::identity::rules::choose(&issuer.identities, name, &assertion).is_ok()
        };
        let mut names = issuer.identities.iter().map(|identity| &identity.name);
        let identity = names.find(|name| is(name)).cloned();
        Self {
            assertion,
            identity,
            roles,
        }
    }
}

/// What members of these groups may do, by the `roles` of an issuer.
pub(crate) fn roles_of(roles: &[(String, String)], groups: &[String]) -> BTreeSet<String> {
    let roles = roles.iter().filter(|(group, _)| groups.contains(group));
    roles.map(|(_, role)| role.clone()).collect()
}

/// The token of an `Authorization` header, RFC 6750 section 2.1.
pub fn token_of(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

/// Verifies a token with the keys that are there, for who does not wait.
///
/// # Errors
/// Why the token is refused; for records, not for who has shown it.
pub fn authenticate(issuers: &Issuers, token: &[u8]) -> Result<Principal, Rejection> {
    let verified = verify(issuers, token, Instant::now(), observe::now());
    let Verified { issuer, assertion } = verified.map_err(Unverified::why)?;
    Ok(Principal::new(&issuer, assertion))
}

/// Verifies a token. Where its key is missing, the control thread is asked for newer ones, as often
/// as it may be, and waited for.
///
/// # Errors
/// Why the token is refused; for records, not for who has shown it.
pub async fn authenticate_soon(shared: &Shared, token: &[u8]) -> Result<Principal, Rejection> {
    let Verified { issuer, assertion } = verify_soon(shared, token, None).await?;
    Ok(Principal::new(&issuer, assertion))
}

/// Verifies a token, for these audiences if there are any, else for the issuer's own; likewise.
///
/// # Errors
/// Why the token is refused.
pub(crate) async fn verify_soon(
    shared: &Shared,
    token: &[u8],
    audiences: Option<&[String]>,
) -> Result<Verified, Rejection> {
    let issuers = Arc::clone(&shared.snapshot.load().issuers);
    let once = || verify_for(&issuers, token, audiences, Instant::now(), observe::now());
    let (issuer, why) = match once() {
        Ok(verified) => return Ok(verified),
        Err(Unverified::Rejected(rejection)) => return Err(rejection),
        Err(Unverified::NeedsKeys(issuer, why)) => (issuer, why),
    };
    let Asked::Wait { ended, is_first } = issuer.slot.ask(Instant::now()) else {
        return Err(why);
    };
    let request = ControlRequest::Keys {
        issuer: Arc::clone(&issuer),
    };
    if is_first && shared.requests.try_send(request).is_err() {
        issuer.slot.take_back();
        return Err(Rejection::KeysUnasked);
    }
    let is_there = async {
        while issuer.slot.ended() < ended {
            tokio::time::sleep(LOOK).await;
        }
    };
    // Late keys are as good as none: the second try says so.
    let _late = tokio::time::timeout(WITHIN, is_there).await;
    once().map_err(Unverified::why)
}
