//! Row types, attribute by attribute.

use super::array::rewrite_part;
use super::types::RECORD;
use super::{Malformed, Outcome, Visit};
use crate::bytes::Reader;
use crate::catalog::{Catalog, TypeKind};
use crate::cell::Encoding;
use crate::limits::COLUMNS;

/// `pg_type.oid` of text: what an attribute is taken for if nobody knows better. Its reader
/// does not know better either.
const TEXT: u32 = 25;

/// Rewrites record_out's form such as `(1,"a ""b""",)`. A row whose attributes are not those
/// of the catalog is malformed.
pub(crate) fn rewrite_text(
    catalog: &Catalog,
    type_oid: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let attributes = match catalog.types.get(&type_oid) {
        _ if type_oid == RECORD => None,
        Some((_, TypeKind::Composite { attributes })) => Some(attributes),
        _ => return Err(Malformed),
    };
    let inner = value
        .strip_prefix(b"(")
        .and_then(|value| value.strip_suffix(b")"));
    let mut rest = inner.ok_or(Malformed)?;
    out.push(b'(');
    let mut outcome = Outcome::Kept;
    let mut plain = Vec::new();
    let mut masked = Vec::new();
    let mut index = 0;
    let has_fields = !rest.is_empty() || attributes.is_some_and(|a| !a.is_empty());
    let mut open = has_fields;
    while open {
        plain.clear();
        let spelled = take_field(rest, &mut plain)?;
        let (spelling, after) = rest.split_at_checked(spelled).ok_or(Malformed)?;
        let attribute = match attributes {
            Some(attributes) => *attributes.get(index).ok_or(Malformed)?,
            None => TEXT,
        };
        index += 1;
        masked.clear();
        // Nothing between commas is NULL.
        let became = match spelling {
            [] => Outcome::Kept,
            _ => visit.value(attribute, Encoding::Text, &plain, depth + 1, &mut masked),
        };
        match became {
            Outcome::Kept => out.extend_from_slice(spelling),
            Outcome::Masked => write_field(&masked, out),
            Outcome::Null => {}
        }
        if became != Outcome::Kept {
            outcome = Outcome::Masked;
        }
        open = !after.is_empty();
        if let [b',', others @ ..] = after {
            out.push(b',');
            rest = others;
        }
    }
    out.push(b')');
    match attributes {
        Some(attributes) if attributes.len() != index => Err(Malformed),
        _ => Ok(outcome),
    }
}

/// Appends the next field without quotes and escapes to `plain` and returns how many bytes its
/// spelling takes.
fn take_field(text: &[u8], plain: &mut Vec<u8>) -> Result<usize, Malformed> {
    let mut quoted = false;
    let mut index = 0;
    while let Some(&byte) = text.get(index) {
        match byte {
            b'\\' => {
                index += 1;
                plain.push(*text.get(index).ok_or(Malformed)?);
            }
            b'"' if quoted && text.get(index + 1) == Some(&b'"') => {
                index += 1;
                plain.push(b'"');
            }
            b'"' => quoted = !quoted,
            b',' if !quoted => return Ok(index),
            b'(' | b')' if !quoted => return Err(Malformed),
            _ => plain.push(byte),
        }
        index += 1;
    }
    if quoted { Err(Malformed) } else { Ok(index) }
}

/// Appends a field as record_out spells it.
fn write_field(plain: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| byte.is_ascii_whitespace() || b"(),\"\\\x0b".contains(byte);
    if !plain.is_empty() && !plain.iter().any(special) {
        out.extend_from_slice(plain);
        return;
    }
    out.push(b'"');
    for &byte in plain {
        if matches!(byte, b'"' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Rewrites record_send's form: a count, then type and value of every attribute.
pub(crate) fn rewrite_binary(
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mut reader = Reader::new(value);
    let count = reader.u32().map_err(|_| Malformed)?;
    if usize::try_from(count).is_ok_and(|count| count > COLUMNS) {
        return Err(Malformed);
    }
    out.extend_from_slice(&count.to_be_bytes());
    let mut outcome = Outcome::Kept;
    for _ in 0..count {
        let type_oid = reader.u32().map_err(|_| Malformed)?;
        out.extend_from_slice(&type_oid.to_be_bytes());
        if rewrite_part(&mut reader, type_oid, depth, visit, out)? != Outcome::Kept {
            outcome = Outcome::Masked;
        }
    }
    if reader.is_empty() {
        Ok(outcome)
    } else {
        Err(Malformed)
    }
}
