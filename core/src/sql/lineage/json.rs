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
        // A variable, or a key that is written with escapes.
        Some(path) if names_keys(path) && !path.contains('\\') && !path.contains("$\"") => {
            Path::Keys(words(path))
        }
        _ => Path::Any,
    }
}

/// Has the path neither a wildcard for keys nor a method, which may tell them? `[*]` is any
/// element, and a parenthesis behind anything but a name is one of a filter.
fn names_keys(path: &str) -> bool {
    let path = path.replace("[*]", "");
    let mut before = None;
    !path.contains('*')
        && path.chars().all(|char| {
            let is_call = char == '(' && before.is_some_and(char::is_alphanumeric);
            if !char.is_whitespace() {
                before = Some(char);
            }
            !is_call
        })
}

/// All words of a document that stands in the text.
pub(super) fn document(node: &Node) -> Path<'_> {
    match tree::literal(node) {
        Some(text) if text.starts_with('{') && !text.contains('\\') => Path::Keys(words(text)),
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
