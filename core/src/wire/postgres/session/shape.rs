//! What a result looks like (RowDescription), and how each of its columns is judged.

use std::cell::RefCell;
use std::rc::Rc;

use crate::bytes::Reader;
use crate::cell::{ColumnFacts, ColumnPlan, Encoding};
use crate::error::{Peer, Violation};
use crate::inspect::Inspect;
use crate::limits;
use crate::mask::transform::Width;

use super::lineage::Source;
use super::quoting::hide_quoted;
use super::rulebook::Rulebook;

const MALFORMED: Violation = Violation {
    peer: Peer::Server,
    what: "malformed RowDescription",
};

/// Rough size of a column's facts, its plan and what is learnt of it.
const COLUMN_BYTES: usize = 640;

/// A RowDescription without its formats, and the plans made from it.
pub(super) struct RowShape {
    facts: Vec<ColumnFacts>,
    /// How long texts may become, by column.
    widths: Vec<Width>,
    /// The statement that computes what has no table, if its text is known.
    source: Option<Source>,
    /// What the columns show may be another thing than what they are described as.
    is_doubtful: bool,
    /// The statement may quote others.
    quotes_others: bool,
    /// Plans with the rulebook's epoch that they were made at.
    plans: RefCell<Option<(u64, Rc<[ColumnPlan]>)>>,
}

/// Formats of a result's columns.
#[derive(Clone)]
pub(super) enum Formats {
    /// All alike.
    All(Encoding),
    /// One for each column.
    Each(Rc<[Encoding]>),
}

impl Formats {
    /// All columns in text.
    pub(super) const TEXT: Self = Formats::All(Encoding::Text);

    /// From the format codes of a Bind or a RowDescription: none means text, one holds for all.
    pub(super) fn from_codes(codes: &[Encoding]) -> Self {
        match codes {
            [] => Formats::All(Encoding::Text),
            [first, rest @ ..] if rest.iter().all(|code| code == first) => Formats::All(*first),
            _ => Formats::Each(codes.into()),
        }
    }

    /// Rough size in memory beyond the value itself, for the session's bound.
    pub(super) fn state_bytes(&self) -> usize {
        match self {
            Formats::All(_) => 0,
            Formats::Each(codes) => codes.len(),
        }
    }

    /// The format of column `index`; `None` if there are fewer.
    pub(super) fn get(&self, index: usize) -> Option<Encoding> {
        match self {
            Formats::All(encoding) => Some(*encoding),
            Formats::Each(codes) => codes.get(index).copied(),
        }
    }
}

/// Reads a format code: 0 is text, 1 is binary.
pub(super) fn encoding(code: i16) -> Option<Encoding> {
    match code {
        0 => Some(Encoding::Text),
        1 => Some(Encoding::Binary),
        _ => None,
    }
}

impl RowShape {
    /// Reads the body of a RowDescription.
    pub(super) fn parse(body: &[u8]) -> Result<(Self, Formats), Violation> {
        let mut reader = Reader::new(body);
        let count = usize::from(reader.u16().map_err(|_| MALFORMED)?);
        if count > limits::COLUMNS {
            return Err(Violation {
                peer: Peer::Server,
                what: "too many columns",
            });
        }
        let mut facts = Vec::with_capacity(count);
        let mut widths = Vec::with_capacity(count);
        let mut codes = Vec::with_capacity(count);
        for _ in 0..count {
            let (column, modifier, code) = column(&mut reader).ok_or(MALFORMED)?;
            widths.push(Width::of(column.type_oid, modifier));
            facts.push(column);
            codes.push(code);
        }
        if !reader.is_empty() {
            return Err(MALFORMED);
        }
        Ok((
            Self {
                facts,
                widths,
                source: None,
                is_doubtful: false,
                quotes_others: false,
                plans: RefCell::new(None),
            },
            Formats::from_codes(&codes),
        ))
    }

    /// True if a column has no table.
    pub(super) fn has_computed(&self) -> bool {
        self.facts.iter().any(|facts| facts.table_oid == 0)
    }

    /// Of rows that this statement computes.
    pub(super) fn computed(self, source: Option<Source>) -> Self {
        Self { source, ..self }
    }

    /// The statement that computes what has no table.
    pub(super) fn computed_by(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The same columns of the same statement.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        self.facts == other.facts && self.widths == other.widths && self.source == other.source
    }

    /// The same columns, of which nobody knows what they show.
    pub(super) fn doubted(&self) -> Self {
        Self {
            facts: self.facts.clone(),
            widths: self.widths.clone(),
            source: None,
            is_doubtful: true,
            quotes_others: self.quotes_others,
            plans: RefCell::new(None),
        }
    }

    /// Of a statement that may quote others, or not.
    pub(super) fn quoting(self, quotes_others: bool) -> Self {
        Self {
            quotes_others,
            ..self
        }
    }

    /// A result that nobody described, where nothing is judged.
    pub(super) fn unseen() -> Rc<Self> {
        Rc::new(Self {
            facts: Vec::new(),
            widths: Vec::new(),
            source: None,
            is_doubtful: false,
            quotes_others: false,
            plans: RefCell::new(None),
        })
    }

    /// What is known of the columns.
    pub(super) fn facts(&self) -> &[ColumnFacts] {
        &self.facts
    }

    /// How the columns are judged under the rules of now.
    pub(super) fn plans<I: Inspect>(&self, rules: &Rulebook<I>) -> Rc<[ColumnPlan]> {
        let mut cached = self.plans.borrow_mut();
        if let Some((epoch, plans)) = &*cached
            && *epoch == rules.epoch()
        {
            return Rc::clone(plans);
        }
        let mut plans = match self.is_doubtful {
            true => rules.plans_in_doubt(&self.facts),
            false => rules.plans(&self.facts, self.source.as_ref()),
        };
        for (plan, width) in plans.iter_mut().zip(&self.widths) {
            plan.width = *width;
        }
        if self.quotes_others && rules.policy().has_rules() {
            for (plan, facts) in plans.iter_mut().zip(&self.facts) {
                hide_quoted(plan, facts);
            }
        }
        let plans: Rc<[ColumnPlan]> = plans.into();
        *cached = Some((rules.epoch(), Rc::clone(&plans)));
        plans
    }

    /// Rough size in memory, for the session's bound.
    pub(super) fn state_bytes(&self) -> usize {
        self.facts
            .iter()
            .map(|facts| COLUMN_BYTES + 2 * facts.name.len())
            .sum()
    }
}

/// A column, its type modifier and its format.
fn column(reader: &mut Reader<'_>) -> Option<(ColumnFacts, i32, Encoding)> {
    let name = reader.cstr().ok()?.into();
    let table_oid = reader.u32().ok()?;
    let attnum = reader.i16().ok()?;
    let type_oid = reader.u32().ok()?;
    let _type_length = reader.i16().ok()?;
    let type_modifier = reader.i32().ok()?;
    let code = encoding(reader.i16().ok()?)?;
    Some((
        ColumnFacts {
            name,
            table_oid,
            attnum,
            type_oid,
        },
        type_modifier,
        code,
    ))
}
