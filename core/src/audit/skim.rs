//! The two records that nearly every log consists of, INTENT and OUTCOME, read without a copy: for
//! who looks at millions of them and keeps none.
//!
//! A record is either of one of these layouts to the last byte, with values that an encoder
//! writes, or it is not skimmed: then [`Record::decode`] says what it is.
#![deny(clippy::indexing_slicing)]

use super::record::{Record, SessionId};
use crate::bytes::Reader;
use crate::time::Timestamp;

/// Bytes of a token, and of an SQLSTATE.
const TOKEN_BYTES: usize = 12;
const SQLSTATE_BYTES: usize = 5;

/// What stands in front of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'b> {
    /// When it was written.
    pub time: Timestamp,
    /// Of which session.
    pub session: SessionId,
    /// Whose.
    pub identity: &'b str,
    /// To which resource.
    pub resource: &'b str,
}

/// A statement's beginning or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skimmed<'b> {
    /// What stands in front.
    pub head: Head<'b>,
    /// The statement, counted from 1 in its session.
    pub statement: u64,
    /// It is an INTENT, not an OUTCOME.
    pub is_intent: bool,
}

/// The record in `payload`, if it is the one encoding of an INTENT or an OUTCOME.
pub fn skim(payload: &[u8]) -> Option<Skimmed<'_>> {
    let (record, rest) = Record::split(payload).ok()?;
    let mut from = Reader::new(record.get(4..)?);
    let (version, kind) = (from.u8().ok()?, from.u8().ok()?);
    if version != 1 || !rest.is_empty() {
        return None;
    }
    let time = Timestamp(u64_of(&mut from)?);
    let session = from.take(16).ok()?.try_into().ok()?;
    let head = Head {
        time,
        session: SessionId(u128::from_be_bytes(session)),
        identity: text(&mut from)?,
        resource: text(&mut from)?,
    };
    let statement = u64_of(&mut from)?;
    match kind {
        3 => intent(&mut from)?,
        4 => outcome(&mut from)?,
        _ => return None,
    }
    from.is_empty().then_some(Skimmed {
        head,
        statement,
        is_intent: kind == 3,
    })
}

/// Effect, channel, text, token, binds, decision.
fn intent(from: &mut Reader<'_>) -> Option<()> {
    code(from, 1)?;
    code(from, 2)?;
    text(from)?;
    from.take(TOKEN_BYTES).ok()?;
    for _ in 0..from.u32().ok()? {
        optional(from, TOKEN_BYTES)?;
    }
    text(from).map(drop)
}

/// Status, command, SQLSTATE, rows and bytes, masked cells, duration; what was masked of columns.
fn outcome(from: &mut Reader<'_>) -> Option<()> {
    code(from, 4)?;
    text(from)?;
    optional(from, SQLSTATE_BYTES)?;
    from.take(16).ok()?;
    for _ in 0..from.u32().ok()? {
        text(from)?;
        from.take(8).ok()?;
    }
    from.take(8).ok()?;
    match from.is_empty() {
        true => Some(()),
        false => masking(from),
    }
}

/// Whether it is cut, masked cells, and outputs that columns under rules flow into.
fn masking(from: &mut Reader<'_>) -> Option<()> {
    code(from, 1)?;
    let cells = from.u32().ok()?;
    for _ in 0..cells {
        text(from)?;
        text(from)?;
        text(from)?;
        from.take(8).ok()?;
    }
    let outputs = from.u32().ok()?;
    for _ in 0..outputs {
        from.take(4).ok()?;
        code(from, 3)?;
        for _ in 0..from.u32().ok()? {
            text(from)?;
        }
    }
    (cells > 0 || outputs > 0).then_some(())
}

/// One of the numbers from 0 to `last`.
fn code(from: &mut Reader<'_>, last: u8) -> Option<u8> {
    from.u8().ok().filter(|code| *code <= last)
}

fn optional(from: &mut Reader<'_>, bytes: usize) -> Option<()> {
    match code(from, 1)? {
        0 => Some(()),
        _ => from.take(bytes).ok().map(drop),
    }
}

fn text<'b>(from: &mut Reader<'b>) -> Option<&'b str> {
    let length = from.u32().ok()? as usize;
    std::str::from_utf8(from.take(length).ok()?).ok()
}

fn u64_of(from: &mut Reader<'_>) -> Option<u64> {
    let bytes = from.take(8).ok()?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}
