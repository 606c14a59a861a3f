//! The walk over queries and statements that change rows.

use velum_parser::Census;
use velum_parser::tree::{self as pg, SetOperation, SubLinkType};

use crate::sql::tree::{self, Node, Wrapped, inner, nodes};

use super::{Access, Class, ColumnUse, Name, NotUnderstood, Place, RelationUse, SideEffect};

/// What a walk has found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) relations: Vec<RelationUse>,
    pub(super) columns: Vec<ColumnUse>,
    pub(super) side_effects: Vec<SideEffect>,
    /// Names behind values: of fields, or of functions.
    pub(super) fields: Vec<Name>,
    /// What the statement and those within it are.
    pub(super) commands: Vec<Class>,
    /// Met so far, each mention once.
    met: Met,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Met {
    columns: usize,
    relations: usize,
    functions: usize,
    queries: usize,
}

/// The part of a statement that is walked: itself, or the query inside of it.
pub(super) fn body(root: &Node) -> Option<&Node> {
    match root {
        Node::SelectStmt(_)
        | Node::InsertStmt(_)
        | Node::UpdateStmt(_)
        | Node::DeleteStmt(_)
        | Node::MergeStmt(_)
        | Node::CopyStmt(_)
        | Node::CreateTableAsStmt(_)
        | Node::ViewStmt(_) => Some(root),
        Node::ExplainStmt(explain) => body(inner(explain.query.as_deref())?),
        Node::PrepareStmt(prepare) => body(inner(prepare.query.as_deref())?),
        Node::DeclareCursorStmt(declare) => body(inner(declare.query.as_deref())?),
        _ => None,
    }
}

/// Walks a statement, and proves that nothing of the census was missed.
pub(super) fn statement(
    body: &Node,
    census: &Census,
    found: &mut Found,
) -> Result<(), NotUnderstood> {
    if census.gaps > 0 {
        return Err(NotUnderstood);
    }
    let mut walk = Walk {
        found,
        shadow: 0,
        ctes: Vec::new(),
    };
    walk.root(body)?;
    let expected = Met {
        columns: census.columns,
        relations: census.relations.len(),
        functions: census.functions.len(),
        queries: census.queries,
    };
    match found.met == expected {
        true => Ok(()),
        false => Err(NotUnderstood),
    }
}

type Walked = Result<(), NotUnderstood>;

struct Walk<'f> {
    found: &'f mut Found,
    /// Names of the common table expressions in sight.
    ctes: Vec<String>,
    /// Above zero, what is met was met before, in another place.
    shadow: usize,
}

impl Walk<'_> {
    fn root(&mut self, root: &Node) -> Walked {
        match root {
            Node::CopyStmt(copy) => self.copy(copy),
            Node::CreateTableAsStmt(create) => {
                if let Some(into) = &create.into {
                    self.into(into)?;
                }
                match inner(create.query.as_deref()) {
                    // `CREATE TABLE … AS EXECUTE`: the query is elsewhere.
                    Some(Node::ExecuteStmt(execute)) => self.each(&execute.params, Place::Other),
                    Some(query) => self.query(query, Place::Output),
                    None => Err(NotUnderstood),
                }
            }
            Node::ViewStmt(view) => {
                self.relation(view.view.as_ref(), Access::Define);
                self.optional_query(view.query.as_deref())?;
                self.each(&view.options, Place::Other)
            }
            _ => self.query(root, Place::Output),
        }
    }

    fn copy(&mut self, copy: &pg::CopyStmt) -> Walked {
        let (access, place) = match copy.is_from {
            true => (Access::Write, Place::Target),
            false => (Access::Read, Place::Output),
        };
        self.relation(copy.relation.as_ref(), access);
        for column in tree::names(&copy.attlist) {
            self.column(vec![column.to_owned()], false, place);
        }
        if copy.relation.is_some() && copy.attlist.is_empty() {
            self.column(Vec::new(), true, place);
        }
        if copy.query.is_some() {
            self.optional_query(copy.query.as_deref())?;
        }
        self.each(&copy.options, Place::Other)?;
        self.optional(copy.where_clause.as_deref(), Place::Predicate)
    }

    fn optional_query(&mut self, query: Option<&Wrapped>) -> Walked {
        match inner(query) {
            Some(query) => self.query(query, Place::Output),
            None => Err(NotUnderstood),
        }
    }

    /// A query, or a statement that changes rows; `place` is where its output goes.
    fn query(&mut self, query: &Node, place: Place) -> Walked {
        let seen = self.ctes.len();
        let walked = self.query_inside(query, place);
        self.ctes.truncate(seen);
        walked
    }

    fn query_inside(&mut self, query: &Node, place: Place) -> Walked {
        self.found.commands.push(super::class::of(query)?);
        match query {
            Node::SelectStmt(select) => self.select(select, place),
            Node::InsertStmt(insert) => self.insert(insert, place),
            Node::UpdateStmt(update) => {
                self.with(update.with_clause.as_ref())?;
                self.relation(update.relation.as_ref(), Access::Write);
                self.assignments(&update.target_list)?;
                self.from(&update.from_clause)?;
                self.optional(update.where_clause.as_deref(), Place::Predicate)?;
                self.returning(update.returning_clause.as_ref(), place)
            }
            Node::DeleteStmt(delete) => {
                self.with(delete.with_clause.as_ref())?;
                self.relation(delete.relation.as_ref(), Access::Write);
                self.from(&delete.using_clause)?;
                self.optional(delete.where_clause.as_deref(), Place::Predicate)?;
                self.returning(delete.returning_clause.as_ref(), place)
            }
            Node::MergeStmt(merge) => self.merge(merge, place),
            _ => Err(NotUnderstood),
        }
    }

    fn select(&mut self, select: &pg::SelectStmt, place: Place) -> Walked {
        self.found.met.queries += usize::from(self.shadow == 0);
        self.with(select.with_clause.as_ref())?;
        if let Some(into) = &select.into_clause {
            self.into(into)?;
        }
        if select.op != SetOperation::SetopNone as i32 {
            for side in [&select.larg, &select.rarg] {
                let seen = self.ctes.len();
                self.select(side.as_deref().ok_or(NotUnderstood)?, place)?;
                self.ctes.truncate(seen);
            }
        }
        self.each(&select.target_list, place)?;
        self.from(&select.from_clause)?;
        self.optional(select.where_clause.as_deref(), Place::Predicate)?;
        self.by_output(&select.group_clause, select, Place::Grouping)?;
        self.optional(select.having_clause.as_deref(), Place::Predicate)?;
        self.by_output(&select.distinct_clause, select, Place::Grouping)?;
        self.each(&select.window_clause, Place::Ordering)?;
        self.each(&select.values_lists, place)?;
        self.by_output(&select.sort_clause, select, Place::Ordering)?;
        self.optional(select.limit_offset.as_deref(), Place::Other)?;
        self.optional(select.limit_count.as_deref(), Place::Other)?;
        if !select.locking_clause.is_empty() && self.shadow == 0 {
            self.found.side_effects.push(SideEffect::RowLock);
        }
        for lock in nodes(&select.locking_clause) {
            let Node::LockingClause(lock) = lock else {
                return Err(NotUnderstood);
            };
            // Names of entries of FROM, which are written as relations.
            self.found.met.relations += lock.locked_rels.len();
        }
        Ok(())
    }

    /// Expressions that may say an output column by its number or its name.
    fn by_output(&mut self, list: &[Wrapped], select: &pg::SelectStmt, place: Place) -> Walked {
        for node in nodes(list) {
            self.expression(node, place)?;
            let said = match node {
                Node::SortBy(sort) => inner(sort.node.as_deref()),
                node => Some(node),
            };
            for output in said.into_iter().flat_map(|said| outputs(said, select)) {
                self.shadow += 1;
                let walked = self.expression(output, place);
                self.shadow -= 1;
                walked?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, insert: &pg::InsertStmt, place: Place) -> Walked {
        self.with(insert.with_clause.as_ref())?;
        self.relation(insert.relation.as_ref(), Access::Write);
        self.assignments(&insert.cols)?;
        if insert.cols.is_empty() {
            self.column(Vec::new(), true, Place::Target);
        }
        if let Some(query) = inner(insert.select_stmt.as_deref()) {
            self.query(query, Place::Input)?;
        }
        if let Some(conflict) = &insert.on_conflict_clause {
            if let Some(infer) = &conflict.infer {
                self.each(&infer.index_elems, Place::Predicate)?;
                self.optional(infer.where_clause.as_deref(), Place::Predicate)?;
            }
            self.assignments(&conflict.target_list)?;
            self.optional(conflict.where_clause.as_deref(), Place::Predicate)?;
        }
        self.returning(insert.returning_clause.as_ref(), place)
    }

    fn merge(&mut self, merge: &pg::MergeStmt, place: Place) -> Walked {
        self.with(merge.with_clause.as_ref())?;
        self.relation(merge.relation.as_ref(), Access::Write);
        let source = inner(merge.source_relation.as_deref()).ok_or(NotUnderstood)?;
        self.entry(source)?;
        self.optional(merge.join_condition.as_deref(), Place::Join)?;
        for when in nodes(&merge.merge_when_clauses) {
            let Node::MergeWhenClause(when) = when else {
                return Err(NotUnderstood);
            };
            self.optional(when.condition.as_deref(), Place::Predicate)?;
            self.assignments(&when.target_list)?;
            self.each(&when.values, Place::Input)?;
        }
        self.returning(merge.returning_clause.as_ref(), place)
    }

    fn returning(&mut self, returning: Option<&pg::ReturningClause>, place: Place) -> Walked {
        let Some(returning) = returning else {
            return Ok(());
        };
        // Other names for the rows before and after.
        let are_names =
            nodes(&returning.options).all(|option| matches!(option, Node::ReturningOption(_)));
        match are_names {
            true => self.each(&returning.exprs, place),
            false => Err(NotUnderstood),
        }
    }

    /// Columns that are written, and what is written into them.
    fn assignments(&mut self, targets: &[Wrapped]) -> Walked {
        for target in nodes(targets) {
            let Node::ResTarget(target) = target else {
                return Err(NotUnderstood);
            };
            self.column(vec![target.name.clone()], false, Place::Target);
            self.each(&target.indirection, Place::Input)?;
            self.optional(target.val.as_deref(), Place::Input)?;
        }
        Ok(())
    }

    fn with(&mut self, with: Option<&pg::WithClause>) -> Walked {
        let Some(with) = with else {
            return Ok(());
        };
        if with.recursive {
            self.ctes
                .extend(nodes(&with.ctes).filter_map(|cte| match cte {
                    Node::CommonTableExpr(cte) => Some(cte.ctename.clone()),
                    _ => None,
                }));
        }
        for cte in nodes(&with.ctes) {
            let Node::CommonTableExpr(cte) = cte else {
                return Err(NotUnderstood);
            };
            self.optional_query(cte.ctequery.as_deref())?;
            self.ctes.push(cte.ctename.clone());
            if let Some(cycle) = &cte.cycle_clause {
                self.optional(cycle.cycle_mark_value.as_deref(), Place::Other)?;
                self.optional(cycle.cycle_mark_default.as_deref(), Place::Other)?;
            }
        }
        Ok(())
    }

    fn into(&mut self, into: &pg::IntoClause) -> Walked {
        self.relation(into.rel.as_ref(), Access::Define);
        self.each(&into.options, Place::Other)
    }

    fn relation(&mut self, relation: Option<&pg::RangeVar>, access: Access) {
        let Some(relation) = relation else {
            return;
        };
        if self.shadow > 0 {
            return;
        }
        self.found.met.relations += 1;
        let is_cte = relation.schemaname.is_empty() && self.ctes.contains(&relation.relname);
        if is_cte && access == Access::Read {
            return;
        }
        let parts = [&relation.schemaname, &relation.relname].into_iter();
        let name: Name = parts.filter(|part| !part.is_empty()).cloned().collect();
        self.found.relations.push(RelationUse { name, access });
    }

    fn column(&mut self, path: Name, is_star: bool, place: Place) {
        self.found.columns.push(ColumnUse {
            path,
            is_star,
            place,
        });
    }

    fn from(&mut self, list: &[Wrapped]) -> Walked {
        nodes(list).try_for_each(|entry| self.entry(entry))
    }
}

/// The targets of `select` that an expression of ORDER BY or GROUP BY says by number or name.
fn outputs<'a>(said: &'a Node, select: &'a pg::SelectStmt) -> Vec<&'a Node> {
    let targets = nodes(&select.target_list).filter_map(|target| match target {
        Node::ResTarget(target) => Some((target.name.as_str(), inner(target.val.as_deref())?)),
        _ => None,
    });
    match said {
        Node::AConst(constant) => match &constant.val {
            Some(pg::a_const::Val::Ival(number)) => {
                let index = usize::try_from(number.ival).unwrap_or(0).wrapping_sub(1);
                targets
                    .map(|(_, value)| value)
                    .skip(index)
                    .take(1)
                    .collect()
            }
            _ => Vec::new(),
        },
        Node::ColumnRef(column) => match tree::names(&column.fields).collect::<Vec<_>>()[..] {
            [name] => targets
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| value)
                .collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

mod entries;
mod expressions;

/// What a subquery's output is there for.
fn output_place(kind: SubLinkType, place: Place) -> Place {
    match kind {
        // What EXISTS returns does not matter.
        SubLinkType::ExistsSublink => Place::Other,
        SubLinkType::ExprSublink | SubLinkType::ArraySublink | SubLinkType::MultiexprSublink => {
            place
        }
        _ => Place::Predicate,
    }
}
