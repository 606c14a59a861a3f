//! Random queries: lists, grouping, windows, set operations, common table expressions.

use super::choices::Choices;
use super::schema::{Column, Flow, Relation, Schema};
use super::templates;
use super::types::{TYPES, Ty};

/// Subqueries that a statement may have beside its own.
const SUBQUERIES: usize = 5;

/// What may stand in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// Columns.
    Rows,
    /// Keys and aggregates.
    Groups,
    /// Columns and window functions.
    Windows,
}

/// An entry of FROM.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) columns: Vec<Column>,
}

impl Source {
    /// What its whole row shows.
    pub(super) fn flow(&self) -> Flow {
        let flows = self.columns.iter().map(|column| column.flow);
        flows.max().unwrap_or(Flow::Clean)
    }
}

/// A query and its result.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) columns: Vec<Column>,
}

/// What has been said of a statement so far. Its parts are in `expression`, `from`, `statement`.
pub(super) struct Grammar<'a> {
    pub(super) choices: &'a mut Choices,
    pub(super) schema: &'a Schema,
    /// May name what is under a rule.
    pub(super) wants_phi: bool,
    /// Has named something under a rule.
    pub(super) is_touched: bool,
    /// Something under a rule decides about rows, their number or order.
    pub(super) decides: bool,
    /// Has called a function of the database's own.
    pub(super) is_opaque: bool,
    /// Has named a view.
    pub(super) reads_view: bool,
    /// Conditions are to name nothing under a rule.
    pub(super) clean_conditions: bool,
    /// FROM of this level, and of the outer ones.
    pub(super) frames: Vec<Vec<Source>>,
    /// Nothing reads the columns but the client.
    pub(super) is_outer: bool,
    /// Names that a join of this level has merged.
    pub(super) merged: Vec<String>,
    pub(super) values: Values,
    /// Of GROUP BY.
    pub(super) keys: Vec<(Ty, String, Flow)>,
    /// Common table expressions in sight.
    pub(super) with: Vec<Relation>,
    pub(super) subqueries_left: usize,
    aliases: usize,
}

impl<'a> Grammar<'a> {
    /// A statement over `schema`.
    pub(super) fn new(choices: &'a mut Choices, schema: &'a Schema, wants_phi: bool) -> Self {
        Self {
            choices,
            schema,
            wants_phi,
            is_touched: false,
            decides: false,
            is_opaque: false,
            reads_view: false,
            clean_conditions: false,
            frames: Vec::new(),
            is_outer: false,
            merged: Vec::new(),
            values: Values::Rows,
            keys: Vec::new(),
            with: Vec::new(),
            subqueries_left: SUBQUERIES,
            aliases: 0,
        }
    }

    /// Notes that a value of this flow was named.
    pub(super) fn touch(&mut self, flow: Flow) {
        self.is_touched |= flow != Flow::Clean;
    }

    /// May another subquery begin?
    pub(super) fn may_nest(&self) -> bool {
        self.subqueries_left > 0 && self.values != Values::Groups
    }

    /// A name that is new.
    pub(super) fn alias(&mut self, letter: char) -> String {
        self.aliases += 1;
        format!("{letter}{}", self.aliases)
    }

    /// One to four types.
    pub(super) fn types(&mut self) -> Vec<Ty> {
        let count = 1 + self.choices.below(4);
        let mut types = Vec::new();
        for _ in 0..count {
            if self.wants_phi && self.choices.chance(80) {
                types.push(self.any_type());
                continue;
            }
            let few = &TYPES[..8];
            let list = if self.choices.chance(40) { TYPES } else { few };
            types.push(*self.choices.pick(list));
        }
        types
    }

    /// A query whose columns are of the types `wanted`, or of any.
    pub(super) fn query(&mut self, wanted: Option<&[Ty]>, depth: usize) -> Query {
        let in_sight = self.with.len();
        let mut with = Vec::new();
        let is_outer = std::mem::replace(&mut self.is_outer, false);
        while depth > 0 && with.len() < 2 && self.choices.chance(12) {
            with.push(self.common_table(depth - 1));
        }
        self.is_outer = is_outer;
        let mut query = match self.choices.below(10) {
            8 if depth > 0 => self.combined(wanted, depth - 1),
            9 if depth > 0 => self.listed(wanted),
            _ => self.select(wanted, depth),
        };
        self.is_outer = false;
        self.with.truncate(in_sight);
        let orders = !query.sql.contains(" as c");
        if orders && self.choices.chance(30) && !query.sql.starts_with("select distinct on") {
            self.order(&mut query);
        }
        if !with.is_empty() {
            query.sql = format!("with recursive {} {}", with.join(", "), query.sql);
        }
        query
    }

    /// A view's query: in one of two, what is under a rule is shown and decides about nothing.
    pub(super) fn query_of_view(&mut self) -> Query {
        self.clean_conditions = self.choices.chance(70);
        let mut types = self.types();
        types.extend([Ty::Text, Ty::Int]);
        self.subqueries_left = 2;
        self.select(Some(&types), 1)
    }

    fn order(&mut self, query: &mut Query) {
        let places: Vec<_> = (0..query.columns.len())
            .filter(|place| query.columns[*place].ty.has_equality())
            .collect();
        if places.is_empty() {
            return;
        }
        let place = *self.choices.pick(&places);
        self.decides |= query.columns[place].flow != Flow::Clean;
        let way = *self.choices.pick(&["", " desc", " desc nulls last"]);
        let end = *self.choices.pick(&[
            "",
            " limit 3",
            " offset 1",
            " limit 4 offset 1",
            " fetch first 2 rows with ties",
        ]);
        query.sql = format!("{} order by {}{way}{end}", query.sql, place + 1);
    }

    fn common_table(&mut self, depth: usize) -> String {
        let name = self.alias('w');
        let query = match self.choices.below(4) {
            3 => self.recursive(&name),
            _ => self.query(None, depth),
        };
        let hint = *self
            .choices
            .pick(&["", "materialized ", "not materialized "]);
        let hint = if query.sql.contains(&name) { "" } else { hint };
        let names: Vec<_> = query.columns.iter().map(|c| c.name.clone()).collect();
        let sql = format!("{name} ({}) as {hint}({})", names.join(", "), query.sql);
        self.with.push(Relation {
            name,
            columns: query.columns,
            is_table: false,
            is_touched: false,
        });
        sql
    }

    fn recursive(&mut self, name: &str) -> Query {
        let own = self.alias('r');
        let first = self.select(Some(&[Ty::Int, Ty::Text]), 0);
        let [number, text] = [0, 1].map(|place| first.columns[place].name.clone());
        let step = *self.choices.pick(&["|| ''", "|| '.'"]);
        let sql = format!(
            "{} union all select {own}.{number} + 1, {own}.{text} {step} from {name} {own} \
             where {own}.{number} < 3",
            first.sql
        );
        Query { sql, ..first }
    }

    /// Two queries in one.
    fn combined(&mut self, wanted: Option<&[Ty]>, depth: usize) -> Query {
        let types = wanted.map_or_else(|| self.types(), <[Ty]>::to_vec);
        let one = self.select(Some(&types), depth);
        let other = self.select(Some(&types), depth);
        let equal = types.iter().all(|ty| ty.has_equality());
        let words = ["union all", "union", "intersect", "except", "except all"];
        let end = if equal { words.len() } else { 1 };
        let word = *self.choices.pick(&words[..end]);
        let mut columns = one.columns;
        for (column, other) in columns.iter_mut().zip(&other.columns) {
            let flow = match word {
                "union all" | "union" => other.flow,
                _ => other.flow.min(Flow::Maybe),
            };
            column.flow = column.flow.max(flow);
            self.decides |= word != "union all" && column.flow != Flow::Clean;
        }
        let sql = format!("({}) {word} ({})", one.sql, other.sql);
        Query { sql, columns }
    }

    /// VALUES.
    fn listed(&mut self, wanted: Option<&[Ty]>) -> Query {
        let types = wanted.map_or_else(|| self.types(), <[Ty]>::to_vec);
        let mut columns: Vec<Column> = Vec::new();
        let mut lines = Vec::new();
        for row in 0..2 {
            let cells: Vec<_> = types.iter().map(|ty| self.expression(*ty, 1)).collect();
            for (place, cell) in cells.iter().enumerate() {
                if row == 0 {
                    columns.push(Column {
                        name: format!("column{}", place + 1),
                        ty: types[place],
                        flow: cell.flow,
                    });
                }
                columns[place].flow = columns[place].flow.max(cell.flow);
            }
            let cells: Vec<_> = cells.into_iter().map(|cell| cell.sql).collect();
            lines.push(format!("({})", cells.join(", ")));
        }
        let sql = format!("values {}", lines.join(", "));
        Query { sql, columns }
    }

    /// SELECT.
    pub(super) fn select(&mut self, wanted: Option<&[Ty]>, depth: usize) -> Query {
        self.frames.push(Vec::new());
        let values = std::mem::replace(&mut self.values, Values::Rows);
        let keys = std::mem::take(&mut self.keys);
        let merged = std::mem::take(&mut self.merged);
        let is_outer = std::mem::replace(&mut self.is_outer, false);
        let mut from = self.from(depth);
        if self.choices.chance(35) {
            let condition = self.condition(depth.min(2));
            from.push_str(&format!(" where {}", condition.sql));
        }
        self.is_outer = is_outer;
        let query = match (self.choices.below(10), wanted) {
            (5 | 6, _) => self.grouped_list(wanted, &from, depth),
            (7, _) => {
                self.values = Values::Windows;
                self.list(wanted, "select", &from, depth)
            }
            (8, None) => self.star(&from),
            (9, _) => self.distinct_list(wanted, &from, depth),
            _ => self.list(wanted, "select", &from, depth),
        };
        self.values = values;
        self.keys = keys;
        self.merged = merged;
        self.frames.pop();
        query
    }

    /// The list of a SELECT; names are those of other columns of its type.
    pub(super) fn list(
        &mut self,
        wanted: Option<&[Ty]>,
        verb: &str,
        from: &str,
        depth: usize,
    ) -> Query {
        let types = wanted.map_or_else(|| self.types(), <[Ty]>::to_vec);
        let mut columns: Vec<Column> = Vec::new();
        let mut entries = Vec::new();
        // A canary as it is, so that most results have one to lose.
        if wanted.is_none() && self.wants_phi && self.values != Values::Groups {
            entries.extend(self.plain(&mut columns));
        }
        if wanted.is_none() && self.is_outer && self.choices.chance(25) {
            let template = *self.choices.pick(templates::OUTPUTS);
            let made = self.fill(template, 0);
            let name = self.alias('c');
            entries.push(format!("{} as {name}", made.sql));
            let (ty, flow) = (Ty::Text, made.flow);
            columns.push(Column { name, ty, flow });
        }
        for ty in types {
            let deeper = self.choices.below(depth + 2);
            let made = self.expression(ty, deeper);
            let names = ty.names().iter();
            let names = names.filter(|name| columns.iter().all(|column| column.name != **name));
            let names: Vec<_> = names.copied().collect();
            let name = match names.is_empty() {
                true => self.alias('c'),
                false => (*self.choices.pick(&names)).to_owned(),
            };
            entries.push(format!("{} as {name}", made.sql));
            let flow = made.flow;
            columns.push(Column { name, ty, flow });
        }
        let sql = format!("{verb} {} {from}", entries.join(", "));
        Query { sql, columns }
    }

    fn plain(&mut self, columns: &mut Vec<Column>) -> Option<String> {
        let sources = self.frames.last().map_or(&[][..], Vec::as_slice);
        let shown = sources.iter().flat_map(|source| {
            let columns = source.columns.iter();
            let shown = columns.filter(|column| column.flow == Flow::Shown);
            shown.map(|column| (source.alias.clone(), column.clone()))
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() || self.choices.chance(15) {
            return None;
        }
        let (alias, column) = self.choices.pick(&shown).clone();
        self.touch(column.flow);
        let name = self.alias('c');
        let entry = format!("{alias}.{} as {name}", column.name);
        columns.push(Column { name, ..column });
        Some(entry)
    }

    fn distinct_list(&mut self, wanted: Option<&[Ty]>, from: &str, depth: usize) -> Query {
        let types = wanted.map_or_else(|| self.types(), <[Ty]>::to_vec);
        let equal = types.iter().all(|ty| ty.has_equality());
        let on = self.column(|column| column.ty == Ty::Int);
        let on = on.filter(|_| equal && self.choices.chance(30));
        self.decides |= on.as_ref().is_some_and(|on| on.flow != Flow::Clean);
        let on = on.map(|on| format!("select distinct on ({})", on.sql));
        let verb = if equal { "select distinct" } else { "select" };
        let verb = on.as_deref().unwrap_or(verb);
        let query = self.list(Some(&types), verb, from, depth);
        self.decides |= equal && query.columns.iter().any(|c| c.flow != Flow::Clean);
        query
    }

    /// `*`, or all columns of one entry of FROM. A name that is there twice has no meaning outside.
    fn star(&mut self, from: &str) -> Query {
        let wants_phi = self.wants_phi;
        let sources = self.frames.last().cloned().unwrap_or_default();
        let shown: Vec<_> = sources
            .iter()
            .filter(|source| wants_phi || source.flow() == Flow::Clean)
            .collect();
        if shown.is_empty() || from.contains(" using ") || from.contains(" natural ") {
            return self.list(None, "select", from, 1);
        }
        let source = *self.choices.pick(&shown);
        self.touch(source.flow());
        let alias = &source.alias;
        let words = match sources.len() {
            1 if self.choices.chance(60) => "*".to_owned(),
            _ => format!("{alias}.*"),
        };
        Query {
            sql: format!("select {words} {from}"),
            columns: source.columns.clone(),
        }
    }

    fn grouped_list(&mut self, wanted: Option<&[Ty]>, from: &str, depth: usize) -> Query {
        for _ in 0..self.choices.below(3) {
            let ty = self.any_type();
            if !ty.has_equality() {
                continue;
            }
            let is_wanted = |column: &Column| column.ty == ty;
            if let Some(key) = self.column(is_wanted) {
                self.decides |= key.flow != Flow::Clean;
                self.keys.push((ty, key.sql, key.flow));
            }
        }
        self.values = Values::Groups;
        let mut query = self.list(wanted, "select", from, depth.min(1));
        let keys: Vec<_> = self.keys.iter().map(|(_, sql, _)| sql.clone()).collect();
        let keys = keys.join(", ");
        if !keys.is_empty() {
            let form = match self.choices.below(6) {
                3 => format!("rollup ({keys})"),
                4 => format!("cube ({keys})"),
                5 => format!("grouping sets (({keys}), ())"),
                _ => keys,
            };
            query.sql.push_str(&format!(" group by {form}"));
        }
        if self.choices.chance(20) {
            let condition = self.condition(1);
            query.sql.push_str(&format!(" having {}", condition.sql));
        }
        query
    }
}
