//! What a type's values look like: as much as masking has to know.

use std::collections::HashSet;

pub(crate) use super::builtin::built_in;
use crate::catalog::{Catalog, TypeKind};

/// `pg_type.oid` of the anonymous row type.
pub(crate) const RECORD: u32 = 2249;

/// OIDs below this are PostgreSQL's own (FirstNormalObjectId).
pub(crate) const FIRST_NORMAL_OID: u32 = 16_384;

/// Domains over domains that are followed; PostgreSQL allows more, nobody has them.
const DOMAIN_DEPTH: usize = 32;

/// Types whose values have no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Bool,
    Int2,
    Int4,
    Int8,
    /// oid, xid, cid: unsigned, four bytes
    Oid,
    /// regclass and its kin: a name in text, an OID in binary
    OidName,
    /// unsigned, eight bytes
    Xid8,
    Float4,
    Float8,
    Numeric,
    Money,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    /// text, varchar, bpchar, name, …: any bytes, the same in text and binary
    Text,
    /// `"char"`: one byte
    Char,
    Bytea,
    Json,
    Jsonb,
    Xml,
    /// inet and cidr
    Inet,
    Macaddr,
    Macaddr8,
    /// bit and varbit
    Bit,
}

/// The outermost layer of a type, domains removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Without parts.
    Scalar(Scalar),
    /// An array of elements of a type.
    Array { element: u32 },
    /// int2vector and oidvector: numbers between blanks in text, an array in binary.
    Vector { element: u32 },
    /// A row; of which attributes, the catalog knows. [`RECORD`]: nobody.
    Composite { type_oid: u32 },
    /// A range over a type.
    Range { subtype: u32 },
    /// A multirange over ranges over a type.
    Multirange { subtype: u32 },
    /// Nothing is known; a masked value is NULL.
    Opaque,
}

impl Shape {
    /// The type of the parts, if they are all of one.
    pub(crate) fn part(self) -> Option<u32> {
        match self {
            Shape::Array { element } | Shape::Vector { element } => Some(element),
            Shape::Range { subtype } | Shape::Multirange { subtype } => Some(subtype),
            Shape::Scalar(_) | Shape::Composite { .. } | Shape::Opaque => None,
        }
    }

    /// Can a value, in any of its forms, show PHI? Everything can but a truth value.
    pub(crate) fn may_hold_phi(self) -> bool {
        self != Shape::Scalar(Scalar::Bool)
    }

    /// Can a value hold JSON text?
    pub(crate) fn may_hold_json(self) -> bool {
        match self {
            Shape::Scalar(scalar) => {
                matches!(scalar, Scalar::Text | Scalar::Json | Scalar::Jsonb)
            }
            Shape::Array { .. } | Shape::Composite { .. } | Shape::Opaque => true,
            Shape::Range { .. } | Shape::Multirange { .. } => true,
            Shape::Vector { .. } => false,
        }
    }
}

/// The shape of a type, built-in or from the catalog; [`Shape::Opaque`] if neither knows it.
pub(crate) fn shape(catalog: &Catalog, type_oid: u32) -> Shape {
    let mut oid = type_oid;
    for _ in 0..DOMAIN_DEPTH {
        if let Some(built_in) = built_in(oid) {
            return built_in.shape;
        }
        let Some((name, kind)) = catalog.types.get(&oid) else {
            return Shape::Opaque;
        };
        match kind {
            TypeKind::Domain { base } => oid = *base,
            TypeKind::Array { element } => return Shape::Array { element: *element },
            TypeKind::Composite { .. } => return Shape::Composite { type_oid: oid },
            TypeKind::Range { subtype } => return Shape::Range { subtype: *subtype },
            // The one widespread extension type that is text in both of its forms.
            TypeKind::Base if name == "citext" => return Shape::Scalar(Scalar::Text),
            TypeKind::Base | TypeKind::Enum | TypeKind::Multirange => return Shape::Opaque,
        }
    }
    Shape::Opaque
}

/// Is the type built-in, PostgreSQL's own, or in the catalog?
pub(crate) fn is_known(catalog: &Catalog, type_oid: u32) -> bool {
    type_oid < FIRST_NORMAL_OID || catalog.types.contains_key(&type_oid)
}

/// The type's name; empty if nobody knows it.
pub(crate) fn name(catalog: &Catalog, type_oid: u32) -> &str {
    let built_in = built_in(type_oid).map(|built_in| built_in.name);
    let known = || catalog.types.get(&type_oid).map(|(name, _)| name.as_str());
    built_in.or_else(known).unwrap_or_default()
}

/// The type and every type that it is built from, each with its name. Ends for types that the
/// catalog describes in circles.
pub(crate) fn inside(catalog: &Catalog, type_oid: u32) -> Vec<(u32, &str)> {
    let mut seen = HashSet::from([type_oid]);
    let mut open = vec![type_oid];
    let mut found = Vec::new();
    while let Some(oid) = open.pop() {
        let mut follow = |part| {
            if seen.insert(part) {
                open.push(part);
            }
        };
        if let Some(built_in) = built_in(oid) {
            found.push((oid, built_in.name));
            built_in.shape.part().into_iter().for_each(follow);
        } else if let Some((name, kind)) = catalog.types.get(&oid) {
            found.push((oid, name));
            match kind {
                TypeKind::Domain { base: part }
                | TypeKind::Array { element: part }
                | TypeKind::Range { subtype: part } => follow(*part),
                TypeKind::Composite { attributes } => attributes.iter().copied().for_each(follow),
                TypeKind::Base | TypeKind::Enum | TypeKind::Multirange => {}
            }
        }
    }
    found
}

/// The catalog's name for a type as people write it: lower case, without schema `pg_catalog`,
/// brackets and modifiers, SQL's long names replaced.
pub(crate) fn canonical_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let bare = lower.strip_prefix("pg_catalog.").unwrap_or(&lower);
    let bare = bare.trim_end_matches("[]");
    let mut plain = String::with_capacity(bare.len());
    let mut depth = 0;
    for character in bare.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    let known = match words.join(" ").as_str() {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "real" => "float4",
        "double precision" => "float8",
        "decimal" => "numeric",
        "boolean" => "bool",
        "character varying" => "varchar",
        "character" | "char" => "bpchar",
        "\"char\"" => "char",
        "bit varying" => "varbit",
        "time without time zone" => "time",
        "time with time zone" => "timetz",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        other => return other.to_owned(),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_canonical() {
        for (name, canonical) in [
            ("INET", "inet"),
            ("inet[]", "inet"),
            ("character varying(20)", "varchar"),
            ("timestamp(3) with time zone", "timestamptz"),
            ("pg_catalog.int4", "int4"),
            ("double  precision", "float8"),
            ("my_type", "my_type"),
        ] {
            assert_eq!(canonical_name(name), canonical);
        }
    }

    #[test]
    fn domains_are_looked_through_and_loops_end() {
        let mut catalog = Catalog::default();
        catalog
            .types
            .insert(20_000, ("d1".to_owned(), TypeKind::Domain { base: 20_001 }));
        catalog
            .types
            .insert(20_001, ("d2".to_owned(), TypeKind::Domain { base: 1082 }));
        catalog.types.insert(
            20_002,
            ("loop".to_owned(), TypeKind::Domain { base: 20_002 }),
        );
        assert_eq!(shape(&catalog, 20_000), Shape::Scalar(Scalar::Date));
        assert_eq!(shape(&catalog, 20_002), Shape::Opaque);
        assert_eq!(shape(&catalog, 99_999), Shape::Opaque);
    }
}
