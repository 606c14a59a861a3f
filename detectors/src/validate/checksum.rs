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

/// Whether ASCII digits end in the check digit of a GTIN (GS1 General Specifications 7.9).
pub(crate) fn gs1(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([1, 3].into_iter().cycle())
        .map(|(byte, weight)| u32::from(byte & 0xf) * weight)
        .sum();
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && sum.is_multiple_of(10)
}

/// Whether capitals and digits pass the check of an IBAN (ISO 7064 MOD 97-10): the first four
/// characters moved behind the others, letters counted from 10.
pub(crate) fn iban(code: &[u8]) -> bool {
    let (Some(head), Some(rest)) = (code.get(..4), code.get(4..)) else {
        return false;
    };
    let digits = head
        .get(2..)
        .is_some_and(|check| check.iter().all(u8::is_ascii_digit));
    let remainder = rest.iter().chain(head).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    });
    digits && code.iter().all(u8::is_ascii_alphanumeric) && remainder == 1
}

/// Whether 17 characters carry the check digit of a VIN (49 CFR 565.15).
pub(crate) fn vin(token: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |byte: &u8| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter @ b'A'..=b'H' => u32::from(letter - b'A') + 1,
        letter @ b'J'..=b'R' => u32::from(letter - b'J') + 1,
        letter @ b'S'..=b'Z' => u32::from(letter - b'S') + 2,
        _ => 0,
    };
    let sum: u32 = token
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| value(byte) * weight)
        .sum();
    match token.get(8) {
        Some(b'X' | b'x') => sum % 11 == 10,
        Some(check @ b'0'..=b'9') => token.len() == 17 && sum % 11 == u32::from(check - b'0'),
        _ => false,
    }
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
    fn checks_of_goods_accounts_and_vehicles() {
        assert!(gs1(b"00844588003288") && !gs1(b"00844588003289") && !gs1(b""));
        assert!(iban(b"DE02120300000000202051") && iban(b"GB82WEST12345698765432"));
        assert!(!iban(b"DE03120300000000202051") && !iban(b"DE"));
        assert!(vin(b"1HGCM82633A004352") && vin(b"1M8GDM9AXKP042788"));
        assert!(!vin(b"1HGCM82643A004352") && !vin(b"1HG"));
    }

    #[test]
    fn dea_takes_the_published_example() {
        assert!(dea(b"1234563"));
        assert!(!dea(b"1234564"));
        assert!(!dea(b"123456"));
        assert!(!dea(b"12345a3"));
    }
}
