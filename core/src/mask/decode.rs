//! From a binary value to the text that PostgreSQL would have written: detectors read text.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Malformed;
use super::scalar_binary::width;
use super::temporal::{DAY_US, civil_of_days};
use super::types::Scalar;

/// Zeros between and after a numeric's digits are no evidence; of more than this many groups
/// the rest is left out, or ten bytes on the wire would become 128 KiB to scan.
const NUMERIC_ZERO_GROUPS: usize = 16;

/// Appends a value's text to `out`. `false`: this type's bytes are to be inspected as they are.
///
/// # Errors
/// If the value is not one of the type.
pub(crate) fn text(scalar: Scalar, value: &[u8], out: &mut Vec<u8>) -> Result<bool, Malformed> {
    if width(scalar).is_some_and(|width| width != value.len()) {
        return Err(Malformed);
    }
    // Writing to a vector does not fail.
    let written = match scalar {
        Scalar::Int2 => write!(out, "{}", i16::from_be_bytes(array(value)?)),
        Scalar::Int4 => write!(out, "{}", i32::from_be_bytes(array(value)?)),
        Scalar::Int8 | Scalar::Money => write!(out, "{}", i64::from_be_bytes(array(value)?)),
        Scalar::Oid | Scalar::OidName => write!(out, "{}", u32::from_be_bytes(array(value)?)),
        Scalar::Xid8 => write!(out, "{}", u64::from_be_bytes(array(value)?)),
        Scalar::Float4 => {
            let value = f32::from_be_bytes(array(value)?);
            if in_plain_range(f64::from(value)) {
                write!(out, "{value}")
            } else {
                write!(out, "{value:e}")
            }
        }
        Scalar::Float8 => {
            let value = f64::from_be_bytes(array(value)?);
            if in_plain_range(value) {
                write!(out, "{value}")
            } else {
                write!(out, "{value:e}")
            }
        }
        Scalar::Date => {
            date(i64::from(i32::from_be_bytes(array(value)?)), out);
            Ok(())
        }
        Scalar::Timestamp | Scalar::Timestamptz => {
            let micros = i64::from_be_bytes(array(value)?);
            date(micros.div_euclid(DAY_US), out);
            out.push(b' ');
            time(micros.rem_euclid(DAY_US), out);
            Ok(())
        }
        Scalar::Time => {
            time(i64::from_be_bytes(array(value)?), out);
            Ok(())
        }
        Scalar::Uuid => {
            for (index, byte) in value.iter().enumerate() {
                if matches!(index, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                let _ = write!(out, "{byte:02x}");
            }
            Ok(())
        }
        Scalar::Macaddr | Scalar::Macaddr8 => {
            for (index, byte) in value.iter().enumerate() {
                let colon = if index > 0 { ":" } else { "" };
                let _ = write!(out, "{colon}{byte:02x}");
            }
            Ok(())
        }
        Scalar::Numeric => {
            numeric(value, out)?;
            Ok(())
        }
        Scalar::Inet => inet(value, out)?,
        Scalar::Bool if value.iter().any(|&byte| byte > 1) => return Err(Malformed),
        Scalar::Bool
        | Scalar::Timetz
        | Scalar::Interval
        | Scalar::Text
        | Scalar::Char
        | Scalar::Bytea
        | Scalar::Json
        | Scalar::Jsonb
        | Scalar::Xml
        | Scalar::Bit => return Ok(false),
    };
    written.map_err(|_| Malformed)?;
    Ok(true)
}

fn array<const N: usize>(value: &[u8]) -> Result<[u8; N], Malformed> {
    <[u8; N]>::try_from(value).map_err(|_| Malformed)
}

/// float8out writes an exponent outside of about this range, and so do we: the plain form of
/// 1e300 has 301 characters.
fn in_plain_range(value: f64) -> bool {
    value == 0.0 || (1e-5..1e17).contains(&value.abs())
}

fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_of_days(days);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

fn time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    let fraction = micros.rem_euclid(1_000_000);
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
    }
}

fn numeric(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (head, digits) = value.split_first_chunk::<8>().ok_or(Malformed)?;
    let [n1, n2, w1, w2, s1, s2, d1, d2] = *head;
    let count = usize::from(u16::from_be_bytes([n1, n2]));
    let weight = i32::from(i16::from_be_bytes([w1, w2]));
    let scale = usize::from(u16::from_be_bytes([d1, d2]) & 0x3fff);
    if digits.len() != count * 2 {
        return Err(Malformed);
    }
    match u16::from_be_bytes([s1, s2]) {
        0 => {}
        0x4000 => out.push(b'-'),
        // NaN and the infinities have no digits.
        0xc000 | 0xd000 | 0xf000 if count == 0 => return Ok(()),
        _ => return Err(Malformed),
    }
    let groups = digits.chunks_exact(2).map(|pair| match *pair {
        [high, low] => u16::from_be_bytes([high, low]),
        _ => 0,
    });
    if weight < 0 {
        out.extend_from_slice(b"0.");
        let zeros = usize::try_from(-weight - 1)
            .unwrap_or(0)
            .min(NUMERIC_ZERO_GROUPS);
        out.resize(out.len() + zeros * 4, b'0');
    }
    let whole = usize::try_from(weight + 1).unwrap_or(0);
    let mut written = 0;
    let mut fraction_start = if weight < 0 { Some(out.len()) } else { None };
    for group in groups {
        if group > 9_999 {
            return Err(Malformed);
        }
        if written == whole && weight >= 0 {
            out.push(b'.');
            fraction_start = Some(out.len());
        }
        let _ = if written == 0 && weight >= 0 {
            write!(out, "{group}")
        } else {
            write!(out, "{group:04}")
        };
        written += 1;
    }
    if written < whole {
        let zeros = (whole - written).min(NUMERIC_ZERO_GROUPS);
        out.resize(out.len() + zeros * 4, b'0');
    } else if weight >= 0
        && let Some(start) = fraction_start
    {
        // The last group may say more digits than the scale shows.
        out.truncate(out.len().min(start + scale));
    }
    Ok(())
}

fn inet(value: &[u8], out: &mut Vec<u8>) -> Result<std::io::Result<()>, Malformed> {
    let [family, bits, _, _, address @ ..] = value else {
        return Err(Malformed);
    };
    let written = match *family {
        2 => write!(out, "{}", Ipv4Addr::from(array::<4>(address)?)),
        3 => write!(out, "{}", Ipv6Addr::from(array::<16>(address)?)),
        _ => return Err(Malformed),
    };
    if usize::from(*bits) != address.len() * 8 {
        let _ = write!(out, "/{bits}");
    }
    Ok(written)
}
