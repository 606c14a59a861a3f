//! What transforms go by beyond the value.

use super::{ColumnPlan, KnownRow};
use crate::mask::transform::{Around, Subject};
use crate::time::Timestamp;

/// Days from the Unix epoch to 2000-01-01, PostgreSQL's day 0.
const EPOCH_DAYS: i64 = 10_957;
const DAY_NANOS: u64 = 86_400_000_000_000;

/// The row that a cell stands in.
#[derive(Clone, Copy, Default)]
pub struct Row<'a> {
    /// Since 2000-01-01; `None`: nobody has said it, and what depends on it is masked whole.
    today: Option<i64>,
    /// Its values that tell about others, if they were noted.
    noted: Option<&'a KnownRow>,
}

/// Which column says whose row it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// None of the result.
    Absent,
    /// The one whose values are noted under this number.
    Noted(usize),
}

impl<'a> Row<'a> {
    /// A row that is read now.
    pub fn at(now: Timestamp) -> Self {
        let days = i64::try_from(now.0 / DAY_NANOS).ok();
        Self {
            today: days.map(|days| days - EPOCH_DAYS),
            noted: None,
        }
    }

    /// The same row, of which this was noted.
    pub(super) fn noted<'b>(self, noted: &'b KnownRow) -> Row<'b> {
        Row {
            today: self.today,
            noted: Some(noted),
        }
    }

    /// Where the value of a column stands.
    pub(super) fn around(&self, column: &ColumnPlan) -> Around<'a> {
        let subject = match column.whose {
            Whose::Unknown => Subject::Unknown,
            Whose::Absent => Subject::Absent,
            Whose::Noted(number) => {
                let value = self.noted.and_then(|noted| noted.subject(number));
                value.map_or(Subject::Unknown, Subject::Known)
            }
        };
        Around {
            today: self.today,
            width: column.width,
            subject,
        }
    }
}
