//! The eighteen identifiers of the Safe Harbor method (45 CFR 164.514(b)(2)(i)), and the profiles
//! that a policy can be made of.

use super::model::{Content, DetectorSet, Rule, SelectorKind, StrategyKind, TransformKind};

/// What policies are made of in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// 45 CFR 164.514(b)(2): none of the eighteen identifiers is left, but for what the regulation
    /// lets be: years, three digits of ZIP codes, ages up to 89.
    SafeHarbor,
    /// 45 CFR 164.514(e)(2): direct identifiers are left out; dates, ages and ZIP codes stay. Towns
    /// would be let be as well, and are hidden with addresses.
    LimitedDataSet,
}

/// One of the eighteen.
pub struct Identifier {
    /// Its letter in the regulation.
    pub letter: char,
    /// What it is.
    pub name: &'static str,
    /// The detectors that find it in content, and by columns' names.
    pub detectors: &'static [&'static str],
    /// What columns of it are called in many schemas.
    pub columns: &'static [Named],
    /// SQL types of which each value may be one.
    pub types: &'static [&'static str],
}

/// A column by its name.
pub struct Named {
    /// As a pattern.
    pub name: &'static str,
    keeps: Keeps,
    /// It stays as it is in a limited data set.
    stays: bool,
}

/// What Safe Harbor lets be.
#[derive(Clone, Copy)]
enum Keeps {
    Nothing,
    Year,
    Zip3,
    Age90,
}

impl Keeps {
    fn strategy(self) -> StrategyKind {
        StrategyKind::Transform(match self {
            Keeps::Nothing => return StrategyKind::Redact,
            Keeps::Year => TransformKind::Year,
            Keeps::Zip3 => TransformKind::Zip3,
            Keeps::Age90 => TransformKind::Age90,
        })
    }
}

/// A direct identifier.
const fn direct(name: &'static str) -> Named {
    Named {
        name,
        keeps: Keeps::Nothing,
        stays: false,
    }
}

const fn kept(name: &'static str, keeps: Keeps) -> Named {
    Named {
        name,
        keeps,
        stays: true,
    }
}

const fn identifier(
    letter: char,
    name: &'static str,
    detectors: &'static [&'static str],
    columns: &'static [Named],
    types: &'static [&'static str],
) -> Identifier {
    Identifier {
        letter,
        name,
        detectors,
        columns,
        types,
    }
}

/// Types of whose values the year is kept.
const DATES: &[&str] = &["date", "timestamp", "timestamptz"];
/// Detectors of what a limited data set may hold.
const LIMITED: [&str; 3] = ["zip", "date", "age"];

/// All of them, in the order of the regulation.
pub static IDENTIFIERS: [Identifier; 18] = [
    identifier(
        'A',
        "names",
        &["name", "org"],
        &[
            direct("*first_name"),
            direct("*last_name"),
            direct("*middle_name"),
            direct("*full_name"),
            direct("*maiden_name"),
            direct("patient_name"),
        ],
        &[],
    ),
    identifier(
        'B',
        "geographic subdivisions smaller than a state",
        &["address", "zip"],
        &[
            direct("*street*"),
            direct("*address_line*"),
            direct("city"),
            direct("county"),
            kept("zip", Keeps::Zip3),
            kept("zip_code", Keeps::Zip3),
            kept("postal_code", Keeps::Zip3),
        ],
        &[],
    ),
    identifier(
        'C',
        "elements of dates, ages over 89",
        &["date", "age"],
        &[
            kept("dob", Keeps::Year),
            kept("*birth_date", Keeps::Year),
            kept("date_of_birth", Keeps::Year),
            kept("date_of_death", Keeps::Year),
            kept("age", Keeps::Age90),
            kept("age_years", Keeps::Age90),
        ],
        DATES,
    ),
    identifier(
        'D',
        "telephone numbers",
        &["phone"],
        &[direct("*phone"), direct("phone_number")],
        &[],
    ),
    identifier(
        'E',
        "fax numbers",
        &["fax"],
        &[direct("fax"), direct("fax_number")],
        &[],
    ),
    identifier(
        'F',
        "e-mail addresses",
        &["email"],
        &[direct("*email"), direct("email_address")],
        &[],
    ),
    identifier(
        'G',
        "social security numbers",
        &["ssn"],
        &[direct("ssn"), direct("*_ssn"), direct("social_security*")],
        &[],
    ),
    identifier(
        'H',
        "medical record numbers",
        &["mrn"],
        &[direct("mrn"), direct("*_mrn"), direct("medical_record_n*")],
        &[],
    ),
    identifier(
        'I',
        "health plan beneficiary numbers",
        &["health_plan"],
        &[
            direct("member_id"),
            direct("subscriber_id"),
            direct("beneficiary_id"),
        ],
        &[],
    ),
    identifier(
        'J',
        "account numbers",
        &["account", "credit_card"],
        &[
            direct("account_number"),
            direct("card_number"),
            direct("iban"),
        ],
        &[],
    ),
    identifier(
        'K',
        "certificate and licence numbers",
        &["license", "dea", "npi"],
        &[
            direct("license_number"),
            direct("dea_number"),
            direct("npi"),
        ],
        &[],
    ),
    identifier(
        'L',
        "vehicle identifiers, licence plates",
        &["vin"],
        &[direct("vin"), direct("license_plate")],
        &[],
    ),
    identifier(
        'M',
        "device identifiers and serial numbers",
        &["device"],
        &[direct("device_id"), direct("serial_number"), direct("udi")],
        &["macaddr", "macaddr8"],
    ),
    identifier(
        'N',
        "web addresses",
        &["url"],
        &[direct("url"), direct("website")],
        &[],
    ),
    identifier(
        'O',
        "IP addresses",
        &["ip"],
        &[direct("ip_address"), direct("client_ip")],
        &["inet", "cidr"],
    ),
    identifier(
        'P',
        "biometric identifiers",
        &["other"],
        &[
            direct("fingerprint*"),
            direct("retina_scan*"),
            direct("voice_print*"),
        ],
        &[],
    ),
    identifier(
        'Q',
        "full-face photographs",
        &["other"],
        &[direct("*photo"), direct("face_image")],
        &[],
    ),
    identifier(
        'R',
        "any other unique identifying number",
        &["other"],
        &[
            direct("passport_number"),
            direct("employee_id"),
            direct("case_number"),
        ],
        &[],
    ),
];

impl Profile {
    /// As a policy names it.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::SafeHarbor => "safe-harbor",
            Profile::LimitedDataSet => "limited-data-set",
        }
    }

    /// Its rules. Each has the profile's name with the identifier's letter.
    pub fn rules(self) -> Vec<Rule> {
        let is_limited = self == Profile::LimitedDataSet;
        let mut rules = Vec::new();
        for identifier in &IDENTIFIERS {
            let mut rule = |selector, strategy| {
                rules.push(Rule {
                    name: format!("{}-{}", self.name(), identifier.letter),
                    selector,
                    strategy,
                    predicates: None,
                    begin: 0,
                });
            };
            for column in identifier
                .columns
                .iter()
                .filter(|it| !(is_limited && it.stays))
            {
                let selector = SelectorKind::ColumnName(column.name.to_owned());
                rule(selector, column.keeps.strategy());
            }
            for name in identifier
                .types
                .iter()
                .filter(|name| !(is_limited && DATES.contains(name)))
            {
                let keeps = match DATES.contains(name) {
                    true => Keeps::Year,
                    false => Keeps::Nothing,
                };
                rule(SelectorKind::SqlType((*name).to_owned()), keeps.strategy());
            }
        }
        rules
    }

    /// What it looks for where no rule decides.
    pub fn content(self) -> Content {
        let (detectors, transforms) = match self {
            Profile::SafeHarbor => {
                let transforms = [
                    ("zip", TransformKind::Zip3),
                    ("date", TransformKind::Year),
                    ("age", TransformKind::Age90),
                ];
                let transforms = transforms.map(|(name, kind)| (name.to_owned(), kind));
                (DetectorSet::Full, transforms.to_vec())
            }
            Profile::LimitedDataSet => {
                let names = velum_detectors::Detectors::names();
                let direct = names.filter(|name| !LIMITED.contains(name));
                (
                    DetectorSet::FullNamed(direct.map(str::to_owned).collect()),
                    Vec::new(),
                )
            }
        };
        Content {
            detectors,
            strategy: StrategyKind::Redact,
            transforms,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use velum_core::policy::Glob;

    use super::*;

    #[test]
    fn all_detectors_belong_to_an_identifier() {
        let letters: String = IDENTIFIERS
            .iter()
            .map(|identifier| identifier.letter)
            .collect();
        assert_eq!(letters, "ABCDEFGHIJKLMNOPQR");
        let named: BTreeSet<&str> = IDENTIFIERS
            .iter()
            .flat_map(|it| it.detectors)
            .copied()
            .collect();
        let known: BTreeSet<&str> = velum_detectors::Detectors::names().collect();
        assert_eq!(named, known);
    }

    #[test]
    fn a_limited_data_set_keeps_dates_and_zip_codes() {
        let safe = Profile::SafeHarbor.rules();
        let limited = Profile::LimitedDataSet.rules();
        let missing: Vec<_> = safe
            .iter()
            .filter(|rule| !limited.iter().any(|other| other.selector == rule.selector))
            .map(|rule| rule.name.as_str())
            .collect();
        assert_eq!(
            missing.iter().filter(|name| name.ends_with("-B")).count(),
            3
        );
        assert_eq!(
            missing.iter().filter(|name| name.ends_with("-C")).count(),
            9
        );
        assert_eq!(missing.len(), 12);
        let direct = limited
            .iter()
            .all(|rule| rule.strategy == StrategyKind::Redact);
        assert!(direct);
    }

    #[test]
    fn every_pattern_is_one() {
        for rule in Profile::SafeHarbor.rules() {
            if let SelectorKind::ColumnName(pattern) = &rule.selector {
                assert!(Glob::new(pattern).is_ok(), "{pattern}");
            }
        }
    }
}
