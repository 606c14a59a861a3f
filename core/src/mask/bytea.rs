//! bytea's text form: `\x` and two hex digits a byte, or the old escape format.

use super::Malformed;

/// `X` in hex.
pub(crate) const MASK_HEX: [u8; 2] = *b"58";

/// The digits of the hex form; `None` if the value is in the escape format.
pub(crate) fn hex_digits(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\\x")
}

/// Appends the masked value: of the same length, and still hex if it was.
pub(crate) fn redact_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let Some(digits) = hex_digits(value) else {
        out.resize(out.len() + value.len(), b'X');
        return Ok(());
    };
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed);
    }
    out.extend_from_slice(b"\\x");
    for _ in 0..digits.len() / 2 {
        out.extend_from_slice(&MASK_HEX);
    }
    Ok(())
}

/// Appends the bytes that hex digits stand for.
pub(crate) fn decode_hex(digits: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if !digits.len().is_multiple_of(2) {
        return Err(Malformed);
    }
    for pair in digits.chunks_exact(2) {
        let [high, low] = *pair else {
            return Err(Malformed);
        };
        out.push(nibble(high)? << 4 | nibble(low)?);
    }
    Ok(())
}

fn nibble(digit: u8) -> Result<u8, Malformed> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(Malformed),
    }
}

/// Appends the bytes that the escape format stands for: `\\` and `\ooo`.
pub(crate) fn decode_escape(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match *rest {
            [b'\\', ..] => {
                out.push(b'\\');
                rest = rest.get(1..).unwrap_or_default();
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

/// Appends the hex form of `bytes`.
pub(crate) fn encode_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8));
        }
    }
}
