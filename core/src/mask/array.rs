//! Arrays. (being written: every array is malformed, that is NULL)
use super::{Malformed, Outcome, Visit};
pub(crate) fn rewrite_text(
    _: u32,
    _: &[u8],
    _: usize,
    _: &mut impl Visit,
    _: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    Err(Malformed)
}
pub(crate) fn rewrite_vector(
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
