//! What stands in the place of a masked value.

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
}
