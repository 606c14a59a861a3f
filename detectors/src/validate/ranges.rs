//! Ranges that issuers have given out.

/// Whether nine digits can be a Social Security number, or a taxpayer's number of the same
/// shape (ITIN).
pub(crate) fn ssn(digits: &[u8; 9]) -> bool {
    let [a, b, c, d, e, serial @ ..] = digits;
    let area = [*a, *b, *c];
    let group = (d - b'0') * 10 + (e - b'0');
    if group == 0 || serial == b"0000" {
        return false;
    }
    match area {
        [b'0', b'0', b'0'] | [b'6', b'6', b'6'] => false,
        [b'9', ..] => matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99),
        _ => true,
    }
}

/// Whether ten digits can be a number of the North American plan: area code and exchange begin
/// with 2 to 9, and no service code (N11) is an area code.
pub(crate) fn nanp(digits: &[u8; 10]) -> bool {
    let [a, b, c, exchange, ..] = digits;
    (b'2'..=b'9').contains(a) && (b'2'..=b'9').contains(exchange) && [*b, *c] != [b'1', b'1']
}

/// Whether the leading digits of a card number belong to a card network.
pub(crate) fn card_network(digits: &[u8]) -> bool {
    let Some([a, b, c, d]) = digits.first_chunk::<4>() else {
        return false;
    };
    let prefix = [a, b, c, d]
        .iter()
        .fold(0, |value, byte| value * 10 + u32::from(*byte & 0xf));
    match digits.len() {
        14 => matches!(prefix, 3000..=3059 | 3600..=3699 | 3800..=3999),
        15 => matches!(prefix, 3400..=3499 | 3700..=3799),
        13 => matches!(prefix, 4000..=4999),
        16..=19 => matches!(prefix, 2200..=2720 | 3528..=3589 | 4000..=6999),
        _ => false,
    }
}

/// Whether five digits lie where ZIP codes do.
pub(crate) fn zip(digits: &[u8]) -> bool {
    (501..=99950).contains(&super::calendar::number(digits))
}

/// The digits among `bytes`, if there are exactly `N`.
pub(crate) fn exactly<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut found = [0; N];
    let mut count = 0;
    for byte in bytes.iter().filter(|byte| byte.is_ascii_digit()) {
        *found.get_mut(count)? = *byte;
        count += 1;
    }
    (count == N).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssn_areas_groups_and_serials() {
        assert!(ssn(b"531770294"));
        for never in [
            b"000770294",
            b"666770294",
            b"531000294",
            b"531770000",
            b"900120294",
        ] {
            assert!(!ssn(never));
        }
        assert!(ssn(b"912700294"), "an ITIN");
    }

    #[test]
    fn nanp_areas_and_exchanges() {
        assert!(nanp(b"4155552671"));
        assert!(!nanp(b"1155552671") && !nanp(b"4151552671") && !nanp(b"9115552671"));
    }

    #[test]
    fn card_networks_by_length() {
        assert!(card_network(b"4111111111111111") && card_network(b"378282246310005"));
        assert!(!card_network(b"1732408462000") && !card_network(b"37828224631000"));
    }

    #[test]
    fn exact_counts() {
        assert_eq!(exactly::<3>(b"1-2-3"), Some(*b"123"));
        assert_eq!(exactly::<3>(b"1-2"), None);
        assert_eq!(exactly::<3>(b"1234"), None);
    }
}
