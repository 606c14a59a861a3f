//! Arrays, element by element.

use super::{Malformed, Outcome, Visit};
use crate::bytes::Reader;
use crate::cell::Encoding;

/// PostgreSQL's MAXDIM.
const DIMENSIONS: usize = 6;

/// Rewrites an array literal such as `[0:1]={a,"b c",NULL}`. What is not masked stays as it
/// was spelled. Delimiters other than the comma belong to types that are masked whole.
pub(crate) fn rewrite_text(
    element: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mut rest = copy_bounds(value, out)?;
    let mut level = 0;
    let mut outcome = Outcome::Kept;
    let mut plain = Vec::new();
    let mut masked = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'{' if level < DIMENSIONS => level += 1,
            b'}' if level > 0 => level -= 1,
            b',' if level > 0 => {}
            b'{' | b'}' | b',' => return Err(Malformed),
            _ if level == 0 => return Err(Malformed),
            _ => {
                plain.clear();
                let spelled = take_element(rest, &mut plain)?;
                let (spelling, after) = rest.split_at_checked(spelled).ok_or(Malformed)?;
                rest = after;
                if spelling.eq_ignore_ascii_case(b"NULL") {
                    out.extend_from_slice(spelling);
                    continue;
                }
                masked.clear();
                match visit.value(element, Encoding::Text, &plain, depth + 1, &mut masked) {
                    Outcome::Kept => out.extend_from_slice(spelling),
                    Outcome::Masked => {
                        write_element(&masked, out);
                        outcome = Outcome::Masked;
                    }
                    Outcome::Null => {
                        out.extend_from_slice(b"NULL");
                        outcome = Outcome::Masked;
                    }
                }
                continue;
            }
        }
        out.push(byte);
        rest = after;
        if level == 0 {
            break;
        }
    }
    if level == 0 && rest.is_empty() && !value.is_empty() {
        Ok(outcome)
    } else {
        Err(Malformed)
    }
}

/// Copies explicit bounds such as `[0:1]=` and returns what follows.
fn copy_bounds<'a>(value: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    if value.first() != Some(&b'[') {
        return Ok(value);
    }
    let equals = value
        .iter()
        .position(|&byte| byte == b'=')
        .ok_or(Malformed)?;
    let (bounds, rest) = value.split_at_checked(equals + 1).ok_or(Malformed)?;
    if !bounds
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"[]:+-=".contains(byte))
    {
        return Err(Malformed);
    }
    out.extend_from_slice(bounds);
    Ok(rest)
}

/// Appends the next element without quotes and escapes to `plain` and returns how many bytes
/// its spelling takes.
fn take_element(text: &[u8], plain: &mut Vec<u8>) -> Result<usize, Malformed> {
    let quoted = text.first() == Some(&b'"');
    let mut index = usize::from(quoted);
    loop {
        let byte = *text.get(index).ok_or(Malformed)?;
        index += 1;
        match byte {
            b'\\' => {
                plain.push(*text.get(index).ok_or(Malformed)?);
                index += 1;
            }
            b'"' if quoted => return Ok(index),
            b',' | b'}' if !quoted => return Ok(index - 1),
            b'"' | b'{' if !quoted => return Err(Malformed),
            _ => plain.push(byte),
        }
    }
}

/// Appends an element as array_out spells it.
fn write_element(plain: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| byte.is_ascii_whitespace() || b"{},\"\\\x0b".contains(byte);
    let quoted =
        plain.is_empty() || plain.eq_ignore_ascii_case(b"NULL") || plain.iter().any(special);
    if !quoted {
        out.extend_from_slice(plain);
        return;
    }
    out.push(b'"');
    for &byte in plain {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Rewrites int2vector's and oidvector's text: numbers between blanks.
pub(crate) fn rewrite_vector(
    element: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mut outcome = Outcome::Kept;
    if value.is_empty() {
        return Ok(outcome);
    }
    for (index, word) in value.split(|&byte| byte == b' ').enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        match visit.value(element, Encoding::Text, word, depth + 1, out) {
            Outcome::Kept => {}
            Outcome::Masked => outcome = Outcome::Masked,
            // There is no NULL in a vector.
            Outcome::Null => return Err(Malformed),
        }
    }
    Ok(outcome)
}

/// Rewrites array_send's form: dimensions, flags, element type, bounds, elements.
pub(crate) fn rewrite_binary(
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mut reader = Reader::new(value);
    let header = Header::read(&mut reader).map_err(|_| Malformed)?;
    let (Ok(1..=DIMENSIONS) | Ok(0)) = usize::try_from(header.dimensions) else {
        return Err(Malformed);
    };
    let mut elements: u64 = u64::from(header.dimensions > 0);
    for _ in 0..header.dimensions {
        let length = reader.u32().map_err(|_| Malformed)?;
        reader.u32().map_err(|_| Malformed)?;
        elements = elements.checked_mul(u64::from(length)).ok_or(Malformed)?;
    }
    let mark = out.len();
    let head_bytes = value.len() - reader.rest().len();
    out.extend_from_slice(value.get(..head_bytes).ok_or(Malformed)?);
    let mut outcome = Outcome::Kept;
    let mut nulls = false;
    for _ in 0..elements {
        match rewrite_part(&mut reader, header.element, depth, visit, out)? {
            Outcome::Kept => {}
            Outcome::Masked => outcome = Outcome::Masked,
            Outcome::Null => {
                outcome = Outcome::Masked;
                nulls = true;
            }
        }
    }
    if !reader.is_empty() {
        return Err(Malformed);
    }
    if nulls && let Some(flags) = out.get_mut(mark + 4..mark + 8) {
        flags.copy_from_slice(&1_u32.to_be_bytes());
    }
    Ok(outcome)
}

struct Header {
    dimensions: u32,
    element: u32,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let dimensions = reader.u32().map_err(|_| Malformed)?;
        let flags = reader.u32().map_err(|_| Malformed)?;
        let element = reader.u32().map_err(|_| Malformed)?;
        if flags > 1 {
            Err(Malformed)
        } else {
            Ok(Self {
                dimensions,
                element,
            })
        }
    }
}

/// Rewrites one length-prefixed part of a binary value. [`Outcome::Null`]: it has become NULL;
/// one that was NULL is kept.
pub(crate) fn rewrite_part(
    reader: &mut Reader<'_>,
    type_oid: u32,
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let length = reader.i32().map_err(|_| Malformed)?;
    if length == -1 {
        out.extend_from_slice(&length.to_be_bytes());
        return Ok(Outcome::Kept);
    }
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let part = reader.take(length).map_err(|_| Malformed)?;
    let mark = out.len();
    out.extend_from_slice(&[0; 4]);
    let outcome = visit.value(type_oid, Encoding::Binary, part, depth + 1, out);
    let written = match outcome {
        Outcome::Null => {
            out.truncate(mark + 4);
            -1
        }
        Outcome::Kept | Outcome::Masked => {
            i32::try_from(out.len() - mark - 4).map_err(|_| Malformed)?
        }
    };
    out.get_mut(mark..mark + 4)
        .ok_or(Malformed)?
        .copy_from_slice(&written.to_be_bytes());
    Ok(outcome)
}
