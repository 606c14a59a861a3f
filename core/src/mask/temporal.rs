//! Dates and times: masking their text in every DateStyle and IntervalStyle, and the calendar
//! arithmetic between text and binary.

use super::Malformed;

/// Words of interval_out in its four styles.
const INTERVAL_WORDS: [&[u8]; 24] = [
    b"year", b"years", b"mon", b"mons", b"day", b"days", b"hour", b"hours", b"min", b"mins",
    b"sec", b"secs", b"ago", b"P", b"Y", b"M", b"W", b"D", b"T", b"PT", b"H", b"S", b"DT", b"YT",
];
/// PostgreSQL's TOKMAXLEN: longest abbreviation of a time zone.
const ZONE_BYTES: usize = 10;
/// Microseconds in a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's day 0.
const EPOCH_DAYS: i64 = 10_957;

/// Appends 2000-01-01 (00:00:00) in the form that the value has: ISO, German, SQL or Postgres
/// style. Infinities, years before Christ and beyond 9999 have no such form.
pub(crate) fn redact(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut parts = value.split(|&byte| byte == b' ');
    let first = parts.next().ok_or(Malformed)?;
    if first.first().is_some_and(u8::is_ascii_alphabetic) {
        return redact_postgres_style(value, out);
    }
    redact_date(first, out)?;
    let Some(time) = parts.next() else {
        return Ok(());
    };
    out.push(b' ');
    redact_time(time, out)?;
    let Some(zone) = parts.next() else {
        return Ok(());
    };
    out.push(b' ');
    redact_zone(zone, out)?;
    if parts.next().is_some() {
        Err(Malformed)
    } else {
        Ok(())
    }
}

/// Such as `Mon May 06 12:34:56.789 2024 CET`, month and day in either order.
fn redact_postgres_style(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    for (index, part) in value.split(|&byte| byte == b' ').enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        let letters = part.iter().all(u8::is_ascii_alphabetic);
        let digits = part.iter().all(u8::is_ascii_digit);
        match (index, part.len()) {
            (0, 3) if letters => out.extend_from_slice(b"Sat"),
            (1 | 2, 3) if letters => out.extend_from_slice(b"Jan"),
            (1 | 2, 2) if digits => out.extend_from_slice(b"01"),
            (3, _) => redact_time(part, out)?,
            (4, 4) if digits => out.extend_from_slice(b"2000"),
            (5, _) => redact_zone(part, out)?,
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

/// Three groups of digits between equal separators; the one of four is the year.
fn redact_date(date: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let separator = *date
        .iter()
        .find(|byte| !byte.is_ascii_digit())
        .ok_or(Malformed)?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return Err(Malformed);
    }
    let mut groups = 0;
    let mut years = 0;
    for group in date.split(|&byte| byte == separator) {
        if groups > 0 {
            out.push(separator);
        }
        groups += 1;
        match group.len() {
            _ if !group.iter().all(u8::is_ascii_digit) => return Err(Malformed),
            4 => {
                years += 1;
                out.extend_from_slice(b"2000");
            }
            2 => out.extend_from_slice(b"01"),
            _ => return Err(Malformed),
        }
    }
    if groups == 3 && years == 1 {
        Ok(())
    } else {
        Err(Malformed)
    }
}

/// `HH:MM:SS[.fraction]` and perhaps a numeric zone.
fn redact_time(time: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if !time.first().is_some_and(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    redact_clock(time, out)
}

fn redact_clock(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    for &byte in text {
        out.push(match byte {
            b'0'..=b'9' => b'0',
            b':' | b'.' => byte,
            b'+' | b'-' => b'+',
            _ => return Err(Malformed),
        });
    }
    Ok(())
}

/// An abbreviation says nothing of the value and stays; an offset becomes zero.
fn redact_zone(zone: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if zone.iter().all(u8::is_ascii_alphabetic) {
        if zone.is_empty() || zone.len() > ZONE_BYTES || zone == b"BC" {
            return Err(Malformed);
        }
        out.extend_from_slice(zone);
        return Ok(());
    }
    redact_clock(zone, out)
}

/// Appends the interval with every digit zero.
pub(crate) fn redact_interval(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if value.is_empty() {
        return Err(Malformed);
    }
    for word in value.split(|byte| !byte.is_ascii_alphabetic()) {
        if !word.is_empty() && !INTERVAL_WORDS.contains(&word) {
            return Err(Malformed);
        }
    }
    for &byte in value {
        out.push(match byte {
            b'0'..=b'9' => b'0',
            b' ' | b'+' | b'-' | b':' | b'.' | b'@' => byte,
            _ if byte.is_ascii_alphabetic() => byte,
            _ => return Err(Malformed),
        });
    }
    Ok(())
}

/// Year, month and day of a day number, 0 being 2000-01-01. Proleptic Gregorian.
pub(crate) fn civil_of_days(days: i64) -> (i64, u32, u32) {
    // Howard Hinnant's algorithm: eras of 400 years that begin on 1 March.
    let shifted = days + EPOCH_DAYS + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// Day number of a date, 0 being 2000-01-01.
pub(crate) fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468 - EPOCH_DAYS
}

/// Day number of `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &[u8]) -> Result<i32, Malformed> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else {
        return Err(Malformed);
    };
    let (year, month, day) = (
        digits(&[y1, y2, y3, y4])?,
        digits(&[m1, m2])?,
        digits(&[d1, d2])?,
    );
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(Malformed);
    }
    let days = days_of_civil(year, month, day);
    if civil_of_days(days) != (year, month as u32, day as u32) {
        return Err(Malformed);
    }
    i32::try_from(days).map_err(|_| Malformed)
}

/// Microseconds of `HH:MM:SS[.ffffff]`.
pub(crate) fn parse_time(text: &[u8]) -> Result<i64, Malformed> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, fraction @ ..] = text else {
        return Err(Malformed);
    };
    let hour = digits(&[*h1, *h2])?;
    let minute = digits(&[*m1, *m2])?;
    let second = digits(&[*s1, *s2])?;
    let micros = match fraction {
        [] => 0,
        [b'.', rest @ ..] if (1..=6).contains(&rest.len()) => {
            let mut padded = [b'0'; 6];
            for (slot, &digit) in padded.iter_mut().zip(rest) {
                *slot = digit;
            }
            digits(&padded)?
        }
        _ => return Err(Malformed),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Malformed);
    }
    Ok(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Microseconds since 2000-01-01 of `YYYY-MM-DD[ HH:MM:SS[.ffffff]][+00|Z]`.
pub(crate) fn parse_timestamp(text: &[u8]) -> Result<i64, Malformed> {
    let text = text
        .strip_suffix(b"+00")
        .or(text.strip_suffix(b"Z"))
        .unwrap_or(text);
    let Some((date, time)) = text.split_at_checked(10) else {
        return Err(Malformed);
    };
    let time = match time {
        [] => 0,
        [b' ' | b'T', time @ ..] => parse_time(time)?,
        _ => return Err(Malformed),
    };
    Ok(i64::from(parse_date(date)?) * DAY_US + time)
}

fn digits(text: &[u8]) -> Result<i64, Malformed> {
    text.iter().try_fold(0, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + i64::from(byte - b'0')),
        _ => Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(value: &str) -> Option<String> {
        let mut out = Vec::new();
        redact(value.as_bytes(), &mut out).ok()?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_date_style_keeps_its_form() {
        for (value, masked) in [
            ("1957-03-14", "2000-01-01"),
            ("14.03.1957", "01.01.2000"),
            ("03/14/1957", "01/01/2000"),
            ("03-14-1957", "01-01-2000"),
            ("1957-03-14 08:15:30", "2000-01-01 00:00:00"),
            (
                "1957-03-14 08:15:30.25-05:30",
                "2000-01-01 00:00:00.00+00:00",
            ),
            ("14.03.1957 08:15:30 CET", "01.01.2000 00:00:00 CET"),
            ("Thu Mar 14 08:15:30 1957", "Sat Jan 01 00:00:00 2000"),
            (
                "Thu 14 Mar 08:15:30.5 1957 CET",
                "Sat 01 Jan 00:00:00.0 2000 CET",
            ),
        ] {
            assert_eq!(redacted(value).as_deref(), Some(masked), "{value}");
        }
    }

    #[test]
    fn what_has_no_masked_form_is_refused() {
        for value in [
            "",
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "12345-01-01",
            "1957-03",
            "1957-03-14x",
            "2024-05-06 10:00:00 BC",
            "a b c",
            "1957-03-14 patient",
            "Sat Jan 01 00:00:00 12345",
        ] {
            assert_eq!(redacted(value), None, "{value}");
        }
    }

    #[test]
    fn intervals_in_every_style() {
        let redacted = |value: &str| {
            let mut out = Vec::new();
            redact_interval(value.as_bytes(), &mut out).ok()?;
            String::from_utf8(out).ok()
        };
        for (value, masked) in [
            (
                "1 year 2 mons -3 days +04:05:06.7",
                "0 year 0 mons -0 days +00:00:00.0",
            ),
            ("P1Y2M-3DT4H5M6.7S", "P0Y0M-0DT0H0M0.0S"),
            ("+1-2 -3 +4:05:06", "+0-0 -0 +0:00:00"),
            ("@ 1 year 2 mons ago", "@ 0 year 0 mons ago"),
        ] {
            assert_eq!(redacted(value).as_deref(), Some(masked));
        }
        assert_eq!(redacted("5 patients"), None);
    }

    #[test]
    fn the_calendar_goes_both_ways() {
        assert_eq!(civil_of_days(0), (2000, 1, 1));
        assert_eq!(parse_date(b"2000-01-01"), Ok(0));
        assert_eq!(parse_date(b"1957-03-14"), Ok(-15_633));
        assert_eq!(parse_date(b"2023-02-29"), Err(Malformed));
        for days in [
            -200_000, -1, 0, 58, 59, 60, 365, 366, 36_524, 146_097, 1_000_000,
        ] {
            let (year, month, day) = civil_of_days(days);
            assert_eq!(days_of_civil(year, i64::from(month), i64::from(day)), days);
        }
        assert_eq!(
            parse_timestamp(b"2000-01-02 00:00:01.5+00"),
            Ok(DAY_US + 1_500_000)
        );
    }
}
