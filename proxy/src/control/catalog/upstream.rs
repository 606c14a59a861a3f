//! How the gateway logs in at a database for itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::LoadError;
use super::guard::Guarded;
use crate::config::model::{NameOrAny, Resource, ResourceAddress};

const DOING: &str = "connecting";

/// A database and the gateway's own credential for it.
#[derive(Clone, Debug)]
pub struct Upstream {
    config: tokio_postgres::Config,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// Host and port, unless it is a Unix socket.
    tcp: Option<(String, u16)>,
    timeout: Duration,
}

impl Upstream {
    /// The way to `database` of a resource; `None` if the resource names no role for the
    /// gateway itself.
    pub fn new(resource: &Resource, database: &str, timeout: Duration) -> Option<Self> {
        let mut config = tokio_postgres::Config::new();
        config.user(resource.catalog_user.as_deref()?);
        config
            .dbname(database)
            .application_name("velum")
            .connect_timeout(timeout);
        match &resource.address {
            ResourceAddress::Tcp { host, port } => config.host(host).port(*port),
            ResourceAddress::Unix(socket) => {
                let directory = socket.parent().unwrap_or(Path::new("/"));
                config.host_path(directory).port(port_of(socket))
            }
        };
        if let Some(password) = &resource.password {
            config.password(password.expose());
        }
        config.ssl_mode(if resource.tls.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        let tcp = match &resource.address {
            ResourceAddress::Tcp { host, port } => Some((host.clone(), *port)),
            ResourceAddress::Unix(_) => None,
        };
        Some(Self {
            tcp,
            config,
            tls: resource.tls.clone(),
            timeout,
        })
    }

    /// The database that the gateway itself looks at when no client has named one.
    pub fn home(resource: &Resource, timeout: Duration) -> Option<Self> {
        let database = match &resource.database {
            NameOrAny::Fixed(database) => database,
            NameOrAny::Any => "postgres",
        };
        Self::new(resource, database, timeout)
    }

    /// A session of the gateway's own, with names that mean the same whatever the role's
    /// settings are. Must be called inside of a `LocalSet`.
    ///
    /// # Errors
    /// When the database cannot be reached in time or does not let us in.
    pub async fn connect(&self) -> Result<Client, LoadError> {
        let set_up = async {
            let client = self.log_in().await?;
            // A lock is given up well before `deadlock_timeout` (1 s) of whoever waits for ours.
            let settings = "set search_path to ''; set statement_timeout to '20s'; \
                            set lock_timeout to '400ms'; \
                            set default_transaction_read_only to on";
            client
                .batch_execute(settings)
                .await
                .map_err(|error| LoadError::new(DOING, &error))?;
            Ok(client)
        };
        match tokio::time::timeout(self.timeout, set_up).await {
            Ok(connected) => connected,
            Err(_) => Err(LoadError::late(DOING)),
        }
    }

    async fn log_in(&self) -> Result<Client, LoadError> {
        let failed = |error: tokio_postgres::Error| LoadError::new(DOING, &error);
        match (&self.tls, &self.tcp) {
            (Some(tls), _) => {
                let connector = MakeRustlsConnect::new(rustls::ClientConfig::clone(tls));
                let connected = self.config.connect(connector).await;
                let (client, connection) = connected.map_err(failed)?;
                tokio::task::spawn_local(connection);
                Ok(client)
            }
            (None, Some((host, port))) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                let stream = stream.map_err(|error| LoadError {
                    doing: DOING,
                    reason: error.to_string(),
                })?;
                let connected = self.config.connect_raw(Guarded::new(stream), NoTls).await;
                let (client, connection) = connected.map_err(failed)?;
                tokio::task::spawn_local(connection);
                Ok(client)
            }
            (None, None) => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
                tokio::task::spawn_local(connection);
                Ok(client)
            }
        }
    }
}

/// The port that a socket's name ends in.
fn port_of(socket: &Path) -> u16 {
    let extension = socket.extension().and_then(|digits| digits.to_str());
    extension
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(5432)
}
