//! What somebody with the disk, but not with the key, may try; and what he may try with it.
//!
//! Each attempt is judged by `verify` and by `docs/verify_audit.py`, which share no code.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::super::store::CHECKPOINT;
use super::super::verify::{Anchor, Failure, Options};
use super::runs::*;
use super::*;

mod random;
mod receipts;

/// The log, and how it was before its second run.
static LOG: LazyLock<[TempDir; 2]> = LazyLock::new(|| {
    let [log, older] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    one_run(log.path(), signers(1, None), &statements(1, 200), false).unwrap();
    copy(log.path(), older.path());
    one_run(log.path(), signers(1, None), &statements(2, 200), false).unwrap();
    [log, older]
});

fn copied() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(LOG[0].path(), directory.path());
    directory
}

fn anchor(directory: &Path) -> Anchor {
    Anchor {
        name: "kept".to_owned(),
        bytes: fs::read(directory.join(CHECKPOINT)).unwrap(),
    }
}

/// What the Rust verifier says; `None` if it is content.
fn rust(directory: &Path, seed: u8, anchors: Vec<Anchor>) -> Option<String> {
    let options = Options {
        anchors,
        ..by(&[seed])
    };
    match checked(directory, &options) {
        Ok(_) => None,
        Err(Failure::Found(finding)) => Some(finding.to_string()),
        Err(other) => panic!("{other}"),
    }
}

/// What the Python verifier says; `None` if it is content.
pub(super) fn python(directory: &Path, seed: u8, anchors: &[Anchor]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_audit.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).arg(directory);
    command.args(["--key", &key(seed).to_string()]);
    let kept = tempfile::tempdir().unwrap();
    for anchor in anchors {
        let path = kept.path().join(&anchor.name);
        fs::write(&path, &anchor.bytes).unwrap();
        command.arg("--checkpoint").arg(path);
    }
    let output = command.output().unwrap();
    match output.status.code() {
        Some(0) => None,
        Some(1) => Some(String::from_utf8(output.stderr).unwrap()),
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn segment_file(directory: &Path, index: usize) -> PathBuf {
    read::segments(directory).unwrap()[index].1.clone()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << (at % 8);
    fs::write(path, bytes).unwrap();
}

fn frame_of(directory: &Path, index: usize) -> usize {
    borders(&fs::read(segment_file(directory, 1)).unwrap())[index]
}

/// Reads, changes and writes the frames, checksums and all.
fn reframe(directory: &Path, change: impl FnOnce(&mut Parts)) {
    let mut parts = Parts::read(directory);
    change(&mut parts);
    parts.write();
}

/// What is done, and what the two verifiers say to it.
type Attempt = (&'static str, fn(&Path), &'static str, &'static str);

/// Bits and bytes.
const DAMAGE: &[Attempt] = &[
    (
        "magic",
        |d| flip(&segment_file(d, 1), 3),
        "the segment has no header",
        "not the header",
    ),
    (
        "version",
        |d| flip(&segment_file(d, 1), 11),
        "the segment has no header",
        "not the header",
    ),
    (
        "first",
        |d| flip(&segment_file(d, 1), 23),
        "the segment has no header",
        "not the header",
    ),
    (
        "padding",
        |d| flip(&segment_file(d, 1), 30),
        "the segment has no header",
        "not the header",
    ),
    (
        "length",
        |d| flip(&segment_file(d, 1), frame_of(d, 4) + 3),
        "checksum",
        "checksum",
    ),
    (
        "huge length",
        |d| flip(&segment_file(d, 1), frame_of(d, 4)),
        "length that no",
        "checksum",
    ),
    (
        "checksum",
        |d| flip(&segment_file(d, 1), frame_of(d, 4) + 5),
        "checksum",
        "checksum",
    ),
    (
        "sequence",
        |d| flip(&segment_file(d, 1), frame_of(d, 4) + 14),
        "checksum",
        "checksum",
    ),
    (
        "durable",
        |d| flip(&segment_file(d, 1), frame_of(d, 4) + 23),
        "checksum",
        "checksum",
    ),
    (
        "payload",
        |d| flip(&segment_file(d, 1), frame_of(d, 4) + 60),
        "checksum",
        "checksum",
    ),
    (
        "cut in the middle of a frame",
        |d| {
            let path = last_segment(d);
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..bytes.len() - 9]).unwrap();
        },
        "the frame reaches beyond the segment",
        "not a frame",
    ),
    (
        "bytes behind the end",
        |d| {
            let path = last_segment(d);
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend_from_slice(&[0; 99]);
            fs::write(path, bytes).unwrap();
        },
        "99 bytes follow the last record",
        "99 bytes follow",
    ),
];

/// Frames with good checksums, by somebody who knows the format.
const REWRITING: &[Attempt] = &[
    (
        "another durable",
        |d| reframe(d, |parts| parts.0[1].1[4].durable -= 3),
        "was on disk before it, which no write did",
        "no write said so",
    ),
    (
        "a payload that is no record",
        |d| reframe(d, |parts| parts.0[1].1[4].payload.truncate(40)),
        "not a record: record ends too early",
        "not a record",
    ),
    (
        "another version",
        |d| reframe(d, |parts| parts.0[1].1[4].payload[4] = 2),
        "not a record: unknown record version 2",
        "not a record",
    ),
    (
        "an edited statement",
        |d| {
            reframe(d, |parts| {
                parts.edit(1, 5, |record| record.identity = "somebody".into());
            });
        },
        "not the record that was signed",
        "are not those that were signed",
    ),
    (
        "back-dated",
        |d| {
            reframe(d, |parts| {
                parts.edit(1, 5, |record| record.time = Timestamp(6))
            })
        },
        "not the record that was signed",
        "are not those that were signed",
    ),
    (
        "deleted",
        |d| reframe(d, |parts| drop(parts.0[1].1.remove(5))),
        "records are missing, doubled or moved",
        "the frame here is of record",
    ),
    (
        "inserted",
        |d| {
            reframe(d, |parts| {
                let part = parts.0[1].1[5].clone();
                parts.0[1].1.insert(5, part);
            });
        },
        "records are missing, doubled or moved",
        "the frame here is of record",
    ),
    (
        "reordered",
        |d| reframe(d, |parts| parts.0[1].1.swap(5, 9)),
        "records are missing, doubled or moved",
        "the frame here is of record",
    ),
    (
        "deleted and renumbered",
        |d| {
            reframe(d, |parts| {
                parts.0[1].1.drain(4..6);
                parts.renumber();
            });
        },
        "but 806 were signed: its end was cut off",
        "but 806 were signed",
    ),
    (
        "exchanged and renumbered",
        |d| {
            reframe(d, |parts| {
                let text = |record: &mut Record| {
                    if let Body::Intent { text, .. } = &mut record.body {
                        *text = "select 2".into();
                    }
                };
                parts.edit(1, 4, text);
                parts.edit(1, 5, text);
                parts.renumber();
            });
        },
        "not the record that was signed",
        "are not those that were signed",
    ),
    (
        "cut at a frame",
        |d| reframe(d, |parts| drop(parts.0.last_mut().unwrap().1.pop())),
        "but 806 were signed: its end was cut off",
        "but 806 were signed",
    ),
    (
        "continued",
        |d| {
            reframe(d, |parts| {
                let durable = 806;
                let payload = encoded(&gateway("draining"));
                let (_, last) = parts.0.last_mut().unwrap();
                last.push(Part {
                    sequence: 807,
                    durable,
                    payload,
                });
            });
        },
        "from here on 1 records are not signed",
        "the last 1 records are not signed",
    ),
];

/// Files as wholes.
const FILES: &[Attempt] = &[
    (
        "segments exchanged",
        |d| {
            let (a, b) = (segment_file(d, 1), segment_file(d, 2));
            let (one, other) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
            fs::write(a, other).unwrap();
            fs::write(b, one).unwrap();
        },
        "the segment has no header",
        "not the header",
    ),
    (
        "a segment deleted",
        |d| fs::remove_file(segment_file(d, 2)).unwrap(),
        "segments are missing",
        "should begin with record",
    ),
    (
        "the first deleted",
        |d| fs::remove_file(segment_file(d, 0)).unwrap(),
        "the segment should begin with record 1:",
        "should begin with record 1",
    ),
    (
        "the last deleted",
        |d| fs::remove_file(last_segment(d)).unwrap(),
        "but 806 were signed: its end was cut off",
        "but 806 were signed",
    ),
    (
        "no checkpoint",
        |d| fs::remove_file(d.join(CHECKPOINT)).unwrap(),
        "there is no signed checkpoint",
        "there is no signed checkpoint",
    ),
    (
        "a checkpoint with another size",
        |d| {
            let text = fs::read_to_string(d.join(CHECKPOINT)).unwrap();
            fs::write(d.join(CHECKPOINT), text.replace("\n806\n", "\n805\n")).unwrap();
        },
        "does not fit the text",
        "does not fit",
    ),
    (
        "the older checkpoint",
        |d| {
            fs::copy(LOG[1].path().join(CHECKPOINT), d.join(CHECKPOINT)).unwrap();
        },
        "from here on 403 records are not signed",
        "the last 403 records are not signed",
    ),
    (
        "signed with another key",
        |d| sign_again(d, 9),
        "signed by no known key, but by log.example",
        "signed by no known key of log.example, but by log.example",
    ),
    (
        "edited, and all computed anew with another key",
        |d| {
            reframe(d, |parts| {
                parts.edit(1, 5, |record| record.identity = "somebody".into());
            });
            sign_again(d, 9);
        },
        "signed by no known key, but by log.example",
        "signed by no known key of log.example, but by log.example",
    ),
    (
        "edited, and the tiles computed anew",
        |d| {
            reframe(d, |parts| {
                parts.edit(1, 5, |record| record.identity = "somebody".into());
            });
            let checkpoint = fs::read(d.join(CHECKPOINT)).unwrap();
            sign_again(d, 9);
            fs::write(d.join(CHECKPOINT), checkpoint).unwrap();
        },
        "and so were the tiles that would say which",
        "are not those that were signed",
    ),
];

/// By somebody with the key: what the records themselves say against it.
const INSIDE: &[Attempt] = &[
    (
        "an INTENT taken out",
        |d| {
            reframe(d, |parts| {
                let at = parts.0[1].1.iter().position(|part| part.payload[5] == 3);
                parts.0[1].1.remove(at.unwrap());
                parts.renumber();
            });
            sign_again(d, 1);
        },
        "of which there is no INTENT",
        "a statement that never began",
    ),
    (
        "an OUTCOME taken out",
        |d| {
            reframe(d, |parts| {
                let at = parts.0[1].1.iter().position(|part| part.payload[5] == 4);
                parts.0[1].1.remove(at.unwrap());
                parts.renumber();
            });
            sign_again(d, 1);
        },
        "is not recorded, and the next start did not say so",
        "the end of a statement is not recorded",
    ),
    (
        "an INTENT doubled",
        |d| {
            reframe(d, |parts| {
                let at = parts.0[1].1.iter().position(|part| part.payload[5] == 3);
                let part = parts.0[1].1[at.unwrap()].clone();
                parts.0[1].1.insert(at.unwrap(), part);
                parts.renumber();
            });
            sign_again(d, 1);
        },
        "a second INTENT of statement",
        "a second INTENT",
    ),
];

#[test]
fn both_verifiers_refuse_whatever_was_done_each_with_words_of_its_own() {
    assert_eq!(
        rust(LOG[0].path(), 1, vec![]),
        None,
        "the log is good as it is"
    );
    assert_eq!(
        python(LOG[0].path(), 1, &[]),
        None,
        "the log is good as it is"
    );
    let mut words = BTreeSet::new();
    for (name, attempt, rust_says, python_says) in [DAMAGE, REWRITING, FILES, INSIDE].concat() {
        let directory = copied();
        attempt(directory.path());
        let said = rust(directory.path(), 1, vec![]);
        let said = said.unwrap_or_else(|| panic!("{name}: accepted"));
        assert!(said.contains(rust_says), "{name}: {said}");
        let said = python(directory.path(), 1, &[]);
        let said = said.unwrap_or_else(|| panic!("{name}: accepted by Python"));
        assert!(said.contains(python_says), "{name}: {said}");
        words.insert(rust_says);
    }
    assert!(words.len() > 20, "only {} different refusals", words.len());
}

#[test]
fn the_first_bad_record_is_named() {
    let directory = copied();
    let sequence = Parts::read(directory.path()).0[1].1[5].sequence;
    reframe(directory.path(), |parts| {
        parts.edit(1, 5, |record| record.identity = "somebody".into());
    });
    let segment = segment_file(directory.path(), 1);
    let name = segment.file_name().unwrap().to_str().unwrap();
    let said = rust(directory.path(), 1, vec![]).unwrap();
    let offset = frame_of(directory.path(), 5);
    assert!(
        said.starts_with(&format!(
            "record {sequence} ({name}, offset {offset}): not the record"
        )),
        "{said}"
    );
}

#[test]
fn tiles_that_are_not_the_tree_are_found() {
    let directory = copied();
    flip(&directory.path().join("tile/0/001"), 700);
    let said = rust(directory.path(), 1, vec![]).unwrap();
    assert!(
        said.contains("tile/0/001 has other hashes than the records, which are as"),
        "{said}"
    );
    fs::remove_file(directory.path().join("tile/0/001")).unwrap();
    let said = rust(directory.path(), 1, vec![]).unwrap();
    assert!(said.contains("tile/0/001 is missing"), "{said}");
}

/// An older state of everything is a good log, but for who has seen the newer one.
#[test]
fn a_roll_back_is_found_by_a_newer_checkpoint_alone() {
    let [log, older] = &*LOG;
    assert_eq!(rust(older.path(), 1, vec![]), None);
    assert_eq!(python(older.path(), 1, &[]), None);
    let said = rust(older.path(), 1, vec![anchor(log.path())]).unwrap();
    assert!(
        said.contains("rolled back: it has 403 records, but 806"),
        "{said}"
    );
    let said = python(older.path(), 1, &[anchor(log.path())]).unwrap();
    assert!(
        said.contains("rolled back from 806 records to 403"),
        "{said}"
    );
    // The other way round it is what logs do.
    assert_eq!(rust(log.path(), 1, vec![anchor(older.path())]), None);
    assert_eq!(python(log.path(), 1, &[anchor(older.path())]), None);
}

/// Two logs of one size, both signed by the key itself.
#[test]
fn a_fork_is_found_by_a_checkpoint_of_the_other_branch_alone() {
    let fork = copied();
    reframe(fork.path(), |parts| {
        parts.edit(1, 5, |record| record.identity = "somebody".into());
    });
    sign_again(fork.path(), 1);
    assert_eq!(rust(fork.path(), 1, vec![]), None);
    assert_eq!(python(fork.path(), 1, &[]), None);
    for kept in LOG.iter().map(|log| anchor(log.path())) {
        let said = python(fork.path(), 1, std::slice::from_ref(&kept)).unwrap();
        assert!(said.contains("rewritten or forked"), "{said}");
        let said = rust(fork.path(), 1, vec![kept]).unwrap();
        assert!(said.contains("rewritten or forked"), "{said}");
    }
}

/// Everything by a key of the attacker's: found by the key, and by nothing else.
#[test]
fn a_log_of_the_attackers_own_is_found_by_the_key_alone() {
    let forged = tempfile::tempdir().unwrap();
    one_run(forged.path(), signers(9, None), &statements(1, 20), false).unwrap();
    assert!(rust(forged.path(), 1, vec![]).is_some());
    let report = checked(forged.path(), &Options::default()).unwrap();
    assert!(report.remarks[0].starts_with("no key of the log was given"));
    assert_eq!(rust(forged.path(), 9, vec![]), None);
    let said = rust(LOG[0].path(), 1, vec![anchor(forged.path())]).unwrap();
    assert!(said.starts_with("kept: signed by no known key"), "{said}");
}

#[test]
fn a_session_is_reported_by_its_name() {
    let mut options = by(&[1]);
    options.session = Some(format!("{:032x}", 2));
    let report = checked(LOG[0].path(), &options).unwrap().session.unwrap();
    assert_eq!((report.records, report.statements), (400, 200));
    assert_eq!((report.first, report.last), (406, 805));
    assert_eq!(
        (report.identity.as_str(), report.resource.as_str()),
        ("agent", "ehr")
    );
    options.session = Some("77".to_owned());
    let Err(Failure::Found(finding)) = checked(LOG[0].path(), &options) else {
        panic!("there is no such session");
    };
    assert!(
        finding
            .to_string()
            .contains("no session whose name begins with 77")
    );
}
