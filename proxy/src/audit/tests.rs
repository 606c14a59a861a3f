//! Crashes, damage and failing disks.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use velum_core::audit::record::{Body, Channel, Effect, Record, SessionId, Status};
use velum_core::audit::token::TokenKey;
use velum_core::time::Timestamp;

use super::log::Log;
use super::medium::{Made, Medium, PlainDisk, RingDisk};
use super::read::{self, ReadError};
use super::rebuild::Trust;
use super::recover::{self, RecoverError};
use super::segment::{self, HEADER_BYTES, Place};

mod evidence;
mod faults;
mod index;
mod retention;
mod runs;
mod ship;
mod tamper;
mod tree;
mod witness;
mod writer;

const SEGMENT_BYTES: u64 = 4_096;

fn record(session: u128, body: Body) -> Record {
    Record {
        time: Timestamp(7),
        session: SessionId(session),
        identity: "agent".into(),
        resource: "ehr".into(),
        body,
    }
}

fn intent(session: u128, statement: u64) -> Record {
    let body = Body::Intent {
        statement,
        effect: Effect::Read,
        channel: Channel::Simple,
        text: "select $1".into(),
        token: TokenKey::new(&[1; 32]).token(b"select 1"),
        binds: Vec::new(),
        decision: "allowed".into(),
    };
    record(session, body)
}

fn outcome(session: u128, statement: u64) -> Record {
    let body = Body::Outcome {
        statement,
        status: Status::Completed,
        command: "SELECT".to_owned(),
        sqlstate: None,
        rows: 1,
        bytes: 10,
        masked: Vec::new(),
        masking: None,
        duration_us: 5,
    };
    record(session, body)
}

fn gateway(event: &str) -> Record {
    record(
        0,
        Body::Gateway {
            event: event.to_owned(),
        },
    )
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Writes groups of records, one commit each, and leaves the log as a crash would.
fn write_groups(directory: &Path, next: u64, groups: &[Vec<Record>]) {
    run(async {
        let mut log = Log::new(PlainDisk::new(directory), SEGMENT_BYTES, next);
        for group in groups {
            for record in group {
                log.stage(&encoded(record)).unwrap();
            }
            log.commit().await.unwrap();
        }
    });
}

fn read_all(directory: &Path) -> Result<Vec<(u64, Record)>, ReadError> {
    let mut records = Vec::new();
    read::for_each(directory, 0, |sequence, record| {
        records.push((sequence, record));
        true
    })?;
    Ok(records)
}

fn recovered(directory: &Path) -> Result<recover::Recovered, RecoverError> {
    let trust = Trust {
        keys: vec![],
        accepts_mismatch: false,
    };
    recover::recover(directory, Timestamp(9), &trust)
}

fn last_segment(directory: &Path) -> PathBuf {
    read::segments(directory).unwrap().pop().unwrap().1
}

/// Where the frames of a segment begin, and where the last ends.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![HEADER_BYTES];
    while let Place::Frame(frame) = segment::place(bytes, *borders.last().unwrap()) {
        borders.push(frame.end);
    }
    borders
}

#[test]
fn records_come_back_in_order_over_many_segments() {
    let directory = tempfile::tempdir().unwrap();
    let groups: Vec<_> = (1..=100)
        .map(|n| vec![intent(1, n), outcome(1, n)])
        .collect();
    write_groups(directory.path(), 1, &groups);
    assert!(read::segments(directory.path()).unwrap().len() > 3);
    let records = read_all(directory.path()).unwrap();
    assert_eq!(records.len(), 200);
    for (index, (sequence, record)) in records.iter().enumerate() {
        assert_eq!(*sequence, index as u64 + 1);
        assert_eq!(*record, groups[index / 2][index % 2]);
    }
    let state = recovered(directory.path()).unwrap();
    assert_eq!(
        (state.next_sequence, state.unknown.len(), state.torn),
        (201, 0, None)
    );
}

#[test]
fn an_intent_without_an_end_is_named_once() {
    let directory = tempfile::tempdir().unwrap();
    let first_run = vec![
        gateway(recover::STARTED),
        intent(1, 1),
        intent(2, 1),
        outcome(1, 1),
    ];
    write_groups(directory.path(), 1, &[first_run, vec![intent(1, 2)]]);
    let state = recovered(directory.path()).unwrap();
    let named: Vec<_> = state
        .unknown
        .iter()
        .map(|record| (record.session.0, record.body.clone()))
        .collect();
    let unknown = |statement| Body::OutcomeUnknown { statement };
    assert_eq!(named, [(2, unknown(1)), (1, unknown(2))]);
    assert_eq!(&*state.unknown[0].identity, "agent");

    let mut second_run = state.unknown.clone();
    second_run.push(gateway(recover::STARTED));
    second_run.push(intent(3, 1));
    write_groups(directory.path(), state.next_sequence, &[second_run]);
    drop(state);
    let state = recovered(directory.path()).unwrap();
    assert_eq!(state.unknown.len(), 1);
    assert_eq!(state.unknown[0].session, SessionId(3));
}

#[test]
fn intents_and_ends_meet_over_segments() {
    let directory = tempfile::tempdir().unwrap();
    let mut groups: Vec<_> = (1..=60).map(|n| vec![intent(1, n)]).collect();
    groups.extend((1..=59).map(|n| vec![outcome(1, n)]));
    write_groups(directory.path(), 1, &groups);
    let state = recovered(directory.path()).unwrap();
    assert_eq!(state.unknown.len(), 1);
    assert_eq!(
        state.unknown[0].body,
        Body::OutcomeUnknown { statement: 60 }
    );
}

/// A crash in the middle of the last write leaves any prefix of it: what was acknowledged
/// before is there, and the log goes on.
#[test]
fn every_prefix_of_the_last_group_recovers() {
    let origin = tempfile::tempdir().unwrap();
    let groups = [
        vec![intent(1, 1), outcome(1, 1)],
        vec![intent(1, 2), intent(1, 3)],
    ];
    write_groups(origin.path(), 1, &groups);
    let path = last_segment(origin.path());
    let whole = fs::read(&path).unwrap();
    let borders = borders(&whole);
    let (acknowledged, end) = (borders[2], borders[4]);
    for cut in acknowledged..end {
        let directory = tempfile::tempdir().unwrap();
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        fs::write(directory.path().join(path.file_name().unwrap()), torn).unwrap();
        let state = recovered(directory.path()).unwrap();
        let expected = if cut >= borders[3] { 4 } else { 3 };
        assert_eq!(state.next_sequence, expected, "cut at {cut}");
        let records = read_all(directory.path()).unwrap();
        assert_eq!(records.len() as u64, expected - 1);
        write_groups(
            directory.path(),
            state.next_sequence,
            &[vec![outcome(9, 9)]],
        );
        drop(state);
        assert_eq!(read_all(directory.path()).unwrap().len() as u64, expected);
        recovered(directory.path()).unwrap();
    }
}

/// The disk may write the pages of one group in any order: a hole with whole frames behind it
/// is a torn tail too, as long as they belong to the same group.
#[test]
fn a_hole_in_the_last_group_is_a_torn_tail() {
    let directory = tempfile::tempdir().unwrap();
    let groups = [
        vec![intent(1, 1)],
        vec![intent(1, 2), intent(1, 3), intent(1, 4)],
    ];
    write_groups(directory.path(), 1, &groups);
    let path = last_segment(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    let borders = borders(&bytes);
    bytes[borders[1]..borders[2]].fill(0);
    fs::write(&path, &bytes).unwrap();
    let state = recovered(directory.path()).unwrap();
    assert_eq!(state.next_sequence, 2);
    assert_eq!(state.torn.unwrap().offset, borders[1]);
}

/// A flipped bit anywhere in what had been acknowledged, with another group behind it, stops
/// the start and names file and offset.
#[test]
fn damage_to_what_was_acknowledged_refuses_to_start() {
    let origin = tempfile::tempdir().unwrap();
    write_groups(
        origin.path(),
        1,
        &[vec![intent(1, 1)], vec![intent(1, 2)], vec![intent(1, 3)]],
    );
    let path = last_segment(origin.path());
    let whole = fs::read(&path).unwrap();
    let borders = borders(&whole);
    for at in 0..borders[2] {
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join(path.file_name().unwrap());
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&copy, bytes).unwrap();
        match recovered(directory.path()) {
            Err(RecoverError::Read(ReadError::Damaged { path, offset, .. })) => {
                assert_eq!(path, copy);
                assert!(offset <= at, "{offset} names a place behind {at}");
            }
            other => panic!("a flipped bit at {at} of the log: {other:?}"),
        }
    }
}

#[test]
fn a_torn_tail_or_a_gap_anywhere_but_at_the_end_refuses_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let groups: Vec<_> = (1..=100).map(|n| vec![intent(1, n)]).collect();
    write_groups(directory.path(), 1, &groups);
    let segments = read::segments(directory.path()).unwrap();
    let (_, early) = &segments[1];
    let whole = fs::read(early).unwrap();
    let frames = borders(&whole);
    fs::write(early, &whole[..frames[frames.len() - 1] - 3]).unwrap();
    assert!(matches!(
        recovered(directory.path()),
        Err(RecoverError::Read(_))
    ));
    fs::write(early, &whole[..frames[frames.len() - 2]]).unwrap();
    assert!(matches!(
        recovered(directory.path()),
        Err(RecoverError::Read(_))
    ));
    fs::remove_file(early).unwrap();
    assert!(matches!(
        recovered(directory.path()),
        Err(RecoverError::Read(_))
    ));
}

#[test]
fn a_segment_that_was_only_just_made_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    write_groups(directory.path(), 1, &[vec![intent(1, 1)]]);
    for bytes in [
        vec![0; 100],
        vec![],
        segment::header(2).to_vec(),
        segment::header(2)[..9].to_vec(),
    ] {
        fs::write(directory.path().join(segment::file_name(2)), bytes).unwrap();
        let state = recovered(directory.path()).unwrap();
        assert_eq!((state.next_sequence, state.torn.clone()), (2, None));
        drop(state);
        assert_eq!(read::segments(directory.path()).unwrap().len(), 1);
    }
}

#[test]
fn only_one_gateway_holds_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let first = recovered(directory.path()).unwrap();
    assert!(matches!(
        recovered(directory.path()),
        Err(RecoverError::Locked(_))
    ));
    drop(first);
    assert!(recovered(directory.path()).is_ok());
}

/// Fails one operation, counted from the start; a short write fails as a disk full of others'
/// bytes does.
struct Faulty {
    disk: PlainDisk,
    left: Rc<Cell<u32>>,
    short: bool,
}

impl Faulty {
    fn fails(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 1
    }

    fn error() -> io::Error {
        io::ErrorKind::StorageFull.into()
    }
}

/// A segment that is spoilt between two writes.
async fn fails_once_spoilt<M: Medium>(disk: M, path: PathBuf, spoil: fn(&Path) -> io::Result<()>) {
    let file = disk.create(1, SEGMENT_BYTES).await.unwrap();
    let write = async |at| {
        let (written, _) = disk.write_at(&file, vec![1; 10], at).await;
        assert_eq!(written.unwrap(), 10);
        disk.sync(&file).await
    };
    write(100).await.unwrap();
    spoil(&path).unwrap();
    assert!(write(110).await.is_err());
}

#[test]
fn a_segment_that_was_removed_or_cut_is_noticed_by_the_next_sync() {
    let cut = |path: &Path| fs::OpenOptions::new().write(true).open(path)?.set_len(50);
    let remove = |path: &Path| fs::remove_file(path);
    for spoil in [cut as fn(&Path) -> io::Result<()>, remove] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(segment::file_name(1));
        run(fails_once_spoilt(
            PlainDisk::new(directory.path()),
            path,
            spoil,
        ));
        if io_uring::IoUring::new(2).is_ok() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(segment::file_name(1));
            let disk = RingDisk::new(directory.path());
            tokio_uring::start(fails_once_spoilt(disk, path, spoil));
        }
    }
}

impl Medium for Faulty {
    type File = Made;

    async fn create(&self, sequence: u64, bytes: u64) -> io::Result<Made> {
        if self.fails() {
            return Err(Self::error());
        }
        self.disk.create(sequence, bytes).await
    }

    async fn write_at(&self, file: &Made, bytes: Vec<u8>, at: u64) -> (io::Result<usize>, Vec<u8>) {
        if self.fails() {
            if self.short {
                let half = bytes[..bytes.len() / 2].to_vec();
                let (written, _) = self.disk.write_at(file, half, at).await;
                return (written, bytes);
            }
            return (Err(Self::error()), bytes);
        }
        self.disk.write_at(file, bytes, at).await
    }

    async fn sync(&self, file: &Made) -> io::Result<()> {
        if self.fails() {
            Err(Self::error())
        } else {
            self.disk.sync(file).await
        }
    }

    async fn finish(&self, file: Made, bytes: u64) -> io::Result<()> {
        if self.fails() {
            Err(Self::error())
        } else {
            self.disk.finish(file, bytes).await
        }
    }
}

/// Whichever operation fails first: nothing is acknowledged after it, nothing is tried again,
/// and everything that was acknowledged is there after the restart.
#[test]
fn the_first_failure_is_the_last_operation() {
    for short in [false, true] {
        for nth in 1..=60 {
            let directory = tempfile::tempdir().unwrap();
            let left = Rc::new(Cell::new(nth));
            let disk = PlainDisk::new(directory.path());
            let medium = Faulty {
                disk,
                left: Rc::clone(&left),
                short,
            };
            let acknowledged = run(async {
                let mut log = Log::new(medium, SEGMENT_BYTES, 1);
                let mut acknowledged = 0;
                for statement in 1.. {
                    let sequence = log.stage(&encoded(&intent(1, statement))).unwrap();
                    if log.commit().await.is_err() {
                        break;
                    }
                    acknowledged = sequence;
                }
                assert_eq!(left.get(), 0);
                assert!(log.commit().await.is_err());
                assert!(log.stage(b"more").is_err());
                assert!(log.close().await.is_err());
                acknowledged
            });
            let state = recovered(directory.path()).unwrap();
            assert!(state.next_sequence > acknowledged, "operation {nth}");
            let records = read_all(directory.path()).unwrap();
            assert!(records.len() as u64 >= acknowledged, "operation {nth}");
        }
    }
}

proptest::proptest! {
    /// Whatever a segment holds: an answer, and never a panic.
    #[test]
    fn no_segment_makes_recovery_panic(tail in proptest::collection::vec(0u8..=255, 0..300)) {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = segment::header(1).to_vec();
        segment::push_frame(&mut bytes, 1, 0, &encoded(&intent(1, 1)));
        bytes.extend_from_slice(&tail);
        fs::write(directory.path().join(segment::file_name(1)), bytes).unwrap();
        if let Ok(state) = recovered(directory.path()) {
            proptest::prop_assert!(state.next_sequence >= 2);
        }
    }
}
