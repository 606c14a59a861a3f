//! Aggregates of few persons, which are not shown.
//!
//! Every aggregate over rows of persons is written into a `CASE` before the server reads it, that
//! counts whose rows it is made of and is NULL where these are too few. What goes out is judged as
//! everything else: an aggregate that has no such `CASE` around it, or another one, is refused.

#[cfg(test)]
mod tests;
mod text;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::super::derived::{Taint, VIEW_DEPTH, facts};
use super::super::plan::Origins;
use super::super::{Glob, Policy};
use super::decide::is_system;
use super::{Denial, Guard, Reason};
use crate::catalog::{Catalog, Relation};
use crate::sql::Analysis;
use crate::sql::effects::{Access, Class};
use crate::sql::lineage::cells::{Cell, Guarded, Level, Measure, Obstacle, Reads, Source, Test};
use crate::sql::lineage::{Flow, Origin, View};

/// Why a statement may not run that has an aggregate over rows of persons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unguardable {
    /// It is written in a way that cannot be guarded.
    Aggregate(Obstacle),
    /// What it is made of is not known.
    Unknown,
    /// Persons of this table choose the rows of another one.
    Aside(String),
    /// Of the rows of this table it is not told whose they are.
    Nameless(String),
    /// Rows of this table are more than persons.
    Window(String),
    /// This view aggregates rows of persons itself.
    View(String),
    /// Nobody can read what this view is made of.
    Closed(String),
    /// Rows of persons come together in one value, other than by an aggregate.
    Gathered,
    /// It has another condition around it than it has to have.
    Other,
}

impl Unguardable {
    /// What is refused.
    pub(super) fn what(&self) -> String {
        match self {
            Unguardable::Aggregate(obstacle) => {
                format!(
                    "an aggregate of persons cannot be guarded: {}",
                    obstacle.words()
                )
            }
            Unguardable::Unknown => {
                "an aggregate is made of rows that may be of persons, and nobody knows".to_owned()
            }
            Unguardable::Aside(table) => {
                format!("a subquery over table {table} chooses what an aggregate is made of")
            }
            Unguardable::Nameless(table) => format!(
                "an aggregate is made of rows of table {table}, and what it reads does not show \
                 whose they are"
            ),
            Unguardable::Window(table) => format!(
                "an aggregate over a window counts rows of table {table}, and not whose they are"
            ),
            Unguardable::View(view) => format!("view {view} aggregates rows of persons"),
            Unguardable::Closed(view) => {
                format!("view {view} may aggregate rows of persons, and cannot be read")
            }
            Unguardable::Gathered => {
                "ARRAY or JSON_ARRAY puts rows of persons into one value".to_owned()
            }
            Unguardable::Other => "an aggregate of persons is not guarded".to_owned(),
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Unguardable::Aggregate(Obstacle::Own) => "Use one of PostgreSQL's own aggregates.",
            Unguardable::Aggregate(Obstacle::Definition) => "Aggregate where the view is read.",
            Unguardable::Aside(_) => "Join the table in FROM.",
            Unguardable::Nameless(_) => {
                "Let the query in FROM return the subject's column, or aggregate the table itself."
            }
            Unguardable::Window(_) => "Aggregate by GROUP BY.",
            Unguardable::View(_) | Unguardable::Closed(_) => "Aggregate the tables themselves.",
            Unguardable::Unknown => {
                "If a table was made in an open transaction, commit that first."
            }
            Unguardable::Gathered => "Use array_agg or json_agg.",
            Unguardable::Aggregate(_) | Unguardable::Other => {
                "Write it over columns of the table, without subqueries; conditions go into WHERE \
                 or FILTER."
            }
        }
    }
}

impl Policy {
    /// The text with every aggregate guarded that has to be. `None` if there is none, or if one
    /// cannot be: the statement is refused for it then.
    pub(crate) fn with_small_cells(
        &self,
        catalog: &Catalog,
        text: &[u8],
        statements: &[Analysis],
    ) -> Option<Vec<u8>> {
        let persons = Persons::of(self, catalog)?;
        let cells = statements.iter().map(|it| it.lineage.cells.as_ref());
        let mut edits = Vec::new();
        for cell in cells.flatten().flat_map(|cells| &cells.list) {
            match persons.required(cell).ok()? {
                Some(required) if !is_enough(cell, &required) => {
                    edits.push(text::edit(text, cell, &required)?);
                }
                _ => {}
            }
        }
        text::edited(text, edits)
    }

    /// Are aggregates of few persons not shown?
    pub(crate) fn guards_cells(&self) -> bool {
        self.guard
            .as_ref()
            .is_some_and(|it| it.small_cells.is_some())
    }

    /// Refuses what shows an aggregate of few persons, or could.
    pub(super) fn admit_cells(
        &self,
        catalog: &Catalog,
        statement: &Analysis,
        in_flux: bool,
    ) -> Result<(), Denial> {
        let Some(persons) = Persons::of(self, catalog) else {
            return Ok(());
        };
        let deny = |why| self.deny(Reason::SmallCells(why));
        persons.views(statement).map_err(deny)?;
        let cells = match &statement.lineage.cells {
            Ok(cells) => cells,
            Err(_) if !persons.may_be_in(statement) => return Ok(()),
            Err(unresolved) => return Err(self.deny(Reason::Unclear(*unresolved))),
        };
        if in_flux && !(cells.list.is_empty() && cells.gathered.is_empty()) {
            return Err(self.deny(Reason::InFlux));
        }
        for gathered in &cells.gathered {
            let rows = persons.rows(gathered, VIEW_DEPTH).map_err(deny)?;
            let has_asides = persons.first_of(&gathered.asides).map_err(deny)?.is_some();
            if rows.is_unknown || has_asides || !rows.guarded.is_empty() {
                return Err(deny(Unguardable::Gathered));
            }
        }
        for cell in &cells.list {
            match persons.required(cell).map_err(deny)? {
                Some(required) if !is_enough(cell, &required) => {
                    return Err(deny(Unguardable::Other));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// May a condition of the client's own around an aggregate be taken for its guard? It asks
    /// what lineage does not list as a use.
    pub(super) fn admits_guards(&self, catalog: &Catalog, statement: &Analysis) -> bool {
        let persons = Persons::of(self, catalog);
        let Ok(cells) = &statement.lineage.cells else {
            // Of those that are not listed nothing else is known either.
            return true;
        };
        let is_clean = |flow: &Flow| self.taint(catalog, flow, VIEW_DEPTH) == Taint::Clean;
        cells.list.iter().all(|cell| {
            let Some(guarded) = &cell.guarded else {
                return true;
            };
            let required = persons.as_ref().map(|persons| persons.required(cell));
            if let Some(Ok(Some(required))) = required
                && is_enough(cell, &required)
            {
                return true;
            }
            let asks_nothing = guarded.test == Test::None || is_clean(&cell.flow);
            let is_shown = |measure: &Measure| match measure {
                Measure::Rows => true,
                Measure::Distinct(table, name) => {
                    let origins = stored(&cell.level, table, name);
                    origins.is_some_and(|it| it.iter().all(|it| is_clean(&Flow::plain(*it))))
                }
            };
            asks_nothing && guarded.measures.iter().all(is_shown)
        })
    }
}

/// Is the aggregate guarded as it has to be?
fn is_enough(cell: &Cell, required: &Guarded) -> bool {
    cell.guarded.as_ref().is_some_and(|guarded| {
        guarded.threshold >= required.threshold
            && guarded.measures == required.measures
            && guarded.test == required.test
    })
}

/// The stored columns that a column of something in FROM shows.
fn stored<'l>(level: &'l Level, table: &str, name: &str) -> Option<&'l [Origin]> {
    let source = level.sources.iter().find(|source| source.name == table)?;
    let mut columns = source.stored.iter();
    let found = columns.find(|(known, _)| known == name);
    found.map(|(_, origins)| origins.as_slice())
}

/// Who is a person, by a policy.
struct Persons<'a> {
    policy: &'a Policy,
    catalog: &'a Catalog,
    threshold: i32,
    subjects: &'a [(Glob, Glob, Glob)],
    /// What was found out of relations.
    known: RefCell<HashMap<u32, bool>>,
}

/// The rows of something in FROM, with views taken apart.
#[derive(Default)]
struct Rows {
    /// Tables of persons, and how often each is gone through for one row.
    guarded: BTreeMap<u32, u32>,
    is_unknown: bool,
    repeats: bool,
}

type Found<T> = Result<T, Unguardable>;

impl<'a> Persons<'a> {
    fn of(policy: &'a Policy, catalog: &'a Catalog) -> Option<Self> {
        let guard: &Guard = policy.guard.as_ref()?;
        let volume = guard.volume.as_deref();
        Some(Self {
            policy,
            catalog,
            threshold: i32::try_from(guard.small_cells?).unwrap_or(i32::MAX),
            subjects: volume.map_or(&[], |volume| &volume.subject_columns),
            known: RefCell::default(),
        })
    }

    /// What the aggregate has to be guarded by; `None` if it may be shown as it is.
    fn required(&self, cell: &Cell) -> Found<Option<Guarded>> {
        // What is masked whole shows nothing of anybody, as long as it decides about no rows either
        // and is not written into another table.
        let is_kept = self.policy.guard.as_ref().is_some_and(Guard::keeps_values);
        let taint = || self.policy.taint(self.catalog, &cell.flow, VIEW_DEPTH);
        let is_masked = is_kept && taint() != Taint::Clean;
        if cell.is_of_aggregates && cell.obstacle != Some(Obstacle::Place) || is_masked {
            return Ok(None);
        }
        let level = &cell.level;
        if cell.obstacle == Some(Obstacle::Outer) || level.is_unknown {
            return Err(match cell.obstacle {
                Some(obstacle) => Unguardable::Aggregate(obstacle),
                None => Unguardable::Unknown,
            });
        }
        let mut sources = Vec::new();
        for source in &level.sources {
            sources.push((source, self.rows(&source.reads, VIEW_DEPTH)?));
        }
        let beside = self.first_of(&level.asides)?;
        let has_persons = sources.iter().any(|(_, rows)| !rows.guarded.is_empty());
        if !has_persons && beside.is_none() {
            return Ok(None);
        }
        if let Some(obstacle) = cell.obstacle {
            return Err(Unguardable::Aggregate(obstacle));
        }
        // Persons in a subquery could choose other rows instead of their own.
        let are_all = !sources.is_empty() && sources.iter().all(|(_, it)| !it.guarded.is_empty());
        if let Some(beside) = beside.filter(|_| !are_all) {
            return Err(Unguardable::Aside(self.name(beside)));
        }
        let mut measures = Vec::new();
        for (source, rows) in &sources {
            for measure in self.measures(cell, source, rows)? {
                if !measures.contains(&measure) {
                    measures.push(measure);
                }
            }
        }
        Ok(Some(Guarded {
            threshold: self.threshold,
            measures,
            test: cell.contributing.test(),
        }))
    }

    /// What counts the persons whose rows these are.
    fn measures(&self, cell: &Cell, source: &Source, rows: &Rows) -> Found<Vec<Measure>> {
        let Some(first) = rows.guarded.keys().next().copied() else {
            return Ok(Vec::new());
        };
        let is_single = rows.guarded.values().eq([&1]);
        let are_persons = is_single && self.has_a_row_for_each(first);
        let are_once = !cell.level.repeats && !rows.repeats && are_persons;
        if cell.is_window {
            return match are_once {
                true => Ok(vec![Measure::Rows]),
                false => Err(Unguardable::Window(self.name(first))),
            };
        }
        let distinct = |name: &str| Measure::Distinct(source.name.clone(), name.to_owned());
        let is_plain = source.is_table && rows.guarded.keys().all(|it| !self.is_view(*it));
        let is_itself = is_plain && source.reads.rows.keys().all(|it| !self.is_view(*it));
        let mut measures = Vec::new();
        for (table, times) in &rows.guarded {
            let column = self.subject_column(source, *table).filter(|_| *times == 1);
            measures.push(match column {
                Some(name) => distinct(name),
                None if is_itself && !self.has_subjects(*table) => distinct("ctid"),
                None if are_once => Measure::Rows,
                None => return Err(Unguardable::Nameless(self.name(*table))),
            });
        }
        measures.dedup();
        Ok(measures)
    }

    /// The column of the source that says which person of the table a row is of.
    fn subject_column<'s>(&self, source: &'s Source, table: u32) -> Option<&'s str> {
        let names = |origins: &[Origin]| {
            let mut covers = false;
            let all = origins.iter().all(|origin| {
                let facts = facts(self.catalog, *origin);
                let known = Origins::of(self.catalog, &facts);
                covers |= known.numbers().any(|(oid, _)| oid == table);
                let is_key = |number: Origin| {
                    self.catalog.keys.contains(&number) && !self.has_subjects(number.0)
                };
                self.is_subject(&known) || known.numbers().any(is_key)
            });
            all && covers
        };
        let mut stored = source.stored.iter();
        let found = stored.find(|(_, origins)| names(origins));
        found.map(|(name, _)| name.as_str())
    }

    fn is_subject(&self, column: &Origins<'_>) -> bool {
        column.names().any(|[schema, table, column]| {
            self.subjects.iter().any(|(schemas, tables, columns)| {
                columns.matches(column.as_bytes())
                    && tables.matches(table.as_bytes())
                    && schemas.matches(schema.as_bytes())
            })
        })
    }

    /// Columns of the table that say whose a row is.
    fn subjects_of(&self, table: u32) -> Vec<Origin> {
        let relation = self.catalog.relations.get(&table);
        let columns = relation.into_iter().flat_map(|it| &it.columns);
        let columns = columns.map(|column| (table, column.attnum));
        let is_subject = |column: &Origin| {
            let facts = facts(self.catalog, *column);
            self.is_subject(&Origins::of(self.catalog, &facts))
        };
        columns.filter(is_subject).collect()
    }

    fn has_subjects(&self, table: u32) -> bool {
        !self.subjects.is_empty() && !self.subjects_of(table).is_empty()
    }

    /// Is each row of the table another person, as far as anybody says?
    fn has_a_row_for_each(&self, table: u32) -> bool {
        let subjects = self.subjects_of(table);
        subjects.is_empty() || subjects.iter().any(|it| self.catalog.keys.contains(it))
    }

    // -- relations ---------------------------------------------------------------------------

    /// Are rows of this table about persons: is one of its columns under a rule, or does one say
    /// whose they are?
    fn is_guarded(&self, oid: u32) -> bool {
        if let Some(known) = self.known.borrow().get(&oid) {
            return *known;
        }
        let relation = self.catalog.relations.get(&oid);
        let is_own = relation.is_some_and(|relation| !is_system(&relation.schema));
        let is_guarded =
            is_own && (self.policy.rules_relation(self.catalog, oid) || self.has_subjects(oid));
        self.known.borrow_mut().insert(oid, is_guarded);
        is_guarded
    }

    fn rows(&self, reads: &Reads, depth: usize) -> Found<Rows> {
        let mut rows = Rows {
            is_unknown: reads.is_unknown,
            repeats: reads.repeats,
            ..Rows::default()
        };
        for (oid, times) in &reads.rows {
            let Some(view) = self.view(*oid)? else {
                if self.is_guarded(*oid) {
                    rows.guarded.insert(*oid, *times);
                }
                continue;
            };
            let below = depth.checked_sub(1);
            let below = below.ok_or_else(|| Unguardable::Closed(self.name(*oid)))?;
            let inner = self.rows(&view.reads, below)?;
            rows.is_unknown |= inner.is_unknown;
            rows.repeats |= inner.repeats;
            if inner.guarded.is_empty() && self.is_guarded(*oid) {
                rows.guarded.insert(*oid, *times);
            }
            for (table, count) in inner.guarded {
                let known = rows.guarded.entry(table).or_default();
                *known = known.saturating_add(count.saturating_mul(*times));
            }
        }
        match rows.is_unknown && rows.guarded.is_empty() {
            true => Err(Unguardable::Unknown),
            false => Ok(rows),
        }
    }

    /// The first table of persons among these.
    fn first_of<'o>(&self, oids: impl IntoIterator<Item = &'o u32>) -> Found<Option<u32>> {
        for oid in oids {
            let rows = self.rows(&Reads::of_one(*oid), VIEW_DEPTH)?;
            if let Some(first) = rows.guarded.keys().next() {
                return Ok(Some(*first));
            }
        }
        Ok(None)
    }

    fn is_view(&self, oid: u32) -> bool {
        let relation = self.catalog.relations.get(&oid);
        relation.is_some_and(|it| it.is_view) || self.catalog.views.contains_key(&oid)
    }

    /// What a view is made of, if it is one. A view that aggregates rows of persons is read by
    /// nobody.
    fn view(&self, oid: u32) -> Found<Option<&'a View>> {
        let relation = self.catalog.relations.get(&oid);
        if relation.is_some_and(|it| is_system(&it.schema)) || !self.is_view(oid) {
            return Ok(None);
        }
        match self.catalog.views.get(&oid) {
            Some(Some(view)) => Ok(Some(view)),
            Some(None) | None => Err(Unguardable::Closed(self.name(oid))),
        }
    }

    fn name(&self, oid: u32) -> String {
        let relation = self.catalog.relations.get(&oid);
        relation.map_or_else(String::new, |it| format!("{}.{}", it.schema, it.name))
    }

    // -- statements --------------------------------------------------------------------------

    /// Refuses views that aggregate rows of persons themselves, or may.
    fn views(&self, statement: &Analysis) -> Found<()> {
        let effects = &statement.effects;
        let used = effects.relations.iter();
        // What a definition names it does not read; what DROP names is gone.
        let is_used = |access: Access| match access {
            Access::Read => true,
            Access::Write => effects.class != Class::Define,
            Access::Define => false,
        };
        for named in used.filter(|it| is_used(it.access)) {
            for (oid, _) in self.candidates(statement, &named.name) {
                self.look_through(oid, VIEW_DEPTH)?;
            }
        }
        Ok(())
    }

    fn look_through(&self, oid: u32, depth: usize) -> Found<()> {
        let Some(view) = self.view(oid)? else {
            return Ok(());
        };
        let below = depth.checked_sub(1);
        let below = below.ok_or_else(|| Unguardable::Closed(self.name(oid)))?;
        if self.first_of(&view.counted)?.is_some() {
            return Err(Unguardable::View(self.name(oid)));
        }
        view.reads
            .relations()
            .try_for_each(|oid| self.look_through(oid, below))
    }

    /// Does the statement name a table of persons, or something that is not known?
    fn may_be_in(&self, statement: &Analysis) -> bool {
        statement.effects.relations.iter().any(|named| {
            let candidates = self.candidates(statement, &named.name);
            let guards = |oid: u32| {
                let rows = self.rows(&Reads::of_one(oid), VIEW_DEPTH);
                rows.is_ok_and(|rows| rows.guarded.is_empty())
            };
            candidates.is_empty() || !candidates.iter().all(|(oid, _)| guards(*oid))
        })
    }

    fn candidates(&self, statement: &Analysis, name: &[String]) -> Vec<(u32, &'a Relation)> {
        super::decide::candidates(self.catalog, &statement.path, name)
    }
}
