//! The control thread: it decides, loads and writes; the data threads apply.
//!
//! ```text
//! signals ─ Order ─▶ control thread ─▶ Snapshot, CatalogSlot, DurableMark ─▶ data threads
//!                       ▲   └─ writer ─▶ audit segments                        │
//!                       └──────────── Batch · ControlRequest ◀─────────────────┘
//! ```
//!
//! It runs on tokio-uring where the kernel lets it, so that a sync of the log holds up nothing
//! else; on plain tokio otherwise.
//!
//! * [`start`]: from a configuration to a running gateway.
//! * `rooms`: what is opened first. `run`: the loop.
//! * `loader`: keeps catalogs and addresses fresh.
//! * [`catalog`]: reads one database's catalog.
//! * [`snapshot`]: makes of a configuration what data threads work by.
//! * `policies`: the policies of a snapshot, with the keys of their transforms; `vault`: random
//!   tokens.
//! * [`serve`]: the process around it, with signals.

pub mod catalog;
mod guard;
mod loader;
pub(crate) mod policies;
mod rooms;
mod run;
pub mod serve;
pub mod snapshot;
pub mod start;
#[cfg(test)]
mod tests;
pub(crate) mod vault;

pub use serve::serve;
pub use start::{Gateway, StartError};
