//! Words that SQL itself is made of: they tell nothing, whoever writes them.
#![deny(clippy::indexing_slicing)]

use super::functions;

/// Is `name` (in lower case) a keyword, a built-in type or a built-in function?
pub(crate) fn is_builtin(name: &[u8]) -> bool {
    WORDS.binary_search(&name).is_ok() || functions::is_harmless(name)
}

/// Keywords of PostgreSQL 15 to 18 (`src/include/parser/kwlist.h`), names of plain types and of
/// the schemas that every database has. Sorted.
#[rustfmt::skip]
static WORDS: &[&[u8]] = &[
    b"abort", b"absent", b"absolute", b"access", b"action", b"add", b"admin", b"after",
    b"aggregate", b"all", b"also", b"alter", b"always", b"analyse", b"analyze", b"and", b"any",
    b"array", b"as", b"asc", b"asensitive", b"assertion", b"assignment", b"asymmetric", b"at",
    b"atomic", b"attach", b"attribute", b"authorization", b"backward", b"before", b"begin",
    b"between", b"bigint", b"bigserial", b"binary", b"bit", b"bool", b"boolean", b"both", b"box",
    b"bpchar", b"breadth", b"by", b"bytea", b"cache", b"call", b"called", b"cascade", b"cascaded",
    b"case", b"cast", b"catalog", b"chain", b"char", b"character", b"characteristics", b"check",
    b"checkpoint", b"cidr", b"circle", b"class", b"close", b"cluster", b"coalesce", b"collate",
    b"collation", b"column", b"columns", b"comment", b"comments", b"commit", b"committed",
    b"compression", b"concurrently", b"conditional", b"configuration", b"conflict", b"connection",
    b"constraint", b"constraints", b"content", b"continue", b"conversion", b"copy", b"cost",
    b"create", b"cross", b"csv", b"cube", b"current", b"current_catalog", b"current_date",
    b"current_role", b"current_schema", b"current_time", b"current_timestamp", b"current_user",
    b"cursor", b"cycle", b"data", b"database", b"date", b"day", b"deallocate", b"dec", b"decimal",
    b"declare", b"default", b"defaults", b"deferrable", b"deferred", b"definer", b"delete",
    b"delimiter", b"delimiters", b"depends", b"depth", b"desc", b"detach", b"dictionary",
    b"disable", b"discard", b"distinct", b"do", b"document", b"domain", b"double", b"drop", b"each",
    b"else", b"empty", b"enable", b"encoding", b"encrypted", b"end", b"enforced", b"enum", b"error",
    b"escape", b"event", b"except", b"exclude", b"excluding", b"exclusive", b"execute", b"exists",
    b"explain", b"expression", b"extension", b"external", b"extract", b"false", b"family", b"fetch",
    b"filter", b"finalize", b"first", b"float", b"float4", b"float8", b"following", b"for",
    b"force", b"foreign", b"forward", b"freeze", b"from", b"full", b"function", b"functions",
    b"generated", b"global", b"grant", b"granted", b"greatest", b"group", b"grouping", b"groups",
    b"handler", b"having", b"header", b"hold", b"hour", b"identity", b"if", b"ilike", b"immediate",
    b"immutable", b"implicit", b"import", b"in", b"include", b"including", b"increment", b"indent",
    b"index", b"indexes", b"inet", b"information_schema", b"inherit", b"inherits", b"initially",
    b"inline", b"inner", b"inout", b"input", b"insensitive", b"insert", b"instead", b"int", b"int2",
    b"int4", b"int8", b"integer", b"intersect", b"interval", b"into", b"invoker", b"is", b"isnull",
    b"isolation", b"join", b"json", b"json_array", b"json_arrayagg", b"json_exists", b"json_object",
    b"json_objectagg", b"json_query", b"json_scalar", b"json_serialize", b"json_table",
    b"json_value", b"jsonb", b"jsonpath", b"keep", b"key", b"keys", b"label", b"language", b"large",
    b"last", b"lateral", b"leading", b"leakproof", b"least", b"left", b"level", b"like", b"limit",
    b"line", b"listen", b"load", b"local", b"localtime", b"localtimestamp", b"location", b"lock",
    b"locked", b"logged", b"lseg", b"macaddr", b"mapping", b"match", b"matched", b"materialized",
    b"maxvalue", b"merge", b"merge_action", b"method", b"minute", b"minvalue", b"mode", b"money",
    b"month", b"move", b"name", b"names", b"national", b"natural", b"nchar", b"nested", b"new",
    b"next", b"nfc", b"nfd", b"nfkc", b"nfkd", b"no", b"none", b"normalize", b"normalized", b"not",
    b"nothing", b"notify", b"notnull", b"nowait", b"null", b"nullif", b"nulls", b"numeric",
    b"object", b"objects", b"of", b"off", b"offset", b"oid", b"oids", b"old", b"omit", b"on",
    b"only", b"operator", b"option", b"options", b"or", b"order", b"ordinality", b"others", b"out",
    b"outer", b"over", b"overlaps", b"overlay", b"overriding", b"owned", b"owner", b"parallel",
    b"parameter", b"parser", b"partial", b"partition", b"passing", b"password", b"path", b"period",
    b"pg_catalog", b"pg_lsn", b"placing", b"plan", b"plans", b"point", b"policy", b"polygon",
    b"position", b"preceding", b"precision", b"prepare", b"prepared", b"preserve", b"primary",
    b"prior", b"privileges", b"procedural", b"procedure", b"procedures", b"program", b"public",
    b"publication", b"quote", b"quotes", b"range", b"read", b"real", b"reassign", b"recheck",
    b"recursive", b"ref", b"references", b"referencing", b"refresh", b"regclass", b"regtype",
    b"reindex", b"relative", b"release", b"rename", b"repeatable", b"replace", b"replica", b"reset",
    b"restart", b"restrict", b"return", b"returning", b"returns", b"revoke", b"right", b"role",
    b"rollback", b"rollup", b"routine", b"routines", b"row", b"rows", b"rule", b"savepoint",
    b"scalar", b"schema", b"schemas", b"scroll", b"search", b"second", b"security", b"select",
    b"sequence", b"sequences", b"serial", b"serializable", b"server", b"session", b"session_user",
    b"set", b"setof", b"sets", b"share", b"show", b"similar", b"simple", b"skip", b"smallint",
    b"smallserial", b"snapshot", b"some", b"source", b"sql", b"stable", b"standalone", b"start",
    b"statement", b"statistics", b"stdin", b"stdout", b"storage", b"stored", b"strict", b"string",
    b"strip", b"subscription", b"substring", b"support", b"symmetric", b"sysid", b"system",
    b"system_user", b"table", b"tables", b"tablesample", b"tablespace", b"target", b"temp",
    b"template", b"temporary", b"text", b"then", b"ties", b"time", b"timestamp", b"timestamptz",
    b"timetz", b"to", b"trailing", b"transaction", b"transform", b"treat", b"trigger", b"trim",
    b"true", b"truncate", b"trusted", b"tsquery", b"tsvector", b"type", b"types", b"uescape",
    b"unbounded", b"uncommitted", b"unconditional", b"unencrypted", b"union", b"unique", b"unknown",
    b"unlisten", b"unlogged", b"until", b"update", b"user", b"using", b"uuid", b"vacuum", b"valid",
    b"validate", b"validator", b"value", b"values", b"varbit", b"varchar", b"variadic", b"varying",
    b"verbose", b"version", b"view", b"views", b"virtual", b"volatile", b"when", b"where",
    b"whitespace", b"window", b"with", b"within", b"without", b"work", b"wrapper", b"write", b"xml",
    b"xmlattributes", b"xmlconcat", b"xmlelement", b"xmlexists", b"xmlforest", b"xmlnamespaces",
    b"xmlparse", b"xmlpi", b"xmlroot", b"xmlserialize", b"xmltable", b"year", b"yes", b"zone",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted() {
        assert!(WORDS.is_sorted());
    }
}
