//! `velum demo`: a real PostgreSQL with synthetic patients, seen direct and through Velum.
//!
//! * [`cluster`] finds PostgreSQL and runs a private throw-away server (the tests use it too).
//! * [`raw`] is a tiny blocking client that keeps every byte it received.

pub mod cluster;
pub mod raw;
