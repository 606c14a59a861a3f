#![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::walk::HEAD_BYTES;
use super::*;
use crate::audit::record::SessionId;
use crate::time::Timestamp;

fn header() -> Header {
    Header {
        session: SessionId(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
        began: Timestamp(1_700_000_000_000_000_000),
    }
}

/// A file of chunks that are not sealed.
fn file(chunks: &[(Stream, Vec<u8>)]) -> (Vec<u8>, Walk) {
    let mut walk = Walk::new(header());
    let mut bytes = header().to_bytes().to_vec();
    for (stream, body) in chunks {
        let head = walk.next(*stream, body.len());
        bytes.extend_from_slice(&head.to_bytes());
        bytes.extend_from_slice(body);
        walk.step(head, body);
    }
    (bytes, walk)
}

/// The walk over a file; `None` if it is not whole.
fn read(bytes: &[u8]) -> Option<Walk> {
    let (header, mut rest) = bytes.split_first_chunk()?;
    let mut walk = Walk::new(Header::parse(header).ok()?);
    while !rest.is_empty() {
        let (head, behind) = rest.split_first_chunk::<HEAD_BYTES>()?;
        let head = walk.head(head).ok()?;
        let (body, behind) = behind.split_at_checked(head.length)?;
        walk.step(head, body);
        rest = behind;
    }
    walk.has_ended().then_some(walk)
}

fn chunks() -> impl Strategy<Value = Vec<(Stream, Vec<u8>)>> {
    let stream = select(vec![Stream::Server, Stream::Client]);
    vec((stream, vec(any::<u8>(), 1..50)), 0..6).prop_map(|mut chunks| {
        chunks.push((Stream::End, Ending::default().to_bytes()));
        chunks
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let kinds = [Kind::Server, Kind::Client, Kind::Record, Kind::Description];
    select([&kinds[..], &[Kind::Gap]].concat())
}

proptest! {
    #[test]
    fn writer_and_reader_agree(chunks in chunks()) {
        let (bytes, written) = file(&chunks);
        prop_assert_eq!(written.bytes(), bytes.len() as u64);
        prop_assert_eq!(read(&bytes), Some(written));
        fuzz_recording(&bytes);
    }

    /// Whatever bit is changed, it is no recording or has another root.
    #[test]
    fn every_bit_counts(chunks in chunks(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (mut bytes, written) = file(&chunks);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let root = read(&bytes).map(|walk| walk.root());
        prop_assert_ne!(root, Some(written.root()));
    }

    #[test]
    fn no_part_is_a_whole(chunks in chunks(), at in any::<prop::sample::Index>()) {
        let (bytes, _) = file(&chunks);
        prop_assert_eq!(read(&bytes[..at.index(bytes.len())]), None);
    }

    #[test]
    fn chunks_have_one_order(chunks in chunks(), one in any::<prop::sample::Index>()) {
        let (bytes, written) = file(&chunks);
        let one = one.index(chunks.len());
        let mut cut: Vec<_> = chunks.clone();
        cut.remove(one);
        let (_, other) = file(&cut);
        prop_assert_ne!(other.root(), written.root());
        // The bytes of a chunk taken out of the file itself.
        let before: usize = chunks[..one].iter().map(|(_, body)| HEAD_BYTES + body.len()).sum();
        let (from, length) = (walk::HEADER_BYTES + before, HEAD_BYTES + chunks[one].1.len());
        let spliced = [&bytes[..from], &bytes[from + length..]].concat();
        prop_assert_eq!(read(&spliced), None);
    }

    #[test]
    fn events_come_back(
        events in vec((kind(), 1..9u64, any::<u64>(), vec(any::<u8>(), 0..40)), 0..10),
    ) {
        let (mut order, mut chunk) = (0, Vec::new());
        let mut orders = Vec::new();
        for (kind, step, micros, bytes) in &events {
            order += step;
            orders.push(order);
            Event { kind: *kind, order, micros: *micros, bytes }.encode(&mut chunk);
        }
        let read: Result<Vec<_>, _> = Events::after(0, &chunk).collect();
        let read = read.map_err(|_| TestCaseError::fail("events"))?;
        prop_assert_eq!(read.len(), events.len());
        for ((event, (kind, _, micros, bytes)), order) in read.iter().zip(&events).zip(&orders) {
            prop_assert_eq!((event.kind, event.order, event.micros), (*kind, *order, *micros));
            prop_assert_eq!(event.bytes, &bytes[..]);
        }
        let cut = Events::after(0, &chunk[..chunk.len().saturating_sub(1)]).last();
        prop_assert!(cut.is_none_or(|last| last.is_err()));
        if order > 0 {
            prop_assert!(Events::after(order, &chunk).next().is_some_and(|it| it.is_err()));
        }
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut file = header().to_bytes().to_vec();
        file.extend_from_slice(&bytes);
        fuzz_recording(&file);
        fuzz_recording(&bytes);
    }
}

#[test]
fn nothing_follows_the_end() {
    let (bytes, walk) = file(&[(Stream::End, Ending::default().to_bytes())]);
    let head = walk.next(Stream::Server, 1).to_bytes();
    assert_eq!(walk.head(&head), Err(Malformed::Trailing));
    assert_eq!(read(&[&bytes[..], &head, b"x"].concat()), None);
}

#[test]
fn what_a_chunk_is_sealed_as_is_its_own() {
    let (_, one) = file(&[(Stream::Server, b"x".to_vec())]);
    let (_, other) = file(&[(Stream::Server, b"y".to_vec())]);
    assert_ne!(one.context(Stream::Server), other.context(Stream::Server));
    assert_ne!(one.context(Stream::Server), one.context(Stream::Client));
}
