#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use velum_core::audit::receipt::claim::{Shown, claim};
use velum_core::audit::receipt::values::{Kept, Secret};
use velum_core::audit::receipt::{Leaves, Receipt, ReceiptColumn};
use velum_core::audit::record::SessionId;

use super::leaves::{self, LeavesError, Marks};
use super::notary::committed;
use crate::seal::Sealer;

const SSN: &str = "public.patients.ssn";
const CANARY: &[u8] = b"531-77-0294";

fn marks() -> Marks {
    let mut kept = Kept::new(Secret::new([5; 32]), 100);
    let ssn = kept.column(SSN).unwrap();
    let note = kept.column("#2").unwrap();
    kept.add(ssn, CANARY);
    kept.add(ssn, b"531-77-0295");
    kept.add(note, b"Miller");
    let (secret, columns) = kept.into_marks();
    Marks { secret, columns }
}

fn written(sealer: &Sealer) -> (tempfile::TempDir, Leaves) {
    let directory = tempfile::tempdir().unwrap();
    let leaves = leaves::write(directory.path(), sealer, SessionId(9), &marks()).unwrap();
    (directory, leaves)
}

fn sealer() -> Sealer {
    Sealer::of_key(&[1; 32]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn leaves_come_back_and_prove_what_the_record_commits_to() {
    let (directory, leaves) = written(&sealer());
    let read = leaves::read(directory.path(), &sealer(), SessionId(9), &leaves).unwrap();
    assert!(read.columns == marks().columns);
    let columns = [SSN, "#2"].map(|name| ReceiptColumn {
        column: name.to_owned(),
        ..ReceiptColumn::default()
    });
    let receipt = Receipt {
        columns: columns.to_vec(),
        ..Receipt::default()
    };
    let receipt = committed(receipt, &read);
    let (name, ssn) = read.columns.first().unwrap();
    let shown = |value: &[u8]| {
        let claim = claim(&read.secret, name, ssn, value);
        claim.check(&receipt, value)
    };
    assert_eq!(shown(CANARY), Ok(Shown::Masked));
    assert_eq!(shown(b"Miller"), Ok(Shown::NotMasked));
}

#[test]
fn the_file_is_sealed_and_stands_for_its_session_alone() {
    let (directory, leaves) = written(&sealer());
    let path = directory.path().join(&leaves.file);
    let bytes = std::fs::read(&path).unwrap();
    let all = marks();
    for (_, marks) in &all.columns {
        for mark in marks {
            assert!(!bytes.windows(mark.len()).any(|window| window == mark));
        }
    }
    let open = |session, sealer: &Sealer, leaves: &Leaves| {
        leaves::read(directory.path(), sealer, SessionId(session), leaves).err()
    };
    assert!(open(9, &sealer(), &leaves).is_none());
    assert!(matches!(
        open(8, &sealer(), &leaves),
        Some(LeavesError::Io(..))
    ));
    let other = Sealer::of_key(&[2; 32]).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(
        open(9, &other, &leaves),
        Some(LeavesError::Seal(_))
    ));
    let mut changed = bytes;
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert!(matches!(
        open(9, &sealer(), &leaves),
        Some(LeavesError::Other)
    ));
}

#[test]
fn a_column_that_has_no_place_is_said_to_be_missing() {
    let receipt = committed(Receipt::default(), &marks());
    let others = receipt.columns.first().unwrap();
    assert_eq!((others.column.as_str(), others.missed), ("others", 3));
    assert!(others.commitment.is_none());
}
