//! One request to the API and its answer. Every failure names its cause and what to do.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::uri::Scheme;
use axum::http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::Connection;
use crate::api::problem::Problem;
use crate::cli::{FOUND, MISUSE};

const API: &str = "http://127.0.0.1:6480";
/// From the first attempt to the whole answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no answer, or not the one that was wanted.
pub(super) enum Failed {
    /// The request could not even be made.
    Unusable(String),
    /// The API says no.
    Problem(Box<Problem>),
}

impl Failed {
    /// The exit status.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Unusable(_) => MISUSE,
            Self::Problem(problem) => match problem.status {
                400 | 401 | 422 => MISUSE,
                _ => FOUND,
            },
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(text) => writeln!(f, "{text}"),
            Self::Problem(problem) => {
                let word = problem.kind.strip_prefix(crate::api::problem::TYPE);
                let word = word.unwrap_or(&problem.kind);
                writeln!(f, "{} ({word})", super::output::plain(&problem.detail))?;
                match &problem.hint {
                    Some(hint) => writeln!(f, "  = {}", super::output::plain(hint)),
                    None => Ok(()),
                }
            }
        }
    }
}

fn unusable<T>(text: impl Into<String>) -> Result<T, Failed> {
    Err(Failed::Unusable(text.into()))
}

/// See the module's text.
pub(super) struct Client {
    base: Uri,
    host: String,
    port: u16,
    key: Zeroizing<String>,
    tls: Option<Arc<rustls::ClientConfig>>,
    runtime: tokio::runtime::Runtime,
    pub(super) json: bool,
}

impl Client {
    pub(super) fn new(connection: &Connection) -> Result<Self, Failed> {
        let address = connection.api.clone().or_else(|| variable("VELUM_API"));
        let address = address.unwrap_or_else(|| API.to_owned());
        let base: Uri = match address.parse() {
            Ok(base) => base,
            Err(_) => return unusable(format!("`{address}` is no address; write {API}")),
        };
        let is_tls = match base.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return unusable(format!("`{address}` is neither http:// nor https://")),
        };
        let Some(host) = base.host().map(str::to_owned) else {
            return unusable(format!("`{address}` names no host"));
        };
        let bare = host.trim_matches(['[', ']']).to_owned();
        let is_home =
            bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !is_tls && !is_home {
            return unusable(format!(
                "{address} would carry the key in clear over the network; write https://"
            ));
        }
        let tls = match is_tls {
            true => Some(tls(connection.api_ca.as_deref())?),
            false => None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Ok(Self {
            port: base.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            host: bare,
            base,
            key: key(connection.key_file.as_deref())?,
            tls,
            runtime: runtime.map_err(|error| Failed::Unusable(error.to_string()))?,
            json: connection.json,
        })
    }

    /// Asks for something.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        let request = self.request(Method::GET, path, None, &[])?;
        self.read(self.ask(request))
    }

    /// Changes something, once: where the connection breaks, it is asked again under the same
    /// idempotency key.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        version: Option<u64>,
    ) -> Result<T, Failed> {
        let mut chance = [0; 16];
        if getrandom::fill(&mut chance).is_err() {
            return unusable("the system gives no random bytes");
        }
        let once = format!("{:032x}", u128::from_be_bytes(chance));
        let mut headers = vec![("idempotency-key", once)];
        headers.extend(version.map(|version| ("if-match", format!("\"{version}\""))));
        let request = || self.request(Method::POST, path, Some(body), &headers);
        match self.ask(request()?) {
            Err(Broken::InBetween(_)) => self.read(self.ask(request()?)),
            answer => self.read(answer),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, String)],
    ) -> Result<Request<Full<Bytes>>, Failed> {
        let prefix = self.base.path().trim_end_matches('/');
        let authority = self.base.authority().map_or("", |it| it.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{prefix}{path}"))
            .header(header::HOST, authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", *self.key));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let built = request.body(Full::from(body));
        built.or_else(|_| {
            unusable("a value does not fit a request; is it free of control characters?")
        })
    }

    fn ask(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Broken> {
        let exchange = async { tokio::time::timeout(PATIENCE, self.exchange(request)).await };
        let answered = self.runtime.block_on(exchange);
        answered.unwrap_or_else(|_| Err(Broken::Before("no answer in time".to_owned())))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Broken> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| Broken::Before(error.to_string()))?;
        let Some(tls) = &self.tls else {
            return talk(stream, request).await;
        };
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|error| Broken::Before(error.to_string()))?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await;
        talk(
            stream.map_err(|error| Broken::Before(error.to_string()))?,
            request,
        )
        .await
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<(StatusCode, Bytes), Broken>,
    ) -> Result<T, Failed> {
        let (status, body) = match answer {
            Ok(answer) => answer,
            Err(Broken::Before(cause)) => {
                return unusable(format!(
                    "cannot reach {}: {cause}\n  = is the gateway running, with `[api]` in its \
                     configuration? --api or VELUM_API says where",
                    self.base
                ));
            }
            Err(Broken::InBetween(cause)) => {
                return unusable(format!(
                    "{} broke off: {cause}\n  = look whether it happened: velum grants list",
                    self.base
                ));
            }
        };
        if !status.is_success() {
            let problem: Result<Problem, _> = serde_json::from_slice(&body);
            return match problem {
                Ok(problem) => Err(Failed::Problem(Box::new(problem))),
                Err(_) => unusable(format!("{} answers {status}: is it Velum?", self.base)),
            };
        }
        serde_json::from_slice(&body).or_else(|_| {
            unusable(format!(
                "{} answers what this version does not know; use the gateway's own `velum`",
                self.base
            ))
        })
    }
}

/// Where a connection broke.
enum Broken {
    /// Before anything was asked.
    Before(String),
    /// After: it may have happened.
    InBetween(String),
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Broken> {
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| Broken::Before(error.to_string()))?;
    let driven = tokio::spawn(connection);
    let between = |error: &dyn fmt::Display| Broken::InBetween(error.to_string());
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| between(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES)
        .collect()
        .await;
    let body = body.map_err(|error| between(&error))?.to_bytes();
    driven.abort();
    Ok((status, body))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The key, from wherever it is.
fn key(file: Option<&Path>) -> Result<Zeroizing<String>, Failed> {
    if let (None, Some(key)) = (file, variable("VELUM_KEY")) {
        return Ok(Zeroizing::new(key));
    }
    let Some(path) = file.map(Path::to_owned).or_else(home_file) else {
        return unusable("there is no key: set VELUM_KEY, or give --key-file");
    };
    match crate::config::secret::read_file(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            Ok(Zeroizing::new(text))
        }
        Err(error) => unusable(format!(
            "{error}\n  = set VELUM_KEY, or give --key-file; the first key is made by `velum keys \
             bootstrap`"
        )),
    }
}

fn home_file() -> Option<PathBuf> {
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
    Some(folder?.join("velum/key"))
}

fn tls(authorities: Option<&Path>) -> Result<Arc<rustls::ClientConfig>, Failed> {
    let mut roots = rustls::RootCertStore::empty();
    match authorities {
        Some(path) => {
            let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            let found: Vec<_> =
                found.map_err(|error| Failed::Unusable(format!("{}: {error}", path.display())))?;
            roots.add_parsable_certificates(found);
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return unusable("no authority is known; give --api-ca FILE");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Failed::Unusable(error.to_string()))?;
    Ok(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}
