//! A session begins: a new name, a new secret, whatever the browser had before.

use std::collections::BTreeSet;

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use velum_core::time::Timestamp;
use zeroize::Zeroizing;

use super::super::Api;
use super::super::principal::Role;
use super::super::problem::Problem;
use super::cookie::{self, Jar, SameSite};
use super::door;
use super::refusal::{Why, record};
use crate::config::Config;
use crate::grants::Failure;
use crate::grants::desk::Happened;
use crate::identity::bearer::roles_of;
use crate::identity::code::random;
use crate::store::StoreError;
use crate::store::sessions::{Holder, Session, Values, Way};

/// Letters of a session's name.
pub(super) const ID_LETTERS: usize = 16;
/// What is hashed with the secrets: the hashes are of no use elsewhere.
const PURPOSE: &[u8] = b"velum session v1\0";

/// The hash of a cookie's secret.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    let digest = Sha256::new().chain_update(PURPOSE).chain_update(secret);
    digest.finalize().into()
}

/// Is it the secret of this hash? Takes the same time whichever letter is wrong.
pub(super) fn opens(hashed: &[u8; 32], secret: &str) -> bool {
    hash(secret).ct_eq(hashed).into()
}

/// What the configuration in force lets somebody do; `None`: nothing.
pub(in crate::api) fn covered(holder: &Holder, config: &Config) -> Option<BTreeSet<Role>> {
    let names = match holder.way {
        Way::Oidc => {
            let issuer = config.issuer(&holder.issuer)?;
            if issuer.url != holder.issuer_id || issuer.login.is_none() {
                return None;
            }
            roles_of(&issuer.roles, &holder.groups)
        }
        Way::Saml => {
            let saml = config.saml(&holder.issuer)?;
            if saml.provider.entity_id() != holder.issuer_id {
                return None;
            }
            roles_of(&saml.roles, &holder.groups)
        }
    };
    let roles: BTreeSet<Role> = Role::ALL
        .into_iter()
        .filter(|role| names.contains(role.as_str()))
        .collect();
    (!roles.is_empty()).then_some(roles)
}

/// A session and the secret of its cookie.
fn draw(
    holder: Holder,
    until: Option<Timestamp>,
    config: &Config,
    now: Timestamp,
) -> Result<(Session, Zeroizing<String>), Failure> {
    let mut id = [0; ID_LETTERS / 2];
    getrandom::fill(&mut id).map_err(|_| Failure::Closed)?;
    let secret = random().map_err(|_| Failure::Closed)?;
    let length_ms = u64::try_from(config.login.absolute.as_millis()).unwrap_or(u64::MAX);
    let longest = now.after_ms(length_ms);
    let session = Session {
        id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
        version: 1,
        values: Values {
            current: hash(&secret),
            next: None,
            lost: None,
            last: None,
            since: now,
        },
        holder,
        created_at: now,
        expires_at: until.map_or(longest, |until| longest.min(until)),
        used_at: now,
        ended: None,
    };
    Ok((session, secret))
}

/// Opens a session for somebody who may do something, and sends the browser on. A session that the
/// browser has had before is over. It lasts until `until` at the longest, if the issuer says so.
pub(super) async fn open(
    api: &Api,
    parts: &Parts,
    holder: Holder,
    until: Option<Timestamp>,
    back_to: &str,
) -> Result<Response, Problem> {
    let config = api.desk.config();
    let (session, secret) = draw(holder, until, &config, api.desk.now())?;
    let value = Zeroizing::new(format!("{}.{}", session.id, *secret));
    let before = before(api, parts, &config).await?;
    let begun = record("logged_in", Some(&session), "", parts);
    let replaced = before.as_ref();
    let replaced =
        replaced.map(|it| record("session_ended", Some(it), Why::Replaced.as_str(), parts));
    let opened = api.desk.change(move |tx, now: Timestamp| {
        let mut records = vec![begun];
        if let (Some(before), Some(replaced)) = (before, replaced) {
            match tx.end_session(&before.id, Why::Replaced.as_str(), now) {
                Ok(()) => records.push(replaced),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        tx.insert_session(&session)?;
        let happened = Happened {
            records,
            ..Happened::default()
        };
        Ok(((), happened))
    });
    opened.await?;
    let jar = parts.extensions.get::<Jar>().cloned().unwrap_or_default();
    jar.put(&cookie::set(
        cookie::SESSION,
        &value,
        SameSite::Lax,
        None,
        &config,
    ));
    jar.put(&cookie::clear(cookie::LOGIN, &config));
    Ok((
        StatusCode::SEE_OTHER,
        [(header::LOCATION, back_to.to_owned())],
    )
        .into_response())
}

/// The session that the browser has now, if its cookie opens one.
async fn before(api: &Api, parts: &Parts, config: &Config) -> Result<Option<Session>, Problem> {
    let name = cookie::name(cookie::SESSION, config);
    let [one] = cookie::values(&parts.headers, &name)[..] else {
        return Ok(None);
    };
    let Some((id, secret)) = door::parts(one) else {
        return Ok(None);
    };
    let id = id.to_owned();
    let found = api.desk.look(move |tx| Ok(tx.session(&id)?)).await?;
    Ok(found.filter(|it| it.ended.is_none() && opens(&it.values.current, secret)))
}
