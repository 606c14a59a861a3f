//! Frame headers: tag and length, checked before anything is believed.

use crate::error::{Peer, Violation};

/// Bytes of a tag and a length.
pub const HEADER_BYTES: usize = 5;

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message type.
    pub tag: u8,
    /// Bytes of the whole frame: tag, length and body. At least [`HEADER_BYTES`].
    pub frame_bytes: usize,
}

impl Header {
    /// Bytes of the body.
    pub fn body_bytes(self) -> usize {
        self.frame_bytes - HEADER_BYTES
    }
}

/// Reads the header at the start of `bytes`; `None` if it is not complete yet.
///
/// # Errors
/// A length below 4 or above `i32::MAX` is a violation by `peer`.
pub fn header(bytes: &[u8], peer: Peer) -> Result<Option<Header>, Violation> {
    let Some((&[tag, a, b, c, d], _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    if length < 4 || length > i32::MAX as u32 {
        return Err(Violation {
            peer,
            what: "invalid message length",
        });
    }
    Ok(Some(Header {
        tag,
        frame_bytes: length as usize + 1,
    }))
}

/// Appends a frame: `body` writes the body, the length is filled in after.
pub fn write(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len() - length_at).unwrap_or(u32::MAX);
    out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
}
