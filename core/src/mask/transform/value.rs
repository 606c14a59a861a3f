//! Numbers and points in time, from either encoding and back into it.

use std::io::Write as _;

use super::super::temporal::{DAY_US, civil_of_days, days_of_civil, parse_time};
use super::super::types::Scalar;
use super::super::{Malformed, constant, decode};
use crate::cell::Encoding;

/// A type without parts, and how its value is written.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) scalar: Scalar,
    pub(super) encoding: Encoding,
}

impl Form {
    /// The whole number that a value is.
    pub(super) fn integer(self, value: &[u8]) -> Result<i64, Malformed> {
        let mut text = Vec::new();
        match (self.scalar, self.encoding) {
            (Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Oid, Encoding::Binary) => {
                decode::text(self.scalar, value, &mut text)?;
            }
            (Scalar::Numeric, Encoding::Binary) => {
                // Digits behind the point are said by the scale alone if they are zeros.
                if value.get(6..8) != Some(&[0, 0]) {
                    return Err(Malformed);
                }
                decode::text(self.scalar, value, &mut text)?;
            }
            (
                Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Oid | Scalar::Numeric,
                Encoding::Text,
            ) => text.extend_from_slice(value),
            _ => return Err(Malformed),
        }
        decimal(&text)
    }

    /// Appends a whole number as a value of the type.
    ///
    /// # Errors
    /// If the type cannot hold it.
    pub(super) fn write_integer(self, number: i64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        constant::write(
            self.scalar,
            self.encoding,
            number.to_string().as_bytes(),
            out,
        )
    }

    /// The point in time that a value is.
    pub(super) fn moment<'a>(self, value: &'a [u8]) -> Result<Moment<'a>, Malformed> {
        match (self.scalar, self.encoding) {
            (Scalar::Date, Encoding::Binary) => {
                let days = i32::from_be_bytes(value.try_into().map_err(|_| Malformed)?);
                Ok(match days {
                    i32::MIN | i32::MAX => Moment::Infinite,
                    _ => Moment::of_days(i64::from(days)),
                })
            }
            (Scalar::Timestamp | Scalar::Timestamptz, Encoding::Binary) => {
                let micros = i64::from_be_bytes(value.try_into().map_err(|_| Malformed)?);
                Ok(match micros {
                    i64::MIN | i64::MAX => Moment::Infinite,
                    _ => Moment::At {
                        days: micros.div_euclid(DAY_US),
                        micros: micros.rem_euclid(DAY_US),
                        clock: &[],
                        offset_seconds: 0,
                    },
                })
            }
            (Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz, Encoding::Text) => {
                let moment = Moment::parse(value)?;
                match (self.scalar, &moment) {
                    (Scalar::Date, Moment::At { clock, .. }) if !clock.is_empty() => Err(Malformed),
                    _ => Ok(moment),
                }
            }
            _ => Err(Malformed),
        }
    }

    /// Appends midnight of a day, in UTC where the type has a zone.
    pub(super) fn write_midnight(self, days: i64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match (self.scalar, self.encoding) {
            (Scalar::Date, Encoding::Binary) => {
                out.extend_from_slice(&i32::try_from(days).map_err(|_| Malformed)?.to_be_bytes());
            }
            (_, Encoding::Binary) => {
                let micros = days.checked_mul(DAY_US).ok_or(Malformed)?;
                out.extend_from_slice(&micros.to_be_bytes());
            }
            (scalar, Encoding::Text) => {
                let clock: &[u8] = match scalar {
                    Scalar::Timestamp => b" 00:00:00",
                    Scalar::Timestamptz => b" 00:00:00+00",
                    _ => b"",
                };
                write_iso(days, clock, out);
            }
        }
        Ok(())
    }
}

/// A whole number without blanks and plus sign.
pub(super) fn decimal(text: &[u8]) -> Result<i64, Malformed> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
    text.parse().map_err(|_| Malformed)
}

/// A date, or a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment<'a> {
    /// `infinity` and `-infinity`.
    Infinite,
    At {
        /// Since 2000-01-01.
        days: i64,
        /// Since midnight.
        micros: i64,
        /// In text all that follows the date, its separator included, but not the era.
        clock: &'a [u8],
        /// East of Greenwich.
        offset_seconds: i64,
    },
}

impl<'a> Moment<'a> {
    fn of_days(days: i64) -> Self {
        Moment::At {
            days,
            micros: 0,
            clock: &[],
            offset_seconds: 0,
        }
    }

    /// Reads the ISO style: `2024-03-01`, `2024-03-01 08:15:30.25-05:30`, `0044-03-15 BC`.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        if matches!(text, b"infinity" | b"-infinity") {
            return Ok(Moment::Infinite);
        }
        let (text, is_bc) = match text.strip_suffix(b" BC") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let end = text.iter().position(|byte| matches!(byte, b' ' | b'T'));
        let (date, clock) = text.split_at(end.unwrap_or(text.len()));
        let mut fields = date.split(|&byte| byte == b'-');
        let mut field = |lengths: std::ops::RangeInclusive<usize>| {
            let digits = fields.next().filter(|it| lengths.contains(&it.len()));
            let digits = digits.filter(|it| it.iter().all(u8::is_ascii_digit));
            decimal(digits.ok_or(Malformed)?)
        };
        let (year, month, day) = (field(4..=7)?, field(2..=2)?, field(2..=2)?);
        let year = if is_bc { 1 - year } else { year };
        let days = days_of_civil(year, month, day);
        let is_real = civil_of_days(days) == (year, month as u32, day as u32);
        if fields.next().is_some() || !(1..=12).contains(&month) || !is_real {
            return Err(Malformed);
        }
        let (micros, offset_seconds) = match clock.split_first() {
            Some((_, clock)) => read_clock(clock)?,
            None => (0, 0),
        };
        Ok(Moment::At {
            days,
            micros,
            clock,
            offset_seconds,
        })
    }

    /// The day in UTC; `None` for the infinities.
    pub(super) fn utc_day(self) -> Option<i64> {
        match self {
            Moment::Infinite => None,
            Moment::At {
                days,
                micros,
                offset_seconds,
                ..
            } => Some(days + (micros - offset_seconds * 1_000_000).div_euclid(DAY_US)),
        }
    }
}

/// Microseconds since midnight and the zone's offset of `HH:MM:SS[.ffffff][Z|±HH[:MM[:SS]]]`.
fn read_clock(clock: &[u8]) -> Result<(i64, i64), Malformed> {
    let zone = clock.iter().position(|byte| b"+-Z".contains(byte));
    let (time, zone) = clock.split_at(zone.unwrap_or(clock.len()));
    let micros = parse_time(time)?;
    let sign = match zone.split_first() {
        None | Some((b'Z', [])) => return Ok((micros, 0)),
        Some((b'+', _)) => 1,
        Some((b'-', _)) => -1,
        Some(_) => return Err(Malformed),
    };
    let mut offset = 0;
    let mut unit = 3_600;
    for part in zone
        .get(1..)
        .unwrap_or_default()
        .split(|&byte| byte == b':')
    {
        if part.len() != 2 || unit == 0 {
            return Err(Malformed);
        }
        offset += decimal(part)? * unit;
        unit /= 60;
    }
    Ok((micros, sign * offset))
}

/// Appends a day in ISO style, with this behind it.
pub(super) fn write_iso(days: i64, clock: &[u8], out: &mut Vec<u8>) {
    let (year, month, day) = civil_of_days(days);
    let (year, era) = match year {
        1.. => (year, ""),
        _ => (1 - year, " BC"),
    };
    // Writing to a vector does not fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    out.extend_from_slice(clock);
    out.extend_from_slice(era.as_bytes());
}
