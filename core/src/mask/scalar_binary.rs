//! Types without parts in their binary form (`typsend`).

use super::types::Scalar;
use super::{Malformed, Outcome, Strategy, constant, number, scalar_text};
use crate::cell::Encoding;

/// `PGSQL_AF_INET` and `PGSQL_AF_INET6` of network_send.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 3;
/// jsonb_send's only version.
pub(crate) const JSONB_VERSION: u8 = 1;

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
        } => partial(scalar, strategy, value, *keep_first, *keep_last, out),
        Strategy::Constant(text) => constant::write(scalar, Encoding::Binary, text, out),
        Strategy::Null => Err(Malformed),
        Strategy::Uniform => constant::uniform(scalar, Encoding::Binary, out),
    };
    match written {
        Ok(()) => Outcome::Masked,
        Err(Malformed) => Outcome::Null,
    }
}

/// Width of the types that have one.
pub(crate) fn width(scalar: Scalar) -> Option<usize> {
    Some(match scalar {
        Scalar::Bool | Scalar::Char => 1,
        Scalar::Int2 => 2,
        Scalar::Int4 | Scalar::Oid | Scalar::OidName | Scalar::Float4 | Scalar::Date => 4,
        Scalar::Macaddr => 6,
        Scalar::Int8
        | Scalar::Xid8
        | Scalar::Float8
        | Scalar::Money
        | Scalar::Time
        | Scalar::Timestamp
        | Scalar::Timestamptz
        | Scalar::Macaddr8 => 8,
        Scalar::Timetz => 12,
        Scalar::Interval | Scalar::Uuid => 16,
        Scalar::Numeric
        | Scalar::Text
        | Scalar::Bytea
        | Scalar::Json
        | Scalar::Jsonb
        | Scalar::Xml
        | Scalar::Inet
        | Scalar::Bit => return None,
    })
}

fn redact(scalar: Scalar, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mark = out.len();
    if width(scalar).is_some_and(|width| width != value.len()) {
        return Err(Malformed);
    }
    match scalar {
        Scalar::Text | Scalar::Xml | Scalar::Bytea | Scalar::Char => {
            out.resize(mark + value.len(), b'X');
        }
        Scalar::Json => scalar_text::json(value.len(), out)?,
        Scalar::Jsonb => {
            let (&version, text) = value.split_first().ok_or(Malformed)?;
            if version != JSONB_VERSION {
                return Err(Malformed);
            }
            out.push(version);
            scalar_text::json(text.len(), out)?;
        }
        // No digits, weight, sign and scale: zero.
        Scalar::Numeric => {
            if value.len() < 8 {
                return Err(Malformed);
            }
            out.resize(mark + 8, 0);
        }
        Scalar::Inet => inet(value, out)?,
        Scalar::Bit => bit(value, out)?,
        // Zero of every one of them is a value: 0, false, midnight, 2000-01-01.
        _ => out.resize(mark + value.len(), 0),
    }
    Ok(())
}

fn partial(
    scalar: Scalar,
    strategy: &Strategy,
    value: &[u8],
    keep_first: usize,
    keep_last: usize,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let number = match (scalar, value) {
        (Scalar::Text, _) => {
            // The binary form is the text.
            scalar_text::mask(scalar, strategy, value, out);
            return Ok(());
        }
        (Scalar::Int2, &[a, b]) => i64::from(i16::from_be_bytes([a, b])),
        (Scalar::Int4, &[a, b, c, d]) => i64::from(i32::from_be_bytes([a, b, c, d])),
        (Scalar::Int8, &[a, b, c, d, e, f, g, h]) => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => return redact(scalar, value, out),
    };
    let mut text = Vec::with_capacity(20);
    number::partial(
        number.to_string().as_bytes(),
        keep_first,
        keep_last,
        &mut text,
    )?;
    constant::write(scalar, Encoding::Binary, &text, out)
}

/// family, netmask bits, is_cidr, address length, address
fn inet(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let [family, bits, is_cidr, length, address @ ..] = value else {
        return Err(Malformed);
    };
    let wanted = match *family {
        AF_INET => 4,
        AF_INET6 => 16,
        _ => return Err(Malformed),
    };
    let bits_fit = usize::from(*bits) <= wanted * 8;
    if address.len() != wanted || usize::from(*length) != wanted || *is_cidr > 1 || !bits_fit {
        return Err(Malformed);
    }
    out.extend_from_slice(&[*family, *bits, *is_cidr, *length]);
    out.resize(out.len() + wanted, 0);
    Ok(())
}

/// Number of bits, bits
fn bit(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (head, bits) = value.split_first_chunk::<4>().ok_or(Malformed)?;
    let count = u32::from_be_bytes(*head);
    if usize::try_from(count.div_ceil(8)).ok() != Some(bits.len()) {
        return Err(Malformed);
    }
    out.extend_from_slice(head);
    out.resize(out.len() + bits.len(), 0);
    Ok(())
}
