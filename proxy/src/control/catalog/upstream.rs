//! How the gateway logs in at a database for itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::LoadError;
use crate::config::model::{NameOrAny, Resource, ResourceAddress};

/// A database and the gateway's own credential for it.
#[derive(Clone, Debug)]
pub struct Upstream {
    config: tokio_postgres::Config,
    tls: Option<Arc<rustls::ClientConfig>>,
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
        Some(Self {
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
            let client = match &self.tls {
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    tokio::task::spawn_local(connection);
                    client
                }
                Some(tls) => {
                    let connector = MakeRustlsConnect::new(rustls::ClientConfig::clone(tls));
                    let (client, connection) = self.config.connect(connector).await?;
                    tokio::task::spawn_local(connection);
                    client
                }
            };
            client
                .batch_execute(
                    "set search_path to ''; set statement_timeout to '60s'; \
                     set default_transaction_read_only to on",
                )
                .await?;
            Ok(client)
        };
        match tokio::time::timeout(self.timeout, set_up).await {
            Ok(connected) => connected.map_err(|error| LoadError::new("connecting", &error)),
            Err(_) => Err(LoadError::late("connecting")),
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
