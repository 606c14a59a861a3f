//! A session whose client sends anything; the server is silent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::wire::postgres::session::fuzz_session;

fuzz_target!(|data: &[u8]| fuzz_session(&said(data)));

/// `data` as the client's turns.
fn said(data: &[u8]) -> Vec<u8> {
    let mut turns = Vec::new();
    for piece in data.chunks(4 * 0x7f) {
        turns.push(piece.len().div_ceil(4) as u8);
        turns.extend_from_slice(piece);
    }
    turns
}
