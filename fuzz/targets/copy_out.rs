//! Any bytes as frames of a COPY, in every format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::wire::postgres::copy_out::fuzz::fuzz_copy_out;

fuzz_target!(|data: &[u8]| fuzz_copy_out(data));
