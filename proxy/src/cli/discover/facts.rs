//! What the catalog says beyond lineage: sizes, comments, foreign keys, and what may be read.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error, Row};
use velum_core::catalog::{Catalog, TypeKind};
use velum_core::sql::lineage::Origin;

/// Domains of domains, arrays of domains, …
const TYPE_DEPTH: usize = 8;

/// A relation, and what is to be known before its rows are looked at.
pub(super) struct Table {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: TableKind,
    /// The role may read some column of it.
    pub(super) is_readable: bool,
    /// As the server last counted.
    pub(super) pages: i64,
    /// Partitions and heirs belong to it.
    pub(super) parent: Option<u32>,
    pub(super) columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    /// It has rows of its own.
    Table,
    /// Its partitions have them.
    Partitioned,
    Materialised,
    View,
    /// Another server has them.
    Foreign,
}

pub(super) struct Column {
    pub(super) attnum: i16,
    pub(super) name: String,
    pub(super) type_oid: u32,
    /// Of the values, or of the elements of arrays; domains are followed.
    pub(super) type_name: String,
    /// The domains on the way.
    pub(super) domains: Vec<String>,
    pub(super) is_array: bool,
    pub(super) comment: Option<String>,
    /// The role may read it.
    pub(super) is_readable: bool,
}

/// All relations of a database that are the user's own, and who refers to whom.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) tables: BTreeMap<u32, Table>,
    /// Referring and referred columns.
    pub(super) links: Vec<(Origin, Origin)>,
}

impl Table {
    /// As a person writes it.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Its rows are looked at here.
    pub(super) fn has_rows(&self) -> bool {
        matches!(self.kind, TableKind::Table | TableKind::Materialised)
    }

    /// What it shows are others' columns.
    pub(super) fn shows_others(&self) -> bool {
        matches!(self.kind, TableKind::View | TableKind::Materialised)
    }
}

const OWN: &str = "
    n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_(toast|temp_|toast_temp_)' and c.relkind in ('r', 'p', 'm', 'v', 'f')";

const TABLES: &str = "
    select c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpages::int8,
        pg_catalog.has_schema_privilege(n.oid, 'usage')
            and pg_catalog.has_any_column_privilege(c.oid, 'select')
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where ";

const COLUMNS: &str = "
    select a.attrelid, a.attnum, a.attname::text, a.atttypid,
        pg_catalog.col_description(a.attrelid, a.attnum),
        pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select')
    from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where a.attnum > 0 and not a.attisdropped and ";

const LINKS: &str = "
    select conrelid, conkey, confrelid, confkey from pg_catalog.pg_constraint
    where contype = 'f' and conparentid = 0";

/// Reads them.
pub(super) async fn read(client: &Client, catalog: &Catalog) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    for row in client.query(&format!("{TABLES}{OWN}"), &[]).await? {
        let table = table(&row, catalog)?;
        facts.tables.insert(table.oid, table);
    }
    let columns = format!("{COLUMNS}{OWN} order by a.attrelid, a.attnum");
    for row in client.query(&columns, &[]).await? {
        let column = column(&row, catalog)?;
        if let Some(table) = facts.tables.get_mut(&row.try_get(0)?) {
            table.columns.push(column);
        }
    }
    for row in client.query(LINKS, &[]).await? {
        let (from, to): (u32, u32) = (row.try_get(0)?, row.try_get(2)?);
        let (own, theirs): (Vec<i16>, Vec<i16>) = (row.try_get(1)?, row.try_get(3)?);
        let pairs = own.into_iter().zip(theirs);
        let links = pairs.map(|(attnum, other)| ((from, attnum), (to, other)));
        facts.links.extend(links);
    }
    Ok(facts)
}

fn table(row: &Row, catalog: &Catalog) -> Result<Table, Error> {
    let oid = row.try_get(0)?;
    let kind = match row.try_get::<_, &str>(3)? {
        "p" => TableKind::Partitioned,
        "m" => TableKind::Materialised,
        "v" => TableKind::View,
        "f" => TableKind::Foreign,
        _ => TableKind::Table,
    };
    let parents = catalog.relations.get(&oid).map(|it| it.parents.as_slice());
    Ok(Table {
        oid,
        schema: row.try_get(1)?,
        name: row.try_get(2)?,
        kind,
        pages: row.try_get(4)?,
        is_readable: row.try_get(5)?,
        parent: parents.and_then(|parents| parents.first().copied()),
        columns: Vec::new(),
    })
}

fn column(row: &Row, catalog: &Catalog) -> Result<Column, Error> {
    let type_oid = row.try_get(3)?;
    let mut column = Column {
        attnum: row.try_get(1)?,
        name: row.try_get(2)?,
        type_oid,
        type_name: String::new(),
        domains: Vec::new(),
        is_array: false,
        comment: row.try_get(4)?,
        is_readable: row.try_get(5)?,
    };
    let mut next = type_oid;
    for _ in 0..TYPE_DEPTH {
        let Some((name, kind)) = catalog.types.get(&next) else {
            break;
        };
        column.type_name.clone_from(name);
        match kind {
            TypeKind::Domain { base } => {
                column.domains.push(name.clone());
                next = *base;
            }
            // `int2vector` and the like are arrays that nothing can be taken out of.
            TypeKind::Array { element } if name.starts_with('_') => {
                column.is_array = true;
                next = *element;
            }
            _ => break,
        }
    }
    Ok(column)
}

impl Facts {
    pub(super) fn column(&self, (table, attnum): Origin) -> Option<(&Table, &Column)> {
        let table = self.tables.get(&table)?;
        let mut columns = table.columns.iter();
        let column = columns.find(|column| column.attnum == attnum)?;
        Some((table, column))
    }

    /// Where a column's findings belong: a partition's to the same column of its topmost parent.
    pub(super) fn root(&self, (table, attnum): Origin) -> Origin {
        let mut at = (table, attnum);
        for _ in 0..TYPE_DEPTH {
            let Some((table, column)) = self.column(at) else {
                break;
            };
            let parent = table.parent.and_then(|oid| self.tables.get(&oid));
            let same = parent.and_then(|parent| {
                let mut columns = parent.columns.iter();
                let same = columns.find(|it| it.name == column.name)?;
                Some((parent.oid, same.attnum))
            });
            match same {
                Some(same) => at = same,
                None => break,
            }
        }
        at
    }

    /// Tables with rows, by what they belong to.
    pub(super) fn families(&self) -> BTreeMap<u32, Vec<&Table>> {
        let mut families: BTreeMap<u32, Vec<&Table>> = BTreeMap::new();
        for table in self.tables.values() {
            let mut top = table;
            for _ in 0..TYPE_DEPTH {
                match top.parent.and_then(|oid| self.tables.get(&oid)) {
                    Some(parent) => top = parent,
                    None => break,
                }
            }
            families.entry(top.oid).or_default().push(table);
        }
        families
    }
}
