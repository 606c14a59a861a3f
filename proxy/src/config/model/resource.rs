//! What is behind the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::secret::{Secret, Source};

/// A name that is given, or whatever the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOrAny {
    /// `*`
    Any,
    /// This one.
    Fixed(String),
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceAddress {
    /// Over TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Path of the Unix socket itself.
    Unix(PathBuf),
}

/// How much of the database's TLS is verified; libpq's `sslmode` of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamTlsMode {
    /// No TLS.
    Disable,
    /// TLS, but nobody is verified.
    Require,
    /// The certificate's authority is verified.
    VerifyCa,
    /// The authority and the name.
    VerifyFull,
}

/// Connections to a database that wait for the next client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// So many at once, on all threads.
    pub most: usize,
    /// So long each.
    pub idle: Duration,
    /// From the log-in on, whoever it serves: what the database changed for the role since then
    /// does not hold in it.
    pub lifetime: Duration,
}

/// What logs in at a database.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A password that was read with the file.
    Known(Secret),
    /// A password in the store, by its name.
    Sealed(String),
    /// What a HashiCorp Vault, or an OpenBao, gives.
    Vault(Arc<VaultReference>),
}

/// `vault = { … }`
#[derive(Clone, Debug)]
pub struct VaultReference {
    /// `https://host:port`, without a slash at the end.
    pub address: String,
    /// Behind `/v1/`.
    pub path: String,
    /// Which value of the secret is the password; `None`: user and password of a dynamic role.
    pub field: Option<String>,
    /// Of whoever has several tenants.
    pub namespace: Option<String>,
    /// Read again at each request: an agent may renew it.
    pub token: Source,
    /// With which authorities.
    pub tls: Arc<rustls::ClientConfig>,
    /// A value is read again after so long.
    pub refresh: Duration,
}

/// Authorities do not count: they are made anew with each configuration.
impl PartialEq for VaultReference {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
            && self.path == other.path
            && self.field == other.field
            && self.namespace == other.namespace
    }
}

impl Credential {
    /// The password itself, if it was read with the file.
    pub fn known(&self) -> Option<&Secret> {
        match self {
            Self::Known(secret) => Some(secret),
            Self::Sealed(_) | Self::Vault(_) => None,
        }
    }

    /// User and password come together: the configuration's user does not count.
    pub fn is_dynamic(&self) -> bool {
        matches!(self, Self::Vault(vault) if vault.field.is_none())
    }
}

/// `[[resource]]`
#[derive(Clone, Debug)]
pub struct Resource {
    /// What identities refer to; clients ask for it as their database.
    pub name: String,
    /// Where it is.
    pub address: ResourceAddress,
    /// Database at the server.
    pub database: NameOrAny,
    /// Role at the server.
    pub user: NameOrAny,
    /// Role of the gateway's own sessions, which read the catalog; `None` if `user` is any and
    /// no `catalog_user` is given.
    pub catalog_user: Option<String>,
    /// Changes of the catalog are looked for before every statement, not only now and then.
    pub checks_statements: bool,
    /// Connections to the database that outlive their clients; `None`: none does.
    pub reuse: Option<Reuse>,
    /// Connections to the database at once; `None`: any number.
    pub connections_most: Option<usize>,
    /// The database reads in `application_name` who is connected.
    pub stamps_identity: bool,
    /// How much of TLS is verified.
    pub tls_mode: UpstreamTlsMode,
    /// Ready for use; there unless `tls_mode` is disable.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Password of the role, or what stands for both.
    pub password: Option<Credential>,
}
