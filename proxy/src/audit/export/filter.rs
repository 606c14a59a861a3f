//! Which rows are wanted.

use velum_core::time::Timestamp;

use super::row::Row;

/// What overlaps a period, of one identity or all, at one resource or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// First moment.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
    /// The identity.
    pub identity: Option<String>,
    /// The resource.
    pub resource: Option<String>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            from: Timestamp(0),
            to: Timestamp(u64::MAX),
            identity: None,
            resource: None,
        }
    }
}

impl Filter {
    /// Is this row wanted?
    pub fn wants(&self, row: &Row) -> bool {
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
        };
        row.begin < self.to
            && row.end >= self.from
            && is(&self.identity, &row.identity)
            && is(&self.resource, &row.resource)
    }
}
