//! Built-in functions that have no side effects, and the keywords that look like calls.
//!
//! The list is what PostgreSQL 15's `pg_proc` marks immutable or stable, without those that run
//! SQL given to them, assign a transaction id, or are not meant to be called; with the harmless
//! volatile ones (`random`, sizes, clocks) and the additions of PostgreSQL 16 to 18.
#![deny(clippy::indexing_slicing)]

/// Longest name that is looked up.
const NAME_BYTES_MAX: usize = 63;

/// Has the built-in function `name` (in the case of the catalog) no side effects?
pub(super) fn is_harmless(name: &[u8]) -> bool {
    HARMLESS.binary_search(&name).is_ok()
}

/// Is `name` (in lower case) a keyword after which a parenthesis does not call a function of a
/// user's own?
pub(super) fn is_reserved(name: &[u8]) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

/// An identifier in lower case.
pub(super) struct Folded {
    bytes: [u8; NAME_BYTES_MAX],
    len: usize,
}

impl AsRef<[u8]> for Folded {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// `name` as the server folds it; `None` if it is too long to be in a list.
pub(super) fn folded(name: &[u8]) -> Option<Folded> {
    let mut bytes = [0; NAME_BYTES_MAX];
    bytes.get_mut(..name.len())?.copy_from_slice(name);
    bytes.make_ascii_lowercase();
    Some(Folded {
        bytes,
        len: name.len(),
    })
}

/// Sorted.
#[rustfmt::skip]
static RESERVED: &[&[u8]] = &[
    b"all", b"and", b"any", b"array", b"as", b"asc", b"between", b"bigint", b"bit", b"boolean",
    b"both", b"by", b"case", b"cast", b"char", b"character", b"check", b"coalesce", b"collate",
    b"constraint", b"cross", b"cube", b"current_catalog", b"current_date", b"current_role",
    b"current_time", b"current_timestamp", b"current_user", b"dec", b"decimal", b"desc",
    b"distinct", b"else", b"end", b"except", b"exists", b"fetch", b"float", b"for", b"foreign",
    b"from", b"full", b"grant", b"greatest", b"group", b"grouping", b"having", b"ilike", b"in",
    b"inner", b"int", b"integer", b"intersect", b"interval", b"is", b"isnull", b"json",
    b"json_array", b"json_arrayagg", b"json_exists", b"json_objectagg", b"json_query",
    b"json_scalar", b"json_serialize", b"json_table", b"json_value", b"lateral", b"leading",
    b"least", b"like", b"limit", b"localtime", b"localtimestamp", b"national", b"natural",
    b"nchar", b"none", b"normalize", b"not", b"notnull", b"null", b"nullif", b"numeric", b"offset",
    b"on", b"only", b"or", b"order", b"out", b"outer", b"placing", b"precision", b"real",
    b"rollup", b"row", b"select", b"session_user", b"setof", b"similar", b"smallint", b"some",
    b"symmetric", b"table", b"then", b"time", b"timestamp", b"to", b"trailing", b"treat", b"trim",
    b"union", b"unique", b"using", b"values", b"varchar", b"variadic", b"when", b"where",
    b"window", b"with", b"xmlattributes", b"xmlconcat", b"xmlelement", b"xmlexists", b"xmlforest",
    b"xmlnamespaces", b"xmlparse", b"xmlpi", b"xmlroot", b"xmlserialize", b"xmltable",
];

/// Sorted.
#[rustfmt::skip]
static HARMLESS: &[&[u8]] = &[
    b"abbrev", b"abs", b"acldefault", b"aclexplode", b"acos", b"acosd", b"acosh", b"age",
    b"any_value", b"area", b"array_agg", b"array_append", b"array_cat", b"array_dims",
    b"array_fill", b"array_length", b"array_lower", b"array_ndims", b"array_position",
    b"array_positions", b"array_prepend", b"array_remove", b"array_replace", b"array_reverse",
    b"array_sample", b"array_shuffle", b"array_sort", b"array_to_json", b"array_to_string",
    b"array_to_tsvector", b"array_upper", b"ascii", b"asin", b"asind", b"asinh", b"atan", b"atan2",
    b"atan2d", b"atand", b"atanh", b"avg", b"bit_and", b"bit_count", b"bit_length", b"bit_or",
    b"bit_xor", b"bool", b"bool_and", b"bool_or", b"box", b"bpchar", b"broadcast", b"btrim",
    b"cardinality", b"casefold", b"cash_words", b"cbrt", b"ceil", b"ceiling", b"center",
    b"char_length", b"character_length", b"chr", b"cidr", b"circle", b"clock_timestamp",
    b"col_description", b"concat", b"concat_ws", b"convert", b"convert_from", b"convert_to",
    b"corr", b"cos", b"cosd", b"cosh", b"cot", b"cotd", b"count", b"covar_pop", b"covar_samp",
    b"crc32", b"crc32c", b"cume_dist", b"current_database", b"current_query", b"current_schema",
    b"current_schemas", b"current_setting", b"currval", b"date", b"date_add", b"date_bin",
    b"date_part", b"date_subtract", b"date_trunc", b"datemultirange", b"daterange", b"decode",
    b"degrees", b"dense_rank", b"diagonal", b"diameter", b"div", b"encode", b"enum_first",
    b"enum_last", b"enum_range", b"erf", b"erfc", b"every", b"exp", b"extract", b"factorial",
    b"family", b"first_value", b"float4", b"float8", b"floor", b"format", b"format_type", b"gamma",
    b"gcd", b"gen_random_uuid", b"generate_series", b"generate_subscripts", b"get_bit",
    b"get_byte", b"get_current_ts_config", b"getdatabaseencoding", b"getpgusername",
    b"has_any_column_privilege", b"has_column_privilege", b"has_database_privilege",
    b"has_foreign_data_wrapper_privilege", b"has_function_privilege", b"has_language_privilege",
    b"has_parameter_privilege", b"has_schema_privilege", b"has_sequence_privilege",
    b"has_server_privilege", b"has_table_privilege", b"has_tablespace_privilege",
    b"has_type_privilege", b"hashtext", b"height", b"host", b"hostmask", b"icu_unicode_version",
    b"inet", b"inet_client_addr", b"inet_client_port", b"inet_merge", b"inet_same_family",
    b"inet_server_addr", b"inet_server_port", b"initcap", b"int2", b"int4", b"int4multirange",
    b"int4range", b"int8", b"int8multirange", b"int8range", b"is_normalized", b"isclosed",
    b"isfinite", b"ishorizontal", b"isopen", b"isparallel", b"isperp", b"isvertical", b"json_agg",
    b"json_array_elements", b"json_array_elements_text", b"json_array_length", b"json_build_array",
    b"json_build_object", b"json_each", b"json_each_text", b"json_object", b"json_object_agg",
    b"json_object_keys", b"json_populate_record", b"json_populate_recordset", b"json_strip_nulls",
    b"json_to_record", b"json_to_recordset", b"json_to_tsvector", b"json_typeof", b"jsonb_agg",
    b"jsonb_array_elements", b"jsonb_array_elements_text", b"jsonb_array_length",
    b"jsonb_build_array", b"jsonb_build_object", b"jsonb_each", b"jsonb_each_text",
    b"jsonb_insert", b"jsonb_object", b"jsonb_object_agg", b"jsonb_object_keys",
    b"jsonb_path_exists", b"jsonb_path_exists_tz", b"jsonb_path_match", b"jsonb_path_match_tz",
    b"jsonb_path_query", b"jsonb_path_query_array", b"jsonb_path_query_array_tz",
    b"jsonb_path_query_first", b"jsonb_path_query_first_tz", b"jsonb_path_query_tz",
    b"jsonb_populate_record", b"jsonb_populate_recordset", b"jsonb_pretty", b"jsonb_set",
    b"jsonb_set_lax", b"jsonb_strip_nulls", b"jsonb_to_record", b"jsonb_to_recordset",
    b"jsonb_to_tsvector", b"jsonb_typeof", b"justify_days", b"justify_hours", b"justify_interval",
    b"lag", b"last_value", b"lastval", b"lcm", b"lead", b"left", b"length", b"lgamma", b"like",
    b"like_escape", b"line", b"ln", b"log", b"log10", b"lower", b"lower_inc", b"lower_inf",
    b"lpad", b"lseg", b"ltrim", b"macaddr", b"macaddr8", b"macaddr8_set7bit", b"make_date",
    b"make_interval", b"make_time", b"make_timestamp", b"make_timestamptz", b"makeaclitem",
    b"masklen", b"max", b"md5", b"min", b"min_scale", b"mod", b"mode", b"money", b"multirange",
    b"mxid_age", b"name", b"netmask", b"network", b"normalize", b"notlike", b"now", b"npoints",
    b"nth_value", b"ntile", b"num_nonnulls", b"num_nulls", b"nummultirange", b"numnode",
    b"numrange", b"obj_description", b"octet_length", b"oid", b"oidvectortypes", b"overlaps",
    b"overlay", b"parse_ident", b"path", b"pclose", b"percent_rank", b"percentile_cont",
    b"percentile_disc", b"pg_available_extension_versions", b"pg_available_extensions",
    b"pg_backend_pid", b"pg_basetype", b"pg_blocking_pids", b"pg_char_to_encoding",
    b"pg_client_encoding", b"pg_collation_actual_version", b"pg_collation_for",
    b"pg_collation_is_visible", b"pg_column_compression", b"pg_column_is_updatable",
    b"pg_column_size", b"pg_conf_load_time", b"pg_config", b"pg_control_system",
    b"pg_conversion_is_visible", b"pg_current_snapshot", b"pg_current_wal_lsn",
    b"pg_current_xact_id_if_assigned", b"pg_cursor", b"pg_database_size", b"pg_describe_object",
    b"pg_encoding_max_length", b"pg_encoding_to_char", b"pg_extension_update_paths",
    b"pg_filenode_relation", b"pg_function_is_visible", b"pg_get_acl",
    b"pg_get_catalog_foreign_keys", b"pg_get_constraintdef", b"pg_get_expr",
    b"pg_get_function_arg_default", b"pg_get_function_arguments",
    b"pg_get_function_identity_arguments", b"pg_get_function_result", b"pg_get_function_sqlbody",
    b"pg_get_functiondef", b"pg_get_indexdef", b"pg_get_keywords", b"pg_get_object_address",
    b"pg_get_partition_constraintdef", b"pg_get_partkeydef", b"pg_get_publication_tables",
    b"pg_get_replica_identity_index", b"pg_get_replication_slots", b"pg_get_ruledef",
    b"pg_get_serial_sequence", b"pg_get_statisticsobjdef", b"pg_get_statisticsobjdef_columns",
    b"pg_get_statisticsobjdef_expressions", b"pg_get_triggerdef", b"pg_get_userbyid",
    b"pg_get_viewdef", b"pg_has_role", b"pg_identify_object", b"pg_identify_object_as_address",
    b"pg_index_column_has_property", b"pg_index_has_property", b"pg_indexam_has_property",
    b"pg_indexam_progress_phasename", b"pg_indexes_size", b"pg_input_error_info",
    b"pg_input_is_valid", b"pg_is_in_recovery", b"pg_is_other_temp_schema",
    b"pg_last_wal_receive_lsn", b"pg_last_wal_replay_lsn", b"pg_last_xact_replay_timestamp",
    b"pg_listening_channels", b"pg_lock_status", b"pg_lsn", b"pg_mcv_list_items",
    b"pg_my_temp_schema", b"pg_opclass_is_visible", b"pg_operator_is_visible",
    b"pg_opfamily_is_visible", b"pg_options_to_table", b"pg_partition_ancestors",
    b"pg_partition_root", b"pg_partition_tree", b"pg_postmaster_start_time",
    b"pg_prepared_statement", b"pg_relation_filenode", b"pg_relation_filepath",
    b"pg_relation_is_publishable", b"pg_relation_is_updatable", b"pg_relation_size",
    b"pg_sequence_last_value", b"pg_sequence_parameters", b"pg_settings_get_flags",
    b"pg_show_all_settings", b"pg_size_bytes", b"pg_size_pretty", b"pg_snapshot_xip",
    b"pg_snapshot_xmax", b"pg_snapshot_xmin", b"pg_statistics_obj_is_visible",
    b"pg_table_is_visible", b"pg_table_size", b"pg_tablespace_databases",
    b"pg_tablespace_location", b"pg_tablespace_size", b"pg_timezone_abbrevs", b"pg_timezone_names",
    b"pg_total_relation_size", b"pg_trigger_depth", b"pg_ts_config_is_visible",
    b"pg_ts_dict_is_visible", b"pg_ts_parser_is_visible", b"pg_ts_template_is_visible",
    b"pg_type_is_visible", b"pg_typeof", b"pg_visible_in_snapshot", b"pg_wal_lsn_diff",
    b"pg_walfile_name", b"pg_walfile_name_offset", b"pg_xact_status", b"phraseto_tsquery", b"pi",
    b"plainto_tsquery", b"point", b"polygon", b"popen", b"position", b"pow", b"power",
    b"querytree", b"quote_ident", b"quote_literal", b"quote_nullable", b"radians", b"radius",
    b"random", b"random_normal", b"range_agg", b"range_intersect_agg", b"rank", b"regclass",
    b"regexp_count", b"regexp_instr", b"regexp_like", b"regexp_match", b"regexp_matches",
    b"regexp_replace", b"regexp_split_to_array", b"regexp_split_to_table", b"regexp_substr",
    b"regr_avgx", b"regr_avgy", b"regr_count", b"regr_intercept", b"regr_r2", b"regr_slope",
    b"regr_sxx", b"regr_sxy", b"regr_syy", b"repeat", b"replace", b"reverse", b"right", b"round",
    b"row_number", b"row_security_active", b"row_to_json", b"rpad", b"rtrim",
    b"satisfies_hash_partition", b"scale", b"set_bit", b"set_byte", b"set_masklen", b"setweight",
    b"sha224", b"sha256", b"sha384", b"sha512", b"shobj_description", b"sign", b"similar_escape",
    b"similar_to_escape", b"sin", b"sind", b"sinh", b"slope", b"split_part", b"sqrt",
    b"starts_with", b"statement_timestamp", b"stddev", b"stddev_pop", b"stddev_samp",
    b"string_agg", b"string_to_array", b"string_to_table", b"strip", b"strpos", b"substr",
    b"substring", b"sum", b"tan", b"tand", b"tanh", b"text", b"timeofday", b"timestamptz",
    b"timetz", b"timezone", b"to_ascii", b"to_bin", b"to_char", b"to_date", b"to_hex", b"to_json",
    b"to_jsonb", b"to_number", b"to_oct", b"to_regclass", b"to_regcollation", b"to_regnamespace",
    b"to_regoper", b"to_regoperator", b"to_regproc", b"to_regprocedure", b"to_regrole",
    b"to_regtype", b"to_regtypemod", b"to_timestamp", b"to_tsquery", b"to_tsvector",
    b"transaction_timestamp", b"translate", b"trim_array", b"trim_scale", b"trunc", b"ts_debug",
    b"ts_delete", b"ts_filter", b"ts_headline", b"ts_lexize", b"ts_parse", b"ts_rank",
    b"ts_rank_cd", b"ts_token_type", b"tsmultirange", b"tsrange", b"tstzmultirange", b"tstzrange",
    b"tsvector_to_array", b"txid_current_if_assigned", b"txid_current_snapshot",
    b"txid_snapshot_xip", b"txid_snapshot_xmax", b"txid_snapshot_xmin", b"txid_status",
    b"txid_visible_in_snapshot", b"unicode_assigned", b"unicode_version", b"unistr", b"unnest",
    b"upper", b"upper_inc", b"upper_inf", b"uuid", b"uuid_extract_timestamp",
    b"uuid_extract_version", b"uuidv4", b"uuidv7", b"var_pop", b"var_samp", b"varbit", b"variance",
    b"version", b"websearch_to_tsquery", b"width", b"width_bucket", b"xid", b"xml",
    b"xml_is_well_formed", b"xml_is_well_formed_content", b"xml_is_well_formed_document",
    b"xmlagg", b"xmlcomment", b"xmltext", b"xmlvalidate", b"xpath", b"xpath_exists",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(RESERVED.is_sorted_by(|a, b| a < b));
        assert!(HARMLESS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn functions_with_side_effects_are_missing() {
        for name in [
            "nextval",
            "setval",
            "set_config",
            "lo_put",
            "lo_get",
            "lo_import",
            "pg_notify",
            "pg_advisory_lock",
            "query_to_xml",
            "table_to_xml",
            "pg_read_file",
            "txid_current",
            "pg_current_xact_id",
            "ts_stat",
            "ts_rewrite",
            "cursor_to_xml",
            "pg_sleep",
            "setseed",
            "pg_terminate_backend",
            "dblink",
            "pg_reload_conf",
            "pg_ls_dir",
            "lowrite",
            "loread",
        ] {
            assert!(
                !is_harmless(name.as_bytes()) && !is_reserved(name.as_bytes()),
                "{name}"
            );
        }
    }
}
