//! Any bytes as an audit record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::audit::encode::fuzz_decode;

fuzz_target!(|data: &[u8]| fuzz_decode(data));
