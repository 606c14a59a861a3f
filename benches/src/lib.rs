//! What the benchmarks share. Every measured row has a declared result: a change that makes the
//! bytes differ fails before it is measured.
//!
//! * [`result`]: results as a server would send them, by shape of their rows, from a seed.
//! * [`relay`]: one session in memory, fed as a data-plane thread would feed it.
//! * [`client`] and [`process`]: who asks, and the programs that are asked.
//! * [`record`]: what is left of a run.
//! * [`rows`] and [`shapes`]: batches of rows, and the patterns that are looked for in them.
//! * [`texts`]: notes, cells and floods for the whole detection engine.
//! * `detect/`: the pattern engine beside others, interleaved, in one table.
//! * `micro/`: criterion rows. `whole_path/`: Velum beside PgBouncer and a direct connection.
//!   `synthetic/`: beside a plain relay, before a server that answers from memory.

pub mod client;
pub mod process;
pub mod record;
pub mod relay;
pub mod result;
pub mod rows;
pub mod shapes;
pub mod statements;
pub mod texts;

/// FNV-1a over 64 bits: names a content, holds off no adversary.
pub fn content_hash(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Where [`content_hash`] begins.
pub const HASH_SEED: u64 = 0xcbf2_9ce4_8422_2325;
