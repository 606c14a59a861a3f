//! Any bytes as a signed note, a checkpoint, a proof or a verifier key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::audit::tree::fuzz_texts;

fuzz_target!(|data: &[u8]| fuzz_texts(data));
