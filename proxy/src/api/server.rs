//! Connections of the API: accepted, bounded in number and time, spoken HTTP/1.1 with.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{Api, router};
use crate::config::model;
use crate::observe::{self, Field};
use crate::places::{Place, Places};

/// From the connection to the end of its TLS handshake, and from there to each request's head.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// After an error of accept, such as no descriptor being left.
const REST: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Opens the listener.
///
/// # Errors
/// When the address is in use or not of this machine.
pub async fn bind(config: &model::Api) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(config.listen).await?;
    let address = listener.local_addr()?;
    let tls = if config.tls.is_some() {
        "required"
    } else {
        "off"
    };
    let fields = [
        ("address", Field::Address(address)),
        ("tls", Field::Word(tls)),
    ];
    observe::event("api-listening", &fields);
    Ok(listener)
}

/// Serves for ever.
pub async fn run(listener: TcpListener, api: Arc<Api>) {
    let Some(config) = api.desk.config().api.clone() else {
        return;
    };
    let router = router(Arc::clone(&api), config.body_bytes);
    accept(listener, api, router, &Places::new(config.connections)).await;
}

pub(super) async fn accept(listener: TcpListener, api: Arc<Api>, router: Router, places: &Places) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(place) = places.take().await else {
                    return;
                };
                let (api, router) = (Arc::clone(&api), router.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = place.is_wanted() => {}
                        () = connection(stream, Peer(peer), api, router, &place) => {}
                    }
                });
            }
            Err(error) => {
                observe::event("api-not-accepting", &[("cause", Field::Cause(&error))]);
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    api: Arc<Api>,
    router: Router,
    place: &Arc<Place>,
) {
    let _as_it_is = stream.set_nodelay(true);
    // A reload may have brought another certificate.
    let config = api.desk.config();
    let tls = config.api.as_ref().and_then(|api| api.tls.as_ref());
    let Some(tls) = tls else {
        return serve(stream, peer, router, place).await;
    };
    let mut tls = rustls::ServerConfig::clone(&tls.config);
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let handshake = TlsAcceptor::from(Arc::new(tls)).accept(stream);
    // Who does not speak TLS has closed or been told by it.
    if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, handshake).await {
        serve(stream, peer, router, place).await;
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    router: Router,
    place: &Arc<Place>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let busy = place.busy();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let answer: Result<Response<Body>, Infallible> = router.oneshot(request).await;
            // A stream of events goes on long after its head.
            answer.map(|answer| {
                answer.map(|body| {
                    body.map_frame(move |frame| {
                        let _until_the_end = &busy;
                        frame
                    })
                })
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off or breaks the protocol is gone; there is nobody to tell.
    let _gone = connection.await;
}
