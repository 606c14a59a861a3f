//! `/api/v1/notifications`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::Api;
use super::change::{Answer, Change, Shown};
use super::keys::administration;
use super::principal::{Principal, Role};
use super::problem::Problem;
use super::views::{All, NotificationView};
use crate::grants::Failure;
use crate::store::notifications::Delivery;

/// The newest of them are shown.
const MOST: u32 = 500;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// How they stand; without it, all.
    state: Option<Delivery>,
}

/// Lists notifications, the newest first; not what they tell.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(Wanted),
    responses((status = 200, body = All<NotificationView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Query(wanted): Query<Wanted>,
) -> Result<Json<All<NotificationView>>, Problem> {
    principal.must_be(&[Role::Admin, Role::Auditor])?;
    let found = api
        .desk
        .look(move |tx| Ok(tx.notifications(wanted.state, MOST)?));
    let items = found.await?.iter().map(NotificationView::from).collect();
    Ok(Json(All { items }))
}

/// Has one that was given up delivered after all.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/retry", tag = "notifications",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = NotificationView), (status = "4XX", body = Problem)))]
pub(super) async fn retry(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    change: Change,
) -> Result<Answer, Problem> {
    change.principal.must_be(&[Role::Admin])?;
    let actor = change.principal.id.clone();
    let job = change.run(&api, StatusCode::OK, move |tx, now| {
        if !tx.retry_notification(&id, now)? {
            return Err(Failure::Unknown);
        }
        let found = tx.notifications(Some(Delivery::Waiting), u32::MAX)?;
        let found = found
            .iter()
            .find(|it| it.id == id)
            .ok_or(Failure::Unknown)?;
        let happened = administration(&actor, "notification_retried", id.clone(), now);
        Ok((Shown::new(&NotificationView::from(found), 1)?, happened))
    });
    let answer = job.await?;
    api.desk.notify();
    Ok(answer)
}
