//! Aggregates, and whose rows they are made of: what a policy has to know that shows no aggregate
//! of a few persons.
//!
//! * [`Cell`]: an aggregate where it stands, with what it would take to guard it.
//! * [`Level`]: the query that it belongs to.
//! * [`Guarded`]: a `CASE` that guards one already. Such a `CASE` counts as the aggregate in it and
//!   no more: what its condition asks is listed for whoever decides about it.

mod aggregates;
pub(crate) mod guard;
mod note;
mod reads;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::flow::{Flow, Origin};

pub use aggregates::{Contributing, Test};
pub use guard::{Guarded, Measure};
pub(super) use note::{Call, Noted, has_sets, is_aggregate_of_group};
pub use reads::Reads;

/// The aggregates of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// Each where it stands.
    pub list: Vec<Cell>,
    /// Rows that come together in one value by other means than an aggregate.
    pub gathered: Vec<Reads>,
    /// What the rows are made of that it returns.
    pub rows: Reads,
}

impl Cells {
    /// Relations whose rows come together somewhere.
    pub fn relations(&self) -> BTreeSet<u32> {
        let levels = self.list.iter().flat_map(|cell| cell.level.relations());
        let gathered = self.gathered.iter().flat_map(Reads::relations);
        levels.chain(gathered).collect()
    }
}

/// An aggregate in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Byte of the text at which the call begins.
    pub start: usize,
    /// The query whose rows it is made of.
    pub level: Rc<Level>,
    /// Which rows contribute to it.
    pub contributing: Contributing,
    /// It has an OVER clause.
    pub is_window: bool,
    /// It is made of aggregates of the query below, and of nothing else.
    pub is_of_aggregates: bool,
    /// What flows into it.
    pub flow: Flow,
    /// Why it cannot be guarded.
    pub obstacle: Option<Obstacle>,
    /// What guards it.
    pub guarded: Option<Guarded>,
}

/// A query of whose rows aggregates are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// What its FROM names.
    pub sources: Vec<Source>,
    /// Relations that choose rows in subqueries.
    pub asides: BTreeSet<u32>,
    /// Something of it is not known.
    pub is_unknown: bool,
    /// A row of one of the sources may be in several of its rows.
    pub repeats: bool,
}

impl Level {
    /// All relations that have a part in it.
    fn relations(&self) -> impl Iterator<Item = u32> {
        let sources = self.sources.iter().flat_map(|it| it.reads.relations());
        sources.chain(self.asides.iter().copied())
    }
}

/// Something in FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its alias, or its own name.
    pub name: String,
    /// What its rows are made of.
    pub reads: Reads,
    /// It is a relation of the catalog's, by its own name.
    pub is_table: bool,
    /// Columns that show stored values and that can be named, with what they show.
    pub stored: Vec<(String, Vec<Origin>)>,
}

/// Why an aggregate cannot be guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It may belong to a query further out.
    Outer,
    /// It holds a subquery.
    Subquery,
    /// It holds another aggregate.
    Nested,
    /// It holds a function or an operator that may give another value each time.
    Unsteady,
    /// It is an aggregate of the database's own.
    Own,
    /// It is of a kind that is not known here.
    Kind,
    /// It is part of a definition that stays.
    Definition,
    /// Where it stands is not known.
    Place,
}

impl Obstacle {
    /// In a sentence about an aggregate.
    pub fn words(self) -> &'static str {
        match self {
            Obstacle::Outer => "it names only columns of a query further out",
            Obstacle::Subquery => "it holds a subquery",
            Obstacle::Nested => "it holds another aggregate",
            Obstacle::Unsteady => "it calls what may give another value each time",
            Obstacle::Own => "it is not one of PostgreSQL's own",
            Obstacle::Kind => "it is of a kind that no persons can be counted for",
            Obstacle::Definition => "it is part of a view",
            Obstacle::Place => "it is written in a way that is not followed",
        }
    }
}
