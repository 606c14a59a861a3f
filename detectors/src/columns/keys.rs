//! Tables of (entity, attribute, value): which column says what the values of another are.

use velum_core::inspect::ColumnHint;

use crate::context::Normal;

/// A column of attributes is named by one of these,
const KEYS: &[&[u8]] = &[
    b"attribute",
    b"attr",
    b"key",
    b"field",
    b"fld",
    b"item",
    b"element",
    b"property",
    b"prop",
    b"param",
    b"parameter",
    b"variable",
    b"var",
    b"question",
    b"label",
    b"tag",
    b"characteristic",
    b"datapoint",
];
/// and by nothing but those and these.
const OF_KEYS: &[&[u8]] = &[
    b"name",
    b"nm",
    b"code",
    b"cd",
    b"text",
    b"txt",
    b"title",
    b"desc",
    b"description",
    b"type",
    b"display",
    b"data",
    b"the",
    b"eav",
    b"meta",
];
/// A column of values is named by one of these,
const VALUES: &[&[u8]] = &[
    b"value",
    b"val",
    b"answer",
    b"ans",
    b"response",
    b"content",
    b"entry",
    b"data",
    b"result",
    b"contents",
];
/// and by nothing but those, the words for attributes and these.
const OF_VALUES: &[&[u8]] = &[
    b"text",
    b"txt",
    b"string",
    b"str",
    b"char",
    b"varchar",
    b"as",
    b"free",
    b"raw",
    b"orig",
    b"original",
    b"source",
    b"num",
    b"number",
    b"numeric",
    b"date",
    b"obs",
    b"observation",
    b"eav",
    b"meta",
    b"v",
];

/// The column of attributes that the value at `index` goes with: the last one before it, or else
/// the first behind it.
pub(crate) fn key_of(columns: &[ColumnHint<'_>], index: usize) -> Option<usize> {
    let column = columns.get(index)?;
    if !is_named(column.name, VALUES, &[KEYS, OF_VALUES]) {
        return None;
    }
    let is_key = |at: &usize| {
        let name = columns.get(*at).map(|column| column.name);
        *at != index && name.is_some_and(|name| is_named(name, KEYS, &[OF_KEYS]))
    };
    let before = (0..index).rev().find(is_key);
    before.or_else(|| (index + 1..columns.len()).find(is_key))
}

/// Whether one word of the name is among `these`, and the rest there or among the `others`.
fn is_named(name: &[u8], these: &[&[u8]], others: &[&[&[u8]]]) -> bool {
    let normal = Normal::of_name(name);
    let is_one = |word: &&[u8]| these.contains(word);
    let is_other = |word: &&[u8]| others.iter().any(|other| other.contains(word));
    normal.words().any(|word| is_one(&word))
        && normal.words().all(|word| is_one(&word) || is_other(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(names: &[&str], index: usize) -> Option<usize> {
        let hints: Vec<_> = names
            .iter()
            .map(|name| ColumnHint::named(name.as_bytes()))
            .collect();
        key_of(&hints, index)
    }

    #[test]
    fn values_go_with_the_attribute_beside_them() {
        assert_eq!(key(&["entity_id", "attribute", "value"], 2), Some(1));
        assert_eq!(key(&["entity_id", "attribute", "value"], 0), None);
        assert_eq!(key(&["value", "AttributeName"], 0), Some(1));
        assert_eq!(key(&["field_name", "fieldValue2"], 1), Some(0));
        assert_eq!(key(&["key", "value_text", "value_num"], 2), Some(0));
        assert_eq!(key(&["item", "q", "question_text", "answer"], 3), Some(2));
    }

    #[test]
    fn other_columns_go_with_none() {
        assert_eq!(key(&["lab_code", "value"], 1), None);
        assert_eq!(key(&["key_person", "value"], 1), None);
        assert_eq!(key(&["attribute", "note"], 1), None);
        assert_eq!(key(&["value", "val"], 1), None);
        assert_eq!(key(&[], 0), None);
    }
}
