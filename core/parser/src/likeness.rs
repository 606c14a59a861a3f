//! Whether two nodes say the same, wherever they stand in a text.
//!
//! A field that nobody here has heard of counts, too. Only places in the text do not.

use serde_json::Value;

use crate::tree::node::Node;

/// Fields that hold places in the text.
const PLACES: [&str; 7] = [
    "list_end",
    "list_start",
    "location",
    "rexpr_list_end",
    "rexpr_list_start",
    "stmt_len",
    "stmt_location",
];

/// Does the one node say what the other says, wherever the two stand in a text? Where this cannot
/// be told it does not.
pub fn is_alike(one: &Node, other: &Node) -> bool {
    match (placeless(one), placeless(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn placeless(node: &Node) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(node)?;
    forget_places(&mut value);
    Ok(value)
}

fn forget_places(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !PLACES.contains(&name.as_str()));
            fields.values_mut().for_each(forget_places);
        }
        Value::Array(parts) => parts.iter_mut().for_each(forget_places),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::{Lexing, Limits, read};

    /// Do two queries say the same?
    fn alike(one: &str, other: &str) -> bool {
        let limits = Limits {
            text_bytes: 1_000,
            depth: 100,
            nodes: 1_000,
        };
        let lexing = Lexing::default();
        read(one.as_bytes(), lexing, &limits, |one| {
            read(other.as_bytes(), lexing, &limits, |other| {
                crate::is_alike(one[0].node, other[0].node)
            })
        })
        .and_then(|alike| alike)
        .unwrap_or(false)
    }

    #[test]
    fn only_places_do_not_count() {
        for (one, other) in [
            ("select a from t", "SELECT  /* x */ \"a\"\nFROM t"),
            ("select a in (1, 2)", "select  a in ( 1,2 )"),
            ("select array[1, 2]", "select array [ 1 , 2 ]"),
            ("select (a) and ((b))", "select a and b"),
            (
                "select sum(x) over (order by y)",
                "select sum( x) over ( order by y )",
            ),
        ] {
            assert!(alike(one, other), "{one} | {other}");
        }
        for (one, other) in [
            ("select a from t", "select b from t"),
            ("select a, b", "select b, a"),
            ("select 'ab', 'c'", "select 'a', 'bc'"),
            ("select count(a)", "select count(distinct a)"),
            ("select 1", "select 2"),
            ("select 0", "select null"),
            ("select $1", "select $2"),
            ("select a < b", "select a operator(pg_catalog.<) b"),
            ("select sum(x) over w", "select sum(x) over (w)"),
            ("select a and (b or c)", "select (a and b) or c"),
        ] {
            assert!(!alike(one, other), "{one} | {other}");
        }
    }
}
