//! Any bytes as a recording.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::recording::fuzz_recording;

fuzz_target!(|data: &[u8]| fuzz_recording(data));
