//! Cuts a stream into batches of whole lines or records.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

use super::records::Machine;
use super::stream::fill;

/// A batch is about this long; one line or record that is longer is a batch of its own.
pub(super) const BATCH_BYTES: usize = 256 * 1024;
/// Longest line or record: it has to be in memory whole.
const RECORD_BYTES: usize = 256 * 1024 * 1024;

/// Where a batch may end.
pub(super) enum Borders {
    /// After a line feed.
    Lines,
    /// After a record of a CSV file.
    Records(Machine),
}

/// Batches of a stream.
pub(super) struct Batches<R> {
    stream: R,
    held: Vec<u8>,
    /// Bytes of `held` that were searched for borders.
    looked: usize,
    /// Bytes of `held` up to the first border, 0 without one.
    first: usize,
    /// Bytes of `held` up to the last border, 0 without one.
    last: usize,
    borders: Borders,
    is_end: bool,
}

impl<R: Read> Batches<R> {
    pub(super) fn new(stream: R, borders: Borders) -> Self {
        Self {
            stream,
            held: Vec::new(),
            looked: 0,
            first: 0,
            last: 0,
            borders,
            is_end: false,
        }
    }

    /// The next batch; `None` behind the last. Its end is a border, but for the last one.
    ///
    /// # Errors
    /// When the stream fails, or a line or record is longer than 256 MiB.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.collect(BATCH_BYTES)?;
        Ok(self.take(self.last))
    }

    /// The next line or record alone; only before the first call of `next`.
    pub(super) fn first(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.collect(1)?;
        Ok(self.take(self.first))
    }

    /// Reads until that much and a border are held, or the stream ends.
    fn collect(&mut self, wanted: usize) -> io::Result<()> {
        loop {
            self.look();
            if self.is_end || self.last > 0 && self.held.len() >= wanted {
                return Ok(());
            }
            if self.held.len() >= RECORD_BYTES {
                let mib = RECORD_BYTES >> 20;
                let reason = format!("a line or record is longer than {mib} MiB");
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            self.is_end = !fill(&mut self.stream, &mut self.held)?;
        }
    }

    /// Finds borders in what was not searched yet.
    fn look(&mut self) {
        let fresh = self.held.get(self.looked..).unwrap_or_default();
        let after = |at: usize| self.looked + at + 1;
        let (first, last) = match &mut self.borders {
            Borders::Lines => (memchr(b'\n', fresh), memrchr(b'\n', fresh)),
            Borders::Records(machine) => {
                let ends = fresh.iter().enumerate();
                let mut ends = ends.filter(|(_, byte)| machine.step(**byte).ends_record());
                let first = ends.next().map(|(at, _)| at);
                (first, ends.last().map(|(at, _)| at).or(first))
            }
        };
        if self.first == 0 {
            self.first = first.map_or(0, after);
        }
        self.last = last.map_or(self.last, after);
        self.looked = self.held.len();
    }

    /// Takes the bytes up to a border, or what is left if there is none.
    fn take(&mut self, border: usize) -> Option<Vec<u8>> {
        let border = if border == 0 { self.held.len() } else { border };
        let rest = self.held.split_off(border);
        // What was searched stays so, but which border is the first is not known any more.
        self.looked -= border;
        self.last = self.last.saturating_sub(border);
        self.first = 0;
        let batch = std::mem::replace(&mut self.held, rest);
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::stream::Slow;
    use super::*;

    fn records() -> Borders {
        Borders::Records(Machine::new(b','))
    }

    proptest! {
        #[test]
        fn batches_are_the_stream_and_end_at_borders(
            text in "([a-z]{0,4}|[,\"\n])*", chunk in 1usize..9,
        ) {
            let mut batches = Batches::new(Slow(text.as_bytes(), chunk), records());
            let mut all = Vec::new();
            if let Some(first) = batches.first().expect("readable") {
                let mut machine = Machine::new(b',');
                let ends = first.iter().filter(|byte| machine.step(**byte).ends_record()).count();
                prop_assert!(ends <= 1);
                all.extend(first);
            }
            while let Some(batch) = batches.next().expect("readable") {
                all.extend(batch);
            }
            prop_assert_eq!(all, text.as_bytes());
        }
    }

    #[test]
    fn the_first_record_comes_alone() {
        let mut batches = Batches::new(&b"a,\"b\nc\"\nd\ne"[..], records());
        let first = batches.first().expect("readable");
        assert_eq!(first.as_deref(), Some(&b"a,\"b\nc\"\n"[..]));
        assert_eq!(
            batches.next().expect("readable").as_deref(),
            Some(&b"d\n"[..])
        );
        assert_eq!(
            batches.next().expect("readable").as_deref(),
            Some(&b"e"[..])
        );
        assert_eq!(batches.next().expect("readable"), None);
    }

    #[test]
    fn lines_are_cut_where_they_end() {
        let line = "x".repeat(BATCH_BYTES / 2 + 1);
        let text = format!("{line}\n{line}\n{line}");
        let mut batches = Batches::new(text.as_bytes(), Borders::Lines);
        let mut next = || batches.next().expect("readable").map(|batch| batch.len());
        for length in [line.len() + 1, line.len() + 1, line.len()] {
            assert_eq!(next(), Some(length));
        }
        assert_eq!(next(), None);
    }
}
