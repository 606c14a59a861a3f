//! What is sent, and what is not yet.

use super::super::ship::cursor::{self, Cursor};
use super::super::ship::follow::Follow;
use super::runs::*;
use super::*;

fn followed(directory: &Path, records: usize, bytes: usize) -> Vec<u64> {
    let mut follow = Follow::new(directory);
    let mut sequences = Vec::new();
    loop {
        let batch = follow.batch(records, bytes).unwrap();
        if batch.records.is_empty() {
            return sequences;
        }
        assert!(batch.records.len() <= records);
        sequences.extend(batch.records.iter().map(|(sequence, _)| *sequence));
    }
}

#[test]
fn every_record_is_read_once_whatever_the_batch() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    one_run(path, signers(1, None), &statements(1, 150), false).unwrap();
    one_run(path, signers(1, None), &statements(2, 150), false).unwrap();
    assert!(read::segments(path).unwrap().len() > 3);
    let all: Vec<u64> = (1..=606).collect();
    for (records, bytes) in [
        (1, 1),
        (7, usize::MAX),
        (1_000, 500),
        (usize::MAX, usize::MAX),
    ] {
        assert_eq!(followed(path, records, bytes), all, "{records} {bytes}");
    }
}

/// What nobody has signed could still be cut off: it is not sent.
#[test]
fn what_is_not_signed_waits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    one_run(path, signers(1, None), &statements(1, 50), false).unwrap();
    let signed = checked(path, &by(&[1])).unwrap().signed;
    let mut follow = Follow::new(path);
    write_groups(path, signed + 1, &[vec![gateway(recover::STARTED)]]);
    let mut last = 0;
    while let Some(sequence) = follow.batch(30, usize::MAX).unwrap().records.last() {
        last = sequence.0;
    }
    assert_eq!(last, signed);
    // The next run signs it, and what it adds; the same reader goes on.
    one_run(path, signers(1, None), &statements(2, 5), false).unwrap();
    let batch = follow.batch(1_000, usize::MAX).unwrap();
    assert_eq!(batch.first(), signed + 1);
    assert_eq!(batch.last(), checked(path, &by(&[1])).unwrap().signed);
    follow.go_to(3);
    assert_eq!(follow.batch(1, 1).unwrap().first(), 3);
}

#[test]
fn damage_is_not_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    one_run(path, signers(1, None), &statements(1, 20), false).unwrap();
    let segment = last_segment(path);
    let mut bytes = fs::read(&segment).unwrap();
    let at = borders(&bytes)[5] + 30;
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut follow = Follow::new(path);
    assert_eq!(follow.batch(100, usize::MAX).unwrap().last(), 5);
    assert!(follow.batch(100, usize::MAX).is_err());
}

#[test]
fn a_cursor_that_is_none_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = cursor::path(folder.path(), "siem");
    assert_eq!(cursor::load(&path), Cursor::default());
    cursor::store(&path, &Cursor::taken(7)).unwrap();
    assert_eq!(cursor::load(&path).sequence, 7);
    fs::write(&path, "{").unwrap();
    assert_eq!(cursor::load(&path).sequence, 0);
}
