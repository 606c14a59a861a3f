//! Overwriting a value without looking at more than one byte of it at a time: what comes of it
//! has the value's length and is of its type.

use super::Encoding;
use crate::mask::types::{Scalar, Shape, built_in};

/// How a value is overwritten.
pub(super) enum Fill {
    /// By one whose bytes are known.
    Pattern(Pattern),
    /// Digit by digit, because the type's values have a form: a one is valid for every digit
    /// of a date, a time, an address or a UUID.
    Ones {
        /// What takes the place of a letter; `None`: it stays, being a unit of an interval.
        letter: Option<u8>,
    },
}

/// A value of which only the length has to be known.
pub(super) struct Pattern {
    prefix: Vec<u8>,
    /// Repeated from the end of the prefix.
    pattern: [u8; 2],
    /// Stands at the very end.
    suffix: Option<u8>,
}

impl Fill {
    /// `None` if the type has no value of this length, or none that is known here.
    pub(super) fn of(shape: Shape, encoding: Encoding, value_bytes: usize) -> Option<Self> {
        let (prefix, pattern, suffix) = match (shape, encoding) {
            (Shape::Scalar(scalar), Encoding::Text) => match ones(scalar) {
                Some(fill) => return Some(fill),
                None => text(scalar, value_bytes)?,
            },
            (Shape::Scalar(scalar), Encoding::Binary) => binary(scalar, value_bytes)?,
            // An array of one element.
            (Shape::Array { element }, Encoding::Text) => {
                let Shape::Scalar(scalar) = built_in(element)?.shape else {
                    return None;
                };
                (b"{".to_vec(), [text_byte(scalar)?; 2], Some(b'}'))
            }
            _ => return None,
        };
        let fits = value_bytes >= prefix.len() + usize::from(suffix.is_some());
        fits.then_some(Fill::Pattern(Pattern {
            prefix,
            pattern,
            suffix,
        }))
    }

    /// Overwrites the part of a value of `value_bytes` that begins at `offset`.
    pub(super) fn write(&self, offset: usize, value_bytes: usize, part: &mut [u8]) {
        match self {
            Fill::Pattern(pattern) => pattern.write(offset, value_bytes, part),
            Fill::Ones { letter } => {
                for byte in part {
                    *byte = match *byte {
                        b'0'..=b'9' => b'1',
                        letters if letters.is_ascii_alphabetic() => letter.unwrap_or(letters),
                        other if other >= 0x80 => b'X',
                        other => other,
                    };
                }
            }
        }
    }
}

impl Pattern {
    fn write(&self, offset: usize, value_bytes: usize, part: &mut [u8]) {
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

type Parts = (Vec<u8>, [u8; 2], Option<u8>);

fn ones(scalar: Scalar) -> Option<Fill> {
    let letter = match scalar {
        Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz => Some(b'X'),
        Scalar::Time | Scalar::Timetz | Scalar::Money => Some(b'X'),
        Scalar::Uuid | Scalar::Inet | Scalar::Macaddr | Scalar::Macaddr8 => Some(b'1'),
        Scalar::Interval => None,
        _ => return None,
    };
    Some(Fill::Ones { letter })
}

fn text(scalar: Scalar, value_bytes: usize) -> Option<Parts> {
    Some(match scalar {
        Scalar::Bytea if value_bytes.is_multiple_of(2) => (b"\\x".to_vec(), *b"58", None),
        // The escape format has values of every length.
        Scalar::Bytea => (Vec::new(), *b"XX", None),
        Scalar::Json | Scalar::Jsonb => (b"\"".to_vec(), *b"XX", Some(b'"')),
        _ => (Vec::new(), [text_byte(scalar)?; 2], None),
    })
}

/// A byte that makes a value of the type when repeated.
fn text_byte(scalar: Scalar) -> Option<u8> {
    match scalar {
        Scalar::Text | Scalar::Xml | Scalar::Char | Scalar::OidName => Some(b'X'),
        Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Oid | Scalar::Xid8 => Some(b'0'),
        Scalar::Float4 | Scalar::Float8 | Scalar::Numeric | Scalar::Bit => Some(b'0'),
        Scalar::Bool => Some(b'f'),
        _ => None,
    }
}

fn binary(scalar: Scalar, value_bytes: usize) -> Option<Parts> {
    Some(match scalar {
        Scalar::Text | Scalar::Xml | Scalar::Bytea => (Vec::new(), *b"XX", None),
        Scalar::Json => (b"\"".to_vec(), *b"XX", Some(b'"')),
        Scalar::Jsonb => (b"\x01\"".to_vec(), *b"XX", Some(b'"')),
        Scalar::Bit => {
            let bits = u32::try_from(value_bytes.checked_sub(4)?.checked_mul(8)?).ok()?;
            (bits.to_be_bytes().to_vec(), [0; 2], None)
        }
        // Groups of zeros, all of them before the point.
        Scalar::Numeric if value_bytes.is_multiple_of(2) => {
            let groups = u16::try_from(value_bytes.checked_sub(8)? / 2).ok()?;
            let weight = i16::try_from(groups).ok()?.saturating_sub(1).max(0);
            let mut prefix = groups.to_be_bytes().to_vec();
            prefix.extend_from_slice(&weight.to_be_bytes());
            prefix.extend_from_slice(&[0; 4]);
            (prefix, [0; 2], None)
        }
        _ => return None,
    })
}
