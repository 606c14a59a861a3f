//! A database as commands ask it: over the gateway's own session, with its catalog at hand.

use std::future::Future;

use tokio::runtime::Runtime;
use tokio_postgres::Client;
use velum_core::catalog::Catalog;
use velum_core::cell::ColumnFacts;
use velum_core::sql::quoted;

use crate::config::{Config, model};
use crate::control::catalog::{self, Upstream};
use crate::credentials::once::Once;

/// A database that is asked about names, types and rows.
pub(super) struct Database {
    runtime: Runtime,
    tasks: tokio::task::LocalSet,
    client: Client,
    once: Once,
    pub(super) catalog: Catalog,
}

impl Database {
    /// Connects as the gateway itself does, and reads the catalog; of this database, or the one
    /// that the resource names.
    ///
    /// # Errors
    /// Why that did not work.
    pub(super) fn open(
        config: &Config,
        resource: &model::Resource,
        database: Option<&str>,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let tasks = tokio::task::LocalSet::new();
        let timeout = config.limits.connect_timeout;
        let name = &resource.name;
        let once = tasks.block_on(&runtime, Once::get(config, resource));
        let once = once.map_err(|error| format!("resource `{name}`: {error}"))?;
        let upstream = match database {
            Some(database) => Upstream::new(resource, &once.login, database, timeout),
            None => Upstream::home(resource, &once.login, timeout),
        };
        let upstream = upstream.ok_or_else(|| {
            format!("resource `{name}` names no role for the gateway itself: give `catalog_user`")
        })?;
        let loaded = tasks.block_on(&runtime, async {
            let client = upstream.connect().await?;
            Ok((client, catalog::load(&upstream, None, 1).await?))
        });
        let failed = |error: catalog::LoadError| format!("resource `{name}`: {error}");
        let (client, loaded) = loaded.map_err(failed)?;
        let (catalog, _) = loaded.ok_or("the catalog could not be read")?;
        Ok(Self {
            runtime,
            tasks,
            client,
            once,
            catalog,
        })
    }

    /// Runs what asks over the session.
    pub(super) fn ask<'a, F: Future>(
        &'a self,
        question: impl FnOnce(&'a Client) -> F,
    ) -> F::Output {
        self.tasks.block_on(&self.runtime, question(&self.client))
    }

    /// Sets where the server looks up names without a schema; nowhere, if no schema is given.
    ///
    /// # Errors
    /// A schema without a table, or a server that does not answer.
    pub(super) fn set_path(&self, schemas: &[String]) -> Result<(), String> {
        for name in schemas {
            let mut relations = self.catalog.relations.values();
            if !relations.any(|relation| relation.schema == *name) {
                return Err(format!("there is no table in a schema `{name}`"));
            }
        }
        let quoted = schemas.iter().map(|name| quoted(name));
        let path = match schemas {
            [] => "''".to_owned(),
            _ => quoted.collect::<Vec<_>>().join(", "),
        };
        let set = format!("set search_path to {path}");
        let done = self.ask(|client| client.batch_execute(&set));
        done.map_err(|_| "the server does not take the search path".to_owned())
    }

    /// The output columns as the server describes them; `None` where it does not: the statement
    /// returns nothing, or the server refuses it.
    pub(super) fn describe(&self, sql: &str) -> Option<Vec<ColumnFacts>> {
        let statement = self.ask(|client| client.prepare(sql)).ok()?;
        let facts = statement.columns().iter().map(|column| {
            let base = column.table_oid().zip(column.column_id());
            let (table_oid, attnum) = base.unwrap_or_default();
            ColumnFacts {
                name: column.name().as_bytes().into(),
                table_oid,
                attnum,
                type_oid: column.type_().oid(),
            }
        });
        Some(facts.collect())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.tasks.block_on(&self.runtime, self.once.release());
    }
}
