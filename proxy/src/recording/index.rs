//! Where in a recording the result of each statement is, so that one of any length can be shown
//! again without being held.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

use velum_core::recording::{Events, Kind};

use super::keys::Keys;
use super::read::{Chunk, Mark, ReadError, Reader};
use super::script::{Heard, Outcomes, Script, Statement};
use super::source::Source;

/// Parameters of a session that are shown to who asks it again.
const PARAMETERS_MAX: usize = 64;

/// A statement and its result.
pub struct Entry {
    /// The statement.
    pub statement: Statement,
    /// All of its messages, in the bytes that the client saw.
    pub whole: Range<u64>,
    /// Its rows and how they end: without a description before and a ReadyForQuery behind them.
    pub rows: Range<u64>,
    /// Descriptions of rows that it has.
    pub descriptions: usize,
    /// It ended with an error.
    pub has_failed: bool,
    /// Of the transaction, when the server was ready after it.
    pub status: u8,
}

/// See the module's text.
pub struct Index {
    path: PathBuf,
    offset: u64,
    keys: Keys,
    marks: Vec<Mark>,
    /// In order.
    pub entries: Vec<Entry>,
    /// What the server reported of its settings at the start, as messages.
    pub parameters: Vec<Vec<u8>>,
    /// The recording ends before its end.
    pub is_cut: bool,
    /// Some of it was dropped; nothing behind that is here.
    pub has_gap: bool,
}

impl Index {
    /// Reads a recording twice.
    ///
    /// # Errors
    /// If it is damaged. One that is cut is read as far as it goes.
    pub fn of(source: &Source) -> Result<Self, ReadError> {
        // Nothing here needs what the client sent.
        let keys = Keys {
            client: None,
            ..source.keys.clone()
        };
        let mut outcomes = Outcomes::default();
        each_chunk(&mut source.reader_with(&keys)?, |_, after, events| {
            for event in Events::after(after, events) {
                outcomes.note(&event?);
            }
            Ok(())
        })?;
        let mut index = Self {
            path: source.path.clone(),
            offset: source.offset,
            marks: Vec::new(),
            entries: Vec::new(),
            parameters: Vec::new(),
            is_cut: false,
            has_gap: false,
            keys,
        };
        let mut script = Script::new(outcomes);
        let mut reader = source.reader_with(&index.keys)?;
        let mut open = None;
        index.is_cut = each_chunk(&mut reader, |mark, after, events| {
            index.marks.push(mark);
            for event in Events::after(after, events) {
                script.take(&event?, |heard| index.hear(&heard, &mut open));
            }
            Ok(())
        })?;
        Ok(index)
    }

    fn hear(&mut self, heard: &Heard<'_>, open: &mut Option<Entry>) {
        match heard {
            Heard::Result(statement, frame) => {
                let entry = open.get_or_insert_with(|| Entry {
                    statement: Statement::clone(statement),
                    whole: frame.begin..frame.begin,
                    rows: frame.begin..frame.begin,
                    descriptions: 0,
                    has_failed: false,
                    status: b'I',
                });
                entry.whole.end = frame.end;
                match frame.tag {
                    b'T' => {
                        entry.descriptions += 1;
                        if entry.rows.is_empty() {
                            entry.rows = frame.end..frame.end;
                        }
                    }
                    b'Z' => entry.status = frame.body.first().copied().unwrap_or(b'I'),
                    tag => {
                        entry.rows.end = frame.end;
                        entry.has_failed |= tag == b'E';
                    }
                }
            }
            Heard::Ended(statement) => {
                if let Some(mut entry) = open.take() {
                    entry.statement = Statement::clone(statement);
                    self.entries.push(entry);
                }
            }
            Heard::Aside(frame) if frame.tag == b'Z' => {
                let status = frame.body.first().copied().unwrap_or(b'I');
                if let Some(last) = self.entries.last_mut() {
                    last.status = status;
                }
            }
            Heard::Aside(frame) if frame.tag == b'S' && self.entries.is_empty() => {
                if self.parameters.len() < PARAMETERS_MAX {
                    self.parameters.push(frame.body.to_vec());
                }
            }
            Heard::Gap(_) => self.has_gap = true,
            Heard::Aside(_) | Heard::Record(_) => {}
        }
    }

    /// Writes what the client saw from one place to another.
    ///
    /// # Errors
    /// Those of the recording and of `out`.
    pub fn copy(&self, range: &Range<u64>, out: &mut impl Write) -> Result<(), ReadError> {
        let before = self
            .marks
            .partition_point(|mark| mark.server_bytes() <= range.start);
        let Some(mark) = self.marks.get(before.saturating_sub(1)) else {
            return Ok(());
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset + mark.offset()))?;
        let mut reader = Reader::resume(BufReader::new(file), &self.keys, mark)?;
        let mut at = mark.server_bytes();
        while at < range.end
            && let Some(chunk) = reader.chunk()?
        {
            let Chunk::Events(_, after, events) = chunk else {
                continue;
            };
            for event in Events::after(after, &events) {
                let event = event?;
                if event.kind == Kind::Server {
                    out.write_all(within(event.bytes, at, range))?;
                    at += event.bytes.len() as u64;
                }
            }
        }
        Ok(())
    }
}

/// The part of `bytes`, which begin at `at`, that lies in `range`.
fn within<'b>(bytes: &'b [u8], at: u64, range: &Range<u64>) -> &'b [u8] {
    let clamp = |place: u64| {
        let place = usize::try_from(place.saturating_sub(at)).unwrap_or(usize::MAX);
        place.min(bytes.len())
    };
    bytes
        .get(clamp(range.start)..clamp(range.end))
        .unwrap_or_default()
}

/// Gives every chunk of events of the server's stream to `each`, with the place before it; true if
/// the recording is cut.
fn each_chunk<R: io::Read>(
    reader: &mut Reader<R>,
    mut each: impl FnMut(Mark, u64, &[u8]) -> Result<(), ReadError>,
) -> Result<bool, ReadError> {
    loop {
        let mark = reader.mark();
        match reader.chunk() {
            Ok(Some(Chunk::Events(_, after, events))) => each(mark, after, &events)?,
            Ok(Some(Chunk::Closed | Chunk::End(_))) => {}
            Ok(None) => return Ok(false),
            Err(ReadError::Cut) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
