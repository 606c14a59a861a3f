//! The records of a log in order, each frame and each record looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use velum_core::audit::record::Record;
use velum_core::audit::skim::skim;
use velum_core::audit::tree::{Edge, Hash, leaf_hash};

use super::finding::{Failure, Finding, Place, Problem};
use super::story::Story;
use super::tiles::TileWatch;
use super::trust::Claims;
use crate::audit::read;
use crate::audit::segment::{self, HEADER_BYTES};

/// See the module's text.
pub(super) struct Walk {
    pub(super) story: Story,
    pub(super) tiles: TileWatch,
    /// Roots at the sizes that somebody has signed.
    roots: BTreeMap<u64, Option<Hash>>,
    /// Where the first record behind the checkpoint is.
    pub(super) first_unsigned: Option<Place>,
    signed: u64,
    /// Bytes that were read.
    pub(super) bytes: u64,
    pub(super) remarks: Vec<String>,
    /// Records that are not there: the segment behind them, the first and the last.
    pub(super) gaps: Vec<(Place, u64, u64)>,
    /// It is a part of a log, which has no gaps.
    is_excerpt: bool,
    /// A tail that a gateway may be writing is passed over.
    is_live: bool,
    durable: u64,
    scratch: Vec<u8>,
}

impl Walk {
    pub(super) fn new(
        directory: &Path,
        claims: &Claims,
        session: Option<String>,
        is_live: bool,
    ) -> Self {
        let signed = claims.signed();
        let tiles = TileWatch::new(directory, signed);
        let mut walk = Self {
            story: Story::new(session),
            tiles,
            roots: claims.sizes().map(|size| (size, None)).collect(),
            first_unsigned: None,
            signed,
            bytes: 0,
            remarks: Vec::new(),
            gaps: Vec::new(),
            is_excerpt: false,
            is_live,
            durable: 0,
            scratch: Vec::new(),
        };
        walk.note_root();
        walk
    }

    /// Begins behind the records of `edge`, and is to end with the record `last`.
    pub(super) fn begin(&mut self, edge: Edge, last: u64) {
        self.durable = edge.size();
        self.tiles.begin(edge);
        self.story.begin_late();
        self.is_excerpt = true;
        self.roots.insert(last, None);
        self.signed = u64::MAX;
        self.note_root();
    }

    /// Records of the tree.
    pub(super) fn size(&self) -> u64 {
        self.tiles.size()
    }

    /// The root of so many records, if there are as many.
    pub(super) fn root_at(&self, size: u64) -> Option<Hash> {
        self.roots.get(&size).copied().flatten()
    }

    fn note_root(&mut self) {
        if let Some(root) = self.roots.get_mut(&self.tiles.size()) {
            *root = Some(self.tiles.root());
        }
    }

    pub(super) fn segments(
        &mut self,
        segments: &[(u64, PathBuf)],
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Failure> {
        // One buffer for all of them.
        let mut bytes = Vec::new();
        for (index, (first, path)) in segments.iter().enumerate() {
            read::segment_into(path, &mut bytes)?;
            let last = index + 1 == segments.len();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into();
            self.segment(&name, *first, &bytes, last, progress)?;
            self.bytes += bytes.len() as u64;
            progress(self.bytes);
        }
        Ok(())
    }

    /// Takes the leaves of records that are not there from the tiles. Whether they may be missing
    /// is judged in the end.
    fn fill(&mut self, behind: Place, first: u64) -> Result<(), Box<Finding>> {
        let last = behind.sequence - 1;
        let mut at = first;
        while at <= last {
            // A tile at a time.
            let stop = last.min((at - 1) / 256 * 256 + 256);
            let Ok(leaves) = self.tiles.leaves(at, stop) else {
                let problem = Problem::SegmentOrder { expected: first };
                return Err(Finding::at(behind, problem));
            };
            for leaf in leaves {
                self.tiles.push(leaf, || behind.clone());
                self.note_root();
            }
            at = stop + 1;
        }
        self.durable = last;
        self.story.begin_late();
        self.gaps.push((behind, first, last));
        Ok(())
    }

    fn segment(
        &mut self,
        name: &Arc<str>,
        first: u64,
        bytes: &[u8],
        last: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Failure> {
        let place = |offset, sequence| Place {
            segment: Arc::clone(name),
            offset,
            sequence,
        };
        let expected = self.size() + 1;
        if first > expected && !self.is_excerpt {
            self.fill(place(0, first), expected)?;
        } else if first != expected {
            let problem = Problem::SegmentOrder { expected };
            return Err(Finding::at(place(0, first), problem).into());
        }
        if segment::first_sequence(bytes) != Some(first) {
            if last && self.is_live && segment::is_zero(bytes) {
                return Ok(());
            }
            return Err(Finding::at(place(0, first), Problem::Header).into());
        }
        let mut at = HEADER_BYTES;
        loop {
            let sequence = self.size() + 1;
            match segment::inspect(bytes, at) {
                Ok(Some(frame)) => {
                    self.frame(&frame, sequence, || place(at, sequence))?;
                    at = frame.end;
                }
                Ok(None) => return self.end(bytes.len() - at, last, place(at, sequence)),
                Err(what) => {
                    let is_torn = last && !was_durable(bytes, at, sequence);
                    if !is_torn || !self.is_live {
                        let problem = match is_torn {
                            true => Problem::Torn(what),
                            false => Problem::Frame(what),
                        };
                        return Err(Finding::at(place(at, sequence), problem).into());
                    }
                    self.remarks
                        .push(format!("a torn tail at offset {at} of {name}: {what}"));
                    return Ok(());
                }
            }
            if sequence.is_multiple_of(0x1_0000) {
                progress(self.bytes + at as u64);
            }
        }
    }

    fn frame(
        &mut self,
        frame: &segment::Frame<'_>,
        sequence: u64,
        place: impl Fn() -> Place,
    ) -> Result<(), Box<Finding>> {
        let wrong = |problem| Err(Finding::at(place(), problem));
        if frame.sequence != sequence {
            let found = frame.sequence;
            return wrong(Problem::Sequence { found });
        }
        // A group says what was on disk before it: the record before its first.
        if frame.durable != self.durable && frame.durable != sequence - 1 {
            let found = frame.durable;
            return wrong(Problem::Durable { found });
        }
        self.durable = frame.durable;
        // A record that is skimmed is in the one encoding that it has.
        if let Some(skimmed) = skim(frame.payload) {
            self.story.skimmed(sequence, &skimmed, &place)?;
        } else {
            let record = match Record::decode(frame.payload) {
                Ok(record) => record,
                Err(error) => return wrong(Problem::Record(error)),
            };
            self.scratch.clear();
            record.encode(&mut self.scratch);
            if self.scratch != frame.payload {
                return wrong(Problem::NotCanonical);
            }
            self.story.tell(sequence, &record, &place)?;
        }
        self.tiles.push(leaf_hash(frame.payload), &place);
        self.note_root();
        if sequence.checked_sub(1) == Some(self.signed) {
            self.first_unsigned = Some(place());
        }
        Ok(())
    }

    /// Zeros behind the last record are room for more; in a segment that was ended there is none.
    fn end(&self, bytes: usize, last: bool, place: Place) -> Result<(), Failure> {
        let has_ended = !last || self.story.has_stopped;
        let is_being_written = last && self.is_live;
        match bytes > 0 && has_ended && !is_being_written {
            true => Err(Finding::at(place, Problem::Behind { bytes }).into()),
            false => Ok(()),
        }
    }
}

/// Something behind the hole was written when the hole was already on disk.
fn was_durable(bytes: &[u8], at: usize, sequence: u64) -> bool {
    let mut behind = segment::next_frame_after(bytes, at, sequence);
    while let Some(frame) = behind {
        if frame.durable >= sequence {
            return true;
        }
        behind = segment::next_frame_after(bytes, frame.end - 1, frame.sequence);
    }
    false
}
