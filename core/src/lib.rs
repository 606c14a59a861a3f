//! Velum's heart, sans-IO: bytes and time come in as arguments, bytes and records come out.
//!
//! This crate opens no socket and no file, reads no clock, starts no thread and holds no unsafe
//! code. A whole session can therefore be driven from a test, byte by byte, at every split.
//!
//! ```text
//! upstream ─▶ Window ─▶ Session::on_server ─▶ released ranges ─▶ client
//!              (one buffer: received, judged in place, sent)
//! ```
//!
//! Where to look first:
//! * [`bytes::Window`]: the only road from a receive to a send; holds the promise by type.
//! * [`wire::postgres`]: the PostgreSQL protocol, handshakes and session.
//! * [`policy`] and [`mask`]: which cell is masked, and what stands in its place.
//! * [`inspect`]: the trait that detection engines implement.
//! * [`audit`]: the records that a session leaves behind.
//! * [`recording`]: the format of what a client saw.
//! * [`stack`]: forgets what a login has left on it.
//! * [`grant`]: who may reach what, for how long, because whom decided so.
#![forbid(unsafe_code)]

pub mod audit;
pub mod bytes;
pub mod catalog;
pub mod cell;
pub mod error;
pub mod grant;
pub mod identity;
pub mod inspect;
pub mod limits;
pub mod mask;
pub mod policy;
pub mod recording;
pub mod sql;
pub mod stack;
pub mod time;
pub mod wire;
