//! Ways to the server: in clear or with TLS, past the gateway or through it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use velum_benches::client::{connect, log_in};
use velum_benches::relay::Asked;

use crate::gateway::Gateway;

/// An open session.
pub trait Stream: Read + Write {
    /// How TLS began, if it did.
    fn handshake(&self) -> Option<HandshakeKind> {
        None
    }
}

impl Stream for TcpStream {}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn handshake(&self) -> Option<HandshakeKind> {
        self.conn.handshake_kind()
    }
}

impl Stream for Box<dyn Stream> {
    fn handshake(&self) -> Option<HandshakeKind> {
        self.as_ref().handshake()
    }
}

/// One way to the server.
#[derive(Clone)]
pub struct Path {
    /// For the report.
    pub name: &'static str,
    port: u16,
    user: &'static str,
    /// The process in between.
    pub process: Option<u32>,
    tls: Option<Arc<ClientConfig>>,
}

impl Path {
    /// In clear; `process` is the one in between.
    pub fn new(name: &'static str, port: u16, process: Option<u32>) -> Self {
        Self {
            name,
            port,
            user: "exempt",
            process,
            tls: None,
        }
    }

    /// Through the gateway, in clear.
    pub fn through(gateway: &Gateway, name: &'static str, user: &'static str) -> Self {
        Self {
            user,
            ..Self::new(name, gateway.port, Some(gateway.id()))
        }
    }

    /// The same with TLS. Sessions are resumed if `resumes`.
    ///
    /// # Errors
    /// The gateway's certificate cannot be read.
    pub fn with_tls(self, gateway: &Gateway, resumes: bool) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(gateway.authority());
        let authority = authority.map_err(|error| error.to_string())?;
        roots.add(authority).map_err(|error| error.to_string())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if !resumes {
            config.resumption = Resumption::disabled();
        }
        Ok(Self {
            tls: Some(Arc::new(config)),
            ..self
        })
    }

    /// Under the same policy, by another name.
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// What becomes of results.
    pub fn asked(&self) -> Asked {
        match self.user {
            "content" => Asked::Content,
            _ => Asked::Exempt,
        }
    }

    /// A session that is logged in.
    ///
    /// # Panics
    /// If there is none.
    pub fn open(&self) -> Box<dyn Stream> {
        let Some(config) = &self.tls else {
            return Box::new(connect(self.port, self.user));
        };
        let mut tcp = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        tcp.set_nodelay(true).expect("a socket option");
        tcp.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).expect("sent");
        let mut answer = [0];
        tcp.read_exact(&mut answer).expect("an answer");
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(config), name).expect("a client");
        Box::new(log_in(StreamOwned::new(connection, tcp), self.user))
    }
}
