//! The policy, the catalog and the engine that a session judges by.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::token::Token;
use crate::catalog::Catalog;
use crate::cell::{
    ColumnFacts, ColumnPlan, Decision, Judge, Row, Scratch, SharedWatch, Tally, Whose,
};
use crate::inspect::{Inspect, Prior};
use crate::limits;
use crate::mask::types;
use crate::policy::guard::{Judged, Reason};
use crate::policy::{Messages, Policy, Strategy};
use crate::sql::effects::{Class, PathChange};
use crate::sql::lineage::Kind;
use crate::sql::{self, Analysis, SearchPath, SharedAnalyses};
use crate::time::Timestamp;

use super::known::{Known, Speaker, Spoken, is_generated_name};
use super::lineage::{Lineage, Source};
use super::receipt::Sums;
use super::shown::{Shown, place};
use super::statements::Statement;
use super::text::StatementText;

/// Tags of commands that name columns: of cursors, of prepared statements, of temporary tables.
const NAMING_TAGS: [&[u8]; 4] = [b"DECLARE", b"PREPARE", b"CREATE", b"ALTER"];

/// Something of a result that the catalog does not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Unknown {
    /// Table and attribute.
    Column(u32, i16),
    /// A type.
    Type(u32),
    /// Something that the text of this token names.
    Names(Token),
}

/// Everything that judging needs, with the scratch space and the counts of masked cells.
pub(super) struct Rulebook<I> {
    policy: Arc<Policy>,
    catalog: Arc<Catalog>,
    analyses: SharedAnalyses,
    inspector: Arc<I>,
    epoch: u64,
    /// The session has changed the catalog and none was read since.
    in_flux: bool,
    /// What a row that comes now goes by.
    row: Row<'static>,
    pub(super) tally: Tally,
    /// What the results so far of the statement at hand show of columns under rules.
    pub(super) shown: Shown,
    pub(super) sums: Option<Sums>,
    scratch: Scratch,
    speaker: Speaker,
    /// Channels that the client has named in a LISTEN.
    channels: HashSet<Vec<u8>>,
    /// Names in the client's statements that name columns of later ones.
    given: HashSet<Vec<u8>>,
}

impl<I: Inspect> Rulebook<I> {
    pub(super) fn new(
        policy: Arc<Policy>,
        catalog: Arc<Catalog>,
        analyses: SharedAnalyses,
        inspector: Arc<I>,
    ) -> Self {
        Self {
            policy,
            catalog,
            analyses,
            inspector,
            epoch: 1,
            in_flux: false,
            row: Row::default(),
            tally: Tally::default(),
            shown: Shown::default(),
            sums: None,
            scratch: Scratch::default(),
            speaker: Speaker::default(),
            channels: HashSet::new(),
            given: HashSet::new(),
        }
    }

    /// What comes next belongs to `statement`.
    pub(super) fn attend(&mut self, statement: Option<&Rc<Statement>>) {
        self.speaker.attend(statement);
    }

    /// The names in the statement at hand.
    pub(super) fn spoken(&self) -> Option<&Spoken> {
        self.speaker.spoken()
    }

    /// The statement at hand is complete: notes the channels that it makes the client listen to,
    /// and the names that it may have given to columns. `tag` is its command tag.
    pub(super) fn heed(&mut self, tag: &[u8]) {
        let names_columns = NAMING_TAGS.iter().any(|naming| tag.starts_with(naming))
            || tag.starts_with(b"SELECT") && self.speaker.may_write();
        if !(names_columns || tag == b"LISTEN") || !self.veils_messages() {
            return;
        }
        let Some(spoken) = self.speaker.heed() else {
            return;
        };
        let room = limits::CHANNELS - self.channels.len();
        self.channels
            .extend(spoken.channels.iter().take(room).cloned());
        if names_columns {
            if self.given.len() >= limits::GIVEN_NAMES {
                self.given.clear();
            }
            let room = limits::GIVEN_NAMES - self.given.len();
            self.given.extend(spoken.names().take(room).cloned());
        }
    }

    /// True if the name of an output column tells nothing: the catalog, SQL or the client itself
    /// gave it. What a temporary table is made of is not taken from the catalog.
    pub(super) fn is_column_name(&self, name: &[u8], table_oid: u32, attnum: i16) -> bool {
        let is_in_catalog = || {
            let column = self.catalog.column(table_oid, attnum);
            column.is_some_and(|(relation, column)| {
                !relation.schema.starts_with("pg_temp_") && column.name.as_bytes() == name
            })
        };
        let known = Known {
            catalog: &self.catalog,
            own: None,
        };
        let is_given = || {
            // SHOW spells parameters in its own way, and those of extensions with a dot.
            let name = name.to_ascii_lowercase();
            let spoken = self.spoken();
            spoken.is_some_and(|spoken| {
                name.split(|&byte| byte == b'.')
                    .all(|part| spoken.has(part))
            })
        };
        known.is_name(name)
            || is_generated_name(name)
            || is_in_catalog()
            || self.given.contains(name)
            || self.spoken().is_some_and(|spoken| spoken.has(name))
            || is_given()
    }

    /// True if the client has named `channel` in a LISTEN.
    pub(super) fn listens_to(&self, channel: &[u8]) -> bool {
        self.channels.contains(channel)
    }

    /// Puts a new policy and catalog in force: every plan is made anew.
    pub(super) fn refresh(&mut self, policy: Arc<Policy>, catalog: Arc<Catalog>) {
        if let Some(sums) = &mut self.sums {
            sums.policy(policy.sha256);
        }
        self.policy = policy;
        self.catalog = catalog;
        self.epoch += 1;
    }

    /// What comes next comes now.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.row = Row::at(now);
    }

    /// While this is so, what a view shows is not known, and neither is what the catalog does
    /// not have: unless a rule matches, it is masked whole.
    pub(super) fn set_in_flux(&mut self, in_flux: bool) {
        if self.in_flux != in_flux {
            self.in_flux = in_flux;
            self.epoch += 1;
        }
    }

    /// Changes whenever plans have to be made anew.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn shared_policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn inspector(&self) -> &I {
        &self.inspector
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// True if no byte of a result has to be looked at beyond its framing.
    pub(super) fn judges_nothing(&self) -> bool {
        self.policy.judges_nothing()
    }

    /// True if texts of errors and notices are veiled beyond what content detection finds.
    /// Without any content detection nothing would be left that looks at them.
    pub(super) fn veils_messages(&self) -> bool {
        let is_scanned = self.policy.messages == Messages::Scan && self.policy.content.is_some();
        self.policy.has_rules() && !is_scanned
    }

    /// True if some column may be masked for what flows into it.
    pub(super) fn needs_lineage(&self) -> bool {
        self.policy.has_rules() && !self.judges_nothing()
    }

    /// Asks for something of what is known of a statement.
    pub(super) fn look_up<R>(
        &self,
        source: &Source,
        ask: impl FnOnce(&Analysis) -> R,
    ) -> Option<R> {
        let known = self.analyses(source).ok()?;
        source.find(&known).map(ask)
    }

    /// May the text of `source` run?
    pub(super) fn admit(&self, source: &Source) -> Judged {
        let judged = match self.in_flux {
            true => self
                .analyses(source)
                .map(|statements| self.policy.admit(&self.catalog, &statements, true)),
            false => self
                .analyses
                .judge(&source.text, &self.catalog, &source.path, &self.policy),
        };
        judged.unwrap_or_else(|unread| Err(self.policy.deny(Reason::Unread(unread))))
    }

    /// The text that the server is to read, if that is to be another one. While nobody knows what
    /// its names stand for it stays; columns are masked then, and aggregates refused.
    pub(super) fn rewritten(&self, text: &StatementText, path: &SearchPath) -> Option<Vec<u8>> {
        if !self.policy.rewrites() || self.in_flux {
            return None;
        }
        let text = text.whole()?;
        let read = |text: &[u8]| self.analyses.get(text, &self.catalog, path).ok();
        self.policy.rewritten(&self.catalog, &text, read)
    }

    /// What was read of the text of `source`.
    pub(super) fn statements_of(&self, source: &Source) -> Option<Rc<[Analysis]>> {
        self.analyses(source).ok()
    }

    /// Does the text of `source` name something that the catalog does not have?
    pub(super) fn names_unknown(&self, source: &Source) -> bool {
        let known = self.analyses(source);
        known.is_ok_and(|statements| statements.iter().any(|it| it.lineage.is_ahead))
    }

    pub(super) fn plan(&self, facts: &ColumnFacts, lineage: Lineage<'_>) -> ColumnPlan {
        let mut plan = match lineage {
            Lineage::Described => self.policy.plan(&self.catalog, facts),
            Lineage::Flow(flow) => self.policy.plan_computed(&self.catalog, facts, flow),
            Lineage::Unknown => self.policy.plan_unknown(&self.catalog, facts),
        };
        let is_unsure = self.in_flux || self.catalog.unreadable;
        let hides = self.in_flux && !self.is_settled(facts)
            || is_unsure && self.needs_lineage() && !is_settled_flow(lineage);
        if hides && !matches!(plan.decision, Decision::Mask(_)) {
            plan.decision = Decision::MaskByDefault;
        }
        if let Some(strategy) = self.policy.content.as_ref().filter(|_| !plan.is_pass()) {
            let has_keys = !self.policy.json_keys().is_empty();
            let stored = self.inspector.prior(plan.hint());
            let prior = match self.inspector.prior(plan.alias_hint()) {
                Prior::Whole(detector) => Prior::Whole(detector),
                Prior::Skip | Prior::Scan => stored,
            };
            plan.heed(prior, strategy, has_keys);
            // What an alias says a column is hides it, and shows nothing of it.
            plan.may_transform = prior == stored && Policy::is_stored(&self.catalog, facts);
            if plan.decision == Decision::Scan {
                let watch = self.inspector.watch(plan.hint());
                plan.watch = watch.map(SharedWatch::new);
            }
        }
        if !plan.is_pass() || matches!(lineage, Lineage::Flow(flow) if flow.kind == Kind::Count) {
            self.name(&mut plan, facts, lineage);
        }
        let hides_nulls = self.policy.guard.as_ref().is_some_and(|it| it.hides_nulls);
        let is_masked = !matches!(plan.decision, Decision::Pass | Decision::Scan);
        if hides_nulls && is_masked {
            plan.strategy = Strategy::Null;
        }
        plan
    }

    /// The plans of all columns of a result; `source` computes those that have no table.
    pub(super) fn plans(&self, facts: &[ColumnFacts], source: Option<&Source>) -> Vec<ColumnPlan> {
        let needs_lineage = self.needs_lineage();
        let has_computed = facts.iter().any(|column| column.table_oid == 0);
        let needs_source = has_computed || self.needs_subjects() || self.policy.counts_subjects();
        let source = source.filter(|_| needs_lineage && needs_source);
        let known = source.and_then(|source| self.analyses(source).ok());
        let analysis = source.zip(known.as_deref());
        let analysis = analysis.and_then(|(source, known)| source.find(known));
        let outputs = analysis.and_then(|analysis| analysis.lineage.outputs.as_ref().ok());
        let plan = |(index, column): (usize, &ColumnFacts)| {
            let lineage = match column.table_oid {
                0 if needs_lineage => Lineage::of(outputs, index, facts.len()),
                _ => Lineage::Described,
            };
            self.plan(column, lineage)
        };
        let mut plans: Vec<_> = facts.iter().enumerate().map(plan).collect();
        place(&mut plans);
        self.find_subjects(&mut plans, facts, analysis);
        self.policy
            .find_owners(&self.catalog, &mut plans, facts, analysis);
        if self.policy.content.is_some() {
            self.find_keys(&mut plans);
        }
        plans
    }

    /// True if a rule has to know whose row it is.
    pub(super) fn needs_subjects(&self) -> bool {
        let mut rules = self.policy.rules.iter();
        rules.any(|rule| rule.strategy.subject().is_some())
    }

    /// Tells columns whose transform asks for it which other says whose row it is: one of the same
    /// table, as the catalog names it. A statement that reads a table twice can put columns of
    /// different rows beside each other, and so lead dates astray: nobody can tell then.
    fn find_subjects(
        &self,
        plans: &mut [ColumnPlan],
        facts: &[ColumnFacts],
        analysis: Option<&Analysis>,
    ) {
        if !self.needs_subjects() || analysis.is_none_or(|known| known.lineage.joins_itself) {
            return;
        }
        for (index, column) in facts.iter().enumerate() {
            let wanted = plans.get(index).and_then(|plan| plan.strategy.subject());
            let Some(wanted) = wanted.filter(|_| column.table_oid != 0) else {
                continue;
            };
            let is_it = |(other, plan): (&ColumnFacts, &ColumnPlan)| {
                let stored = self.catalog.column(other.table_oid, other.attnum);
                other.table_oid == column.table_oid
                    && plan.can_name_subject()
                    && stored.is_some_and(|(_, stored)| stored.name == wanted)
            };
            let found = facts.iter().zip(&*plans).position(is_it);
            if let Some(subject) = found.and_then(|found| plans.get_mut(found)) {
                subject.subject = found;
            }
            if let Some(plan) = plans.get_mut(index) {
                plan.whose = found.map_or(Whose::Absent, Whose::Noted);
            }
        }
    }

    /// The plans of columns that may show anything.
    pub(super) fn plans_in_doubt(&self, facts: &[ColumnFacts]) -> Vec<ColumnPlan> {
        let plan = |facts| self.plan(facts, Lineage::Unknown);
        let mut plans: Vec<_> = facts.iter().map(plan).collect();
        place(&mut plans);
        self.policy
            .find_owners(&self.catalog, &mut plans, facts, None);
        plans
    }

    /// Marks the columns that say what others are. A result has one such column: of several, the
    /// first that is named.
    fn find_keys(&self, plans: &mut [ColumnPlan]) {
        let hints: Vec<_> = plans.iter().map(ColumnPlan::hint).collect();
        let is_scanned = |index: &usize| plans[*index].decision == Decision::Scan;
        let keys: Vec<_> = (0..plans.len())
            .filter(is_scanned)
            .filter_map(|index| Some((index, self.inspector.key_of(&hints, index)?)))
            .collect();
        let Some(&(_, key)) = keys.first() else {
            return;
        };
        for (index, _) in keys.iter().filter(|(_, other)| *other == key) {
            plans[*index].has_key = true;
        }
        if let Some(plan) = plans.get_mut(key) {
            plan.is_key = true;
        }
    }

    /// What of these columns a rule could be about and the catalog does not know: it is newer
    /// than the catalog.
    pub(super) fn unknown(&self, facts: &[ColumnFacts]) -> Vec<Unknown> {
        if !self.policy.has_rules() {
            return Vec::new();
        }
        let mut unknown = Vec::new();
        for column in facts {
            if !self.knows_origin(column) {
                unknown.push(Unknown::Column(column.table_oid, column.attnum));
            }
            if !types::is_known(&self.catalog, column.type_oid) {
                unknown.push(Unknown::Type(column.type_oid));
            }
        }
        unknown
    }

    /// PostgreSQL's own tables do not change, and system columns are in no catalog.
    fn knows_origin(&self, column: &ColumnFacts) -> bool {
        match (column.table_oid, column.attnum) {
            (..types::FIRST_NORMAL_OID, _) | (_, ..0) => true,
            (table_oid, 0) => self.catalog.relations.contains_key(&table_oid),
            (table_oid, attnum) => self.catalog.column(table_oid, attnum).is_some(),
        }
    }

    /// Does the column show the same whatever the session has changed? A table's rows stay its
    /// own under any name; a view may have become another.
    fn is_settled(&self, column: &ColumnFacts) -> bool {
        let relation = self.catalog.relations.get(&column.table_oid);
        self.knows_origin(column)
            && types::is_known(&self.catalog, column.type_oid)
            && relation.is_none_or(|relation| !relation.is_view)
    }

    fn analyses(&self, source: &Source) -> sql::Known {
        self.analyses.get(&source.text, &self.catalog, &source.path)
    }

    // -- the search path ---------------------------------------------------------------------

    /// Can it matter what the search path is?
    fn heeds_path(&self) -> bool {
        let judges = self.needs_lineage() || self.policy.guard.is_some();
        judges && self.catalog.has_namesakes()
    }

    /// Does it matter to a statement of this text, or to those that follow it in a transaction?
    pub(super) fn wants_path(&self, text: &StatementText) -> bool {
        let begins = |statement: &Analysis| {
            statement.effects.class == Class::Transaction
                && statement.path_change == PathChange::None
        };
        let statements = self.statements_by(text, &SearchPath::Unknown);
        let mut statements = statements.iter().flat_map(|known| known.iter());
        statements.any(|it| begins(it) || it.effects.names_several(&self.catalog))
    }

    /// The path by which this text is judged: `now`, where that matters. Otherwise sessions share
    /// what is known of it.
    pub(super) fn path_for(&self, text: &StatementText, now: &SearchPath) -> SearchPath {
        if *now == SearchPath::Unknown || self.in_flux {
            return SearchPath::Unknown;
        }
        let statements = self.statements_by(text, &SearchPath::Unknown);
        let mut statements = statements.iter().flat_map(|known| known.iter());
        match statements.any(|it| it.effects.names_several(&self.catalog)) {
            true => now.clone(),
            false => SearchPath::Unknown,
        }
    }

    /// What was read of a text, if it can matter what the path is.
    pub(super) fn statements_by(
        &self,
        text: &StatementText,
        path: &SearchPath,
    ) -> Option<Rc<[Analysis]>> {
        let text = text.whole().filter(|_| self.heeds_path())?;
        self.analyses.get(&text, &self.catalog, path).ok()
    }

    pub(super) fn judge(&mut self) -> Judge<'_, I> {
        Judge {
            policy: &self.policy,
            catalog: &self.catalog,
            inspector: &*self.inspector,
            known: &[],
            key: None,
            row: self.row,
            tally: &mut self.tally,
            scratch: &mut self.scratch,
        }
    }
}

/// Does what flows into a computed column stay the same whatever the session has changed? Any
/// function and any view may be another now.
fn is_settled_flow(lineage: Lineage<'_>) -> bool {
    match lineage {
        Lineage::Described => true,
        Lineage::Flow(flow) => flow.kind <= Kind::Count && flow.functions.is_empty(),
        Lineage::Unknown => false,
    }
}
