//! Which records make a row.
//!
//! * `statements`: an INTENT and its end; [`Statement`]. `sessions`: opened and closed.
//! * `grants`: decisions, and all of a grant. `admin`: records that are rows by themselves.

mod admin;
mod grants;
mod sessions;
mod statements;

use velum_core::audit::record::{Body, Record, SessionId};

pub use statements::{Statement, Statements};

use super::row::{Kind, Row};
use crate::audit::recover::STARTED;

/// Takes the records of a log in order and gives rows.
pub trait Join {
    /// Takes the next record.
    fn tell(&mut self, sequence: u64, record: &Record, out: &mut dyn FnMut(Row));

    /// Gives what has not ended.
    fn end(&mut self, out: &mut dyn FnMut(Row));
}

/// The join for rows of this kind.
pub fn of(kind: Kind) -> Box<dyn Join> {
    match kind {
        Kind::Approvals => Box::new(grants::Approvals),
        Kind::Sessions => Box::<sessions::Sessions>::default(),
        Kind::Statements => Box::<statements::AsRows>::default(),
        Kind::Masking => Box::<statements::Masking>::default(),
        Kind::Grants => Box::<grants::Grants>::default(),
        Kind::Admin => Box::new(admin::Admin),
    }
}

/// A run begins: whatever was open is over.
fn is_start(record: &Record) -> bool {
    matches!(&record.body, Body::Gateway { event } if event == STARTED)
}

fn name(session: SessionId) -> String {
    match session.0 {
        0 => String::new(),
        session => format!("{session:032x}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn code(sqlstate: &[u8; 5]) -> String {
    String::from_utf8_lossy(sqlstate).into_owned()
}
