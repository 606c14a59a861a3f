//! `/api/v1/openapi.json`: the API, described by its own handlers.

use axum::Json;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::people::{cookie, door, oidc, saml, sessions};
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
        sessions::ways,
        oidc::start,
        oidc::callback,
        saml::start,
        saml::metadata,
        saml::acs,
        sessions::logout,
        sessions::me,
        sessions::list,
        sessions::revoke,
        health::healthz,
        health::readyz,
        metrics::metrics,
    ),
    modifiers(&Bearer),
    security(("key" = []), ("session" = []))
)]
pub(super) struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", scheme);
        let cookie = ApiKeyValue::with_description(
            format!("__Host-{}", cookie::SESSION),
            format!("changes also take the header `{}`", door::HEADER),
        );
        let scheme = SecurityScheme::ApiKey(ApiKey::Cookie(cookie));
        components.add_security_scheme("session", scheme);
    }
}

/// The document. It tells nothing of this gateway, and so asks for no key.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
