//! Random statements: queries, what writes and returns, copies, cursors, prepared statements of
//! SQL and plans, each with the protocol that it is sent by.

use super::choices::Choices;
use super::query::{Grammar, Query, Source};
use super::schema::{Column, Flow, Relation, Schema};

/// How a statement is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Simple,
    ExtendedText,
    ExtendedBinary,
    /// Prepared under a name, and executed after something else; in binary.
    Named,
    /// By a portal, some rows at a time.
    Pieces,
}

/// All of them.
pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol::Simple,
    Protocol::ExtendedText,
    Protocol::ExtendedBinary,
    Protocol::Named,
    Protocol::Pieces,
];

/// One or several texts; the last of several puts back what the others did.
pub(super) struct Statement {
    pub(super) steps: Vec<String>,
    pub(super) protocol: Protocol,
    /// Of the rows that come back, where it is known.
    pub(super) columns: Vec<Column>,
    /// Names something under a rule.
    pub(super) is_touched: bool,
    /// Calls a function of the database's own, whose results are masked whatever they are.
    pub(super) is_opaque: bool,
}

impl Statement {
    /// A statement over `schema`.
    pub(super) fn generate(choices: &mut Choices, schema: &Schema) -> Self {
        let wants_phi = !choices.chance(30);
        let protocol = *choices.pick(PROTOCOLS);
        let kind = choices.below(28);
        let mut grammar = Grammar::new(choices, schema, wants_phi);
        grammar.is_outer = true;
        let (steps, columns) = grammar.steps(kind);
        let protocol = if kind == 24 {
            Protocol::Simple
        } else {
            protocol
        };
        let Grammar {
            is_touched,
            is_opaque,
            reads_view,
            ..
        } = grammar;
        // A view may call any function, which may give a cursor's name to another.
        // Nobody else can see a view of an open transaction.
        let is_opaque = is_opaque || reads_view && matches!(kind, 20 | 21 | 26 | 27) || kind == 23;
        Self {
            steps,
            protocol,
            columns,
            is_touched,
            is_opaque,
        }
    }
}

fn transaction(steps: &[String]) -> Vec<String> {
    let mut all = vec!["begin".to_owned()];
    all.extend_from_slice(steps);
    all.push("rollback".to_owned());
    all
}

impl Grammar<'_> {
    /// The texts of a statement, and the columns of its rows where they are known.
    fn steps(&mut self, kind: usize) -> (Vec<String>, Vec<Column>) {
        match kind {
            13..=16 => {
                let (sql, columns) = self.write(true);
                (transaction(&[sql]), columns)
            }
            17 => {
                let query = self.writing_query();
                (transaction(&[query.sql]), query.columns)
            }
            18 | 19 => (vec![self.copy()], Vec::new()),
            20 => {
                let query = self.query(None, 2);
                let declare = format!("declare c scroll cursor for {}", query.sql);
                let last = [
                    "fetch all from c",
                    "fetch last from c",
                    "fetch absolute 1 from c",
                ];
                let last = *self.choices.pick(&last);
                let fetch = ["fetch 2 from c", last].map(str::to_owned);
                let steps = [&[declare][..], &fetch].concat();
                (transaction(&steps), query.columns)
            }
            21 => {
                let query = self.query(None, 2);
                let prepare = format!("prepare s as {}", query.sql);
                let steps = [&prepare, "execute s", "deallocate all"];
                (steps.map(str::to_owned).to_vec(), query.columns)
            }
            22 => {
                let options = [
                    "costs off",
                    "costs off, verbose",
                    "costs off, format json",
                    "analyze, costs off, timing off, summary off",
                ];
                let options = *self.choices.pick(&options);
                let query = self.query(None, 1);
                let sql = format!("explain ({options}) {}", query.sql);
                (vec![sql], Vec::new())
            }
            23 => {
                let query = self.query(None, 2);
                let names: Vec<_> = query.columns.iter().map(|c| c.name.as_str()).collect();
                let names = names.join(", ");
                let view = format!("create temp view seen ({names}) as {}", query.sql);
                let steps = [view, "select * from seen".to_owned()];
                (transaction(&steps), query.columns)
            }
            24 => {
                let query = self.query(None, 2);
                let sql = format!("select 1; {}; select 2", query.sql);
                (vec![sql], Vec::new())
            }
            26 => self.held_cursor(),
            27 => self.parameters(),
            _ => {
                let query = self.query(None, 2);
                (vec![query.sql], query.columns)
            }
        }
    }

    /// A cursor that outlives its transaction.
    fn held_cursor(&mut self) -> (Vec<String>, Vec<Column>) {
        let query = self.query(None, 2);
        let declare = format!("declare c scroll cursor with hold for {}", query.sql);
        let last = *self
            .choices
            .pick(&["fetch all from c", "fetch first from c"]);
        let steps = [&declare, "fetch 2 from c", last, "close all"];
        (steps.map(str::to_owned).to_vec(), query.columns)
    }

    /// A prepared statement that is given its values when it runs.
    fn parameters(&mut self) -> (Vec<String>, Vec<Column>) {
        let query = self.query(None, 2);
        let prepare = format!(
            "prepare s (int, int) as select * from ({}) q offset $1 limit $2",
            query.sql
        );
        let counts = *self.choices.pick(&["0, 3", "1, 2", "null, null"]);
        let steps = [
            &prepare,
            &*format!("execute s ({counts})"),
            "deallocate all",
        ];
        (steps.map(str::to_owned).to_vec(), query.columns)
    }

    /// INSERT, UPDATE, DELETE or MERGE, with what it returns.
    fn write(&mut self, may_merge: bool) -> (String, Vec<Column>) {
        let tables = self.schema.relations.iter();
        let tables: Vec<_> = tables.filter(|it| it.is_table).collect();
        let table = (*self.choices.pick(&tables)).clone();
        let alias = self.alias('a');
        let columns = table.columns.clone();
        self.frames.push(vec![Source {
            alias: alias.clone(),
            columns,
        }]);
        let sql = match self.choices.below(if may_merge { 7 } else { 6 }) {
            0 | 1 => self.update(&table, &alias),
            2 | 3 => self.insert(&table, &alias),
            4 | 5 => self.delete(&table, &alias),
            _ => {
                let sql = self.merge(&table, &alias);
                self.frames.pop();
                return (sql, Vec::new());
            }
        };
        let whole = self.frames.last().map_or(&[][..], Vec::as_slice);
        let clean = whole.iter().all(|source| source.flow() == Flow::Clean);
        let query = if self.choices.chance(20) && whole.len() == 1 && (clean || self.wants_phi) {
            if !clean {
                self.touch(Flow::Shown);
            }
            Query {
                sql: "returning *".to_owned(),
                columns: table.columns.clone(),
            }
        } else {
            self.list(None, "returning", "", 1)
        };
        self.frames.pop();
        (format!("{sql} {}", query.sql), query.columns)
    }

    /// Columns that a statement may give values: what is under a rule only where it may be named.
    fn settable(&mut self, table: &Relation) -> Vec<Column> {
        let wants_phi = self.wants_phi;
        let columns = table.columns.iter().filter(|column| {
            let generated = column.name == "id" || column.name == "marked";
            !generated && (wants_phi || column.flow == Flow::Clean)
        });
        columns.cloned().collect()
    }

    /// A value for a column. What is under a rule is never written into what is not: it would be
    /// read there as what it is there.
    fn value_for(&mut self, column: &Column, depth: usize) -> String {
        let wants_phi = self.wants_phi;
        self.wants_phi &= column.flow != Flow::Clean;
        let made = self.expression(column.ty, depth);
        self.wants_phi = wants_phi;
        self.touch(column.flow);
        made.sql
    }

    fn assignments(&mut self, table: &Relation) -> String {
        let columns = self.settable(table);
        if columns.is_empty() {
            return "id = id".to_owned();
        }
        let column = self.choices.pick(&columns).clone();
        let value = self.value_for(&column, 1);
        format!("{} = {value}", column.name)
    }

    fn update(&mut self, table: &Relation, alias: &str) -> String {
        let set = self
            .assignments(table)
            .replace("id = id", &format!("id = {alias}.id"));
        let mut sql = format!("update {} {alias} set {set}", table.name);
        if self.choices.chance(30) {
            let own = self.frames.pop().unwrap_or_default();
            self.frames.push(Vec::new());
            let from = self.from(0);
            if let Some(frame) = self.frames.last_mut() {
                frame.splice(0..0, own);
            }
            sql.push_str(&format!(" {from}"));
        }
        if self.choices.chance(70) {
            let condition = self.condition(1);
            sql.push_str(&format!(" where {}", condition.sql));
        }
        sql
    }

    fn insert(&mut self, table: &Relation, alias: &str) -> String {
        let columns = self.settable(table);
        let mut names = vec!["id".to_owned()];
        let mut values = vec![format!("{}", 100 + self.choices.below(9))];
        // What is inserted is computed where the table itself cannot be seen.
        let own = self.frames.pop().unwrap_or_default();
        self.frames.push(Vec::new());
        let from = match self.choices.below(2) {
            0 => String::new(),
            _ => format!(" {} limit 1", self.from(0)),
        };
        for column in columns.iter().take(1 + self.choices.below(4)) {
            names.push(column.name.clone());
            values.push(self.value_for(column, 1));
        }
        self.frames.pop();
        self.frames.push(own);
        let mut sql = format!(
            "insert into {} as {alias} ({}) select {}{from}",
            table.name,
            names.join(", "),
            values.join(", ")
        );
        match self.choices.below(4) {
            1 => sql.push_str(" on conflict do nothing"),
            2 => {
                let column = names.last().map_or("id", String::as_str);
                let set = format!(" on conflict (id) do update set {column} = excluded.{column}");
                sql.push_str(&set);
            }
            _ => {}
        }
        sql
    }

    fn delete(&mut self, table: &Relation, alias: &str) -> String {
        let mut sql = format!("delete from {} {alias}", table.name);
        if self.choices.chance(70) {
            let condition = self.condition(1);
            sql.push_str(&format!(" where {}", condition.sql));
        }
        sql
    }

    fn merge(&mut self, table: &Relation, alias: &str) -> String {
        let own = self.frames.pop().unwrap_or_default();
        self.frames.push(Vec::new());
        let from = self.from(0);
        let key = self.column(|column| column.name == "id");
        let key = key.map_or("1".to_owned(), |key| key.sql);
        self.frames.pop();
        self.frames.push(own);
        let set = self.assignments(table);
        let set = set.replace("id = id", &format!("id = {alias}.id"));
        format!(
            "merge into {} {alias} using (select distinct {key} as k {from}) k on k.k = {alias}.id \
             when matched then update set {set} when not matched then do nothing",
            table.name
        )
    }

    /// A query of what a statement inside of it returns.
    fn writing_query(&mut self) -> Query {
        let (sql, columns) = self.write(false);
        let name = self.alias('w');
        let mut columns = columns;
        for (place, column) in columns.iter_mut().enumerate() {
            column.name = format!("{}_{place}", column.ty.names()[0]);
        }
        let names: Vec<_> = columns.iter().map(|c| c.name.clone()).collect();
        let begin = format!("with {name} ({}) as ({sql})", names.join(", "));
        self.with.push(Relation {
            name,
            columns,
            is_table: false,
            is_touched: false,
        });
        let query = self.select(None, 1);
        Query {
            sql: format!("{begin} {}", query.sql),
            ..query
        }
    }

    /// COPY of a table's columns or of a query.
    fn copy(&mut self) -> String {
        let format = *self.choices.pick(&["text", "csv", "csv, header", "binary"]);
        let end = format!("to stdout with (format {format})");
        if self.choices.chance(40) {
            let tables = self.schema.relations.iter();
            let tables: Vec<_> = tables
                .filter(|it| it.is_table && it.name != "gen.p")
                .collect();
            let table = (*self.choices.pick(&tables)).clone();
            let wants_phi = self.wants_phi;
            let columns = table.columns.iter();
            // COPY leaves generated columns out, and does not let them be named.
            let columns = columns.filter(|it| it.name != "marked");
            let columns = columns.filter(|it| wants_phi || it.flow == Flow::Clean);
            let columns: Vec<_> = columns.cloned().collect();
            for column in &columns {
                self.touch(column.flow);
            }
            let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
            return format!("copy {} ({}) {end}", table.name, names.join(", "));
        }
        let query = self.query(None, 1);
        format!("copy ({}) {end}", query.sql)
    }
}
