//! Who calls: by a key of Velum's, by an issuer's token, or by the cookie of somebody who has
//! logged in. Whatever the way, a [`Principal`] comes out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::time::Timestamp;

use super::people::{self, door};
use super::principal::{Principal, Role};
use super::problem::Problem;
use super::{Api, secret};
use crate::grants::desk::Happened;
use crate::grants::masked;
use crate::identity::bearer;
use crate::store::keys::ApiKey;

/// Wrong credentials that an address may show in a minute.
pub(super) const WRONG_PER_MINUTE: u32 = 30;

/// Who sends this request.
///
/// # Errors
/// 401 without a credential that is in force, 429 for those who ask or guess too often.
pub async fn authenticate(parts: &Parts, api: &Api) -> Result<Principal, Problem> {
    let address = people::address(parts);
    let header = parts.headers.get(header::AUTHORIZATION);
    let text = header.and_then(|value| value.to_str().ok());
    let bearer = text.and_then(bearer::token_of);
    let principal = match bearer {
        Some(token) => match by_key(token, parts, api).await? {
            Some(principal) => Some(principal),
            None => by_token(token, api).await,
        },
        // Who shows a credential is asked about that one.
        None if header.is_some() => None,
        None => door::by_cookie(parts, api).await?,
    };
    let Some(principal) = principal else {
        let now = Instant::now();
        let taken = api
            .rates
            .take_stranger("address", address, WRONG_PER_MINUTE, now);
        return Err(match taken {
            Ok(()) if bearer.is_some() => {
                Problem::unauthenticated("the key or token is not in force")
            }
            Ok(()) => Problem::unauthenticated("this takes a key, or an issuer's token"),
            Err(seconds) => Problem::rate(seconds),
        });
    };
    let config = api.desk.config();
    let per_minute = config.api.as_ref().map_or(1, |api| api.requests_per_minute);
    let taken = api
        .rates
        .take(&principal.caller, per_minute, Instant::now());
    taken.map_err(Problem::rate)?;
    Ok(principal)
}

impl FromRequestParts<Arc<Api>> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        authenticate(parts, api).await
    }
}

/// The owner of a key; `None` if the text is no key in force.
async fn by_key(text: &str, parts: &Parts, api: &Api) -> Result<Option<Principal>, Problem> {
    let Some((id, secret)) = secret::parts(text) else {
        return Ok(None);
    };
    let id = id.to_owned();
    let found = api.desk.look(move |tx| Ok(tx.key(&id)?)).await?;
    let Some(key) = found.filter(|key| secret::opens(key, secret)) else {
        return Ok(None);
    };
    if !is_in_force(&key, api.desk.now()) {
        return Ok(None);
    }
    let principal = principal(&key);
    note(key, &principal, parts, api).await?;
    Ok(Some(principal))
}

/// Whom an issuer vouches for; `None` if the text is no token that lets anybody do anything.
///
/// A machine that is an identity may ask for what that identity needs. Everything else its groups
/// say, by the issuer's `roles`.
async fn by_token(text: &str, api: &Api) -> Option<Principal> {
    if secret::parts(text).is_some() {
        return None;
    }
    let caller = bearer::authenticate_soon(api.desk.shared(), text.as_bytes()).await;
    let bearer::Principal {
        assertion,
        identity,
        roles,
    } = caller.ok()?;
    let mut roles: BTreeSet<Role> = Role::ALL
        .into_iter()
        .filter(|role| roles.contains(role.as_str()))
        .collect();
    // Whoever may do more than ask for what an identity needs is a person, identity or not.
    let shown = match roles.is_empty() {
        true => None,
        false => people::step_up::of_token(&assertion, &api.desk.config()),
    };
    let asks_for_all = roles.contains(&Role::Requester);
    if identity.is_some() {
        roles.insert(Role::Requester);
    }
    (!roles.is_empty()).then(|| Principal {
        caller: format!("token:{} {}", assertion.issuer, assertion.subject),
        chain: assertion.chain_texts(),
        groups: assertion.groups.into_iter().collect(),
        // As chains of delegation have it, so that nobody decides about what they asked for.
        id: assertion.subject,
        identities: identity
            .filter(|_| !asks_for_all)
            .map(|name| BTreeSet::from([name])),
        until: Timestamp(assertion.expires_s.saturating_mul(1_000_000_000)),
        roles,
        shown,
    })
}

/// Neither taken back nor too old.
pub(super) fn is_in_force(key: &ApiKey, now: Timestamp) -> bool {
    key.revoked_at.is_none() && now < key.expires_at
}

fn principal(key: &ApiKey) -> Principal {
    let bearer = &key.bearer;
    Principal {
        id: bearer.owner.clone(),
        caller: format!("key:{}", key.id),
        roles: bearer.roles.clone(),
        groups: bearer.groups.clone(),
        identities: bearer.identities.clone(),
        chain: bearer.chain.clone(),
        until: key.expires_at,
        shown: None,
    }
}

/// When the key was used; and, for one that was made for the first start alone, every use.
async fn note(key: ApiKey, principal: &Principal, parts: &Parts, api: &Api) -> Result<(), Problem> {
    let is_bootstrap = key.bearer.is_bootstrap;
    let now = api.desk.now();
    let is_fresh = key
        .last_used_at
        .is_some_and(|last| now < last.after_ms(60_000));
    if is_fresh && !is_bootstrap {
        return Ok(());
    }
    if is_bootstrap {
        // That it was made is on record before that it was used.
        api.desk.follow_administration().await?;
    }
    let record = Record {
        time: now,
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body: Body::Administration {
            actor: principal.id.clone(),
            event: "bootstrap_key_used".to_owned(),
            subject: masked(
                &api.desk.detectors,
                &format!("{} {}", parts.method, parts.uri.path()),
            ),
        },
    };
    let noted = api.desk.change(move |tx, now| {
        tx.note_use(&key, now)?;
        let records = if is_bootstrap { vec![record] } else { vec![] };
        let happened = Happened {
            records,
            ..Happened::default()
        };
        Ok(((), happened))
    });
    Ok(noted.await?)
}
