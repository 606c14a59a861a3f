//! Any text as SQL: read, split, tokenised.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::sql::fuzz_analyse;

fuzz_target!(|data: &[u8]| fuzz_analyse(data));
