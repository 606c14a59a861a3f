//! PostgreSQL: a connection for each client, which inserts both records in one statement. Commits
//! that come together are synced together, as the server does by itself.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};
use velum_core::audit::record::Record;
use velum_proxy::demo::cluster::{Cluster, ClusterOptions};

use crate::records::pair;
use crate::{CLIENTS, Store};

/// See the module's text.
pub struct Postgres {
    runtime: Runtime,
    clients: Vec<(Client, Statement)>,
    turns: Vec<u64>,
    _cluster: Cluster,
}

impl Postgres {
    /// A new cluster that syncs.
    pub fn open() -> Result<Self, String> {
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options = ClusterOptions {
            hba: vec!["host all all 127.0.0.1/32 trust".to_owned()],
            settings: vec![
                setting("fsync", "on"),
                setting("synchronous_commit", "on"),
                setting("full_page_writes", "on"),
            ],
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options).map_err(|error| error.to_string())?;
        let create = "CREATE TABLE log (sequence bigserial PRIMARY KEY, record bytea NOT NULL)";
        cluster.psql(create).map_err(|error| error.to_string())?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let place = format!("host=127.0.0.1 port={} user=postgres", cluster.port());
        let clients = runtime.block_on(connect(&place));
        Ok(Self {
            clients: clients.map_err(|error| error.to_string())?,
            runtime,
            turns: vec![0; CLIENTS],
            _cluster: cluster,
        })
    }
}

async fn connect(place: &str) -> Result<Vec<(Client, Statement)>, tokio_postgres::Error> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (client, connection) = tokio_postgres::connect(place, NoTls).await?;
        tokio::spawn(connection);
        let insert = "INSERT INTO log (record) VALUES ($1), ($2)";
        let insert = client.prepare(insert).await?;
        clients.push((client, insert));
    }
    Ok(clients)
}

async fn work(
    (client, insert): &(Client, Statement),
    name: u128,
    turn: &mut u64,
    until: Instant,
) -> Result<Vec<Duration>, tokio_postgres::Error> {
    let mut waits = Vec::new();
    while Instant::now() < until {
        *turn += 1;
        let [ended, begun] = pair(name, *turn);
        let began = Instant::now();
        client.execute(insert, &[&ended, &begun]).await?;
        waits.push(began.elapsed());
    }
    Ok(waits)
}

impl Store for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL inserts"
    }

    fn load(&mut self, until: Instant) -> Result<Vec<Duration>, String> {
        let clients = self.clients.iter().zip(&mut self.turns).enumerate();
        let work =
            clients.map(|(name, (client, turn))| work(client, name as u128 + 1, turn, until));
        let done = self
            .runtime
            .block_on(futures_util::future::try_join_all(work));
        let done = done.map_err(|error| error.to_string())?;
        Ok(done.into_iter().flatten().collect())
    }

    fn check(&mut self) -> Result<u64, String> {
        let (client, _) = self.clients.first().ok_or("no client")?;
        let rows = client.query("SELECT record FROM log ORDER BY sequence", &[]);
        let rows = self.runtime.block_on(rows);
        let rows = rows.map_err(|error| error.to_string())?;
        for row in &rows {
            Record::decode(row.get(0)).map_err(|error| error.to_string())?;
        }
        Ok(rows.len() as u64)
    }
}
