//! A receipt with the proof that it is in the log, and claims about values: one JSON document that
//! is verified with the log's key alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Receipt;
use super::claim::{Claim, Part, ShownLeaf};
use super::leaf::PARTS;
use crate::audit::record::{Body, DecodeError, Record};
use crate::audit::tree::proof_text::{InclusionProof, ProofTextError};
use crate::audit::tree::{Hash, SignedCheckpoint, VerifierKey};
use crate::limits::{PROOF_HASHES, RECEIPT_FILE_BYTES};

const FORMAT: &str = "velum-receipt/v1";

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFile {
    /// The record, and that it is in the log.
    pub proof: InclusionProof,
    /// What is claimed beyond it.
    pub claims: Vec<Claim>,
}

/// Why a file shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is not such a file.
    Malformed(String),
    /// The record is not shown to be in the log.
    Proof(ProofTextError),
    /// The record is none.
    Record(DecodeError),
    /// The record is another than a receipt.
    OtherRecord,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Malformed(what) => write!(f, "not a receipt: {what}"),
            FileError::Proof(error) => error.fmt(f),
            FileError::Record(error) => error.fmt(f),
            FileError::OtherRecord => f.write_str("its record is not a receipt"),
        }
    }
}

impl std::error::Error for FileError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    format: String,
    proof: String,
    claims: Vec<RawClaim>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaim {
    column: String,
    key: String,
    leaves: Vec<RawLeaf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeaf {
    index: u64,
    parts: Vec<RawPart>,
    path: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<String>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let is_lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.len().is_multiple_of(2) || !digits.iter().all(is_lower) {
        return None;
    }
    let pairs = digits.chunks_exact(2).map(std::str::from_utf8);
    pairs
        .map(|pair| u8::from_str_radix(pair.ok()?, 16).ok())
        .collect()
}

fn fixed<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text)?.try_into().ok()
}

impl From<&Part> for RawPart {
    fn from(part: &Part) -> Self {
        match part {
            Part::Open { salt, part } => Self {
                salt: Some(hex(salt)),
                part: Some(hex(part)),
                hidden: None,
            },
            Part::Hidden(hidden) => Self {
                salt: None,
                part: None,
                hidden: Some(hex(hidden)),
            },
        }
    }
}

impl RawPart {
    fn read(&self) -> Option<Part> {
        match (&self.salt, &self.part, &self.hidden) {
            (Some(salt), Some(part), None) => Some(Part::Open {
                salt: fixed(salt)?,
                part: unhex(part)?,
            }),
            (None, None, Some(hidden)) => fixed(hidden).map(Part::Hidden),
            _ => None,
        }
    }
}

impl RawLeaf {
    fn read(&self) -> Option<ShownLeaf> {
        if self.parts.len() != PARTS || self.path.len() > PROOF_HASHES {
            return None;
        }
        Some(ShownLeaf {
            index: self.index,
            parts: self
                .parts
                .iter()
                .map(RawPart::read)
                .collect::<Option<_>>()?,
            path: self
                .path
                .iter()
                .map(|hash| Hash::from_base64(hash))
                .collect::<Option<_>>()?,
        })
    }
}

impl RawClaim {
    fn read(&self) -> Option<Claim> {
        Some(Claim {
            column: self.column.clone(),
            key: fixed(&self.key)?,
            leaves: self
                .leaves
                .iter()
                .map(RawLeaf::read)
                .collect::<Option<_>>()?,
        })
    }
}

impl ReceiptFile {
    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// [`FileError::Malformed`]
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let malformed = |what: &str| FileError::Malformed(what.to_owned());
        if bytes.len() > RECEIPT_FILE_BYTES {
            return Err(malformed("it is too long"));
        }
        let raw: RawFile = serde_json::from_slice(bytes)
            .map_err(|error| FileError::Malformed(error.to_string()))?;
        if raw.format != FORMAT {
            return Err(malformed("its format is not `velum-receipt/v1`"));
        }
        let proof = InclusionProof::parse(raw.proof.as_bytes()).map_err(FileError::Proof)?;
        let claims = raw.claims.iter().map(RawClaim::read);
        let claims = claims.collect::<Option<_>>();
        Ok(Self {
            proof,
            claims: claims.ok_or_else(|| malformed("a claim is of another form"))?,
        })
    }

    /// Verifies by the log's keys that the receipt is in the log. Claims are checked one by one,
    /// each with its value, see [`Claim::check`].
    ///
    /// # Errors
    /// If it is not shown to be.
    pub fn verify(
        &self,
        keys: &[VerifierKey],
    ) -> Result<(SignedCheckpoint, Record, Receipt), FileError> {
        let signed = self.proof.verify(keys).map_err(FileError::Proof)?;
        let record = Record::decode(&self.proof.entry).map_err(FileError::Record)?;
        match &record.body {
            Body::Receipt(receipt) => {
                let receipt = receipt.clone();
                Ok((signed, record, receipt))
            }
            _ => Err(FileError::OtherRecord),
        }
    }
}

impl fmt::Display for ReceiptFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaf = |leaf: &ShownLeaf| RawLeaf {
            index: leaf.index,
            parts: leaf.parts.iter().map(RawPart::from).collect(),
            path: leaf.path.iter().map(Hash::to_string).collect(),
        };
        let claim = |claim: &Claim| RawClaim {
            column: claim.column.clone(),
            key: hex(&claim.key),
            leaves: claim.leaves.iter().map(leaf).collect(),
        };
        let raw = RawFile {
            format: FORMAT.to_owned(),
            proof: self.proof.to_string(),
            claims: self.claims.iter().map(claim).collect(),
        };
        let text = serde_json::to_string_pretty(&raw).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

#[cfg(any(test, fuzzing))]
/// Body of the fuzz target: what is read is written as it would be written, and no claim of it
/// panics.
pub fn fuzz_file(bytes: &[u8]) {
    let Ok(file) = ReceiptFile::parse(bytes) else {
        return;
    };
    let again = ReceiptFile::parse(file.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(&file));
    let Ok(record) = Record::decode(&file.proof.entry) else {
        return;
    };
    if let Body::Receipt(receipt) = &record.body {
        for claim in &file.claims {
            let _any = claim.check(receipt, b"531-77-0294");
        }
    }
}
