//! `/api/v1/keys`

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use velum_core::audit::record::{Body, Record, SessionId};

use super::change::{Answer, Change, Shown};
use super::principal::{Principal, Role};
use super::problem::Problem;
use super::views::{All, Decide, KeyView, NewKey};
use super::{Api, secret};
use crate::grants::Failure;
use crate::grants::desk::Happened;
use crate::store::StoreError;
use crate::store::keys::Bearer;

const DAY_S: u64 = 86_400;
/// How long a key holds if nobody says, and at most.
pub(super) const LIFE_S: u64 = 90 * DAY_S;
pub(super) const LIFE_MOST_S: u64 = 366 * DAY_S;
/// Longest name of an owner, a group or an identity.
pub(super) const NAME_BYTES: usize = 128;

/// Lists all keys, without their secrets.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys",
    responses((status = 200, body = All<KeyView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    principal: Principal,
) -> Result<Json<All<KeyView>>, Problem> {
    principal.must_be(&[Role::Admin, Role::Auditor])?;
    let keys = api.desk.look(|tx| Ok(tx.keys()?)).await?;
    let items = keys.iter().map(KeyView::from).collect();
    Ok(Json(All { items }))
}

/// Makes a key. The answer holds it, this once.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = NewKey,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = KeyView), (status = "4XX", body = Problem)))]
pub(super) async fn create(State(api): State<Arc<Api>>, change: Change) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Admin])?;
    change.principal.must_be_fresh(&api)?;
    let new: NewKey = change.read()?;
    let life_s = new.seconds.unwrap_or(LIFE_S);
    let actor = change.principal.id.clone();
    let bearer = bearer(new, life_s, &actor)?;
    let now = api.desk.now();
    let drawn = secret::draw(bearer, now, now.after_ms(life_s.saturating_mul(1_000)));
    let (key, text) = drawn.map_err(|_| Problem::from(Failure::Closed))?;
    let job = change.run(&api, StatusCode::CREATED, move |tx, now| {
        tx.insert_key(&key)?;
        let roles: Vec<&str> = key.bearer.roles.iter().map(|role| role.as_str()).collect();
        let subject = format!("{} of {} ({})", key.id, key.bearer.owner, roles.join(", "));
        let happened = administration(&actor, "key_created", subject, now);
        Ok((Shown::new(&KeyView::from(&key), key.version)?, happened))
    });
    let mut answer = job.await?;
    if !answer.is_replayed {
        // What was kept for who asks again has no secret in it.
        let mut view: KeyView = serde_json::from_str(&answer.kept.body)
            .map_err(|error| Problem::from(Failure::Store(StoreError::from(error))))?;
        view.key = Some(text.to_string());
        answer.kept.body = Shown::new(&view, view.version)?.body;
    }
    Ok(answer)
}

/// Takes a key back: from the next request on it opens nothing.
#[utoipa::path(post, path = "/api/v1/keys/{id}/revoke", tag = "keys", request_body = Decide,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = KeyView), (status = "4XX", body = Problem)))]
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Admin])?;
    let Decide { rationale } = change.read()?;
    let why = crate::grants::masked(&api.desk.detectors, &rationale);
    let (actor, seen) = (change.principal.id.clone(), change.version);
    let job = change.run(&api, StatusCode::OK, move |tx, now| {
        let key = tx.key(&id)?.ok_or(Failure::Unknown)?;
        if seen.is_some_and(|seen| seen != key.version) {
            return Err(Failure::Stale {
                version: key.version,
            });
        }
        tx.revoke_key(&id, key.version, now)?;
        let revoked = tx.key(&id)?.ok_or(Failure::Unknown)?;
        let subject = format!("{id} of {}: {why}", key.bearer.owner);
        let happened = administration(&actor, "key_revoked", subject, now);
        Ok((
            Shown::new(&KeyView::from(&revoked), revoked.version)?,
            happened,
        ))
    });
    job.await
}

pub(super) fn administration(
    actor: &str,
    event: &str,
    subject: String,
    time: velum_core::time::Timestamp,
) -> Happened {
    let record = Record {
        time,
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body: Body::Administration {
            actor: actor.to_owned(),
            event: event.to_owned(),
            subject,
        },
    };
    Happened {
        records: vec![record],
        ..Happened::default()
    }
}

fn bearer(new: NewKey, life_s: u64, actor: &str) -> Result<Bearer, Problem> {
    let wrong = |detail: String| Err(Problem::unprocessable("key-malformed", detail));
    if new.roles.is_empty() {
        return wrong("a key needs a role".to_owned());
    }
    if !(1..=LIFE_MOST_S).contains(&life_s) {
        return wrong(format!("a key holds between 1 and {LIFE_MOST_S} seconds"));
    }
    let names = [&new.owner];
    let names = names
        .into_iter()
        .chain(&new.groups)
        .chain(&new.identities)
        .chain(&new.chain);
    for name in names {
        let is_name =
            !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(char::is_control);
        if !is_name {
            return wrong(format!(
                "a name has 1 to {NAME_BYTES} bytes and no control characters"
            ));
        }
    }
    let asks = new.roles.contains(&Role::Requester);
    if asks == new.identities.is_empty() {
        let detail = "a requester, and nobody else, names identities; `*` is any";
        return wrong(detail.to_owned());
    }
    let any = BTreeSet::from(["*".to_owned()]);
    Ok(Bearer {
        owner: new.owner,
        roles: new.roles,
        groups: new.groups,
        identities: match new.identities {
            identities if identities == any => None,
            identities => Some(identities),
        },
        chain: new.chain,
        created_by: actor.to_owned(),
        is_bootstrap: false,
    })
}
