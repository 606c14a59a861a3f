//! Transforms: strategies that keep something of a value that its reader may have.
//!
//! A transform reads a value in either encoding, and writes one of the same type. What it
//! cannot do for a type or a value is [`Malformed`], and the value is hidden instead: NULL for
//! dates, for which any other value would be read as one; redaction for everything else.
//!
//! * [`generalise`]: ZIP codes, ages, numbers, e-mail addresses, last digits.
//! * [`dates`]: the year alone; [`shift`]: days that are shifted.
//! * [`token`]: what stands for a value without telling it; [`format`] with [`ff1`]: what has its
//!   form besides.
//! * [`found`]: what is found in running text.
//! * [`key`]: one key for each purpose.
//! * [`value`]: numbers and points in time between both encodings.
//! * [`width`]: how long a text may become.

mod dates;
mod ff1;
mod format;
mod found;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod generalise;
mod key;
mod shift;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod width;

use std::fmt;
use std::sync::Arc;

pub use format::{Alphabet, CheckDigit, Format};
#[cfg(any(test, fuzzing))]
pub use fuzz::fuzz_transform;
pub use generalise::is_restricted_zip;
pub use key::{MasterKey, Purpose, TransformKey, WeakSecret};
pub use shift::{Absent, DateShift};
pub use token::{
    Fingerprint, Normal, TOKEN_CHARACTERS_LEAST, TOKEN_CHARACTERS_MOST, TokenForm, TokenVault,
};
pub(crate) use width::Width;

use super::Malformed;
use super::types::Scalar;
use crate::cell::Encoding;

/// What is kept of a value.
#[derive(Clone)]
pub enum Transform {
    /// Of dates the year: 1 January in columns of dates, four digits in text. Nothing of a date
    /// that lies 90 years back or more, and nothing while today's date is not known.
    Year,
    /// The first three digits of a ZIP code; zeros where they stand for too few people
    /// ([`is_restricted_zip`]).
    Zip3,
    /// Ages up to 89, and 90 for all above; a birth date unless it tells of an age above 89.
    Age90,
    /// The domain of an e-mail address.
    EmailDomain,
    /// The last four letters or digits of nine and more, and what separates them.
    LastFour,
    /// A whole number, rounded down to a multiple of this. At least 2.
    Bucket(u32),
    /// The form: encrypted by FF1.
    Ff1(Format),
    /// Which values are equal: HMAC-SHA-256.
    Hmac(TokenForm, TransformKey),
    /// Which values are equal: drawn at random. The key is of the fingerprints in the vault.
    Random(TokenForm, TransformKey, Arc<dyn TokenVault>),
    /// How many days lie between the dates of one subject.
    DateShift(DateShift),
}

/// The name alone: keys are never shown.
impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A transform equals itself.
impl PartialEq for Transform {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Transform {}

/// Whose dates a row holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// The result has no column that says it.
    Absent,
    /// As text.
    Known(&'a [u8]),
}

/// Where the value stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Around<'a> {
    /// Days since 2000-01-01; `None`: not known.
    pub(crate) today: Option<i64>,
    /// How long a text may become.
    pub(crate) width: Width,
    /// Whose row it is.
    pub(crate) subject: Subject<'a>,
}

impl Transform {
    /// The name that the configuration knows it by.
    pub fn name(&self) -> &'static str {
        match self {
            Transform::Year => "year",
            Transform::Zip3 => "zip3",
            Transform::Age90 => "age90",
            Transform::EmailDomain => "email_domain",
            Transform::LastFour => "last_four",
            Transform::Bucket(_) => "bucket",
            Transform::Ff1(_) => "ff1",
            Transform::Hmac(..) => "hmac",
            Transform::Random(..) => "random",
            Transform::DateShift(_) => "date_shift",
        }
    }

    /// The column that says whose row it is, if the transform has to know.
    pub(crate) fn subject(&self) -> Option<&str> {
        match self {
            Transform::DateShift(shift) => Some(&shift.subject),
            _ => None,
        }
    }

    /// Appends what takes the place of `value`.
    ///
    /// # Errors
    /// If the value is to be hidden; what was appended does not count.
    pub(crate) fn apply(
        &self,
        around: &Around<'_>,
        scalar: Scalar,
        encoding: Encoding,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let mark = out.len();
        let form = value::Form { scalar, encoding };
        match self {
            Transform::Year => dates::year(around, form, value, out)?,
            Transform::Zip3 => generalise::zip3(form, value, out)?,
            Transform::Age90 => generalise::age90(around, form, value, out)?,
            Transform::EmailDomain => generalise::email_domain(form, value, out)?,
            Transform::LastFour => generalise::last_four(form, value, out)?,
            Transform::Bucket(width) => generalise::bucket(*width, form, value, out)?,
            Transform::Ff1(format) => format::encrypt(format, form, value, out)?,
            Transform::Hmac(style, key) => {
                let source = token::Source::Value(key);
                token::token(&source, style, around, form, value, out)?;
            }
            Transform::Random(style, key, vault) => {
                let source = token::Source::Vault(key, vault);
                token::token(&source, style, around, form, value, out)?;
            }
            Transform::DateShift(shift) => shift::shift(shift, around, form, value, out)?,
        }
        match scalar {
            Scalar::Text => around.width.fit(value, mark, out),
            _ => Ok(()),
        }
    }
}

/// True if NULL takes the place of a value that a transform cannot do: any other value of the
/// type would be taken for a result.
pub(crate) fn hides_by_null(scalar: Scalar) -> bool {
    matches!(
        scalar,
        Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz | Scalar::Time | Scalar::Timetz
    )
}
