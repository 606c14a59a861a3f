//! The gateway: the only crate that touches sockets, files, clock and threads.
//!
//! Data threads own their sessions and never block; one control thread decides, loads and
//! writes. [`planes`] holds everything that crosses between them. [`demo`] shows the whole to a
//! newcomer, on a throw-away PostgreSQL that the tests use too.
//!
//! * [`api`]: requests, decisions and keys over HTTP.
//! * [`audit`]: the log on disk.
//! * [`cli`]: the command line.
//! * [`config`]: `velum.toml`, checked whole.
//! * [`identity`]: tokens of issuers, and the keys that verify them.
//! * [`leak_suite`]: what any proxy must hold back, and whether one does.
//! * [`control`]: the thread that decides, loads and writes.
//! * [`credentials`]: what logs in at databases, and may change meanwhile.
//! * [`seal`]: what is on disk and nobody else may read.
//! * [`recording`]: what clients saw, for who has to know later.
//! * [`notify`]: who is told of what.
//! * [`grants`]: who may come in, and who said so; [`store`]: that on disk.

pub mod api;
pub mod audit;
mod backoff;
pub mod cli;
pub mod config;
pub mod control;
pub mod credentials;
pub mod demo;
pub mod doctor;
pub mod drive;
pub mod epoll;
pub mod grants;
mod http;
pub mod identity;
pub mod leak_suite;
mod mcp;
pub mod notify;
pub mod observe;
pub mod originals;
mod places;
pub mod planes;
pub mod receipt;
pub mod recording;
pub mod relay;
pub mod ring;
pub mod seal;
pub mod store;
