//! Dates that are shifted by as many days for each date of one subject.

use super::super::Malformed;
use super::super::temporal::DAY_US;
use super::super::types::Scalar;
use super::value::{Form, Moment, write_iso};
use super::{Around, Subject, TransformKey};
use crate::cell::Encoding;

/// The first day of `date` and `timestamp`, 4714-11-24 BC.
const FIRST: i64 = -2_451_545;
/// The last day of `date`, 5874897-12-31.
const DATE_LAST: i64 = 2_145_031_948;
/// The last whole day of `timestamp` in every zone, 294276-12-30.
const TIMESTAMP_LAST: i64 = 106_751_990;
/// Keeps the shift of a key apart from those of subjects.
const OF_KEY: &[u8] = &[0];
const OF_SUBJECT: &[u8] = &[1];

/// What becomes of dates in rows that do not say whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// They are masked.
    Mask,
    /// All of them are shifted alike. Which way is soon known by whoever knows one of them.
    ShiftByKey,
}

/// How dates are shifted.
#[derive(Clone)]
pub struct DateShift {
    /// By up to this many days, in either direction, never by none. At least 1.
    pub days_most: u16,
    /// Name of the column of the same table that says whose row it is.
    pub subject: Box<str>,
    /// What becomes of a date if the result does not have it.
    pub absent: Absent,
    /// The key.
    pub key: TransformKey,
}

impl DateShift {
    /// By how many days.
    fn days(&self, subject: Subject<'_>) -> Result<i64, Malformed> {
        let mac = match (subject, self.absent) {
            (Subject::Known(subject), _) => self.key.mac(&[OF_SUBJECT, subject.trim_ascii()]),
            (Subject::Absent, Absent::ShiftByKey) => self.key.mac(&[OF_KEY]),
            (Subject::Absent, Absent::Mask) | (Subject::Unknown, _) => return Err(Malformed),
        };
        let most = u64::from(self.days_most);
        let chance = u64::from_be_bytes(*mac.first_chunk().ok_or(Malformed)?);
        let chosen = chance.checked_rem(2 * most).ok_or(Malformed)?;
        // 0 to most-1 are the days before, the others those behind.
        let days = chosen.cast_signed() - i64::from(self.days_most);
        Ok(if days < 0 { days } else { days + 1 })
    }
}

/// Shifts a date, a point in time, or a text that is one in ISO style. Infinity stays, and so does
/// the time of the day.
pub(super) fn shift(
    shift: &DateShift,
    around: &Around<'_>,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let by = shift.days(around.subject)?;
    let moment = match form.scalar {
        Scalar::Text => Moment::parse(value.trim_ascii())?,
        _ => form.moment(value)?,
    };
    let Moment::At {
        days,
        micros,
        clock,
        ..
    } = moment
    else {
        out.extend_from_slice(value);
        return Ok(());
    };
    let last = match form.scalar {
        Scalar::Date => DATE_LAST,
        _ => TIMESTAMP_LAST,
    };
    let days = (days + by).clamp(FIRST, last);
    match (form.scalar, form.encoding) {
        (Scalar::Text, _) | (_, Encoding::Text) => write_iso(days, clock, out),
        (Scalar::Date, Encoding::Binary) => {
            out.extend_from_slice(&i32::try_from(days).map_err(|_| Malformed)?.to_be_bytes());
        }
        (_, Encoding::Binary) => {
            let day = days.checked_mul(DAY_US).ok_or(Malformed)?;
            let micros = day.checked_add(micros).ok_or(Malformed)?;
            out.extend_from_slice(&micros.to_be_bytes());
        }
    }
    Ok(())
}
