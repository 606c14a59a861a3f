//! PostgreSQL frontend/backend protocol, versions 3.0 and 3.2.
//!
//! ```text
//!  ┌─────┬────────────┬───────────────┐
//!  │ tag │ length u32 │ body          │   length counts itself and the body, not the tag
//!  └─────┴────────────┴───────────────┘   the first client message has no tag
//! ```
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

pub mod copy_out;
pub mod frame;
pub mod handshake;
pub mod message;
pub mod reuse;
pub mod session;
