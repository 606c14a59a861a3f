//! Any text as SQL: parsed, walked, its outputs followed to their columns.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::sql::fuzz_read;

fuzz_target!(|data: &[u8]| fuzz_read(data));
