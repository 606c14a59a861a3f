//! The lists that the generator draws from, see `corpus/ehr/README.md`.

use std::sync::LazyLock;

macro_rules! list {
    ($file:literal) => {
        include_str!(concat!("../../../../corpus/ehr/", $file))
            .lines()
            .collect()
    };
}

/// All lists; a line is an entry.
pub(super) struct Lists {
    /// Given names.
    pub(super) given: Vec<&'static str>,
    /// Family names.
    pub(super) family: Vec<&'static str>,
    /// Streets with their suffix.
    pub(super) streets: Vec<&'static str>,
    /// City, state, ZIP prefix.
    pub(super) cities: Vec<[&'static str; 3]>,
    /// Telephone area codes.
    pub(super) area_codes: Vec<&'static str>,
    /// ICD-10 code, title, treatment.
    pub(super) conditions: Vec<[&'static str; 3]>,
    /// LOINC code, name, unit, drawn low and high, normal low and high.
    pub(super) labs: Vec<[&'static str; 7]>,
    /// Insurers.
    pub(super) payers: Vec<&'static str>,
    /// Departments of the hospital.
    pub(super) departments: Vec<&'static str>,
    /// First lines of notes, which name the patient.
    pub(super) note_opening: Vec<&'static str>,
    /// Sentences without identifiers.
    pub(super) note_plain: Vec<&'static str>,
    /// Sentences with identifiers.
    pub(super) note_phi: Vec<&'static str>,
}

/// The lists, split once.
pub(super) static LISTS: LazyLock<Lists> = LazyLock::new(|| Lists {
    given: list!("given_names.txt"),
    family: list!("family_names.txt"),
    streets: list!("streets.txt"),
    cities: columns(include_str!("../../../../corpus/ehr/cities.txt")),
    area_codes: list!("area_codes.txt"),
    conditions: columns(include_str!("../../../../corpus/ehr/conditions.txt")),
    labs: columns(include_str!("../../../../corpus/ehr/labs.txt")),
    payers: list!("payers.txt"),
    departments: list!("departments.txt"),
    note_opening: list!("note_opening.txt"),
    note_plain: list!("note_plain.txt"),
    note_phi: list!("note_phi.txt"),
});

/// Lines of exactly `N` columns, separated by bars.
fn columns<const N: usize>(text: &'static str) -> Vec<[&'static str; N]> {
    text.lines()
        .filter_map(|line| line.split('|').collect::<Vec<_>>().try_into().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_table_has_its_columns() {
        for (text, kept) in [
            (
                include_str!("../../../../corpus/ehr/cities.txt"),
                LISTS.cities.len(),
            ),
            (
                include_str!("../../../../corpus/ehr/conditions.txt"),
                LISTS.conditions.len(),
            ),
            (
                include_str!("../../../../corpus/ehr/labs.txt"),
                LISTS.labs.len(),
            ),
        ] {
            assert_eq!(text.lines().count(), kept);
        }
        assert!(LISTS.given.len() > 100 && LISTS.family.len() > 200);
        assert!(
            LISTS
                .labs
                .iter()
                .all(|lab| lab[3..].iter().all(|n| n.parse::<i64>().is_ok()))
        );
    }
}
