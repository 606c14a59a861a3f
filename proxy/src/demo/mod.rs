//! `velum demo`: a real PostgreSQL with synthetic patients, seen direct and through Velum.
//!
//! * [`cluster`] finds PostgreSQL and runs a private throw-away server (the tests use it too).
//! * [`ehr`] makes and loads a synthetic clinic.
//! * [`raw`] is a tiny blocking client that keeps every byte it received.
//! * [`tour`] plays the demo on all of them.

pub mod cluster;
pub mod ehr;
mod guard;
pub mod raw;
pub mod tour;
