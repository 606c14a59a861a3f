//! A browser as far as log-ins need one: a real HTTP client with TLS, a cookie jar that minds
//! attributes, forms, and redirects that are followed one at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
pub struct Seen {
    pub status: StatusCode,
    pub location: Option<String>,
    pub kind: String,
    pub set_cookies: Vec<String>,
    pub body: String,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The word of a problem.
    pub fn problem(&self) -> String {
        assert_eq!(self.kind, "application/problem+json", "{}", self.body);
        let kind = self.json()["type"].as_str().expect("a type").to_owned();
        kind.trim_start_matches("urn:velum:problem:").to_owned()
    }
}

/// See the module's text.
#[derive(Clone)]
pub struct Browser {
    /// By host and name: ports share cookies.
    pub jar: BTreeMap<(String, String), String>,
    tls: Arc<rustls::ClientConfig>,
}

impl Browser {
    /// One that trusts this authority.
    pub fn new(authority: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let found = CertificateDer::pem_file_iter(authority).expect("PEM");
        roots.add_parsable_certificates(found.map(|it| it.expect("a certificate")));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            jar: BTreeMap::new(),
            tls: Arc::new(tls),
        }
    }

    /// The value of a cookie of a host, if the browser has one.
    pub fn cookie(&self, host: &str, name: &str) -> Option<String> {
        self.jar.get(&(host.to_owned(), name.to_owned())).cloned()
    }

    pub fn get(&mut self, url: &str) -> Seen {
        self.send(Method::GET, url, &[], "")
    }

    pub fn form(&mut self, url: &str, fields: &[(&str, &str)]) -> Seen {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, url, &kind, &form.finish())
    }

    /// Follows redirects until one leads to an address that begins like this, or there is none.
    pub fn follow(&mut self, url: &str, until: &str) -> Result<String, Seen> {
        let mut url = url.to_owned();
        for _ in 0..20 {
            if url.starts_with(until) {
                return Ok(url);
            }
            let seen = self.get(&url);
            match &seen.location {
                Some(next) => url = join(&url, next),
                None => return Err(seen),
            }
        }
        panic!("it goes round and round: {url}")
    }

    pub fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Seen {
        let uri: Uri = url.parse().expect("an address");
        let host = uri.host().expect("a host").to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, uri.authority().expect("a host").as_str());
        let own = self.jar.iter().filter(|((of, _), _)| *of == host);
        let own: Vec<_> = own
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if !own.is_empty() {
            request = request.header(header::COOKIE, own.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::from(body.to_owned()))
            .expect("a request");
        let port = uri.port_u16().expect("a port");
        let seen = exchange(&host, port, is_tls.then(|| Arc::clone(&self.tls)), request);
        for line in &seen.set_cookies {
            self.keep(&host, is_tls, line);
        }
        seen
    }

    /// Takes a cookie as browsers do: RFC 6265bis.
    fn keep(&mut self, host: &str, is_tls: bool, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts
            .next()
            .and_then(|it| it.split_once('='))
            .expect("a cookie");
        let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        let has = |attribute: &str| attributes.iter().any(|it| it == attribute);
        let is_secure = has("secure");
        if name.starts_with("__Host-") {
            assert!(
                is_tls && is_secure && has("path=/"),
                "a browser drops it: {line}"
            );
            assert!(
                !attributes.iter().any(|it| it.starts_with("domain")),
                "{line}"
            );
        }
        if name.contains("velum") {
            assert!(has("httponly") && has("path=/"), "{line}");
            assert!(
                attributes.iter().any(|it| it.starts_with("samesite=")),
                "{line}"
            );
        }
        let key = (host.to_owned(), name.to_owned());
        match value.is_empty() || has("max-age=0") {
            true => self.jar.remove(&key),
            false => self.jar.insert(key, value.to_owned()),
        };
    }
}

/// An address that another one leads to.
pub fn join(from: &str, to: &str) -> String {
    if to.contains("://") {
        return to.to_owned();
    }
    let end = from.find("://").map_or(0, |at| at + 3);
    let end = from[end..].find('/').map_or(from.len(), |at| end + at);
    format!("{}{to}", &from[..end])
}

/// The parameters of an address.
pub fn query(url: &str) -> BTreeMap<String, String> {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn exchange(
    host: &str,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
    request: Request<Full<Bytes>>,
) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let exchange = async {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("connected");
        match tls {
            None => talk(stream, request).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).expect("a name");
                let stream = TlsConnector::from(tls).connect(name, stream).await;
                talk(stream.expect("TLS"), request).await
            }
        }
    };
    let exchange = async { tokio::time::timeout(PATIENCE, exchange).await };
    let seen = runtime.expect("a runtime").block_on(exchange);
    seen.expect("an answer in time")
}

async fn talk(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Seen {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    let driven = tokio::spawn(connection);
    let answer = sender.send_request(request).await.expect("an answer");
    let text = |name| {
        let value = answer.headers().get(name)?;
        Some(value.to_str().expect("text").to_owned())
    };
    let (location, kind) = (text(header::LOCATION), text(header::CONTENT_TYPE));
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let set_cookies = cookies
        .map(|it| it.to_str().expect("text").to_owned())
        .collect();
    let status = answer.status();
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    driven.abort();
    Seen {
        status,
        location,
        kind: kind.unwrap_or_default(),
        set_cookies,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
