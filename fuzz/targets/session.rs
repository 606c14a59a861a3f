//! A session that both sides tell anything, in any order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velum_core::wire::postgres::session::fuzz_session;

fuzz_target!(|data: &[u8]| fuzz_session(data));
