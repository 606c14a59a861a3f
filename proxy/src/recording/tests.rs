#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Cursor;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use velum_core::audit::record::SessionId;
use velum_core::recording::walk::HEADER_BYTES;
use velum_core::recording::{Ending, Event, Header, Kind, Malformed, Stream, Walk};
use velum_core::time::Timestamp;

use super::keys::{Cabinet, KeyError, Keys, StreamKey};
use super::read::{ReadError, Reader};
use super::shred;
use super::write::Writer;

mod faults;

fn keys(byte: u8) -> Keys {
    Keys {
        server: StreamKey::new([byte; 32]),
        client: Some(StreamKey::new([byte ^ 0xff; 32])),
    }
}

fn header(session: u128) -> Header {
    Header {
        session: SessionId(session),
        began: Timestamp(1),
    }
}

/// What goes into a recording: pairs of pieces, and how often they are handed over.
type Said = Vec<(bool, Vec<u8>, bool)>;

fn said() -> impl Strategy<Value = Said> {
    vec(
        (any::<bool>(), vec(any::<u8>(), 0..60), any::<bool>()),
        0..12,
    )
}

/// A recording of it, its walk, and where its chunks begin.
fn recorded(said: &Said, session: u128, keys: &Keys) -> (Vec<u8>, Walk, Vec<usize>) {
    let mut writer = Writer::begin(Vec::new(), header(session), keys).unwrap();
    let (mut order, mut open) = (0, [Vec::new(), Vec::new()]);
    let mut starts = Vec::new();
    let mut flush = |writer: &mut Writer<Vec<u8>>, open: &mut [Vec<u8>; 2]| {
        for (stream, events) in [Stream::Client, Stream::Server].into_iter().zip(open) {
            if !events.is_empty() {
                starts.push(writer.walk().bytes() as usize);
                writer.chunk(stream, events).unwrap();
                events.clear();
            }
        }
    };
    for (is_client, bytes, is_last) in said {
        order += 1;
        let kind = if *is_client {
            Kind::Client
        } else {
            Kind::Server
        };
        let micros = order * 7;
        let event = Event {
            kind,
            order,
            micros,
            bytes,
        };
        event.encode(&mut open[usize::from(!is_client)]);
        if *is_last {
            flush(&mut writer, &mut open);
        }
    }
    flush(&mut writer, &mut open);
    starts.push(writer.walk().bytes() as usize);
    writer.end().unwrap();
    let walk = writer.walk().clone();
    (writer.into_inner(), walk, starts)
}

type Found = Vec<(Kind, Vec<u8>)>;

/// Everything that is read of a recording, and how that ended.
fn read(bytes: &[u8], keys: &Keys) -> (Found, Result<Ending, ReadError>) {
    let mut found = Vec::new();
    let mut reader = match Reader::open(Cursor::new(bytes), keys) {
        Ok(reader) => reader,
        Err(error) => return (found, Err(error)),
    };
    let end = reader.events(|event| {
        found.push((event.kind, event.bytes.to_vec()));
        true
    });
    let ending = end.map(|()| reader.ending().unwrap());
    (found, ending)
}

/// Of each stream all is right, up to somewhere.
fn is_beginning(said: &Said, found: &Found) -> bool {
    [Kind::Server, Kind::Client].into_iter().all(|kind| {
        let of_kind = |all: &Found| -> Vec<Vec<u8>> {
            let all = all.iter().filter(|it| it.0 == kind);
            all.map(|it| it.1.clone()).collect()
        };
        of_kind(&expected(said)).starts_with(&of_kind(found))
    })
}

fn expected(said: &Said) -> Vec<(Kind, Vec<u8>)> {
    let kind = |is_client| {
        if is_client {
            Kind::Client
        } else {
            Kind::Server
        }
    };
    said.iter()
        .map(|(is_client, bytes, _)| (kind(*is_client), bytes.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the chunks, the events are the same and in order, and each stream has its key.
    #[test]
    fn what_is_recorded_is_read(said in said()) {
        let (bytes, walk, _) = recorded(&said, 5, &keys(1));
        let (found, ending) = read(&bytes, &keys(1));
        prop_assert_eq!(&found, &expected(&said));
        let server: usize = said.iter().filter(|it| !it.0).map(|it| it.1.len()).sum();
        prop_assert_eq!(ending.unwrap().server_bytes, server as u64);
        prop_assert_eq!(walk.bytes(), bytes.len() as u64);

        let alone = Keys { client: None, ..keys(1) };
        let (found, ending) = read(&bytes, &alone);
        let seen: Vec<_> = expected(&said).into_iter().filter(|it| it.0 == Kind::Server).collect();
        prop_assert_eq!(found, seen);
        prop_assert!(ending.is_ok());
        let (found, ending) = read(&bytes, &keys(2));
        prop_assert!(found.is_empty() && matches!(ending, Err(ReadError::Seal(_))));
    }

    #[test]
    fn every_bit_counts(said in said(), at in any::<Index>(), bit in 0..8u8) {
        let (mut bytes, ..) = recorded(&said, 5, &keys(1));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (found, ending) = read(&bytes, &keys(1));
        prop_assert!(ending.is_err());
        prop_assert!(is_beginning(&said, &found));
    }

    /// All before the cut is right, and the cut does not go unseen.
    #[test]
    fn a_cut_is_seen(said in said(), at in any::<Index>()) {
        let (bytes, ..) = recorded(&said, 5, &keys(1));
        let at = at.index(bytes.len());
        let (found, ending) = read(&bytes[..at], &keys(1));
        let is_cut = matches!(ending, Err(ReadError::Cut));
        prop_assert!(is_cut || at < HEADER_BYTES && ending.is_err());
        prop_assert!(is_beginning(&said, &found));
    }

    #[test]
    fn no_chunk_goes_elsewhere(
        said in said(),
        one in any::<Index>(),
        other in any::<Index>(),
    ) {
        let (bytes, _, mut starts) = recorded(&said, 5, &keys(1));
        starts.push(bytes.len());
        let chunks: Vec<&[u8]> = starts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let (one, other) = (one.index(chunks.len()), other.index(chunks.len()));
        let head = &bytes[..HEADER_BYTES];
        let file = |chunks: &[&[u8]]| [&[head], chunks].concat().concat();

        let mut missing = chunks.clone();
        missing.remove(one);
        prop_assert!(read(&file(&missing), &keys(1)).1.is_err());
        let mut twice = chunks.clone();
        twice.insert(one, chunks[one]);
        prop_assert!(read(&file(&twice), &keys(1)).1.is_err());
        if one != other {
            let mut swapped = chunks.clone();
            swapped.swap(one, other);
            prop_assert!(read(&file(&swapped), &keys(1)).1.is_err());
        }
        // The same place of another session, by the same key: it does not happen, and would be
        // seen.
        let (foreign, _, mut others) = recorded(&said, 6, &keys(1));
        others.push(foreign.len());
        let foreign: Vec<&[u8]> = others.windows(2).map(|it| &foreign[it[0]..it[1]]).collect();
        let mut spliced = chunks.clone();
        spliced[one] = foreign[one];
        prop_assert!(read(&file(&spliced), &keys(1)).1.is_err());
    }
}

#[test]
fn an_end_that_counts_otherwise_is_none() {
    let (bytes, _, starts) = recorded(&vec![(false, b"x".to_vec(), true)], 5, &keys(1));
    // The end of a recording of nothing, with the first chunk of another.
    let (empty, ..) = recorded(&Vec::new(), 5, &keys(1));
    let spliced = [&bytes[..starts[1]], &empty[HEADER_BYTES..]].concat();
    let (_, ending) = read(&spliced, &keys(1));
    assert!(matches!(
        ending,
        Err(ReadError::Malformed(Malformed::Order))
    ));
}

#[test]
fn keys_open_by_the_gateways_key_alone_and_can_be_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let cabinet = Cabinet::in_folder(folder.path(), &[3; 32]).unwrap();
    let session = SessionId(7);
    let drawn = cabinet.draw(session).unwrap();
    let again = cabinet.take(session).unwrap();
    assert_eq!(drawn.server.expose(), again.server.expose());
    assert_ne!(drawn.server.expose(), again.client.unwrap().expose());
    assert!(matches!(cabinet.draw(session), Err(KeyError::Io(..))));
    let stranger = Cabinet::in_folder(folder.path(), &[4; 32]).unwrap();
    assert!(matches!(stranger.take(session), Err(KeyError::Seal(_))));
    let file = folder.path().join(format!("{}.key", super::name(session)));
    let moved = folder
        .path()
        .join(format!("{}.key", super::name(SessionId(8))));
    std::fs::copy(&file, moved).unwrap();
    let other = cabinet.take(SessionId(8));
    assert!(
        matches!(other, Err(KeyError::Seal(_))),
        "it is of one session"
    );

    assert!(shred::shred(folder.path(), session, "somebody").unwrap());
    assert!(matches!(cabinet.take(session), Err(KeyError::None)));
    assert!(!shred::shred(folder.path(), session, "somebody").unwrap());
    let told = shred::notices(folder.path());
    assert_eq!(told.len(), 1);
    let json = told[0].record.to_json();
    assert!(
        json.contains("recording_shredded") && json.contains("somebody"),
        "{json}"
    );
}

#[test]
fn names_are_of_sessions() {
    let session = SessionId(0xabc);
    assert_eq!(super::session(&super::name(session)), Some(session));
    assert_eq!(super::session("abc"), None);
    assert_eq!(super::session(&"+".repeat(32)), None);
}
