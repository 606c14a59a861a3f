//! What columns are by their neighbours: foreign keys, definitions of views, the other columns of
//! their table.

use std::collections::{BTreeMap, BTreeSet};

use velum_core::catalog::Catalog;
use velum_core::sql::lineage::{Flow, Kind, Origin};

use super::class::{Class, Grade};
use super::facts::{Facts, Table};
use super::judge::{Found, Judge, notes};
use super::tally::Tally;

/// How far one table may be from a person's: a result of a test of a sample of a patient.
const TABLE_STEPS: usize = 4;
/// Views of views.
const VIEW_STEPS: usize = 16;
/// Columns of a table that together are a person.
const PERSON_COLUMNS: usize = 2;

/// By column, what it is.
pub(super) type FoundColumns = BTreeMap<Origin, Found>;

/// Judges all columns.
pub(super) fn judge_all(
    judge: &Judge<'_>,
    facts: &Facts,
    catalog: &Catalog,
    tallies: &BTreeMap<Origin, Tally>,
) -> FoundColumns {
    // Who is a person's table is seen by what is found without knowing it.
    let first = each(judge, facts, catalog, tallies, &BTreeSet::new());
    let personal = personal(judge, facts, &first);
    let mut found = each(judge, facts, catalog, tallies, &personal);
    follow_keys(facts, &mut found);
    follow_definitions(facts, catalog, &mut found);
    found
}

fn each(
    judge: &Judge<'_>,
    facts: &Facts,
    catalog: &Catalog,
    tallies: &BTreeMap<Origin, Tally>,
    personal: &BTreeSet<u32>,
) -> FoundColumns {
    let silent = Tally::default();
    let mut found = FoundColumns::new();
    for table in facts.tables.values() {
        let is_personal = personal.contains(&table.oid);
        for column in &table.columns {
            let origin = (table.oid, column.attnum);
            // A partition's columns are its parent's.
            if facts.root(origin) != origin {
                continue;
            }
            let tally = tallies.get(&origin).unwrap_or(&silent);
            let own = judge.column(table, column, tally, is_personal);
            let own = own.or_else(|| notes(column, tally, is_personal));
            let own = match table.shows_others() && tally.values == 0 {
                true => own.and_then(|own| unfollowed(catalog, origin, own)),
                false => own,
            };
            found.extend(own.map(|own| (origin, own)));
        }
    }
    found
}

/// Names in a view are whatever its author chose; they count where what it shows is not followed.
fn unfollowed(catalog: &Catalog, origin: Origin, mut own: Found) -> Option<Found> {
    let flow = catalog.computed.get(&origin)?;
    if flow.kind != Kind::Opaque {
        return None;
    }
    own.grade = Grade::Look;
    let why = "nobody can tell what its definition computes";
    own.evidence.push(why.to_owned());
    Some(own)
}

/// Tables with a person in each row, and those that refer to one.
fn personal(judge: &Judge<'_>, facts: &Facts, found: &FoundColumns) -> BTreeSet<u32> {
    let mut personal: BTreeSet<u32> = facts
        .tables
        .values()
        .filter(|table| is_person(judge, table, found))
        .map(|table| table.oid)
        .collect();
    for _ in 0..TABLE_STEPS {
        let mut more: BTreeSet<u32> = facts
            .links
            .iter()
            .filter(|((_, _), (to, _))| personal.contains(to))
            .map(|((from, _), _)| *from)
            .collect();
        for table in facts.tables.values() {
            if table
                .parent
                .is_some_and(|parent| personal.contains(&parent))
            {
                more.insert(table.oid);
            }
        }
        personal.extend(more);
    }
    personal
}

fn is_person(judge: &Judge<'_>, table: &Table, found: &FoundColumns) -> bool {
    let of_table = found.range((table.oid, i16::MIN)..=(table.oid, i16::MAX));
    let telling = of_table.filter(|(_, it)| it.grade.counts() && it.class.tells_person());
    let classes: BTreeSet<Class> = telling.map(|(_, it)| it.class).collect();
    // `patient_id`, whether or not a foreign key says so.
    let refers = |column: &str| {
        let lower = column.to_lowercase();
        let stem = ["_id", "_key", "_sk", "_no"]
            .iter()
            .find_map(|it| lower.strip_suffix(it));
        stem.is_some_and(|stem| judge.is_of_persons(stem))
    };
    classes.len() >= PERSON_COLUMNS
        || judge.is_of_persons(&table.name)
        || table.columns.iter().any(|column| refers(&column.name))
}

/// Columns that a foreign key ties have the same values.
fn follow_keys(facts: &Facts, found: &mut FoundColumns) {
    for _ in 0..TABLE_STEPS {
        let mut news = Vec::new();
        for (from, to) in &facts.links {
            let (from, to) = (facts.root(*from), facts.root(*to));
            for (one, other, words) in [(from, to, "refers to"), (to, from, "is referred to by")] {
                let Some(theirs) = found.get(&other).filter(|it| it.grade.counts()) else {
                    continue;
                };
                // A calendar is not about a person because a birthday refers to it.
                let passes = one == from || !theirs.class.needs_person();
                let evidence = format!("{words} {}", name_of(facts, other));
                // What is known by itself has another witness in whom it refers to.
                let is_news = found.get(&one).is_none_or(|own| {
                    let agrees = one == from && own.class.is_akin(theirs.class);
                    own.grade < theirs.grade || agrees && !own.evidence.contains(&evidence)
                });
                if passes && is_news {
                    news.push((one, theirs.class, theirs.grade, evidence));
                }
            }
        }
        if news.is_empty() {
            break;
        }
        for (origin, class, grade, evidence) in news {
            raise(found, origin, class, grade, evidence);
        }
    }
}

/// Adds a witness, who may know better.
fn raise(
    found: &mut FoundColumns,
    origin: Origin,
    class: Class,
    grade: Grade,
    words: String,
) -> &mut Found {
    let own = found
        .entry(origin)
        .or_insert_with(|| Found::new(class, grade, Vec::new()));
    if own.grade < grade {
        (own.class, own.grade) = (class, grade);
    }
    if !own.evidence.contains(&words) {
        own.evidence.insert(0, words);
    }
    own
}

/// Columns of views, and generated ones, are what flows into them.
fn follow_definitions(facts: &Facts, catalog: &Catalog, found: &mut FoundColumns) {
    let mut news = Vec::new();
    for table in facts.tables.values() {
        for column in &table.columns {
            let origin = (table.oid, column.attnum);
            let Some(best) = best_source(facts, catalog, found, origin) else {
                continue;
            };
            let (source, is_plain) = best;
            let Some(theirs) = found.get(&source) else {
                continue;
            };
            let name = name_of(facts, source);
            let (words, grade) = match is_plain {
                true => (format!("shows {name}"), theirs.grade),
                false => (
                    format!("is computed from {name}"),
                    theirs.grade.min(Grade::Likely),
                ),
            };
            news.push((origin, theirs.class, grade, words));
        }
    }
    for (origin, class, grade, words) in news {
        raise(found, origin, class, grade, words).follows = true;
    }
}

/// The surest of the columns that flow into this one, and whether it is shown as it is.
fn best_source(
    facts: &Facts,
    catalog: &Catalog,
    found: &FoundColumns,
    origin: Origin,
) -> Option<(Origin, bool)> {
    let mut open = vec![(origin, true)];
    let mut seen = BTreeSet::new();
    let mut best: Option<(Grade, Origin, bool)> = None;
    for _ in 0..VIEW_STEPS {
        let mut next = Vec::new();
        for (at, is_plain) in open {
            for (source, plain) in sources(catalog, at) {
                let is_plain = is_plain && plain;
                if !seen.insert(source) {
                    continue;
                }
                let root = facts.root(source);
                let grade = found.get(&root).map(|it| it.grade);
                if let Some(grade) = grade
                    && best.as_ref().is_none_or(|(known, ..)| *known < grade)
                {
                    best = Some((grade, root, is_plain));
                }
                next.push((source, is_plain));
            }
        }
        open = next;
    }
    best.map(|(_, source, is_plain)| (source, is_plain))
}

/// What flows into a column, one step down; a whole row is all of its columns.
fn sources(catalog: &Catalog, (table, attnum): Origin) -> Vec<(Origin, bool)> {
    let shown = catalog
        .column(table, attnum)
        .map(|(_, column)| &column.origins);
    let mut sources: Vec<(Origin, bool)> = Vec::new();
    sources.extend(shown.into_iter().flatten().map(|origin| (*origin, true)));
    let computed = catalog.computed.get(&(table, attnum));
    let tells = |flow: &&Flow| !matches!(flow.kind, Kind::Constant | Kind::Count);
    for flow in computed.into_iter().filter(tells) {
        for source in &flow.sources {
            let whole = catalog.relations.get(&source.0).filter(|_| source.1 == 0);
            match whole {
                Some(relation) => {
                    let columns = relation.columns.iter();
                    sources.extend(columns.map(|it| ((source.0, it.attnum), false)));
                }
                None => sources.push((*source, flow.kind == Kind::Plain)),
            }
        }
    }
    sources
}

/// Schema, table and column.
pub(super) fn name_of(facts: &Facts, origin: Origin) -> String {
    match facts.column(origin) {
        Some((table, column)) => format!("{}.{}", table.full_name(), column.name),
        None => format!("table {}", origin.0),
    }
}
