//! What is looked for: one file for each family of identifiers, and the table of all of them.

use crate::context::Cues;
use crate::scan::{Number, Scan, Shape};

pub(crate) mod account;
pub(crate) mod address;
pub(crate) mod age;
pub(crate) mod credit_card;
pub(crate) mod date;
pub(crate) mod dea;
pub(crate) mod device;
pub(crate) mod email;
pub(crate) mod health_plan;
pub(crate) mod hl7;
pub(crate) mod ip;
pub(crate) mod license;
pub(crate) mod mrn;
pub(crate) mod name;
pub(crate) mod npi;
pub(crate) mod other;
pub(crate) mod phone;
pub(crate) mod ssn;
pub(crate) mod token;
pub(crate) mod url;
pub(crate) mod vin;
pub(crate) mod zip;

/// A detector of the catalog; its discriminant is its
/// [`DetectorId`](velum_core::inspect::DetectorId).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Detector {
    /// Social Security numbers and taxpayer's numbers of the same shape.
    Ssn,
    /// Medical record numbers, behind a label or in a column of that name.
    Mrn,
    /// Names of persons behind a label, and in HL7 fields.
    Name,
    /// Dates with a day or a month.
    Date,
    /// Telephone numbers.
    Phone,
    /// E-mail addresses.
    Email,
    /// Street addresses and post-office boxes.
    Address,
    /// ZIP codes: ZIP+4, or five digits behind a state or a label.
    Zip,
    /// IPv4 and IPv6 addresses.
    Ip,
    /// Web addresses.
    Url,
    /// Payment card numbers.
    CreditCard,
    /// National Provider Identifiers.
    Npi,
    /// DEA registration numbers.
    Dea,
    /// Account numbers: IBANs, and others behind a label.
    Account,
    /// Health-plan beneficiary numbers: Medicare's (MBI), and others behind a label.
    HealthPlan,
    /// Vehicle identification numbers, and licence plates behind a label.
    Vin,
    /// Ages over 89.
    Age,
    /// Telephone numbers that are said to be a fax's.
    Fax,
    /// Numbers of licences and certificates.
    License,
    /// Names of facilities and employers.
    Org,
    /// Device identifiers and serial numbers.
    Device,
    /// Identifiers of no other family, such as a hospital's own patterns.
    Other,
}

impl Detector {
    /// All detectors, in the order of their ids.
    pub const ALL: [Self; 22] = [
        Self::Ssn,
        Self::Mrn,
        Self::Name,
        Self::Date,
        Self::Phone,
        Self::Email,
        Self::Address,
        Self::Zip,
        Self::Ip,
        Self::Url,
        Self::CreditCard,
        Self::Npi,
        Self::Dea,
        Self::Account,
        Self::HealthPlan,
        Self::Vin,
        Self::Age,
        Self::Fax,
        Self::License,
        Self::Org,
        Self::Device,
        Self::Other,
    ];

    /// The stable lower-case name, as in configuration, records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssn => "ssn",
            Self::Mrn => "mrn",
            Self::Name => "name",
            Self::Date => "date",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Address => "address",
            Self::Zip => "zip",
            Self::Ip => "ip",
            Self::Url => "url",
            Self::CreditCard => "credit_card",
            Self::Npi => "npi",
            Self::Dea => "dea",
            Self::Account => "account",
            Self::HealthPlan => "health_plan",
            Self::Vin => "vin",
            Self::Age => "age",
            Self::Fax => "fax",
            Self::License => "license",
            Self::Org => "org",
            Self::Device => "device",
            Self::Other => "other",
        }
    }

    /// The detector of that exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|detector| detector.name() == name)
    }
}

/// A set of detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set(u32);

impl Set {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self((1 << Detector::ALL.len()) - 1);

    pub(crate) const fn of(detectors: &[Detector]) -> Self {
        let mut bits = 0;
        let mut rest = detectors;
        while let [first, others @ ..] = rest {
            bits |= 1 << *first as u16;
            rest = others;
        }
        Self(bits)
    }

    pub(crate) const fn without(self, detectors: &[Detector]) -> Self {
        Self(self.0 & !Self::of(detectors).0)
    }

    pub(crate) const fn insert(&mut self, detector: Detector) {
        self.0 |= 1 << detector as u16;
    }

    pub(crate) const fn contains(self, detector: Detector) -> bool {
        self.0 & (1 << detector as u16) != 0
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The numeric shapes of all families: compiled to one automaton, see `scan::automaton`.
pub(crate) const SHAPES: &[&[Shape]] = &[
    ssn::SHAPES,
    phone::SHAPES,
    date::SHAPES,
    zip::SHAPES,
    ip::SHAPES,
    credit_card::SHAPES,
    npi::SHAPES,
    health_plan::SHAPES,
    device::SHAPES,
];

/// What hangs on a digit run but has no fixed shape that begins with it. Families are asked only
/// where the bytes on both sides leave them a chance.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    let near = Near::of(scan, number);
    let digits = number.len();
    // Labels are asked last: to read one costs more than all else.
    let says = |scan: &Scan<'_>, cues: Cues| number.label(scan).cues.has(cues);
    if digits == 4 {
        ssn::number(scan, number);
    }
    let long = digits >= 3 || near.may_go_on();
    if matches!(near.before, b'+' | b'(') || (long && says(scan, phone::CUES)) {
        phone::number(scan, number);
    }
    if digits <= 4 && (near.may_join_month() || near.after == b'/') {
        date::number(scan, number);
    }
    if digits == 3 || (digits == 2 && scan.byte(number.start) == Some(b'9')) {
        age::number(scan, number);
    }
    let boxed = |scan: &Scan<'_>| address::may_be_boxed(scan, number) && says(scan, Cues::PO_BOX);
    if digits <= 6 && (near.may_begin_address() || boxed(scan)) {
        address::number(scan, number);
    }
    if matches!(digits, 7 | 8) {
        dea::number(scan, number);
    }
    if mrn::may_be_record(digits) {
        mrn::number(scan, number);
    }
    if near.before.is_ascii_uppercase() {
        zip::number(scan, number);
        account::number(scan, number);
    }
    let plate = digits >= vin::PLATE_BYTES || near.may_have_group();
    if near.touches_capital() || (plate && says(scan, Cues::PLATE)) {
        vin::number(scan, number);
    }
    if digits <= 2 {
        device::number(scan, number);
    }
    // A value with nothing before or behind it may have its name in the column's.
    let named = |scan: &Scan<'_>| scan.is_cell() && scan.column().has(token::CUES);
    let elsewhere = token::may_be_labelled_elsewhere(
        [near.far_before, near.before],
        [near.after, near.far_after],
    );
    if long && (elsewhere || named(scan) || says(scan, token::CUES)) {
        token::number(scan, number);
    }
}

/// The two bytes to either side of a number; NUL where the text ends.
struct Near {
    far_before: u8,
    before: u8,
    after: u8,
    far_after: u8,
}

impl Near {
    #[inline]
    fn of(scan: &Scan<'_>, number: &Number) -> Self {
        let before = |back| scan.byte_before(number.start, back).unwrap_or(0);
        let after = |on| scan.byte(number.end + on).unwrap_or(0);
        Self {
            far_before: before(2),
            before: before(1),
            after: after(0),
            far_after: after(1),
        }
    }

    /// Whether the name of a month can stand on either side, glued or joined.
    #[inline]
    fn may_join_month(&self) -> bool {
        let joins = |near: u8, far: u8| {
            let joint = matches!(near, b' ' | b'.' | b',' | b'-' | b'/' | b'\n' | b'\r');
            near.is_ascii_alphabetic() || (joint && !far.is_ascii_digit())
        };
        joins(self.after, self.far_after)
            || joins(self.before, self.far_before)
            || self.before == b'\''
    }

    /// Whether more letters or digits can follow that belong to the number.
    #[inline]
    fn may_go_on(&self) -> bool {
        let joint = |byte: u8| matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/');
        let number = joint(self.far_after) || self.far_after.is_ascii_digit();
        self.after.is_ascii_alphanumeric()
            || (joint(self.after) && number)
            || (self.after == b'-' && self.far_after.is_ascii_uppercase())
    }

    #[inline]
    fn touches_capital(&self) -> bool {
        self.before.is_ascii_uppercase() || self.after.is_ascii_uppercase()
    }

    /// Whether capitals or digits stand on either side, over a blank or a hyphen.
    #[inline]
    fn may_have_group(&self) -> bool {
        let joined = |near: u8, far: u8| {
            matches!(near, b' ' | b'-') && (far.is_ascii_uppercase() || far.is_ascii_digit())
        };
        joined(self.before, self.far_before) || joined(self.after, self.far_after)
    }

    /// Whether a street can follow the number, as that of a house, or a box, as that of a route.
    #[inline]
    fn may_begin_address(&self) -> bool {
        let route = || matches!(self.before, b' ' | b'#' | b'.') && ends_route(self.far_before);
        match self.after {
            b' ' => true,
            b'-' if self.far_after.is_ascii_digit() => true,
            b'-' if self.far_after.is_ascii_uppercase() => true,
            letter if letter.is_ascii_alphabetic() && self.far_after == b' ' => true,
            // Whatever is glued to a route's number.
            _ => route(),
        }
    }
}

/// Whether a word with a route's number behind it can end so: `RR`, `HC`, `Route`, `RFD`, `Unit`.
#[inline]
const fn ends_route(byte: u8) -> bool {
    matches!(byte | 0x20, b'r' | b'c' | b'e' | b'd' | b't' | b'.' | b' ')
}

/// Judges a keyword at its first byte.
type Judge = fn(&mut Scan<'_>, usize);

/// Words that begin what holds no digit: names of months, ages and addresses that are spelled
/// out, hosts. Each is judged where it stands; none is the beginning of another. A word has at
/// least three letters, from its first or second byte on.
pub(crate) const KEYWORDS: &[(&str, Judge)] = &[
    ("January", date::keyword),
    ("February", date::keyword),
    ("March", date::keyword),
    ("April", date::keyword),
    ("May", date::keyword),
    ("June", date::keyword),
    ("July", date::keyword),
    ("August", date::keyword),
    ("September", date::keyword),
    ("October", date::keyword),
    ("November", date::keyword),
    ("December", date::keyword),
    ("ninet", age::keyword),
    ("Ninet", age::keyword),
    ("NINET", age::keyword),
    ("hundred", age::keyword),
    (" dot ", email::keyword),
    ("[dot]", email::keyword),
    ("(dot)", email::keyword),
    (" DOT ", email::keyword),
    ("www.", url::www),
];

/// Asks all families about a number, whatever stands around it: what [`number`] is held against.
#[cfg(test)]
pub(crate) fn number_slowly(scan: &mut Scan<'_>, number: &Number) {
    for family in [
        ssn::number,
        phone::number,
        date::number,
        age::number,
        address::number,
        dea::number,
        mrn::number,
        zip::number,
        account::number,
        vin::number,
        device::number,
        token::number,
    ] {
        family(scan, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_places_in_the_table_and_names_are_unique() {
        for (index, detector) in Detector::ALL.into_iter().enumerate() {
            assert_eq!(detector as usize, index);
            assert_eq!(Detector::from_name(detector.name()), Some(detector));
        }
        assert_eq!(Detector::from_name("SSN"), None);
    }
}
