//! Any bytes as a value of any type, transformed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::mask::transform::fuzz_transform;

fuzz_target!(|data: &[u8]| fuzz_transform(data));
