//! The policy, the catalog and the engine that a session judges by.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::cell::{ColumnFacts, ColumnPlan, Judge, Masker, Scratch, Tally};
use crate::inspect::Inspect;
use crate::policy::{Messages, Policy};

/// OIDs below this are PostgreSQL's own (FirstNormalObjectId).
const FIRST_NORMAL_OID: u32 = 16_384;

/// Everything that judging needs, with the scratch space and the counts of masked cells.
pub(super) struct Rulebook<I> {
    policy: Arc<Policy>,
    catalog: Arc<Catalog>,
    inspector: Arc<I>,
    epoch: u64,
    tally: Tally,
    scratch: Scratch,
}

impl<I: Inspect> Rulebook<I> {
    pub(super) fn new(policy: Arc<Policy>, catalog: Arc<Catalog>, inspector: Arc<I>) -> Self {
        Self {
            policy,
            catalog,
            inspector,
            epoch: 1,
            tally: Tally::default(),
            scratch: Scratch::default(),
        }
    }

    /// Puts a new policy and catalog in force: every plan is made anew.
    pub(super) fn refresh(&mut self, policy: Arc<Policy>, catalog: Arc<Catalog>) {
        self.policy = policy;
        self.catalog = catalog;
        self.epoch += 1;
    }

    /// Changes whenever plans have to be made anew.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// True if no byte of a result has to be looked at beyond its framing.
    pub(super) fn judges_nothing(&self) -> bool {
        self.policy.judges_nothing()
    }

    /// True if texts of errors and notices are veiled beyond what content detection finds.
    pub(super) fn veils_messages(&self) -> bool {
        self.policy.has_rules() && self.policy.messages == Messages::Strict
    }

    pub(super) fn plan(&self, facts: &ColumnFacts) -> ColumnPlan {
        self.policy.plan(&self.catalog, facts)
    }

    /// Tables of these columns that a rule could name but the catalog does not know: they are
    /// newer than the catalog.
    pub(super) fn unknown_tables(&self, facts: &[ColumnFacts]) -> impl Iterator<Item = u32> {
        let has_rules = self.policy.has_rules();
        facts
            .iter()
            .map(|column| column.table_oid)
            .filter(move |oid| has_rules && *oid >= FIRST_NORMAL_OID)
            .filter(|oid| !self.catalog.relations.contains_key(oid))
    }

    pub(super) fn judge(&mut self) -> Judge<'_, I> {
        Judge {
            policy: &self.policy,
            catalog: &self.catalog,
            inspector: &*self.inspector,
            tally: &mut self.tally,
            scratch: &mut self.scratch,
        }
    }

    /// The counts so far by name, which starts them anew.
    pub(super) fn take_tally(&mut self) -> Vec<(String, u64)> {
        let named = self
            .tally
            .iter()
            .map(|(masker, count)| (self.masker_name(masker), count))
            .collect();
        self.tally.clear();
        named
    }

    fn masker_name(&self, masker: Masker) -> String {
        match masker {
            Masker::Rule(id) => match self.policy.rules.get(usize::from(id.0)) {
                Some(rule) => format!("rule:{}", rule.name),
                None => format!("rule:{}", id.0),
            },
            Masker::Detector(id) => format!("detector:{}", self.inspector.detector_name(id)),
            Masker::Default => "default".to_owned(),
        }
    }
}
