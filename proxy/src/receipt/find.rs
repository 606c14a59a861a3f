//! Receipts in a log.

use std::path::Path;

use velum_core::audit::receipt::Receipt;
use velum_core::audit::record::{Body, Record, SessionId};

use crate::audit::read::{self, ReadError};
use crate::recording;

/// A receipt in its log.
pub struct Found {
    /// Its record's sequence.
    pub sequence: u64,
    /// The record.
    pub record: Record,
    /// What it says.
    pub receipt: Receipt,
}

impl Found {
    /// Whose it is.
    pub fn session(&self) -> SessionId {
        self.record.session
    }
}

/// The receipts of sessions whose name begins so, in the order of the log.
///
/// # Errors
/// If the log cannot be read.
pub fn receipts(directory: &Path, beginning: &str) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    read::for_each(directory, 0, |sequence, record| {
        if let Body::Receipt(receipt) = &record.body
            && recording::name(record.session).starts_with(beginning)
        {
            let receipt = receipt.clone();
            found.push(Found {
                sequence,
                record,
                receipt,
            });
        }
        true
    })?;
    Ok(found)
}
