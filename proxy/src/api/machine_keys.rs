//! `/api/v1/machine-keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use velum_core::wire::postgres::handshake::ScramVerifier;
use zeroize::Zeroizing;

use super::Api;
use super::change::{Answer, Change, Shown};
use super::keys::{LIFE_MOST_S, LIFE_S, NAME_BYTES, administration};
use super::machine_key::{self, Order};
use super::principal::{Principal, Role};
use super::problem::Problem;
use super::views::{All, Decide, MachineKeyView, NewMachineKey};
use crate::config::model::Auth;
use crate::grants::desk::Happened;
use crate::grants::{Failure, masked};
use crate::store::StoreError;

/// Lists all keys of machines, without their secrets.
#[utoipa::path(get, path = "/api/v1/machine-keys", tag = "keys",
    responses((status = 200, body = All<MachineKeyView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    principal: Principal,
) -> Result<Json<All<MachineKeyView>>, Problem> {
    principal.must_be(&[Role::Admin, Role::Auditor])?;
    let keys = api.desk.look(|tx| Ok(tx.machine_keys()?)).await?;
    let items = keys.iter().map(MachineKeyView::from).collect();
    Ok(Json(All { items }))
}

/// Makes a key by which an identity logs in at its databases. The answer holds it, this once.
#[utoipa::path(post, path = "/api/v1/machine-keys", tag = "keys", request_body = NewMachineKey,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = MachineKeyView), (status = "4XX", body = Problem)))]
pub(super) async fn create(State(api): State<Arc<Api>>, change: Change) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Admin])?;
    change.principal.must_be_fresh(&api)?;
    let new: NewMachineKey = change.read()?;
    let life_s = new.seconds.unwrap_or(LIFE_S);
    check(&api, &new, life_s)?;
    let actor = change.principal.id.clone();
    let note = masked(&api.desk.detectors, &new.note);
    let shown = Arc::new(std::sync::Mutex::new(None));
    let place = Arc::clone(&shown);
    let job = change.run(&api, StatusCode::CREATED, move |tx, now| {
        let sibling = tx.machine_key_verifier(&new.identity)?;
        let sibling = sibling.as_deref().map(ScramVerifier::parse).transpose();
        let sibling =
            sibling.map_err(|_| Failure::Store(StoreError::Corrupt("a machine key".to_owned())))?;
        let order = Order {
            identity: new.identity,
            note,
            created_by: actor.clone(),
            created_at: now,
            expires_at: now.after_ms(life_s.saturating_mul(1_000)),
        };
        let drawn = machine_key::draw(order, sibling.as_ref());
        let (key, text) = drawn.map_err(|_| Failure::Closed)?;
        tx.insert_machine_key(&key)?;
        *place
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(text);
        let subject = format!("{} of {}", key.id, key.identity);
        let happened = Happened {
            changes_keys: true,
            ..administration(&actor, "machine_key_created", subject, now)
        };
        Ok((
            Shown::new(&MachineKeyView::from(&key), key.version)?,
            happened,
        ))
    });
    let mut answer = job.await?;
    let text: Option<Zeroizing<String>> = shown
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    if let (false, Some(text)) = (answer.is_replayed, text) {
        // What was kept for who asks again has no secret in it.
        let mut view: MachineKeyView = serde_json::from_str(&answer.kept.body)
            .map_err(|error| Problem::from(Failure::Store(StoreError::from(error))))?;
        view.key = Some(text.to_string());
        answer.kept.body = Shown::new(&view, view.version)?.body;
    }
    Ok(answer)
}

/// Takes a key back: nobody logs in by it any more, and sessions that did end.
#[utoipa::path(post, path = "/api/v1/machine-keys/{id}/revoke", tag = "keys",
    request_body = Decide,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = MachineKeyView), (status = "4XX", body = Problem)))]
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Admin])?;
    let Decide { rationale } = change.read()?;
    let why = masked(&api.desk.detectors, &rationale);
    let (actor, seen) = (change.principal.id.clone(), change.version);
    let job = change.run(&api, StatusCode::OK, move |tx, now| {
        let key = tx.machine_key(&id)?.ok_or(Failure::Unknown)?;
        if seen.is_some_and(|seen| seen != key.version) {
            return Err(Failure::Stale {
                version: key.version,
            });
        }
        tx.revoke_machine_key(&id, key.version, now)?;
        let revoked = tx.machine_key(&id)?.ok_or(Failure::Unknown)?;
        let subject = format!("{id} of {}: {why}", key.identity);
        let happened = Happened {
            changes_keys: true,
            ..administration(&actor, "machine_key_revoked", subject, now)
        };
        let view = MachineKeyView::from(&revoked);
        Ok((Shown::new(&view, revoked.version)?, happened))
    });
    job.await
}

fn check(api: &Api, new: &NewMachineKey, life_s: u64) -> Result<(), Problem> {
    let wrong = |detail: String| Err(Problem::unprocessable("key-malformed", detail));
    if !(1..=LIFE_MOST_S).contains(&life_s) {
        return wrong(format!("a key holds between 1 and {LIFE_MOST_S} seconds"));
    }
    if new.note.len() > NAME_BYTES || new.note.contains(char::is_control) {
        return wrong(format!(
            "a note has at most {NAME_BYTES} bytes and no control characters"
        ));
    }
    let config = api.desk.config();
    let mut identities = config.identities.iter();
    match identities.find(|it| it.name == new.identity) {
        Some(identity) if matches!(identity.auth, Auth::Key) => Ok(()),
        Some(_) => wrong("this identity does not log in by keys: auth = \"key\"".to_owned()),
        None => wrong("the configuration has no such identity".to_owned()),
    }
}
