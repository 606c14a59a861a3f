//! Relations, columns, types and words.

use std::collections::HashMap;

use tokio_postgres::{Client, Row};
use velum_core::catalog::{Catalog, Column, Relation, Tie, TieKind, TypeKind};

use super::LoadError;

const DOING: &str = "reading the catalog";

/// Tables, views, materialised views, foreign and partitioned tables, sequences; row types too,
/// for the attributes of composite types.
const RELATIONS: &str = "
    select c.oid, n.nspname::text, c.relname::text, c.relkind::text
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'f', 'p', 't', 'c', 'S')";

const COLUMNS: &str = "
    select a.attrelid, a.attnum, a.attname::text, a.atttypid, a.attgenerated <> ''
    from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped
      and c.relkind in ('r', 'v', 'm', 'f', 'p', 't', 'c', 'S')
    order by a.attrelid, a.attnum";

const PARENTS: &str = "select inhrelid, inhparent from pg_catalog.pg_inherits";

/// `int2vector` and `oidvector` are arrays on the wire without being anybody's `typarray`.
const TYPES: &str = "
    select t.oid, t.typname::text, t.typtype::text, t.typbasetype, t.typrelid,
           case when t.typtype = 'b' and t.typcategory = 'A' then t.typelem else 0 end,
           coalesce(r.rngsubtype, 0)
    from pg_catalog.pg_type t left join pg_catalog.pg_range r on r.rngtypid = t.oid";

/// Nothing temporary: any client can make it and name it after a value.
const WORDS: &str = "
    with temporary as (
        select oid from pg_catalog.pg_namespace where nspname ~ '^pg_(toast_)?temp_'),
    permanent as (
        select oid, relname from pg_catalog.pg_class
        where relnamespace not in (select oid from temporary))
    select nspname::text from pg_catalog.pg_namespace
    union select relname::text from permanent
    union select attname::text
        from pg_catalog.pg_attribute join permanent on permanent.oid = attrelid
        where not attisdropped
    union select typname::text from pg_catalog.pg_type
        where typnamespace not in (select oid from temporary)
    union select conname::text from pg_catalog.pg_constraint
        where connamespace not in (select oid from temporary)
    union select proname::text from pg_catalog.pg_proc
        where pronamespace not in (select oid from temporary)
    union select pg_catalog.unnest(proargnames) from pg_catalog.pg_proc
        where pronamespace not in (select oid from temporary)
    union select tgname::text from pg_catalog.pg_trigger join permanent on permanent.oid = tgrelid
    union select rulename::text from pg_catalog.pg_rewrite
        join permanent on permanent.oid = ev_class
    union select polname::text from pg_catalog.pg_policy join permanent on permanent.oid = polrelid
    union select extname::text from pg_catalog.pg_extension
    union select lanname::text from pg_catalog.pg_language
    union select collname::text from pg_catalog.pg_collation
    union select srvname::text from pg_catalog.pg_foreign_server
    union select spcname::text from pg_catalog.pg_tablespace
    union select datname::text from pg_catalog.pg_database
    union select rolname::text from pg_catalog.pg_roles
    union select name from pg_catalog.pg_settings
    union select pg_catalog.lower(name) from pg_catalog.pg_settings";

/// Columns that alone are a unique index over all rows, and have no NULL.
const KEYS: &str = "select i.indrelid, a.attnum from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indisunique and i.indisvalid and i.indimmediate and i.indnkeyatts = 1
        and i.indpred is null and i.indexprs is null and a.attnotnull and a.attnum > 0";

/// Unique indexes and exclusions by their columns, without expressions; foreign keys; checks.
const TIES: &str = "
    select indrelid, 'u', array(
        select k from pg_catalog.unnest(
            (indkey::pg_catalog.int2[])[0:indnkeyatts - 1]) k where k > 0),
        0::oid, '{}'::pg_catalog.int2[]
    from pg_catalog.pg_index where indisunique or indisexclusion
    union all
    select conrelid, contype::text, conkey, confrelid, coalesce(confkey, '{}')
    from pg_catalog.pg_constraint
    where contype in ('f', 'c') and conrelid <> 0 and conkey is not null";

/// Reads everything but the origins of views' columns, in one snapshot of the database.
pub(super) async fn read(client: &Client) -> Result<Catalog, LoadError> {
    let run = async |sql: &'static str| {
        client
            .query(sql, &[])
            .await
            .map_err(|error| LoadError::new(DOING, &error))
    };
    let transaction = async |sql: &'static str| {
        client
            .batch_execute(sql)
            .await
            .map_err(|error| LoadError::new(DOING, &error))
    };
    transaction("begin isolation level repeatable read read only").await?;
    let relations = run(RELATIONS).await?;
    let columns = run(COLUMNS).await?;
    let parents = run(PARENTS).await?;
    let types = run(TYPES).await?;
    let words = run(WORDS).await?;
    let keys = run(KEYS).await?;
    let ties = run(TIES).await?;
    transaction("commit").await?;

    let mut catalog = Catalog::default();
    build(
        &mut catalog,
        [&relations, &columns, &parents, &types, &words, &keys],
    )
    .map_err(|error| LoadError::new(DOING, &error))?;
    catalog.ties = read_ties(&ties).map_err(|error| LoadError::new(DOING, &error))?;
    Ok(catalog)
}

fn read_ties(rows: &[Row]) -> Result<HashMap<u32, Vec<Tie>>, tokio_postgres::Error> {
    let mut ties: HashMap<u32, Vec<Tie>> = HashMap::new();
    for row in rows {
        let kind = match row.try_get::<_, &str>(1)? {
            "u" => TieKind::Unique,
            "f" => TieKind::Refers,
            _ => TieKind::Check,
        };
        let (other, to): (u32, Vec<i16>) = (row.try_get(3)?, row.try_get(4)?);
        ties.entry(row.try_get(0)?).or_default().push(Tie {
            kind,
            columns: row.try_get(2)?,
            to: to.into_iter().map(|attnum| (other, attnum)).collect(),
        });
    }
    Ok(ties)
}

fn build(catalog: &mut Catalog, tables: [&[Row]; 6]) -> Result<(), tokio_postgres::Error> {
    let [relations, columns, parents, types, words, keys] = tables;
    let mut row_types: HashMap<u32, Vec<u32>> = HashMap::new();
    for row in relations {
        let (oid, kind) = (row.try_get(0)?, row.try_get::<_, &str>(3)?);
        let (schema, name) = (row.try_get(1)?, row.try_get(2)?);
        let relation = Relation {
            children: Vec::new(),
            is_view: kind == "v",
            schema,
            name,
            columns: Vec::new(),
            parents: Vec::new(),
        };
        match kind {
            "c" => catalog.composites.insert(oid, relation),
            _ => catalog.relations.insert(oid, relation),
        };
    }
    for row in columns {
        let (oid, type_oid) = (row.try_get(0)?, row.try_get(3)?);
        row_types.entry(oid).or_default().push(type_oid);
        let relation = catalog.relations.get_mut(&oid);
        if let Some(relation) = relation.or_else(|| catalog.composites.get_mut(&oid)) {
            relation.columns.push(Column {
                attnum: row.try_get(1)?,
                name: row.try_get(2)?,
                type_oid,
                generated: row.try_get(4)?,
                origins: Vec::new(),
            });
        }
    }
    for row in parents {
        let (below, above) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(child) = catalog.relations.get_mut(&below) {
            child.parents.push(above);
            if let Some(parent) = catalog.relations.get_mut(&above) {
                parent.children.push(below);
            }
        }
    }
    for row in types {
        let kind = type_kind(row, &mut row_types)?;
        catalog
            .types
            .insert(row.try_get(0)?, (row.try_get(1)?, kind));
    }
    for row in words {
        catalog.words.insert(row.try_get(0)?);
    }
    for row in keys {
        let key: (u32, i16) = (row.try_get(0)?, row.try_get(1)?);
        // The rows of a table below are no part of its index.
        let is_alone = catalog.relations.get(&key.0);
        if is_alone.is_some_and(|relation| relation.children.is_empty()) {
            catalog.keys.insert(key);
        }
    }
    Ok(())
}

fn type_kind(
    row: &Row,
    row_types: &mut HashMap<u32, Vec<u32>>,
) -> Result<TypeKind, tokio_postgres::Error> {
    let element: u32 = row.try_get(5)?;
    Ok(match row.try_get::<_, &str>(2)? {
        "d" => TypeKind::Domain {
            base: row.try_get(3)?,
        },
        "c" => {
            let attributes = row_types.remove(&row.try_get(4)?).unwrap_or_default();
            TypeKind::Composite { attributes }
        }
        "e" => TypeKind::Enum,
        "r" => TypeKind::Range {
            subtype: row.try_get(6)?,
        },
        "m" => TypeKind::Multirange,
        _ if element != 0 => TypeKind::Array { element },
        _ => TypeKind::Base,
    })
}
