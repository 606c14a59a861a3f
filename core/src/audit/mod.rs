//! What a session leaves behind: records without PHI.
//!
//! * [`record`]: the records and their canonical bytes.
//! * [`token`]: keyed tokens that stand for literals and bind values.

pub mod record;
pub mod token;
