//! What the last chunk says: that it is the last, and what was before it.

use super::Malformed;
use crate::bytes::Reader;

const ENDING_BYTES: usize = 32;

/// See the module's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Bytes that the client saw.
    pub server_bytes: u64,
    /// Bytes of what the client sent that are recorded.
    pub client_bytes: u64,
    /// Audit records.
    pub records: u64,
    /// Bytes of events that were dropped.
    pub dropped_bytes: u64,
}

impl Ending {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let numbers = [
            self.server_bytes,
            self.client_bytes,
            self.records,
            self.dropped_bytes,
        ];
        numbers.into_iter().flat_map(u64::to_be_bytes).collect()
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Malformed::Ending`]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() != ENDING_BYTES {
            return Err(Malformed::Ending);
        }
        let mut reader = Reader::new(bytes);
        let mut number = || -> Result<u64, Malformed> {
            let high = reader.u32().map_err(|_| Malformed::Ending)?;
            let low = reader.u32().map_err(|_| Malformed::Ending)?;
            Ok(u64::from(high) << 32 | u64::from(low))
        };
        Ok(Self {
            server_bytes: number()?,
            client_bytes: number()?,
            records: number()?,
            dropped_bytes: number()?,
        })
    }
}
