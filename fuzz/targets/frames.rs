//! Frame headers: whatever the bytes, a header is either refused or sane.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::error::Peer;
use velum_core::wire::postgres::frame;

fuzz_target!(|bytes: &[u8]| {
    for peer in [Peer::Client, Peer::Server] {
        match frame::header(bytes, peer) {
            Ok(None) => assert!(bytes.len() < frame::HEADER_BYTES),
            Ok(Some(header)) => {
                assert!(header.frame_bytes >= frame::HEADER_BYTES);
                assert_eq!(header.tag, bytes[0]);
            }
            Err(violation) => assert_eq!(violation.peer, peer),
        }
    }
});
