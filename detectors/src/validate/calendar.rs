//! Dates as people write them.

/// Whether the digits could be a date of birth in some order of day, month and year: the
/// calendar is loose (31 days for every month), the year lies from 1880 to 2099.
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

/// Whether eight digits are a date as `YYYYMMDD`, `MMDDYYYY` or `DDMMYYYY`.
pub(crate) fn date_of_digits(digits: &[u8]) -> bool {
    let (Some(first), Some(last)) = (digits.get(..4), digits.get(4..8)) else {
        return false;
    };
    let two = |bytes: &[u8]| (number(&bytes[..2]), number(&bytes[2..4]));
    let (month_after, day_after) = two(last);
    let (one, other) = two(first);
    (year(number(first)) && month(month_after) && day(day_after))
        || (year(number(last)) && day_and_month(one, other))
}

/// Month of a name such as `jan`, `Sept` or `DECEMBER`.
pub(crate) fn month_of_name(word: &[u8]) -> bool {
    const NAMES: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    word.len() >= 3
        && NAMES.iter().any(|name| {
            name.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
        })
}

/// The value of a few ASCII digits.
pub(crate) fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .take(9)
        .fold(0, |value, byte| value * 10 + u32::from(byte & 0xf))
}

fn year(value: u32) -> bool {
    (1880..=2099).contains(&value)
}

fn month(value: u32) -> bool {
    (1..=12).contains(&value)
}

fn day(value: u32) -> bool {
    (1..=31).contains(&value)
}

fn day_and_month(a: u32, b: u32) -> bool {
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
    fn eight_digits() {
        assert!(date_of_digits(b"19850131"));
        assert!(date_of_digits(b"01311985"));
        assert!(!date_of_digits(b"99999999"));
        assert!(!date_of_digits(b"1985"));
    }

    #[test]
    fn names_of_months() {
        assert!(month_of_name(b"Sep") && month_of_name(b"sept") && month_of_name(b"MAY"));
        assert!(!month_of_name(b"ma") && !month_of_name(b"mary") && !month_of_name(b""));
    }
}
