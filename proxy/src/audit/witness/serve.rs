//! A witness over HTTP (C2SP tlog-witness): `POST /add-checkpoint`.
//!
//! The request is what `velum audit prove --from` prints, the answer the cosignature line. TLS is
//! for whatever stands in front; nothing here is secret, and all of it is signed.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;
use velum_core::audit::tree::VerifierKey;
use velum_core::audit::tree::proof_text::ConsistencyProof;
use velum_core::audit::tree::witness::Refused;
use velum_core::limits::NOTE_BYTES;

use super::{Witness, WitnessError};
use crate::audit::store;
use crate::observe::{self, Field};
use crate::places::{Place, Places};

/// The path below the witness' address.
pub const PATH: &str = "/add-checkpoint";
/// What a body of a size alone is.
const SIZE: &str = "text/x.tlog.size";
/// Connections at once, and how long one may take for all that it asks.
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);
/// After an error of accept, such as no descriptor being left.
const REST: Duration = Duration::from_millis(100);

/// The witness, and the logs that it watches.
struct Watch {
    /// One request at a time is judged, written down and answered.
    witness: Mutex<Witness>,
    logs: Vec<VerifierKey>,
}

/// Serves for ever.
pub async fn serve(listener: TcpListener, witness: Witness, logs: Vec<VerifierKey>) {
    let watch = Arc::new(Watch {
        witness: Mutex::new(witness),
        logs,
    });
    let router = Router::new()
        .route(PATH, post(add))
        .layer(DefaultBodyLimit::max(NOTE_BYTES))
        .with_state(watch);
    let places = Places::new(CONNECTIONS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Some(place) = places.take().await else {
                    return pending().await;
                };
                let router = router.clone();
                tokio::spawn(async move {
                    let served = connection(stream, router, &place);
                    tokio::select! {
                        () = place.is_wanted() => {}
                        _late = tokio::time::timeout(PATIENCE, served) => {}
                    }
                });
            }
            Err(error) => {
                observe::event("witness-not-accepting", &[("cause", Field::Cause(&error))]);
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, place: &Arc<Place>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let busy = place.busy();
        async move {
            let _until_the_answer = busy;
            let answer: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off or breaks the protocol is gone; there is nobody to tell.
    let _gone = connection.await;
}

async fn add(State(watch): State<Arc<Watch>>, body: Bytes) -> Response {
    let request = match ConsistencyProof::parse(&body) {
        Ok(request) => request,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let time_s = observe::now().0 / 1_000_000_000;
    // A panic between two writes leaves what is on disk, which the next request reads.
    let mut witness = watch.witness.lock().unwrap_or_else(PoisonError::into_inner);
    let cosigned = witness.cosign(&request, &watch.logs, time_s);
    drop(witness);
    match cosigned {
        Ok(line) => line.into_response(),
        Err(error) => {
            let text = error.to_string();
            observe::event("not-cosigned", &[("cause", Field::Name(&text))]);
            match &error {
                WitnessError::Refused(refused) => answer(refused, &request, &text),
                WitnessError::Unseen(_) | WitnessError::Io(..) | WitnessError::State(..) => {
                    refusal(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "the witness cannot sign now",
                    )
                }
            }
        }
    }
}

/// The status of each refusal, as the specification has it.
fn answer(refused: &Refused, request: &ConsistencyProof, text: &str) -> Response {
    match refused {
        Refused::Malformed(_) => refusal(StatusCode::BAD_REQUEST, text),
        Refused::Signature(_) => refusal(StatusCode::FORBIDDEN, text),
        Refused::UnknownLog(_) => refusal(StatusCode::NOT_FOUND, text),
        Refused::Conflict { size, .. } => {
            let body = format!("{size}\n");
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE)], body).into_response()
        }
        // The same size with another root is a conflict too, and nothing that a size would mend.
        Refused::Inconsistent { size, .. }
            if store::size_of(request.checkpoint.as_bytes()) == Some(*size) =>
        {
            refusal(StatusCode::CONFLICT, text)
        }
        Refused::Inconsistent { .. } => refusal(StatusCode::UNPROCESSABLE_ENTITY, text),
    }
}

fn refusal(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}
