//! Taking values out of documents: by which keys, and whether that can be told.

use crate::sql::tree::{self, Node, nodes};

/// The keys by which an operator or a function takes something out of a document.
pub(super) enum Path<'a> {
    /// These; whatever is taken is their value or a part of it.
    Keys(Vec<&'a str>),
    /// Any.
    Any,
}

/// The keys that the right side of `->`, `->>`, `#>` and `#>>` says.
pub(super) fn operand(node: &Node) -> Path<'_> {
    match node {
        Node::AArrayExpr(array) => keys(nodes(&array.elements)),
        node if tree::is_integer(node) => Path::Keys(Vec::new()),
        node => match tree::literal(node) {
            Some(text) if !text.contains('\\') => Path::Keys(words(text)),
            _ => Path::Any,
        },
    }
}

/// The keys that the arguments of `json_extract_path` and its like say.
pub(super) fn keys<'a>(nodes: impl Iterator<Item = &'a Node>) -> Path<'a> {
    let mut found = Vec::new();
    for node in nodes {
        match operand(node) {
            Path::Keys(keys) => found.extend(keys),
            Path::Any => return Path::Any,
        }
    }
    Path::Keys(found)
}

/// The keys in a path of the SQL/JSON language.
pub(super) fn sql_path(node: &Node) -> Path<'_> {
    match tree::literal(node) {
        // A wildcard, a method that tells keys, a variable, or a key that is written with escapes.
        Some(path) if !path.contains(['*', '(', '\\']) && !path.contains("$\"") => {
            Path::Keys(words(path))
        }
        _ => Path::Any,
    }
}

/// A key, or the elements of an array in its text form, or the steps of a path: whatever stands
/// between signs, and the text as a whole.
fn words(text: &str) -> Vec<&str> {
    let signs = |char: char| !(char.is_alphanumeric() || char == '_' || char == '-');
    let words = text.split(signs);
    let parts = text.split(['{', '}', ',', '"', '.']).map(str::trim);
    let all = words.chain(parts).chain([text]);
    all.filter(|part| !part.is_empty()).collect()
}
