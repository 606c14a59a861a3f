//! Grants at work: core's moves over the store, audited, and told to data threads.
//!
//! ```text
//!  API, CLI ──▶ Desk ──▶ store (one transaction: the move, its events, the answer's key)
//!                │          └─▶ audit log ─▶ ActiveGrants ─▶ data threads, event stream
//!  client ──▶ question ─▶ answer: admitted · refused · waits
//! ```
//!
//! A move counts once its transaction is on disk. It is audited before anybody is let in by it or
//! told of it; what a crash leaves between the two is audited at the next start.
//!
//! * [`moves`]: one move in one transaction.
//! * [`desk`]: the way there from everywhere, and what follows a move.
//! * `answers`: clients that need a grant; `heard`: what they wait to hear of.
//! * `narrow`: a policy as narrow as a grant.
//! * `together`: several gateways on one store.

mod answers;
pub mod desk;
mod heard;
pub mod moves;
mod narrow;
#[cfg(test)]
pub(crate) mod tests;
mod together;

pub use desk::Desk;
pub use moves::{Act, Changed, Failure};
pub use narrow::{Unenforceable, is_enforceable};

use velum_core::inspect::{Inspect, Surroundings};
use velum_core::mask::redact;
use velum_detectors::Detectors;

/// A reason or a rationale as it is stored: people write names and numbers where none belong.
pub fn masked(detectors: &Detectors, text: &str) -> String {
    let mut findings = Vec::new();
    detectors.inspect(text.as_bytes(), Surroundings::WHOLE, &mut findings);
    let mut bytes = text.as_bytes().to_vec();
    redact(&mut bytes, &findings);
    String::from_utf8_lossy(&bytes).into_owned()
}
