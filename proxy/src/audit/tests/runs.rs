//! Whole runs of a gateway's log, and ways to change what they left.

use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::{Edge, NoteSigner, VerifierKey, leaf_hash};

use super::super::publisher::Publisher;
use super::super::segment::{header, push_frame};
use super::super::signing::Signers;
use super::super::store::{self, Publication};
use super::super::verify::{Failure, Options, Report, verify};
use super::*;

/// The log's name.
pub(super) const ORIGIN: &str = "log.example";

pub(super) fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(ORIGIN, KeyKind::Ed25519, &[seed; 32]).unwrap()
}

pub(super) fn signers(seed: u8, previous: Option<u8>) -> Signers {
    Signers {
        current: signer(seed),
        previous: previous.map(signer),
    }
}

pub(super) fn key(seed: u8) -> VerifierKey {
    signer(seed).verifier().clone()
}

/// One run: what is found is published, the run begins, works, and ends or is killed.
pub(super) fn one_run(
    directory: &Path,
    signers: Signers,
    groups: &[Vec<Record>],
    killed: bool,
) -> Result<(), RecoverError> {
    let trust = Trust {
        keys: signers.keys(),
        accepts_mismatch: false,
    };
    let state = recover::recover(directory, Timestamp(9), &trust)?;
    store::publish(directory, &signers, &state.tree.found().unwrap()).unwrap();
    let mut first = state.unknown.clone();
    first.push(gateway(recover::STARTED));
    first.push(record(0, signers.record()));
    let edge = state.tree.edge.clone();
    run(async {
        let mut log = Log::new(PlainDisk::new(directory), 16 * 1024, state.next_sequence);
        let mut publisher = Publisher::start(directory.to_owned(), signers, edge).unwrap();
        let last = vec![gateway("stopped")];
        let groups = std::iter::once(&first).chain(groups);
        for group in groups.chain((!killed).then_some(&last)) {
            for record in group {
                let bytes = encoded(record);
                log.stage(&bytes).unwrap();
                publisher.stage(&bytes);
            }
            log.commit().await.unwrap();
            publisher.committed();
            publisher.publish_if_due();
        }
        if !killed {
            log.close().await.unwrap();
            publisher.close().await.unwrap();
        }
    });
    Ok(())
}

/// Statements with their ends, `count` of them, in a session of their own.
pub(super) fn statements(session: u128, count: u64) -> Vec<Vec<Record>> {
    (1..=count)
        .map(|n| vec![intent(session, n), outcome(session, n)])
        .collect()
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}

pub(super) fn checked(directory: &Path, options: &Options) -> Result<Report, Failure> {
    verify(directory, options, &mut |_| {})
}

pub(super) fn by(keys: &[u8]) -> Options {
    Options {
        keys: keys.iter().map(|seed| key(*seed)).collect(),
        ..Options::default()
    }
}

/// A frame, taken apart.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) sequence: u64,
    pub(super) durable: u64,
    pub(super) payload: Vec<u8>,
}

/// The segments of a log, taken apart by somebody who knows the format and has no key.
pub(super) struct Parts(pub(super) Vec<(PathBuf, Vec<Part>)>);

impl Parts {
    pub(super) fn read(directory: &Path) -> Self {
        let segments = read::segments(directory).unwrap().into_iter();
        let parts = segments.map(|(_, path)| {
            let bytes = fs::read(&path).unwrap();
            let mut parts = Vec::new();
            let mut at = HEADER_BYTES;
            while let Place::Frame(frame) = segment::place(&bytes, at) {
                parts.push(Part {
                    sequence: frame.sequence,
                    durable: frame.durable,
                    payload: frame.payload.to_vec(),
                });
                at = frame.end;
            }
            (path, parts)
        });
        Self(parts.collect())
    }

    /// Writes all frames with good checksums.
    pub(super) fn write(&self) {
        for (path, parts) in &self.0 {
            let name = path.file_name().unwrap().to_str().unwrap();
            let mut bytes = header(segment::sequence_of(name).unwrap()).to_vec();
            for part in parts {
                push_frame(&mut bytes, part.sequence, part.durable, &part.payload);
            }
            fs::write(path, bytes).unwrap();
        }
    }

    /// Gives every frame the sequence that its place asks for, and every segment its name.
    pub(super) fn renumber(&mut self) {
        let mut sequence = 1;
        for (path, parts) in &mut self.0 {
            let name = path.with_file_name(segment::file_name(sequence));
            if *path != name {
                fs::rename(&*path, &name).unwrap();
                *path = name;
            }
            for part in parts {
                part.sequence = sequence;
                part.durable = sequence - 1;
                sequence += 1;
            }
        }
    }

    /// The record at a place, changed.
    pub(super) fn edit(&mut self, segment: usize, at: usize, change: impl FnOnce(&mut Record)) {
        let part = &mut self.0[segment].1[at];
        let mut record = Record::decode(&part.payload).unwrap();
        change(&mut record);
        part.payload = encoded(&record);
    }
}

/// Signs whatever records are there, with all tiles made anew.
pub(super) fn sign_again(directory: &Path, seed: u8) {
    let _none = fs::remove_dir_all(directory.join("tile"));
    let mut edge = Edge::default();
    for (_, parts) in Parts::read(directory).0 {
        for part in parts {
            edge.push(leaf_hash(&part.payload));
        }
    }
    let mut tiles = edge.take_finished();
    tiles.extend(edge.partials());
    let publication = Publication {
        size: edge.size(),
        root: edge.root(),
        tiles,
        is_handover: false,
    };
    store::publish(directory, &signers(seed, None), &publication).unwrap();
}
