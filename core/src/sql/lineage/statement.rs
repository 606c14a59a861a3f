//! What flows into the rows that a statement returns.

use velum_parser::tree as pg;

use crate::sql::tree::{self, Node, Wrapped, inner};

use super::flow::Flow;
use super::query::all;
use super::scope::{Columns, Scope};
use super::{Analysis, Handle, Outputs, Unresolved, is_opaque};

impl<'a> Analysis<'a> {
    pub(super) fn statement(&self, root: &'a Node) -> Result<Outputs, Unresolved> {
        let scope = Scope::EMPTY;
        match root {
            Node::SelectStmt(select) if select.into_clause.is_some() => Ok(Outputs::None),
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
            Node::ExplainStmt(explain) => Ok(match self.plans_values(explain) {
                true => Outputs::Any(Flow::unknown()),
                false => Outputs::Each(vec![Flow::count([])]),
            }),
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

    fn copy(&self, copy: &'a pg::CopyStmt) -> Result<Outputs, Unresolved> {
        if copy.is_from || copy.is_program || !copy.filename.is_empty() {
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
        let named = tree::names(&copy.attlist).map(|name| scope.column(self, name));
        let flows: Result<Vec<Flow>, Unresolved> =
            named.map(|flow| flow.map(|flow| (*flow).clone())).collect();
        flows.map(Outputs::Each)
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
        _ => None,
    }
}

fn outputs(columns: &Columns<'_>) -> Outputs {
    match columns.rest {
        None => Outputs::Each(columns.flows().cloned().collect()),
        Some(_) => Outputs::Any(Flow::either(columns.flows())),
    }
}
