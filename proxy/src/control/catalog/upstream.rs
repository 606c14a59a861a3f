//! How the gateway logs in at a database for itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::{Client, NoTls};
use velum_core::wire::postgres::handshake::{UpstreamConfig, UpstreamTls};

use super::LoadError;
use super::entrance::{self, Entered, Secured};
use crate::config::model::{NameOrAny, Resource, ResourceAddress};
use crate::credentials::Login;

pub(super) const DOING: &str = "connecting";

/// A database and the gateway's own credential for it.
#[derive(Clone)]
pub struct Upstream {
    address: ResourceAddress,
    tls: Option<Arc<rustls::ClientConfig>>,
    user: String,
    database: String,
    login: Arc<Login>,
    timeout: Duration,
}

impl Upstream {
    /// The way to `database` of a resource; `None` if the resource names no role for the
    /// gateway itself.
    pub fn new(
        resource: &Resource,
        login: &Arc<Login>,
        database: &str,
        timeout: Duration,
    ) -> Option<Self> {
        let user = login.user().or(resource.catalog_user.as_deref())?;
        Some(Self {
            address: resource.address.clone(),
            tls: resource.tls.clone(),
            user: user.to_owned(),
            database: database.to_owned(),
            login: Arc::clone(login),
            timeout,
        })
    }

    /// The database that the gateway itself looks at when no client has named one.
    pub fn home(resource: &Resource, login: &Arc<Login>, timeout: Duration) -> Option<Self> {
        let database = match &resource.database {
            NameOrAny::Fixed(database) => database,
            NameOrAny::Any => "postgres",
        };
        Self::new(resource, login, database, timeout)
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
        let unreachable = |error: std::io::Error| LoadError {
            doing: DOING,
            reason: error.to_string(),
        };
        let entered = match &self.address {
            ResourceAddress::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                let stream = stream.map_err(unreachable)?;
                let _as_it_is = stream.set_nodelay(true);
                self.enter(stream, host).await?
            }
            ResourceAddress::Unix(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
                self.enter(stream, "").await?
            }
        };
        let mut config = tokio_postgres::Config::new();
        config.user(&self.user).dbname(&self.database);
        let connected = config.connect_raw(entered, NoTls).await;
        let (client, connection) = connected.map_err(|error| LoadError::new(DOING, &error))?;
        tokio::task::spawn_local(connection);
        Ok(client)
    }

    async fn enter(
        &self,
        stream: impl entrance::Stream + 'static,
        name: &str,
    ) -> Result<Entered, LoadError> {
        let tls = self.tls.as_ref();
        let password = self.login.password().map_err(|error| LoadError {
            doing: DOING,
            reason: error.to_string(),
        })?;
        let config = UpstreamConfig {
            tls: match tls {
                Some(_) => UpstreamTls::Require,
                None => UpstreamTls::Disable,
            },
            user: self.user.clone(),
            database: self.database.clone(),
            parameters: [("client_encoding", "UTF8"), ("application_name", "velum")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            password,
            minor: 0,
        };
        let tls = tls.map(|config| Secured { config, name });
        entrance::enter(stream, config, tls).await
    }
}
