//! Ranges and multiranges. A masked range is empty, a masked multirange has no range.

use super::types::Shape;
use super::{Malformed, Outcome, Visit};
use crate::bytes::Reader;
use crate::cell::Encoding;

// Flags of range_send.
const EMPTY: u8 = 0x01;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;
const ALL_FLAGS: u8 = 0x1f;

/// Appends the empty range.
pub(crate) fn mask(encoding: Encoding, out: &mut Vec<u8>) -> Outcome {
    match encoding {
        Encoding::Text => out.extend_from_slice(b"empty"),
        Encoding::Binary => out.push(EMPTY),
    }
    Outcome::Masked
}

/// Appends the empty multirange.
pub(crate) fn mask_multi(encoding: Encoding, out: &mut Vec<u8>) -> Outcome {
    match encoding {
        Encoding::Text => out.extend_from_slice(b"{}"),
        Encoding::Binary => out.extend_from_slice(&0_u32.to_be_bytes()),
    }
    Outcome::Masked
}

/// Appends the empty range or multirange, by the shape.
pub(crate) fn mask_as(shape: Shape, encoding: Encoding, out: &mut Vec<u8>) -> Outcome {
    match shape {
        Shape::Multirange { .. } => mask_multi(encoding, out),
        _ => mask(encoding, out),
    }
}

/// The bounds in the text of a range or a multirange, without their quotes (range_out). Of a text
/// of another form these are its parts between brackets and commas.
pub(crate) fn bounds_in_text(value: &[u8]) -> Vec<Vec<u8>> {
    let mut bounds = vec![Vec::new()];
    let mut bytes = value.iter().copied().peekable();
    let mut is_quoted = false;
    while let Some(byte) = bytes.next() {
        let is_doubled = is_quoted && byte == b'"' && bytes.peek() == Some(&b'"');
        match byte {
            b'[' | b'(' | b']' | b')' | b',' | b'{' | b'}' if !is_quoted => bounds.push(Vec::new()),
            b'"' if !is_doubled => is_quoted = !is_quoted,
            byte => {
                // The second of two quotes, and whatever stands behind a backslash, is itself.
                let next = (is_doubled || byte == b'\\')
                    .then(|| bytes.next())
                    .flatten();
                if let Some(bound) = bounds.last_mut() {
                    bound.push(next.unwrap_or(byte));
                }
            }
        }
    }
    bounds.retain(|bound| !bound.is_empty());
    bounds
}

/// Visits both bounds; a range with a masked bound becomes empty.
pub(crate) fn rewrite_binary(
    subtype: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mark = out.len();
    let mut reader = Reader::new(value);
    let flags = reader.u8().map_err(|_| Malformed)?;
    if flags & !ALL_FLAGS != 0 {
        return Err(Malformed);
    }
    let mut kept = true;
    for infinite in [LOWER_INFINITE, UPPER_INFINITE] {
        if flags & (EMPTY | infinite) != 0 {
            continue;
        }
        let length = length(&mut reader)?;
        let bound = reader.take(length).map_err(|_| Malformed)?;
        kept &= visit.value(subtype, Encoding::Binary, bound, depth + 1, out) == Outcome::Kept;
        out.truncate(mark);
    }
    if !reader.is_empty() {
        return Err(Malformed);
    }
    if !kept {
        return Ok(mask(Encoding::Binary, out));
    }
    out.extend_from_slice(value);
    Ok(Outcome::Kept)
}

/// Visits the bounds of every range; a masked one empties the whole.
pub(crate) fn rewrite_multi_binary(
    subtype: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mark = out.len();
    let mut reader = Reader::new(value);
    let mut kept = true;
    for _ in 0..reader.u32().map_err(|_| Malformed)? {
        let length = length(&mut reader)?;
        let range = reader.take(length).map_err(|_| Malformed)?;
        kept &= rewrite_binary(subtype, range, depth + 1, visit, out)? == Outcome::Kept;
        out.truncate(mark);
    }
    if !reader.is_empty() {
        return Err(Malformed);
    }
    if !kept {
        return Ok(mask_multi(Encoding::Binary, out));
    }
    out.extend_from_slice(value);
    Ok(Outcome::Kept)
}

fn length(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    let length = reader.i32().map_err(|_| Malformed)?;
    usize::try_from(length).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::bounds_in_text;

    #[test]
    fn bounds_are_found_in_texts_of_any_form() {
        for (text, bounds) in [
            ("[1,2)", &["1", "2"][..]),
            ("(,5]", &["5"]),
            ("empty", &["empty"]),
            (r#"["a,b","c""d\\e")"#, &["a,b", r#"c"d\e"#]),
            ("{[1,2),[3,4)}", &["1", "2", "3", "4"]),
            ("", &[]),
            (r#"["a"#, &["a"]),
        ] {
            let found = bounds_in_text(text.as_bytes());
            let wanted: Vec<_> = bounds.iter().map(|bound| bound.as_bytes()).collect();
            assert_eq!(found, wanted, "{text}");
        }
    }
}
