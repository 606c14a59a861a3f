//! A place for a store, on either engine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use crate::config::Secret;
use crate::config::model::ResourceAddress;
use crate::config::secret::Source;
use crate::demo::cluster::{Cluster, ClusterOptions};
use crate::store::Store;
use crate::store::postgres::Server;

/// One server for all tests of this program; a guard stops it when the program has ended.
static CLUSTER: LazyLock<Cluster> =
    LazyLock::new(|| Cluster::start(ClusterOptions::default()).expect("a private PostgreSQL"));
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// See the module's text.
pub(crate) enum Ground {
    File(tempfile::TempDir),
    Server(Arc<Server>),
}

impl Ground {
    /// A folder of its own.
    pub(crate) fn file() -> Self {
        Ground::File(tempfile::tempdir().expect("a folder"))
    }

    /// A database of its own, and a role that may make a schema there and nothing else.
    pub(crate) fn server() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("store_{number}");
        let made = CLUSTER.psql(&format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{name}' NOSUPERUSER"
        ));
        made.expect("a role");
        let made = CLUSTER.psql(&format!("CREATE DATABASE {name} OWNER {name}"));
        made.expect("a database");
        Ground::Server(Arc::new(Server {
            hosts: vec![ResourceAddress::Tcp {
                host: "127.0.0.1".to_owned(),
                port: CLUSTER.port(),
            }],
            user: name.clone(),
            database: name.clone(),
            password: Some(Source::Known(Secret::new(name.into_bytes(), "a test"))),
            tls: None,
        }))
    }

    /// The store, as a command opens it.
    pub(crate) fn open(&self) -> Store {
        self.gateway("")
    }

    /// The store, as a gateway of this name has it.
    pub(crate) fn gateway(&self, origin: &str) -> Store {
        match self {
            Ground::File(folder) => {
                let mut store = Store::open(folder.path()).expect("a store");
                store.origin = origin.to_owned();
                store
            }
            Ground::Server(server) => Store::open_on(server, origin.to_owned()).expect("a store"),
        }
    }

    /// SQL as the superuser, in the store's database.
    pub(crate) fn psql(&self, sql: &str) -> String {
        let Ground::Server(server) = self else {
            panic!("no server");
        };
        CLUSTER.psql_in(&server.database, sql).expect("SQL")
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> Arc<Server> {
        let Ground::Server(server) = self else {
            panic!("no server");
        };
        Arc::clone(server)
    }

    /// Where the socket of the server is.
    pub(crate) fn socket(&self) -> PathBuf {
        CLUSTER
            .socket_dir()
            .join(format!(".s.PGSQL.{}", CLUSTER.port()))
    }
}
