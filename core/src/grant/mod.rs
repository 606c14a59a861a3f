//! Grants: who may reach what, for how long, because whom decided so.
//!
//! ```text
//!              ┌─▶ denied      ┌───────────────────────────▶ revoked
//!  requested ──┼─▶ withdrawn   │           │
//!      │       └─▶ approved ───┴─▶ active ─┴─▶ expired
//!      └─────────────────────────────────────────▲
//! ```
//!
//! Pure: time, names and groups come in as arguments, an [`Event`] for each step comes out, and
//! whoever calls stores and audits it. A move that is not allowed changes nothing and says why
//! ([`Refused`]). What was once asked for can only become narrower.
//!
//! * [`request`]: what somebody asks for, and its bounds.
//! * [`terms`]: who has to agree, fixed when the request is made.
//! * [`state`]: a grant, and what can be asked of it.
//! * `moves`: what can be done to it.
//! * [`event`] and [`refused`]: what comes out.

pub mod event;
mod moves;
pub mod refused;
pub mod request;
pub mod state;
pub mod terms;
#[cfg(test)]
mod tests;

pub use event::{Event, EventKind};
pub use moves::Narrowing;
pub use refused::Refused;
pub use request::{GrantId, Kind, Period, Person, Request, Requester, Scope, StatementHash};
pub use state::{Approval, Ended, Facts, Grant, Interval, Review, State};
pub use terms::{BreakGlass, Terms};
