//! Which base columns flow into each output column of a statement, and by which functions.
//!
//! The tree is read as PostgreSQL's own analysis reads it (names are looked up level by level,
//! `*` is expanded, common table expressions and subqueries become columns of their own), over
//! sets of columns in the place of values. Where the meaning of a name is not certain, every
//! meaning counts: what comes out can be more than flows in fact, never less. What cannot be
//! worked out at all is [`Unresolved`], and whoever asked has to assume the worst.
//!
//! Conditions are no part of what flows into an output: a row that is there or not tells something
//! of the columns in WHERE, JOIN and ORDER BY. These are [uses](Use), listed beside.
//!
//! What is assumed of the database, because no text and no catalog of ours shows it: an operator
//! or a function of `pg_catalog` is what PostgreSQL put there, and a cast to a type of a user's
//! own reads no table.

mod calls;
pub mod cells;
mod conditions;
mod expression;
mod failing;
mod flow;
mod from;
mod json;
mod names;
mod query;
mod scope;
mod stars;
mod statement;
#[cfg(test)]
mod tests;
mod ties;
mod uses;
mod writes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

pub use cells::Cells;
pub use flow::{Flow, Kind, Members, Origin};
pub use stars::Star;
pub use uses::{Test, Use};

use velum_parser::Statement;

use crate::catalog::Catalog;
use crate::limits;

use cells::Reads;

pub use super::SearchPath;

/// Why it is not known what flows into a statement's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// The tree holds something that is not known here.
    Node,
    /// A column that nothing in sight has.
    Column,
    /// A common table expression is used before its definition, or in a circle.
    Circle,
    /// The rows are those of another statement: a cursor's, a prepared statement's.
    Elsewhere,
    /// More work than [`limits::LINEAGE_STEPS`].
    Work,
}

/// Something that a statement gives a name, and others get rows by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Handle {
    /// DECLARE, FETCH.
    Cursor(Box<str>),
    /// PREPARE, EXECUTE.
    Prepared(Box<str>),
}

/// What flows into the output of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// Its columns; of DECLARE and PREPARE those of the query within, which come later.
    pub outputs: Result<Outputs, Unresolved>,
    /// What it makes of columns besides; of those that hold another statement, what that makes.
    pub uses: Result<Vec<Use>, Unresolved>,
    /// What it names: by DECLARE and PREPARE, to come back to; by FETCH and EXECUTE, whose rows it
    /// returns.
    pub handle: Option<Handle>,
    /// It names a relation or a column that the catalog does not have.
    pub is_ahead: bool,
    /// A column that it names may be a function of a row.
    pub may_call: bool,
    /// It names a relation or a common table expression more than once: columns of one table may
    /// be those of different rows.
    pub joins_itself: bool,
    /// Every `*` among its targets, wherever it stands.
    pub stars: Vec<Star>,
    /// Columns that it names, as they are stored.
    pub named: BTreeSet<Origin>,
    /// Its aggregates. An error if some may be missing.
    pub cells: Result<Cells, Unresolved>,
}

/// The output columns of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// It returns no rows.
    None,
    /// One for each column.
    Each(Vec<Flow>),
    /// How many columns there are is not known; this flows into any of them.
    Any(Flow),
}

/// What flows into the output of a statement. Pure; time and memory are bounded by
/// [`limits::LINEAGE_STEPS`], stack by the depth of the tree.
pub fn lineage(statement: &Statement<'_>, catalog: &Catalog, path: &SearchPath) -> Lineage {
    let root = statement.node;
    let analysis = Analysis {
        catalog,
        path,
        functions: &statement.census.functions,
        steps: Cell::new(0),
        is_ahead: Cell::new(false),
        may_call: Cell::new(false),
        uses: RefCell::default(),
        blind: Cell::new(None),
        stars: RefCell::default(),
        is_positional: Cell::new(false),
        named: RefCell::default(),
        namesakes: namesakes(&statement.census.relations),
        noted: cells::Noted::default(),
        governing: RefCell::default(),
    };
    let outputs = analysis.statement(root);
    let blind = match (analysis.blind.get(), &outputs) {
        (Some(unresolved), _) | (None, &Err(unresolved)) => Some(unresolved),
        _ => None,
    };
    let blind = blind.filter(|it| *it != Unresolved::Elsewhere);
    Lineage {
        cells: analysis.cells(&statement.census, blind),
        is_ahead: analysis.is_ahead.get() || blind == Some(Unresolved::Column),
        may_call: analysis.may_call.get(),
        outputs,
        joins_itself: !analysis.namesakes.is_empty(),
        uses: match blind {
            Some(unresolved) => Err(unresolved),
            None => Ok(analysis.uses.into_inner()),
        },
        handle: statement::handle(root),
        stars: analysis.stars.into_inner(),
        named: analysis.named.into_inner(),
    }
}

/// Names that are mentioned more than once, whatever the schema.
fn namesakes(relations: &[(String, String)]) -> Vec<&str> {
    let mut names: Vec<&str> = relations.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    let pairs = names.windows(2).filter(|pair| pair.first() == pair.last());
    pairs.filter_map(|pair| pair.first().copied()).collect()
}

/// What is known of a view by the query that it is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What flows into its columns.
    pub columns: Vec<Flow>,
    /// What its rows are made of.
    pub reads: Reads,
    /// Relations whose rows it aggregates.
    pub counted: BTreeSet<u32>,
}

/// What flows into the columns of the query that a view is made of.
///
/// # Errors
/// See [`Unresolved`].
pub fn view_columns(definition: &[u8], catalog: &Catalog) -> Result<Vec<Flow>, Unresolved> {
    view(definition, catalog).map(|view| view.columns)
}

/// What is known of the view that a query makes.
///
/// # Errors
/// See [`Unresolved`].
pub fn view(definition: &[u8], catalog: &Catalog) -> Result<View, Unresolved> {
    // PostgreSQL writes a definition with every name qualified that this path does not find.
    let path = SearchPath::known([]);
    let lexing = velum_parser::Lexing::default();
    let read = velum_parser::read(
        definition,
        lexing,
        &limits::TREE,
        |statements| match statements {
            [statement] => Ok(lineage(statement, catalog, &path)),
            _ => Err(Unresolved::Node),
        },
    );
    let lineage = read.map_err(|_| Unresolved::Node)??;
    let Outputs::Each(columns) = lineage.outputs? else {
        return Err(Unresolved::Node);
    };
    // Where aggregates may have been missed nobody knows whose rows come.
    let cells = lineage.cells.unwrap_or_else(|_| Cells {
        rows: Reads::unknown(),
        ..Cells::default()
    });
    Ok(View {
        columns,
        counted: cells.relations(),
        reads: cells.rows,
    })
}

/// May a function of this name know more than its arguments?
pub fn is_opaque(catalog: &Catalog, name: &[String]) -> bool {
    let name: Vec<&str> = name.iter().map(String::as_str).collect();
    calls::function(catalog, &name, &[]) == calls::Call::Opaque
}

/// May a name behind a value be that of a function which knows more than the value?
pub fn is_called(catalog: &Catalog, name: &[String]) -> bool {
    let bare = name
        .last()
        .is_some_and(|name| calls::may_be_called(catalog, name));
    bare && is_opaque(catalog, name)
}

/// What an analysis is made with.
pub(super) struct Analysis<'a> {
    catalog: &'a Catalog,
    path: &'a SearchPath,
    /// All that the statement calls, wherever it stands.
    functions: &'a [Vec<String>],
    steps: Cell<usize>,
    is_ahead: Cell<bool>,
    may_call: Cell<bool>,
    uses: RefCell<Vec<Use>>,
    /// Why not all uses are known.
    blind: Cell<Option<Unresolved>>,
    stars: RefCell<Vec<Star>>,
    /// The columns of the query at hand count by their places.
    is_positional: Cell<bool>,
    named: RefCell<BTreeSet<Origin>>,
    /// Names of relations that are mentioned more than once.
    namesakes: Vec<&'a str>,
    noted: cells::Noted,
    /// What decides whether the expression at hand is computed.
    governing: RefCell<Vec<Rc<Flow>>>,
}

impl Analysis<'_> {
    /// Counts work, and ends an analysis that takes too much of it.
    fn spend(&self, steps: usize) -> Result<(), Unresolved> {
        let spent = self.steps.get().saturating_add(steps);
        self.steps.set(spent);
        match spent > limits::LINEAGE_STEPS {
            true => Err(Unresolved::Work),
            false => Ok(()),
        }
    }

    /// Notes that the statement names a column.
    fn name(&self, flow: &Flow) {
        if flow.kind == Kind::Plain {
            self.named.borrow_mut().extend(flow.sources.iter().copied());
        }
    }

    /// A value that is one of `flows`.
    fn either(&self, flows: &[Rc<Flow>]) -> Result<Rc<Flow>, Unresolved> {
        if let [only] = flows {
            self.spend(1)?;
            return Ok(Rc::clone(only));
        }
        self.weigh(flows)?;
        Ok(Rc::new(Flow::either(flows.iter().map(|flow| &**flow))))
    }

    /// A value that is computed from `flows`.
    fn derive(&self, flows: &[Rc<Flow>]) -> Result<Flow, Unresolved> {
        self.weigh(flows)?;
        Ok(Flow::derive(flows.iter().map(|flow| &**flow)))
    }

    fn weigh(&self, flows: &[Rc<Flow>]) -> Result<(), Unresolved> {
        self.spend(flows.iter().map(|flow| flow.weight()).sum::<usize>() + 1)
    }
}
