//! Ranges and multiranges. A masked range is empty, a masked multirange has no range.

use super::{Malformed, Outcome, Visit};
use crate::bytes::Reader;
use crate::cell::Encoding;

// Flags of range_send.
const EMPTY: u8 = 0x01;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;
const ALL_FLAGS: u8 = 0x1f;

/// Appends the empty range.
pub(crate) fn mask(encoding: Encoding, out: &mut Vec<u8>) -> Outcome {
    match encoding {
        Encoding::Text => out.extend_from_slice(b"empty"),
        Encoding::Binary => out.push(EMPTY),
    }
    Outcome::Masked
}

/// Appends the empty multirange.
pub(crate) fn mask_multi(encoding: Encoding, out: &mut Vec<u8>) -> Outcome {
    match encoding {
        Encoding::Text => out.extend_from_slice(b"{}"),
        Encoding::Binary => out.extend_from_slice(&0_u32.to_be_bytes()),
    }
    Outcome::Masked
}

/// Visits both bounds; a range with a masked bound becomes empty.
pub(crate) fn rewrite_binary(
    subtype: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mark = out.len();
    let mut reader = Reader::new(value);
    let flags = reader.u8().map_err(|_| Malformed)?;
    if flags & !ALL_FLAGS != 0 {
        return Err(Malformed);
    }
    let mut kept = true;
    for infinite in [LOWER_INFINITE, UPPER_INFINITE] {
        if flags & (EMPTY | infinite) != 0 {
            continue;
        }
        let length = length(&mut reader)?;
        let bound = reader.take(length).map_err(|_| Malformed)?;
        kept &= visit.value(subtype, Encoding::Binary, bound, depth + 1, out) == Outcome::Kept;
        out.truncate(mark);
    }
    if !reader.is_empty() {
        return Err(Malformed);
    }
    if !kept {
        return Ok(mask(Encoding::Binary, out));
    }
    out.extend_from_slice(value);
    Ok(Outcome::Kept)
}

/// Visits the bounds of every range; a masked one empties the whole.
pub(crate) fn rewrite_multi_binary(
    subtype: u32,
    value: &[u8],
    depth: usize,
    visit: &mut impl Visit,
    out: &mut Vec<u8>,
) -> Result<Outcome, Malformed> {
    let mark = out.len();
    let mut reader = Reader::new(value);
    let mut kept = true;
    for _ in 0..reader.u32().map_err(|_| Malformed)? {
        let length = length(&mut reader)?;
        let range = reader.take(length).map_err(|_| Malformed)?;
        kept &= rewrite_binary(subtype, range, depth + 1, visit, out)? == Outcome::Kept;
        out.truncate(mark);
    }
    if !reader.is_empty() {
        return Err(Malformed);
    }
    if !kept {
        return Ok(mask_multi(Encoding::Binary, out));
    }
    out.extend_from_slice(value);
    Ok(Outcome::Kept)
}

fn length(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    let length = reader.i32().map_err(|_| Malformed)?;
    usize::try_from(length).map_err(|_| Malformed)
}
