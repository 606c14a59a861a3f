//! From a binary value to the text that PostgreSQL would have written: detectors read text.

use std::fmt::{Display, LowerExp};
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
    match scalar {
        Scalar::Int2 => display(i16::from_be_bytes(array(value)?), out),
        Scalar::Int4 => display(i32::from_be_bytes(array(value)?), out),
        Scalar::Int8 | Scalar::Money => display(i64::from_be_bytes(array(value)?), out),
        Scalar::Oid | Scalar::OidName => display(u32::from_be_bytes(array(value)?), out),
        Scalar::Xid8 => display(u64::from_be_bytes(array(value)?), out),
        Scalar::Float4 => {
            let number = f32::from_be_bytes(array(value)?);
            float(number, f64::from(number), out);
        }
        Scalar::Float8 => {
            let number = f64::from_be_bytes(array(value)?);
            float(number, number, out);
        }
        Scalar::Date => date(i64::from(i32::from_be_bytes(array(value)?)), out),
        Scalar::Timestamp | Scalar::Timestamptz => {
            let micros = i64::from_be_bytes(array(value)?);
            date(micros.div_euclid(DAY_US), out);
            out.push(b' ');
            time(micros.rem_euclid(DAY_US), out);
        }
        Scalar::Time => time(i64::from_be_bytes(array(value)?), out),
        Scalar::Uuid => hex(value, |index| matches!(index, 4 | 6 | 8 | 10), b'-', out),
        Scalar::Macaddr | Scalar::Macaddr8 => hex(value, |index| index > 0, b':', out),
        Scalar::Numeric => numeric(value, out)?,
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
    }
    Ok(true)
}

/// Writing to a vector does not fail.
fn display(value: impl Display, out: &mut Vec<u8>) {
    let _ = write!(out, "{value}");
}

/// float8out writes an exponent outside of about this range, and so do we: the plain form of
/// 1e300 has 301 characters.
fn float(number: impl Display + LowerExp, magnitude: f64, out: &mut Vec<u8>) {
    if magnitude == 0.0 || (1e-5..1e17).contains(&magnitude.abs()) {
        display(number, out);
    } else {
        let _ = write!(out, "{number:e}");
    }
}

fn hex(bytes: &[u8], separated: impl Fn(usize) -> bool, separator: u8, out: &mut Vec<u8>) {
    for (index, byte) in bytes.iter().enumerate() {
        if separated(index) {
            out.push(separator);
        }
        let _ = write!(out, "{byte:02x}");
    }
}

fn array<const N: usize>(value: &[u8]) -> Result<[u8; N], Malformed> {
    <[u8; N]>::try_from(value).map_err(|_| Malformed)
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

fn inet(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let [family, bits, _, _, address @ ..] = value else {
        return Err(Malformed);
    };
    match *family {
        2 => display(Ipv4Addr::from(array::<4>(address)?), out),
        3 => display(Ipv6Addr::from(array::<16>(address)?), out),
        _ => return Err(Malformed),
    }
    if usize::from(*bits) != address.len() * 8 {
        let _ = write!(out, "/{bits}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(scalar: Scalar, value: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        match text(scalar, value, &mut out) {
            Ok(true) => Some(String::from_utf8(out).unwrap()),
            Ok(false) => Some("as it is".to_owned()),
            Err(Malformed) => None,
        }
    }

    fn numeric_of(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
        let mut value = (groups.len() as u16).to_be_bytes().to_vec();
        value.extend_from_slice(&weight.to_be_bytes());
        for word in [sign, scale].iter().chain(groups) {
            value.extend_from_slice(&word.to_be_bytes());
        }
        value
    }

    #[test]
    fn numerics_are_written_like_numeric_out() {
        for (value, text) in [
            (numeric_of(0, 0, 0, &[]), "0"),
            (numeric_of(0, 0, 0, &[7]), "7"),
            (numeric_of(2, 0, 0, &[5, 3177, 294]), "531770294"),
            (numeric_of(2, 0x4000, 0, &[5, 3177, 294]), "-531770294"),
            (numeric_of(1, 0, 0, &[1]), "10000"),
            (numeric_of(0, 0, 1, &[12, 5000]), "12.5"),
            (numeric_of(0, 0, 0, &[12, 5000]), "12"),
            (numeric_of(-1, 0, 4, &[1]), "0.0001"),
            (numeric_of(-2, 0, 9, &[5317, 7029, 4000]), "0.000053177029"),
            (numeric_of(0, 0xc000, 0, &[]), ""),
        ] {
            let got = decoded(Scalar::Numeric, &value).unwrap();
            assert!(got.starts_with(text), "{got} {text}");
        }
        assert_eq!(
            decoded(Scalar::Numeric, &numeric_of(0, 0, 0, &[10_000])),
            None
        );
        assert_eq!(decoded(Scalar::Numeric, &numeric_of(0, 7, 0, &[1])), None);
        assert_eq!(decoded(Scalar::Numeric, b"531-77-0294"), None);
        let huge = decoded(Scalar::Numeric, &numeric_of(i16::MAX, 0, 0, &[1])).unwrap();
        assert!(huge.len() < 100);
    }

    #[test]
    fn the_other_types_are_written_like_their_out_functions() {
        for (scalar, value, text) in [
            (Scalar::Int2, &(-5_i16).to_be_bytes()[..], "-5"),
            (Scalar::Int8, &531_770_294_i64.to_be_bytes(), "531770294"),
            (Scalar::Oid, &u32::MAX.to_be_bytes(), "4294967295"),
            (Scalar::Float8, &531_770_294_f64.to_be_bytes(), "531770294"),
            (Scalar::Float8, &1e300_f64.to_be_bytes(), "1e300"),
            (Scalar::Float8, &f64::NAN.to_be_bytes(), "NaN"),
            (Scalar::Float4, &0.5_f32.to_be_bytes(), "0.5"),
            (Scalar::Date, &(-15_633_i32).to_be_bytes(), "1957-03-14"),
            (
                Scalar::Time,
                &(43_200_500_000_i64).to_be_bytes(),
                "12:00:00.500000",
            ),
            (
                Scalar::Timestamp,
                &(-1_000_000_i64).to_be_bytes(),
                "1999-12-31 23:59:59",
            ),
            (Scalar::Macaddr, &[8, 0, 0x2b, 1, 2, 3], "08:00:2b:01:02:03"),
            (
                Scalar::Uuid,
                &[0x1f; 16],
                "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f",
            ),
            (Scalar::Inet, &[2, 24, 0, 4, 10, 1, 2, 3], "10.1.2.3/24"),
            (Scalar::Inet, &[2, 32, 0, 4, 10, 1, 2, 3], "10.1.2.3"),
            (Scalar::Text, b"x", "as it is"),
            (Scalar::Bool, &[1], "as it is"),
        ] {
            assert_eq!(decoded(scalar, value).as_deref(), Some(text), "{scalar:?}");
        }
        for extreme in [i64::MIN, i64::MAX] {
            for scalar in [Scalar::Time, Scalar::Timestamp, Scalar::Int8] {
                assert!(decoded(scalar, &extreme.to_be_bytes()).is_some());
            }
        }
        assert!(decoded(Scalar::Date, &i32::MIN.to_be_bytes()).is_some());
        assert_eq!(decoded(Scalar::Inet, &[2, 32, 0, 4, 10]), None);
    }
}
