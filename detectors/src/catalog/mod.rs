//! What is looked for: one file for each family of identifiers, and the table of all of them.

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

/// What hangs on a digit run but has no fixed shape that begins with it.
pub(crate) fn number(scan: &mut Scan<'_>, number: &Number) {
    ssn::number(scan, number);
    phone::number(scan, number);
    date::number(scan, number);
    age::number(scan, number);
    address::number(scan, number);
    dea::number(scan, number);
    zip::number(scan, number);
    account::number(scan, number);
    vin::number(scan, number);
    device::number(scan, number);
    token::number(scan, number);
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
