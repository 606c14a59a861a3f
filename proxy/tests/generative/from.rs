//! Random FROM clauses, and the subqueries of expressions.

use super::expression::Expression;
use super::query::{Grammar, Source, Values};
use super::schema::{Column, Flow, Relation};
use super::types::Ty;

impl Grammar<'_> {
    /// FROM with one to three entries, which it leaves in the frame of this level.
    pub(super) fn from(&mut self, depth: usize) -> String {
        let mut sql = format!("from {}", self.source(depth, false));
        for place in 0..self.choices.below(3) {
            if self.choices.chance(if place == 0 { 60 } else { 30 }) {
                self.join(&mut sql, depth, place == 0);
            }
        }
        sql
    }

    /// An entry: a relation, a subquery, rows of a function. Goes to the frame.
    fn source(&mut self, depth: usize, lateral: bool) -> String {
        let alias = self.alias('a');
        let nests = depth > 0 && self.subqueries_left > 0;
        let (sql, columns) = match self.choices.below(14) {
            10 | 11 if nests => self.subquery(lateral, depth),
            12 => self.rows_of_function(lateral),
            13 if nests => self.subquery(false, depth),
            7..=9 if !self.with.is_empty() => {
                let with = self.with.clone();
                self.relation(&with)
            }
            _ => self.relation(&self.schema.relations),
        };
        let mut columns = columns;
        let is_relation = !sql.contains('(');
        let keyword = if is_relation && self.choices.chance(20) {
            self.swap(&mut columns);
            let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
            format!("{sql} as {alias} ({})", names.join(", "))
        } else if sql.starts_with("lateral") || sql.contains('(') {
            let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
            format!("{sql} as {alias} ({})", names.join(", "))
        } else {
            format!("{sql} {alias}")
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.push(Source { alias, columns });
        }
        keyword
    }

    /// Gives each column the name of the next of its type.
    fn swap(&mut self, columns: &mut [Column]) {
        let before: Vec<_> = columns.iter().map(|c| (c.ty, c.name.clone())).collect();
        for (place, column) in columns.iter_mut().enumerate() {
            let turned = before[place + 1..].iter().chain(&before[..=place]);
            let mut twins = turned.filter(|(ty, _)| *ty == column.ty);
            if let Some((_, name)) = twins.next() {
                column.name.clone_from(name);
            }
        }
    }

    /// A relation that may be named.
    fn relation(&mut self, list: &[Relation]) -> (String, Vec<Column>) {
        let wants_phi = self.wants_phi;
        let mut list: Vec<_> = list
            .iter()
            .filter(|relation| wants_phi || !relation.is_touched)
            .collect();
        if wants_phi && list.iter().any(|it| !it.is_clean()) && !self.choices.chance(25) {
            list.retain(|relation| !relation.is_clean());
        }
        if list.is_empty() {
            return ("(select 1)".to_owned(), vec![Column::key()]);
        }
        let relation = (*self.choices.pick(&list)).clone();
        self.is_touched |= relation.is_touched;
        self.reads_view |= relation.name.starts_with("gen.v");
        (relation.name, relation.columns)
    }

    /// Runs `make` where the entries of this FROM are out of sight.
    fn apart<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let frame = self.frames.pop();
        let made = make(self);
        self.frames.extend(frame);
        made
    }

    fn subquery(&mut self, lateral: bool, depth: usize) -> (String, Vec<Column>) {
        self.subqueries_left = self.subqueries_left.saturating_sub(1);
        let mut query = match lateral {
            true => self.query(None, depth - 1),
            false => self.apart(|it| it.query(None, depth - 1)),
        };
        // Names outside are names of a type, and none is there twice.
        for (place, column) in query.columns.iter_mut().enumerate() {
            column.name = format!("{}_{place}", column.ty.names()[0]);
        }
        let lateral = if lateral { "lateral " } else { "" };
        (format!("{lateral}({})", query.sql), query.columns)
    }

    fn rows_of_function(&mut self, lateral: bool) -> (String, Vec<Column>) {
        let calls = self.schema.functions.iter();
        let wants_phi = self.wants_phi;
        let lists =
            calls.filter(|it| it.columns.is_some() && (wants_phi || it.flow == Flow::Clean));
        let lists: Vec<_> = lists.cloned().collect();
        let choice = self.choices.below(9);
        let argument = |it: &mut Self, ty| it.argument(ty, lateral);
        match choice {
            1 => {
                let list = argument(self, Ty::Texts);
                let columns = vec![column("city", Ty::Text, list.flow)];
                (format!("unnest({})", list.sql), columns)
            }
            2 => {
                let list = argument(self, Ty::Ints);
                let columns = vec![column("visits", Ty::Int8, list.flow)];
                (format!("unnest({})", list.sql), columns)
            }
            3 => {
                let document = argument(self, Ty::Jsonb);
                let flow = document.flow;
                let columns = vec![
                    column("note", Ty::Text, flow.min(Flow::Maybe)),
                    column("city", Ty::Text, flow),
                ];
                (format!("jsonb_each_text({})", document.sql), columns)
            }
            4 => {
                let text = argument(self, Ty::Text);
                let columns = vec![column("city", Ty::Text, text.flow)];
                (format!("regexp_split_to_table({}, ' ')", text.sql), columns)
            }
            6..=8 => self.rows_of_several(choice, lateral),
            5 if !lists.is_empty() && self.choices.chance(30) => {
                let function = self.choices.pick(&lists).clone();
                self.is_opaque = true;
                self.touch(function.flow);
                (function.call, function.columns.unwrap_or_default())
            }
            _ => (
                "generate_series(1, 3)".to_owned(),
                vec![column("id", Ty::Int, Flow::Clean)],
            ),
        }
    }

    /// An argument of a function in FROM.
    fn argument(&mut self, ty: Ty, lateral: bool) -> Expression {
        match lateral {
            true => self.expression(ty, 1),
            false => self.apart(|it| it.expression(ty, 1)),
        }
    }

    /// Rows of several functions, or of documents.
    fn rows_of_several(&mut self, choice: usize, lateral: bool) -> (String, Vec<Column>) {
        let argument = |it: &mut Self, ty| it.argument(ty, lateral);
        match choice {
            6 => {
                let [one, two] = [Ty::Texts, Ty::Ints].map(|ty| argument(self, ty));
                let columns = vec![
                    column("city", Ty::Text, one.flow),
                    column("visits", Ty::Int8, two.flow),
                    column("account", Ty::Int8, Flow::Clean),
                ];
                let sql = format!("unnest({}, {}) with ordinality", one.sql, two.sql);
                (sql, columns)
            }
            7 => {
                let value = argument(self, Ty::Text);
                let document = format!(
                    "jsonb_build_array(jsonb_build_object('word', {}))",
                    value.sql
                );
                let types = "null::gen.pair";
                let sql = format!("jsonb_populate_recordset({types}, {document})");
                let columns = vec![
                    column("city", Ty::Text, value.flow),
                    column("visits", Ty::Int8, value.flow.min(Flow::Maybe)),
                ];
                (sql, columns)
            }
            _ => {
                let [one, two] = [Ty::Texts, Ty::Jsonb].map(|ty| argument(self, ty));
                let columns = vec![
                    column("city", Ty::Text, one.flow),
                    column("note", Ty::Text, two.flow.min(Flow::Maybe)),
                    column("nick", Ty::Text, two.flow),
                ];
                let sql = format!(
                    "rows from (unnest({}), jsonb_each_text({}))",
                    one.sql, two.sql
                );
                (sql, columns)
            }
        }
    }

    fn join(&mut self, sql: &mut String, depth: usize, is_first: bool) {
        let lateral = self.choices.chance(30);
        let entry = self.source(depth, lateral);
        let Some(shared) = self.shared() else {
            return;
        };
        let hidden = shared.iter().any(|(_, flow)| *flow != Flow::Clean);
        let is_key = |(name, flow): &(String, Flow)| name == "id" && *flow == Flow::Clean;
        let has_key = shared.iter().any(is_key);
        let sides: &[&str] = match lateral {
            true => &["join", "left join"],
            false => &["join", "left join", "right join", "full join"],
        };
        let side = *self.choices.pick(sides);
        let text = match self.choices.below(6) {
            0 => format!(", {entry}"),
            1 if is_first && !shared.is_empty() => {
                let (name, flow) = self.choices.pick(&shared).clone();
                let (name, flow) = match flow {
                    Flow::Clean => (name, flow),
                    _ if self.wants_phi && !self.clean_conditions => (name, flow),
                    _ if has_key => ("id".to_owned(), Flow::Clean),
                    _ => return sql.push_str(&format!(" cross join {entry}")),
                };
                if flow != Flow::Clean {
                    self.touch(flow);
                    self.decides = true;
                }
                self.merged.push(name.clone());
                let name_of_join = match self.choices.chance(20) {
                    true => format!(" as {}", self.alias('j')),
                    false => String::new(),
                };
                format!(" {side} {entry} using ({name}){name_of_join}")
            }
            2 if is_first && has_key && (self.wants_phi || !hidden) && !self.clean_conditions => {
                if hidden {
                    self.touch(Flow::Shown);
                    self.decides = true;
                }
                self.merged.extend(shared.into_iter().map(|(name, _)| name));
                format!(" natural {side} {entry}")
            }
            3 if side != "full join" => {
                let condition = self.condition(1);
                format!(" {side} {entry} on {}", condition.sql)
            }
            _ if has_key => {
                let frame = self.frames.last().map_or(&[][..], Vec::as_slice);
                let [.., one, other] = frame else { return };
                let (one, other) = (&one.alias, &other.alias);
                format!(" {side} {entry} on {one}.id = {other}.id")
            }
            _ => format!(" cross join {entry}"),
        };
        sql.push_str(&text);
    }

    /// Names that the last two entries share, with what is in them.
    fn shared(&self) -> Option<Vec<(String, Flow)>> {
        let [.., one, other] = self.frames.last()?.as_slice() else {
            return None;
        };
        let mut shared = Vec::new();
        for column in &one.columns {
            let twins = other.columns.iter().filter(|twin| twin.name == column.name);
            shared.extend(twins.map(|twin| (column.name.clone(), column.flow.max(twin.flow))));
        }
        Some(shared)
    }

    /// A subquery of one value.
    pub(super) fn scalar(&mut self, ty: Ty, depth: usize) -> Expression {
        self.nested(|it| {
            let from = it.inner();
            if it.choices.chance(30) {
                it.values = Values::Groups;
                let made = it.expression(ty, 0);
                return Expression::new(format!("(select {} {from})", made.sql), made.flow);
            }
            let made = it.expression(ty, depth);
            Expression::new(format!("(select {} {from} limit 1)", made.sql), made.flow)
        })
    }

    /// EXISTS.
    pub(super) fn exists(&mut self, depth: usize) -> Expression {
        self.nested(|it| {
            let from = it.inner();
            let condition = it.condition(depth.saturating_sub(1));
            let joint = if from.contains(" where ") {
                "and"
            } else {
                "where"
            };
            let sql = format!("exists (select 1 {from} {joint} {})", condition.sql);
            Expression::new(sql, condition.flow.min(Flow::Maybe))
        })
    }

    /// IN, ANY and ALL.
    pub(super) fn member(&mut self, depth: usize) -> Expression {
        let ty = *self.choices.pick(&[Ty::Text, Ty::Int, Ty::Int8, Ty::Date]);
        let value = self.expression(ty, depth.min(1));
        self.nested(|it| {
            let from = it.inner();
            let inner = it.expression(ty, 1);
            let word = *it.choices.pick(&["in", "not in", "= any", "< all"]);
            let sql = format!("{} {word} (select {} {from})", value.sql, inner.sql);
            Expression::new(sql, value.flow.max(inner.flow))
        })
    }

    /// Makes a subquery with a level of its own.
    fn nested<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.subqueries_left = self.subqueries_left.saturating_sub(1);
        self.frames.push(Vec::new());
        let keys = std::mem::take(&mut self.keys);
        let merged = std::mem::take(&mut self.merged);
        let made = self.within(Values::Rows, make);
        self.keys = keys;
        self.merged = merged;
        self.frames.pop();
        made
    }

    /// FROM of a subquery: one relation, of the outer row or not.
    fn inner(&mut self) -> String {
        let mut from = format!("from {}", self.source(0, false));
        let own = self.frames.last().and_then(|frame| frame.first());
        let outer = self.frames.iter().rev().nth(1).and_then(|it| it.first());
        let is_key = |column: &Column| column.name == "id" && column.flow == Flow::Clean;
        let has_key = |source: &Source| source.columns.iter().any(is_key);
        if let (Some(own), Some(outer)) = (own, outer)
            && has_key(own)
            && has_key(outer)
            && self.choices.chance(50)
        {
            from.push_str(&format!(" where {}.id = {}.id", own.alias, outer.alias));
        }
        from
    }
}

fn column(name: &str, ty: Ty, flow: Flow) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        flow,
    }
}
