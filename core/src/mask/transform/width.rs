//! How long a text may become: what `varchar(n)` and `char(n)` promise to a client.

use super::super::Malformed;
use super::super::span::is_continuation;

/// Bytes that a type modifier of text counts beyond the characters (VARHDRSZ).
const HEADER_BYTES: i32 = 4;
/// Bytes of the type `name`, without the zero behind them.
const NAME_BYTES: usize = 63;
/// `pg_type.oid` of name, text, char(n), varchar(n) and the arrays of the latter.
const NAME: u32 = 19;
const TEXT: u32 = 25;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;
const BPCHAR_ARRAY: u32 = 1014;
const VARCHAR_ARRAY: u32 = 1015;

/// In characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Width {
    /// As long as it likes.
    #[default]
    Any,
    /// Up to so many.
    UpTo(usize),
    /// Exactly so many, padded with blanks.
    Padded(usize),
    /// Up to as many as the value has: how many there may be nobody says.
    OfValue,
}

impl Width {
    /// Of a column by the type and the modifier that its description gives.
    pub(crate) fn of(type_oid: u32, type_modifier: i32) -> Self {
        if type_oid == NAME {
            return Width::UpTo(NAME_BYTES);
        }
        let Ok(characters) = usize::try_from(type_modifier.saturating_sub(HEADER_BYTES)) else {
            return Width::Any;
        };
        match type_oid {
            BPCHAR | BPCHAR_ARRAY => Width::Padded(characters),
            VARCHAR | VARCHAR_ARRAY => Width::UpTo(characters),
            _ => Width::Any,
        }
    }

    /// Of an attribute of a row, of which nobody says the modifier.
    pub(crate) fn of_attribute(type_oid: u32, value: &[u8]) -> Self {
        match type_oid {
            TEXT => Width::Any,
            BPCHAR => Width::Padded(Self::characters(value)),
            _ => Width::OfValue,
        }
    }

    /// The most characters that may take the place of `value`; `None`: any number.
    pub(crate) fn limit(self, value: &[u8]) -> Option<usize> {
        match self {
            Width::Any => None,
            Width::UpTo(most) | Width::Padded(most) => Some(most),
            Width::OfValue => Some(Self::characters(value)),
        }
    }

    /// Pads what stands in `out` from `mark`.
    ///
    /// # Errors
    /// If it is too long.
    pub(super) fn fit(self, value: &[u8], mark: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let length = Self::characters(out.get(mark..).unwrap_or_default());
        match (self, self.limit(value)) {
            (_, Some(limit)) if length > limit => Err(Malformed),
            (Width::Padded(exactly), _) => {
                out.resize(out.len() + exactly - length, b' ');
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// How many characters a text has.
    pub(super) fn characters(text: &[u8]) -> usize {
        text.iter().filter(|&&byte| !is_continuation(byte)).count()
    }
}
