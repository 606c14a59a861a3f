//! Identifiers with digits, dates, addresses: drawn from ranges that are reserved for examples
//! where there are any.

use super::addresses;
use super::random::Random;
use crate::catalog::Detector;

/// Text, and what it is if it is PHI.
type Piece = (String, Option<Detector>);

/// The value of a gap such as `ssn`, if it is one of this file's.
pub(super) fn value(gap: &str, random: &mut Random) -> Option<Vec<Piece>> {
    let (detector, text) = match gap {
        "ssn" => (Detector::Ssn, ssn(random, "-")),
        "ssn_spaced" => (Detector::Ssn, ssn(random, " ")),
        "ssn_bare" => (Detector::Ssn, ssn(random, "")),
        "ssn_odd" => (Detector::Ssn, disguised(&ssn(random, "-"), random)),
        "mrn" => (Detector::Mrn, mrn(random)),
        "phone" => (Detector::Phone, phone(random)),
        "phone_odd" => (Detector::Phone, disguised(&phone(random), random)),
        "fax" => (Detector::Fax, phone(random)),
        "email" => (Detector::Email, email(random)),
        "url" => (
            Detector::Url,
            format!(
                "https://portal.example.{}/visit/{}",
                tld(random),
                random.digits(6)
            ),
        ),
        "ip" => (
            Detector::Ip,
            format!("198.51.100.{}", random.between(1, 254)),
        ),
        "card" => (Detector::CreditCard, "4111 1111 1111 1111".to_owned()),
        "npi" => (Detector::Npi, npi(random)),
        "dea" => (Detector::Dea, dea(random)),
        "account" => (Detector::Account, random.digits(10)),
        "license" => (
            Detector::License,
            format!("{}{}", letter(random), random.digits(6)),
        ),
        "mbi" => (Detector::HealthPlan, mbi(random)),
        "plan" => (
            Detector::HealthPlan,
            format!("{}{}{}", letter(random), letter(random), random.digits(9)),
        ),
        "vin" => (Detector::Vin, "1HGCM82633A004352".to_owned()),
        "serial" => (Detector::Device, format!("SN{}", random.digits(8))),
        "date" | "dob" => (Detector::Date, date(random)),
        "isodate" => (Detector::Date, iso(random)),
        "day" => (
            Detector::Date,
            format!("{}/{}", random.between(1, 12), random.between(1, 28)),
        ),
        "hl7date" => (Detector::Date, iso(random).replace('-', "")),
        "street" => (Detector::Address, street(random)),
        "address" => (Detector::Address, addresses::address(random)),
        "zip" => (
            Detector::Zip,
            format!("{:05}", random.between(10_000, 99_499)),
        ),
        "age90" => (Detector::Age, random.between(90, 104).to_string()),
        "other" => (
            Detector::Other,
            format!("{}-{}", letter(random), random.digits(7)),
        ),
        _ => return plain(gap, random).map(|text| vec![(text, None)]),
    };
    Some(vec![(text, Some(detector))])
}

/// Numbers that are no PHI.
fn plain(gap: &str, random: &mut Random) -> Option<String> {
    Some(match gap {
        "age" => random.between(18, 89).to_string(),
        "n" => random.between(2, 9).to_string(),
        "nn" => random.between(10, 99).to_string(),
        "nnn" => random.between(100, 400).to_string(),
        "year" => random.between(1998, 2025).to_string(),
        "bp" => format!("{}/{}", random.between(95, 178), random.between(50, 99)),
        "dec" => format!("{}.{}", random.between(1, 14), random.below(10)),
        "dose" => format!(
            "{} mg",
            random.pick(&[5, 10, 20, 25, 40, 50, 81, 100, 250, 500])?
        ),
        "time" => format!("{:02}:{:02}", random.below(24), random.below(60)),
        "icd" => format!(
            "{}{}.{}",
            letter(random),
            random.between(10, 89),
            random.below(10)
        ),
        "order" => random.digits(7),
        _ => return None,
    })
}

fn letter(random: &mut Random) -> char {
    char::from(b'A' + random.below(26) as u8)
}

fn tld(random: &mut Random) -> &'static str {
    random
        .pick(&["com", "org", "net"])
        .copied()
        .unwrap_or("com")
}

fn ssn(random: &mut Random, joint: &str) -> String {
    let mut area = random.between(1, 899);
    if area == 666 {
        area = 667;
    }
    let (group, serial) = (random.between(1, 99), random.between(1, 9999));
    format!("{area:03}{joint}{group:02}{joint}{serial:04}")
}

/// With other digits, blanks between, or signs that look like a dash.
fn disguised(number: &str, random: &mut Random) -> String {
    let way = random.below(4);
    let mut out = String::new();
    for character in number.chars() {
        let digit = character.to_digit(10);
        match (way, digit) {
            (0, Some(digit)) => out.extend(char::from_u32(0xff10 + digit)),
            (1, Some(digit)) => out.extend(char::from_u32(0x660 + digit)),
            (2, None) if character == '-' => out.push('\u{2011}'),
            (3, Some(_)) => {
                out.push(character);
                out.push('\u{200b}');
            }
            _ => out.push(character),
        }
    }
    out.trim_end_matches('\u{200b}').to_owned()
}

fn mrn(random: &mut Random) -> String {
    match random.below(4) {
        0 => random.digits(7),
        1 => format!("{:08}", random.below(100_000_000)),
        2 => format!("{}{}", letter(random), random.digits(7)),
        _ => format!(
            "{}-{}-{}",
            random.digits(2),
            random.digits(2),
            random.digits(2)
        ),
    }
}

/// Exchange 555, numbers 0100 to 0199: set aside for fiction.
fn phone(random: &mut Random) -> String {
    // No area code ends in 11: those are services.
    let area = match random.between(201, 989) {
        service if service % 100 == 11 => service + 1,
        area => area,
    };
    let line = random.between(100, 199);
    match random.below(4) {
        0 => format!("({area}) 555-0{line}"),
        1 => format!("{area}-555-0{line}"),
        2 => format!("{area}.555.0{line}"),
        _ => format!("+1 {area} 555 0{line}"),
    }
}

fn email(random: &mut Random) -> String {
    let first = random.pick(&["kim", "pat", "m.lee", "j_ortiz", "sam.q", "drew88", "tw"]);
    let first = first.copied().unwrap_or("kim");
    format!("{first}{}@example.{}", random.below(90), tld(random))
}

/// The Luhn check digit of a number.
fn luhn(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = if place % 2 == 0 { 2 * digit } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

fn npi(random: &mut Random) -> String {
    let body = format!("1{}", random.digits(8));
    let check = luhn(&format!("80840{body}"));
    format!("{body}{check}")
}

fn dea(random: &mut Random) -> String {
    let digits = random.digits(6);
    let digit = |place: usize| u32::from(digits.as_bytes()[place] - b'0');
    let sum = digit(0) + digit(2) + digit(4) + 2 * (digit(1) + digit(3) + digit(5));
    format!("B{}{digits}{}", letter(random), sum % 10)
}

/// Medicare Beneficiary Identifier, by position (CMS).
fn mbi(random: &mut Random) -> String {
    let mut out = String::new();
    for class in "CANNANNAANN".replace("CANN", "CAXN").chars() {
        out.push(match class {
            'C' => char::from(b'1' + random.below(9) as u8),
            'A' | 'X' if class == 'A' || random.chance(50) => {
                let letters = b"ACDEFGHJKMNPQRTUVWXY";
                char::from(*random.pick(letters).unwrap_or(&b'A'))
            }
            _ => char::from(b'0' + random.below(10) as u8),
        });
    }
    out
}

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn date(random: &mut Random) -> String {
    let (month, day, year) = (
        random.between(1, 12),
        random.between(1, 28),
        random.between(1931, 2025),
    );
    let name = MONTHS.get(month as usize - 1).copied().unwrap_or("May");
    match random.below(8) {
        0 => format!("{month:02}/{day:02}/{year}"),
        1 => format!("{month}/{day}/{:02}", year % 100),
        2 => format!("{name} {day}, {year}"),
        3 => format!("{day} {name} {year}"),
        4 => format!("{year}-{month:02}-{day:02}"),
        5 => format!("{} {day}, {year}", name.get(..3).unwrap_or(name)),
        6 => format!("{day:02}-{}-{year}", name.get(..3).unwrap_or(name)),
        _ => format!("{month:02}-{day:02}-{year}"),
    }
}

fn iso(random: &mut Random) -> String {
    let year = random.between(1931, 2025);
    format!(
        "{year}-{:02}-{:02}",
        random.between(1, 12),
        random.between(1, 28)
    )
}

fn street(random: &mut Random) -> String {
    let names = [
        "Oak",
        "Maple",
        "Cedar Hill",
        "Washington",
        "Lakeview",
        "2nd",
        "Park",
        "Elm",
        "Sunset",
        "Mill Creek",
    ];
    let kinds = [
        "Street", "St", "Avenue", "Ave", "Road", "Rd", "Lane", "Drive", "Dr", "Blvd", "Court",
    ];
    let name = random.pick(&names).copied().unwrap_or("Oak");
    let kind = random.pick(&kinds).copied().unwrap_or("Street");
    format!("{} {name} {kind}", random.between(12, 9899))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate;

    #[test]
    fn numbers_hold_to_the_rules_of_their_issuers() {
        let mut random = Random::new(3);
        for _ in 0..200 {
            let digits: Vec<u8> = npi(&mut random).bytes().collect();
            assert!(validate::checksum::npi(&digits));
            assert_eq!(ssn(&mut random, "-").len(), 11);
            assert_eq!(mbi(&mut random).len(), 11);
        }
    }

    #[test]
    fn every_gap_is_filled_and_labelled() {
        let mut random = Random::new(3);
        let value = value("ssn_odd", &mut random).expect("a gap of this file");
        assert_eq!(value[0].1, Some(Detector::Ssn));
        assert_eq!(super::value("nothing", &mut random), None);
    }
}
