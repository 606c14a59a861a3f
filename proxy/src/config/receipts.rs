//! `[receipts]`

use super::model::Receipts;
use super::reader::Section;

/// Values of a session that are kept, if nothing else is said: 1.6 MB of marks.
const VALUES: u64 = 100_000;
const VALUES_MOST: u64 = 10_000_000;

/// Reads `[receipts]`; without it receipts count, and commit to nothing.
pub(super) fn receipts(section: Option<&Section<'_>>) -> Receipts {
    let Some(section) = section else {
        return Receipts::default();
    };
    let commitments = section.boolean("commitments");
    let values_most = section.integer("values_most", 1..=VALUES_MOST, VALUES) as usize;
    section.finish();
    Receipts {
        commitments,
        values_most,
    }
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            commitments: false,
            values_most: VALUES as usize,
        }
    }
}
