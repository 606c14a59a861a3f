//! Buffers between a receive and a send.
//!
//! * [`Window`] carries one direction of a session: received bytes are judged in place, and
//!   only judged bytes can be seen by a sender.
//! * [`Outbox`] carries bytes that Velum wrote itself (handshake answers, errors).
//! * [`Reader`] reads integers and strings from a peer's message without ever panicking.

mod outbox;
mod reader;
mod window;

pub use outbox::Outbox;
pub use reader::{Reader, Truncated};
pub use window::{Released, Window};
