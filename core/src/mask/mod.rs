//! What stands in the place of a masked value.
//!
//! [`whole`] masks a value of any type in either encoding; what it writes is valid for the
//! type, or it says NULL. One file a family:
//!
//! * [`scalar_text`], [`scalar_binary`]: types without parts;
//! * [`array`], [`composite`], [`range`]: types with parts, rewritten part by part through
//!   [`Visit`], be it to mask them or to scan them;
//! * [`transform`]: what keeps something of a value;
//! * [`json`]: values under matching keys; [`span`]: findings inside a text;
//! * [`decode`]: from a binary value to the text that a detector can read.

pub(crate) mod array;
mod builtin;
pub(crate) mod bytea;
pub(crate) mod composite;
mod constant;
pub(crate) mod decode;
pub mod json;
mod number;
pub(crate) mod range;
mod scalar_binary;
mod scalar_text;
pub(crate) mod span;
mod strategy;
mod temporal;
pub mod transform;
pub(crate) mod types;

pub use span::redact;
pub use strategy::Strategy;
pub use transform::Transform;
pub use transform::is_restricted_zip;

use crate::catalog::Catalog;
use crate::cell::Encoding;
use crate::limits::NESTING_DEPTH;
use transform::{Around, Width};
use types::{Scalar, Shape};

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Written as it was.
    Kept,
    /// Something else was written.
    Masked,
    /// Nothing was written; NULL takes its place.
    Null,
}

/// The bytes are not a value of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Decides about the parts of a value.
pub(crate) trait Visit {
    /// Appends what stands in the place of `value` to `out`; for [`Outcome::Null`] what it
    /// appended does not count.
    fn value(
        &mut self,
        type_oid: u32,
        encoding: Encoding,
        value: &[u8],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Outcome;
}

/// How a value is masked whole.
#[derive(Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) strategy: &'a Strategy,
    /// Where the value stands.
    pub(crate) around: Around<'a>,
    /// The value is an attribute of a row.
    pub(crate) in_row: bool,
}

impl<'a> Whole<'a> {
    /// Masks values of which nothing but their types is known.
    pub(crate) fn new(catalog: &'a Catalog, strategy: &'a Strategy) -> Self {
        Self {
            catalog,
            strategy,
            around: Around::default(),
            in_row: false,
        }
    }

    /// Masks values that stand here.
    pub(crate) fn at(self, around: Around<'a>) -> Self {
        Self { around, ..self }
    }

    /// Appends the masked value to `out`. Never [`Outcome::Kept`].
    pub(crate) fn mask(
        mut self,
        shape: Shape,
        encoding: Encoding,
        value: &[u8],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mark = out.len();
        let outcome = match (self.strategy, shape) {
            (Strategy::Null, _) => Outcome::Null,
            _ if depth > NESTING_DEPTH => Outcome::Null,
            (Strategy::Transform(transform), Shape::Scalar(scalar)) => {
                self.transform(transform, scalar, encoding, value, out)
            }
            (strategy, Shape::Scalar(scalar)) => match encoding {
                Encoding::Text => scalar_text::mask(scalar, strategy, value, out),
                Encoding::Binary => scalar_binary::mask(scalar, strategy, value, out),
            },
            // How many parts there are is a part of what is hidden.
            (
                Strategy::Uniform,
                Shape::Array { .. } | Shape::Vector { .. } | Shape::Composite { .. },
            ) => Outcome::Null,
            // NULL for every element would say how many there are, and no more.
            (_, Shape::Array { element })
                if types::shape(self.catalog, element) == Shape::Opaque =>
            {
                Outcome::Null
            }
            (_, Shape::Range { .. }) => range::mask(encoding, out),
            (_, Shape::Multirange { .. }) => range::mask_multi(encoding, out),
            _ => {
                self.in_row |= matches!(shape, Shape::Composite { .. });
                parts(self.catalog, shape, encoding, value, depth, &mut self, out)
            }
        };
        match outcome {
            Outcome::Null => {
                out.truncate(mark);
                Outcome::Null
            }
            Outcome::Kept | Outcome::Masked => Outcome::Masked,
        }
    }
}

impl Whole<'_> {
    /// What cannot be transformed is hidden.
    fn transform(
        &self,
        transform: &Transform,
        scalar: Scalar,
        encoding: Encoding,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mark = out.len();
        if transform
            .apply(&self.around, scalar, encoding, value, out)
            .is_ok()
        {
            return Outcome::Masked;
        }
        out.truncate(mark);
        match encoding {
            _ if transform::hides_by_null(scalar) => Outcome::Null,
            Encoding::Text => scalar_text::mask(scalar, &Strategy::Redact, value, out),
            Encoding::Binary => scalar_binary::mask(scalar, &Strategy::Redact, value, out),
        }
    }
}

impl Visit for Whole<'_> {
    fn value(
        &mut self,
        type_oid: u32,
        encoding: Encoding,
        value: &[u8],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let shape = types::shape(self.catalog, type_oid);
        let mut part = *self;
        if self.in_row {
            part.around.width = Width::of_attribute(type_oid, value);
        }
        part.mask(shape, encoding, value, depth, out)
    }
}

/// Rewrites the parts of a value that has some. What is malformed is [`Outcome::Null`].
pub(crate) fn parts(
    catalog: &Catalog,
    shape: Shape,
    encoding: Encoding,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Outcome {
    let rewritten = match (shape, encoding) {
        (Shape::Array { element }, Encoding::Text) => {
            array::rewrite_text(element, value, depth, visit, out)
        }
        (Shape::Vector { element }, Encoding::Text) => {
            array::rewrite_vector(element, value, depth, visit, out)
        }
        (Shape::Array { .. } | Shape::Vector { .. }, Encoding::Binary) => {
            array::rewrite_binary(value, depth, visit, out)
        }
        (Shape::Composite { type_oid }, Encoding::Text) => {
            composite::rewrite_text(catalog, type_oid, value, depth, visit, out)
        }
        (Shape::Composite { .. }, Encoding::Binary) => {
            composite::rewrite_binary(value, depth, visit, out)
        }
        (Shape::Range { subtype }, Encoding::Binary) => {
            range::rewrite_binary(subtype, value, depth, visit, out)
        }
        (Shape::Multirange { subtype }, Encoding::Binary) => {
            range::rewrite_multi_binary(subtype, value, depth, visit, out)
        }
        (Shape::Range { .. } | Shape::Multirange { .. }, Encoding::Text)
        | (Shape::Scalar(_) | Shape::Opaque, _) => Err(Malformed),
    };
    rewritten.unwrap_or(Outcome::Null)
}
