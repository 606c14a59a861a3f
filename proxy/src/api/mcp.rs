//! `/mcp`: the Model Context Protocol over HTTP, without a session: each POST is one message.
//!
//! A call of a tool goes through the API's own paths, as the caller, with all that they check.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tower::ServiceExt;

use super::change::IDEMPOTENCY_KEY;
use super::principal::Principal;
use super::problem::Problem;
use super::server::Peer;
use super::{Api, router};
use crate::mcp::tools::Plan;
use crate::mcp::{self, MESSAGE_BYTES, Step};

/// Takes a message, and answers it.
#[utoipa::path(post, path = "/mcp", tag = "agents", request_body = Object,
    responses((status = 200, description = "the answer, JSON-RPC 2.0"),
        (status = 202, description = "it wanted none"), (status = "4XX", body = Problem)))]
pub(super) async fn message(
    State(api): State<Arc<Api>>,
    _known: Principal,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    // A page that a browser shows has no business here, whatever name it has made ours.
    if headers.contains_key(header::ORIGIN) {
        return Err(Problem::forbidden("this is not for pages of a browser"));
    }
    let body = Bytes::from_request(request, &api).await;
    let body = body.map_err(|_| Problem::bad("the body cannot be read"))?;
    let answer = match mcp::respond(&body) {
        Step::Silence => return Ok(StatusCode::ACCEPTED.into_response()),
        Step::Answer(answer) => answer,
        Step::Ask(id, plan) => {
            let asked = ask(&api, &plan, &headers, peer.map(|peer| peer.0.0)).await;
            mcp::answer(&id, plan.result(asked))
        }
    };
    Ok(Json(answer).into_response())
}

/// Asks the API as who has sent the message.
async fn ask(
    api: &Arc<Api>,
    plan: &Plan,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Result<Value, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut request = Request::builder().uri(&plan.path).method(match plan.body {
        None => Method::GET,
        Some(_) => Method::POST,
    });
    for (name, value) in headers {
        if name == header::AUTHORIZATION || name == IDEMPOTENCY_KEY {
            request = request.header(name, value);
        }
    }
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let body = plan.body.as_ref().map(Value::to_string).unwrap_or_default();
    let mut request = request
        .body(Body::from(body))
        .map_err(|error| text(&error))?;
    if let Some(peer) = peer {
        request.extensions_mut().insert(Peer(peer));
    }
    let Ok(answer) = router(Arc::clone(api), MESSAGE_BYTES)
        .oneshot(request)
        .await;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MESSAGE_BYTES)
        .collect()
        .await;
    let body = body.map_err(|error| text(&error))?.to_bytes();
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| text(&error));
    }
    let problem: Result<Problem, _> = serde_json::from_slice(&body);
    let problem = problem.map_err(|_| format!("the API answers {}", status.as_u16()))?;
    let word = problem.kind.strip_prefix(super::problem::TYPE);
    let hint = problem
        .hint
        .map(|hint| format!(": {hint}"))
        .unwrap_or_default();
    Err(format!(
        "{} ({}){hint}",
        problem.detail,
        word.unwrap_or(&problem.kind)
    ))
}
