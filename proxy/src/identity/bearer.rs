//! Who calls the API, and in which roles: the same tokens, and the groups that they name.

use std::collections::BTreeSet;
use std::time::Instant;

use velum_core::identity::{Assertion, Rejection};

use super::issuer::{Issuer, Issuers};
use super::verify::{Unverified, Verified, verify};
use crate::observe;

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
        let roles = issuer.roles.iter();
        let roles = roles.filter(|(group, _)| assertion.groups.contains(group));
        let roles = roles.map(|(_, role)| role.clone()).collect();
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

/// The token of an `Authorization` header, RFC 6750 section 2.1.
pub fn token_of(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

/// Verifies a token with the keys that are there. Where a key is missing, the caller may have the
/// keys fetched (`keeper`) and try again, as [`Unverified::NeedsKeys`] says.
///
/// # Errors
/// See [`Unverified`].
pub fn authenticate(issuers: &Issuers, token: &[u8]) -> Result<Principal, Unverified> {
    let Verified { issuer, assertion } = verify(issuers, token, Instant::now(), observe::now())?;
    Ok(Principal::new(&issuer, assertion))
}

/// The same for who does not wait.
///
/// # Errors
/// Why the token is refused; for records, not for who has shown it.
pub fn authenticate_now(issuers: &Issuers, token: &[u8]) -> Result<Principal, Rejection> {
    authenticate(issuers, token).map_err(|unverified| match unverified {
        Unverified::Rejected(rejection) | Unverified::NeedsKeys(_, rejection) => rejection,
    })
}
