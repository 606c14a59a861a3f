//! Cuts a stream into windows that can be inspected on their own, at places that depend on the
//! bytes alone: however they arrive, the windows are the same.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memmem, memrchr};

use super::stream::fill;

/// A text up to this size is inspected whole; a longer one in windows of half of it to all of it.
pub(super) const WINDOW_BYTES: usize = 256 * 1024;

/// A part of a text, with what stands before and after it.
pub(super) struct Window {
    /// The part and its context.
    pub(super) text: Vec<u8>,
    /// The part. A finding belongs to the window in whose part it starts.
    pub(super) own: Range<usize>,
}

/// The windows of a stream.
pub(super) struct Windows<R> {
    stream: R,
    /// What was read and is still needed.
    held: Vec<u8>,
    /// Bytes at the begin of `held` that are context only.
    context: usize,
    window_bytes: usize,
    /// Context on either side: as far as a finding may depend on its neighbourhood.
    horizon_bytes: usize,
}

impl<R: Read> Windows<R> {
    pub(super) fn new(stream: R, horizon_bytes: usize) -> Self {
        Self::with_size(stream, horizon_bytes, WINDOW_BYTES)
    }

    pub(super) fn with_size(stream: R, horizon_bytes: usize, window_bytes: usize) -> Self {
        Self {
            stream,
            held: Vec::new(),
            context: 0,
            window_bytes,
            horizon_bytes,
        }
    }

    /// The next window; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Window>> {
        // One byte more tells a window that is exactly full from one that goes on.
        let wanted = self.context + self.window_bytes + self.horizon_bytes + 1;
        while self.held.len() < wanted && fill(&mut self.stream, &mut self.held)? {}
        let length = self.held.len() - self.context;
        if length == 0 {
            return Ok(None);
        }
        let own = match length > self.window_bytes {
            true => self.context..self.context + self.cut(),
            false => self.context..self.held.len(),
        };
        let text_end = self.held.len().min(own.end + self.horizon_bytes);
        let text = self.held[..text_end].to_vec();
        self.context = self.horizon_bytes.min(own.end);
        self.held.drain(..own.end - self.context);
        Ok(Some(Window { text, own }))
    }

    /// Length of a window in a text that is longer: up to the last paragraph, line, or word in
    /// its second half, or else all of it but for a character that would be split.
    fn cut(&self) -> usize {
        let half = self.window_bytes / 2;
        let window = &self.held[self.context..self.context + self.window_bytes];
        let second = &window[half..];
        let paragraph = memmem::rfind(second, b"\n\n").map(|at| at + 2);
        let paragraph = paragraph.max(memmem::rfind(second, b"\n\r\n").map(|at| at + 3));
        let border = paragraph
            .or_else(|| memrchr(b'\n', second).map(|at| at + 1))
            .or_else(|| memrchr(b'\r', second).map(|at| at + 1))
            .or_else(|| memrchr(b' ', second).map(|at| at + 1));
        border.map_or_else(|| character_border(window), |at| half + at)
    }
}

/// Length of `bytes` without a last character that may not be complete.
fn character_border(bytes: &[u8]) -> usize {
    let tail = bytes.iter().rev().take(3);
    let tail = tail.take_while(|byte| *byte & 0xc0 == 0x80).count();
    match bytes.get(bytes.len().wrapping_sub(tail + 1)) {
        Some(lead) if *lead >= 0xc0 => bytes.len() - tail - 1,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::stream::Slow;
    use super::*;

    const HORIZON: usize = 16;
    const SIZE: usize = 64;

    fn windows(bytes: &[u8], chunk: usize) -> Vec<(Vec<u8>, Range<usize>)> {
        let mut windows = Windows::with_size(Slow(bytes, chunk), HORIZON, SIZE);
        let next = || windows.next().expect("a slice can be read");
        std::iter::from_fn(next)
            .map(|window| (window.text, window.own))
            .collect()
    }

    proptest! {
        #[test]
        fn windows_are_the_text_and_the_same_for_any_chunking(
            text in "([a-z]{0,9}|[ \n\r]|é|€|\n\n){0,120}", chunk in 1usize..80,
        ) {
            let whole = windows(text.as_bytes(), usize::MAX);
            prop_assert_eq!(&whole, &windows(text.as_bytes(), chunk));
            let mut at = 0;
            for (context, own) in whole {
                prop_assert!(own.len() <= SIZE && text.is_char_boundary(at));
                let from = at.saturating_sub(HORIZON);
                let to = text.len().min(at + own.len() + HORIZON);
                prop_assert_eq!(&context, &text.as_bytes()[from..to]);
                prop_assert_eq!(own.start, at - from);
                at += own.len();
            }
            prop_assert_eq!(at, text.len());
        }

        #[test]
        fn any_bytes_are_cut_somewhere(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let own = windows(&bytes, 7).into_iter().flat_map(|(text, own)| text[own].to_vec());
            prop_assert_eq!(own.collect::<Vec<_>>(), bytes);
        }
    }

    #[test]
    fn paragraphs_come_before_lines_and_lines_before_words() {
        let first = |text: &str| windows(text.as_bytes(), 9)[0].1.len();
        let filler = "x".repeat(40);
        assert_eq!(first(&format!("{filler}\n\nab\ncd ef{filler}")), 42);
        assert_eq!(first(&format!("{filler}\nab cd ef{filler}")), 41);
        assert_eq!(first(&format!("{filler} ab{filler}")), 41);
        assert_eq!(
            first(&"é".repeat(60)),
            62,
            "a complete character is taken for a part"
        );
        assert_eq!(first(&"x".repeat(70)), 64);
    }
}
