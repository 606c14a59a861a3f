//! Check digits.

/// Digits that are looked at; longer inputs never pass.
const MAX_DIGITS: usize = 24;

/// Whether the ASCII digits among `bytes` pass the Luhn check (ISO/IEC 7812-1 Annex B).
pub(crate) fn luhn(bytes: &[u8]) -> bool {
    luhn_sum(bytes).is_some_and(|sum| sum % 10 == 0)
}

/// Whether ten ASCII digits are a National Provider Identifier: Luhn over `80840` and the
/// number (45 CFR 162.406).
pub(crate) fn npi(bytes: &[u8]) -> bool {
    // The prefix 80840 adds 24 to the sum whatever follows.
    let shape = bytes.len() == 10 && matches!(bytes.first(), Some(b'1' | b'2'));
    shape && luhn_sum(bytes).is_some_and(|sum| (sum + 24) % 10 == 0)
}

fn luhn_sum(bytes: &[u8]) -> Option<u32> {
    let mut sum = 0;
    let mut count = 0;
    for byte in bytes.iter().rev().filter(|byte| byte.is_ascii_digit()) {
        let digit = u32::from(byte - b'0');
        let twice = 2 * digit;
        sum += match count % 2 {
            0 => digit,
            _ if twice > 9 => twice - 9,
            _ => twice,
        };
        count += 1;
    }
    (1..=MAX_DIGITS).contains(&count).then_some(sum)
}

/// Whether seven ASCII digits pass the check of a DEA registration number: the sum of the
/// first, third and fifth plus twice that of the second, fourth and sixth ends in the seventh.
pub(crate) fn dea(bytes: &[u8]) -> bool {
    let [a, b, c, d, e, f, check] = bytes else {
        return false;
    };
    if !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let value = |byte: &u8| u32::from(byte - b'0');
    let odd = value(a) + value(c) + value(e);
    let even = value(b) + value(d) + value(f);
    (odd + 2 * even) % 10 == value(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_takes_the_published_numbers_and_no_neighbour() {
        assert!(luhn(b"4111-1111 1111-1111"));
        assert!(luhn(b"378282246310005"));
        for check in b'0'..=b'9' {
            let mut number = *b"4111111111111111";
            number[15] = check;
            assert_eq!(luhn(&number), check == b'1');
        }
        assert!(!luhn(b""));
        assert!(!luhn(&[b'0'; MAX_DIGITS + 1]));
    }

    #[test]
    fn npi_takes_the_published_example() {
        assert!(npi(b"1234567893"));
        assert!(!npi(b"1234567890"));
        assert!(!npi(b"3234567893"));
    }

    #[test]
    fn dea_takes_the_published_example() {
        assert!(dea(b"1234563"));
        assert!(!dea(b"1234564"));
        assert!(!dea(b"123456"));
        assert!(!dea(b"12345a3"));
    }
}
