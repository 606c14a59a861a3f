//! What a function or an operator does with what flows into it.

use crate::catalog::Catalog;
use crate::sql::effects::function_effects;
use crate::sql::functions;
use crate::sql::tree::{self, Node};

use super::flow::Members;

/// What a call makes of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A value of its arguments alone.
    Pure,
    /// A number of rows or places.
    Count,
    /// Whatever it likes.
    Opaque,
}

/// Numbers of rows or places, whatever is counted. Sorted.
const COUNTS: [&str; 7] = [
    "count",
    "cume_dist",
    "dense_rank",
    "percent_rank",
    "rank",
    "regr_count",
    "row_number",
];

/// Built-in functions that do something else than to compute, or are not in the list of harmless
/// ones, but whose value is made of their arguments alone. Sorted.
const VALUED: [&str; 27] = [
    "json_extract_path",
    "json_extract_path_text",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "nextval",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_unlock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_cancel_backend",
    "pg_current_xact_id",
    "pg_export_snapshot",
    "pg_notify",
    "pg_sleep",
    "pg_sleep_for",
    "pg_terminate_backend",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "set_config",
    "setseed",
    "setval",
    "txid_current",
];

/// Functions whose result shows the members of a document by name, if their arguments do.
/// None of them takes a text for a document. Sorted.
const KEEPERS: [&str; 29] = [
    "any_value",
    "array_agg",
    "array_append",
    "array_cat",
    "array_prepend",
    "array_to_json",
    "first_value",
    "json_agg",
    "json_array_elements",
    "json_build_array",
    "json_build_object",
    "json_strip_nulls",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_pretty",
    "jsonb_set",
    "jsonb_set_lax",
    "jsonb_strip_nulls",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "nth_value",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

/// Functions whose result is NULL where an argument is (or all that an aggregate is given are), and
/// nowhere else. Sorted.
const STRICT: [&str; 60] = [
    "abs",
    "age",
    "any_value",
    "array_agg",
    "array_to_json",
    "ascii",
    "avg",
    "btrim",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "concat",
    "concat_ws",
    "convert_to",
    "date_part",
    "date_trunc",
    "encode",
    "extract",
    "floor",
    "format",
    "hashtext",
    "host",
    "initcap",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_pretty",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "max",
    "md5",
    "min",
    "octet_length",
    "overlay",
    "quote_literal",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row_to_json",
    "rtrim",
    "sha256",
    "split_part",
    "string_agg",
    "substr",
    "sum",
    "to_char",
    "to_json",
    "to_jsonb",
    "translate",
    "upper",
];

/// Is the result NULL where an argument is, and nowhere else?
pub(super) fn keeps_null(name: &str) -> bool {
    STRICT.binary_search(&name).is_ok()
}

/// May a name behind a dot be that of a function of what stands before it?
pub(super) fn may_be_called(catalog: &Catalog, name: &str) -> bool {
    catalog.own_functions.contains(name)
        || catalog.computing_functions.contains(name)
        || name.starts_with("pg_")
        || functions::is_harmless(name.as_bytes())
        || !function_effects(&vec![name.to_owned()]).is_empty()
}

/// What the function of this name does.
pub(super) fn function(catalog: &Catalog, name: &[&str], args: &[&Node]) -> Call {
    let bare = match name {
        ["pg_catalog", bare] => bare,
        // What PostgreSQL's own views are made with.
        ["information_schema", _] => return Call::Pure,
        // A function of a user's own may be the better match.
        [bare] if !catalog.own_functions.contains(*bare) => bare,
        [.., bare] if computes(catalog, bare) => return Call::Pure,
        _ => return Call::Opaque,
    };
    match *bare {
        // Settings of a name with a dot hold whatever a session has put there.
        "current_setting" => match args.first().and_then(|arg| tree::literal(arg)) {
            Some(setting) if !setting.contains('.') => Call::Pure,
            _ => Call::Opaque,
        },
        bare if COUNTS.binary_search(&bare).is_ok() => Call::Count,
        bare if VALUED.binary_search(&bare).is_ok() => Call::Pure,
        bare if functions::is_harmless(bare.as_bytes()) => Call::Pure,
        bare if computes(catalog, bare) => Call::Pure,
        _ => Call::Opaque,
    }
}

/// Do all functions of this name that are not built in compute from their arguments alone?
fn computes(catalog: &Catalog, name: &str) -> bool {
    catalog.computing_functions.contains(name) && !catalog.own_functions.contains(name)
}

/// What the operator of this name does.
pub(super) fn operator(catalog: &Catalog, name: &[&str]) -> Call {
    match name {
        ["pg_catalog", _] => Call::Pure,
        [bare] if !catalog.own_operators.contains(*bare) => Call::Pure,
        _ => Call::Opaque,
    }
}

/// What becomes of documents in the hands of the function of this name.
pub(super) fn members(name: &str, before: Members) -> Members {
    match before {
        Members::Leaf => Members::Leaf,
        Members::Shown if KEEPERS.binary_search(&name).is_ok() => Members::Shown,
        _ => Members::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(COUNTS.is_sorted() && VALUED.is_sorted() && KEEPERS.is_sorted());
        assert!(STRICT.is_sorted());
    }

    #[test]
    fn what_runs_a_text_or_reads_a_file_is_opaque() {
        let catalog = Catalog::default();
        for name in [
            "query_to_xml",
            "query_to_xml_and_xmlschema",
            "cursor_to_xml",
            "table_to_xml",
            "schema_to_xml",
            "database_to_xml",
            "ts_stat",
            "ts_rewrite",
            "pg_read_file",
            "pg_read_binary_file",
            "pg_ls_dir",
            "pg_stat_file",
            "lo_get",
            "loread",
            "lo_export",
            "dblink",
            "pg_logical_slot_get_changes",
            "pg_stat_get_activity",
            "xpath_table",
            "crosstab",
            "pg_stat_get_backend_activity",
            "my_function",
        ] {
            assert_eq!(function(&catalog, &[name], &[]), Call::Opaque, "{name}");
            assert_eq!(
                function(&catalog, &["pg_catalog", name], &[]),
                Call::Opaque,
                "{name}"
            );
        }
    }

    #[test]
    fn a_function_of_a_known_extension_computes_unless_another_has_its_name() {
        let mut catalog = Catalog::default();
        catalog.computing_functions.insert("similarity".to_owned());
        for name in [&["similarity"][..], &["ext", "similarity"]] {
            assert_eq!(function(&catalog, name, &[]), Call::Pure, "{name:?}");
        }
        catalog.own_functions.insert("similarity".to_owned());
        for name in [&["similarity"][..], &["ext", "similarity"]] {
            assert_eq!(function(&catalog, name, &[]), Call::Opaque, "{name:?}");
        }
    }

    #[test]
    fn a_function_of_a_users_own_is_opaque_whatever_its_name() {
        let mut catalog = Catalog::default();
        assert_eq!(function(&catalog, &["lower"], &[]), Call::Pure);
        assert_eq!(operator(&catalog, &["||"]), Call::Pure);
        catalog.own_functions.insert("lower".to_owned());
        catalog.own_operators.insert("||".to_owned());
        assert_eq!(function(&catalog, &["lower"], &[]), Call::Opaque);
        assert_eq!(
            function(&catalog, &["pg_catalog", "lower"], &[]),
            Call::Pure
        );
        assert_eq!(function(&catalog, &["app", "lower"], &[]), Call::Opaque);
        assert_eq!(operator(&catalog, &["||"]), Call::Opaque);
    }
}
