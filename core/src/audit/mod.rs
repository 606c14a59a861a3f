//! What a session leaves behind: records without PHI.
//!
//! * [`record`]: the records; [`custody`]: those about the log itself; [`masking`]: what an OUTCOME
//!   says of columns.
//! * [`encode`]: their canonical bytes, `Record::encode` and `Record::decode`; as JSON lines with
//!   `Record::to_json`; [`skim`]: the commonest read without a copy.
//! * [`receipt`]: what a session has masked, with a commitment to the values.
//! * [`token`]: keyed tokens that stand for literals and bind values.
//! * [`tree`]: the log of them as a Merkle tree: tiles, checkpoints, proofs, witnesses.

pub mod custody;
pub mod encode;
mod json;
pub mod masking;
pub mod receipt;
pub mod record;
pub mod skim;
pub mod token;
pub mod tree;
