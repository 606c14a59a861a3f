//! SQLite with a write-ahead log that is synced at each commit; one transaction for all clients
//! that wait.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use velum_core::audit::record::Record;

use crate::records::pair;
use crate::{CLIENTS, Store};

/// See the module's text.
pub struct Sqlite {
    connection: Connection,
    turn: u64,
}

impl Sqlite {
    /// A new database.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(directory.join("log.db"))?;
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE log (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL)",
            )?;
            Ok(connection)
        };
        Ok(Self {
            connection: open().map_err(|error| error.to_string())?,
            turn: 0,
        })
    }

    fn group(&mut self, records: &[Vec<u8>]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO log (record) VALUES (?1)")?;
            for record in records {
                insert.execute([record])?;
            }
        }
        transaction.commit()
    }

    fn read(&self) -> rusqlite::Result<Vec<Vec<u8>>> {
        let mut select = self
            .connection
            .prepare("SELECT record FROM log ORDER BY sequence")?;
        let rows = select.query_map([], |row| row.get(0))?;
        rows.collect()
    }
}

impl Store for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite (WAL, synchronous = FULL)"
    }

    fn load(&mut self, until: Instant) -> Result<Vec<Duration>, String> {
        let mut waits = Vec::new();
        while Instant::now() < until {
            self.turn += 1;
            let clients = 1..=CLIENTS as u128;
            let records: Vec<_> = clients.flat_map(|client| pair(client, self.turn)).collect();
            let began = Instant::now();
            self.group(&records).map_err(|error| error.to_string())?;
            waits.extend([began.elapsed(); CLIENTS]);
        }
        Ok(waits)
    }

    fn check(&mut self) -> Result<u64, String> {
        let records = self.read().map_err(|error| error.to_string())?;
        for record in &records {
            Record::decode(record).map_err(|error| error.to_string())?;
        }
        Ok(records.len() as u64)
    }
}
