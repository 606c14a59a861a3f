//! Packs that were damaged in every place, and packs of others.

use proptest::prelude::*;

use super::*;

fn pack() -> Pack {
    let provenance = Provenance::new()
        .with(Provenance::TOOL, "velum 0.1.0")
        .with(Provenance::SEED, "7")
        .with("site", "Général, \n unit\t3");
    let mut pack = Pack::new(provenance);
    pack.insert("words", b"one two".to_vec())
        .expect("a section");
    pack.insert("empty", Vec::new()).expect("a section");
    pack
}

fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// Only the reason can be shown.
fn reason(bytes: &[u8]) -> Option<BadPack> {
    Pack::read(bytes).err()
}

#[test]
fn what_is_written_is_read() {
    let bytes = pack().write();
    let read = Pack::read(&bytes).unwrap_or_else(|error| panic!("{error}"));
    assert!(read == pack());
    assert_eq!(read.section("words"), Some(&b"one two"[..]));
    assert_eq!(read.section("empty"), Some(&b""[..]));
    assert_eq!(read.section("provenance"), None, "it has a door of its own");
    assert_eq!(read.provenance().value("site"), Some("Général,  unit3"));
    let names: Vec<_> = read.sections().map(|(name, _)| name).collect();
    assert_eq!(names, ["empty", "words"]);
}

#[test]
fn a_pack_that_is_cut_anywhere_is_refused() {
    let bytes = pack().write();
    assert_eq!(reason(&[]), Some(BadPack::Foreign));
    for length in 1..bytes.len() {
        assert_eq!(
            reason(&bytes[..length]),
            Some(BadPack::Truncated),
            "at {length}"
        );
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(reason(&longer), Some(BadPack::Malformed(_))));
}

#[test]
fn a_pack_with_any_other_bit_is_refused() {
    let bytes = pack().write();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(reason(&damaged).is_some(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn foreign_newer_and_oversized_packs_are_told_apart() {
    assert_eq!(reason(b"PK\x03\x04"), Some(BadPack::Foreign));
    assert_eq!(reason(b"VELUMPAX"), Some(BadPack::Foreign));
    let mut newer = pack().write();
    newer[11] = 2;
    assert_eq!(reason(&newer), Some(BadPack::Newer { version: 2 }));
    assert_eq!(reason(&vec![0; PACK_BYTES + 1]), Some(BadPack::TooLarge));
    let announced = [
        MAGIC.as_slice(),
        &[0, 0, 0, 1, 0, 0, 0, 1, 1, b'a'],
        &[0xff; 8],
    ]
    .concat();
    assert_eq!(reason(&announced), Some(BadPack::TooLarge));
    let many = [MAGIC.as_slice(), &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]].concat();
    assert!(matches!(reason(&many), Some(BadPack::Malformed(_))));
}

#[test]
fn a_container_that_contradicts_itself_is_refused() {
    let replaced = |from: &[u8], to: &[u8]| {
        let mut bytes = pack().write();
        let at = bytes
            .windows(from.len())
            .position(|w| w == from)
            .expect("it is there");
        bytes[at..at + to.len()].copy_from_slice(to);
        reason(&resealed(bytes))
    };
    assert!(
        matches!(replaced(b"empty", b"zmpty"), Some(BadPack::Malformed(_))),
        "order"
    );
    assert!(
        matches!(replaced(b"empty", b"Empty"), Some(BadPack::Malformed(_))),
        "name"
    );
    assert!(matches!(
        replaced(b"provenance", b"provenancf"),
        Some(BadPack::Malformed(_))
    ));
    assert!(matches!(
        replaced(b"tool: ", b"tool:x"),
        Some(BadPack::Malformed(_))
    ));
}

#[test]
fn names_are_checked_when_sections_come_in() {
    for name in ["", "provenance", "A", "a b", &"a".repeat(65)] {
        assert!(pack().insert(name, Vec::new()).is_err(), "{name:?}");
    }
    let mut pack = pack();
    for number in 2..SECTIONS - 1 {
        assert_eq!(pack.insert(&format!("s{number}"), Vec::new()), Ok(()));
    }
    assert!(Pack::read(&pack.write()).is_ok());
    assert!(pack.insert("one_more", Vec::new()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::run(&bytes);
    }

    #[test]
    fn damaged_headers_do_no_harm(at in 0usize..80, byte in any::<u8>()) {
        let mut bytes = pack().write();
        bytes[at] = byte;
        fuzz::run(&bytes);
        let _refused_or_not = Pack::read(&resealed(bytes));
    }
}
