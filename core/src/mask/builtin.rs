//! PostgreSQL's built-in types: their OIDs never change (`pg_type.dat`).

use super::types::{RECORD, Scalar, Shape};

/// A built-in type.
pub(crate) struct BuiltIn {
    /// `pg_type.oid`.
    pub(crate) oid: u32,
    /// `pg_type.typname`.
    pub(crate) name: &'static str,
    /// How its values are masked.
    pub(crate) shape: Shape,
}

/// The built-in type of this OID.
pub(crate) fn built_in(oid: u32) -> Option<&'static BuiltIn> {
    let index = TABLE
        .binary_search_by_key(&oid, |built_in| built_in.oid)
        .ok()?;
    TABLE.get(index)
}

const fn row(oid: u32, name: &'static str, shape: Shape) -> BuiltIn {
    BuiltIn { oid, name, shape }
}

const fn scalar(scalar: Scalar) -> Shape {
    Shape::Scalar(scalar)
}

const fn array(element: u32) -> Shape {
    Shape::Array { element }
}

const fn vector(element: u32) -> Shape {
    Shape::Vector { element }
}

const fn range(subtype: u32) -> Shape {
    Shape::Range { subtype }
}

const fn multirange(subtype: u32) -> Shape {
    Shape::Multirange { subtype }
}

/// Sorted by OID.
static TABLE: &[BuiltIn] = &[
    row(16, "bool", scalar(Scalar::Bool)),
    row(17, "bytea", scalar(Scalar::Bytea)),
    row(18, "char", scalar(Scalar::Char)),
    row(19, "name", scalar(Scalar::Text)),
    row(20, "int8", scalar(Scalar::Int8)),
    row(21, "int2", scalar(Scalar::Int2)),
    row(22, "int2vector", vector(21)),
    row(23, "int4", scalar(Scalar::Int4)),
    row(24, "regproc", scalar(Scalar::OidName)),
    row(25, "text", scalar(Scalar::Text)),
    row(26, "oid", scalar(Scalar::Oid)),
    row(27, "tid", Shape::Opaque),
    row(28, "xid", scalar(Scalar::Oid)),
    row(29, "cid", scalar(Scalar::Oid)),
    row(30, "oidvector", vector(26)),
    row(114, "json", scalar(Scalar::Json)),
    row(142, "xml", scalar(Scalar::Xml)),
    row(143, "_xml", array(142)),
    row(194, "pg_node_tree", scalar(Scalar::Text)),
    row(199, "_json", array(114)),
    row(271, "_xid8", array(5069)),
    row(600, "point", Shape::Opaque),
    row(601, "lseg", Shape::Opaque),
    row(602, "path", Shape::Opaque),
    row(603, "box", Shape::Opaque),
    row(604, "polygon", Shape::Opaque),
    row(628, "line", Shape::Opaque),
    row(629, "_line", array(628)),
    row(650, "cidr", scalar(Scalar::Inet)),
    row(651, "_cidr", array(650)),
    row(700, "float4", scalar(Scalar::Float4)),
    row(701, "float8", scalar(Scalar::Float8)),
    row(705, "unknown", scalar(Scalar::Text)),
    row(718, "circle", Shape::Opaque),
    row(719, "_circle", array(718)),
    row(774, "macaddr8", scalar(Scalar::Macaddr8)),
    row(775, "_macaddr8", array(774)),
    row(790, "money", scalar(Scalar::Money)),
    row(791, "_money", array(790)),
    row(829, "macaddr", scalar(Scalar::Macaddr)),
    row(869, "inet", scalar(Scalar::Inet)),
    row(1000, "_bool", array(16)),
    row(1001, "_bytea", array(17)),
    row(1002, "_char", array(18)),
    row(1003, "_name", array(19)),
    row(1005, "_int2", array(21)),
    row(1006, "_int2vector", array(22)),
    row(1007, "_int4", array(23)),
    row(1008, "_regproc", array(24)),
    row(1009, "_text", array(25)),
    row(1010, "_tid", array(27)),
    row(1011, "_xid", array(28)),
    row(1012, "_cid", array(29)),
    row(1013, "_oidvector", array(30)),
    row(1014, "_bpchar", array(1042)),
    row(1015, "_varchar", array(1043)),
    row(1016, "_int8", array(20)),
    row(1017, "_point", array(600)),
    row(1018, "_lseg", array(601)),
    row(1019, "_path", array(602)),
    row(1020, "_box", array(603)),
    row(1021, "_float4", array(700)),
    row(1022, "_float8", array(701)),
    row(1027, "_polygon", array(604)),
    row(1028, "_oid", array(26)),
    row(1033, "aclitem", Shape::Opaque),
    row(1034, "_aclitem", array(1033)),
    row(1040, "_macaddr", array(829)),
    row(1041, "_inet", array(869)),
    row(1042, "bpchar", scalar(Scalar::Text)),
    row(1043, "varchar", scalar(Scalar::Text)),
    row(1082, "date", scalar(Scalar::Date)),
    row(1083, "time", scalar(Scalar::Time)),
    row(1114, "timestamp", scalar(Scalar::Timestamp)),
    row(1115, "_timestamp", array(1114)),
    row(1182, "_date", array(1082)),
    row(1183, "_time", array(1083)),
    row(1184, "timestamptz", scalar(Scalar::Timestamptz)),
    row(1185, "_timestamptz", array(1184)),
    row(1186, "interval", scalar(Scalar::Interval)),
    row(1187, "_interval", array(1186)),
    row(1231, "_numeric", array(1700)),
    row(1263, "_cstring", array(2275)),
    row(1266, "timetz", scalar(Scalar::Timetz)),
    row(1270, "_timetz", array(1266)),
    row(1560, "bit", scalar(Scalar::Bit)),
    row(1561, "_bit", array(1560)),
    row(1562, "varbit", scalar(Scalar::Bit)),
    row(1563, "_varbit", array(1562)),
    row(1700, "numeric", scalar(Scalar::Numeric)),
    row(1790, "refcursor", scalar(Scalar::Text)),
    row(2201, "_refcursor", array(1790)),
    row(2202, "regprocedure", scalar(Scalar::OidName)),
    row(2203, "regoper", scalar(Scalar::OidName)),
    row(2204, "regoperator", scalar(Scalar::OidName)),
    row(2205, "regclass", scalar(Scalar::OidName)),
    row(2206, "regtype", scalar(Scalar::OidName)),
    row(2207, "_regprocedure", array(2202)),
    row(2208, "_regoper", array(2203)),
    row(2209, "_regoperator", array(2204)),
    row(2210, "_regclass", array(2205)),
    row(2211, "_regtype", array(2206)),
    row(2249, "record", Shape::Composite { type_oid: RECORD }),
    row(2275, "cstring", scalar(Scalar::Text)),
    row(2278, "void", Shape::Opaque),
    row(2287, "_record", array(2249)),
    row(2949, "_txid_snapshot", array(2970)),
    row(2950, "uuid", scalar(Scalar::Uuid)),
    row(2951, "_uuid", array(2950)),
    row(2970, "txid_snapshot", Shape::Opaque),
    row(3220, "pg_lsn", Shape::Opaque),
    row(3221, "_pg_lsn", array(3220)),
    row(3361, "pg_ndistinct", Shape::Opaque),
    row(3402, "pg_dependencies", Shape::Opaque),
    row(3614, "tsvector", Shape::Opaque),
    row(3615, "tsquery", Shape::Opaque),
    row(3643, "_tsvector", array(3614)),
    row(3645, "_tsquery", array(3615)),
    row(3734, "regconfig", scalar(Scalar::OidName)),
    row(3735, "_regconfig", array(3734)),
    row(3769, "regdictionary", scalar(Scalar::OidName)),
    row(3770, "_regdictionary", array(3769)),
    row(3802, "jsonb", scalar(Scalar::Jsonb)),
    row(3807, "_jsonb", array(3802)),
    row(3904, "int4range", range(23)),
    row(3905, "_int4range", array(3904)),
    row(3906, "numrange", range(1700)),
    row(3907, "_numrange", array(3906)),
    row(3908, "tsrange", range(1114)),
    row(3909, "_tsrange", array(3908)),
    row(3910, "tstzrange", range(1184)),
    row(3911, "_tstzrange", array(3910)),
    row(3912, "daterange", range(1082)),
    row(3913, "_daterange", array(3912)),
    row(3926, "int8range", range(20)),
    row(3927, "_int8range", array(3926)),
    row(4072, "jsonpath", Shape::Opaque),
    row(4073, "_jsonpath", array(4072)),
    row(4089, "regnamespace", scalar(Scalar::OidName)),
    row(4090, "_regnamespace", array(4089)),
    row(4096, "regrole", scalar(Scalar::OidName)),
    row(4097, "_regrole", array(4096)),
    row(4191, "regcollation", scalar(Scalar::OidName)),
    row(4192, "_regcollation", array(4191)),
    row(4451, "int4multirange", multirange(23)),
    row(4532, "nummultirange", multirange(1700)),
    row(4533, "tsmultirange", multirange(1114)),
    row(4534, "tstzmultirange", multirange(1184)),
    row(4535, "datemultirange", multirange(1082)),
    row(4536, "int8multirange", multirange(20)),
    row(5017, "pg_mcv_list", Shape::Opaque),
    row(5038, "pg_snapshot", Shape::Opaque),
    row(5039, "_pg_snapshot", array(5038)),
    row(5069, "xid8", scalar(Scalar::Xid8)),
    row(6150, "_int4multirange", array(4451)),
    row(6151, "_nummultirange", array(4532)),
    row(6152, "_tsmultirange", array(4533)),
    row(6153, "_tstzmultirange", array(4534)),
    row(6155, "_datemultirange", array(4535)),
    row(6157, "_int8multirange", array(4536)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_parts_exist() {
        assert!(TABLE.is_sorted_by(|a, b| a.oid < b.oid));
        for row in TABLE {
            assert_eq!(built_in(row.oid).unwrap().name, row.name);
            if let Some(part) = row.shape.part() {
                assert!(built_in(part).is_some(), "{} has an unknown part", row.name);
            }
        }
    }
}
