//! Any bytes as a detector pack: refused, or read and written back as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_detectors::pack::fuzz;

fuzz_target!(|data: &[u8]| fuzz::run(data));
