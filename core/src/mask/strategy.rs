//! What stands in the place of a masked value.

use std::sync::Arc;

use super::Transform;

/// How a value is masked. Every strategy keeps the value valid for its type; where a type has
/// no such value, NULL takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Same length where the type allows: `X` in text, zeros in numbers, 2000-01-01 in dates.
    Redact,
    /// Text and integers keep this many characters at their ends and are redacted in between.
    /// A value that would be kept whole, and every other type, is redacted.
    Partial {
        /// Characters (digits) kept at the start.
        keep_first: usize,
        /// Characters (digits) kept at the end.
        keep_last: usize,
    },
    /// This text, UTF-8, converted to the type; NULL where it does not convert.
    Constant(Vec<u8>),
    /// NULL.
    Null,
    /// One value of the type for all, whatever it stands for: `XXXX`, zero, 2000-01-01; NULL where
    /// the type has none. Not even the length of the value is told. For what is computed from
    /// a column under a rule: the statement could have written the value into the length.
    Uniform,
    /// Something of the value is kept that its reader may have. Holds for base columns: what a
    /// statement computes is redacted, or anybody could try values out.
    Transform(Arc<Transform>),
}

impl Strategy {
    /// The strategy for a column: if its values are not those that are stored, nothing of them is
    /// kept by a transform.
    pub(crate) fn on(&self, is_stored: impl FnOnce() -> bool) -> Self {
        match self {
            Strategy::Transform(_) if !is_stored() => Strategy::Redact,
            other => other.clone(),
        }
    }

    /// The column that says whose row it is, if that has to be known.
    pub(crate) fn subject(&self) -> Option<&str> {
        match self {
            Strategy::Transform(transform) => transform.subject(),
            _ => None,
        }
    }
}
