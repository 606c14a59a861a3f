//! `/api/v1/openapi.json`: the API, described by its own handlers.

use axum::Json;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{events, grants, health, identities, keys, machine_keys, mcp, metrics, notifications};

/// Who sends what to where, and gets what.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Velum",
        description = "Who may reach which data, for how long, and who decided so."
    ),
    paths(
        grants::list,
        grants::show,
        grants::request,
        grants::approve,
        grants::deny,
        grants::revoke,
        grants::withdraw,
        grants::review,
        events::of_grant,
        events::stream,
        keys::list,
        keys::create,
        keys::revoke,
        machine_keys::list,
        machine_keys::create,
        machine_keys::revoke,
        notifications::list,
        notifications::retry,
        mcp::message,
        identities::list,
        health::healthz,
        health::readyz,
        metrics::metrics,
    ),
    modifiers(&Bearer),
    security(("key" = []))
)]
pub(super) struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", scheme);
    }
}

/// The document. It tells nothing of this gateway, and so asks for no key.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
