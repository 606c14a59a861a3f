//! The trait through which detection engines find PHI in content.
//!
//! A session is generic over [`Inspect`], so core names no engine and the call is static.

/// Which detector found something; an index into the engine's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DetectorId(pub u16);

/// One span of PHI. Offsets are bytes into the text that was inspected; the span never splits
/// a UTF-8 character of valid text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// First byte.
    pub start: usize,
    /// One past the last byte; `start < end`.
    pub end: usize,
    /// Who found it.
    pub detector: DetectorId,
}

/// A column as a result header describes it: evidence before any value was seen.
#[derive(Clone, Copy, Default)]
pub struct ColumnHint<'a> {
    /// Name of the table that the column comes from, if that is known.
    pub table: Option<&'a [u8]>,
    /// Name of the output column.
    pub name: &'a [u8],
    /// Name of its SQL type in lower case, such as `text` or `int8`; empty if unknown.
    pub type_name: &'a [u8],
    /// The name is an alias that the client may have chosen: it can speak for PHI, but not
    /// against it, unless the column is a computed number such as a count or a sum.
    pub is_alias: bool,
}

impl<'a> ColumnHint<'a> {
    /// A column of which only the name is known.
    pub const fn named(name: &'a [u8]) -> Self {
        Self {
            table: None,
            name,
            type_name: b"",
            is_alias: false,
        }
    }
}

/// What an engine makes of a column before it sees a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prior {
    /// Its values cannot be PHI: a type or a name that says so.
    Skip,
    /// Each of its values is PHI of this kind, whatever it looks like.
    Whole(DetectorId),
    /// Its values have to be looked at.
    Scan,
}

/// A value of an identifying column in the same row, such as the patient's name: wherever it
/// stands in the row's other texts, it is PHI.
#[derive(Clone, Copy)]
pub struct KnownValue<'a> {
    /// What it is.
    pub detector: DetectorId,
    /// The value in text form.
    pub text: &'a [u8],
    /// What [`Inspect::outline`] says of it.
    pub outline: Outline,
}

/// A set of bits by which an engine sees fast that a value cannot stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline(pub u128);

impl Outline {
    /// Can stand anywhere, and anything in it.
    pub const ANY: Self = Self(u128::MAX);

    /// True if the two have a bit in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Where the text stands: evidence for the engine.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The column, if the text is a cell of one.
    pub column: Option<ColumnHint<'a>>,
    /// The row's key, if the text is the value of an (entity, attribute, value) table: it says
    /// what the name of a column says elsewhere.
    pub key: Option<&'a [u8]>,
    /// Identifying values of the same row. They count only for a text that is whole.
    pub known: &'a [KnownValue<'a>],
    /// The text begins where the value begins (not in the middle of a streamed one).
    pub at_start: bool,
    /// The text ends where the value ends.
    pub at_end: bool,
}

impl<'a> Surroundings<'a> {
    /// A text that is whole and stands in no column.
    pub const WHOLE: Surroundings<'static> = Surroundings {
        column: None,
        key: None,
        known: &[],
        at_start: true,
        at_end: true,
    };

    /// A text that is the whole value of a column of this name.
    pub const fn in_column(name: &'a [u8]) -> Self {
        Self {
            column: Some(ColumnHint::named(name)),
            ..Surroundings::WHOLE
        }
    }
}

/// A detection engine.
///
/// Contract, held by property tests of every implementation:
/// * a finding depends only on the bytes of its span, on at most [`Inspect::horizon_bytes`]
///   bytes to either side, and on the [`Surroundings`]; in a text that is whole (`at_start` and
///   `at_end`) there may be further findings that depend on all of it;
/// * no finding is longer than [`Inspect::horizon_bytes`];
/// * all overlapping findings are reported (a union, never one leftmost alternation), sorted
///   by `start`.
pub trait Inspect: Send + Sync {
    /// Appends the findings in `text` to `out`. Does not clear `out`.
    fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>);

    /// Longest finding including the context that it depends on; at most
    /// [`crate::limits::FINDING_SPAN_BYTES`].
    fn horizon_bytes(&self) -> usize;

    /// What the column's name, type and table say. Asked once for each result header.
    fn prior(&self, _column: ColumnHint<'_>) -> Prior {
        Prior::Scan
    }

    /// The column whose values say what the value at `index` in the same row is: the attribute
    /// of an (entity, attribute, value) table. Asked once for each column of a result header.
    fn key_of(&self, _columns: &[ColumnHint<'_>], _index: usize) -> Option<usize> {
        None
    }

    /// The outline of a [`KnownValue`]. Asked once for each such value of a row.
    fn outline(&self, _detector: DetectorId, _text: &[u8]) -> Outline {
        Outline::ANY
    }

    /// Begins to watch a column whose values have to be looked at, if the engine learns from
    /// them.
    fn watch(&self, _column: ColumnHint<'_>) -> Option<Box<dyn Watch>> {
        None
    }

    /// How sure the engine is of a finding that it made in this text, 0 to 1. Asked by tools that
    /// print findings, never by a session: what was found is masked however sure it is.
    ///
    /// Most findings are decisions without a measure; an engine says 1 for them.
    fn confidence(&self, _text: &[u8], _around: Surroundings<'_>, _finding: &Finding) -> f32 {
        1.0
    }

    /// A stable lower-case name such as `ssn`, for records and metrics.
    fn detector_name(&self, id: DetectorId) -> &str;
}

/// What an engine learns of a column while its values stream by.
pub trait Watch {
    /// Takes note of a value that is not NULL, and of what was found in it.
    fn see(&mut self, value: &[u8], findings: &[Finding]);

    /// What each further value is, whatever it looks like. Once known it stays.
    fn settled(&self) -> Option<DetectorId>;
}

/// The engine that finds nothing: for exempt policies and for tests of identity.
pub struct Nothing;

impl Inspect for Nothing {
    fn inspect(&self, _: &[u8], _: Surroundings<'_>, _: &mut Vec<Finding>) {}

    fn horizon_bytes(&self) -> usize {
        0
    }

    fn detector_name(&self, _: DetectorId) -> &str {
        "nothing"
    }
}
