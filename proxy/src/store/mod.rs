//! What people decide, on disk: requests, decisions, grants, their events, and the keys and
//! sessions of the API.
//!
//! In a file of SQLite, or in PostgreSQL, where several gateways share it. Either way a transaction
//! that has returned outlives a power cut, and those that write come one after the other. Documents
//! are JSON; what is looked for has columns of its own. Whoever changes a row names the
//! version that
//! they saw, so that two decisions at once cannot hide each other.
//!
//! The SQL keeps to what both understand (`$1`, BIGINT, no upserts of one dialect), and each room
//! stands once.
//!
//! * `schema`: tables, their versions, and what is refused.
//! * [`grants`], [`events`], [`keys`], [`sessions`], [`assertions`],
//!   [`idempotency`], [`secrets`], [`machine_keys`], [`notifications`], [`administration`]: one
//!   room a table, all as methods of [`Tx`].
//! * `value`: what goes into statements and comes out of rows. `sqlite`, [`postgres`]: the engines.
//! * [`place`]: which of them it is. [`error`]: why not.
//! * [`thread`]: the store behind a thread of its own, since a commit waits for the disk.
//! * [`backup`]: a copy of a store in use.

pub mod administration;
pub mod assertions;
pub mod backup;
pub mod error;
pub mod events;
pub mod grants;
pub mod idempotency;
pub mod keys;
pub mod machine_keys;
pub mod notifications;
pub mod place;
pub mod postgres;
mod schema;
pub mod secrets;
pub mod sessions;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
pub mod thread;
mod value;

use std::cell::Cell;
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use velum_core::time::Timestamp;

pub use error::StoreError;
pub use place::Place;
use postgres::{Changes, Postgres};
pub use thread::StoreHandle;
use value::{Row, Value, values};

/// File in the data directory.
pub const FILE: &str = "velum.db";

/// The open store.
pub struct Store {
    engine: Engine,
    /// Which of several gateways this is; empty where there is one, and of a command.
    origin: String,
}

enum Engine {
    Sqlite(Connection),
    Postgres(Postgres),
}

impl Store {
    /// Opens the store in `directory`, made and brought up to date if need be.
    ///
    /// # Errors
    /// See [`StoreError`]; a newer or foreign file is not touched.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            engine: Engine::Sqlite(sqlite::open(directory)?),
            origin: String::new(),
        })
    }

    /// Runs `act` in a transaction: all of it is on disk when this returns, or nothing of it
    /// ever is; except after [`StoreError::InDoubt`], which says so.
    ///
    /// # Errors
    /// Those of `act`, after which nothing has changed; and those of the disk.
    pub fn transact<T, E: From<StoreError>>(
        &mut self,
        act: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let origin = &self.origin;
        match &mut self.engine {
            Engine::Sqlite(connection) => {
                let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
                let tx = Tx::new(Open::Sqlite(begun.map_err(StoreError::from)?), origin);
                let done = act(&tx)?;
                let Open::Sqlite(transaction) = tx.open else {
                    return Ok(done);
                };
                transaction.commit().map_err(StoreError::from)?;
                Ok(done)
            }
            Engine::Postgres(postgres) => {
                postgres.begin()?;
                let tx = Tx::new(Open::Postgres(postgres), origin);
                let done = act(&tx);
                let topics = tx.topics.get();
                match done {
                    Ok(done) => {
                        postgres.commit(&topics.names())?;
                        Ok(done)
                    }
                    Err(error) => {
                        postgres.roll_back();
                        Err(error)
                    }
                }
            }
        }
    }

    /// Runs `look` on one state of the store.
    ///
    /// # Errors
    /// Those of `look`.
    pub fn look<T, E: From<StoreError>>(
        &mut self,
        look: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let origin = &self.origin;
        match &mut self.engine {
            Engine::Sqlite(connection) => {
                let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
                let begun = Open::Sqlite(begun.map_err(StoreError::from)?);
                look(&Tx::new(begun, origin))
            }
            Engine::Postgres(postgres) => {
                postgres.begin_look()?;
                let looked = look(&Tx::new(Open::Postgres(postgres), origin));
                postgres.end_look();
                looked
            }
        }
    }

    /// What other gateways do, as it happens; `None` if there are none.
    pub fn changes(&self) -> Option<Changes> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(postgres) => Some(postgres.listen()),
        }
    }
}

/// What a transaction has changed, for other gateways.
#[derive(Clone, Copy)]
pub(crate) enum Topic {
    /// Events of grants.
    Events = 1,
    /// Keys of machines.
    Keys = 2,
    /// What administrators did in the store itself.
    Administration = 4,
}

#[derive(Clone, Copy, Default)]
struct Topics(u8);

impl Topics {
    /// Their names with a comma between them; empty if there are none.
    fn names(self) -> String {
        let all = [
            (Topic::Events, postgres::EVENTS),
            (Topic::Keys, postgres::KEYS),
            (Topic::Administration, postgres::ADMINISTRATION),
        ];
        let touched = all.iter().filter(|(topic, _)| self.0 & *topic as u8 != 0);
        touched.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    }
}

/// A transaction that is open. See the modules of this folder for what can be done in one.
pub struct Tx<'s> {
    open: Open<'s>,
    origin: &'s str,
    topics: Cell<Topics>,
}

enum Open<'s> {
    Sqlite(Transaction<'s>),
    Postgres(&'s Postgres),
}

impl<'s> Tx<'s> {
    fn new(open: Open<'s>, origin: &'s str) -> Self {
        Self {
            open,
            origin,
            topics: Cell::default(),
        }
    }

    /// Runs a statement that changes rows; how many.
    fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        match &self.open {
            Open::Sqlite(tx) => sqlite::execute(tx, sql, &values),
            Open::Postgres(postgres) => postgres.execute(sql, values),
        }
    }

    /// Runs a statement that finds rows.
    fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        match &self.open {
            Open::Sqlite(tx) => sqlite::rows(tx, sql, &values),
            Open::Postgres(postgres) => postgres.rows(sql, values),
        }
    }

    /// The first row, if there is one.
    fn first(&self, sql: &str, values: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }

    /// The row of a statement that always has one.
    fn only(&self, sql: &str, values: Vec<Value>) -> Result<Row, StoreError> {
        let row = self.first(sql, values)?;
        row.ok_or_else(|| StoreError::Corrupt("a row that is always there".to_owned()))
    }

    /// Which gateway this is.
    fn origin(&self) -> &'s str {
        self.origin
    }

    /// Has other gateways hear of it.
    fn touch(&self, topic: Topic) {
        self.topics.set(Topics(self.topics.get().0 | topic as u8));
    }

    /// What ends a SELECT so that it takes no row that another transaction has.
    fn skipping_locked(&self) -> &'static str {
        match self.open {
            // Nobody else writes as long as this transaction is open.
            Open::Sqlite(_) => "",
            Open::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// The moment that decisions count as made at: `now`, or the latest that the store has seen
    /// if the clock has stepped back since, so that nothing which was over begins anew. The
    /// store remembers it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn clock(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let latest = self.latest(now)?;
        self.execute("UPDATE clock SET latest_ns = $1", values![nanos(latest)])?;
        Ok(latest)
    }

    /// The same without remembering it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn latest(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let known = self.only("SELECT latest_ns FROM clock", values![])?;
        Ok(now.max(moment(known.get(0)?)))
    }
}

/// A moment as its column has it; those after the year 2262 are all the same.
fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn moment(nanos: i64) -> Timestamp {
    Timestamp(u64::try_from(nanos).unwrap_or(0))
}
