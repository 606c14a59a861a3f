//! Reads a log on, beside the gateway that writes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use velum_core::audit::record::Record;

use super::text::Batch;
use crate::audit::segment::{self, FRAME_HEADER_BYTES, HEADER_BYTES, PAYLOAD_BYTES, Place};
use crate::audit::{read, store};

/// Read at once; enough for thousands of records.
const BLOCK_BYTES: usize = 1024 * 1024;
/// Enough for any one.
const FRAME_BYTES: usize = FRAME_HEADER_BYTES + PAYLOAD_BYTES;

/// See the module's text.
pub struct Follow {
    directory: PathBuf,
    /// The next record that is wanted.
    next: u64,
    open: Option<Open>,
}

/// A segment, and where in it the next frame is.
struct Open {
    file: File,
    offset: u64,
    sequence: u64,
}

impl Follow {
    /// From the first record on.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            next: 1,
            open: None,
        }
    }

    /// Goes on with this record.
    pub fn go_to(&mut self, sequence: u64) {
        self.next = sequence;
        self.open = None;
    }

    /// The next records that are signed, up to so many and so many bytes, but one at least if there
    /// is one.
    ///
    /// # Errors
    /// If the log cannot be read, or is damaged.
    pub fn batch(&mut self, records: usize, bytes: usize) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let checkpoint = store::read_checkpoint(&self.directory)?;
        let signed = checkpoint.and_then(|it| store::size_of(&it)).unwrap_or(0);
        let mut size = 0;
        while self.next <= signed && batch.records.len() < records && size < bytes {
            if self.open.is_none() && !self.find()? {
                break;
            }
            let Some(open) = &mut self.open else {
                break;
            };
            let wanted = Wanted {
                next: self.next,
                signed,
                records,
                bytes,
            };
            let is_at_end = match open.read(&wanted, &mut batch, &mut size) {
                Ok(is_at_end) => is_at_end,
                // What lies before the damage is sent first.
                Err(_) if !batch.records.is_empty() => {
                    self.go_to(batch.last() + 1);
                    break;
                }
                Err(error) => return Err(error),
            };
            self.next = batch.records.last().map_or(self.next, |(at, _)| at + 1);
            if is_at_end {
                // The next segment goes on, unless there is none yet.
                let goes_on = open.sequence;
                self.open = None;
                let segments = read::segments(&self.directory).map_err(io::Error::other)?;
                if segments.last().is_none_or(|(first, _)| *first < goes_on) {
                    break;
                }
            }
        }
        Ok(batch)
    }

    /// Opens the segment of the next record, or the first behind it: what was deleted when due
    /// cannot be sent. False if there is none.
    fn find(&mut self) -> io::Result<bool> {
        let segments = read::segments(&self.directory).map_err(io::Error::other)?;
        let behind = segments.partition_point(|(first, _)| *first <= self.next);
        let Some((first, path)) = segments.get(behind.saturating_sub(1)) else {
            return Ok(false);
        };
        self.next = self.next.max(*first);
        self.open = Some(Open {
            file: File::open(path)?,
            offset: HEADER_BYTES as u64,
            sequence: *first,
        });
        Ok(true)
    }
}

/// What a read is for.
struct Wanted {
    next: u64,
    signed: u64,
    records: usize,
    bytes: usize,
}

impl Open {
    /// Appends what is wanted of the next block; true if the segment is over.
    fn read(&mut self, wanted: &Wanted, batch: &mut Batch, size: &mut usize) -> io::Result<bool> {
        let mut block = self.block(BLOCK_BYTES)?;
        if matches!(segment::place(&block, 0), Place::Bad) {
            block = self.block(FRAME_BYTES)?;
        }
        let mut at = 0;
        while self.sequence <= wanted.signed
            && batch.records.len() < wanted.records
            && *size < wanted.bytes
        {
            match segment::place(&block, at) {
                Place::Frame(frame) if frame.sequence == self.sequence => {
                    if frame.sequence >= wanted.next {
                        let record = Record::decode(frame.payload).map_err(io::Error::other)?;
                        *size += frame.payload.len();
                        batch.records.push((frame.sequence, record));
                    }
                    self.offset += (frame.end - at) as u64;
                    at = frame.end;
                    self.sequence += 1;
                }
                // The block ends here, and the segment does not.
                Place::End | Place::Bad if at > 0 => return Ok(false),
                Place::End => return Ok(true),
                Place::Frame(_) | Place::Bad => {
                    let what = format!("record {} is damaged", self.sequence);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            }
        }
        Ok(false)
    }

    fn block(&self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut block = vec![0; bytes];
        let mut read = 0;
        while read < bytes {
            let rest = block.get_mut(read..).unwrap_or_default();
            match self.file.read_at(rest, self.offset + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        block.truncate(read);
        Ok(block)
    }
}
