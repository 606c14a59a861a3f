//! Overwriting a value whose bytes are never looked at, with one of its length and type.

use super::Encoding;
use crate::mask::types::{Scalar, Shape, built_in};

/// The value that takes the place of one of the same length.
pub(super) struct Fill {
    prefix: Vec<u8>,
    /// Repeated from the end of the prefix.
    pattern: [u8; 2],
    /// Stands at the very end.
    suffix: Option<u8>,
}

impl Fill {
    /// `None` if the type has no value of this length, or none that is known here.
    pub(super) fn of(shape: Shape, encoding: Encoding, value_bytes: usize) -> Option<Self> {
        let (prefix, byte, suffix) = match (shape, encoding) {
            (Shape::Scalar(scalar), _) => return Self::of_scalar(scalar, encoding, value_bytes),
            // An array of one element.
            (Shape::Array { element }, Encoding::Text) => {
                let Shape::Scalar(scalar) = built_in(element)?.shape else {
                    return None;
                };
                (b"{".to_vec(), text_byte(scalar)?, Some(b'}'))
            }
            _ => return None,
        };
        Self::fitting(prefix, [byte; 2], suffix, value_bytes)
    }

    fn of_scalar(scalar: Scalar, encoding: Encoding, value_bytes: usize) -> Option<Self> {
        let (prefix, pattern, suffix) = match (scalar, encoding) {
            (Scalar::Bytea, Encoding::Binary) => (Vec::new(), *b"XX", None),
            (Scalar::Bytea, Encoding::Text) if value_bytes.is_multiple_of(2) => {
                (b"\\x".to_vec(), *b"58", None)
            }
            // The escape format has values of every length.
            (Scalar::Bytea, Encoding::Text) => (Vec::new(), *b"XX", None),
            (Scalar::Json, _) | (Scalar::Jsonb, Encoding::Text) => {
                (b"\"".to_vec(), *b"XX", Some(b'"'))
            }
            (Scalar::Jsonb, Encoding::Binary) => (b"\x01\"".to_vec(), *b"XX", Some(b'"')),
            (Scalar::Text | Scalar::Xml, Encoding::Binary) => (Vec::new(), *b"XX", None),
            (Scalar::Bit, Encoding::Binary) => {
                let bits = u32::try_from(value_bytes.checked_sub(4)?.checked_mul(8)?).ok()?;
                (bits.to_be_bytes().to_vec(), [0; 2], None)
            }
            (_, Encoding::Binary) => return None,
            (_, Encoding::Text) => (Vec::new(), [text_byte(scalar)?; 2], None),
        };
        Self::fitting(prefix, pattern, suffix, value_bytes)
    }

    fn fitting(
        prefix: Vec<u8>,
        pattern: [u8; 2],
        suffix: Option<u8>,
        value_bytes: usize,
    ) -> Option<Self> {
        let fits = value_bytes >= prefix.len() + usize::from(suffix.is_some());
        fits.then_some(Self {
            prefix,
            pattern,
            suffix,
        })
    }

    /// Overwrites the part of a value of `value_bytes` that begins at `offset`.
    pub(super) fn write(&self, offset: usize, value_bytes: usize, part: &mut [u8]) {
        for (index, byte) in (offset..).zip(part) {
            let in_pattern = index.wrapping_sub(self.prefix.len()) % 2;
            *byte = match self.suffix {
                Some(suffix) if index + 1 == value_bytes => suffix,
                _ => match self.prefix.get(index) {
                    Some(&byte) => byte,
                    None => self.pattern.get(in_pattern).copied().unwrap_or(b'X'),
                },
            };
        }
    }
}

/// A byte that makes a value of the type when repeated; of those whose text can be long.
fn text_byte(scalar: Scalar) -> Option<u8> {
    match scalar {
        Scalar::Text | Scalar::Xml => Some(b'X'),
        Scalar::Numeric | Scalar::Bit => Some(b'0'),
        _ => None,
    }
}
