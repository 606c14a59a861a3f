//! What a search finds is what reading the whole log finds, whatever the index says.

use super::super::index::{self, Wanted, build, search};
use super::runs::{one_run, signers, statements};
use super::*;

/// Two runs over several segments; sessions 1 to 20 take turns.
fn log() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let turns: Vec<_> = (1..=20u128)
        .flat_map(|session| statements(session, 20))
        .collect();
    one_run(directory.path(), signers(1, None), &turns, false).unwrap();
    let mut named = record(21, intent(21, 1).body);
    named.identity = "other".into();
    named.time = Timestamp(70);
    let more = [vec![named], statements(3, 90).concat()];
    one_run(directory.path(), signers(1, None), &more, true).unwrap();
    assert!(read::segments(directory.path()).unwrap().len() > 4);
    directory
}

fn found(directory: &Path, wanted: &Wanted) -> Vec<u64> {
    let mut found = Vec::new();
    search(directory, wanted, |sequence, _| {
        found.push(sequence);
        true
    })
    .unwrap();
    found
}

fn by_reading(directory: &Path, is_wanted: impl Fn(&Record) -> bool) -> Vec<u64> {
    let all = read_all(directory).unwrap().into_iter();
    let wanted = all.filter(|(_, record)| is_wanted(record));
    wanted.map(|(sequence, _)| sequence).collect()
}

fn name(session: u128) -> Wanted {
    Wanted {
        session: Some(format!("{session:032x}")),
        ..Wanted::default()
    }
}

/// Several searches, each compared with what reading everything gives.
fn searches_are_right(directory: &Path) {
    for session in [1, 3, 21, 22] {
        let expected = by_reading(directory, |record| record.session.0 == session);
        assert_eq!(
            found(directory, &name(session)),
            expected,
            "session {session}"
        );
    }
    let other = Wanted {
        identity: Some("other".to_owned()),
        ..Wanted::default()
    };
    let expected = by_reading(directory, |record| &*record.identity == "other");
    assert_eq!((found(directory, &other), expected.len()), (expected, 1));
    let both = Wanted {
        resource: Some("ehr".to_owned()),
        ..name(3)
    };
    assert_eq!(found(directory, &both), found(directory, &name(3)));
    let neither = Wanted {
        resource: Some("billing".to_owned()),
        ..name(3)
    };
    assert!(found(directory, &neither).is_empty());
    let late = Wanted {
        from: Timestamp(70),
        to: Timestamp(71),
        ..Wanted::default()
    };
    let expected = by_reading(directory, |record| record.time == Timestamp(70));
    assert_eq!(found(directory, &late), expected);
    let all = by_reading(directory, |_| true);
    assert_eq!(found(directory, &Wanted::default()), all);
}

#[test]
fn a_search_finds_what_reading_finds() {
    let log = log();
    searches_are_right(log.path());
    let segments = read::segments(log.path()).unwrap().len();
    let made = build(log.path(), false, &mut |_| {}).unwrap();
    assert_eq!(made, 0, "the searches have made them");
    let made = build(log.path(), true, &mut |_| {}).unwrap();
    assert_eq!(made, segments - 1, "all but the one that may still grow");
    searches_are_right(log.path());
}

/// Damaged, exchanged, cut, and gone: the log is what counts.
#[test]
fn an_index_that_is_wrong_is_made_again() {
    let log = log();
    build(log.path(), false, &mut |_| {}).unwrap();
    let folder = log.path().join(index::FOLDER);
    let files = || {
        let entries = fs::read_dir(&folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let kept = files();
    for at in [0, 9, 13, 21, 30, 34, 40, 60] {
        let mut bytes = fs::read(&kept[1]).unwrap();
        bytes[at] ^= 1;
        fs::write(&kept[1], bytes).unwrap();
        searches_are_right(log.path());
    }
    fs::copy(&kept[0], &kept[2]).unwrap();
    searches_are_right(log.path());
    fs::write(&kept[0], b"VELUMIDX").unwrap();
    searches_are_right(log.path());
    fs::write(folder.join("stray.idx"), b"x").unwrap();
    fs::remove_file(&kept[1]).unwrap();
    searches_are_right(log.path());
    assert_eq!(files(), kept);
    // It names whom the log names, and nothing that statements say.
    for file in kept {
        let bytes = fs::read(file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("agent") && !text.contains("select"));
    }
}

#[test]
fn a_damaged_segment_is_said_to_be() {
    let log = log();
    let (_, path) = &read::segments(log.path()).unwrap()[1];
    let mut bytes = fs::read(path).unwrap();
    let at = borders(&bytes)[3] + 30;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    let failed = search(log.path(), &Wanted::default(), |_, _| true);
    assert!(
        matches!(failed, Err(ReadError::Damaged { .. })),
        "{failed:?}"
    );
}
