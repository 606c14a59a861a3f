//! The store in a file: SQLite in WAL mode with `synchronous = FULL`, so that what a
//! transaction has
//! committed outlives a power cut.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Transaction, params_from_iter};

use super::value::{Kind, Row, Value};
use super::{FILE, StoreError, schema};

/// A backup or another command of this machine may hold the store for a moment.
const BUSY: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(10);

/// Opens the file in `directory`, made and brought up to date if need be.
pub(super) fn open(directory: &Path) -> Result<Connection, StoreError> {
    let path = directory.join(FILE);
    let unusable = |error| StoreError::Unusable(path.clone(), error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(unusable)?;
    // SQLite gives its other files the rights of this one.
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)?;
    // Not all of what follows waits by itself for another program that does the same.
    let began = Instant::now();
    loop {
        match connect(&path) {
            Err(StoreError::Database(error)) if is_busy(&error) && began.elapsed() < BUSY => {
                std::thread::sleep(RETRY);
            }
            connected => return connected,
        }
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    schema::check(&mut connection, path)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Runs a statement that changes rows; how many.
pub(super) fn execute(
    tx: &Transaction<'_>,
    sql: &str,
    values: &[Value],
) -> Result<u64, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    Ok(statement.execute(params_from_iter(values))? as u64)
}

/// Runs a statement that finds rows.
pub(super) fn rows(
    tx: &Transaction<'_>,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map(params_from_iter(values), |row| {
        let values = (0..columns).map(|place| Ok(value(row.get_ref(place)?)));
        Ok(Row(values.collect::<rusqlite::Result<_>>()?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null(Kind::Text),
        ValueRef::Integer(value) => Value::Integer(value),
        // No column is one; who reads it finds that it is none of theirs.
        ValueRef::Real(_) => Value::Bytes(Vec::new()),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(text.to_vec()),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}
