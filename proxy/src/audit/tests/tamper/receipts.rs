//! What a receipt says is what was signed.

use velum_core::audit::receipt::{Commitment, Leaves, Receipt, ReceiptColumn};

use super::*;

/// What is changed, and how.
type Change = (&'static str, fn(&mut Receipt));

fn receipt() -> Receipt {
    Receipt {
        policies: vec![[1; 32]],
        detectors: [2; 32],
        statements: 200,
        rows: 400,
        bytes: 9_000,
        is_cut: false,
        columns: vec![ReceiptColumn {
            column: "public.patients.ssn".to_owned(),
            rows: 400,
            masked: vec![("ssn".to_owned(), 399)],
            missed: 1,
            commitment: Some(Commitment {
                key: [3; 32],
                values: 17,
                root: [4; 32],
            }),
        }],
        leaves: Some(Leaves {
            file: "x.velumreceipt".to_owned(),
            sha256: [5; 32],
        }),
    }
}

fn log() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut groups = statements(1, 3);
    groups.push(vec![record(1, Body::Receipt(receipt()))]);
    one_run(directory.path(), signers(1, None), &groups, false).unwrap();
    directory
}

/// Writes another receipt in its place, with a good checksum.
fn rewrite(directory: &Path, change: impl Fn(&mut Receipt)) {
    let mut is_changed = false;
    reframe(directory, |parts| {
        for part in parts.0.iter_mut().flat_map(|(_, parts)| parts) {
            let mut found = Record::decode(&part.payload).unwrap();
            if let Body::Receipt(receipt) = &mut found.body {
                change(receipt);
                part.payload.clear();
                found.encode(&mut part.payload);
                is_changed = true;
            }
        }
    });
    assert!(is_changed);
}

#[test]
fn a_receipt_is_what_was_signed() {
    let untouched = log();
    assert_eq!(rust(untouched.path(), 1, Vec::new()), None);
    assert_eq!(python(untouched.path(), 1, &[]), None);
    let changes: [Change; 9] = [
        ("policy", |it| it.policies[0][0] ^= 1),
        ("another policy", |it| it.policies.push([9; 32])),
        ("detectors", |it| it.detectors[31] ^= 1),
        ("rows", |it| it.rows -= 1),
        ("a column", |it| it.columns.clear()),
        ("cells", |it| it.columns[0].masked[0].1 -= 1),
        ("what is missing", |it| it.columns[0].missed = 0),
        ("root", |it| {
            it.columns[0].commitment.as_mut().unwrap().root[0] ^= 1;
        }),
        ("leaves", |it| it.leaves = None),
    ];
    for (what, change) in changes {
        let directory = log();
        rewrite(directory.path(), change);
        let said = rust(directory.path(), 1, Vec::new());
        assert!(said.is_some(), "{what} was changed unseen");
        let other = python(directory.path(), 1, &[]).unwrap_or_default();
        assert!(
            other.contains("not those that were signed"),
            "{what}: {other}"
        );
    }
}

#[test]
fn a_receipt_has_one_encoding() {
    let mut bytes = Vec::new();
    let record = record(1, Body::Receipt(receipt()));
    record.encode(&mut bytes);
    // The flags of what may be missing, and of what is cut.
    let flags: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == 1).collect();
    for at in flags {
        let mut spoilt = bytes.clone();
        spoilt[at] = 2;
        if let Ok(other) = Record::decode(&spoilt) {
            let mut again = Vec::new();
            other.encode(&mut again);
            assert_eq!(again, spoilt, "byte {at}");
        }
    }
    for length in 0..bytes.len() {
        assert!(Record::decode(&bytes[..length]).is_err());
    }
}
