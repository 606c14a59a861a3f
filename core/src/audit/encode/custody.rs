//! The bodies of records about the log itself: note text, actor text, and what was done.

use super::{DecodeError, Decoder, Encoder};
use crate::audit::custody::{Act, Custody, Expired};
use crate::time::Timestamp;

const TAKEN: u8 = 50;
const HELD: u8 = 51;
const RELEASED: u8 = 52;
const EXPIRED: u8 = 53;

pub(super) fn kind(custody: &Custody) -> u8 {
    match custody.act {
        Act::Taken { .. } => TAKEN,
        Act::Held { .. } => HELD,
        Act::Released { .. } => RELEASED,
        Act::Expired { .. } => EXPIRED,
    }
}

/// Is a record of this kind about the log itself?
pub(super) fn is_kind(kind: u8) -> bool {
    (TAKEN..=EXPIRED).contains(&kind)
}

pub(super) fn encode(to: &mut Encoder<'_>, custody: &Custody) {
    to.str(&custody.note);
    to.str(&custody.actor);
    match &custody.act {
        Act::Taken { what, scope } => {
            to.str(what);
            to.str(scope);
        }
        Act::Held {
            hold,
            identity,
            resource,
            from,
            until,
            why,
        } => {
            for text in [hold, identity, resource] {
                to.str(text);
            }
            to.u64(from.0);
            to.u64(until.0);
            to.str(why);
        }
        Act::Released { hold, why } => {
            to.str(hold);
            to.str(why);
        }
        Act::Expired {
            gone,
            segments,
            terms,
        } => {
            to.length(gone.len());
            for (first, last) in gone {
                to.u64(*first);
                to.u64(*last);
            }
            to.length(segments.len());
            for segment in segments {
                to.u64(segment.first);
                to.u64(segment.last);
                to.u64(segment.due.0);
                to.out.extend_from_slice(&segment.sha256);
            }
            to.str(terms);
        }
    }
}

pub(super) fn decode(from: &mut Decoder<'_>, kind: u8) -> Result<Custody, DecodeError> {
    let note = from.string()?;
    let actor = from.string()?;
    let act = match kind {
        TAKEN => Act::Taken {
            what: from.string()?,
            scope: from.string()?,
        },
        HELD => Act::Held {
            hold: from.string()?,
            identity: from.string()?,
            resource: from.string()?,
            from: Timestamp(from.u64()?),
            until: Timestamp(from.u64()?),
            why: from.string()?,
        },
        RELEASED => Act::Released {
            hold: from.string()?,
            why: from.string()?,
        },
        EXPIRED => Act::Expired {
            gone: from.list(|from| Ok((from.u64()?, from.u64()?)))?,
            segments: from.list(|from| {
                Ok(Expired {
                    first: from.u64()?,
                    last: from.u64()?,
                    due: Timestamp(from.u64()?),
                    sha256: from.array()?,
                })
            })?,
            terms: from.string()?,
        },
        _ => return Err(DecodeError::Invalid("kind")),
    };
    Ok(Custody { note, actor, act })
}
