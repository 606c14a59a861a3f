//! What a column can hold, how sure that is, and what a draft does about it.

use velum_core::inspect::{DetectorId, Prior};
use velum_detectors::Detector;

use crate::config::profile::{IDENTIFIERS, Profile};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Each value is one identifier: its place among the detectors.
    Whole(u16),
    /// Texts with identifiers in them.
    Text,
    /// Documents with identifiers in them.
    Document,
}

/// How sure that is, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// Somebody should look at it.
    Look,
    /// More likely than not.
    Likely,
    /// Two witnesses agree, or one that cannot err by chance.
    Certain,
}

impl Grade {
    pub(super) const ALL: [Self; 3] = [Self::Certain, Self::Likely, Self::Look];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Look => "look at it",
        }
    }

    /// Is it taken for what it seems to be?
    pub(super) fn counts(self) -> bool {
        self >= Self::Likely
    }
}

impl Class {
    pub(super) const fn of(detector: Detector) -> Self {
        Self::Whole(detector as u16)
    }

    /// The class of what an engine says of a whole column.
    pub(super) fn of_prior(prior: Prior) -> Option<Detector> {
        match prior {
            Prior::Whole(DetectorId(id)) => Detector::ALL.get(usize::from(id)).copied(),
            Prior::Skip | Prior::Scan => None,
        }
    }

    pub(super) fn detector(self) -> Option<Detector> {
        match self {
            Self::Whole(id) => Detector::ALL.get(usize::from(id)).copied(),
            Self::Text | Self::Document => None,
        }
    }

    /// The stable name; drafted rules bear it.
    pub(super) fn name(self) -> &'static str {
        match (self, self.detector()) {
            (Self::Text, _) => "text",
            (Self::Document, _) => "document",
            (_, Some(detector)) => detector.name(),
            (_, None) => "other",
        }
    }

    /// The class of a rule's name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "document" => Some(Self::Document),
            name => Detector::from_name(name).map(Self::of),
        }
    }

    /// Letter and words of 45 CFR 164.514(b)(2)(i); `None`: any of them.
    pub(super) fn identifier(self) -> Option<(char, &'static str)> {
        let detector = self.detector()?.name();
        // Of what has several letters the last one stands for any.
        let mut last_first = IDENTIFIERS.iter().rev();
        let found = last_first.find(|it| it.detectors.contains(&detector));
        found.map(|it| (it.letter, it.name))
    }

    /// The strategy that a draft gives it; `None`: the profile lets it be.
    pub(super) fn strategy(self, profile: Profile) -> Option<&'static str> {
        let keeps = match self.detector() {
            Some(Detector::Date) => "year",
            Some(Detector::Zip) => "zip3",
            Some(Detector::Age) => "age90",
            _ => return Some("redact"),
        };
        (profile == Profile::SafeHarbor).then_some(keeps)
    }

    /// Strategies that would be an alternative, as a comment.
    pub(super) fn advice(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Document => Some(
                "Whole texts are hidden. Without this rule `content` hides only what it finds in \
                 them.",
            ),
            _ => match self.detector()? {
                Detector::Mrn | Detector::Account | Detector::HealthPlan => Some(
                    "To join and to count by them, give the policy a `key` and take \"random\" or \
                     \"hmac\".",
                ),
                Detector::Date => Some(
                    "To keep the days between dates, give the policy a `key` and take \
                     \"date_shift\" with its `subject`.",
                ),
                _ => None,
            },
        }
    }

    /// Are values of the two told apart by no more than what somebody calls them?
    pub(super) fn is_akin(self, other: Self) -> bool {
        self == other || self.family() == other.family()
    }

    fn family(self) -> u16 {
        let Some(detector) = self.detector() else {
            // Where identifiers stand in a text: JSON or not.
            return u16::MAX;
        };
        let family = match detector {
            Detector::Fax => Detector::Phone,
            Detector::Org => Detector::Name,
            Detector::Zip => Detector::Address,
            Detector::Account
            | Detector::HealthPlan
            | Detector::License
            | Detector::Device
            | Detector::Other => Detector::Mrn,
            own => own,
        };
        family as u16
    }

    /// Is it everywhere, and PHI only where it is about a person?
    pub(super) fn needs_person(self) -> bool {
        use Detector::{Address, Age, Date, Device, Ip, Org, Url, Zip};
        let about = [Date, Age, Address, Zip, Ip, Url, Org, Device];
        self.detector().is_some_and(|it| about.contains(&it))
    }

    /// Has it a form by which a value can be told from others?
    pub(super) fn has_form(self) -> bool {
        use Detector::{CreditCard, Date, Dea, Email, Fax, Ip, Npi, Phone, Ssn, Url, Vin, Zip};
        let formed = [
            Ssn, Date, Phone, Fax, Email, Zip, Ip, Url, CreditCard, Npi, Dea, Vin,
        ];
        self.detector().is_some_and(|it| formed.contains(&it))
    }

    /// Does a table with two such columns have a person in each row?
    pub(super) fn tells_person(self) -> bool {
        use Detector::{Address, Age, Dea, Email, Fax, HealthPlan, Mrn, Name, Npi, Phone, Ssn};
        let direct = [
            Name, Ssn, Mrn, HealthPlan, Phone, Fax, Email, Address, Age, Npi, Dea,
        ];
        self.detector().is_some_and(|it| direct.contains(&it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_classes() {
        let classes = Detector::ALL.into_iter().map(Class::of);
        for class in classes.chain([Class::Text, Class::Document]) {
            assert_eq!(Class::from_name(class.name()), Some(class));
            assert!(class.strategy(Profile::SafeHarbor).is_some());
        }
        assert_eq!(Class::of(Detector::Ssn).identifier().unwrap().0, 'G');
        assert_eq!(Class::Text.identifier(), None);
    }

    #[test]
    fn a_limited_data_set_keeps_dates() {
        let date = Class::of(Detector::Date);
        assert_eq!(date.strategy(Profile::LimitedDataSet), None);
        assert_eq!(date.strategy(Profile::SafeHarbor), Some("year"));
        assert!(Class::of(Detector::Fax).is_akin(Class::of(Detector::Phone)));
        assert!(!Class::of(Detector::Ssn).is_akin(Class::of(Detector::Phone)));
    }
}
