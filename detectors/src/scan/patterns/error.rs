//! Why a pattern is refused.

use std::fmt;

use super::{AUTOMATON_BYTES, MATCH_BYTES, PATTERNS, SOURCE_BYTES, WALK_BYTES};
use crate::scan::bits::code::CLASSES;
use crate::scan::bits::program::SLOTS;

/// A pattern that [`Patterns::compile`](super::Patterns::compile) refuses.
///
/// Depends on the patterns alone, never on a text: what compiles runs on every text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Index of the pattern among those that were given.
    pub pattern: usize,
    /// What is wrong with it.
    pub reason: Refusal,
}

/// Reasons for which a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no regular expression of this syntax; the parser's words.
    Syntax(String),
    /// The expression has more than [`SOURCE_BYTES`].
    Source,
    /// It matches the empty text, so it would match everywhere.
    Empty,
    /// A repetition has no upper bound: its matches may be of any length.
    Unbounded,
    /// It may match more than [`MATCH_BYTES`].
    Long,
    /// No byte that every match holds keeps its walks apart, and they may be longer than
    /// [`WALK_BYTES`]: a hostile text would cost that much for each of its bytes.
    Costly,
    /// Its automaton would need more than [`AUTOMATON_BYTES`].
    Large,
    /// All patterns together tell more than 128 classes of bytes apart. The last one is blamed.
    Classes,
    /// All patterns together need more than 4,096 bitmaps. The last one is blamed.
    Bitmaps,
    /// There are more than [`PATTERNS`] patterns.
    Many,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern {}: {}", self.pattern, self.reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => f.write_str(message),
            Self::Source => write!(f, "the expression is longer than {SOURCE_BYTES} bytes"),
            Self::Empty => f.write_str("it matches the empty text"),
            Self::Unbounded => write!(
                f,
                "a repetition has no upper bound; write {{0,n}} or {{1,n}}, with matches of at \
                 most {MATCH_BYTES} bytes"
            ),
            Self::Long => write!(f, "it may match more than {MATCH_BYTES} bytes"),
            Self::Costly => write!(
                f,
                "a hostile text could make it walk more than {WALK_BYTES} bytes for each byte; \
                 use smaller bounds, or a byte that the repetitions do not match"
            ),
            Self::Large => write!(f, "its automaton needs more than {AUTOMATON_BYTES} bytes"),
            Self::Classes => write!(f, "there are more than {CLASSES} classes of bytes"),
            Self::Bitmaps => write!(f, "the patterns need more than {SLOTS} bitmaps"),
            Self::Many => write!(f, "there are more than {PATTERNS} patterns"),
        }
    }
}

impl std::error::Error for PatternError {}
