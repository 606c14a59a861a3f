//! Types without parts in their text form.

use super::span::is_continuation;
use super::types::Scalar;
use super::{Malformed, Outcome, Strategy, bytea, constant, number, temporal};
use crate::cell::Encoding;

/// Appends the masked value to `out`; [`Outcome::Null`] if there is none.
pub(crate) fn mask(
    scalar: Scalar,
    strategy: &Strategy,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Outcome {
    let written = match strategy {
        // A transform that could not be done.
        Strategy::Redact | Strategy::Transform(_) => redact(scalar, value, out),
        Strategy::Partial {
            keep_first,
            keep_last,
        } => partial(scalar, value, *keep_first, *keep_last, out),
        Strategy::Constant(text) => constant::write(scalar, Encoding::Text, text, out),
        Strategy::Null => Err(Malformed),
        Strategy::Uniform => constant::uniform(scalar, Encoding::Text, out),
    };
    match written {
        Ok(()) => Outcome::Masked,
        Err(Malformed) => Outcome::Null,
    }
}

fn redact(scalar: Scalar, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mark = out.len();
    match scalar {
        Scalar::Bool => out.push(b'f'),
        Scalar::Int2
        | Scalar::Int4
        | Scalar::Int8
        | Scalar::Oid
        | Scalar::Xid8
        | Scalar::Float4
        | Scalar::Float8
        | Scalar::Numeric => out.resize(mark + value.len().max(1), b'0'),
        Scalar::Money => each(value, out, |byte| match byte {
            b'0'..=b'9' => Some(b'0'),
            _ if byte.is_ascii_alphabetic() => None,
            _ => Some(byte),
        })?,
        Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz => temporal::redact(value, out)?,
        Scalar::Time | Scalar::Timetz => each(value, out, |byte| match byte {
            b'0'..=b'9' => Some(b'0'),
            b'+' | b'-' => Some(b'+'),
            b':' | b'.' => Some(byte),
            _ => None,
        })?,
        Scalar::Interval => temporal::redact_interval(value, out)?,
        Scalar::Uuid => uuid(value, out)?,
        Scalar::Text | Scalar::OidName | Scalar::Xml => out.resize(mark + value.len(), b'X'),
        Scalar::Char => out.push(b'X'),
        Scalar::Bytea => bytea::redact_text(value, out)?,
        Scalar::Json | Scalar::Jsonb => json(value.len(), out)?,
        Scalar::Inet => inet(value, out)?,
        Scalar::Macaddr | Scalar::Macaddr8 => each(value, out, |byte| match byte {
            b':' => Some(b':'),
            _ => byte.is_ascii_hexdigit().then_some(b'0'),
        })?,
        Scalar::Bit => each(value, out, |byte| {
            matches!(byte, b'0' | b'1').then_some(b'0')
        })?,
    }
    Ok(())
}

fn partial(
    scalar: Scalar,
    value: &[u8],
    keep_first: usize,
    keep_last: usize,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    match scalar {
        Scalar::Text => {
            partial_text(value, keep_first, keep_last, out);
            Ok(())
        }
        Scalar::Int2 | Scalar::Int4 | Scalar::Int8 => {
            number::partial(value, keep_first, keep_last, out)
        }
        _ => redact(scalar, value, out),
    }
}

/// Keeps characters at the ends of a text.
fn partial_text(value: &[u8], keep_first: usize, keep_last: usize, out: &mut Vec<u8>) {
    let characters = value.iter().filter(|&&byte| !is_continuation(byte)).count();
    let keep = keep_first.saturating_add(keep_last) < characters;
    let mut position = 0;
    out.extend(value.iter().map(|&byte| {
        position += usize::from(!is_continuation(byte));
        let kept = keep && (position <= keep_first || position > characters - keep_last);
        // A text that begins in the middle of a character has no character there to keep.
        if kept && position > 0 { byte } else { b'X' }
    }));
}

/// Rewrites byte by byte; `None` is a byte that the type's text does not have.
fn each(
    value: &[u8],
    out: &mut Vec<u8>,
    rewrite: impl Fn(u8) -> Option<u8>,
) -> Result<(), Malformed> {
    for &byte in value {
        out.push(rewrite(byte).ok_or(Malformed)?);
    }
    Ok(())
}

fn uuid(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if value.len() != 36 {
        return Err(Malformed);
    }
    for (index, &byte) in value.iter().enumerate() {
        let dash = matches!(index, 8 | 13 | 18 | 23);
        match byte {
            b'-' if dash => out.push(b'-'),
            _ if !dash && byte.is_ascii_hexdigit() => out.push(b'0'),
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

/// A JSON string of `length` bytes; a digit if there is no room for the quotes.
pub(crate) fn json(length: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match length {
        0 => return Err(Malformed),
        1 => out.push(b'0'),
        _ => {
            out.push(b'"');
            out.resize(out.len() + length - 2, b'X');
            out.push(b'"');
        }
    }
    Ok(())
}

/// The unspecified address with the value's netmask. Zeros of the same length are no way out:
/// readers refuse leading zeros.
fn inet(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let slash = value
        .iter()
        .position(|&byte| byte == b'/')
        .unwrap_or(value.len());
    let (address, mask) = value.split_at_checked(slash).ok_or(Malformed)?;
    let v6 = address.contains(&b':');
    if address.is_empty()
        || !address
            .iter()
            .all(|b| b.is_ascii_hexdigit() || b".:".contains(b))
    {
        return Err(Malformed);
    }
    out.extend_from_slice(if v6 { b"::" } else { b"0.0.0.0" });
    let Some(digits) = mask.get(1..) else {
        return Ok(());
    };
    let bits: u8 = std::str::from_utf8(digits)
        .ok()
        .and_then(|d| d.parse().ok())
        .ok_or(Malformed)?;
    if bits > if v6 { 128 } else { 32 } {
        return Err(Malformed);
    }
    out.extend_from_slice(mask);
    Ok(())
}
