//! Any bytes as a signed token: nothing panics, and what is asserted is within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::identity::fuzz_token;

fuzz_target!(|bytes: &[u8]| fuzz_token(bytes));
