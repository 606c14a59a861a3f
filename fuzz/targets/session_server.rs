//! A session whose server answers anything to an honest client's pipeline.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::wire::postgres::session::fuzz_session;

/// Query, Parse, Describe, Bind, Execute, FunctionCall, a COPY and a Sync.
const PIPELINE: &[u8] = b"Q\0\0\0\x18select id, s from t\0P\0\0\0\x19\0select s from t  \0\0\0\
    D\0\0\0\x06S\0B\0\0\0\x0c\0\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04\
    F\0\0\0\x0e\0\0\0\x07\0\0\0\0\0\0Q\0\0\0\x15copy t to stdout\0H\0\0\0\x04";

// A turn is counted in fours; a remainder would swallow the beginning of the next.
const _: () = assert!(PIPELINE.len().is_multiple_of(4));

fuzz_target!(|data: &[u8]| {
    let mut turns = Vec::new();
    for (server, bytes) in [(0, PIPELINE), (0x80, data)] {
        for piece in bytes.chunks(4 * 0x7f) {
            turns.push(server | piece.len().div_ceil(4) as u8);
            turns.extend_from_slice(piece);
        }
    }
    fuzz_session(&turns);
});
