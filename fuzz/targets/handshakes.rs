//! Start-up and authentication of both legs: nothing panics, nobody gets in without a proof.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::wire::postgres::handshake::fuzz_handshakes;

fuzz_target!(|bytes: &[u8]| fuzz_handshakes(bytes));
