//! Random tables: plain, partitioned, inherited, with generated columns, and functions and views
//! over them. What is known of each column is whether canaries flow into it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::choices::Choices;
use super::query::Grammar;
use super::types::{DEFINITIONS, TYPES, Ty};

/// Rows of a table.
const ROWS: usize = 5;
const VIEWS: usize = 6;

/// Whether canaries flow into a value. What is not [`Flow::Clean`] may be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    /// Nothing of any.
    Clean,
    /// They decide about it, or only a part of it that may be clean comes from them.
    Maybe,
    /// It is computed from them: where rows differ in it, they must not do so through Velum.
    Shown,
}

/// A column of a relation, or of a query's result.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) flow: Flow,
}

/// A table or view.
#[derive(Clone)]
pub(super) struct Relation {
    /// With its schema.
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// May be written to.
    pub(super) is_table: bool,
    /// Canaries decide about its rows, so that whoever reads it reads of them.
    pub(super) is_touched: bool,
}

impl Relation {
    /// No column of it has canaries.
    pub(super) fn is_clean(&self) -> bool {
        let mut columns = self.columns.iter();
        !self.is_touched && columns.all(|column| column.flow == Flow::Clean)
    }
}

/// A function of SQL: what it returns is masked whatever it is.
#[derive(Clone)]
pub(super) struct Function {
    /// A call, as a template of the grammar.
    pub(super) call: String,
    /// For a function in FROM: the columns of its rows.
    pub(super) columns: Option<Vec<Column>>,
    pub(super) flow: Flow,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Schema {
    /// Statements that make it, in order.
    pub(super) definitions: Vec<String>,
    pub(super) relations: Vec<Relation>,
    pub(super) functions: Vec<Function>,
    /// Columns under a rule, with schema and table.
    pub(super) ruled: Vec<String>,
    /// Bytes that show a canary, beside its letters.
    pub(super) needles: Vec<Vec<u8>>,
}

/// Runs a definition; false if the database refuses it.
pub(super) type Run<'a> = &'a mut dyn FnMut(&str) -> bool;

impl Schema {
    /// Makes one and creates it with `run`.
    pub(super) fn create(choices: &mut Choices, run: Run<'_>) -> Self {
        let mut schema = Self::default();
        schema.define(DEFINITIONS.to_owned(), run);
        for number in 0..4 {
            schema.table(&format!("gen.t{number}"), choices, run);
        }
        schema.partitioned(choices, run);
        schema.inherited(choices, run);
        schema.function(choices, run);
        for number in 0..VIEWS {
            schema.view(number, choices, run);
        }
        schema
    }

    fn define(&mut self, sql: String, run: Run<'_>) -> bool {
        let done = run(&sql);
        if done {
            self.definitions.push(sql);
        }
        done
    }

    fn table(&mut self, name: &str, choices: &mut Choices, run: Run<'_>) {
        let mut columns = columns(choices);
        let generated = generated(&columns);
        let lines = declared(&columns);
        let more = generated.iter().map(|(column, formula)| {
            let (name, ty) = (&column.name, column.ty.sql());
            format!(", {name} {ty} GENERATED ALWAYS AS ({formula}) STORED")
        });
        let more: String = more.collect();
        let sql = format!("CREATE TABLE {name} (id int PRIMARY KEY, {lines}{more});");
        let rows = self.rows(name, &columns, 1, choices);
        self.define(format!("{sql}\n{rows}"), run);
        self.rule(name, &columns);
        columns.extend(generated.into_iter().map(|(column, _)| column));
        self.relation(name, columns, true);
    }

    /// The rules name the whole table, not its parts.
    fn partitioned(&mut self, choices: &mut Choices, run: Run<'_>) {
        let columns = columns(choices);
        let lines = declared(&columns);
        let mut sql = format!(
            "CREATE TABLE gen.p (id int PRIMARY KEY, {lines}) PARTITION BY RANGE (id);
CREATE TABLE gen.p_low PARTITION OF gen.p FOR VALUES FROM (0) TO (3);
CREATE TABLE gen.p_high PARTITION OF gen.p FOR VALUES FROM (3) TO (1000);\n"
        );
        sql.push_str(&self.rows("gen.p", &columns, 1, choices));
        self.define(sql, run);
        self.rule("gen.p", &columns);
        for name in ["gen.p", "gen.p_low", "gen.p_high"] {
            self.relation(name, columns.clone(), true);
        }
    }

    /// The rules name the parent, not what its child inherits.
    fn inherited(&mut self, choices: &mut Choices, run: Run<'_>) {
        let columns = columns(choices);
        let lines = declared(&columns);
        let mut sql = format!("CREATE TABLE gen.i (id int PRIMARY KEY, {lines});\n");
        sql.push_str(&self.rows("gen.i", &columns, 1, choices));
        sql.push_str("\nCREATE TABLE gen.i_child (more text) INHERITS (gen.i);\n");
        let mut own = columns.clone();
        own.push(Column {
            name: "more".to_owned(),
            ty: Ty::Text,
            flow: Flow::Shown,
        });
        sql.push_str(&self.rows("gen.i_child", &own, 11, choices));
        self.define(sql, run);
        self.rule("gen.i", &columns);
        self.ruled.push("gen.i_child.more".to_owned());
        self.relation("gen.i", columns, true);
        self.relation("gen.i_child", own, true);
    }

    fn relation(&mut self, name: &str, mut columns: Vec<Column>, is_table: bool) {
        columns.insert(0, Column::key());
        self.relations.push(Relation {
            name: name.to_owned(),
            columns,
            is_table,
            is_touched: false,
        });
    }

    fn rule(&mut self, table: &str, columns: &[Column]) {
        let hidden = columns.iter().filter(|column| column.flow != Flow::Clean);
        self.ruled
            .extend(hidden.map(|column| format!("{table}.{}", column.name)));
    }

    fn rows(
        &mut self,
        table: &str,
        columns: &[Column],
        first: usize,
        choices: &mut Choices,
    ) -> String {
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let mut sql = format!("INSERT INTO {table} (id, {}) VALUES", names.join(", "));
        for row in first..first + ROWS {
            let _ = write!(sql, "{}\n  ({row}", if row == first { "" } else { "," });
            for column in columns {
                let value = match column.flow {
                    _ if choices.chance(8) => "NULL".to_owned(),
                    Flow::Clean => column.ty.literal(choices),
                    _ => column.ty.canary(choices, &mut self.needles),
                };
                let _ = write!(sql, ", {value}");
            }
            sql.push(')');
        }
        sql + ";"
    }

    /// A function of a value, one of a row's number, and one of a table's rows.
    fn function(&mut self, choices: &mut Choices, run: Run<'_>) {
        let table = self.relations[choices.below(4)].clone();
        let texts = table.columns.iter().filter(|column| column.ty == Ty::Text);
        let texts: Vec<_> = texts.collect();
        let name = &table.name;
        let mut add = |sql: String, call: &str, columns: Option<&[Column]>, flow| {
            if self.define(sql, run) {
                self.functions.push(Function {
                    call: call.to_owned(),
                    columns: columns.map(<[Column]>::to_vec),
                    flow,
                });
            }
        };
        let same = "CREATE FUNCTION gen.same(text) RETURNS text LANGUAGE sql AS 'SELECT $1';";
        add(same.to_owned(), "gen.same(<text>)", None, Flow::Clean);
        if let Some(text) = texts.first() {
            let sql = format!(
                "CREATE FUNCTION gen.told(int) RETURNS text LANGUAGE sql STABLE AS
'SELECT {} FROM {name} WHERE id = $1';",
                text.name
            );
            add(sql, "gen.told(<int>)", None, text.flow);
        }
        let sql = format!(
            "CREATE FUNCTION gen.list() RETURNS SETOF {name} LANGUAGE sql STABLE AS
'SELECT * FROM {name}';"
        );
        let flow = table.columns.iter().map(|column| column.flow).max();
        let flow = flow.unwrap_or(Flow::Clean);
        add(sql, "gen.list()", Some(&table.columns), flow);
    }

    /// A view, or a materialised one, of a random query.
    fn view(&mut self, number: usize, choices: &mut Choices, run: Run<'_>) {
        let name = format!("gen.v{number}");
        let mut grammar = Grammar::new(choices, self, true);
        let query = grammar.query_of_view();
        let is_touched = grammar.decides;
        let opaque = grammar.is_opaque;
        let kind = ["VIEW", "VIEW", "MATERIALIZED VIEW"][number % 3];
        let names: Vec<_> = query.columns.iter().map(|c| c.name.clone()).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        if distinct.len() < names.len() || opaque {
            return;
        }
        let sql = format!(
            "CREATE {kind} {name} ({}) AS {};",
            names.join(", "),
            query.sql
        );
        // One that cannot be read would make every query of it fail.
        let whole = format!("BEGIN; {sql} TABLE {name}; ROLLBACK");
        if run(&whole) && self.define(sql, run) {
            self.relations.push(Relation {
                name,
                columns: query.columns,
                is_table: false,
                is_touched,
            });
        }
    }
}

impl Column {
    /// The key of every table.
    pub(super) fn key() -> Self {
        Self {
            name: "id".to_owned(),
            ty: Ty::Int,
            flow: Flow::Clean,
        }
    }
}

/// Four to nine columns of different names, beside the key.
fn columns(choices: &mut Choices) -> Vec<Column> {
    let mut names = BTreeSet::new();
    let mut columns = Vec::new();
    for place in 0..4 + choices.below(6) {
        // Texts are what most is done with.
        let ty = if place < 2 {
            Ty::Text
        } else {
            *choices.pick(TYPES)
        };
        let name = *choices.pick(ty.names());
        if names.insert(name) {
            let hidden = ty.hides() && choices.chance(50);
            columns.push(Column {
                name: name.to_owned(),
                ty,
                flow: if hidden { Flow::Shown } else { Flow::Clean },
            });
        }
    }
    columns
}

/// A column that is computed from another, with the formula.
fn generated(columns: &[Column]) -> Option<(Column, String)> {
    let text = columns.iter().find(|column| column.ty == Ty::Text)?;
    let column = Column {
        name: "marked".to_owned(),
        ..text.clone()
    };
    Some((column, format!("upper({}) || '.'", text.name)))
}

fn declared(columns: &[Column]) -> String {
    let columns = columns.iter();
    let lines: Vec<_> = columns
        .map(|column| format!("{} {}", column.name, column.ty.sql()))
        .collect();
    lines.join(", ")
}
