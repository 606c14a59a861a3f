//! Relations to which code of a user's own is attached: reading or writing one may run it.

use std::collections::{HashMap, HashSet};

use tokio_postgres::{Client, Row};
use velum_core::catalog::{Catalog, TypeKind};

use super::LoadError;
use super::functions::COMPUTING_EXTENSIONS;

const DOING: &str = "reading what is attached to relations";

/// By triggers, rules and row security, by a type with a cast of its own, and by whatever a
/// partition key, an index, a constraint, a default or a statistic calls. PostgreSQL's own
/// functions are no dependency: those that change a setting or run a text are looked for in the
/// expressions, which are not written out, as that would wait for locks.
const LOUD: &str = "
    with calls as (
        select objid from pg_catalog.pg_depend where refobjid >= 16384
          and refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass,
                             'pg_catalog.pg_operator'::pg_catalog.regclass)
          and not refobjid = any ($1)),
    doors as (
        select ':funcid (' || string_agg(oid::text, '|') || ') ' as pattern
        from pg_catalog.pg_proc where pronamespace = 'pg_catalog'::pg_catalog.regnamespace
          and (proname ~ '_to_xml' or proname in ('set_config', 'ts_stat', 'ts_rewrite'))),
    checks as (
        select oid, conrelid, contypid from pg_catalog.pg_constraint, doors
        where oid in (select objid from calls)
           or conbin::text ~ pattern)
    select oid from pg_catalog.pg_class where relrowsecurity or relhasrules and relkind <> 'v'
    union all select objid from calls
    union all select conrelid from checks
    union all select contypid from checks
    union all select tgrelid from pg_catalog.pg_trigger where not tgisinternal
    union all select indrelid from pg_catalog.pg_index join calls on objid = indexrelid
    union all select stxrelid from pg_catalog.pg_statistic_ext join calls on objid = oid
    union all select adrelid from pg_catalog.pg_attrdef, doors
        where oid in (select objid from calls)
           or adbin::text ~ pattern
    union all select type from pg_catalog.pg_cast, unnest(array[castsource, casttarget]) type
        where castfunc >= 16384 and type >= 16384 and not castfunc = any ($1)";

/// Functions and operators of extensions that only compute.
const COMPUTING: &str = "
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_extension e on e.oid = d.refobjid
    where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      and e.extname::text = any ($1)";

/// Tables that a foreign key changes or reads with one another.
const REFERENCES: &str = "
    select conrelid, confrelid from pg_catalog.pg_constraint where contype = 'f'";

/// Fills in which relations are loud. What is read or written with one that is, is loud as well,
/// and so is a type that is made of one.
pub(super) async fn read(client: &Client, catalog: &mut Catalog) -> Result<(), LoadError> {
    let extensions = COMPUTING_EXTENSIONS.as_slice();
    let computing: Vec<u32> = oids(&client.query(COMPUTING, &[&extensions]).await)?;
    let mut left: Vec<u32> = oids(&client.query(LOUD, &[&computing]).await)?;
    let references = client.query(REFERENCES, &[]).await;
    let mut along: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut lead = |from, to| along.entry(from).or_default().push(to);
    for row in references.map_err(failed)? {
        let (one, other) = (
            row.try_get(0).map_err(failed)?,
            row.try_get(1).map_err(failed)?,
        );
        lead(one, other);
        lead(other, one);
    }
    for (oid, relation) in &catalog.relations {
        let relatives = relation.parents.iter().chain(&relation.children);
        relatives.for_each(|relative| lead(*oid, *relative));
        let columns = relation.columns.iter();
        columns.for_each(|column| lead(column.type_oid, *oid));
    }
    for (oid, (_, kind)) in &catalog.types {
        match kind {
            TypeKind::Domain { base: part }
            | TypeKind::Array { element: part }
            | TypeKind::Range { subtype: part } => lead(*part, *oid),
            TypeKind::Composite { attributes } => {
                attributes.iter().for_each(|part| lead(*part, *oid));
            }
            TypeKind::Base | TypeKind::Enum | TypeKind::Multirange => {}
        }
    }
    let mut seen = HashSet::new();
    while let Some(oid) = left.pop() {
        if seen.insert(oid) {
            left.extend(along.get(&oid).into_iter().flatten());
        }
    }
    let relations = catalog.relations.keys();
    catalog.loud = relations
        .filter(|oid| seen.contains(oid))
        .copied()
        .collect();
    Ok(())
}

fn oids(rows: &Result<Vec<Row>, tokio_postgres::Error>) -> Result<Vec<u32>, LoadError> {
    let rows = rows
        .as_ref()
        .map_err(|error| LoadError::new(DOING, error))?;
    let oids = rows.iter().map(|row| row.try_get(0));
    oids.collect::<Result<_, _>>().map_err(failed)
}

fn failed(error: tokio_postgres::Error) -> LoadError {
    LoadError::new(DOING, &error)
}
