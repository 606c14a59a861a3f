//! How aggregates are noted while a statement is gone through.

use std::cell::{Cell as Flag, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use velum_parser::Census;
use velum_parser::tree as pg;

use crate::catalog::Catalog;
use crate::sql::lineage::flow::{Flow, Kind, Origin};
use crate::sql::lineage::scope::{Column, Columns, Made, Scope};
use crate::sql::lineage::uses::is_multiplying;
use crate::sql::lineage::{Analysis, Unresolved};
use crate::sql::tree::{self, Node, inner, nodes};

use super::aggregates::{self, Contributing};
use super::{Cell, Cells, Guarded, Level, Obstacle, Reads, Source, guard};

/// What has been noted so far.
#[derive(Default)]
pub(in crate::sql::lineage) struct Noted {
    /// Queries in the order in which they were begun.
    levels: RefCell<Vec<Level>>,
    cells: RefCell<Vec<Draft>>,
    /// What the rows of the outermost query are made of.
    outermost: RefCell<Reads>,
    gathered: RefCell<Vec<Reads>>,
    /// Of the query at hand.
    aside: RefCell<Aside>,
    /// References that surely stand for a column of the query that they stand in.
    own_columns: Flag<usize>,
    /// What is gone through stays, as a view's definition does.
    is_definition: Flag<bool>,
}

/// What a query has besides its FROM.
#[derive(Default)]
struct Aside {
    relations: BTreeSet<u32>,
    is_unknown: bool,
    /// A target may make several rows of one.
    multiplies: bool,
}

/// An aggregate whose query has not ended.
struct Draft {
    cell: Cell,
    level: Option<usize>,
    /// It counts among the aggregates of the census.
    is_named: bool,
}

/// A call that may be one of an aggregate.
pub(in crate::sql::lineage) struct Call<'c> {
    pub(in crate::sql::lineage) call: &'c pg::FuncCall,
    pub(in crate::sql::lineage) guarded: Option<Guarded>,
    /// What flows into it.
    pub(in crate::sql::lineage) flow: &'c Flow,
    /// Something in it may know more than it is given.
    pub(in crate::sql::lineage) is_opaque: bool,
    /// It names a column of the query that it stands in.
    pub(in crate::sql::lineage) is_local: bool,
}

impl<'a> Analysis<'a> {
    /// Goes through a query: what it reads is noted with its columns.
    pub(in crate::sql::lineage) fn level(
        &self,
        go: impl FnOnce(usize) -> Result<Rc<Columns<'a>>, Unresolved>,
    ) -> Result<Rc<Columns<'a>>, Unresolved> {
        let noted = &self.noted;
        let level = noted.levels.borrow().len();
        noted.levels.borrow_mut().push(Level::default());
        let outer = noted.aside.take();
        let result = go(level);
        let own = noted.aside.replace(outer);
        let mut columns = result?;
        let reads = Rc::make_mut(&mut Rc::make_mut(&mut columns).reads);
        reads.asides.extend(own.relations);
        reads.is_unknown |= own.is_unknown;
        reads.repeats |= own.multiplies;
        if let Some(level) = noted.levels.borrow_mut().get_mut(level) {
            level.asides.clone_from(&reads.asides);
            level.is_unknown = reads.is_unknown;
            level.repeats = reads.repeats;
        }
        if level == 0 {
            noted.outermost.replace(reads.clone());
        }
        Ok(columns)
    }

    /// What the rows of a query are made of whose FROM is in sight.
    pub(in crate::sql::lineage) fn rows_of(scope: &Scope<'_, 'a>, has_sets: bool) -> Reads {
        let mut reads = Reads::default();
        let mut count = 0;
        for named in scope.names() {
            reads.join(&named.columns.reads);
            count += 1;
        }
        reads.repeats |= count > 1 || has_sets;
        reads
    }

    /// A query within an expression has been gone through.
    pub(in crate::sql::lineage) fn beside(&self, columns: &Columns<'a>) {
        let mut aside = self.noted.aside.borrow_mut();
        aside.relations.extend(columns.reads.relations());
        aside.is_unknown |= columns.reads.is_unknown;
    }

    /// All rows of a query come in one value.
    pub(in crate::sql::lineage) fn gather(&self, columns: &Columns<'a>) {
        let reads = Reads::clone(&columns.reads);
        self.noted.gathered.borrow_mut().push(reads);
    }

    /// A reference is looked up.
    pub(in crate::sql::lineage) fn refer(&self, parts: &[&str], scope: &Scope<'_, 'a>) {
        if scope.has_own(parts) {
            let count = &self.noted.own_columns;
            count.set(count.get() + 1);
        }
    }

    pub(in crate::sql::lineage) fn own_columns(&self) -> usize {
        self.noted.own_columns.get()
    }

    /// Goes through what stays.
    pub(in crate::sql::lineage) fn defining<R>(&self, go: impl FnOnce() -> R) -> R {
        let before = self.noted.is_definition.replace(true);
        let result = go();
        self.noted.is_definition.set(before);
        result
    }

    /// Notes a call, if it is one of an aggregate.
    pub(in crate::sql::lineage) fn note_call(&self, it: Call<'_>, scope: &Scope<'_, 'a>) {
        let call = it.call;
        let name: Vec<&str> = tree::names(&call.funcname).collect();
        let bare = name.last().copied().unwrap_or_default();
        let is_named = aggregates::is_aggregate(self.catalog, &name);
        let has_notation = call.agg_star
            || call.agg_distinct
            || call.agg_within_group
            || call.agg_filter.is_some()
            || !call.agg_order.is_empty()
            || call.over.is_some() && !aggregates::is_window(bare);
        if !is_named && !has_notation {
            if it.flow.kind == Kind::Opaque || is_multiplying(bare) {
                self.noted.aside.borrow_mut().multiplies = true;
            }
            return;
        }
        let cell = Cell {
            start: usize::try_from(call.location).unwrap_or(usize::MAX),
            level: Rc::default(),
            contributing: match call.agg_star {
                true => Contributing::All,
                false => aggregates::contributing(bare).unwrap_or(Contributing::All),
            },
            is_window: call.over.is_some(),
            is_of_aggregates: self.is_of_aggregates(call, scope),
            flow: it.flow.clone(),
            obstacle: self.obstacle(&it, &name, scope),
            guarded: it.guarded,
        };
        self.keep(cell, is_named, scope);
    }

    /// Notes an aggregate in SQL/JSON's own notation.
    pub(in crate::sql::lineage) fn note_json(&self, scope: &Scope<'_, 'a>) {
        let cell = Cell {
            start: usize::MAX,
            level: Rc::default(),
            contributing: Contributing::All,
            is_window: false,
            is_of_aggregates: false,
            flow: Flow::count([]),
            obstacle: Some(Obstacle::Kind),
            guarded: None,
        };
        self.keep(cell, false, scope);
    }

    fn keep(&self, cell: Cell, is_named: bool, scope: &Scope<'_, 'a>) {
        let level = level_at(scope);
        if let Some(level) = level {
            self.fill(level, scope);
        }
        if self.spend(1).is_err() {
            self.blind.set(Some(Unresolved::Work));
            return;
        }
        self.noted.cells.borrow_mut().push(Draft {
            cell,
            level,
            is_named,
        });
    }

    fn obstacle(&self, it: &Call<'_>, name: &[&str], scope: &Scope<'_, 'a>) -> Option<Obstacle> {
        let call = it.call;
        let bare = name.last().copied().unwrap_or_default();
        let is_builtin = matches!(name, [_] | ["pg_catalog", _]);
        if !is_builtin || aggregates::is_own(self.catalog, bare) {
            return Some(Obstacle::Own);
        }
        if aggregates::contributing(bare).is_none() || call.func_variadic {
            return Some(match call.agg_within_group {
                true => Obstacle::Kind,
                false => Obstacle::Own,
            });
        }
        if self.noted.is_definition.get() {
            return Some(Obstacle::Definition);
        }
        if level_at(scope).is_none() {
            return Some(Obstacle::Outer);
        }
        let Some(census) = self.inside(call) else {
            return Some(Obstacle::Kind);
        };
        let holds = |test: &dyn Fn(&Vec<String>) -> bool| census.functions.iter().any(test);
        if census.queries > 0 {
            return Some(Obstacle::Subquery);
        }
        if holds(&|name| aggregates::is_aggregate(self.catalog, name)) {
            return Some(Obstacle::Nested);
        }
        if it.is_opaque || holds(&|name| !aggregates::is_steady(self.catalog, name)) {
            return Some(Obstacle::Unsteady);
        }
        // An aggregate belongs to the query of the innermost column in it.
        let may_be_outer = call.over.is_none() && census.columns > 0 && !it.is_local;
        (may_be_outer && !is_outermost(scope)).then_some(Obstacle::Outer)
    }

    /// What a call holds besides its own name.
    fn inside(&self, call: &pg::FuncCall) -> Option<Census> {
        let mut census = velum_parser::census(call)?;
        self.spend(census.nodes).ok()?;
        // The name comes first.
        (!census.functions.is_empty()).then(|| census.functions.remove(0))?;
        Some(census)
    }

    /// Is it made of aggregates of one query, and of nothing else? Either it is an aggregate over
    /// a window of them, or the only thing in FROM is that query.
    fn is_of_aggregates(&self, call: &'a pg::FuncCall, scope: &Scope<'_, 'a>) -> bool {
        let name = tree::names(&call.funcname).next_back().unwrap_or_default();
        let [argument] = call.args.as_slice() else {
            return false;
        };
        if !matches!(name, "avg" | "max" | "min" | "sum") || call.agg_filter.is_some() {
            return false;
        }
        match inner(Some(argument)) {
            Some(expression) if call.over.is_some() => {
                is_aggregate_of_group(self.catalog, expression)
            }
            Some(Node::ColumnRef(column)) => {
                let parts: Vec<&str> = tree::names(&column.fields).collect();
                let is_alone = scope.names().count() == 1 && scope.pieces.len() == 1;
                let own = scope.own_column(&parts);
                is_alone
                    && parts.len() == column.fields.len()
                    && own.is_some_and(|column| column.made == Made::Aggregate)
            }
            _ => false,
        }
    }

    /// Notes what the FROM of a level names, once.
    fn fill(&self, level: usize, scope: &Scope<'_, 'a>) {
        let mut levels = self.noted.levels.borrow_mut();
        let Some(level) = levels.get_mut(level).filter(|it| it.sources.is_empty()) else {
            return;
        };
        for named in scope.names() {
            let columns = &named.columns;
            if self.spend(columns.list.len()).is_err() {
                self.blind.set(Some(Unresolved::Work));
                return;
            }
            level.sources.push(Source {
                name: named.name.to_owned(),
                reads: Reads::clone(&columns.reads),
                is_table: named.is_table,
                stored: stored(columns),
            });
        }
    }

    /// What was noted of the statement, if it is certain that nothing was missed.
    pub(in crate::sql::lineage) fn cells(
        &self,
        census: &Census,
        blind: Option<Unresolved>,
    ) -> Result<Cells, Unresolved> {
        let is_aggregate = |name: &&Vec<String>| aggregates::is_aggregate(self.catalog, name);
        let called = census.functions.iter().filter(is_aggregate).count();
        if let Some(unresolved) = blind.filter(|_| called > 0) {
            return Err(unresolved);
        }
        let levels: Vec<Rc<Level>> = self.noted.levels.take().into_iter().map(Rc::new).collect();
        let mut noted: BTreeMap<usize, (Cell, bool)> = BTreeMap::new();
        let mut list = Vec::new();
        for Draft {
            mut cell,
            level,
            is_named,
        } in self.noted.cells.take()
        {
            let level = level.and_then(|level| levels.get(level));
            cell.level = level.map(Rc::clone).unwrap_or_default();
            if cell.start == usize::MAX {
                list.push(cell);
                continue;
            }
            match noted.entry(cell.start) {
                Entry::Vacant(entry) => {
                    entry.insert((cell, is_named));
                }
                // Where it is gone through again it is the same, or nobody knows what it is.
                Entry::Occupied(mut entry) => {
                    let (known, _) = entry.get_mut();
                    if *known != cell {
                        known.obstacle.get_or_insert(Obstacle::Place);
                    }
                }
            }
        }
        let guards = |cell: &Cell| cell.guarded.as_ref().map_or(0, Guarded::calls);
        let each = noted.values();
        let found: usize = each
            .map(|(cell, is_named)| usize::from(*is_named) + guards(cell))
            .sum();
        if called != found {
            return Err(Unresolved::Node);
        }
        list.extend(noted.into_values().map(|(cell, _)| cell));
        Ok(Cells {
            list,
            gathered: self.noted.gathered.take(),
            rows: self.noted.outermost.take(),
        })
    }
}

/// Columns that show stored values and that can be named.
fn stored(columns: &Columns<'_>) -> Vec<(String, Vec<Origin>)> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for name in columns.list.iter().filter_map(|it| it.name.as_deref()) {
        *times.entry(name).or_default() += 1;
    }
    let is_sure = columns.list.iter().all(|column| column.name.is_some());
    let named = |column: &Column<'_>| {
        let name = column.name.as_deref()?;
        let is_stored = column.made == Made::Stored && column.flow.kind == Kind::Plain;
        let is_only = is_sure && is_stored && times.get(name) == Some(&1);
        is_only.then(|| (name.to_owned(), column.flow.sources.clone()))
    };
    columns.list.iter().filter_map(named).collect()
}

/// Is it an aggregate of a group of rows, guarded or not?
pub(in crate::sql::lineage) fn is_aggregate_of_group(catalog: &Catalog, expression: &Node) -> bool {
    let call = match expression {
        Node::FuncCall(call) => &**call,
        Node::CaseExpr(case) => match guard::of(case) {
            Some((call, _)) => call,
            None => return false,
        },
        _ => return false,
    };
    let name: Vec<&str> = tree::names(&call.funcname).collect();
    call.over.is_none() && aggregates::is_aggregate(catalog, &name)
}

/// The query that an aggregate here belongs to, unless it is one further out.
fn level_at(scope: &Scope<'_, '_>) -> Option<usize> {
    let mut levels = scope.levels();
    let here = levels.find(|scope| scope.level.is_some() || !scope.pieces.is_empty());
    here.and_then(|scope| scope.level)
}

/// Has no query further out anything that could be named here?
fn is_outermost(scope: &Scope<'_, '_>) -> bool {
    let mut named = scope.levels().filter(|scope| !scope.pieces.is_empty());
    named.nth(usize::from(!scope.pieces.is_empty())).is_none()
}

/// Are there several sets of groups?
pub(in crate::sql::lineage) fn has_sets(select: &pg::SelectStmt) -> bool {
    nodes(&select.group_clause).any(|node| matches!(node, Node::GroupingSet(_)))
}
