//! A constant from the policy, converted to the type of the value whose place it takes.

use std::net::IpAddr;
use std::str::FromStr;

use super::types::Scalar;
use super::{Malformed, bytea, number, temporal};
use crate::cell::Encoding;

/// Appends `text` as a value of the type; an error if it is none.
pub(crate) fn write(
    scalar: Scalar,
    encoding: Encoding,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    // Valid text of a number, date or UUID is the constant itself.
    let is_text = encoding == Encoding::Text;
    match scalar {
        Scalar::Text | Scalar::Xml => out.extend_from_slice(text),
        Scalar::Char => match text {
            [byte] => out.push(*byte),
            _ => return Err(Malformed),
        },
        Scalar::Bytea if is_text => bytea::encode_hex(text, out),
        Scalar::Bytea => out.extend_from_slice(text),
        Scalar::Json => json_string(text, out)?,
        Scalar::Jsonb => {
            if !is_text {
                out.push(super::scalar_binary::JSONB_VERSION);
            }
            json_string(text, out)?;
        }
        Scalar::Bool => {
            let value = match text {
                b"t" | b"true" => true,
                b"f" | b"false" => false,
                _ => return Err(Malformed),
            };
            out.push(match (is_text, value) {
                (true, true) => b't',
                (true, false) => b'f',
                (false, value) => u8::from(value),
            });
        }
        Scalar::Inet => inet(text, is_text, out)?,
        // OID names in text are whatever the catalog calls them.
        Scalar::OidName
        | Scalar::Money
        | Scalar::Timetz
        | Scalar::Interval
        | Scalar::Macaddr
        | Scalar::Macaddr8
        | Scalar::Bit => return Err(Malformed),
        _ => {
            let mark = out.len();
            binary(scalar, text, out)?;
            if is_text {
                out.truncate(mark);
                out.extend_from_slice(text);
            }
        }
    }
    Ok(())
}

/// Appends the one value of the type that stands for every other; an error if there is none.
pub(crate) fn uniform(
    scalar: Scalar,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let text: &[u8] = match scalar {
        Scalar::Text | Scalar::Bytea | Scalar::Json | Scalar::Jsonb => b"XXXX",
        Scalar::Char => b"X",
        Scalar::Bool => b"f",
        Scalar::Int2
        | Scalar::Int4
        | Scalar::Int8
        | Scalar::Oid
        | Scalar::Xid8
        | Scalar::Float4
        | Scalar::Float8
        | Scalar::Numeric => b"0",
        Scalar::Date => b"2000-01-01",
        Scalar::Time => b"00:00:00",
        Scalar::Timestamp => b"2000-01-01 00:00:00",
        Scalar::Uuid => b"00000000-0000-0000-0000-000000000000",
        // In text these depend on settings of the session, or have no value that says nothing.
        Scalar::Timestamptz
        | Scalar::Timetz
        | Scalar::Xml
        | Scalar::Inet
        | Scalar::OidName
        | Scalar::Money
        | Scalar::Interval
        | Scalar::Macaddr
        | Scalar::Macaddr8
        | Scalar::Bit => return Err(Malformed),
    };
    write(scalar, encoding, text, out)
}

/// The types whose constant is parsed to find out whether it fits.
fn binary(scalar: Scalar, text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    match scalar {
        Scalar::Int2 => out.extend_from_slice(&parse::<i16>(text)?.to_be_bytes()),
        Scalar::Int4 => out.extend_from_slice(&parse::<i32>(text)?.to_be_bytes()),
        Scalar::Int8 => out.extend_from_slice(&parse::<i64>(text)?.to_be_bytes()),
        Scalar::Oid => out.extend_from_slice(&parse::<u32>(text)?.to_be_bytes()),
        Scalar::Xid8 => out.extend_from_slice(&parse::<u64>(text)?.to_be_bytes()),
        Scalar::Float4 => out.extend_from_slice(&finite(parse::<f32>(text)?)?.to_be_bytes()),
        Scalar::Float8 => out.extend_from_slice(&finite(parse::<f64>(text)?)?.to_be_bytes()),
        Scalar::Numeric => number::numeric_binary(text, out)?,
        Scalar::Date => out.extend_from_slice(&temporal::parse_date(text)?.to_be_bytes()),
        Scalar::Time => out.extend_from_slice(&temporal::parse_time(text)?.to_be_bytes()),
        Scalar::Timestamp | Scalar::Timestamptz => {
            out.extend_from_slice(&temporal::parse_timestamp(text)?.to_be_bytes());
        }
        Scalar::Uuid => uuid(text, out)?,
        _ => return Err(Malformed),
    }
    Ok(())
}

/// Infinities are spelled otherwise in SQL than in Rust.
fn finite<T: Copy + Into<f64>>(number: T) -> Result<T, Malformed> {
    if number.into().is_finite() {
        Ok(number)
    } else {
        Err(Malformed)
    }
}

fn parse<T: FromStr>(text: &[u8]) -> Result<T, Malformed> {
    // Readers of PostgreSQL's output do not expect a plus sign.
    if text.first() == Some(&b'+') {
        return Err(Malformed);
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed)
}

fn uuid(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let dashes = [8, 13, 18, 23];
    if text.len() != 36 || !dashes.iter().all(|&at| text.get(at) == Some(&b'-')) {
        return Err(Malformed);
    }
    let digits: Vec<u8> = text.iter().copied().filter(|&byte| byte != b'-').collect();
    if digits.len() != 32 {
        return Err(Malformed);
    }
    bytea::decode_hex(&digits, out)
}

/// A JSON string with `text` in it.
fn json_string(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            '\0'..='\x1f' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
    Ok(())
}

/// A host address.
fn inet(text: &[u8], is_text: bool, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let address: IpAddr = parse(text)?;
    if is_text {
        out.extend_from_slice(text);
        return Ok(());
    }
    match address {
        IpAddr::V4(v4) => {
            out.extend_from_slice(&[2, 32, 0, 4]);
            out.extend_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            out.extend_from_slice(&[3, 128, 0, 16]);
            out.extend_from_slice(&v6.octets());
        }
    }
    Ok(())
}
