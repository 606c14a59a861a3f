//! Dates as people write them.

use velum_core::time::MONTHS;

/// Whether the numbers could be a date in some order of day, month and year: the calendar is
/// loose (31 days for every month), the year lies from 1880 to 2099.
pub(crate) fn date_of_parts(parts: [u32; 3], lengths: [usize; 3]) -> bool {
    let [a, b, c] = parts;
    match lengths {
        [4, _, _] => year(a) && month(b) && day(c),
        [_, _, 4] => year(c) && day_and_month(a, b),
        // 85-01-31 and 01/31/85: two-digit years are all possible.
        [2, 2, 2] => day_and_month(a, b) || (month(b) && day(c)),
        [_, _, 2] => day_and_month(a, b),
        _ => false,
    }
}

/// Whether eight digits are a date as `YYYYMMDD`.
pub(crate) fn iso_digits(digits: &[u8]) -> bool {
    let (Some(first), Some([a, b, c, d])) = (digits.get(..4), digits.get(4..8)) else {
        return false;
    };
    year(number(first)) && month(number(&[*a, *b])) && day(number(&[*c, *d]))
}

/// Whether eight digits are a date as `MMDDYYYY` or `DDMMYYYY`.
pub(crate) fn local_digits(digits: &[u8]) -> bool {
    let (Some([a, b, c, d]), Some(last)) = (digits.get(..4), digits.get(4..8)) else {
        return false;
    };
    year(number(last)) && day_and_month(number(&[*a, *b]), number(&[*c, *d]))
}

/// Whether the digits are a point in time as `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`.
pub(crate) fn stamp_digits(digits: &[u8]) -> bool {
    let below = |pair: Option<&[u8]>, limit| pair.is_none_or(|pair| number(pair) < limit);
    matches!(digits.len(), 12 | 14)
        && iso_digits(digits)
        && below(digits.get(8..10), 24)
        && below(digits.get(10..12), 60)
        && below(digits.get(12..14), 61)
}

/// Month of a name such as `jan`, `Sept` or `DECEMBER`, from 1.
pub(crate) fn month_of_name(word: &[u8]) -> Option<u32> {
    let [first, second, third, ..] = word else {
        return None;
    };
    let head = [first, second, third].map(u8::to_ascii_lowercase);
    let index = match &head {
        b"jan" => 0,
        b"feb" => 1,
        b"mar" => 2,
        b"apr" => 3,
        b"may" => 4,
        b"jun" => 5,
        b"jul" => 6,
        b"aug" => 7,
        b"sep" => 8,
        b"oct" => 9,
        b"nov" => 10,
        b"dec" => 11,
        _ => return None,
    };
    let name = MONTHS.get(index)?;
    // Abbreviations in use; `marc` and `decem` are something else.
    let usual = word.len() == 3 || word.len() == name.len() || word.eq_ignore_ascii_case(b"sept");
    let begins = name.get(..word.len());
    if !usual || !begins.is_some_and(|begins| begins.eq_ignore_ascii_case(word)) {
        return None;
    }
    u32::try_from(index + 1).ok()
}

/// The value of a few ASCII digits.
pub(crate) fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .take(9)
        .fold(0, |value, byte| value * 10 + u32::from(byte & 0xf))
}

pub(crate) fn year(value: u32) -> bool {
    (1880..=2099).contains(&value)
}

pub(crate) fn month(value: u32) -> bool {
    (1..=12).contains(&value)
}

pub(crate) fn day(value: u32) -> bool {
    (1..=31).contains(&value)
}

pub(crate) fn day_and_month(a: u32, b: u32) -> bool {
    (day(a) && month(b)) || (month(a) && day(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_a_date() {
        assert!(date_of_parts([1985, 1, 31], [4, 2, 2]));
        assert!(date_of_parts([1, 31, 1985], [1, 2, 4]));
        assert!(date_of_parts([31, 1, 85], [2, 2, 2]));
        assert!(!date_of_parts([31, 31, 1985], [2, 2, 4]));
        assert!(!date_of_parts([1985, 13, 1], [4, 2, 2]));
        assert!(!date_of_parts([1, 1, 1585], [1, 1, 4]));
    }

    #[test]
    fn digits_without_separators() {
        assert!(iso_digits(b"19850131") && !iso_digits(b"01311985"));
        assert!(local_digits(b"01311985") && !local_digits(b"99991985"));
        assert!(!iso_digits(b"1985") && !local_digits(b"1985"));
        assert!(stamp_digits(b"20240301081500") && stamp_digits(b"202403010815"));
        assert!(!stamp_digits(b"20240301251500") && !stamp_digits(b"2024030108"));
    }

    #[test]
    fn names_of_months() {
        assert_eq!(month_of_name(b"Sep"), Some(9));
        assert_eq!(month_of_name(b"sept"), Some(9));
        assert_eq!(month_of_name(b"MAY"), Some(5));
        assert_eq!(month_of_name(b"December"), Some(12));
        for other in [b"ma".as_slice(), b"mary", b"", b"marc", b"decem"] {
            assert_eq!(month_of_name(other), None);
        }
    }
}
