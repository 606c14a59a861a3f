//! ZIP codes, ages, numbers, e-mail addresses and last digits.

use super::super::types::Scalar;
use super::super::{Malformed, number};
use super::Around;
use super::dates::tells_of_age;
use super::value::{Form, decimal};
use crate::cell::Encoding;

/// First three digits of ZIP codes whose areas hold 20,000 people or fewer (2000 census, as in
/// the guidance on 45 CFR 164.514(b)).
const RESTRICTED_ZIP_PREFIXES: [&[u8; 3]; 17] = [
    b"036", b"059", b"063", b"102", b"203", b"556", b"692", b"790", b"821", b"823", b"830", b"831",
    b"878", b"879", b"884", b"890", b"893",
];
/// What stands for them.
const ZIP_NOWHERE: &[u8; 3] = b"000";
/// The last age that is shown.
const AGE_MOST: i64 = 89;
/// Every age above it.
const AGE_OLD: i64 = 90;
/// What may stand beside an age.
const AGE_WORDS: [&[u8]; 18] = [
    b"age", b"aged", b"of", b"old", b"years", b"year", b"yrs", b"yr", b"yo", b"y", b"o", b"months",
    b"month", b"mos", b"mo", b"weeks", b"wks", b"days",
];
/// Of this many letters and digits the last four tell the least.
const LAST_FOUR_OF: usize = 9;

/// Whether the first three digits of a ZIP code single too few people out to be kept.
pub fn is_restricted_zip(prefix: &[u8]) -> bool {
    let mut restricted = RESTRICTED_ZIP_PREFIXES.iter();
    restricted.any(|restricted| restricted.as_slice() == prefix)
}

/// Keeps three digits of a ZIP code: `02139-4307` becomes `021`, the number 2139 becomes 21.
pub(super) fn zip3(form: Form, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if form.scalar == Scalar::Text {
        out.extend_from_slice(zip_prefix(value.trim_ascii())?);
        return Ok(());
    }
    // A number has lost its leading zeros.
    let digits = match form.integer(value)? {
        code @ 0..=99_999 => format!("{code:05}"),
        code @ 100_000..=999_999_999 => format!("{code:09}"),
        _ => return Err(Malformed),
    };
    form.write_integer(decimal(zip_prefix(digits.as_bytes())?)?, out)
}

fn zip_prefix(zip: &[u8]) -> Result<&[u8], Malformed> {
    let (prefix, rest) = zip.split_at_checked(3).ok_or(Malformed)?;
    let is_zip = match rest {
        [] | [_, _] | [_, _, _, _, _, _] => rest.iter().all(u8::is_ascii_digit),
        [a, b, b'-', four @ ..] if four.len() == 4 => {
            [a, b].into_iter().chain(four).all(u8::is_ascii_digit)
        }
        _ => false,
    };
    if !is_zip || !prefix.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    match is_restricted_zip(prefix) {
        true => Ok(ZIP_NOWHERE),
        false => Ok(prefix),
    }
}

/// Keeps ages up to 89; 90 stands for all others. Keeps birth dates that tell of such an age.
pub(super) fn age90(
    around: &Around<'_>,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    match form.scalar {
        Scalar::Text => age_in_text(value, out),
        Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz => {
            let today = around.today.ok_or(Malformed)?;
            match form.moment(value)?.utc_day() {
                Some(day) if tells_of_age(day, today) => Err(Malformed),
                _ => {
                    out.extend_from_slice(value);
                    Ok(())
                }
            }
        }
        _ => match form.integer(value)? {
            ..=AGE_MOST => {
                out.extend_from_slice(value);
                Ok(())
            }
            _ => form.write_integer(AGE_OLD, out),
        },
    }
}

/// A text with one number in it, such as `93` or `93 years`.
fn age_in_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let start = value.iter().position(is_digit).ok_or(Malformed)?;
    let (before, rest) = value.split_at(start);
    let digits = rest.iter().take_while(|byte| is_digit(byte)).count();
    let (age, after) = rest.split_at(digits);
    let is_plain = |text: &[u8]| {
        let mut words = text.split(|byte| b" -./".contains(byte));
        words.all(|word| {
            let word = word.to_ascii_lowercase();
            word.is_empty() || AGE_WORDS.contains(&word.as_slice())
        })
    };
    if digits > 3 || before.contains(&b'-') || !is_plain(before) || !is_plain(after) {
        return Err(Malformed);
    }
    out.extend_from_slice(before);
    match decimal(age)? {
        ..=AGE_MOST => out.extend_from_slice(age),
        _ => out.extend_from_slice(AGE_OLD.to_string().as_bytes()),
    }
    out.extend_from_slice(after);
    Ok(())
}

/// Keeps what follows the `@`.
pub(super) fn email_domain(form: Form, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if form.scalar != Scalar::Text {
        return Err(Malformed);
    }
    let at = value.iter().position(|&byte| byte == b'@');
    let (local, domain) = value.split_at(at.ok_or(Malformed)?);
    let name = domain.get(1..).unwrap_or_default().trim_ascii_end();
    let is_label = |label: &[u8]| {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        !label.is_empty() && label.iter().all(is_plain)
    };
    let labels = name.split(|&byte| byte == b'.');
    if local.is_empty() || labels.clone().count() < 2 || !labels.into_iter().all(is_label) {
        return Err(Malformed);
    }
    out.resize(out.len() + local.len(), b'X');
    out.extend_from_slice(domain);
    Ok(())
}

/// Keeps the last four letters or digits, and every mark between them.
pub(super) fn last_four(form: Form, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if form.scalar != Scalar::Text {
        let mut text = Vec::new();
        number::partial(form.integer(value)?.to_string().as_bytes(), 0, 4, &mut text)?;
        return form.write_integer(decimal(&text)?, out);
    }
    let counted = value
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .count();
    if counted < LAST_FOUR_OF || !value.is_ascii() {
        return Err(Malformed);
    }
    let mut hidden = counted - 4;
    out.extend(value.iter().map(|&byte| {
        let hides = hidden > 0 && byte.is_ascii_alphanumeric();
        hidden -= usize::from(hides);
        if hides { b'X' } else { byte }
    }));
    Ok(())
}

/// Rounds a whole number down to a multiple of `width`.
pub(super) fn bucket(
    width: u32,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let text = Form {
        scalar: Scalar::Int8,
        encoding: Encoding::Text,
    };
    let (number, form) = match form.scalar {
        Scalar::Text => (text.integer(value.trim_ascii())?, text),
        _ => (form.integer(value)?, form),
    };
    let width = i64::from(width);
    let rest = number.checked_rem_euclid(width).ok_or(Malformed)?;
    form.write_integer(number.checked_sub(rest).ok_or(Malformed)?, out)
}
