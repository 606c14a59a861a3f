//! How long a receive waits for bytes to gather, so that a bulk result takes fewer rounds.
//!
//! A database writes its rows in pieces of a few KiB. Taking each piece at once costs a wake-up, a
//! receive and a send for each; a short wait lets the socket gather many. Only in the middle of a
//! result is it known that more comes, and that nobody waits for the piece alone.

use std::time::Duration;

/// A receive of fewer bytes is no piece of a bulk result.
const PIECE_BYTES: usize = 4 * 1024;
const SHORTEST: Duration = Duration::from_micros(50);

/// What a direction has learnt about its pieces.
#[derive(Default)]
pub(super) struct HoldOff {
    /// The last receive brought a piece, and did not fill its room.
    in_pieces: bool,
    last: Duration,
}

impl HoldOff {
    /// Learns from a receive of `n` bytes that filled its room or did not.
    pub(super) fn note(&mut self, n: usize, filled: bool) {
        self.in_pieces = n >= PIECE_BYTES && !filled;
        if n < PIECE_BYTES {
            self.last = Duration::ZERO;
        }
    }

    /// True if the next receive should wait, were more to come.
    pub(super) fn helps(&self) -> bool {
        self.in_pieces
    }

    /// How long the next receive waits: the longer the more pieces came before it, at most `most`.
    pub(super) fn next(&mut self, most: Duration) -> Option<Duration> {
        (self.in_pieces && !most.is_zero()).then(|| {
            self.last = (self.last * 2).max(SHORTEST).min(most);
            self.last
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_micros(200);

    #[test]
    fn only_pieces_wait_and_ever_longer() {
        let mut hold = HoldOff::default();
        assert_eq!(hold.next(MOST), None);
        hold.note(PIECE_BYTES - 1, false);
        assert_eq!(hold.next(MOST), None, "a small answer");
        for micros in [50, 100, 200, 200] {
            hold.note(8 * 1024, false);
            assert_eq!(hold.next(MOST), Some(Duration::from_micros(micros)));
        }
        hold.note(8 * 1024, true);
        assert_eq!(hold.next(MOST), None, "there is more already");
        hold.note(8 * 1024, false);
        assert_eq!(hold.next(MOST), Some(MOST), "and is as fast as before");
        hold.note(100, false);
        hold.note(8 * 1024, false);
        assert_eq!(hold.next(Duration::ZERO), None, "switched off");
        assert_eq!(hold.next(MOST), Some(SHORTEST));
    }
}
