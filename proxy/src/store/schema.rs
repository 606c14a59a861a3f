//! The tables, and the way from each version to the next.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::StoreError;

/// What marks a file as ours, in SQLite's header: "Velm".
pub(super) const APPLICATION: i64 = 0x5665_6c6d;

/// Each brings the tables from the version of its place to the next. None is ever changed once
/// it has been released.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE clock (latest_ns BIGINT NOT NULL);
    INSERT INTO clock VALUES (0);

    CREATE TABLE requests (
        id TEXT PRIMARY KEY,
        requested_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        ticket TEXT,
        requested_ns BIGINT NOT NULL,
        document TEXT NOT NULL
    );

    CREATE TABLE grants (
        id TEXT PRIMARY KEY REFERENCES requests (id),
        version BIGINT NOT NULL,
        state TEXT NOT NULL,
        kind TEXT NOT NULL,
        identity TEXT NOT NULL,
        resource TEXT NOT NULL,
        policy TEXT NOT NULL,
        owes_review BIGINT NOT NULL,
        document TEXT NOT NULL
    );
    CREATE INDEX grants_by_state ON grants (state, id);
    CREATE INDEX grants_by_identity ON grants (identity, resource, state);

    CREATE TABLE events (
        sequence BIGINT PRIMARY KEY,
        grant_id TEXT NOT NULL REFERENCES grants (id),
        at_ns BIGINT NOT NULL,
        document TEXT NOT NULL,
        audited BIGINT NOT NULL
    );
    CREATE INDEX events_by_grant ON events (grant_id, sequence);
    CREATE INDEX events_not_audited ON events (sequence) WHERE audited = 0;

    CREATE TABLE decisions (
        sequence BIGINT PRIMARY KEY REFERENCES events (sequence),
        grant_id TEXT NOT NULL REFERENCES grants (id),
        verdict TEXT NOT NULL,
        by_id TEXT NOT NULL,
        rationale TEXT NOT NULL,
        at_ns BIGINT NOT NULL
    );
    CREATE UNIQUE INDEX decisions_once ON decisions (grant_id, by_id) WHERE verdict = 'approved';
    CREATE INDEX decisions_by_grant ON decisions (grant_id, sequence);

    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        version BIGINT NOT NULL,
        secret_sha256 BLOB NOT NULL,
        owner TEXT NOT NULL,
        document TEXT NOT NULL,
        created_ns BIGINT NOT NULL,
        expires_ns BIGINT NOT NULL,
        revoked_ns BIGINT,
        last_used_ns BIGINT
    );

    CREATE TABLE idempotency (
        caller TEXT NOT NULL,
        key TEXT NOT NULL,
        request_sha256 BLOB NOT NULL,
        status BIGINT NOT NULL,
        version BIGINT,
        body TEXT NOT NULL,
        at_ns BIGINT NOT NULL,
        PRIMARY KEY (caller, key)
    );
    CREATE INDEX idempotency_by_age ON idempotency (at_ns);
",
    "
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        version BIGINT NOT NULL,
        cookies TEXT NOT NULL,
        holder TEXT NOT NULL,
        subject TEXT NOT NULL,
        created_ns BIGINT NOT NULL,
        expires_ns BIGINT NOT NULL,
        used_ns BIGINT NOT NULL,
        ended_ns BIGINT,
        ended_why TEXT
    );
    CREATE INDEX sessions_by_end ON sessions (expires_ns);

    CREATE TABLE assertions (
        issuer TEXT NOT NULL,
        id TEXT NOT NULL,
        until_ns BIGINT NOT NULL,
        PRIMARY KEY (issuer, id)
    );
    CREATE INDEX assertions_by_end ON assertions (until_ns);
",
    CREDENTIALS,
    NOTIFICATIONS,
    SHARED,
];

/// Sealed secrets, keys of machines, and what is to be audited of either.
const CREDENTIALS: &str = "
    CREATE TABLE secrets (
        name TEXT PRIMARY KEY,
        version BIGINT NOT NULL,
        sealed BLOB NOT NULL,
        set_ns BIGINT NOT NULL,
        set_by TEXT NOT NULL
    );

    CREATE TABLE machine_keys (
        id TEXT PRIMARY KEY,
        version BIGINT NOT NULL,
        identity TEXT NOT NULL,
        verifier TEXT NOT NULL,
        note TEXT NOT NULL,
        created_by TEXT NOT NULL,
        created_ns BIGINT NOT NULL,
        expires_ns BIGINT NOT NULL,
        revoked_ns BIGINT,
        last_used_ns BIGINT
    );
    CREATE INDEX machine_keys_by_identity ON machine_keys (identity, id);

    CREATE TABLE administration (
        sequence BIGINT PRIMARY KEY,
        at_ns BIGINT NOT NULL,
        actor TEXT NOT NULL,
        event TEXT NOT NULL,
        subject TEXT NOT NULL,
        audited BIGINT NOT NULL
    );
    CREATE INDEX administration_not_audited ON administration (sequence) WHERE audited = 0;
";

/// What people are told, until they have been.
const NOTIFICATIONS: &str = "
    CREATE TABLE notifications (
        id TEXT PRIMARY KEY,
        target TEXT NOT NULL,
        occasion TEXT NOT NULL,
        document TEXT NOT NULL,
        created_ns BIGINT NOT NULL,
        due_ns BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
        last_error TEXT
    );
    CREATE INDEX notifications_by_due ON notifications (state, due_ns);
    CREATE INDEX notifications_by_age ON notifications (created_ns);
";

/// Which of several gateways it is that audits, and that delivers. Where there is one, nobody is
/// named.
const SHARED: &str = "
    ALTER TABLE events ADD COLUMN origin TEXT NOT NULL DEFAULT '';
    ALTER TABLE administration ADD COLUMN origin TEXT NOT NULL DEFAULT '';
    ALTER TABLE notifications ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
    ALTER TABLE notifications ADD COLUMN claimed_ns BIGINT NOT NULL DEFAULT 0;
";

/// The version that this program knows.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Is this a store, or about to become one, and not one of a later program? Looks at one state of
/// the file, as another program may be making it a store.
pub(super) fn check(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path.display().to_string()),
        _ => StoreError::Database(error),
    };
    let tx = connection.transaction().map_err(foreign)?;
    let number = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = tx.query_row(count, [], |row| row.get(0)).map_err(foreign)?;
    let (application, version) = (number("application_id")?, number("user_version")?);
    let is_new = application == 0 && version == 0 && tables == 0;
    if application != APPLICATION && !is_new {
        return Err(StoreError::Foreign(path.display().to_string()));
    }
    match version > VERSION {
        true => Err(StoreError::Newer { found: version }),
        false => Ok(()),
    }
}

/// Brings the tables to the version that this program knows. Two programs that start at once
/// wait for each other.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(migration)?;
    }
    if done < MIGRATIONS.len() {
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()?;
    Ok(())
}

/// What brings PostgreSQL's tables from a version to the one that this program knows: the same
/// statements, in its own names for types. Texts are compared byte by byte, as SQLite does.
pub(super) fn for_postgres(version: i64) -> String {
    let done = usize::try_from(version).unwrap_or(0);
    let left = MIGRATIONS.iter().skip(done).copied().collect::<String>();
    left.replace(" BLOB ", " BYTEA ")
        .replace(" TEXT ", " TEXT COLLATE \"C\" ")
        .replace(" TEXT,", " TEXT COLLATE \"C\",")
        .replace(" TEXT\n", " TEXT COLLATE \"C\"\n")
}
