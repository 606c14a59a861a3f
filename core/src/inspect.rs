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

/// Where the text stands: evidence for the engine.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Name of the output column, if the text is a cell of one.
    pub column: Option<&'a [u8]>,
    /// The text begins where the value begins (not in the middle of a streamed one).
    pub at_start: bool,
    /// The text ends where the value ends.
    pub at_end: bool,
}

impl Surroundings<'_> {
    /// A text that is whole and stands in no column.
    pub const WHOLE: Surroundings<'static> = Surroundings {
        column: None,
        at_start: true,
        at_end: true,
    };
}

/// A detection engine.
///
/// Contract, held by property tests of every implementation:
/// * a finding depends only on the bytes of its span, on at most [`Inspect::horizon_bytes`]
///   bytes to either side, and on the [`Surroundings`];
/// * no finding is longer than [`Inspect::horizon_bytes`];
/// * all overlapping findings are reported (a union, never one leftmost alternation), sorted
///   by `start`.
pub trait Inspect: Send + Sync {
    /// Appends the findings in `text` to `out`. Does not clear `out`.
    fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>);

    /// Longest finding including the context that it depends on; at most
    /// [`crate::limits::FINDING_SPAN_BYTES`].
    fn horizon_bytes(&self) -> usize;

    /// A stable lower-case name such as `ssn`, for records and metrics.
    fn detector_name(&self, id: DetectorId) -> &str;
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
