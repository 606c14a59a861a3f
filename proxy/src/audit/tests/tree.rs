//! The tree at start and end of a run: what is signed, and what refuses to start.

use velum_core::audit::tree::{Edge, SignedCheckpoint, leaf_hash};

use super::super::expired::Gone;
use super::super::publisher::Publisher;
use super::super::rebuild::{self, Known};
use super::super::store;
use super::super::verify::{Failure, Problem};
use super::runs::*;
use super::*;

fn signed(directory: &Path, seed: u8) -> SignedCheckpoint {
    let bytes = store::read_checkpoint(directory).unwrap().unwrap();
    SignedCheckpoint::open(&bytes, &[key(seed)]).unwrap()
}

fn start(
    directory: &Path,
    seed: u8,
    accepts_mismatch: bool,
) -> Result<recover::Recovered, RecoverError> {
    let trust = Trust {
        keys: vec![key(seed)],
        accepts_mismatch,
    };
    recover::recover(directory, Timestamp(9), &trust)
}

/// Refuses to start with these words, and changes no file.
fn refuses(directory: &Path, seed: u8, words: &[&str]) {
    let before = files(directory);
    let said = match start(directory, seed, false) {
        Err(RecoverError::Mismatch(cause)) => cause,
        other => panic!("{words:?}: {other:?}"),
    };
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
    assert_eq!(files(directory), before, "{said}");
    let accepted = start(directory, seed, true).unwrap();
    assert_eq!(accepted.tree.overruled, Some(said));
    assert!(
        accepted.tree.found().is_none(),
        "nothing is signed before it is recorded"
    );
}

fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::read(path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn runs_are_signed_to_their_end_and_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    one_run(directory, signers(1, None), &statements(1, 200), false).unwrap();
    assert_eq!(signed(directory, 1).checkpoint.size, 403);
    one_run(directory, signers(1, None), &statements(2, 200), false).unwrap();
    assert_eq!(signed(directory, 1).checkpoint.size, 806);
    let report = checked(directory, &by(&[1])).unwrap();
    assert_eq!(
        (report.records, report.signed, report.statements),
        (806, 806, 400)
    );
    assert_eq!(report.origin, ORIGIN);
    assert!(report.remarks.is_empty(), "{:?}", report.remarks);
    // A run that was killed is signed by the next.
    one_run(directory, signers(1, None), &statements(3, 5), true).unwrap();
    assert!(signed(directory, 1).checkpoint.size < 818);
    one_run(directory, signers(1, None), &[], false).unwrap();
    let report = checked(directory, &by(&[1])).unwrap();
    assert_eq!((report.records, report.signed), (821, 821));
}

#[test]
fn a_log_from_before_checkpoints_is_signed_from_its_next_start() {
    let directory = tempfile::tempdir().unwrap();
    write_groups(directory.path(), 1, &statements(1, 150));
    one_run(directory.path(), signers(1, None), &statements(2, 3), false).unwrap();
    assert_eq!(checked(directory.path(), &by(&[1])).unwrap().records, 309);
}

#[test]
fn a_log_that_is_not_what_was_signed_refuses_to_start() {
    let origin = tempfile::tempdir().unwrap();
    one_run(origin.path(), signers(1, None), &statements(1, 100), false).unwrap();
    let root = signed(origin.path(), 1).checkpoint.root.to_string();
    let copied = || {
        let directory = tempfile::tempdir().unwrap();
        copy(origin.path(), directory.path());
        directory
    };

    let shorter = copied();
    let mut parts = Parts::read(shorter.path());
    parts.0.last_mut().unwrap().1.pop();
    parts.write();
    refuses(
        shorter.path(),
        1,
        &["has 202 records", "203 with root", &root],
    );

    // A tail that is torn, but was signed: it is not cut.
    let torn = copied();
    let last = last_segment(torn.path());
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() - 3]).unwrap();
    refuses(torn.path(), 1, &["has 202 records", "203 with root"]);

    let changed = copied();
    let mut parts = Parts::read(changed.path());
    parts.edit(0, 5, |record| record.time = Timestamp(8));
    parts.write();
    refuses(
        changed.path(),
        1,
        &["first 203 records", "have root", &root],
    );

    let unsigned = copied();
    fs::remove_file(unsigned.path().join(store::CHECKPOINT)).unwrap();
    refuses(
        unsigned.path(),
        1,
        &["checkpoint is missing", "203 records were signed"],
    );

    let stolen = copied();
    sign_again(stolen.path(), 9);
    refuses(
        stolen.path(),
        1,
        &["signed by no known key", "this gateway signs as"],
    );

    let garbled = copied();
    fs::write(garbled.path().join(store::CHECKPOINT), b"nothing").unwrap();
    refuses(garbled.path(), 1, &["not a signed note"]);

    let gone = copied();
    for (_, path) in read::segments(gone.path()).unwrap() {
        fs::remove_file(path).unwrap();
    }
    refuses(gone.path(), 1, &["has 0 records", "203 with root"]);
}

/// Signing what somebody has put behind the last checkpoint would make it true.
#[test]
fn what_no_gateway_would_have_left_behind_is_not_signed() {
    let with_tail = |killed, tail: Record| {
        let directory = tempfile::tempdir().unwrap();
        let groups = statements(1, 3);
        one_run(directory.path(), signers(1, None), &groups, killed).unwrap();
        let mut parts = Parts::read(directory.path());
        let (_, last) = parts.0.last_mut().unwrap();
        let sequence = last.last().unwrap().sequence + 1;
        last.push(Part {
            sequence,
            durable: sequence - 1,
            payload: encoded(&tail),
        });
        parts.write();
        directory
    };
    let handed_over = with_tail(true, record(0, signers(9, Some(1)).record()));
    let words = ["signing key that is not this gateway's"];
    refuses(handed_over.path(), 1, &words);
    let behind = with_tail(false, intent(7, 1));
    refuses(behind.path(), 1, &["stands behind the end of a run"]);
    let next_run = with_tail(false, gateway(recover::STARTED));
    start(next_run.path(), 1, false).expect("a run that was killed as it began");
    let busy = with_tail(true, intent(7, 1));
    start(busy.path(), 1, false).expect("a run that was killed at work");
}

/// What lies before the verified part is taken from tiles, if these lead to the signed root; from
/// the records otherwise.
#[test]
fn tiles_stand_for_what_is_not_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    one_run(directory, signers(1, None), &statements(1, 600), false).unwrap();
    let segments = read::segments(directory).unwrap();
    assert!(segments.len() > 4);
    let gone = Gone::default();
    let known = |from| Known {
        directory,
        segments: &segments,
        size: 1_203,
        verified_from: from,
        is_signed: true,
        gone: &gone,
    };
    let trust = Trust {
        keys: vec![key(1)],
        accepts_mismatch: false,
    };
    let whole = rebuild::build(&known(0), &trust).unwrap();
    assert_eq!(whole.edge.root(), signed(directory, 1).checkpoint.root);
    assert!(whole.missing.is_empty());
    let late = segments.len() - 2;
    let first = fs::read(&segments[0].1).unwrap();
    fs::write(&segments[0].1, b"not read").unwrap();
    let tail = rebuild::build(&known(late), &trust).unwrap();
    assert_eq!(tail.edge.root(), whole.edge.root());
    assert_eq!(tail.edge.partials(), whole.edge.partials());
    // A wrong tile leads elsewhere; the records are read after all, and the tile is made anew.
    let tile = directory.join("tile/1/000.p/4");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, bytes).unwrap();
    assert!(rebuild::build(&known(late), &trust).is_err());
    fs::write(&segments[0].1, first).unwrap();
    let again = rebuild::build(&known(late), &trust).unwrap();
    assert_eq!(again.edge.root(), whole.edge.root());
    fs::write(directory.join("tile/0/001"), b"short").unwrap();
    let again = rebuild::build(&known(0), &trust).unwrap();
    assert_eq!(again.missing.len(), 1);
}

#[test]
fn a_new_key_is_led_to_by_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    one_run(directory, signers(1, None), &statements(1, 5), false).unwrap();
    assert!(matches!(
        start(directory, 2, false),
        Err(RecoverError::Mismatch(_))
    ));
    one_run(directory, signers(2, Some(1)), &statements(2, 5), false).unwrap();
    one_run(directory, signers(2, None), &statements(3, 5), false).unwrap();
    one_run(directory, signers(3, Some(2)), &statements(4, 5), false).unwrap();
    one_run(directory, signers(3, None), &statements(5, 5), false).unwrap();
    for trusted in 1..=3 {
        assert_eq!(tamper::python(directory, trusted, &[]), None);
        let report = checked(directory, &by(&[trusted])).unwrap();
        assert_eq!(report.signed_by, [key(3).to_string()]);
        assert_eq!(
            report.remarks.len(),
            usize::from(3 - trusted),
            "{:?}",
            report.remarks
        );
    }
    assert!(checked(directory, &by(&[9])).is_err());
    let handovers = store::handovers(directory).unwrap();
    assert_eq!(handovers.len(), 2);
    fs::remove_file(&handovers[1].0).unwrap();
    let Err(Failure::Found(finding)) = checked(directory, &by(&[1])) else {
        panic!("nothing leads from the second key to the third");
    };
    assert!(
        matches!(finding.problem, Problem::Checkpoint(_)),
        "{finding}"
    );
    assert!(checked(directory, &by(&[3])).is_ok());
    // A checkpoint that leads to a key, over another state of the log.
    let (path, _) = &handovers[0];
    let forged = signers(9, Some(1)).sign(5, leaf_hash(b"")).unwrap();
    fs::write(path, forged).unwrap();
    let Err(Failure::Found(finding)) = checked(directory, &by(&[1])) else {
        panic!("a forged exchange of keys");
    };
    assert!(
        matches!(finding.problem, Problem::Handover { size: 5, .. }),
        "{finding}"
    );
}

/// What cannot be signed must not go on.
#[test]
fn a_checkpoint_that_cannot_be_written_fails_the_log() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(store::CHECKPOINT)).unwrap();
    fs::create_dir(directory.path().join(store::CHECKPOINT).join("full")).unwrap();
    let failed = run(async {
        let path = directory.path().to_owned();
        let mut publisher = Publisher::start(path, signers(1, None), Edge::default()).unwrap();
        publisher.stage(b"record");
        publisher.publish_if_due();
        assert!(publisher.due().is_none(), "nothing is on disk yet");
        publisher.committed();
        publisher.publish_if_due();
        publisher.done().await.unwrap_err()
    });
    assert_eq!(failed.doing, "publishing a checkpoint");
}

#[test]
fn while_a_gateway_writes_the_tail_is_no_fault() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    one_run(directory, signers(1, None), &statements(1, 5), true).unwrap();
    let mut bytes = fs::read(last_segment(directory)).unwrap();
    let end = *borders(&bytes).last().unwrap();
    bytes[end + 5] = 7;
    fs::write(last_segment(directory), bytes).unwrap();
    let Err(Failure::Found(finding)) = checked(directory, &by(&[1])) else {
        panic!("a torn tail");
    };
    assert!(matches!(finding.problem, Problem::Torn(_)), "{finding}");
    let lock = fs::File::open(directory.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let report = checked(directory, &by(&[1])).unwrap();
    assert_eq!(report.records, 12);
    assert!(
        report
            .remarks
            .iter()
            .any(|remark| remark.starts_with("a torn tail"))
    );
    drop(lock);
    let mut options = by(&[1]);
    assert!(checked(directory, &options).is_err());
    options.allows_unsigned = true;
    assert!(checked(directory, &options).is_ok());
}

/// Time that goes back is said, and no fault.
#[test]
fn a_clock_that_steps_back_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut groups = statements(1, 3);
    groups[1][0].time = Timestamp(60_000_000_000);
    one_run(directory.path(), signers(1, None), &groups, false).unwrap();
    let report = checked(directory.path(), &by(&[1])).unwrap();
    assert_eq!(report.clock_steps, 1);
    assert_eq!(report.largest_step, Some((59_999_999_993, 6)));
    assert!(report.remarks[0].contains("went back 1 times, at most by 59999 ms, at record 6"));
}
