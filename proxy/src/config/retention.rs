//! `[retention]`

use super::reader::Section;
use crate::audit::retention::{Retention, SIX_YEARS_DAYS};

/// A century: longer is for ever, and needs no key.
const MOST_DAYS: u64 = 36_525;

/// Reads `[retention]`; without it everything is kept for six years.
pub(super) fn retention(section: Option<&Section<'_>>) -> Retention {
    let Some(section) = section else {
        return Retention::default();
    };
    let days = |key| section.integer(key, 1..=MOST_DAYS, SIX_YEARS_DAYS);
    let retention = Retention {
        approvals_days: days("approvals_days"),
        sessions_days: days("sessions_days"),
        statements_days: days("statements_days"),
        admin_days: days("admin_days"),
    };
    section.finish();
    retention
}
