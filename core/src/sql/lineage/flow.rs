//! What flows into a value: base columns, the functions on the way, and what became of them.

use std::collections::BTreeSet;
use std::fmt;

/// A base column, as (table OID, attribute number); attribute 0 stands for the whole row.
pub type Origin = (u32, i16);

/// What a value is made of, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Of nothing that a table holds.
    Constant,
    /// It says how many there are, or whether there are any, and no more.
    Count,
    /// It is the value of one of its sources, unchanged.
    Plain,
    /// It is computed from its sources.
    Derived,
    /// It is computed from its sources and by something that may know more: a function that is
    /// not known, a relation that is not known.
    Opaque,
}

/// Whether a document still shows its members by name, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Members {
    /// There are none: it was a member, and is a number, a date or the like.
    Leaf,
    /// It is as it was, or a part of it, or a part of another document.
    Shown,
    /// It is the text of a document.
    InText,
    /// The names may be gone, or beyond recognition.
    Lost,
}

/// What flows into a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Flow {
    /// What became of the sources.
    pub kind: Kind,
    /// The columns, sorted.
    pub sources: Vec<Origin>,
    /// Names of the functions and operators on the way, sorted.
    pub functions: Vec<Box<str>>,
    /// Keys by which something was taken out of a document, sorted. Words of the statement: not
    /// for an audit record.
    pub keys: Vec<Box<str>>,
    /// What became of the documents among the sources.
    pub members: Members,
    /// It is NULL where a source is, and nowhere else.
    pub keeps_null: bool,
}

/// Without the keys, which may be values.
impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flow {
            kind,
            sources,
            functions,
            keys,
            members,
            keeps_null,
        } = self;
        let key_count = keys.len();
        write!(
            f,
            "{kind:?} of {sources:?} by {functions:?}, {key_count} keys, members {members:?}, \
             keeps NULL {keeps_null}"
        )
    }
}

impl Flow {
    /// A value that no table had a part in.
    pub const CONSTANT: Flow = Flow::of_kind(Kind::Constant);

    const fn of_kind(kind: Kind) -> Self {
        Self {
            kind,
            sources: Vec::new(),
            functions: Vec::new(),
            keys: Vec::new(),
            // What no table holds is no document of anybody's.
            members: match kind {
                Kind::Constant | Kind::Count => Members::Leaf,
                _ => Members::Shown,
            },
            keeps_null: true,
        }
    }

    /// The value of a column.
    pub fn plain(origin: Origin) -> Self {
        Self {
            sources: vec![origin],
            ..Self::of_kind(Kind::Plain)
        }
    }

    /// The row of a table as one value.
    pub fn row(table_oid: u32) -> Self {
        Self {
            sources: vec![(table_oid, 0)],
            ..Self::of_kind(Kind::Derived)
        }
    }

    /// Computed from these columns, in ways that nobody knows.
    pub fn derived(sources: impl IntoIterator<Item = Origin>) -> Self {
        let sources: BTreeSet<_> = sources.into_iter().collect();
        Self {
            sources: sources.into_iter().collect(),
            members: Members::Lost,
            keeps_null: false,
            ..Self::of_kind(Kind::Derived)
        }
    }

    /// Of something that is not known.
    pub fn unknown() -> Self {
        Self {
            members: Members::Lost,
            keeps_null: false,
            ..Self::of_kind(Kind::Opaque)
        }
    }

    /// A value that is one of `flows`.
    pub(super) fn either<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> Self {
        Self::merge(flows, |_| true)
    }

    /// A value that is computed from `flows`. What was only counted is not in the result.
    pub(super) fn derive<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> Self {
        let mut flow = Self::merge(flows, |flow| flow.kind != Kind::Count);
        if flow.kind == Kind::Plain {
            flow.kind = Kind::Derived;
        }
        flow
    }

    /// How many `flows` have a value, or whether one has.
    pub(super) fn count<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> Self {
        Self {
            kind: Kind::Count,
            ..Self::merge(flows, |_| true)
        }
    }

    /// The same by way of something that may know more.
    pub(super) fn opaque(mut self) -> Self {
        self.kind = Kind::Opaque;
        self.members = Members::Lost;
        self.keeps_null = false;
        self
    }

    /// The same, NULL for reasons of its own.
    pub(super) fn with_nulls(mut self) -> Self {
        self.keeps_null = false;
        self
    }

    /// The same by way of a function or an operator.
    pub(super) fn by(mut self, function: &str) -> Self {
        if let Err(at) = self
            .functions
            .binary_search_by(|known| (**known).cmp(function))
        {
            self.functions.insert(at, function.into());
        }
        self
    }

    /// The same, taken out of a document by these keys.
    pub(super) fn at_keys<'k>(mut self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.keys.extend(keys.into_iter().map(Into::into));
        self.keys.sort_unstable();
        self.keys.dedup();
        self
    }

    /// The same with its documents in this state.
    pub(super) fn with_members(mut self, members: Members) -> Self {
        self.members = members;
        self
    }

    /// What merging it costs.
    pub(in crate::sql) fn weight(&self) -> usize {
        1 + self.sources.len() + self.functions.len() + self.keys.len()
    }

    fn merge<'f>(
        flows: impl IntoIterator<Item = &'f Flow>,
        has_part: impl Fn(&Flow) -> bool,
    ) -> Self {
        let mut kind = Kind::Constant;
        let mut members = Members::Leaf;
        let mut keeps_null = true;
        let mut sources = BTreeSet::new();
        let mut functions: BTreeSet<&str> = BTreeSet::new();
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for flow in flows {
            kind = kind.max(flow.kind);
            if has_part(flow) {
                members = members.max(flow.members);
                keeps_null &= flow.keeps_null;
                sources.extend(flow.sources.iter().copied());
                functions.extend(flow.functions.iter().map(|name| &**name));
                keys.extend(flow.keys.iter().map(|key| &**key));
            }
        }
        Self {
            kind,
            sources: sources.into_iter().collect(),
            functions: functions.into_iter().map(Into::into).collect(),
            keys: keys.into_iter().map(Into::into).collect(),
            members,
            keeps_null,
        }
    }
}
