//! What names mean at a place in a query.

use std::borrow::Cow;
use std::rc::Rc;

use super::cells::Reads;
use super::flow::Flow;
use super::{Analysis, Unresolved};

/// Columns that every table has and no catalog lists.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// A column of something in FROM, or of a query's output.
#[derive(Clone)]
pub(super) struct Column<'a> {
    /// `None` where PostgreSQL gives it a name that is not worked out here.
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) flow: Rc<Flow>,
    pub(super) made: Made,
}

impl Column<'_> {
    /// The same in the rows of a query that has it in its FROM. There an aggregate may be in any
    /// number of rows.
    pub(super) fn passed_on(mut self) -> Self {
        if self.made == Made::Aggregate {
            self.made = Made::Otherwise;
        }
        self
    }
}

/// How a column came by its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Made {
    /// Each is that of a stored column in the same row.
    Stored,
    /// Each is an aggregate of a group.
    Aggregate,
    #[default]
    Otherwise,
}

/// The columns of something in FROM, or of a query's output.
#[derive(Clone, Default)]
pub(super) struct Columns<'a> {
    pub(super) list: Vec<Column<'a>>,
    /// There may be more, or fewer, and this is what flows into any of them.
    pub(super) rest: Option<Rc<Flow>>,
    /// What the rows are made of.
    pub(super) reads: Rc<Reads>,
}

impl<'a> Columns<'a> {
    /// Columns of any number and any name.
    pub(super) fn unknown(flow: Flow) -> Self {
        Self {
            list: Vec::new(),
            rest: Some(Rc::new(flow)),
            reads: Rc::default(),
        }
    }

    pub(super) fn push(&mut self, name: &'a str, flow: &Rc<Flow>) {
        self.list.push(Column {
            name: Some(Cow::Borrowed(name)),
            flow: Rc::clone(flow),
            made: Made::Otherwise,
        });
    }

    pub(super) fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.list
            .iter()
            .map(|column| &*column.flow)
            .chain(self.rest.as_deref())
    }

    /// The row as one value.
    pub(super) fn row(&self) -> Flow {
        Flow::derive(self.flows())
    }

    /// Gives the first columns other names. Where there may be more columns, they may be in front
    /// of those that are known: each of the first may be any of them.
    pub(super) fn rename(&mut self, names: &[&'a str]) {
        if self.rest.is_some() {
            let any = Rc::new(Flow::either(self.flows()));
            let column = || Column {
                name: None,
                flow: Rc::clone(&any),
                made: Made::Otherwise,
            };
            let known = self.list.len().max(names.len());
            self.list.resize_with(known, column);
            let first = self.list.iter_mut().take(names.len());
            first.for_each(|it| (it.flow, it.made) = (Rc::clone(&any), Made::Otherwise));
        }
        for (column, name) in self.list.iter_mut().zip(names) {
            column.name = Some(Cow::Borrowed(name));
        }
    }

    /// What the column called `name` may be.
    fn find(&self, name: &str) -> Found {
        let mut found = Found::default();
        for column in &self.list {
            match &column.name {
                Some(known) if known == name => found.sure.push(Rc::clone(&column.flow)),
                Some(_) => {}
                None => found.maybe.push(Rc::clone(&column.flow)),
            }
        }
        found.maybe.extend(self.rest.iter().cloned());
        found
    }
}

/// Flows that a name may stand for.
#[derive(Default)]
struct Found {
    sure: Vec<Rc<Flow>>,
    maybe: Vec<Rc<Flow>>,
}

impl Found {
    fn add(&mut self, other: Found) {
        self.sure.extend(other.sure);
        self.maybe.extend(other.maybe);
    }

    /// A name that is surely here cannot mean what is only possibly here: PostgreSQL calls that
    /// ambiguous.
    fn settle(self) -> Vec<Rc<Flow>> {
        if self.sure.is_empty() {
            self.maybe
        } else {
            self.sure
        }
    }
}

/// Something in FROM that columns can be qualified with.
#[derive(Clone)]
pub(super) struct Named<'a> {
    /// Its alias, or its own name.
    pub(super) name: &'a str,
    pub(super) columns: Rc<Columns<'a>>,
    /// A reference to its whole row.
    pub(super) row: Rc<Flow>,
    /// It has system columns.
    pub(super) is_table: bool,
}

/// One entry of FROM.
#[derive(Clone)]
pub(super) struct Piece<'a> {
    pub(super) names: Vec<Named<'a>>,
    /// What `*` stands for, and what an unqualified name may mean.
    pub(super) star: Rc<Columns<'a>>,
}

/// A common table expression.
#[derive(Clone)]
pub(super) enum Cte<'a> {
    Known(Rc<Columns<'a>>),
    /// Its definition comes later.
    Later,
}

/// What can be seen at a place, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) outer: Option<&'s Scope<'s, 'a>>,
    pub(super) pieces: &'s [Piece<'a>],
    pub(super) ctes: &'s [(&'a str, Cte<'a>)],
    /// The query whose FROM this is; see [`Analysis::level`].
    pub(super) level: Option<usize>,
}

impl<'s, 'a> Scope<'s, 'a> {
    pub(super) const EMPTY: Self = Scope {
        outer: None,
        pieces: &[],
        ctes: &[],
        level: None,
    };

    /// The same inside a query, with the entries of its FROM in front.
    pub(super) fn within<'t>(&'t self, pieces: &'t [Piece<'a>], level: usize) -> Scope<'t, 'a>
    where
        's: 't,
    {
        Scope {
            level: Some(level),
            ..self.with_pieces(pieces)
        }
    }

    /// The same with entries of FROM in front.
    pub(super) fn with_pieces<'t>(&'t self, pieces: &'t [Piece<'a>]) -> Scope<'t, 'a>
    where
        's: 't,
    {
        Scope {
            outer: Some(self),
            pieces,
            ctes: &[],
            level: None,
        }
    }

    /// The same with common table expressions in front.
    pub(super) fn with_ctes<'t>(&'t self, ctes: &'t [(&'a str, Cte<'a>)]) -> Scope<'t, 'a>
    where
        's: 't,
    {
        Scope {
            outer: Some(self),
            pieces: &[],
            ctes,
            level: None,
        }
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = &Scope<'s, 'a>> {
        std::iter::successors(Some(self), |scope| scope.outer)
    }

    /// The common table expression of this name.
    pub(super) fn cte(&self, name: &str) -> Option<&Cte<'a>> {
        self.levels()
            .find_map(|scope| {
                let named = scope.ctes.iter().rev();
                named.into_iter().find(|(known, _)| *known == name)
            })
            .map(|(_, cte)| cte)
    }

    /// What an unqualified name stands for.
    pub(super) fn column(
        &self,
        analysis: &Analysis<'_>,
        name: &str,
    ) -> Result<Rc<Flow>, Unresolved> {
        let mut maybe = Vec::new();
        for scope in self.levels() {
            let mut found = Found::default();
            for piece in scope.pieces {
                found.add(piece.star.find(name));
            }
            if !found.sure.is_empty() {
                maybe.extend(found.settle());
                return analysis.either(&maybe);
            }
            maybe.extend(found.maybe);
            let has_system = scope.names().any(|named| named.is_table);
            if has_system && SYSTEM_COLUMNS.contains(&name) {
                maybe.push(Rc::new(Flow::CONSTANT));
                return analysis.either(&maybe);
            }
        }
        let rows = self.named(name).map(|named| Rc::clone(&named.row));
        maybe.extend(rows);
        match maybe.is_empty() {
            true => Err(Unresolved::Column),
            false => analysis.either(&maybe),
        }
    }

    /// What a column of the thing called `qualifier` stands for.
    pub(super) fn qualified(
        &self,
        analysis: &Analysis<'_>,
        qualifier: &str,
        name: &str,
    ) -> Result<Rc<Flow>, Unresolved> {
        let mut flows = Vec::new();
        let mut seen = false;
        for named in self.named(qualifier) {
            seen = true;
            let found = named.columns.find(name);
            // `t.f` is `f(t)` where t has no column f; only what has a name of its own in the
            // catalog is an argument of a function.
            let may_be_call = found.sure.is_empty() && (named.is_table || found.maybe.is_empty());
            if may_be_call && named.is_table && SYSTEM_COLUMNS.contains(&name) {
                flows.push(Rc::new(Flow::CONSTANT));
            } else if may_be_call {
                analysis.may_call.set(true);
                flows.push(Rc::new((*named.row).clone().opaque().by(name)));
            }
            flows.extend(found.settle());
        }
        match seen {
            true => analysis.either(&flows),
            false => Err(Unresolved::Column),
        }
    }

    /// Everything that is called `name` at the innermost level that has it.
    pub(super) fn named<'t>(&'t self, name: &str) -> impl Iterator<Item = &'t Named<'a>> {
        let level = self
            .levels()
            .find(|scope| scope.names().any(|named| named.name == name));
        let names = level.into_iter().flat_map(Scope::names);
        names.filter(move |named| named.name == name)
    }

    /// The one column at this level that a reference surely stands for.
    pub(super) fn own_column(&self, parts: &[&str]) -> Option<&Column<'a>> {
        let columns: Vec<&Columns<'a>> = match parts {
            [_] => self.pieces.iter().map(|piece| &*piece.star).collect(),
            [.., table, _] => {
                let named = self.names().filter(|named| named.name == *table);
                named.map(|named| &*named.columns).collect()
            }
            [] => return None,
        };
        let name = parts.last()?;
        let mut found = columns.iter().flat_map(|columns| {
            let is_it = move |column: &&Column<'a>| {
                column.name.as_deref().is_none_or(|known| known == *name)
            };
            columns.list.iter().filter(is_it)
        });
        let only = found.next().filter(|_| found.next().is_none())?;
        let is_sure = only.name.is_some() && columns.iter().all(|it| it.rest.is_none());
        is_sure.then_some(only)
    }

    /// Does a reference surely stand for something at this level?
    pub(super) fn has_own(&self, parts: &[&str]) -> bool {
        match parts {
            [name] => {
                let mut stars = self.pieces.iter();
                stars.any(|piece| !piece.star.find(name).sure.is_empty())
            }
            [.., table, _] => self.names().any(|named| named.name == *table),
            [] => false,
        }
    }

    pub(super) fn names<'t>(&'t self) -> impl Iterator<Item = &'t Named<'a>> {
        self.pieces.iter().flat_map(|piece| &piece.names)
    }
}
