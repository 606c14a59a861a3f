//! How the store logs in at PostgreSQL.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};
use velum_core::wire::postgres::handshake::{UpstreamConfig, UpstreamTls};

use super::failed;
use crate::config::model::ResourceAddress;
use crate::config::secret::Source;
use crate::control::catalog::entrance::{self, Entered, Secured};
use crate::store::StoreError;

/// For one server, from the first packet to the last setting.
const WITHIN: Duration = Duration::from_secs(3);
/// A server that says nothing for so long is not there any more.
const SILENCE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// `pg_current_xact_id` and `pg_xact_status` are of 13.
const OLDEST: i64 = 130_000;

/// What every session is set to. Names mean the same whatever the role's settings are; nobody holds
/// others up for ever, a gateway that was stopped in the middle of a transaction neither.
const SETTINGS: &str = "
    SET search_path TO velum, pg_temp;
    SET statement_timeout TO '10s';
    SET lock_timeout TO '5s';
    SET idle_in_transaction_session_timeout TO '10s';
    SET client_min_messages TO error;
    SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') = 'off';
";

/// A PostgreSQL that holds a store, and how to log in there.
#[derive(Clone, Debug)]
pub struct Server {
    /// The first of these that writes is used.
    pub hosts: Vec<ResourceAddress>,
    /// The role.
    pub user: String,
    /// The database; the tables are in its schema `velum`.
    pub database: String,
    /// The role's password, read at each log-in.
    pub password: Option<Source>,
    /// `None` is no TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Server {
    /// Where it is, for people.
    pub fn shown(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(shown).collect();
        format!("{} of {}", self.database, hosts.join(", "))
    }
}

/// What a running gateway cannot change; certificates and passwords are read anew.
impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        (&self.hosts, &self.user, &self.database) == (&other.hosts, &other.user, &other.database)
            && self.tls.is_some() == other.tls.is_some()
            && self.password == other.password
    }
}

impl Eq for Server {}

/// Opens a session at the first server that takes writes. What others notify of goes to `heard`.
///
/// # Errors
/// Why there is none: of the last that was tried.
pub(super) async fn connect(
    server: &Server,
    heard: Option<mpsc::UnboundedSender<String>>,
) -> Result<Client, StoreError> {
    let mut last = StoreError::Away("no server is named".to_owned());
    for host in &server.hosts {
        let connected = connect_to(server, host, heard.clone());
        let late = || StoreError::Away(format!("{}: no answer in time", shown(host)));
        match tokio::time::timeout(WITHIN, connected).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => last = error,
            Err(_) => last = late(),
        }
    }
    Err(last)
}

async fn connect_to(
    server: &Server,
    host: &ResourceAddress,
    heard: Option<mpsc::UnboundedSender<String>>,
) -> Result<Client, StoreError> {
    let away = |reason: String| StoreError::Away(format!("{}: {reason}", shown(host)));
    let entered = match host {
        ResourceAddress::Tcp { host: name, port } => {
            let stream = TcpStream::connect((name.as_str(), *port)).await;
            let stream = stream.map_err(|error| away(error.to_string()))?;
            notice_silence(&stream).map_err(|error| away(error.to_string()))?;
            enter(server, stream, name).await
        }
        ResourceAddress::Unix(path) => {
            let stream = UnixStream::connect(path).await;
            enter(server, stream.map_err(|error| away(error.to_string()))?, "").await
        }
    };
    let mut config = tokio_postgres::Config::new();
    config.user(&server.user).dbname(&server.database);
    let connected = config.connect_raw(entered.map_err(away)?, NoTls).await;
    let (client, mut connection) = connected.map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let (AsyncMessage::Notification(it), Some(heard)) = (message, &heard) {
                let _nobody_listens = heard.send(it.payload().to_owned());
            }
        }
    });
    set_up(&client).await?;
    Ok(client)
}

fn shown(host: &ResourceAddress) -> String {
    match host {
        ResourceAddress::Tcp { host, port } => format!("{host}:{port}"),
        ResourceAddress::Unix(path) => path.display().to_string(),
    }
}

/// A server that has gone without a word is noticed also where nothing is asked.
fn notice_silence(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE);
    socket.set_tcp_keepalive(&alive)?;
    socket.set_tcp_user_timeout(Some(SILENCE))
}

async fn enter(
    server: &Server,
    stream: impl entrance::Stream + 'static,
    name: &str,
) -> Result<Entered, String> {
    let password = match &server.password {
        Some(source) => Some(source.read()?.expose_owned()),
        None => None,
    };
    let parameters = [("client_encoding", "UTF8"), ("application_name", "velum")];
    let config = UpstreamConfig {
        tls: match &server.tls {
            Some(_) => UpstreamTls::Require,
            None => UpstreamTls::Disable,
        },
        user: server.user.clone(),
        database: server.database.clone(),
        parameters: parameters
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        password,
        minor: 0,
    };
    let tls = server.tls.as_ref().map(|config| Secured { config, name });
    let entered = entrance::enter(stream, config, tls).await;
    entered.map_err(|error| error.reason)
}

async fn set_up(client: &Client) -> Result<(), StoreError> {
    let found = client
        .query_typed(
            "SELECT current_setting('server_version_num')::bigint,
                    pg_is_in_recovery()::int::bigint",
            &[],
        )
        .await
        .map_err(|error| failed(&error))?;
    let number = |place| {
        found
            .first()
            .and_then(|row| row.try_get::<_, i64>(place).ok())
    };
    if number(0).is_none_or(|version| version < OLDEST) {
        let what = "a version that is too old: the store needs PostgreSQL 13 or later";
        return Err(StoreError::Server(what.to_owned()));
    }
    if number(1) != Some(0) {
        return Err(StoreError::Away("the server is a standby".to_owned()));
    }
    let set = client.batch_execute(SETTINGS).await;
    set.map_err(|error| failed(&error))
}
