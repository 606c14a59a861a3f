//! Which base column each column of a view shows, or what it is computed from.
//!
//! PostgreSQL itself knows the first: the definition of a view, prepared as a statement of its
//! own, is described with the table and the attribute number of every plain column. What flows
//! into the others is read from the definition. Where that is not known (a definition that is
//! not understood, or that our role may not see), a column is computed from whatever the view
//! depends on: ambiguity widens the mask.
//!
//! The same holds for the generated columns of tables and their expressions.
//!
//! Reading a definition locks the view and what it names, so each is read by itself, waits for
//! no lock for long, and holds none while the next one is read: a migration is never in our way
//! nor we in its. What could not be read is widened, too, and read again with the next load.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use velum_core::catalog::Catalog;
use velum_core::sql::lineage::{self, Flow, Origin, view_columns};

use super::LoadError;

const DOING: &str = "following views";
/// Locks that are waited for in one load; from then on each has to be free at once.
const WAITS: usize = 20;

/// Views of the system show no rows of tables. No locks are taken here.
const VIEWS: &str = "
    select c.oid, n.nspname ~ '^pg_temp_'
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
    order by c.oid";

/// Columns that the views' definitions name anywhere; 0 for a relation as a whole.
const DEPENDENCIES: &str = "
    select distinct r.ev_class, d.refobjid, d.refobjsubid::int2
    from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      and d.refobjsubid >= 0 and d.refobjid <> r.ev_class";

/// Generated columns of tables.
const GENERATED: &str = "
    select a.attrelid, a.attnum
    from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
    where a.attgenerated <> '' and not a.attisdropped";

/// A query that computes one. Like a view's definition, its expression locks the table.
const EXPRESSION: &str = "
    select pg_catalog.format('select %s from %I.%I',
        pg_catalog.pg_get_expr(d.adbin, d.adrelid), n.nspname, c.relname)
    from pg_catalog.pg_attrdef d join pg_catalog.pg_class c on c.oid = d.adrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where d.adrelid = $1 and d.adnum = $2";

/// What is known of a view.
enum View {
    /// Its definition, and the origin of each output column if the server described them.
    Read(String, Option<Vec<Option<Origin>>>),
    /// Nothing, and another load will know no more.
    Closed,
    /// Nothing now: it or what it names is locked.
    Locked,
    /// It was dropped.
    Gone,
}

/// Fills in what flows into the columns of views, and into generated columns. False if some were
/// locked, which then count as showing all that they could.
pub(super) async fn resolve(client: &Client, catalog: &mut Catalog) -> Result<bool, LoadError> {
    wait_for_locks(client, "50ms").await?;
    let mut locked = generated(client, catalog).await?;
    let views = client.query(VIEWS, &[]).await.map_err(failed)?;
    let mut dependencies = dependencies(client, catalog).await?;
    for row in views {
        let oid: u32 = row.try_get(0).map_err(failed)?;
        // A session may lock what is its own alone for as long as it likes.
        let is_temporary: bool = row.try_get(1).map_err(failed)?;
        let view = match is_temporary {
            true => View::Closed,
            false => read(client, oid).await?,
        };
        if matches!(view, View::Locked) {
            locked.note(client).await?;
        }
        fill_in(catalog, oid, view, dependencies.remove(&oid));
    }
    Ok(locked.0 == 0)
}

fn failed(error: tokio_postgres::Error) -> LoadError {
    LoadError::new(DOING, &error)
}

/// How much of it was locked.
#[derive(Default)]
struct Locked(usize);

impl Locked {
    /// Something more.
    async fn note(&mut self, client: &Client) -> Result<(), LoadError> {
        self.0 += 1;
        match self.0 {
            WAITS => wait_for_locks(client, "1ms").await,
            _ => Ok(()),
        }
    }
}

async fn wait_for_locks(client: &Client, timeout: &str) -> Result<(), LoadError> {
    let sql = format!("set lock_timeout to '{timeout}'");
    let set = client.batch_execute(&sql).await;
    set.map_err(failed)
}

/// What each view depends on; a relation as a whole stands for all of its columns.
async fn dependencies(
    client: &Client,
    catalog: &Catalog,
) -> Result<HashMap<u32, HashSet<Origin>>, LoadError> {
    let mut dependencies: HashMap<u32, HashSet<Origin>> = HashMap::new();
    for row in client.query(DEPENDENCIES, &[]).await.map_err(failed)? {
        let view: u32 = row.try_get(0).map_err(failed)?;
        let (relation, attnum) = (
            row.try_get(1).map_err(failed)?,
            row.try_get::<_, i16>(2).map_err(failed)?,
        );
        let known = dependencies.entry(view).or_default();
        match catalog.relations.get(&relation) {
            Some(whole) if attnum == 0 => {
                known.extend(whole.columns.iter().map(|column| (relation, column.attnum)));
            }
            _ => {
                known.insert((relation, attnum));
            }
        }
    }
    Ok(dependencies)
}

fn fill_in(catalog: &mut Catalog, oid: u32, view: View, everything: Option<HashSet<Origin>>) {
    let (definition, origins) = match view {
        View::Gone => return,
        View::Read(definition, origins) => (Some(definition), origins),
        View::Closed | View::Locked => (None, None),
    };
    let known = definition.and_then(|text| lineage::view(text.as_bytes(), catalog).ok());
    catalog.views.insert(oid, known.clone());
    let flows = known.map(|view| view.columns);
    let Some(relation) = catalog.relations.get_mut(&oid) else {
        return;
    };
    let count = relation.columns.len();
    let flows = flows.filter(|flows| flows.len() == count);
    let origins = origins.filter(|origins| origins.len() == count);
    let everything = Flow::derived(everything.unwrap_or_default());
    for (at, column) in relation.columns.iter_mut().enumerate() {
        let described = origins
            .as_ref()
            .and_then(|all| all.get(at).copied().flatten());
        if let Some(origin) = described {
            column.origins = vec![origin];
            continue;
        }
        let flow = flows.as_ref().and_then(|all| all.get(at));
        let flow = flow.unwrap_or(&everything).clone();
        catalog.computed.insert((oid, column.attnum), flow);
    }
}

/// Fills in what flows into the generated columns of tables.
async fn generated(client: &Client, catalog: &mut Catalog) -> Result<Locked, LoadError> {
    let mut locked = Locked::default();
    for row in client.query(GENERATED, &[]).await.map_err(failed)? {
        let (table, attnum) = (row.try_get(0), row.try_get(1));
        let (table, attnum): (u32, i16) = (table.map_err(failed)?, attnum.map_err(failed)?);
        let query = match client.query_opt(EXPRESSION, &[&table, &attnum]).await {
            Ok(row) => row.map(|row| row.try_get::<_, Option<String>>(0)),
            Err(error) => {
                if matches!(unread(client, &error)?, View::Locked) {
                    locked.note(client).await?;
                }
                None
            }
        };
        let query = query.transpose().map_err(failed)?.flatten();
        let flows = query.and_then(|query| view_columns(query.as_bytes(), catalog).ok());
        let flow = match flows.as_deref() {
            Some([flow]) => flow.clone(),
            _ => {
                let columns = catalog.relations.get(&table);
                let columns = columns.into_iter().flat_map(|it| &it.columns);
                let others = columns.filter(|column| column.attnum != attnum);
                Flow::derived(others.map(|column| (table, column.attnum)))
            }
        };
        catalog.computed.insert((table, attnum), flow);
    }
    Ok(locked)
}

/// Reads one view; every lock is free again when this returns.
async fn read(client: &Client, oid: u32) -> Result<View, LoadError> {
    const DEFINITION: &str = "select pg_catalog.pg_get_viewdef($1::pg_catalog.oid)";
    let definition = match client.query_opt(DEFINITION, &[&oid]).await {
        Ok(Some(row)) => row.try_get::<_, Option<String>>(0),
        Ok(None) => Ok(None),
        Err(error) => return unread(client, &error),
    };
    match definition.map_err(failed)? {
        None => Ok(View::Gone),
        Some(definition) => match describe(client, &definition).await {
            Ok(origins) => Ok(View::Read(definition, Some(origins))),
            Err(error) => match unread(client, &error)? {
                View::Closed => Ok(View::Read(definition, None)),
                other => Ok(other),
            },
        },
    }
}

/// What an error says of the view that was being read.
fn unread(client: &Client, error: &tokio_postgres::Error) -> Result<View, LoadError> {
    let busy = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    match error.code() {
        _ if client.is_closed() => Err(LoadError::new(DOING, error)),
        Some(code) if busy.contains(code) => Ok(View::Locked),
        _ => Ok(View::Closed),
    }
}

/// The origin of each output column.
async fn describe(
    client: &Client,
    definition: &str,
) -> Result<Vec<Option<Origin>>, tokio_postgres::Error> {
    let definition = definition.trim_end().trim_end_matches(';');
    let statement = client.prepare(definition).await?;
    let origin = |column: &tokio_postgres::Column| {
        let table = column.table_oid().filter(|oid| *oid != 0)?;
        Some((table, column.column_id().filter(|attnum| *attnum != 0)?))
    };
    Ok(statement.columns().iter().map(origin).collect())
}
