//! The relay: everything between two sockets except the sockets.
//!
//! ```text
//!  driver ──Done──▶ Worker ─▶ Link ─▶ phase (greet · ask · dial · pump · cancel) ─▶ core
//!  driver ◀──Op──── Worker ◀──────── legs (windows, TLS, order of sends)
//! ```
//!
//! Nothing here blocks or knows a descriptor: a link asks for operations and hears of their
//! completion, so that io_uring and epoll drive the very same code. Start reading at [`pump`].

mod ask;
mod cancel;
mod context;
mod dial;
mod flow;
mod greet;
mod hold;
mod journal;
mod kept;
mod key;
mod legs;
mod link;
pub mod op;
mod pace;
pub mod pool;
mod pump;
mod tape;
pub mod tls;
mod token;
mod worker;

pub use worker::Worker;
