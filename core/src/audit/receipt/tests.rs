#![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::claim::{Claim, ClaimError, Part, Shown, claim};
use super::file::{ReceiptFile, fuzz_file};
use super::leaf::{Leaves, PARTS};
use super::values::{Kept, Mark, Secret, key_hash};
use super::{Commitment, Counts, Receipt, ReceiptColumn};
use crate::audit::record::{Body, Record};
use crate::limits::RECEIPT_COLUMNS;

const COLUMN: &str = "public.patients.ssn";

fn secret() -> Secret {
    Secret::new([7; 32])
}

/// A receipt over these values, and their marks.
fn committed(values: &BTreeSet<Vec<u8>>, missed: u64) -> (Receipt, Vec<Mark>) {
    let mut kept = Kept::new(secret(), usize::MAX);
    let column = kept.column(COLUMN).unwrap_or(usize::MAX);
    for value in values.iter().chain(values) {
        kept.add(column, value);
    }
    let (secret, mut marks) = kept.into_marks();
    let (_, marks) = marks.remove(0);
    let commitment = Commitment {
        key: key_hash(&secret.column(COLUMN)),
        values: marks.len() as u64,
        root: Leaves::new(&secret, COLUMN).root(&marks).0,
    };
    let column = ReceiptColumn {
        column: COLUMN.to_owned(),
        missed,
        commitment: Some(commitment),
        ..ReceiptColumn::default()
    };
    let receipt = Receipt {
        columns: vec![column],
        ..Receipt::default()
    };
    (receipt, marks)
}

fn values() -> impl Strategy<Value = BTreeSet<Vec<u8>>> {
    btree_set(vec(any::<u8>(), 0..12), 0..40)
}

/// Changes one thing of a claim.
fn spoil(claim: &mut Claim, what: usize, at: Index, by: u8) -> bool {
    let count = claim.leaves.len();
    let leaf = match count {
        0 => None,
        _ => claim.leaves.get_mut(at.index(count)),
    };
    match (what, leaf) {
        (0, _) => claim.key[at.index(32)] ^= by,
        (1, Some(leaf)) => leaf.index = leaf.index.wrapping_add(u64::from(by)),
        (2, Some(leaf)) => match &mut leaf.parts[at.index(PARTS)] {
            Part::Open { part, .. } => part[0] ^= by,
            Part::Hidden(hidden) => hidden[at.index(32)] ^= by,
        },
        (3, Some(leaf)) => match &mut leaf.parts[at.index(PARTS)] {
            Part::Open { salt, .. } => salt[at.index(16)] ^= by,
            Part::Hidden(hidden) => hidden[at.index(32)] ^= by,
        },
        (4, Some(leaf)) if !leaf.path.is_empty() => {
            let place = at.index(leaf.path.len());
            leaf.path[place].0[at.index(32)] ^= by;
        }
        (5, Some(leaf)) => drop(leaf.path.pop()),
        (6, Some(_)) => drop(claim.leaves.remove(at.index(count))),
        (7, Some(leaf)) => {
            let again = leaf.clone();
            claim.leaves.push(again);
        }
        _ => return false,
    }
    true
}

proptest! {
    #[test]
    fn what_was_masked_is_shown_and_what_was_not(
        values in values(), other in vec(any::<u8>(), 0..12),
    ) {
        let (receipt, marks) = committed(&values, 0);
        for value in &values {
            let claim = claim(&secret(), COLUMN, &marks, value);
            prop_assert_eq!(claim.check(&receipt, value), Ok(Shown::Masked));
        }
        let claim = claim(&secret(), COLUMN, &marks, &other);
        let expected = match values.contains(&other) {
            true => Shown::Masked,
            false => Shown::NotMasked,
        };
        prop_assert_eq!(claim.check(&receipt, &other), Ok(expected));
    }

    /// Whatever is changed of a claim, it never comes to say the contrary.
    #[test]
    fn a_changed_claim_shows_nothing_else(
        values in values(), other in vec(any::<u8>(), 0..12),
        what in 0usize..8, at: Index, by in 1u8..,
    ) {
        let (receipt, marks) = committed(&values, 0);
        for value in values.iter().chain([&other]) {
            let made = claim(&secret(), COLUMN, &marks, value);
            let truth = made.check(&receipt, value);
            prop_assert!(truth.is_ok());
            let mut spoilt = made.clone();
            if spoil(&mut spoilt, what, at, by) && spoilt != made {
                prop_assert!(spoilt.check(&receipt, value).is_err(), "{} {:?}", what, spoilt);
            }
        }
    }

    /// A claim about one value shows nothing of another, but that the other is not there either if
    /// it would stand in the same place, or beyond the one at an end.
    #[test]
    fn a_claim_is_about_its_value(values in values(), other in vec(any::<u8>(), 0..12)) {
        let (receipt, marks) = committed(&values, 0);
        for value in &values {
            let made = claim(&secret(), COLUMN, &marks, value);
            if *value != other {
                let of_other = made.check(&receipt, &other);
                let is_right = of_other == Ok(Shown::NotMasked) && !values.contains(&other);
                prop_assert!(is_right || of_other == Err(ClaimError::Place));
            }
            let absent = claim(&secret(), COLUMN, &marks, &other);
            if !values.contains(&other) {
                prop_assert_ne!(absent.check(&receipt, value), Ok(Shown::NotMasked));
            }
        }
    }
}

#[test]
fn of_a_neighbour_only_its_place_is_shown() {
    let values: BTreeSet<Vec<u8>> = (0..1_000).map(|n: u32| n.to_be_bytes().to_vec()).collect();
    let (receipt, marks) = committed(&values, 0);
    for n in 1_000u32..1_100 {
        let value = n.to_be_bytes();
        let made = claim(&secret(), COLUMN, &marks, &value);
        assert_eq!(made.check(&receipt, &value), Ok(Shown::NotMasked));
        for leaf in &made.leaves {
            let is_open = |part: &&Part| matches!(part, Part::Open { .. });
            let open = leaf.parts.iter().filter(is_open).count();
            assert!(open <= 7, "{open} parts of a neighbour are shown");
        }
    }
}

#[test]
fn what_has_no_room_is_said_to_be_missing() {
    let mut kept = Kept::new(secret(), 2);
    let column = kept.column(COLUMN);
    for value in [b"1", b"2", b"1", b"3", b"3", b"2"] {
        kept.add(column.unwrap_or(usize::MAX), value);
    }
    kept.miss(column);
    kept.miss(None);
    let missed: Vec<_> = kept
        .missed()
        .map(|(name, cells)| (name.to_owned(), cells))
        .collect();
    assert_eq!(missed, [(COLUMN.to_owned(), 3), (String::new(), 1)]);
    let (_, marks) = kept.into_marks();
    assert_eq!(marks[0].1.len(), 2);
    let one = BTreeSet::from([b"1".to_vec()]);
    let (receipt, marks) = committed(&one, 3);
    let shown = |value: &[u8]| claim(&secret(), COLUMN, &marks, value).check(&receipt, value);
    assert_eq!(shown(b"1"), Ok(Shown::Masked));
    assert_eq!(shown(b"2"), Ok(Shown::NotKept(3)));
}

#[test]
fn a_key_opens_its_own_column_and_session_alone() {
    let (one, other) = (secret(), Secret::new([8; 32]));
    let marks = [
        one.column("a").mark(b"x"),
        one.column("b").mark(b"x"),
        other.column("a").mark(b"x"),
    ];
    assert_eq!(BTreeSet::from(marks).len(), marks.len());
    let (receipt, marks) = committed(&BTreeSet::from([b"x".to_vec()]), 0);
    let mut made = claim(&one, COLUMN, &marks, b"y");
    made.key = *other.column(COLUMN).expose();
    assert_eq!(made.check(&receipt, b"x"), Err(ClaimError::Key));
    made.column = "b".to_owned();
    assert_eq!(made.check(&receipt, b"x"), Err(ClaimError::NoCommitment));
}

#[test]
fn columns_beyond_the_bound_are_counted_together() {
    let mut counts = Counts::default();
    for column in 0..RECEIPT_COLUMNS + 10 {
        counts.rows(&format!("{column:05}"), 2);
        counts.masked(&format!("{column:05}"), "ssn", 1);
    }
    let (columns, is_cut) = counts.finish();
    assert!(is_cut && columns.len() == RECEIPT_COLUMNS + 1);
    let others = columns.last().map(|it| (it.rows, it.masked.clone()));
    assert_eq!(others, Some((20, vec![("ssn".to_owned(), 10)])));
}

/// Files that were made by another program, from the description of the format.
#[test]
fn files_of_others_are_read() {
    const PRESENT: &[u8] = include_bytes!("../../../../fuzz/seeds/receipt/present");
    const ABSENT: &[u8] = include_bytes!("../../../../fuzz/seeds/receipt/absent");
    let shown = |bytes: &[u8], value: &[u8]| {
        let file = ReceiptFile::parse(bytes).ok()?;
        let record = Record::decode(&file.proof.entry).ok()?;
        let Body::Receipt(receipt) = &record.body else {
            return None;
        };
        Some(file.claims.first()?.check(receipt, value))
    };
    assert_eq!(shown(PRESENT, b"531-77-0292"), Some(Ok(Shown::Masked)));
    for value in [&b"531-77-0291"[..], b"531-77-0293"] {
        assert_eq!(shown(PRESENT, value), Some(Err(ClaimError::Place)));
        assert_ne!(shown(ABSENT, value), Some(Ok(Shown::NotMasked)));
    }
    fuzz_file(PRESENT);
    fuzz_file(ABSENT);
}
