//! The store in PostgreSQL, which several gateways share.
//!
//! Transactions that write take the one row of `clock` first, and so come one after the other
//! whatever gateway they are of, as they do in a file: what a transaction reads nobody
//! changes until
//! it is over. Those that look have a snapshot and wait for nobody.
//!
//! A connection that is lost is opened again when it is next needed, not more often than a bound
//! allows. What had not committed has not happened. Where it was lost while it committed,
//! the server
//! is asked what became of that transaction.
//!
//! * `connect`: how it logs in. `tables`: makes them. `values`: as the protocol has them.
//! * `driver`: the thread of the connections. [`listen`]: what other gateways do.
//! * Here: transactions.

mod connect;
mod driver;
pub mod listen;
mod tables;
mod values;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::StoreError;
use super::value::{Row, Value};
use crate::backoff;
use crate::observe::{self, Field};
pub use connect::Server;
use driver::Driver;
pub(super) use listen::{ADMINISTRATION, EVENTS, KEYS};
pub use listen::{Changes, Heard};

/// Beyond what the server itself allows for a statement.
const ANSWER: Duration = Duration::from_secs(12);
/// All hosts, and the tables.
const CONNECT: Duration = Duration::from_secs(30);
/// Between attempts to connect.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(2);
/// How long it is asked what became of a transaction.
const IN_DOUBT: Duration = Duration::from_secs(15);

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Whoever writes has it; and what the transaction can be asked for by later.
const LOCK: &str = "SELECT pg_current_xact_id()::text, pg_backend_pid()::bigint
    FROM clock FOR UPDATE";

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A look that has asked nothing yet.
    Looks,
    Looking,
    Writing,
    /// A statement has failed: it cannot commit.
    Broken,
}

/// A transaction, as the server knows it.
#[derive(Clone)]
struct Name {
    id: String,
    process: i64,
}

/// See the module's text. Used by one thread at a time.
pub struct Postgres {
    server: Arc<Server>,
    driver: Driver,
    client: RefCell<Option<Arc<Client>>>,
    phase: Cell<Phase>,
    name: RefCell<Option<Name>>,
    /// Attempts to connect that have failed in a row; no other before then, and why.
    failures: Cell<u32>,
    not_before: RefCell<Option<(Instant, String)>>,
}

impl Postgres {
    /// Connects, and makes the tables if need be.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) fn open(server: &Arc<Server>) -> Result<Self, StoreError> {
        let opened = Self {
            server: Arc::clone(server),
            driver: Driver::start()?,
            client: RefCell::default(),
            phase: Cell::new(Phase::Idle),
            name: RefCell::default(),
            failures: Cell::new(0),
            not_before: RefCell::default(),
        };
        let client = opened.connect()?;
        opened.client.replace(Some(client));
        Ok(opened)
    }

    /// Begins to listen.
    pub(super) fn listen(&self) -> Changes {
        let (sender, receiver) = watch::channel(Heard::default());
        let listener = listen::listen(Arc::clone(&self.server), sender);
        self.driver.go(async {
            tokio::spawn(listener);
        });
        Changes(receiver)
    }

    fn connect(&self) -> Result<Arc<Client>, StoreError> {
        let server = Arc::clone(&self.server);
        self.driver.wait(CONNECT, async move {
            let client = connect::connect(&server, None).await?;
            tables::prepare(&client).await?;
            Ok(Arc::new(client))
        })
    }

    /// The session, opened again if it was lost; not more often than is sensible.
    fn client(&self) -> Result<Arc<Client>, StoreError> {
        let known = self.client.borrow().clone();
        if let Some(client) = known.filter(|client| !client.is_closed()) {
            return Ok(client);
        }
        if let Some((not_before, reason)) = &*self.not_before.borrow()
            && Instant::now() < *not_before
        {
            return Err(StoreError::Away(reason.clone()));
        }
        match self.connect() {
            Ok(client) => {
                if self.failures.replace(0) > 0 {
                    observe::event("store-back", &[]);
                }
                self.not_before.replace(None);
                self.client.replace(Some(Arc::clone(&client)));
                Ok(client)
            }
            Err(error) => {
                let failures = self.failures.get() + 1;
                self.failures.set(failures);
                let reason = match &error {
                    StoreError::Away(reason) => reason.clone(),
                    other => other.to_string(),
                };
                if failures == 1 {
                    observe::event("store-lost", &[("cause", Field::Name(&reason))]);
                }
                let not_before = Instant::now() + backoff::wait(failures, RETRY, RETRY_MOST);
                self.not_before.replace(Some((not_before, reason)));
                Err(error)
            }
        }
    }

    /// Opens a transaction that writes: nobody else does until it is over.
    ///
    /// # Errors
    /// Those of the server; nothing has happened then.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        let begun = self.attempt(|client| async move {
            let lock = client.query_typed(LOCK, &[]);
            let (begun, locked) = tokio::join!(client.batch_execute(BEGIN), lock);
            begun.and(locked).map_err(|error| failed(&error))
        })?;
        let name = begun.first().and_then(|row| {
            Some(Name {
                id: row.try_get(0).ok()?,
                process: row.try_get(1).ok()?,
            })
        });
        if name.is_none() {
            self.forget();
            return Err(StoreError::Corrupt("the clock's row".to_owned()));
        }
        self.name.replace(name);
        self.phase.set(Phase::Writing);
        Ok(())
    }

    /// Opens one that looks.
    ///
    /// # Errors
    /// When there is no server.
    pub(super) fn begin_look(&self) -> Result<(), StoreError> {
        self.client()?;
        self.phase.set(Phase::Looks);
        Ok(())
    }

    /// Does something on a session on which nothing has happened yet, a second time on a new one if
    /// it has turned out to be lost.
    fn attempt<T: Send + 'static, F>(&self, job: impl Fn(Arc<Client>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let was_known = self.client.borrow().is_some();
        let first = self.driver.wait(ANSWER, job(self.client()?));
        let is_lost = matches!(first, Err(StoreError::Away(_)));
        if first.is_err() {
            self.forget();
        }
        match is_lost && was_known {
            false => first,
            true => {
                let second = self.driver.wait(ANSWER, job(self.client()?));
                if second.is_err() {
                    self.forget();
                }
                second
            }
        }
    }

    /// Lets go of the session: the server ends what is open on it.
    fn forget(&self) {
        self.client.replace(None);
        self.name.replace(None);
        self.phase.set(Phase::Idle);
    }

    /// Runs a statement that finds rows.
    pub(super) fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let phase = self.phase.get();
        let (sql, values) = (Arc::<str>::from(sql), Arc::new(values));
        let ask = |client: Arc<Client>| {
            let (sql, values) = (Arc::clone(&sql), Arc::clone(&values));
            async move {
                let parameters = values::parameters(&values);
                let parameters = values::borrowed(&parameters);
                let begin = async {
                    match phase {
                        Phase::Looks => client.batch_execute(BEGIN_LOOK).await,
                        _ => Ok(()),
                    }
                };
                let (begun, rows) = tokio::join!(begin, client.query_typed(&sql, &parameters));
                let rows = begun.and(rows).map_err(|error| failed(&error))?;
                rows.iter().map(values::row).collect::<Result<Vec<_>, _>>()
            }
        };
        match phase {
            Phase::Looks => {
                let found = self.attempt(ask)?;
                self.phase.set(Phase::Looking);
                Ok(found)
            }
            _ => self.within(ask),
        }
    }

    /// Runs a statement that changes rows; how many.
    pub(super) fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let sql = sql.to_owned();
        self.within(|client| async move {
            let parameters = values::parameters(&values);
            let parameters = values::borrowed(&parameters);
            let changed = client.execute_typed(&sql, &parameters).await;
            changed.map_err(|error| failed(&error))
        })
    }

    /// Does something in the transaction that is open.
    fn within<T: Send + 'static, F>(
        &self,
        job: impl FnOnce(Arc<Client>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let known = self.client.borrow().clone();
        let is_open = matches!(self.phase.get(), Phase::Writing | Phase::Looking);
        let client = known.filter(|_| is_open);
        let gone = || StoreError::Away("the transaction is over".to_owned());
        let done = self.driver.wait(ANSWER, job(client.ok_or_else(gone)?));
        match &done {
            Ok(_) => {}
            Err(StoreError::Away(_)) => self.forget(),
            Err(_) => self.phase.set(Phase::Broken),
        }
        done
    }

    /// Commits, and has other gateways hear of `topics`.
    ///
    /// # Errors
    /// Nothing has changed, unless it is [`StoreError::InDoubt`].
    pub(super) fn commit(&self, topics: &str) -> Result<(), StoreError> {
        let client = self.client.borrow().clone();
        let name = self.name.borrow().clone();
        let (Phase::Writing, Some(client), Some(name)) = (self.phase.get(), client, name) else {
            self.roll_back();
            let what = "no transaction that could commit";
            return Err(StoreError::Away(what.to_owned()));
        };
        let topics = topics.to_owned();
        let committed = self.driver.wait(ANSWER, async move {
            let notify = async {
                if topics.is_empty() {
                    return Ok(());
                }
                let sql = format!("SELECT pg_notify('{}', $1)", listen::CHANNEL);
                let topics: &(dyn ToSql + Sync) = &topics;
                let told = client.query_typed(&sql, &[(topics, Type::TEXT)]).await;
                told.map(drop)
            };
            let (told, committed) = tokio::join!(notify, client.batch_execute("COMMIT"));
            told.and(committed).map_err(|error| failed(&error))
        });
        match committed {
            Ok(()) => {
                self.phase.set(Phase::Idle);
                self.name.replace(None);
                Ok(())
            }
            Err(StoreError::Away(_)) => {
                self.forget();
                self.resolve(&name)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// What became of a transaction whose commit was not answered.
    fn resolve(&self, name: &Name) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut failures = 0;
        while began.elapsed() < IN_DOUBT {
            let (server, name) = (Arc::clone(&self.server), name.clone());
            let asked = self.driver.wait(ANSWER, async move {
                let client = connect::connect(&server, None).await?;
                fate(&client, &name).await
            });
            match asked.as_ref().map(Option::as_deref) {
                Ok(Some("committed")) => return Ok(()),
                Ok(Some("aborted")) => {
                    let what = "it was lost before it committed";
                    return Err(StoreError::Away(what.to_owned()));
                }
                // It is so long ago that the server has forgotten, or is another one.
                Ok(None) | Err(StoreError::Server(_)) => break,
                // In progress; or not there yet.
                Ok(Some(_)) | Err(_) => {}
            }
            failures += 1;
            std::thread::sleep(backoff::wait(failures, RETRY / 2, RETRY_MOST / 2));
        }
        observe::event("store-in-doubt", &[]);
        Err(StoreError::InDoubt)
    }

    /// Ends a transaction: nothing of it has happened.
    pub(super) fn roll_back(&self) {
        self.end("ROLLBACK");
    }

    /// Ends a look.
    pub(super) fn end_look(&self) {
        self.end("COMMIT");
    }

    /// Whether it is heard or not, the next job comes after it, or the session is gone.
    fn end(&self, sql: &'static str) {
        let is_open = !matches!(self.phase.get(), Phase::Idle | Phase::Looks);
        self.phase.set(Phase::Idle);
        self.name.replace(None);
        if let (true, Some(client)) = (is_open, self.client.borrow().clone()) {
            self.driver.go(async move {
                let ended = tokio::time::timeout(ANSWER, client.batch_execute(sql)).await;
                drop(ended);
            });
        }
    }
}

/// `committed`, `aborted` or `in progress`. A session that still waits to be told to commit
/// is ended
/// first, as it never will be.
async fn fate(client: &Client, name: &Name) -> Result<Option<String>, StoreError> {
    let process: &(dyn ToSql + Sync) = &name.process;
    let id: &(dyn ToSql + Sync) = &name.id;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid = $1 AND backend_xid = $2::text::xid8::xid";
    let values = [(process, Type::INT8), (id, Type::TEXT)];
    // A right that is missing makes it take longer, and nothing else.
    let _ended = client.query_typed(end, &values).await;
    let sql = "SELECT pg_xact_status($1::text::xid8)";
    let found = client.query_typed(sql, &[(id, Type::TEXT)]).await;
    let found = found.map_err(|error| failed(&error))?;
    let row = found.first();
    let status = row.map(|row| row.try_get::<_, Option<String>>(0));
    status
        .transpose()
        .map(Option::flatten)
        .map_err(|error| failed(&error))
}

/// What the server says, without values: those are in details, and in texts about data.
fn failed(error: &Error) -> StoreError {
    let Some(answer) = error.as_db_error() else {
        let source = std::error::Error::source(error);
        return StoreError::Away(source.map_or_else(|| error.to_string(), ToString::to_string));
    };
    let code = answer.code().code();
    match code {
        // Going down, not up yet, full, a standby by now; held up by others.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" | "25P04" | "25006" | "55P03"
        | "57014" | "40001" | "40P01" => StoreError::Away(format!("PostgreSQL answers {code}")),
        _ if code.starts_with("08") => StoreError::Away(format!("PostgreSQL answers {code}")),
        // About names and rights.
        _ if ["28", "3D", "3F", "42"]
            .iter()
            .any(|it| code.starts_with(it)) =>
        {
            StoreError::Server(format!("{code}: {}", answer.message()))
        }
        _ => {
            let about = answer.constraint().map(|it| format!(", {it}"));
            StoreError::Server(format!("{code}{}", about.unwrap_or_default()))
        }
    }
}
