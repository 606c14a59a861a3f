//! Makes the tables, or brings them up to date.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::failed;
use crate::store::{StoreError, schema};

const SCHEMA: &str = "the schema `velum` of that database";

/// Makes sure that the tables are those that this program knows. Several that start at once
/// wait for
/// each other; what is up to date takes no right to change it.
///
/// # Errors
/// A store that is newer or foreign, which is not touched; and those of the server.
pub(super) async fn prepare(client: &Client) -> Result<(), StoreError> {
    if found(client).await?.1 == Some(schema::VERSION) {
        return Ok(());
    }
    let begun = client.batch_execute("BEGIN").await;
    begun.map_err(|error| failed(&error))?;
    match migrate(client).await {
        Ok(()) => {
            let committed = client.batch_execute("COMMIT").await;
            committed.map_err(|error| failed(&error))
        }
        Err(error) => {
            // Whatever it says, the transaction is gone with the session.
            let _ended = client.batch_execute("ROLLBACK").await;
            Err(error)
        }
    }
}

async fn migrate(client: &Client) -> Result<(), StoreError> {
    let lock = format!("SELECT pg_advisory_xact_lock({})", schema::APPLICATION);
    let locked = client.batch_execute(&lock).await;
    locked.map_err(|error| failed(&error))?;
    let (has_schema, found) = found(client).await?;
    let mut statements = String::new();
    match found {
        Some(schema::VERSION) => return Ok(()),
        Some(_) => {}
        None => {
            if !has_schema {
                statements.push_str("CREATE SCHEMA velum;");
            }
            statements.push_str("CREATE TABLE velum.store (application BIGINT, version BIGINT);");
        }
    }
    statements.push_str(&schema::for_postgres(found.unwrap_or(0)));
    statements.push_str(&format!(
        "DELETE FROM velum.store; INSERT INTO velum.store VALUES ({}, {});",
        schema::APPLICATION,
        schema::VERSION
    ));
    let migrated = client.batch_execute(&statements).await;
    migrated.map_err(|error| failed(&error))
}

/// Of one moment: is there the schema, what is in it, and the store among that?
const FOUND: &str = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'velum'),
        count(*), count(*) FILTER (WHERE c.relname = 'store')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'velum'";

/// Is there the schema, and the version of the store in it.
async fn found(client: &Client) -> Result<(bool, Option<i64>), StoreError> {
    let rows = client.query_typed(FOUND, &[]).await;
    let rows = rows.map_err(|error| failed(&error))?;
    let number = |place| {
        rows.first()
            .and_then(|row| row.try_get::<_, i64>(place).ok())
    };
    let foreign = || StoreError::Foreign(SCHEMA.to_owned());
    match (number(0), number(1), number(2)) {
        (Some(schemas), Some(0), Some(0)) => Ok((schemas > 0, None)),
        (Some(_), Some(_), Some(1)) => Ok((true, Some(version(client).await?))),
        _ => Err(foreign()),
    }
}

/// The version of the store that is there.
async fn version(client: &Client) -> Result<i64, StoreError> {
    let sql = "SELECT version FROM velum.store WHERE application = $1";
    let application: &(dyn tokio_postgres::types::ToSql + Sync) = &schema::APPLICATION;
    let rows = client.query_typed(sql, &[(application, Type::INT8)]).await;
    let rows = rows.map_err(|error| match error.code().map(|code| code.code()) {
        // A table of this name that has no such columns.
        Some("42703") => StoreError::Foreign(SCHEMA.to_owned()),
        _ => failed(&error),
    })?;
    let found = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok());
    match found {
        None => Err(StoreError::Foreign(SCHEMA.to_owned())),
        Some(version) if version > schema::VERSION => Err(StoreError::Newer { found: version }),
        Some(version) => Ok(version),
    }
}
