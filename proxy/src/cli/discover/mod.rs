//! `velum discover`: which columns of a database hold PHI, a policy drafted for them, and on later
//! runs what has changed since.
//!
//! ```text
//! facts (catalog) ─┐
//! sample (rows) ───┼─▶ judge (a column) ─▶ spread (its neighbours) ─┬─▶ show (table, JSON)
//! budget ──────────┘                                                ├─▶ draft (TOML)
//!                                                                   └─▶ drift (a policy in use)
//! ```
//!
//! Values are looked at and counted, and never kept: what is printed and written holds names of
//! the catalog and numbers.

mod budget;
mod class;
mod draft;
mod drift;
mod facts;
mod judge;
mod sample;
mod show;
mod spread;
mod tally;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::database::Database;
use super::{CONFIG, DONE, FOUND, MISUSE, complain, engine, print, progress};
use crate::config::model::{NameOrAny, Resource};
use crate::config::profile::Profile;
use crate::config::{self, Config};
use budget::Budget;
use facts::Facts;
use judge::Judge;
use show::Survey;

/// Find the columns of a database that hold PHI, and draft a policy for them. Exit status: 0 done,
/// 1 the policy in use has drifted from the database, 2 misuse or no answer.
#[derive(Args)]
pub(super) struct Discover {
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// Name of the resource.
    #[arg(long)]
    resource: String,
    /// Which of its databases, where the resource passes on any.
    #[arg(long)]
    database: Option<String>,
    /// Write a policy for what was found to this new file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the drafted policy leaves.
    #[arg(long, value_enum, default_value = "safe-harbor")]
    profile: Draftable,
    /// Hold a policy of this file against what was found; a configuration, or policies alone.
    #[arg(long, value_name = "FILE", requires = "policy")]
    against: Option<PathBuf>,
    /// Name of that policy.
    #[arg(long, requires = "against")]
    policy: Option<String>,
    /// Rows that are looked at of each table.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    sample_rows: u64,
    /// Rows that are looked at in all.
    #[arg(long, default_value_t = 1_000_000)]
    budget_rows: u64,
    /// How long rows are looked at, in milliseconds.
    #[arg(long, default_value_t = 120_000)]
    budget_ms: u64,
    /// The detector pack to judge values by; made by `velum tune`.
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// List columns without a finding as well.
    #[arg(long)]
    all: bool,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Draftable {
    SafeHarbor,
    LimitedDataSet,
}

/// Looks, and tells; returns the exit status.
pub(super) fn run(arguments: &Discover) -> u8 {
    discover(arguments).unwrap_or_else(|message| {
        complain(&format!("velum discover: {}\n", message.trim_end()));
        MISUSE
    })
}

fn discover(arguments: &Discover) -> Result<u8, String> {
    let config = config::load(&arguments.config).map_err(|error| error.to_string())?;
    let resource = arguments.resource(&config)?;
    let engine = engine::load(arguments.pack.as_deref(), &[])?;
    // Mistakes in files are told before minutes are spent.
    let policy = arguments.held()?;
    let draft = arguments.out.as_deref().map(draft::open).transpose()?;

    let database = Database::open(&config, resource, arguments.database.as_deref())?;
    let survey = arguments.survey(&engine, &database)?;
    if let Some(mut file) = draft {
        file.write(&survey, arguments.profile())?;
    }
    let drift = policy
        .map(|policy| drift::drift(&policy, &survey, &database.catalog))
        .transpose()?;
    print(&match arguments.json {
        true => format!("{:#}\n", survey.document(arguments.all, drift.as_ref())),
        false => survey.text(arguments.all, drift.as_ref()),
    });
    Ok(match drift {
        Some(drift) if !drift.is_empty() => FOUND,
        _ => DONE,
    })
}

impl Discover {
    fn profile(&self) -> Profile {
        match self.profile {
            Draftable::SafeHarbor => Profile::SafeHarbor,
            Draftable::LimitedDataSet => Profile::LimitedDataSet,
        }
    }

    fn resource<'c>(&self, config: &'c Config) -> Result<&'c Resource, String> {
        let name = &self.resource;
        let resource = config.resource(name).ok_or_else(|| {
            let known: Vec<&str> = config.resources.iter().map(|it| it.name.as_str()).collect();
            format!("there is no resource `{name}`; known: {}", known.join(", "))
        })?;
        match (&resource.database, &self.database) {
            (NameOrAny::Fixed(only), Some(other)) if only != other => {
                Err(format!("resource `{name}` is database `{only}` alone"))
            }
            _ => Ok(resource),
        }
    }

    /// The policy to hold against the database.
    fn held(&self) -> Result<Option<drift::Held>, String> {
        match (&self.against, &self.policy) {
            (Some(file), Some(name)) => drift::Held::read(file, name).map(Some),
            _ => Ok(None),
        }
    }

    fn survey(
        &self,
        engine: &velum_detectors::Detectors,
        database: &Database,
    ) -> Result<Survey, String> {
        let catalog = &database.catalog;
        let facts = read_facts(database)?;
        let time = Duration::from_millis(self.budget_ms);
        let mut budget = Budget::new(self.budget_rows, self.sample_rows, time);
        let bar = progress::bar("tables", facts.families().len());
        let looked = database.ask(async |client| {
            sample::look(client, engine, &facts, &mut budget, &|| bar.inc(1)).await
        });
        bar.finish_and_clear();
        let found = spread::judge_all(&Judge { engine }, &facts, catalog, &looked.tallies);
        Ok(Survey {
            resource: self.resource.clone(),
            sample_rows: self.sample_rows,
            budget_rows: self.budget_rows,
            budget_ms: self.budget_ms,
            facts,
            looked,
            found,
        })
    }
}

/// A column of an identifier, as far as the catalog alone tells.
pub(super) struct ByName {
    pub(super) table_oid: u32,
    pub(super) attnum: i16,
    pub(super) type_oid: u32,
    pub(super) name: String,
    /// Schema, table and column.
    pub(super) full_name: String,
    /// Letter of 45 CFR 164.514(b)(2)(i).
    pub(super) letter: char,
}

/// The columns of the eighteen identifiers by names, types, comments and foreign keys: no row is
/// looked at.
///
/// # Errors
/// When the catalog cannot be read.
pub(super) fn by_name(database: &Database) -> Result<Vec<ByName>, String> {
    let facts = read_facts(database)?;
    let engine = engine::load(None, &[])?;
    let judge = Judge { engine: &engine };
    let found = spread::judge_all(&judge, &facts, &database.catalog, &Default::default());
    let columns = found.iter().filter(|(_, found)| found.grade.counts());
    let by_name = columns.filter_map(|(origin, found)| {
        let (table, column) = facts.column(*origin)?;
        Some(ByName {
            table_oid: origin.0,
            attnum: origin.1,
            type_oid: column.type_oid,
            name: column.name.clone(),
            full_name: format!("{}.{}", table.full_name(), column.name),
            letter: found.class.identifier()?.0,
        })
    });
    Ok(by_name.collect())
}

fn read_facts(database: &Database) -> Result<Facts, String> {
    let facts = database.ask(|client| facts::read(client, &database.catalog));
    facts.map_err(|error| match error.code() {
        Some(code) => format!("reading the catalog: the server answers {}", code.code()),
        None => "reading the catalog: the connection failed".to_owned(),
    })
}
