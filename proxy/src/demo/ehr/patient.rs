//! One synthetic patient.

use super::date::Date;
use super::lists::LISTS;
use super::random::Random;

/// Family names of the first patients. No list has them, so that one of them in a result can
/// only have come from that patient's record.
pub const PLANTED: &[(&str, &str)] = &[
    ("Wilhelmina", "Quillfeather"),
    ("Bartholomew", "Zabrowitzki"),
    ("Seraphina", "Vandermolen-Oxley"),
    ("Thaddeus", "Huckstepper"),
    ("Ottoline", "Brzezicka"),
    ("Leopold", "Fitzwarrenby"),
    ("Philippa", "Marchbanksia"),
    ("Cornelius", "Dunwiddiemoor"),
];

/// Every area (without 666), group and serial number: how many SSNs there are.
const SSN_COUNT: u64 = 898 * 99 * 9_999;
/// Coprime to [`SSN_COUNT`]: counting in these steps meets every number once.
const SSN_STEP: u64 = 549_389_513;
const _: () = assert!(greatest_common_divisor(SSN_STEP, SSN_COUNT) == 1);

const fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// A patient, whole: every table takes from here what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// 1, 2, 3, …
    pub id: u64,
    /// Medical record number, `MRN` and eight digits.
    pub mrn: String,
    /// Nine digits.
    pub ssn_number: u64,
    /// Given name.
    pub given: &'static str,
    /// Middle initial.
    pub middle: char,
    /// Family name.
    pub family: &'static str,
    /// Date of birth.
    pub born: Date,
    /// `F` or `M`.
    pub sex: char,
    /// `(503) 555-0142`
    pub phone: String,
    /// Under a reserved domain.
    pub email: String,
    /// House number and street.
    pub street: String,
    /// City.
    pub city: &'static str,
    /// State, two letters.
    pub state: &'static str,
    /// Five digits.
    pub zip: String,
    /// Version 4 shape.
    pub uuid: String,
    /// A documentation address.
    pub ip: String,
    /// Member number of the insurance.
    pub member_id: String,
    /// Somebody else's name.
    pub relative: String,
    /// The relative's number.
    pub relative_phone: String,
}

impl Patient {
    /// The patient number `id` of the clinic that `seed` names.
    pub fn new(seed: u64, id: u64) -> Self {
        let mut random = Random::for_row(seed, 0, id);
        let lists = &*LISTS;
        let planted = id
            .checked_sub(1)
            .and_then(|i| PLANTED.get(usize::try_from(i).ok()?));
        let (given, family) = match planted {
            Some(name) => *name,
            None => (random.pick(&lists.given), random.pick(&lists.family)),
        };
        let [city, state, zip3] = random.pick(&lists.cities);
        let account: String = format!("{given}.{family}")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let domain = random.pick(&["example.com", "example.net", "example.org"]);
        Self {
            id,
            mrn: format!(
                "MRN{:08}",
                10_000_000 + (id * 7_919 + seed % 9_973) % 89_999_999
            ),
            ssn_number: ssn(seed, id),
            given,
            middle: letter(&mut random),
            family,
            born: Date(random.between(-14_610, 18_262)),
            sex: random.pick(&['F', 'M']),
            phone: phone(&mut random),
            email: format!("{account}{id}@{domain}"),
            street: format!(
                "{} {}",
                random.between(1, 9_899),
                random.pick(&lists.streets)
            ),
            city,
            state,
            zip: format!("{zip3}{:02}", random.below(100)),
            uuid: uuid(&mut random),
            ip: ip(&mut random, id),
            member_id: format!("HLP{:09}", 100_000_000 + (id * 104_729) % 899_999_999),
            relative: format!("{} {}", random.pick(&lists.given), family),
            relative_phone: phone(&mut random),
        }
    }

    /// `123-45-6789`
    pub fn ssn(&self) -> String {
        let n = self.ssn_number;
        format!(
            "{:03}-{:02}-{:04}",
            n / 1_000_000,
            n / 10_000 % 100,
            n % 10_000
        )
    }

    /// `Jane Doe`
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// Street, city, state and ZIP code in one line.
    pub fn address(&self) -> String {
        format!(
            "{}, {}, {} {}",
            self.street, self.city, self.state, self.zip
        )
    }

    /// Everything that identifies the patient, in the spellings that results use: what must
    /// not pass a gateway that masks it. Nothing here is so short or common that it could turn
    /// up by chance.
    pub fn identifiers(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("ssn", self.ssn()),
            ("ssn", format!("{:09}", self.ssn_number)),
            ("mrn", self.mrn.clone()),
            ("name", self.name()),
            ("name", format!("{}, {}", self.family, self.given)),
            ("name", format!("{}^{}", self.family, self.given)),
            ("email", self.email.clone()),
            ("phone", self.phone.clone()),
            ("address", self.street.clone()),
            ("uuid", self.uuid.clone()),
            ("member", self.member_id.clone()),
            ("name", self.relative.clone()),
            ("birth date", self.born.to_string()),
            ("birth date", self.born.american()),
        ];
        if PLANTED.iter().any(|(_, family)| *family == self.family) {
            all.push(("name", self.family.to_owned()));
        }
        all
    }
}

/// Valid in shape: area 001–899 without 666, group 01–99, serial 0001–9999. No two patients of
/// one clinic share a number.
fn ssn(seed: u64, id: u64) -> u64 {
    let place = (id * SSN_STEP + seed % SSN_COUNT) % SSN_COUNT;
    let (serial, rest) = (place % 9_999 + 1, place / 9_999);
    let (group, area) = (rest % 99 + 1, rest / 99 + 1);
    let area = if area >= 666 { area + 1 } else { area };
    area * 1_000_000 + group * 10_000 + serial
}

fn phone(random: &mut Random) -> String {
    let area = random.pick(&LISTS.area_codes);
    format!("({area}) 555-01{:02}", random.below(100))
}

fn letter(random: &mut Random) -> char {
    char::from(b'A' + u8::try_from(random.below(26)).unwrap_or(0))
}

fn uuid(random: &mut Random) -> String {
    let (a, b) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        0x8000 | (b >> 48 & 0x3fff),
        b & 0xffff_ffff_ffff
    )
}

/// RFC 5737 for the most part, RFC 3849 for every fifth.
fn ip(random: &mut Random, id: u64) -> String {
    if random.chance(20) {
        return format!(
            "2001:db8:{:x}:{:x}::{:x}",
            id >> 16,
            id & 0xffff,
            random.below(0xfff) + 1
        );
    }
    let network = random.pick(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", random.between(1, 254))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_patient() {
        assert_eq!(Patient::new(42, 1_000), Patient::new(42, 1_000));
        assert_ne!(Patient::new(42, 1_000), Patient::new(43, 1_000));
        assert_ne!(Patient::new(42, 1_000).ssn(), Patient::new(42, 1_001).ssn());
    }

    /// A changed generator would silently change every recorded figure: this pins it.
    #[test]
    fn a_known_patient_stays_as_it_is() {
        let patient = Patient::new(42, 1);
        assert_eq!(patient.name(), "Wilhelmina Quillfeather");
        assert_eq!(patient.ssn(), "555-99-4500");
        assert_eq!(
            patient.email,
            format!("wilhelmina.quillfeather1@{}", domain(&patient))
        );
    }

    fn domain(patient: &Patient) -> &str {
        patient.email.split('@').next_back().unwrap()
    }

    #[test]
    fn identifiers_have_the_shapes_that_detectors_look_for() {
        let mut numbers = HashSet::new();
        for id in 1..=20_000 {
            let patient = Patient::new(7, id);
            assert!(
                numbers.insert(patient.ssn_number),
                "two patients share an SSN"
            );
            let ssn = patient.ssn();
            let (area, group, serial) = (&ssn[..3], &ssn[4..6], &ssn[7..]);
            assert!(area != "000" && area != "666" && area < "900", "{ssn}");
            assert!(
                group != "00" && serial != "0000" && ssn.len() == 11,
                "{ssn}"
            );
            assert!(patient.email.is_ascii() && patient.email.contains("@example."));
            assert!(patient.phone.contains(") 555-01") && patient.phone.len() == 14);
            assert!(patient.zip.len() == 5 && patient.mrn.len() == 11);
            assert!(
                patient.ip.parse::<std::net::IpAddr>().is_ok(),
                "{}",
                patient.ip
            );
            assert!((1930..2021).contains(&patient.born.parts().0));
            assert_eq!(patient.uuid.len(), 36);
        }
    }

    #[test]
    fn planted_names_are_in_no_list() {
        for (_, family) in PLANTED {
            assert!(!LISTS.family.contains(family));
        }
    }
}
