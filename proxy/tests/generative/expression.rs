//! Random expressions of a wanted type.

use super::query::{Grammar, Values};
use super::schema::{Column, Flow};
use super::templates;
use super::types::{TYPES, Ty};

/// An expression, and whether it shows canaries.
pub(super) struct Expression {
    pub(super) sql: String,
    pub(super) flow: Flow,
}

impl Expression {
    pub(super) fn new(sql: impl Into<String>, flow: Flow) -> Self {
        let sql = sql.into();
        Self { sql, flow }
    }

    fn clean(sql: impl Into<String>) -> Self {
        Self::new(sql, Flow::Clean)
    }
}

impl Grammar<'_> {
    /// An expression of `ty` that nests at most `depth` deep.
    pub(super) fn expression(&mut self, ty: Ty, depth: usize) -> Expression {
        if depth == 0 {
            return self.leaf(ty);
        }
        match self.choices.below(12) {
            0..=4 => self.leaf(ty),
            5..=8 => {
                let template = *self.choices.pick(templates::of_rows(ty));
                self.fill(template, depth - 1)
            }
            9 => self.alternative(ty, depth - 1),
            10 if self.may_nest() => self.scalar(ty, depth - 1),
            _ => self.call(ty, depth - 1),
        }
    }

    /// A column, an aggregate or a constant.
    fn leaf(&mut self, ty: Ty) -> Expression {
        match self.values {
            Values::Groups => self.grouped(ty),
            Values::Windows if self.choices.chance(40) => {
                let list = templates::of_windows(ty);
                if list.is_empty() {
                    return self.value(ty);
                }
                let template = *self.choices.pick(list);
                self.within(Values::Rows, |it| it.fill(template, 1))
            }
            _ => self.value(ty),
        }
    }

    fn value(&mut self, ty: Ty) -> Expression {
        let found = match self.choices.below(10) {
            9 => None,
            _ => self.column(|column| column.ty == ty),
        };
        found.unwrap_or_else(|| Expression::clean(ty.literal(self.choices)))
    }

    /// A value of a group: a key, or an aggregate.
    fn grouped(&mut self, ty: Ty) -> Expression {
        let keys: Vec<_> = self.keys.iter().filter(|(of, ..)| *of == ty).collect();
        if !keys.is_empty() && self.choices.chance(50) {
            let (_, sql, flow) = keys[self.choices.below(keys.len())];
            return Expression::new(sql.clone(), *flow);
        }
        let template = *self.choices.pick(templates::of_groups(ty));
        let has_key = !self.keys.is_empty();
        if template.contains("<key>") {
            let key = self.keys.first().map_or("1", |(_, sql, _)| sql);
            let sql = template[1..].replace("<key>", key);
            return Expression::new(if has_key { sql } else { "1".to_owned() }, Flow::Maybe);
        }
        self.within(Values::Rows, |it| it.fill(template, 1))
    }

    /// Runs `make` while `values` may be written.
    pub(super) fn within<T>(&mut self, values: Values, make: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.values, values);
        let made = make(self);
        self.values = before;
        made
    }

    /// A column of FROM, of this level or of an outer one.
    pub(super) fn column(&mut self, is_wanted: impl Fn(&Column) -> bool) -> Option<Expression> {
        let mut found: Vec<(String, Flow)> = Vec::new();
        for frame in self.frames.iter().rev() {
            for source in frame {
                let columns = source.columns.iter().filter(|column| is_wanted(column));
                let columns = columns.filter(|column| self.wants_phi || column.flow == Flow::Clean);
                let full = |column: &Column| format!("{}.{}", source.alias, column.name);
                found.extend(columns.map(|column| (full(column), column.flow)));
            }
            // The inner level is what a query is about.
            if !found.is_empty() && !self.choices.chance(15) {
                break;
            }
        }
        // What shows canaries is what is looked at, where there is any.
        if found.iter().any(|(_, flow)| *flow == Flow::Shown) && !self.choices.chance(25) {
            found.retain(|(_, flow)| *flow == Flow::Shown);
        }
        if found.is_empty() {
            return None;
        }
        let (sql, flow) = found.swap_remove(self.choices.below(found.len()));
        let (sql, flow) = self.notation(sql, flow);
        self.touch(flow);
        Some(Expression::new(sql, flow))
    }

    /// One of the ways to write a column: alone, where there is no other of the name on the inner
    /// level, as a field of its row, or as a call.
    fn notation(&mut self, sql: String, flow: Flow) -> (String, Flow) {
        let Some((alias, name)) = sql.split_once('.') else {
            return (sql, flow);
        };
        let frame = self.frames.last().map_or(&[][..], Vec::as_slice);
        let columns = frame.iter().flat_map(|source| &source.columns);
        let twins: Vec<_> = columns.filter(|column| column.name == name).collect();
        let is_merged = self.merged.iter().any(|it| it == name);
        // Of a column that a join has merged, either may come.
        let flows = || twins.iter().map(|it| it.flow);
        let both = match flows().min() {
            Some(Flow::Clean) => flows().max().unwrap_or(flow).min(Flow::Maybe),
            _ => flows().max().unwrap_or(flow),
        };
        let is_shown = self.wants_phi || both == Flow::Clean;
        match self.choices.below(12) {
            8 | 9 if twins.len() == 1 && frame.iter().any(|it| it.alias == alias) => {
                (name.to_owned(), flow)
            }
            8..=10 if twins.len() == 2 && is_merged && is_shown => (name.to_owned(), both),
            // To Velum it may be of the whole row, or a call with it.
            10 if self.wants_phi => {
                self.is_opaque = true;
                (format!("({alias}).{name}"), flow)
            }
            11 if alias.starts_with('a') && self.wants_phi => {
                self.is_opaque = true;
                (format!("{name}({alias})"), flow)
            }
            _ => (sql, flow),
        }
    }

    /// Writes what a template stands for.
    pub(super) fn fill(&mut self, template: &str, depth: usize) -> Expression {
        let (mark, template) = match template.split_at(1) {
            (mark @ ("!" | "?" | "~"), rest) => (mark, rest),
            _ => ("", template),
        };
        self.is_opaque |= mark == "~";
        let mut sql = String::new();
        let mut flow = Flow::Clean;
        let mut rest = template;
        while let Some(begin) = rest.find('<') {
            let (before, from) = rest.split_at(begin);
            sql.push_str(before);
            let word = from[1..].split('>').next().unwrap_or_default();
            match self.placeholder(word, depth) {
                None => {
                    sql.push('<');
                    rest = &from[1..];
                }
                Some((text, of)) => {
                    sql.push_str(&text);
                    flow = flow.max(of);
                    rest = &from[word.len() + 2..];
                }
            }
        }
        sql.push_str(rest);
        if matches!(mark, "!" | "?") {
            flow = flow.min(Flow::Maybe);
        }
        // Operators stand beside what is around them.
        Expression::new(format!("({sql})"), flow)
    }

    fn placeholder(&mut self, word: &str, depth: usize) -> Option<(String, Flow)> {
        let of = |made: Expression| Some((made.sql, made.flow));
        match word {
            "any" => {
                let ty = self.any_type();
                of(self.expression(ty, depth))
            }
            "row" => of(self.row()),
            // The order of what is joined shows little of what it is ordered by.
            "by" => {
                let made = self.expression(Ty::Text, depth);
                Some((made.sql, made.flow.min(Flow::Maybe)))
            }
            "where" => {
                if !self.choices.chance(25) {
                    return Some((String::new(), Flow::Clean));
                }
                let condition = self.condition(1);
                let flow = condition.flow.min(Flow::Maybe);
                Some((format!(" filter (where {})", condition.sql), flow))
            }
            "window" => Some(self.window()),
            _ => {
                let ty = TYPES.iter().find(|ty| ty.word() == word)?;
                of(self.expression(*ty, depth))
            }
        }
    }

    /// A type, rather one that FROM has.
    pub(super) fn any_type(&mut self) -> Ty {
        let sources = self.frames.last().map_or(&[][..], Vec::as_slice);
        let columns = sources.iter().flat_map(|source| &source.columns);
        let is_wanted = |column: &&Column| column.flow != Flow::Clean || !self.wants_phi;
        let mut types: Vec<_> = columns.filter(is_wanted).map(|column| column.ty).collect();
        if types.is_empty() {
            let relations = self.schema.relations.iter();
            let columns = relations.flat_map(|relation| &relation.columns);
            types = columns.filter(is_wanted).map(|column| column.ty).collect();
        }
        if types.is_empty() || self.choices.chance(20) {
            types = TYPES.to_vec();
        }
        *self.choices.pick(&types)
    }

    /// A whole row of FROM.
    fn row(&mut self) -> Expression {
        let clean = Expression::clean("row(1, 'a')");
        if self.values == Values::Groups {
            return clean;
        }
        let wants_phi = self.wants_phi;
        let sources = self.frames.last().map_or(&[][..], Vec::as_slice);
        let rows: Vec<_> = sources
            .iter()
            .map(|source| (source.alias.clone(), source.flow()))
            .filter(|(_, flow)| wants_phi || *flow == Flow::Clean)
            .collect();
        if rows.is_empty() {
            return clean;
        }
        let (alias, flow) = self.choices.pick(&rows).clone();
        self.touch(flow);
        Expression::new(alias, flow)
    }

    /// What stands behind OVER: what decides about a window shows nothing itself.
    fn window(&mut self) -> (String, Flow) {
        let mut flow = Flow::Clean;
        let mut parts = Vec::new();
        for (word, percent) in [("partition by", 40), ("order by", 70)] {
            if self.choices.chance(percent) {
                let ty = *self.choices.pick(&[Ty::Int, Ty::Text, Ty::Date]);
                if let Some(key) = self.column(|column| column.ty == ty) {
                    self.decides |= key.flow != Flow::Clean;
                    flow = flow.max(key.flow.min(Flow::Maybe));
                    parts.push(format!("{word} {}", key.sql));
                }
            }
        }
        if self.choices.chance(20) {
            parts.push("rows between 1 preceding and current row".to_owned());
        }
        (format!("({})", parts.join(" ")), flow)
    }

    /// One of two values.
    fn alternative(&mut self, ty: Ty, depth: usize) -> Expression {
        let [one, other] = [(); 2].map(|()| self.expression(ty, depth));
        let mut flow = one.flow.max(other.flow);
        let (one, other) = (one.sql, other.sql);
        let sql = match self.choices.below(5) {
            0 => format!("coalesce({one}, {other})"),
            1 if ty.has_equality() => format!("nullif({one}, {other})"),
            2 if ty.has_max() => format!("greatest({one}, {other})"),
            3 if !matches!(ty, Ty::Texts | Ty::Ints) => format!("(array[{one}, {other}])[1]"),
            _ => {
                let condition = self.condition(depth);
                flow = flow.max(condition.flow);
                format!("case when {} then {one} else {other} end", condition.sql)
            }
        };
        Expression::new(sql, flow)
    }

    /// A call of a function of the database's own: rarely, as all of its results are masked.
    fn call(&mut self, ty: Ty, depth: usize) -> Expression {
        let calls = self.schema.functions.iter();
        let wants_phi = self.wants_phi;
        let calls = calls.filter(|it| {
            ty == Ty::Text && it.columns.is_none() && (wants_phi || it.flow == Flow::Clean)
        });
        let calls: Vec<_> = calls.cloned().collect();
        if calls.is_empty() || !self.choices.chance(30) {
            let template = *self.choices.pick(templates::of_rows(ty));
            return self.fill(template, depth);
        }
        let function = self.choices.pick(&calls).clone();
        self.is_opaque = true;
        self.touch(function.flow);
        let made = self.fill(&function.call, depth);
        Expression::new(made.sql, made.flow.max(function.flow))
    }

    /// A condition: what its flow decides is not shown, but told.
    pub(super) fn condition(&mut self, depth: usize) -> Expression {
        let made = match self.choices.below(8) {
            6 if self.may_nest() => self.exists(depth),
            7 if self.may_nest() => self.member(depth),
            0 | 1 => {
                let keys = self.column(|column| column.name == "id");
                match keys {
                    Some(key) if self.values != Values::Groups => {
                        let end = 2 + self.choices.below(4);
                        Expression::new(format!("{} <= {end}", key.sql), key.flow)
                    }
                    _ => Expression::clean("true"),
                }
            }
            _ => self.expression(Ty::Bool, depth.max(1)),
        };
        if made.flow != Flow::Clean {
            self.decides = true;
        }
        made
    }
}
