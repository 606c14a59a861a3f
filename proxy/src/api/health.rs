//! `/healthz` and `/readyz`: for whoever starts, watches and balances. They tell nothing else, and
//! so ask for no key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::Api;
use crate::planes::State as Gateway;

/// The control thread runs.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = str)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Clients are let in: the gateway is not going down, its log is written and its store answers.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = str), (status = 503, body = str)))]
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    let unready = |why| (StatusCode::SERVICE_UNAVAILABLE, why);
    match api.desk.shared().state() {
        Gateway::Running => {}
        Gateway::Draining => return unready("draining\n"),
        Gateway::LogFailed => return unready("the audit log has failed\n"),
    }
    match api.desk.look(|tx| Ok(tx.last_event()?)).await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => unready("the store does not answer\n"),
    }
}
