//! Any bytes as a receipt with its proofs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::audit::receipt::file::fuzz_file;

fuzz_target!(|data: &[u8]| fuzz_file(data));
