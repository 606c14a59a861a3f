//! Which relations the rows of a query are made of.

use std::collections::{BTreeMap, BTreeSet};

/// Which relations rows are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Relations whose rows are among them, and how often each is gone through for one row.
    pub rows: BTreeMap<u32, u32>,
    /// Relations that only choose among them, or add values to them, in subqueries.
    pub asides: BTreeSet<u32>,
    /// Something among them is not known.
    pub is_unknown: bool,
    /// A row of these relations may be in several of them.
    pub repeats: bool,
}

impl Reads {
    /// Rows of whichever of these it is.
    pub(in crate::sql::lineage) fn of(relations: impl IntoIterator<Item = u32>) -> Self {
        let rows: BTreeMap<u32, u32> = relations.into_iter().map(|oid| (oid, 1)).collect();
        Self {
            is_unknown: rows.is_empty(),
            rows,
            ..Self::default()
        }
    }

    /// Rows of this relation.
    pub fn of_one(relation: u32) -> Self {
        Self::of([relation])
    }

    /// Of something that nobody knows.
    pub(in crate::sql::lineage) fn unknown() -> Self {
        Self::of([])
    }

    /// The same where every row of these may meet any of the others.
    pub(in crate::sql::lineage) fn joined(&self, other: &Reads) -> Self {
        let mut both = self.clone();
        both.join(other);
        both.repeats = true;
        both
    }

    /// Every row of these meets one of the others.
    pub(in crate::sql::lineage) fn join(&mut self, other: &Reads) {
        for (oid, count) in &other.rows {
            let known = self.rows.entry(*oid).or_default();
            *known = known.saturating_add(*count);
        }
        self.also(other);
    }

    /// The rows of these and then those of the others.
    pub(in crate::sql::lineage) fn append(&mut self, other: &Reads) {
        for (oid, count) in &other.rows {
            let known = self.rows.entry(*oid).or_default();
            *known = (*known).max(*count);
        }
        self.also(other);
    }

    fn also(&mut self, other: &Reads) {
        self.asides.extend(&other.asides);
        self.is_unknown |= other.is_unknown;
        self.repeats |= other.repeats;
    }

    /// All relations that have a part in it.
    pub fn relations(&self) -> impl Iterator<Item = u32> {
        self.rows.keys().chain(&self.asides).copied()
    }
}
