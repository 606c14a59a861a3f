//! What flows into the rows that a statement returns.

use velum_parser::tree::{self as pg, ObjectType};

use crate::sql::effects::Place;
use crate::sql::tree::{self, Node, Wrapped, inner};

use super::flow::Flow;
use super::query::all;
use super::scope::{Columns, Scope};
use super::ties::Written;
use super::uses::Test;
use super::{Analysis, Handle, Outputs, Unresolved, is_opaque};

impl<'a> Analysis<'a> {
    pub(super) fn statement(&self, root: &'a Node) -> Result<Outputs, Unresolved> {
        let scope = Scope::EMPTY;
        match root {
            Node::SelectStmt(select) if select.into_clause.is_some() => {
                let columns = self.select(select, &scope)?;
                self.carried(&columns);
                Ok(Outputs::None)
            }
            Node::SelectStmt(select) => self.select(select, &scope).map(|it| outputs(&it)),
            Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => {
                let columns = self.returning(root, &scope)?;
                Ok(match columns.list.is_empty() && columns.rest.is_none() {
                    true => Outputs::None,
                    false => outputs(&columns),
                })
            }
            Node::CopyStmt(copy) => self.copy(copy),
            Node::ExplainStmt(explain) => {
                self.observe(|| self.within(explain.query.as_deref()).map(drop));
                Ok(match self.plans_values(explain) {
                    true => Outputs::Any(Flow::unknown()),
                    false => Outputs::Each(vec![Flow::count([])]),
                })
            }
            Node::CreateTableAsStmt(create) => {
                self.observe(|| self.create_as(create));
                Ok(Outputs::None)
            }
            // What it shows is followed; what it tells by its rows is not.
            Node::ViewStmt(view) => {
                // It stays, for others as well: what is hidden of it is said by its own columns.
                let query = || self.within(view.query.as_deref()).map(drop);
                self.by_place(|| self.defining(|| self.observe(query)));
                Ok(Outputs::None)
            }
            // Settings of a name with a dot hold whatever a session has put there.
            Node::VariableShowStmt(show) => Ok(match show.name.as_str() {
                "all" => Outputs::Any(Flow::CONSTANT),
                name if name.contains('.') => Outputs::Each(vec![Flow::unknown()]),
                _ => Outputs::Each(vec![Flow::CONSTANT]),
            }),
            Node::CallStmt(_) => Ok(Outputs::Any(Flow::unknown())),
            Node::ExecuteStmt(_) | Node::FetchStmt(_) => Err(Unresolved::Elsewhere),
            Node::DeclareCursorStmt(declare) => self.within(declare.query.as_deref()),
            Node::PrepareStmt(prepare) => self.within(prepare.query.as_deref()),
            _ => Ok(Outputs::None),
        }
    }

    /// A plan names columns and quotes the statement; estimates are no values. But it shows what
    /// the planner has computed already, and the arguments of an EXECUTE, whoever made them.
    fn plans_values(&self, explain: &pg::ExplainStmt) -> bool {
        let is_execute = matches!(inner(explain.query.as_deref()), Some(Node::ExecuteStmt(_)));
        let mut functions = self.functions.iter();
        is_execute || functions.any(|name| is_opaque(self.catalog, name))
    }

    /// The statement that another one holds.
    fn within(&self, statement: Option<&'a Wrapped>) -> Result<Outputs, Unresolved> {
        self.statement(inner(statement).ok_or(Unresolved::Node)?)
    }

    /// A table has what is put into it and no rule; a materialised view is followed.
    fn create_as(&self, create: &'a pg::CreateTableAsStmt) -> Result<(), Unresolved> {
        let query = inner(create.query.as_deref()).ok_or(Unresolved::Node)?;
        if matches!(query, Node::ExecuteStmt(_)) {
            self.note(Place::Input, Test::Into(Vec::new()), &Flow::unknown());
            return Ok(());
        }
        let names = create.into.as_deref().map(|into| into.col_names.len());
        let are_named = names.is_some_and(|count| count > 0);
        let is_view = create.objtype == ObjectType::ObjectMatview as i32;
        let columns = self.by_place_if(are_named || is_view, || match is_view {
            true => self.defining(|| self.query(query, &Scope::EMPTY)),
            false => self.query(query, &Scope::EMPTY),
        })?;
        if !is_view {
            self.carried(&columns);
        }
        Ok(())
    }

    fn copy(&self, copy: &'a pg::CopyStmt) -> Result<Outputs, Unresolved> {
        if copy.is_from {
            self.observe(|| self.copy_from(copy));
            return Ok(Outputs::None);
        }
        if copy.is_program || !copy.filename.is_empty() {
            return Ok(Outputs::None);
        }
        if let Some(query) = inner(copy.query.as_deref()) {
            return self.query(query, &Scope::EMPTY).map(|it| outputs(&it));
        }
        let table = copy.relation.as_ref().ok_or(Unresolved::Node)?;
        let pieces = [self.relation(table, &Scope::EMPTY)?];
        if copy.attlist.is_empty() {
            // Generated columns are left out: of a table that has some the number is open.
            let [piece] = &pieces;
            let mut columns = all(piece);
            let flow = Flow::either(columns.flows());
            columns.rest = Some(flow.into());
            return Ok(outputs(&columns));
        }
        let scope = Scope::EMPTY;
        let scope = scope.with_pieces(&pieces);
        let column = |name| {
            let flow = scope.column(self, name)?;
            self.name(&flow);
            Ok(flow)
        };
        let named = tree::names(&copy.attlist).map(column);
        let flows: Result<Vec<Flow>, Unresolved> =
            named.map(|flow| flow.map(|flow| (*flow).clone())).collect();
        flows.map(Outputs::Each)
    }

    /// COPY FROM … WHERE looks at what comes in.
    fn copy_from(&self, copy: &'a pg::CopyStmt) -> Result<(), Unresolved> {
        let table = copy.relation.as_ref().ok_or(Unresolved::Node)?;
        let pieces = [self.relation(table, &Scope::EMPTY)?];
        let scope = Scope::EMPTY;
        let scope = scope.with_pieces(&pieces);
        let names: Vec<&str> = tree::names(&copy.attlist).collect();
        let into = self.written(table, |_, known| names.is_empty() || names.contains(&known));
        self.tied(&into, &Written::Any);
        self.condition(copy.where_clause.as_deref(), &scope, Place::Predicate)
    }
}

/// See [`Lineage::handle`](super::Lineage::handle).
pub(super) fn handle(root: &Node) -> Option<Handle> {
    let cursor = |name: &str| Some(Handle::Cursor(name.into()));
    let prepared = |name: &str| Some(Handle::Prepared(name.into()));
    match root {
        Node::DeclareCursorStmt(declare) => cursor(&declare.portalname),
        Node::FetchStmt(fetch) => cursor(&fetch.portalname),
        Node::PrepareStmt(prepare) => prepared(&prepare.name),
        Node::ExecuteStmt(execute) => prepared(&execute.name),
        Node::ExplainStmt(explain) => match inner(explain.query.as_deref()) {
            Some(Node::ExecuteStmt(execute)) => prepared(&execute.name),
            _ => None,
        },
        _ => None,
    }
}

fn outputs(columns: &Columns<'_>) -> Outputs {
    match columns.rest {
        None => Outputs::Each(columns.flows().cloned().collect()),
        Some(_) => Outputs::Any(Flow::either(columns.flows())),
    }
}
