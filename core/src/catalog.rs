//! What the gateway knows of a database's catalog: an immutable snapshot, loaded by the proxy
//! over its own upstream session and looked up here by OID.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use crate::mask::types::FIRST_NORMAL_OID;
use crate::sql::lineage::{Flow, Origin, View};

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// `pg_attribute.attnum`.
    pub attnum: i16,
    /// `pg_attribute.attname`.
    pub name: String,
    /// `pg_attribute.atttypid`.
    pub type_oid: u32,
    /// Left out of `COPY table TO` because it is generated.
    pub generated: bool,
    /// Base columns that this one shows, as (table OID, attnum): a view's plain column names
    /// the column below it. Followed transitively when rules are looked up.
    pub origins: Vec<(u32, i16)>,
}

/// A table, view, materialised view, foreign or partitioned table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `pg_namespace.nspname`.
    pub schema: String,
    /// `pg_class.relname`.
    pub name: String,
    /// It shows rows of others by a definition that can change. A materialised view has rows
    /// of its own.
    pub is_view: bool,
    /// Columns in attnum order, dropped ones left out.
    pub columns: Vec<Column>,
    /// Parents by inheritance or partitioning: a rule on a parent's column also holds for the
    /// child's column of the same name.
    pub parents: Vec<u32>,
    /// The reverse: a rule on a child's column also holds for what is read through the parent.
    pub children: Vec<u32>,
}

/// What kind of values a type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// A base type that this table does not describe further.
    Base,
    /// `CREATE DOMAIN`; the wire carries the type below.
    Domain {
        /// `pg_type.typbasetype`.
        base: u32,
    },
    /// An array.
    Array {
        /// `pg_type.typelem`.
        element: u32,
    },
    /// A row type.
    Composite {
        /// Types of the attributes in order, dropped ones left out.
        attributes: Vec<u32>,
    },
    /// `CREATE TYPE … AS ENUM`.
    Enum,
    /// A range.
    Range {
        /// `pg_range.rngsubtype`.
        subtype: u32,
    },
    /// A multirange.
    Multirange,
}

/// What a constraint compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieKind {
    /// Values of other rows of the table: a unique index, an exclusion.
    Unique,
    /// Values of another table: a foreign key.
    Refers,
    /// Values of one row.
    Check,
}

/// A constraint or an index by which a change of one value depends on others that are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// What is compared.
    pub kind: TieKind,
    /// Columns of the table, by `pg_attribute.attnum`.
    pub columns: Vec<i16>,
    /// Of a reference: the column that each of these refers to.
    pub to: Vec<(u32, i16)>,
}

impl Tie {
    /// The column that a column of a reference refers to.
    pub fn counterpart(&self, attnum: i16) -> Option<(u32, i16)> {
        let place = self.columns.iter().position(|column| *column == attnum)?;
        self.to.get(place).copied()
    }
}

/// A snapshot of one database's catalog.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Grows with every load; 0 is the empty catalog.
    pub epoch: u64,
    /// The last attempt to load it failed. What is not in it may exist all the same, so that a
    /// column of unknown origin is masked whole under any policy with rules.
    pub unreadable: bool,
    /// Relations by OID.
    pub relations: HashMap<u32, Relation>,
    /// Composite types that are no table's rows, by the OID of their entry in `pg_class`: their
    /// fields are columns. No statement reads them by name.
    pub composites: HashMap<u32, Relation>,
    /// Types by OID, with name for rules by SQL type. Built-in types may be missing.
    pub types: HashMap<u32, (String, TypeKind)>,
    /// Every identifier of the catalog (schemas, relations, columns, types, constraints,
    /// functions, parameters), but none of what is temporary: words that an error text may quote
    /// and a record may hold without disclosing a value.
    pub words: HashSet<String>,
    /// What flows into the computed columns of views and the generated ones of tables. Of a view's
    /// column that is neither here nor has origins, nothing flows in that any table holds.
    pub computed: HashMap<Origin, Flow>,
    /// Names of functions outside of `pg_catalog` that may do anything.
    pub own_functions: HashSet<String>,
    /// Names of functions outside of `pg_catalog` that compute from their arguments and no more,
    /// as far as no other of the name is among `own_functions`.
    pub computing_functions: HashSet<String>,
    /// Names of aggregates among these.
    pub own_aggregates: HashSet<String>,
    /// What is known of views and materialised views; `None` of those that cannot be read.
    pub views: HashMap<u32, Option<View>>,
    /// Names of operators outside of `pg_catalog` that may do anything.
    pub own_operators: HashSet<String>,
    /// Relations that code of a user's own is attached to: it may run when they are read or
    /// written.
    pub loud: HashSet<u32>,
    /// Columns of which no two rows of their table have the same value, and each has one.
    pub keys: HashSet<Origin>,
    /// Constraints and unique indexes, by their table.
    pub ties: HashMap<u32, Vec<Tie>>,
    /// What is found by name, made when it is first needed.
    pub names: NameIndex,
}

/// OIDs of relations by name, and names of types. A copy starts empty, so that what it belongs to
/// may be changed.
#[derive(Debug, Default)]
pub struct NameIndex {
    relations: OnceLock<HashMap<String, Vec<u32>>>,
    /// Has any name more than one relation?
    has_namesakes: OnceLock<bool>,
    own_types: OnceLock<HashSet<String>>,
}

impl Clone for NameIndex {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Catalog {
    /// Every relation of this name, in order of OIDs.
    pub fn named(&self, name: &str) -> Vec<(u32, &Relation)> {
        let oids = self.by_name().get(name).map_or(&[][..], Vec::as_slice);
        let known = oids
            .iter()
            .filter_map(|oid| Some((*oid, self.relations.get(oid)?)));
        known.collect()
    }

    fn by_name(&self) -> &HashMap<String, Vec<u32>> {
        self.names.relations.get_or_init(|| {
            let mut by_name: HashMap<String, Vec<u32>> = HashMap::new();
            for (oid, relation) in &self.relations {
                by_name.entry(relation.name.clone()).or_default().push(*oid);
            }
            by_name.values_mut().for_each(|oids| oids.sort_unstable());
            by_name
        })
    }

    /// May a name without a schema mean more than one relation?
    pub fn has_namesakes(&self) -> bool {
        let index = &self.names.has_namesakes;
        *index.get_or_init(|| self.by_name().values().any(|oids| oids.len() > 1))
    }

    /// Is it the name of a type that is not PostgreSQL's own?
    pub fn has_own_type(&self, name: &str) -> bool {
        let index = self.names.own_types.get_or_init(|| {
            let types = self.types.iter();
            let own = types.filter(|(oid, _)| **oid >= FIRST_NORMAL_OID);
            own.map(|(_, (name, _))| name.clone()).collect()
        });
        index.contains(name)
    }

    /// Is `word` an identifier of the catalog?
    pub fn has_word(&self, word: &[u8]) -> bool {
        std::str::from_utf8(word).is_ok_and(|word| self.words.contains(word))
    }

    /// The relation's column, or the composite type's field, if both are known.
    pub fn column(&self, table_oid: u32, attnum: i16) -> Option<(&Relation, &Column)> {
        let relation = self.relations.get(&table_oid);
        let relation = relation.or_else(|| self.composites.get(&table_oid))?;
        let column = relation
            .columns
            .iter()
            .find(|column| column.attnum == attnum)?;
        Some((relation, column))
    }
}

/// A table without relatives, its columns by name and type.
#[cfg(any(test, fuzzing))]
pub(crate) fn table(schema: &str, name: &str, columns: &[(&str, u32)]) -> Relation {
    let column = |(&(name, type_oid), attnum): (&(&str, u32), i16)| Column {
        attnum,
        name: name.to_owned(),
        type_oid,
        generated: false,
        origins: Vec::new(),
    };
    Relation {
        schema: schema.to_owned(),
        name: name.to_owned(),
        is_view: false,
        columns: columns.iter().zip(1..).map(column).collect(),
        parents: Vec::new(),
        children: Vec::new(),
    }
}
