//! One segment's index.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use velum_core::audit::record::SessionId;
use velum_core::bytes::Reader;
use velum_core::time::Timestamp;

use super::{FOLDER, Wanted, is_named};
use crate::audit::store::replace;

const MAGIC: &[u8; 8] = b"VELUMIDX";
const VERSION: u32 = 1;
/// Bytes in front of what the checksum is of.
const HEAD_BYTES: usize = 36;

/// What a record is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Session = 0,
    Identity = 1,
    Resource = 2,
    Grant = 3,
}

const KINDS: [Kind; 4] = [Kind::Session, Kind::Identity, Kind::Resource, Kind::Grant];

/// Where the frames of a key's records begin.
#[derive(Default)]
struct Places {
    count: u32,
    last: u64,
    distances: Vec<u8>,
}

impl Places {
    fn push(&mut self, at: u64) {
        let mut rest = at - self.last;
        while rest >= 0x80 {
            self.distances.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.distances.push(rest as u8);
        self.last = at;
        self.count += 1;
    }

    fn offsets(&self) -> Vec<u64> {
        let (mut offsets, mut at, mut distance, mut shift) = (Vec::new(), 0u64, 0u64, 0);
        for byte in &self.distances {
            distance |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                at += distance;
                offsets.push(at);
                (distance, shift) = (0, 0);
            } else if shift > 56 {
                break;
            }
        }
        offsets
    }
}

/// See the module's text.
pub(super) struct Index {
    first: u64,
    bytes: u64,
    last_frame: u32,
    times: (u64, u64),
    keys: BTreeMap<(Kind, Vec<u8>), Places>,
}

/// The file of the segment that begins with this sequence.
pub(super) fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(FOLDER).join(format!("{first:020}.idx"))
}

impl Index {
    /// Of a segment of so many bytes, without a record yet.
    pub(super) fn new(first: u64, bytes: u64) -> Self {
        Self {
            first,
            bytes,
            last_frame: 0,
            times: (u64::MAX, 0),
            keys: BTreeMap::new(),
        }
    }

    /// A record whose frame begins at this offset.
    pub(super) fn add(
        &mut self,
        at: u64,
        time: Timestamp,
        session: SessionId,
        identity: &str,
        resource: &str,
    ) {
        self.times = (self.times.0.min(time.0), self.times.1.max(time.0));
        self.place(Kind::Session, &session.0.to_be_bytes(), at);
        self.place(Kind::Identity, identity.as_bytes(), at);
        self.place(Kind::Resource, resource.as_bytes(), at);
    }

    /// The record at this offset is about a grant.
    pub(super) fn add_grant(&mut self, at: u64, grant: &str) {
        self.place(Kind::Grant, grant.as_bytes(), at);
    }

    fn place(&mut self, kind: Kind, key: &[u8], at: u64) {
        self.keys.entry((kind, key.to_vec())).or_default().push(at);
    }

    /// By the last frame an index knows its segment.
    pub(super) fn last_frame(&mut self, frame: &[u8]) {
        self.last_frame = crc32c::crc32c(frame);
    }

    /// Where what is wanted may be; `None`: nowhere here.
    pub(super) fn offsets(&self, wanted: &Wanted) -> Option<Vec<u64>> {
        if wanted.from.0 > self.times.1 || wanted.to.0 <= self.times.0 {
            return None;
        }
        let named = |kind, name: &Option<String>| {
            let name = name.as_ref()?;
            let places = self.keys.get(&(kind, name.as_bytes().to_vec()));
            Some(places.map(Places::offsets).unwrap_or_default())
        };
        let sessions = wanted.session.as_ref().map(|begin| self.sessions(begin));
        let lists = [
            sessions,
            named(Kind::Grant, &wanted.grant),
            named(Kind::Identity, &wanted.identity),
            named(Kind::Resource, &wanted.resource),
        ];
        let mut lists = lists.into_iter().flatten();
        // Nothing but a time: all of the segment.
        let mut offsets = match lists.next() {
            Some(offsets) => offsets,
            None => self.all(),
        };
        for other in lists {
            offsets.retain(|at| other.binary_search(at).is_ok());
        }
        (!offsets.is_empty()).then_some(offsets)
    }

    /// Every record has a session, be it that of none.
    fn all(&self) -> Vec<u64> {
        self.sessions("")
    }

    fn sessions(&self, begin: &str) -> Vec<u64> {
        let mut offsets = Vec::new();
        for ((kind, key), places) in &self.keys {
            let session = key.as_slice().try_into().map(u128::from_be_bytes);
            if *kind == Kind::Session
                && session.is_ok_and(|session| is_named(SessionId(session), begin))
            {
                offsets.append(&mut places.offsets());
            }
        }
        offsets.sort_unstable();
        offsets
    }

    /// Writes the file. A log that cannot be written to is searched all the same.
    pub(super) fn store(&self, directory: &Path) {
        let mut body = Vec::new();
        body.extend_from_slice(&self.times.0.to_be_bytes());
        body.extend_from_slice(&self.times.1.to_be_bytes());
        for ((kind, key), places) in &self.keys {
            body.push(*kind as u8);
            body.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
            body.extend_from_slice(key);
            body.extend_from_slice(&places.count.to_be_bytes());
            body.extend_from_slice(&(places.distances.len() as u32).to_be_bytes());
            body.extend_from_slice(&places.distances);
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&self.bytes.to_be_bytes());
        bytes.extend_from_slice(&self.last_frame.to_be_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        bytes.extend_from_slice(&body);
        let _read_again_then = replace(&path(directory, self.first), &bytes, false);
    }

    /// Reads the file; `None` if there is none, or it is not of this segment as it is.
    pub(super) fn load(directory: &Path, first: u64, segment: &Path) -> Option<Self> {
        let bytes = std::fs::read(path(directory, first)).ok()?;
        let (head, body) = bytes.split_at_checked(HEAD_BYTES)?;
        let mut head = Reader::new(head);
        let is_ours = head.take(8).ok()? == MAGIC && head.u32().ok()? == VERSION;
        let (of, length) = (u64_of(&mut head)?, u64_of(&mut head)?);
        let (last_frame, checksum) = (head.u32().ok()?, head.u32().ok()?);
        let is_whole = checksum == crc32c::crc32c(body);
        let file = File::open(segment).ok()?;
        let is_long = file.metadata().ok()?.len() == length;
        if !(is_ours && is_whole && is_long && of == first) {
            return None;
        }
        let mut from = Reader::new(body);
        let mut index = Self::new(first, length);
        index.last_frame = last_frame;
        index.times = (u64_of(&mut from)?, u64_of(&mut from)?);
        while !from.is_empty() {
            let kind = *KINDS.get(usize::from(from.u8().ok()?))?;
            let bytes = usize::from(from.u16().ok()?);
            let key = from.take(bytes).ok()?.to_vec();
            let count = from.u32().ok()?;
            let bytes = from.u32().ok()? as usize;
            let distances = from.take(bytes).ok()?.to_vec();
            let places = Places {
                count,
                last: 0,
                distances,
            };
            index.keys.insert((kind, key), places);
        }
        index.ends_as(&file).then_some(index)
    }

    /// The segment's last frame is the one that the index was made with.
    fn ends_as(&self, file: &File) -> bool {
        let ends = self
            .keys
            .iter()
            .filter(|((kind, _), _)| *kind == Kind::Session);
        let ends = ends.filter_map(|(_, places)| places.offsets().last().copied());
        let Some(at) = ends.max() else {
            return true;
        };
        let Some(bytes) = self.bytes.checked_sub(at) else {
            return false;
        };
        let mut frame = vec![0; bytes.min(1 << 23) as usize];
        file.read_exact_at(&mut frame, at).is_ok() && crc32c::crc32c(&frame) == self.last_frame
    }
}

fn u64_of(from: &mut Reader<'_>) -> Option<u64> {
    let bytes = from.take(8).ok()?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}
