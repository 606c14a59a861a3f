//! `/api/v1/identities`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Api;
use super::principal::Principal;
use super::problem::Problem;
use super::views::{AccessView, All, IdentityView};
use crate::config::model::{Access, OnMissing};

/// Lists the identities of the configuration with what they may reach. Who only asks sees their
/// own.
#[utoipa::path(get, path = "/api/v1/identities", tag = "identities",
    responses((status = 200, body = All<IdentityView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    principal: Principal,
) -> Result<Json<All<IdentityView>>, Problem> {
    let config = api.desk.config();
    let seen = config
        .identities
        .iter()
        .filter(|it| principal.sees(&it.name));
    let items = seen.map(|identity| IdentityView {
        name: identity.name.clone(),
        access: identity.access.iter().map(access).collect(),
    });
    Ok(Json(All {
        items: items.collect(),
    }))
}

fn access(access: &Access) -> AccessView {
    let on_missing = access.grant.map(|needed| match needed.on_missing {
        OnMissing::Refuse => "refuse",
        OnMissing::Request => "request",
        OnMissing::Wait => "wait",
    });
    AccessView {
        resource: access.resource.clone(),
        policy: access.policy.clone(),
        grant: match access.grant {
            Some(_) => "required".to_owned(),
            None => "standing".to_owned(),
        },
        on_missing: on_missing.map(str::to_owned),
    }
}
