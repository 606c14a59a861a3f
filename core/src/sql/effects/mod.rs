//! What a statement does and touches, read from its parse tree.
//!
//! Queries and statements that change rows are walked node by node, each column with the place
//! that it stands in. The walk is checked against the [`Census`](velum_parser::Census) of the
//! tree: a column, a relation, a function or a query that the census has and the walk has not is
//! an error, so that a notation which is new to this walk refuses instead of passing. Statements
//! of other kinds (definitions, settings, …) are told by their root; what they name is taken
//! from the census as a whole.

mod class;
mod path;
mod side;
#[cfg(test)]
mod tests;
mod walk;

use velum_parser::Statement;

pub use class::Class;
pub use path::PathChange;
pub use side::SideEffect;

use super::lineage::{is_called, is_opaque};
use super::tree::{Node, names, nodes};
use crate::catalog::Catalog;

/// The parts of a name, outermost first; empty parts are left out.
pub type Name = Vec<String>;

/// What is done with a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Its rows are read.
    Read,
    /// Its rows are changed.
    Write,
    /// It is made, changed, dropped, locked, or named by a statement that is not walked.
    Define,
}

/// A relation that a statement names. Common table expressions are none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationUse {
    /// Its name as the statement has it.
    pub name: Name,
    /// What for.
    pub access: Access,
}

/// Where in a statement a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In what a query returns.
    Output,
    /// In WHERE, HAVING, FILTER, WHEN of a MERGE, or what such a condition compares with.
    Predicate,
    /// In the condition of a join; an empty path: in whatever NATURAL finds.
    Join,
    /// In GROUP BY, DISTINCT ON, PARTITION BY.
    Grouping,
    /// In ORDER BY.
    Ordering,
    /// In what is written.
    Input,
    /// It is written.
    Target,
    /// In LIMIT, a frame, a sample, the arguments of a function in FROM.
    Other,
    /// In what may be an error by its value.
    Computed,
}

impl Place {
    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Place::Output => "in what is returned",
            Place::Predicate => "in a condition",
            Place::Join => "to join or compare rows",
            Place::Grouping => "to group rows",
            Place::Ordering => "to order rows",
            Place::Input | Place::Target => "in what is written",
            Place::Other => "to say how many rows there are",
            Place::Computed => "in a computation that may fail by its value",
        }
    }
}

/// A column that a statement names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnUse {
    /// Its name with its qualifiers; those of a row if `is_star`.
    pub path: Name,
    /// `*` or `t.*`.
    pub is_star: bool,
    /// What for.
    pub place: Place,
}

/// How many rows a statement returns at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLimit {
    /// This many.
    Rows(u64),
    /// As many as an expression or a parameter says, or as are tied.
    Open,
}

/// What a statement does and touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effects {
    /// What it is.
    pub class: Class,
    /// What it is, and what the statements within it are, sorted.
    pub commands: Vec<Class>,
    /// The relations that it names, sorted.
    pub relations: Vec<RelationUse>,
    /// How often it names a relation.
    pub mentions: u64,
    /// The columns that it names, sorted; none for statements that are not walked.
    pub columns: Vec<ColumnUse>,
    /// The functions that it calls by name, sorted. Operators and casts are none.
    pub functions: Vec<Name>,
    /// Names behind a value, `(value).name`, sorted: of its fields, or of functions of it.
    pub fields: Vec<Name>,
    /// LIMIT or FETCH FIRST at its outermost level.
    pub row_limit: Option<RowLimit>,
    /// What it does besides, sorted.
    pub side_effects: Vec<SideEffect>,
    /// The operators that it writes out, sorted.
    operators: Vec<Name>,
    /// The types that it names, sorted.
    types: Vec<Name>,
    /// What it does to the search path, by its root.
    path: PathChange,
}

impl Effects {
    /// May the statement run code that its text does not show? A view may call any function. Of
    /// row security, operators and casts it is assumed that no function behind them declares
    /// cursors or prepares statements.
    pub fn may_run_unseen(&self, catalog: &Catalog) -> bool {
        let writes = self.relations.iter().any(|it| it.access == Access::Write);
        let calls = self.functions.iter().any(|name| is_opaque(catalog, name))
            || self.fields.iter().any(|name| is_called(catalog, name));
        let reads_views = self.relations.iter().any(|it| {
            let named = it.name.last().map(|name| catalog.named(name));
            let named = named.unwrap_or_default();
            named.is_empty() || named.iter().any(|(_, relation)| relation.is_view)
        });
        !self.class.runs_itself_only() || writes || calls || reads_views
    }
}

/// The tree holds something that is not known here: nothing is certain about the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnderstood;

/// Reads the effects of a statement.
///
/// # Errors
/// [`NotUnderstood`] for a node of an unknown kind, or in an unknown place.
pub fn effects(statement: &Statement<'_>) -> Result<Effects, NotUnderstood> {
    let class = class::of(statement.node)?;
    let mut side_effects = side::of_statement(statement.node);
    let mut found = walk::Found::default();
    let body = walk::body(statement.node);
    match body {
        Some(body) => walk::statement(body, &statement.census, &mut found)?,
        None => {
            for (schema, name) in &statement.census.relations {
                let parts = [schema, name].into_iter().filter(|part| !part.is_empty());
                let (name, access) = (parts.cloned().collect(), Access::Define);
                found.relations.push(RelationUse { name, access });
            }
            found.relations.extend(dropped(statement.node));
        }
    }
    for function in &statement.census.functions {
        // The walk has seen which setting it is.
        let is_seen = body.is_some() && function.last().is_some_and(|it| it == "set_config");
        if !is_seen {
            side::of_function(function, &mut side_effects);
        }
    }
    for field in &found.fields {
        side::of_function(field, &mut side_effects);
    }
    side_effects.extend(found.side_effects);
    found.commands.push(class);
    Ok(Effects {
        class,
        commands: sorted(found.commands),
        mentions: statement.census.relations.len() as u64,
        relations: sorted(found.relations),
        columns: sorted(found.columns),
        functions: sorted(statement.census.functions.clone()),
        fields: sorted(found.fields),
        row_limit: row_limit(statement.node),
        side_effects: sorted(side_effects),
        operators: sorted(statement.census.operators.clone()),
        types: sorted(statement.census.types.clone()),
        path: path::of_statement(statement.node, &statement.census),
    })
}

/// The relations that DROP names.
fn dropped(root: &Node) -> Vec<RelationUse> {
    use velum_parser::tree::ObjectType;
    let Node::DropStmt(drop) = root else {
        return Vec::new();
    };
    let kinds = [
        ObjectType::ObjectTable,
        ObjectType::ObjectView,
        ObjectType::ObjectMatview,
        ObjectType::ObjectForeignTable,
    ];
    if !kinds.iter().any(|kind| *kind as i32 == drop.remove_type) {
        return Vec::new();
    }
    let named = nodes(&drop.objects).filter_map(|object| match object {
        Node::List(parts) => Some(names(&parts.items).map(str::to_owned).collect()),
        _ => None,
    });
    let access = Access::Write;
    named.map(|name| RelationUse { name, access }).collect()
}

/// What a function of this name does besides returning a value, whatever schema it is in.
pub fn function_effects(name: &Name) -> Vec<SideEffect> {
    let mut found = Vec::new();
    side::of_function(name, &mut found);
    found
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

/// The limit of the rows that the statement itself returns.
fn row_limit(root: &Node) -> Option<RowLimit> {
    use velum_parser::tree::{LimitOption, a_const::Val};
    let Node::SelectStmt(select) = root else {
        return None;
    };
    let count = super::tree::inner(select.limit_count.as_deref())?;
    let has_ties = select.limit_option == LimitOption::WithTies as i32;
    match count {
        Node::AConst(constant) if constant.isnull => None,
        Node::AConst(constant) if !has_ties => match &constant.val {
            Some(Val::Ival(number)) => u64::try_from(number.ival).ok().map(RowLimit::Rows),
            // Zero is written as no value at all.
            _ => Some(RowLimit::Open),
        },
        _ => Some(RowLimit::Open),
    }
}
