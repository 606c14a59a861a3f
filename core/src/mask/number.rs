//! Integers and numerics.

use super::Malformed;

/// Masks the digits of an integer's text but for the first and the last; the sign becomes a
/// zero, so that the length stays.
pub(crate) fn partial(
    value: &[u8],
    keep_first: usize,
    keep_last: usize,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let sign = value.len() - digits.len();
    out.resize(out.len() + sign, b'0');
    let keep = keep_first.saturating_add(keep_last) < digits.len();
    out.extend(digits.iter().enumerate().map(|(index, &digit)| {
        let kept = keep && (index < keep_first || index >= digits.len() - keep_last);
        if kept { digit } else { b'0' }
    }));
    Ok(())
}

/// Appends `numeric_send`'s form of a plain decimal such as `-12.50`.
pub(crate) fn numeric_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (negative, magnitude) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let point = magnitude
        .iter()
        .position(|&byte| byte == b'.')
        .unwrap_or(magnitude.len());
    let (whole, fraction) = magnitude.split_at(point);
    let fraction = fraction.strip_prefix(b".").unwrap_or(fraction);
    let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if whole.is_empty() || !all_digits || magnitude.len() > 1_000 {
        return Err(Malformed);
    }
    // Groups of four digits, aligned at the point.
    let mut digits = vec![b'0'; (4 - whole.len() % 4) % 4];
    digits.extend_from_slice(whole);
    let weight = digits.len() / 4;
    digits.extend_from_slice(fraction);
    digits.resize(digits.len().next_multiple_of(4), b'0');
    let groups: Vec<u16> = digits
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        })
        .collect();
    let leading = groups.iter().take_while(|&&group| group == 0).count();
    let significant = groups.get(leading..).unwrap_or_default();
    let trailing = significant
        .iter()
        .rev()
        .take_while(|&&group| group == 0)
        .count();
    let significant = significant
        .get(..significant.len() - trailing)
        .unwrap_or_default();
    let count = u16::try_from(significant.len()).map_err(|_| Malformed)?;
    let weight = match significant {
        [] => 0,
        _ => i16::try_from(weight as i64 - leading as i64 - 1).map_err(|_| Malformed)?,
    };
    let sign: u16 = if negative && !significant.is_empty() {
        0x4000
    } else {
        0
    };
    let scale = u16::try_from(fraction.len()).map_err(|_| Malformed)?;
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for group in significant {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}
