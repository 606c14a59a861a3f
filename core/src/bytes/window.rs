//! One direction of a session: a buffer in which bytes are received, judged and sent.
//!
//! ```text
//!  storage  ├ sent ┼── released (pieces) ──┼── unjudged ──┼── spare ──┤
//!                                          ^judged        ^received
//! ```
//!
//! `released ≤ inspected ≤ framed ≤ received`: a byte becomes part of a piece only through
//! [`Window::pass`] (crate-private, called after its frame is complete and inspected), and a
//! sender sees nothing but pieces through [`Released`]. Forwarding an uninspected byte
//! therefore does not compile outside of core.
//!
//! A replacement of the same length is written in place with [`Window::unjudged_mut`]. One of
//! another length is a patch between two ranges of the original: no byte is moved for it.

use std::num::NonZeroUsize;

/// A run of output bytes.
#[derive(Clone, Copy)]
enum Piece {
    /// `storage[start..end]`
    Original { start: usize, end: usize },
    /// `patches[start..end]`
    Patch { start: usize, end: usize },
}

impl Piece {
    fn len(&self) -> usize {
        match *self {
            Piece::Original { start, end } | Piece::Patch { start, end } => end - start,
        }
    }
}

/// See the module's text.
#[derive(Default)]
pub struct Window {
    /// Initialised throughout; its length is the capacity.
    storage: Vec<u8>,
    /// Bytes before this were judged: passed, replaced or dropped. `judged ≤ received`
    judged: usize,
    /// Bytes before this were received. `received ≤ storage.len()`
    received: usize,
    /// Output in order. Originals point below `judged`.
    pieces: Vec<Piece>,
    /// Pieces before this index are sent.
    first: usize,
    /// Bytes of replacements.
    patches: Vec<u8>,
    /// Sum of the lengths of the unsent pieces.
    released_bytes: usize,
    /// See [`Window::pace`].
    receive_most: Option<NonZeroUsize>,
}

impl Window {
    /// A window over `storage`; its length is the capacity, its content is ignored.
    pub fn new(storage: Vec<u8>) -> Self {
        Self {
            storage,
            ..Self::default()
        }
    }

    // -- receiving ---------------------------------------------------------------------------

    /// Capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.storage.len()
    }

    /// Where the next receive may write. Empty if the window is full or has no storage.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        let spare = self.storage.get_mut(self.received..).unwrap_or_default();
        match self.receive_most {
            Some(most) if most.get() < spare.len() => &mut spare[..most.get()],
            _ => spare,
        }
    }

    /// From now on, [`Window::spare_mut`] gives at most this much, so that a receive brings no
    /// more than is to be judged at once. `None`: all that there is.
    pub fn pace(&mut self, receive_most: Option<NonZeroUsize>) {
        self.receive_most = receive_most;
    }

    /// Notes that a receive wrote `n` bytes to [`Window::spare_mut`].
    ///
    /// # Panics
    /// If `n` exceeds the spare room: the caller's mistake, never a peer's.
    pub fn commit(&mut self, n: usize) {
        assert!(
            n <= self.storage.len() - self.received,
            "received more than there was room"
        );
        self.received += n;
    }

    /// Copies `bytes` in as if they had been received, growing the storage if need be.
    pub fn extend(&mut self, bytes: &[u8]) {
        let needed = self.received + bytes.len();
        if self.storage.len() < needed {
            self.storage.resize(needed, 0);
        }
        self.storage[self.received..needed].copy_from_slice(bytes);
        self.received = needed;
    }

    // -- judging (core only) -----------------------------------------------------------------

    /// Bytes received and not judged yet.
    pub fn unjudged(&self) -> &[u8] {
        &self.storage[self.judged..self.received]
    }

    /// The same, to write same-length replacements in place.
    pub(crate) fn unjudged_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.judged..self.received]
    }

    /// Releases the next `n` unjudged bytes as they stand.
    pub(crate) fn pass(&mut self, n: usize) {
        assert!(
            n <= self.received - self.judged,
            "passed more than was received"
        );
        if n == 0 {
            return;
        }
        let (start, end) = (self.judged, self.judged + n);
        self.judged = end;
        self.released_bytes += n;
        if self.pieces.len() > self.first
            && let Some(Piece::Original { end: last, .. }) = self.pieces.last_mut()
            && *last == start
        {
            *last = end;
            return;
        }
        self.pieces.push(Piece::Original { start, end });
    }

    /// Drops the next `n` unjudged bytes: they are never sent.
    pub(crate) fn skip(&mut self, n: usize) {
        assert!(
            n <= self.received - self.judged,
            "skipped more than was received"
        );
        self.judged += n;
    }

    /// Releases bytes that Velum wrote, at this place of the output.
    pub(crate) fn insert(&mut self, bytes: &[u8]) {
        self.insert_with(|out| out.extend_from_slice(bytes));
    }

    /// The same with bytes that `write` appends.
    pub(crate) fn insert_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.patches.len();
        write(&mut self.patches);
        let end = self.patches.len();
        if start == end {
            return;
        }
        self.released_bytes += end - start;
        if self.pieces.len() > self.first
            && let Some(Piece::Patch { end: last, .. }) = self.pieces.last_mut()
            && *last == start
        {
            *last = end;
            return;
        }
        self.pieces.push(Piece::Patch { start, end });
    }

    /// Puts `bytes` in the place of the next `n` unjudged bytes.
    pub(crate) fn replace(&mut self, n: usize, bytes: &[u8]) {
        self.skip(n);
        self.insert(bytes);
    }

    // -- sending -----------------------------------------------------------------------------

    /// What may be sent, in order.
    pub fn released(&self) -> Released<'_> {
        Released { window: self }
    }

    /// Bytes that may be sent.
    pub fn released_bytes(&self) -> usize {
        self.released_bytes
    }

    /// Notes that the first `n` released bytes were sent.
    ///
    /// # Panics
    /// If `n` is more than what is released: the caller's mistake, never a peer's.
    pub fn consume(&mut self, mut n: usize) {
        assert!(n <= self.released_bytes, "sent more than was released");
        self.released_bytes -= n;
        while n > 0 {
            let Some(piece) = self.pieces.get_mut(self.first) else {
                break;
            };
            let len = piece.len();
            if n < len {
                match piece {
                    Piece::Original { start, .. } | Piece::Patch { start, .. } => *start += n,
                }
                break;
            }
            n -= len;
            self.first += 1;
        }
        if self.released_bytes == 0 {
            self.pieces.clear();
            self.first = 0;
            self.patches.clear();
        }
    }

    /// Moves the unjudged tail to the front, so that the whole rest is spare again. Does
    /// nothing while released bytes wait to be sent.
    pub fn compact(&mut self) {
        if self.released_bytes > 0 || self.judged == 0 {
            return;
        }
        self.storage.copy_within(self.judged..self.received, 0);
        self.received -= self.judged;
        self.judged = 0;
    }

    /// True if the window holds no byte at all, so that its storage can serve another session.
    pub fn is_idle(&self) -> bool {
        self.released_bytes == 0 && self.judged == self.received
    }

    /// Takes the storage out of an idle window; `None` if bytes are in it.
    pub fn detach(&mut self) -> Option<Vec<u8>> {
        if !self.is_idle() {
            return None;
        }
        self.judged = 0;
        self.received = 0;
        Some(std::mem::take(&mut self.storage))
    }

    /// Moves what the window holds to `storage`, if that is larger, and returns the old one.
    /// Returns `storage` itself if it is not larger, or if released bytes wait to be sent.
    pub fn upgrade(&mut self, mut storage: Vec<u8>) -> Vec<u8> {
        if storage.len() <= self.storage.len() || self.released_bytes > 0 {
            return storage;
        }
        let tail = self.received - self.judged;
        storage[..tail].copy_from_slice(&self.storage[self.judged..self.received]);
        self.judged = 0;
        self.received = tail;
        std::mem::replace(&mut self.storage, storage)
    }
}

/// Proof that bytes were judged: the only view of a [`Window`] that a sender gets.
#[derive(Clone, Copy)]
pub struct Released<'a> {
    window: &'a Window,
}

impl<'a> Released<'a> {
    /// Sum of the pieces' lengths.
    pub fn len(&self) -> usize {
        self.window.released_bytes
    }

    /// True if nothing may be sent.
    pub fn is_empty(&self) -> bool {
        self.window.released_bytes == 0
    }

    /// The pieces in order, for a vectored send.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let window = self.window;
        window.pieces[window.first..]
            .iter()
            .map(|piece| match *piece {
                Piece::Original { start, end } => &window.storage[start..end],
                Piece::Patch { start, end } => &window.patches[start..end],
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(window: &Window) -> Vec<u8> {
        window.released().slices().flatten().copied().collect()
    }

    #[test]
    fn only_judged_bytes_are_seen() {
        let mut window = Window::new(vec![0; 16]);
        window.spare_mut()[..6].copy_from_slice(b"abcdef");
        window.commit(6);
        assert!(window.released().is_empty());
        window.pass(2);
        window.replace(1, b"XYZ");
        window.pass(1);
        window.skip(1);
        assert_eq!(sent(&window), b"abXYZd");
        assert_eq!(window.unjudged(), b"f");
    }

    #[test]
    fn partial_sends_and_compaction_keep_the_order() {
        let mut window = Window::new(vec![0; 8]);
        window.extend(b"12345678");
        window.pass(3);
        window.replace(2, b"-");
        window.consume(2);
        assert_eq!(sent(&window), b"3-");
        window.compact();
        assert!(
            window.spare_mut().is_empty(),
            "no compaction while bytes wait"
        );
        window.consume(2);
        window.compact();
        assert_eq!(window.unjudged(), b"678");
        assert_eq!(window.spare_mut().len(), 5);
    }

    #[test]
    fn storage_moves_only_when_nothing_is_lost() {
        let mut window = Window::new(vec![0; 4]);
        window.extend(b"abcd");
        assert!(window.detach().is_none());
        window.skip(1);
        let old = window.upgrade(vec![0; 16]);
        assert_eq!(old.len(), 4);
        assert_eq!(window.unjudged(), b"bcd");
        window.skip(3);
        assert_eq!(window.detach().map(|storage| storage.len()), Some(16));
    }
}
