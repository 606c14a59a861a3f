//! Loads a database's catalog over the gateway's own session.
//!
//! * [`upstream`]: how the gateway logs in for itself; `entrance`: by the handshake of sessions.
//! * `tables`: relations, columns, types and words.
//! * `views`: which base column each column of a view shows, or what it is computed from.
//! * `functions`: what is called by a name that somebody gave.

pub(crate) mod entrance;
mod functions;
mod loud;
mod tables;
#[cfg(test)]
mod tests;
pub mod upstream;
mod views;

use std::fmt;
use std::time::Duration;

use tokio_postgres::Client;
use velum_core::catalog::Catalog;

pub use upstream::Upstream;

/// A catalog that takes longer is given up: the database is not well.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a catalog could not be loaded. Never quotes what a server says but its SQLSTATE: an error
/// text may hold values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// What was being done.
    pub doing: &'static str,
    /// SQLSTATE, or the kind of trouble.
    pub reason: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.reason)
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    fn new(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        let reason = match error.code() {
            Some(state) => format!("the server answers {}", state.code()),
            None => match std::error::Error::source(error) {
                Some(source) => source.to_string(),
                None => error.to_string(),
            },
        };
        Self { doing, reason }
    }

    fn late(doing: &'static str) -> Self {
        Self {
            doing,
            reason: "no answer in time".to_owned(),
        }
    }
}

/// What a catalog looked like: equal as long as nothing that it is made of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(String);

/// Loads the catalog of a database, unless it still looks as `known`.
///
/// # Errors
/// When the database cannot be reached, does not let us in, or cannot be read.
pub async fn load(
    upstream: &Upstream,
    known: Option<&Fingerprint>,
    epoch: u64,
) -> Result<Option<(Catalog, Fingerprint)>, LoadError> {
    let client = upstream.connect().await?;
    load_over(&client, known, epoch).await
}

/// The same over a session that is there.
///
/// # Errors
/// When the database does not answer, or cannot be read.
pub async fn load_over(
    client: &Client,
    known: Option<&Fingerprint>,
    epoch: u64,
) -> Result<Option<(Catalog, Fingerprint)>, LoadError> {
    let read = async {
        let fingerprint = fingerprint(client).await?;
        if known == Some(&fingerprint) {
            return Ok(None);
        }
        let mut catalog = tables::read(client).await?;
        functions::read(client, &mut catalog).await?;
        loud::read(client, &mut catalog).await?;
        let complete = views::resolve(client, &mut catalog).await?;
        catalog.epoch = epoch;
        // Never found again, so that the next load reads what was locked.
        let found = if complete {
            fingerprint
        } else {
            Fingerprint::default()
        };
        Ok(Some((catalog, found)))
    };
    match tokio::time::timeout(LOAD_TIMEOUT, read).await {
        Ok(read) => read,
        Err(_) => Err(LoadError::late("reading the catalog")),
    }
}

/// Every change to a row of these tables gives it a new xmin.
async fn fingerprint(client: &Client) -> Result<Fingerprint, LoadError> {
    const TABLES: [&str; 15] = [
        "pg_class",
        "pg_attribute",
        "pg_type",
        "pg_namespace",
        "pg_inherits",
        "pg_rewrite",
        "pg_range",
        "pg_constraint",
        "pg_proc",
        "pg_trigger",
        "pg_operator",
        "pg_extension",
        "pg_attrdef",
        "pg_cast",
        "pg_statistic_ext",
    ];
    let parts = TABLES.map(|table| {
        format!(
            "(select count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) \
             from pg_catalog.{table})"
        )
    });
    let sql = format!("select {}", parts.join(" || ' ' || "));
    let row = client.query_one(&sql, &[]).await;
    let row = row.map_err(|error| LoadError::new("looking for changes", &error))?;
    row.try_get(0)
        .map(Fingerprint)
        .map_err(|error| LoadError::new("looking for changes", &error))
}
