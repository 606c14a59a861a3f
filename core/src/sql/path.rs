//! Where unqualified names are looked up.
//!
//! A path is kept as the set of its schemas, without their order. Which of them a name is found in
//! depends on who may use a schema and on what is in it at that moment, and neither has to be known
//! this way: a name stands for everything of that name in any of them. Paths that may be in force
//! are put together by the union of their schemas.
#![deny(clippy::indexing_slicing)]

use std::rc::Rc;

use crate::catalog::{Catalog, Relation};

/// `NAMEDATALEN` without the terminator: longer names are cut.
const NAME_BYTES: usize = 63;

/// Where unqualified names are looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SearchPath {
    /// In any of these schemas and in `pg_catalog`; there are no temporary tables. Sorted.
    Known(Rc<[Box<str>]>),
    /// In any schema: a name stands for everything of that name.
    Unknown,
}

impl SearchPath {
    /// A path of these schemas.
    pub fn known<'a>(schemas: impl IntoIterator<Item = &'a str>) -> Self {
        let mut schemas: Vec<Box<str>> = schemas.into_iter().map(Box::from).collect();
        schemas.sort_unstable();
        schemas.dedup();
        SearchPath::Known(schemas.into())
    }

    /// A path that may be this one or the `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (SearchPath::Known(one), SearchPath::Known(two)) if one == two => self.clone(),
            (SearchPath::Known(one), SearchPath::Known(two)) => {
                Self::known(one.iter().chain(two.iter()).map(|schema| &**schema))
            }
            _ => SearchPath::Unknown,
        }
    }

    /// What the setting `search_path` says in this text, where `user` is the current one, if that
    /// is known: the server's `SplitIdentifierString`. Unknown if a name in it may be another one
    /// here.
    pub fn of_setting(text: &[u8], user: Option<&[u8]>) -> Self {
        let user = user.and_then(|user| std::str::from_utf8(user).ok());
        let names = std::str::from_utf8(text).ok().and_then(identifiers);
        let Some(names) = names else {
            return SearchPath::Unknown;
        };
        let schemas = names.iter().map(|name| match name.as_str() {
            "$user" => user,
            name => Some(name),
        });
        Self::certain(schemas)
    }

    /// What a `SET search_path` with these names makes of it.
    pub fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        // Who the user is depends on more than the text.
        Self::certain(names.map(|name| (name != "$user").then_some(name)))
    }

    /// A path of names that are the same in every encoding, and not cut.
    fn certain<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Self {
        let certain =
            names.map(|name| name.filter(|name| name.is_ascii() && name.len() < NAME_BYTES));
        match certain.collect::<Option<Vec<_>>>() {
            Some(schemas) => Self::known(schemas),
            None => SearchPath::Unknown,
        }
    }

    /// The relations that a name may mean, `schema` being empty where there is none.
    pub fn find<'c>(
        &self,
        catalog: &'c Catalog,
        schema: &str,
        name: &str,
    ) -> Vec<(u32, &'c Relation)> {
        let mut named = catalog.named(name);
        named.retain(|(_, relation)| match (schema, self) {
            ("", SearchPath::Unknown) => true,
            ("", SearchPath::Known(path)) => {
                relation.schema == "pg_catalog"
                    || path.iter().any(|schema| **schema == relation.schema)
            }
            // Nobody knows whose they are.
            ("pg_temp", _) => relation.schema.starts_with("pg_temp_"),
            (schema, _) => relation.schema == schema,
        });
        named
    }
}

/// The identifiers of a list, unquoted ones in lower case.
fn identifiers(text: &str) -> Option<Vec<String>> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}');
    let mut rest = text.trim_start_matches(is_space);
    let mut names = Vec::new();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_identifier(quoted)?,
            None => {
                let end = rest.find(|c| c == ',' || is_space(c));
                match rest.split_at(end.unwrap_or(rest.len())) {
                    ("", _) => return None,
                    (name, after) => (name.to_ascii_lowercase(), after),
                }
            }
        };
        names.push(name);
        rest = after.trim_start_matches(is_space);
        if rest.is_empty() {
            return Some(names);
        }
        rest = rest.strip_prefix(',')?.trim_start_matches(is_space);
    }
}

/// A name up to its closing quote, and what follows; `text` begins behind the opening one.
fn quoted_identifier(mut text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    loop {
        let (part, after) = text.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                text = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> SearchPath {
        SearchPath::of_setting(text.as_bytes(), Some(b"app"))
    }

    #[test]
    fn a_setting_is_read_as_the_server_reads_it() {
        for (text, schemas) in [
            ("", &[][..]),
            ("\"$user\", public", &["app", "public"]),
            ("Ehr , \"Old\"\t,pg_temp", &["ehr", "Old", "pg_temp"]),
            ("\"a\"\"b, c\"", &["a\"b, c"]),
            ("\"\"", &[""]),
        ] {
            assert_eq!(
                of(text),
                SearchPath::known(schemas.iter().copied()),
                "{text}"
            );
        }
        let long = "a".repeat(63);
        for text in ["a,", ",", "a b", "\"a", "\"a\"b", "caf\u{e9}", &long] {
            assert_eq!(of(text), SearchPath::Unknown, "{text}");
        }
        for user in [None, Some(&b"caf\xe9"[..])] {
            let path = SearchPath::of_setting(b"\"$user\", a", user);
            assert_eq!(path, SearchPath::Unknown);
            assert_eq!(SearchPath::of_setting(b"a", user), of("a"));
        }
    }

    #[test]
    fn either_of_two_paths_has_the_schemas_of_both() {
        let (one, two) = (of("a, b"), of("c, b"));
        assert_eq!(one.or(&two), of("a, b, c"));
        assert_eq!(one.or(&one), one);
        assert_eq!(one.or(&SearchPath::Unknown), SearchPath::Unknown);
        assert_eq!(SearchPath::Unknown.or(&two), SearchPath::Unknown);
    }
}
