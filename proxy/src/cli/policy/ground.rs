//! What a question about a policy stands on: the configuration, and the catalog of the database.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio_postgres::Client;
use velum_core::catalog::Catalog;
use velum_core::policy;

use crate::config::{self, Config, model};
use crate::control::catalog::{self, Upstream};
use crate::control::policies;

/// A configuration, and its text.
pub(super) struct File {
    pub(super) config: Config,
    text: String,
}

impl File {
    /// # Errors
    /// All mistakes in the file, as text.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let config = config::load(path).map_err(|error| match error {
            config::ConfigError::Mistakes(problems) => problems.to_text(),
            error => error.to_string(),
        })?;
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Ok(Self { config, text })
    }

    /// `file:line` of what begins at this byte.
    pub(super) fn place(&self, begin: usize) -> String {
        let before = self.text.as_bytes().iter().take(begin);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        format!("{}:{line}", self.config.path.display())
    }

    /// The policy of an identity, and the resource that it holds at.
    ///
    /// # Errors
    /// What there is not, and what there is.
    pub(super) fn policy_of(
        &self,
        identity: &str,
        resource: Option<&str>,
    ) -> Result<(&model::Policy, &model::Resource), String> {
        let identities = &self.config.identities;
        let found = identities.iter().find(|it| it.name == identity);
        let found = found.or_else(|| identities.iter().find(|it| it.name == "*"));
        let Some(found) = found else {
            let names: Vec<&str> = identities.iter().map(|it| it.name.as_str()).collect();
            let known = names.join(", ");
            return Err(format!("there is no identity `{identity}`; known: {known}"));
        };
        let fits = |access: &&model::Access| resource.is_none_or(|it| it == access.resource);
        let accesses: Vec<_> = found.access.iter().filter(fits).collect();
        let names = || {
            let names: Vec<&str> = found.access.iter().map(|it| it.resource.as_str()).collect();
            names.join(", ")
        };
        match accesses.as_slice() {
            [access] => {
                let policy = self.config.policy(&access.policy);
                let resource = self.config.resource(&access.resource);
                policy
                    .zip(resource)
                    .ok_or_else(|| "an unknown policy".to_owned())
            }
            [] => Err(format!("`{identity}` may reach {} only", names())),
            _ => Err(format!("say which with --resource: {}", names())),
        }
    }
}

/// A database that is asked about names and types.
pub(super) struct Database {
    runtime: Runtime,
    tasks: tokio::task::LocalSet,
    client: Client,
    pub(super) catalog: Catalog,
}

impl Database {
    /// Connects as the gateway itself does, and reads the catalog.
    ///
    /// # Errors
    /// Why that did not work.
    pub(super) fn open(config: &Config, resource: &model::Resource) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let tasks = tokio::task::LocalSet::new();
        let upstream = Upstream::home(resource, config.limits.connect_timeout);
        let name = &resource.name;
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
            catalog,
        })
    }

    /// The output columns as the server describes them; `None` where it does not: the statement
    /// returns nothing, or the server refuses it.
    pub(super) fn describe(&self, sql: &str) -> Option<Vec<velum_core::cell::ColumnFacts>> {
        let prepared = self.client.prepare(sql);
        let statement = self.tasks.block_on(&self.runtime, prepared).ok()?;
        let facts = statement.columns().iter().map(|column| {
            let base = column.table_oid().zip(column.column_id());
            let (table_oid, attnum) = base.unwrap_or_default();
            velum_core::cell::ColumnFacts {
                name: column.name().as_bytes().into(),
                table_oid,
                attnum,
                type_oid: column.type_().oid(),
            }
        });
        Some(facts.collect())
    }
}

/// The policy ready for use, with transforms that nobody has keys or tokens of.
///
/// # Errors
/// Why it cannot be put in force.
pub(super) fn compiled(policy: &model::Policy) -> Result<policy::Policy, String> {
    let scope = policies::Scope {
        resource: "",
        identity: "",
        vault: &Arc::default(),
    };
    policies::policy(policy, &scope).map_err(|error| error.to_string())
}
