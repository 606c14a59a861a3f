//! What flows into the columns of a query.

use std::borrow::Cow;
use std::rc::Rc;

use velum_parser::tree::{self as pg, SetOperation};

use crate::limits;
use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::cells::{Reads, has_sets, is_aggregate_of_group};
use super::flow::{Flow, Members};
use super::names::figure;
use super::scope::{Column, Columns, Cte, Made, Piece, Scope};
use super::stars::has_numbers;
use super::{Analysis, Unresolved};

/// Rounds after which the columns of a recursive query have stopped to change, or count as
/// unknown. A round adds what flows over one more step.
const ROUNDS: usize = 24;

type Flowing<'a> = Result<Rc<Columns<'a>>, Unresolved>;

impl<'a> Analysis<'a> {
    /// The columns of whatever may stand as a query: in FROM, in an expression, in WITH.
    pub(super) fn query(&self, query: &'a Node, scope: &Scope<'_, 'a>) -> Flowing<'a> {
        match query {
            Node::SelectStmt(select) => self.select(select, scope),
            Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => self.returning(query, scope),
            _ => Err(Unresolved::Node),
        }
    }

    pub(super) fn select(&self, select: &'a pg::SelectStmt, scope: &Scope<'_, 'a>) -> Flowing<'a> {
        self.spend(1)?;
        self.level(|level| self.parts(select, level, scope))
    }

    /// The same; `level` is the number of the query.
    fn parts(
        &self,
        select: &'a pg::SelectStmt,
        level: usize,
        scope: &Scope<'_, 'a>,
    ) -> Flowing<'a> {
        let ctes = self.ctes(select.with_clause.as_ref(), scope)?;
        let scope = scope.with_ctes(&ctes);
        if select.op != SetOperation::SetopNone as i32 {
            let (left, right) = branches(select)?;
            let sides = self.by_place(|| {
                let left = self.select(left, &scope)?;
                Ok((left, self.select(right, &scope)?))
            });
            let (left, right) = sides?;
            self.set_operation(select, &left, &right);
            let columns = self.union(&left, &right)?;
            self.observe(|| self.clauses(select, &columns, &scope));
            return Ok(columns);
        }
        if !select.values_lists.is_empty() {
            let columns = self.values(&select.values_lists, &scope)?;
            self.observe(|| self.clauses(select, &columns, &scope));
            return Ok(columns);
        }
        let pieces = self.from(&select.from_clause, &scope)?;
        let scope = scope.within(&pieces, level);
        let clauses = [
            &select.sort_clause,
            &select.group_clause,
            &select.distinct_clause,
        ];
        let are_counted = clauses.into_iter().any(|clause| has_numbers(clause));
        let mut columns =
            self.by_place_if(are_counted, || self.targets(&select.target_list, &scope))?;
        let reads = Self::rows_of(&scope, has_sets(select));
        Rc::make_mut(&mut columns).reads = Rc::new(reads);
        self.observe(|| self.clauses(select, &columns, &scope));
        Ok(columns)
    }

    /// The rows of both sides; the left one gives the names.
    fn union(&self, left: &Columns<'a>, right: &Columns<'a>) -> Flowing<'a> {
        self.spend(left.flows().chain(right.flows()).map(Flow::weight).sum())?;
        let mut columns = left.clone();
        let mut reads = Reads::clone(&left.reads);
        reads.append(&right.reads);
        reads.repeats = true;
        columns.reads = Rc::new(reads);
        let is_certain = left.rest.is_none() && right.rest.is_none();
        if is_certain && left.list.len() == right.list.len() {
            for (column, other) in columns.list.iter_mut().zip(&right.list) {
                column.flow = Rc::new(Flow::either([&*column.flow, &*other.flow]));
                if column.made != other.made {
                    column.made = Made::Otherwise;
                }
            }
            return Ok(Rc::new(columns));
        }
        // Which column meets which is not known: each may hold any.
        let all = Rc::new(Flow::either(left.flows().chain(right.flows())));
        for column in &mut columns.list {
            (column.flow, column.made) = (Rc::clone(&all), Made::Otherwise);
        }
        columns.rest = Some(all);
        Ok(Rc::new(columns))
    }

    fn values(&self, rows: &'a [Wrapped], scope: &Scope<'_, 'a>) -> Flowing<'a> {
        let mut columns: Vec<Vec<Rc<Flow>>> = Vec::new();
        for row in nodes(rows) {
            let Node::List(row) = row else {
                return Err(Unresolved::Node);
            };
            for (index, flow) in self.each(&row.items, scope)?.into_iter().enumerate() {
                match columns.get_mut(index) {
                    Some(column) => column.push(flow),
                    None => columns.push(vec![flow]),
                }
            }
        }
        let mut list = Vec::new();
        for (index, flows) in columns.iter().enumerate() {
            list.push(Column {
                name: Some(format!("column{}", index + 1).into()),
                flow: self.either(flows)?,
                made: Made::Otherwise,
            });
        }
        Ok(Rc::new(Columns {
            list,
            ..Columns::default()
        }))
    }

    /// The output columns that a list of targets makes.
    pub(super) fn targets(&self, list: &'a [Wrapped], scope: &Scope<'_, 'a>) -> Flowing<'a> {
        let mut columns = Columns::default();
        for target in nodes(list) {
            let Node::ResTarget(target) = target else {
                return Err(Unresolved::Node);
            };
            let value = inner(target.val.as_deref()).ok_or(Unresolved::Node)?;
            match self.star(value, scope)? {
                Some(expanded) => {
                    if let Node::ColumnRef(column) = value {
                        self.note_star(column, &expanded, scope);
                    }
                    self.spend(expanded.list.len())?;
                    columns
                        .list
                        .extend(expanded.list.into_iter().map(Column::passed_on));
                    let rests = columns.rest.iter().chain(&expanded.rest).cloned();
                    let rests: Vec<_> = rests.collect();
                    if !rests.is_empty() {
                        columns.rest = Some(self.either(&rests)?);
                    }
                }
                None => columns.list.push(Column {
                    name: match target.name.as_str() {
                        "" => figure(value),
                        name => Some(Cow::Borrowed(name)),
                    },
                    flow: self.expression(value, scope)?,
                    made: self.made(value, scope),
                }),
            }
            if columns.list.len() > limits::COLUMNS {
                return Err(Unresolved::Work);
            }
        }
        Ok(Rc::new(columns))
    }

    /// How a column comes by its values that the expression makes.
    fn made(&self, expression: &'a Node, scope: &Scope<'_, 'a>) -> Made {
        match expression {
            Node::ColumnRef(column) => {
                let parts: Vec<&str> = tree::names(&column.fields).collect();
                let own = scope.own_column(&parts).map(|column| column.made);
                match own.filter(|_| parts.len() == column.fields.len()) {
                    Some(Made::Stored) => Made::Stored,
                    _ => Made::Otherwise,
                }
            }
            _ if is_aggregate_of_group(self.catalog, expression) => Made::Aggregate,
            _ => Made::Otherwise,
        }
    }

    /// What `*`, `t.*` and `(row).*` stand for; `None` if the target is none of these.
    fn star(
        &self,
        target: &'a Node,
        scope: &Scope<'_, 'a>,
    ) -> Result<Option<Columns<'a>>, Unresolved> {
        let is_star = |list: &[Wrapped]| matches!(nodes(list).next_back(), Some(Node::AStar(_)));
        match target {
            Node::ColumnRef(column) if is_star(&column.fields) => {
                match tree::names(&column.fields).next_back() {
                    None => self.everything(scope).map(Some),
                    Some(table) => self.all_of(table, scope).map(Some),
                }
            }
            Node::AIndirection(part) if is_star(&part.indirection) => {
                let arg = inner(part.arg.as_deref()).ok_or(Unresolved::Node)?;
                if part.indirection.len() == 1
                    && let Some(table) = self.row_name(arg, scope)
                {
                    return self.all_of(table, scope).map(Some);
                }
                // Of how many columns the row is made, its type knows.
                let flow = self.expression(arg, scope)?;
                let flow = self.derive(&[flow])?;
                Ok(Some(Columns::unknown(flow)))
            }
            _ => Ok(None),
        }
    }

    fn everything(&self, scope: &Scope<'_, 'a>) -> Result<Columns<'a>, Unresolved> {
        let mut columns = Columns::default();
        let mut rests = Vec::new();
        for piece in scope.pieces {
            self.spend(piece.star.list.len())?;
            columns.list.extend(piece.star.list.iter().cloned());
            rests.extend(piece.star.rest.iter().cloned());
        }
        if !rests.is_empty() {
            columns.rest = Some(self.either(&rests)?);
        }
        Ok(columns)
    }

    fn all_of(&self, table: &str, scope: &Scope<'_, 'a>) -> Result<Columns<'a>, Unresolved> {
        let found: Vec<_> = scope.named(table).collect();
        match found.as_slice() {
            [] => Err(Unresolved::Column),
            [only] => Ok(Columns::clone(&only.columns)),
            several => {
                let flows = several.iter().flat_map(|named| named.columns.flows());
                Ok(Columns::unknown(Flow::either(flows)))
            }
        }
    }

    /// What RETURNING of a statement that changes rows makes.
    pub(super) fn returning(&self, statement: &'a Node, scope: &Scope<'_, 'a>) -> Flowing<'a> {
        let change = Change::of(statement)?;
        let ctes = self.ctes(change.with, scope)?;
        let scope = scope.with_ctes(&ctes);
        let target = change.target.ok_or(Unresolved::Node)?;
        // The target is a table, whatever WITH calls so.
        let table = self.relation(target, &Scope::EMPTY)?;
        let mut pieces = vec![table];
        pieces.extend(self.from(change.others, &scope)?);
        if change.source_first {
            pieces.rotate_left(1);
        }
        self.observe(|| self.change(statement, target, &scope.with_pieces(&pieces)));
        let reads = Self::rows_of(&scope.with_pieces(&pieces), false);
        let mut versions = Vec::new();
        for name in ["old", "new"].into_iter().chain(change.versions) {
            let mut version = self.relation(target, &Scope::EMPTY)?;
            version.names.iter_mut().for_each(|named| named.name = name);
            version.star = Rc::default();
            versions.push(version);
        }
        pieces.extend(versions);
        let mut columns = self.targets(change.returned, &scope.with_pieces(&pieces))?;
        Rc::make_mut(&mut columns).reads = Rc::new(reads);
        Ok(columns)
    }

    /// The common table expressions of a WITH clause.
    fn ctes(
        &self,
        with: Option<&'a pg::WithClause>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Vec<(&'a str, Cte<'a>)>, Unresolved> {
        let Some(with) = with else {
            return Ok(Vec::new());
        };
        let mut known: Vec<(&'a str, Cte<'a>)> = Vec::new();
        if with.recursive {
            for cte in nodes(&with.ctes) {
                if let Node::CommonTableExpr(cte) = cte {
                    known.push((&cte.ctename, Cte::Later));
                }
            }
        }
        for (index, cte) in nodes(&with.ctes).enumerate() {
            let Node::CommonTableExpr(cte) = cte else {
                return Err(Unresolved::Node);
            };
            self.spend(known.len())?;
            let query = inner(cte.ctequery.as_deref()).ok_or(Unresolved::Node)?;
            let columns = self.by_place_if(!cte.aliascolnames.is_empty(), || match query {
                Node::SelectStmt(select)
                    if with.recursive && select.op != SetOperation::SetopNone as i32 =>
                {
                    self.recursive(cte, select, scope, &mut known, index)
                }
                _ => Ok(named(cte, &*self.query(query, &scope.with_ctes(&known))?)),
            })?;
            let columns = self.with_search(cte, columns)?;
            let entry = (cte.ctename.as_str(), Cte::Known(Rc::new(columns)));
            match known.get_mut(index) {
                Some(slot) => *slot = entry,
                None => known.push(entry),
            }
        }
        Ok(known)
    }

    /// A query that may name itself: what it holds is found by going round.
    fn recursive(
        &self,
        cte: &'a pg::CommonTableExpr,
        select: &'a pg::SelectStmt,
        scope: &Scope<'_, 'a>,
        known: &mut Vec<(&'a str, Cte<'a>)>,
        index: usize,
    ) -> Result<Columns<'a>, Unresolved> {
        let (start, step) = branches(select)?;
        let round = |known: &[(&'a str, Cte<'a>)], branch: &'a pg::SelectStmt| {
            let scope = scope.with_ctes(known);
            let own = self.ctes(select.with_clause.as_ref(), &scope)?;
            self.by_place(|| self.select(branch, &scope.with_ctes(&own)))
        };
        let mut columns = Rc::new(named(cte, &*round(known, start)?));
        for _ in 0..ROUNDS {
            let seen = self.with_search(cte, Columns::clone(&columns))?;
            if let Some(slot) = known.get_mut(index) {
                slot.1 = Cte::Known(Rc::new(seen));
            }
            let more = round(known, step)?;
            self.set_operation(select, &columns, &more);
            let next = self.union(&columns, &more)?;
            if is_same(&columns, &next) {
                return Ok(Columns::clone(&next));
            }
            columns = next;
        }
        Err(Unresolved::Work)
    }

    /// The columns that SEARCH and CYCLE add.
    fn with_search(
        &self,
        cte: &'a pg::CommonTableExpr,
        mut columns: Columns<'a>,
    ) -> Result<Columns<'a>, Unresolved> {
        if cte.search_clause.is_none() && cte.cycle_clause.is_none() {
            return Ok(columns);
        }
        self.spend(columns.flows().map(Flow::weight).sum())?;
        let row = Rc::new(columns.row().with_members(Members::Lost));
        if let Some(search) = &cte.search_clause {
            columns.push(&search.search_seq_column, &row);
        }
        if let Some(cycle) = &cte.cycle_clause {
            columns.push(&cycle.cycle_mark_column, &row);
            columns.push(&cycle.cycle_path_column, &row);
        }
        Ok(columns)
    }
}

/// The sides of a set operation.
fn branches(select: &pg::SelectStmt) -> Result<(&pg::SelectStmt, &pg::SelectStmt), Unresolved> {
    match (select.larg.as_deref(), select.rarg.as_deref()) {
        (Some(left), Some(right)) => Ok((left, right)),
        _ => Err(Unresolved::Node),
    }
}

/// The columns under the names that the common table expression gives them.
fn named<'a>(cte: &'a pg::CommonTableExpr, columns: &Columns<'a>) -> Columns<'a> {
    let mut columns = columns.clone();
    let names: Vec<&str> = tree::names(&cte.aliascolnames).collect();
    columns.rename(&names);
    columns
}

fn is_same(one: &Columns<'_>, other: &Columns<'_>) -> bool {
    one.rest == other.rest
        && one.list.len() == other.list.len()
        && one
            .list
            .iter()
            .zip(&other.list)
            .all(|(one, other)| one.flow == other.flow)
}

/// A statement that changes rows, as far as its RETURNING is concerned.
struct Change<'a> {
    target: Option<&'a pg::RangeVar>,
    others: &'a [Wrapped],
    /// `*` begins with the others.
    source_first: bool,
    returned: &'a [Wrapped],
    /// Names for the row before and after, other than `old` and `new`.
    versions: Vec<&'a str>,
    with: Option<&'a pg::WithClause>,
}

impl<'a> Change<'a> {
    fn of(statement: &'a Node) -> Result<Self, Unresolved> {
        let (target, others, returning, with) = match statement {
            Node::InsertStmt(it) => (&it.relation, &[][..], &it.returning_clause, &it.with_clause),
            Node::UpdateStmt(it) => (
                &it.relation,
                &it.from_clause[..],
                &it.returning_clause,
                &it.with_clause,
            ),
            Node::DeleteStmt(it) => (
                &it.relation,
                &it.using_clause[..],
                &it.returning_clause,
                &it.with_clause,
            ),
            Node::MergeStmt(it) => {
                let source = it.source_relation.as_deref().map(std::slice::from_ref);
                let source = source.unwrap_or_default();
                (&it.relation, source, &it.returning_clause, &it.with_clause)
            }
            _ => return Err(Unresolved::Node),
        };
        let options = returning.iter().flat_map(|clause| nodes(&clause.options));
        let versions = options.filter_map(|option| match option {
            Node::ReturningOption(option) => Some(option.value.as_str()),
            _ => None,
        });
        Ok(Self {
            target: target.as_ref(),
            others,
            source_first: matches!(statement, Node::MergeStmt(_)),
            returned: returning.as_ref().map_or(&[], |clause| &clause.exprs),
            versions: versions.collect(),
            with: with.as_ref(),
        })
    }
}

/// What an entry of FROM shows when nothing hides it.
pub(super) fn all<'a>(piece: &Piece<'a>) -> Columns<'a> {
    Columns::clone(&piece.star)
}
