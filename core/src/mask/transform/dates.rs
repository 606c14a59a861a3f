//! Dates of which the year alone is kept.

use std::io::Write as _;

use super::super::Malformed;
use super::super::temporal::{civil_of_days, days_of_civil};
use super::super::types::Scalar;
use super::Around;
use super::value::{Form, Moment, decimal};
use crate::time::{MONTHS, WEEKDAYS};

/// Who is that old and older is told apart from nobody else (45 CFR 164.514(b)(2)(i)(C)).
const OLDEST_YEARS: i64 = 90;
/// What a date in running digits may have in letters besides.
const WORDS: [&[u8]; 9] = [b"st", b"nd", b"rd", b"th", b"of", b"am", b"pm", b"t", b"z"];
/// Longer texts are no dates.
const DATE_BYTES: usize = 48;

/// Keeps the year.
pub(super) fn year(
    around: &Around<'_>,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let today = around.today.ok_or(Malformed)?;
    if form.scalar == Scalar::Text {
        let year = year_of_text(value.trim_ascii(), today)?;
        // Writing to a vector does not fail.
        let _ = write!(out, "{year:04}");
        return Ok(());
    }
    match form.moment(value)?.utc_day() {
        None => out.extend_from_slice(value),
        Some(day) if tells_of_age(day, today) => return Err(Malformed),
        Some(day) => form.write_midnight(days_of_civil(civil_of_days(day).0, 1, 1), out)?,
    }
    Ok(())
}

/// True if who was alive on this day is 90 or older today.
pub(super) fn tells_of_age(day: i64, today: i64) -> bool {
    let (year, month, day) = civil_of_days(day);
    (year + OLDEST_YEARS, month, day) <= civil_of_days(today)
}

/// The year of a text that is a date and nothing else.
fn year_of_text(text: &[u8], today: i64) -> Result<i64, Malformed> {
    if let Ok(moment) = Moment::parse(text) {
        let day = moment.utc_day().ok_or(Malformed)?;
        return match tells_of_age(day, today) {
            true => Err(Malformed),
            false => Ok(civil_of_days(day).0),
        };
    }
    let year = loose_year(text)?;
    // Without the day of the year the age may be a year more than it shows.
    match year + OLDEST_YEARS <= civil_of_days(today).0 {
        true => Err(Malformed),
        false => Ok(year),
    }
}

/// The only group of four digits in a date of any other form.
fn loose_year(text: &[u8]) -> Result<i64, Malformed> {
    if text.len() > DATE_BYTES || !text.is_ascii() {
        return Err(Malformed);
    }
    let mut year = None;
    for run in text.split(|byte| !byte.is_ascii_digit()) {
        match run {
            [] | [_] | [_, _] => {}
            [b'1', b'8'..=b'9', _, _] | [b'2', b'0'..=b'1', _, _] if year.is_none() => {
                year = Some(decimal(run)?);
            }
            _ => return Err(Malformed),
        }
    }
    let lower = text.to_ascii_lowercase();
    for word in lower.split(|byte| !byte.is_ascii_alphabetic()) {
        // Both may be cut short to three letters and more.
        let mut names = MONTHS.iter().chain(&WEEKDAYS);
        let is_name = word.len() >= 3 && names.any(|name| name.starts_with(word));
        if !word.is_empty() && !is_name && !WORDS.contains(&word) {
            return Err(Malformed);
        }
    }
    let is_mark = |byte: &u8| byte.is_ascii_alphanumeric() || b" -/.,:+".contains(byte);
    match text.iter().all(is_mark) {
        true => year.ok_or(Malformed),
        false => Err(Malformed),
    }
}
