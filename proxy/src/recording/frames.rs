//! Messages in what a client saw, whatever pieces it lies in.

use velum_core::error::Peer;
use velum_core::wire::postgres::frame::{HEADER_BYTES, header};

/// So much of a message's body is kept; there may be rows of any length.
pub(super) const KEPT_BYTES: usize = 256 * 1024;

/// A message that has passed.
pub struct Frame<'a> {
    /// Its type.
    pub tag: u8,
    /// Its body, or what is kept of it.
    pub body: &'a [u8],
    /// Bytes of the body that are not kept.
    pub cut_bytes: usize,
    /// Where it begins in the stream.
    pub begin: u64,
    /// Where it ends.
    pub end: u64,
}

/// What is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFrame;

/// See the module's text.
#[derive(Default)]
pub struct Frames {
    /// Of the message at hand: its head, then what is kept of its body.
    kept: Vec<u8>,
    /// Bytes of it that have passed.
    passed: usize,
    /// Where it begins.
    begin: u64,
}

impl Frames {
    /// Takes the next bytes; gives each message that they complete to `each`.
    ///
    /// # Errors
    /// [`NoFrame`] if they are no messages.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&Frame<'_>),
    ) -> Result<(), NoFrame> {
        while !bytes.is_empty() {
            let header = header(&self.kept, Peer::Server).map_err(|_| NoFrame)?;
            let whole = header.map_or(HEADER_BYTES, |header| header.frame_bytes);
            let (part, rest) = bytes.split_at(bytes.len().min(whole - self.passed));
            let room = (HEADER_BYTES + KEPT_BYTES).saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&part[..part.len().min(room)]);
            self.passed += part.len();
            bytes = rest;
            self.complete(&mut each)?;
        }
        Ok(())
    }

    fn complete(&mut self, each: &mut impl FnMut(&Frame<'_>)) -> Result<(), NoFrame> {
        let header = header(&self.kept, Peer::Server).map_err(|_| NoFrame)?;
        let Some(header) = header.filter(|header| header.frame_bytes == self.passed) else {
            return Ok(());
        };
        let end = self.begin + self.passed as u64;
        each(&Frame {
            tag: header.tag,
            body: &self.kept[HEADER_BYTES..],
            cut_bytes: self.passed - self.kept.len(),
            begin: self.begin,
            end,
        });
        self.kept.clear();
        self.passed = 0;
        self.begin = end;
        Ok(())
    }

    /// Goes on at another place of the stream, where a message begins.
    pub(super) fn skip(&mut self, bytes: u64) {
        *self = Self {
            begin: self.begin + self.passed as u64 + bytes,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn bytes(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, body) in frames {
            bytes.push(*tag);
            bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
            bytes.extend_from_slice(body);
        }
        bytes
    }

    proptest! {
        #[test]
        fn messages_are_the_same_in_any_pieces(
            frames in vec((any::<u8>(), vec(any::<u8>(), 0..20)), 0..8),
            size in 1..30usize,
        ) {
            let whole = bytes(&frames);
            let (mut found, mut end) = (Vec::new(), 0);
            let mut reader = Frames::default();
            for piece in whole.chunks(size) {
                reader.feed(piece, |frame| {
                    assert_eq!(frame.begin, end);
                    end = frame.end;
                    found.push((frame.tag, frame.body.to_vec()));
                }).unwrap();
            }
            prop_assert_eq!(found, frames);
            prop_assert_eq!(end, whole.len() as u64);
        }
    }

    #[test]
    fn a_long_message_is_kept_in_part() {
        let whole = bytes(&[(b'D', vec![7; KEPT_BYTES + 10]), (b'C', b"x".to_vec())]);
        let mut found = Vec::new();
        let mut reader = Frames::default();
        for piece in whole.chunks(100_000) {
            let fed = reader.feed(piece, |it| {
                found.push((it.tag, it.body.len(), it.cut_bytes))
            });
            fed.unwrap();
        }
        assert_eq!(found, [(b'D', KEPT_BYTES, 10), (b'C', 1, 0)]);
        assert_eq!(Frames::default().feed(b"D\0\0\0\x03", |_| ()), Err(NoFrame));
    }
}
