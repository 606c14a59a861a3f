//! Functions and operators that are not PostgreSQL's own.

use std::collections::HashSet;

use tokio_postgres::Client;
use velum_core::catalog::Catalog;

use super::LoadError;

const DOING: &str = "reading functions";

/// Extensions whose functions and operators compute from their arguments alone: they run no
/// statement and read no table.
pub(super) const COMPUTING_EXTENSIONS: [&str; 18] = [
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "seg",
    "unaccent",
    "uuid-ossp",
];

/// Each function outside of `pg_catalog`, whether it belongs to an extension of the list, and
/// whether it is an aggregate.
const FUNCTIONS: &str = "
    select distinct p.proname::text, e.oid is not null, p.prokind operator(pg_catalog.=) 'a'
    from pg_catalog.pg_proc p
    left join pg_catalog.pg_depend d on d.objid = p.oid and d.deptype = 'e'
        and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    left join pg_catalog.pg_extension e on e.oid = d.refobjid
        and e.extname::text operator(pg_catalog.=) any ($1)
    where p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace";

/// Operators of the same kind; what an operator does is its function's.
const OPERATORS: &str = "
    select distinct o.oprname::text
    from pg_catalog.pg_operator o
    where o.oprnamespace <> 'pg_catalog'::pg_catalog.regnamespace
      and not exists (
        select from pg_catalog.pg_depend d
        join pg_catalog.pg_extension e on e.oid = d.refobjid
        where d.objid = o.oprcode and d.deptype = 'e'
          and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
          and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          and e.extname::text operator(pg_catalog.=) any ($1))";

/// Fills in the names of functions and operators.
pub(super) async fn read(client: &Client, catalog: &mut Catalog) -> Result<(), LoadError> {
    let failed = |error: tokio_postgres::Error| LoadError::new(DOING, &error);
    let computing = COMPUTING_EXTENSIONS.as_slice();
    let functions = client.query(FUNCTIONS, &[&computing]).await;
    for row in functions.map_err(failed)? {
        let name: String = row.try_get(0).map_err(failed)?;
        let is_known = row.try_get(1).map_err(failed)?;
        let is_aggregate: bool = row.try_get(2).map_err(failed)?;
        let names: &mut HashSet<String> = match is_known {
            true => &mut catalog.computing_functions,
            false => &mut catalog.own_functions,
        };
        names.insert(name.clone());
        if is_aggregate && !is_known {
            catalog.own_aggregates.insert(name);
        }
    }
    let operators = client.query(OPERATORS, &[&computing]).await;
    for row in operators.map_err(failed)? {
        catalog
            .own_operators
            .insert(row.try_get(0).map_err(failed)?);
    }
    Ok(())
}
