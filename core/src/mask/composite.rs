//! Composites. (being written: every composite is malformed, that is NULL)
use super::{Malformed, Outcome, Visit};
use crate::catalog::Catalog;
pub(crate) fn rewrite_text(
    _: &Catalog,
    _: u32,
    _: &[u8],
    _: usize,
    _: &mut impl Visit,
    _: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    Err(Malformed)
}
pub(crate) fn rewrite_binary(
    _: &[u8],
    _: usize,
    _: &mut impl Visit,
    _: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    Err(Malformed)
}
