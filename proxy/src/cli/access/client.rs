//! One request to the API and its answer, by whom. Every failure names its cause and what to do.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
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
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::Connection;
use super::device::{self, There};
use super::stored::{Locked, Stored, folder};
use crate::api::problem::Problem;
use crate::cli::{FOUND, MISUSE};
use crate::identity::endpoints::Endpoints;

const API: &str = "http://127.0.0.1:6480";
/// From the first attempt to the whole answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A token is exchanged so long before it expires, in seconds.
const LEFT_S: u64 = 30;
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

pub(super) fn unusable<T>(text: impl Into<String>) -> Result<T, Failed> {
    Err(Failed::Unusable(text.into()))
}

/// What is shown to the API: a key, or a token.
#[derive(Clone)]
pub(super) struct Token(Zeroizing<String>);

impl Token {
    /// That of a log-in.
    pub(super) fn of(stored: &Stored) -> Self {
        Self(Zeroizing::new(stored.token.clone()))
    }
}

/// See the module's text.
pub(super) struct Client {
    base: Uri,
    host: String,
    port: u16,
    token: Option<Token>,
    authorities: Option<PathBuf>,
    tls: Option<Arc<rustls::ClientConfig>>,
    runtime: Rc<Runtime>,
    pub(super) json: bool,
}

impl Client {
    /// A client with a key, or with the token of `velum login`.
    pub(super) fn new(connection: &Connection) -> Result<Self, Failed> {
        let client = Self::anonymous(connection)?;
        let token = credential(connection.key_file.as_deref(), &client)?;
        Ok(client.with(token))
    }

    /// The same client with another credential.
    pub(super) fn with(&self, token: Token) -> Self {
        Self {
            base: self.base.clone(),
            host: self.host.clone(),
            port: self.port,
            token: Some(token),
            authorities: self.authorities.clone(),
            tls: self.tls.clone(),
            runtime: Rc::clone(&self.runtime),
            json: self.json,
        }
    }

    /// A client that shows nothing.
    pub(super) fn anonymous(connection: &Connection) -> Result<Self, Failed> {
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
        Ok(Self {
            port: base.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            host: bare,
            base,
            token: None,
            authorities: connection.api_ca.clone(),
            tls,
            runtime: Rc::new(runtime()?),
            json: connection.json,
        })
    }

    /// Where the API is.
    pub(super) fn address(&self) -> String {
        self.base.to_string().trim_end_matches('/').to_owned()
    }

    /// Authorities that its certificate may come from, if they are not those of this machine.
    pub(super) fn authorities(&self) -> Option<&Path> {
        self.authorities.as_deref()
    }

    /// Waits for something else.
    pub(super) fn wait<T>(&self, job: impl Future<Output = T>) -> T {
        self.runtime.block_on(job)
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
            .header(header::HOST, authority);
        if let Some(Token(token)) = &self.token {
            let bearer = Zeroizing::new(format!("Bearer {}", **token));
            request = request.header(header::AUTHORIZATION, bearer.as_str());
        }
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

pub(super) fn runtime() -> Result<Runtime, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| Failed::Unusable(error.to_string()))
}

/// The key, from wherever it is; without one the token of `velum login`.
fn credential(file: Option<&Path>, client: &Client) -> Result<Token, Failed> {
    if let (None, Some(key)) = (file, variable("VELUM_KEY")) {
        return Ok(Token(Zeroizing::new(key)));
    }
    let home = folder().map(|folder| folder.join("key"));
    let home = home.filter(|path| path.exists());
    let Some(path) = file.map(Path::to_owned).or(home) else {
        return logged_in(client);
    };
    match crate::config::secret::read_file(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            Ok(Token(Zeroizing::new(text)))
        }
        Err(error) => unusable(format!(
            "{error}\n  = set VELUM_KEY, or give --key-file; the first key is made by `velum keys \
             bootstrap`"
        )),
    }
}

/// The token of `velum login` for this API, exchanged for a newer one where it is time.
fn logged_in(client: &Client) -> Result<Token, Failed> {
    let nobody = "there is no key: set VELUM_KEY, give --key-file, or log in: velum login";
    let Some(folder) = folder().filter(|folder| folder.exists()) else {
        return unusable(nobody);
    };
    let locked = Locked::new(&folder);
    let locked =
        locked.map_err(|error| Failed::Unusable(format!("{}: {error}", folder.display())))?;
    let Some(mut stored) = locked.read().map_err(Failed::Unusable)? else {
        return unusable(nobody);
    };
    if stored.api != client.address() {
        return unusable(format!(
            "you are logged in at {}, which is another gateway; log in here: velum login",
            super::output::plain(&stored.api)
        ));
    }
    let now_s = crate::observe::now().0 / 1_000_000_000;
    if now_s + LEFT_S < stored.expires_s {
        return Ok(Token::of(&stored));
    }
    let over = "the log-in has expired; log in again: velum login";
    let Some(refresh_token) = stored.refresh_token.clone().map(Zeroizing::new) else {
        return unusable(over);
    };
    let tls = issuer_tls(stored.issuer_ca.as_deref())?;
    let tokens = client.wait(async {
        let endpoints = Endpoints::fetch(&stored.issuer, &tls).await;
        let endpoints = endpoints.map_err(|error| Failed::Unusable(error.to_string()))?;
        let there = There {
            endpoints: &endpoints,
            issuer: &stored.issuer,
            client_id: &stored.client_id,
            scope: "",
            tls: &tls,
        };
        device::refresh(&there, &refresh_token).await
    })?;
    let Some(tokens) = tokens else {
        return unusable(over);
    };
    tokens.id_token.as_str().clone_into(&mut stored.token);
    stored.expires_s = tokens.expires_s;
    if let Some(another) = tokens.refresh_token {
        stored.refresh_token = Some(another.to_string());
    }
    let written = locked.write(&stored);
    written.map_err(|error| Failed::Unusable(format!("cannot keep the token: {error}")))?;
    Ok(Token::of(&stored))
}

/// TLS towards an issuer, by these authorities or those of this machine.
pub(super) fn issuer_tls(authorities: Option<&Path>) -> Result<Arc<rustls::ClientConfig>, Failed> {
    tls(authorities)
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
