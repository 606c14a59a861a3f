//! `velum audit prove` and `velum audit verify-proof`

use std::path::PathBuf;

use clap::Args;
use velum_core::audit::record::Record;
use velum_core::audit::tree::proof_text::{ConsistencyProof, InclusionProof};
use velum_core::audit::tree::{Checkpoint, SignedCheckpoint, VerifierKey};

use super::keys::{all_keys, bytes};
use super::{json_line, text_line};
use crate::audit::prove::{self, ProveError};
use crate::audit::read::ReadError;
use crate::cli::{DONE, FOUND, MISUSE, complain, print};

#[derive(Args)]
pub(in crate::cli) struct Prove {
    /// The audit directory.
    directory: PathBuf,
    /// Prove that this record is in the log (C2SP tlog-proof, with the record itself).
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    sequence: Option<u64>,
    /// Prove that the log has grown from this checkpoint (as a witness wants it); 0 is nothing.
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct VerifyProof {
    /// The proof; `-` is standard input.
    file: PathBuf,
    /// A verifier key of the log, or a file of them. May be given again.
    #[arg(long = "key", value_name = "KEY-OR-FILE", required = true)]
    keys: Vec<String>,
    /// The older checkpoint that a proof of growth begins at.
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<PathBuf>,
    /// The record as a JSON document.
    #[arg(long)]
    json: bool,
}

/// Prints a proof.
pub(super) fn run(arguments: &Prove) -> u8 {
    let proof = match (arguments.sequence, &arguments.from) {
        (Some(sequence), _) => {
            let proof = prove::inclusion(&arguments.directory, sequence);
            proof.map(|proof| proof.to_string())
        }
        (None, Some(from)) => {
            let older = match from.as_os_str() == "0" {
                true => Ok(None),
                false => bytes(from).map(Some),
            };
            let older = match older {
                Ok(older) => older,
                Err(what) => return misuse(&what),
            };
            let proof = prove::consistency(&arguments.directory, older.as_deref());
            proof.map(|proof| proof.to_string())
        }
        (None, None) => return misuse("say which record"),
    };
    match proof {
        Ok(text) => {
            print(&text);
            DONE
        }
        Err(error @ (ProveError::Io(..) | ProveError::Read(ReadError::Io { .. }))) => {
            misuse(&error.to_string())
        }
        Err(error) => found(&error.to_string()),
    }
}

/// Verifies a proof of either kind.
pub(super) fn verify(arguments: &VerifyProof) -> u8 {
    let keys = all_keys(&arguments.keys);
    let (keys, proof) = match keys.and_then(|keys| Ok((keys, bytes(&arguments.file)?))) {
        Ok(read) => read,
        Err(what) => return misuse(&what),
    };
    match proof.starts_with(b"old ") {
        true => growth(arguments, &proof, &keys),
        false => inclusion(arguments, &proof, &keys),
    }
}

fn inclusion(arguments: &VerifyProof, proof: &[u8], keys: &[VerifierKey]) -> u8 {
    let proof = match InclusionProof::parse(proof) {
        Ok(proof) => proof,
        Err(error) => return misuse(&error.to_string()),
    };
    let signed = match proof.verify(keys) {
        Ok(signed) => signed,
        Err(error) => return found(&error.to_string()),
    };
    let record = match Record::decode(&proof.entry) {
        Ok(record) => record,
        Err(error) => return found(&error.to_string()),
    };
    let sequence = proof.index + 1;
    print(&match arguments.json {
        true => json_line(sequence, &record),
        false => format!("{}{}", said(&signed), text_line(sequence, &record)),
    });
    DONE
}

fn growth(arguments: &VerifyProof, proof: &[u8], keys: &[VerifierKey]) -> u8 {
    let proof = match ConsistencyProof::parse(proof) {
        Ok(proof) => proof,
        Err(error) => return misuse(&error.to_string()),
    };
    let Some(from) = &arguments.from else {
        return misuse("say from which checkpoint by --from: the proof begins there");
    };
    let older = match bytes(from) {
        Ok(older) => older,
        Err(what) => return misuse(&what),
    };
    // The older checkpoint is believed as the newer one is: by its signature.
    let older = match SignedCheckpoint::open(&older, keys) {
        Ok(older) => older.checkpoint,
        Err(error) => return found(&format!("{}: {error}", from.display())),
    };
    if older.size != proof.old {
        return found(&format!(
            "the proof begins at {} records, {} has {}",
            proof.old,
            from.display(),
            older.size
        ));
    }
    match proof.verify(older.root, keys) {
        Ok(signed) if signed.checkpoint.origin == older.origin => {
            print(&said(&signed));
            DONE
        }
        Ok(_) => found(&format!("{} is of another log", from.display())),
        Err(error) => found(&error.to_string()),
    }
}

fn said(signed: &SignedCheckpoint) -> String {
    let Checkpoint { origin, size, root } = &signed.checkpoint;
    let by: Vec<_> = signed.by_log.iter().map(VerifierKey::to_string).collect();
    format!(
        "proved: in {size} records of {origin}, root {root}, signed by {}\n",
        by.join(", ")
    )
}

fn misuse(what: &str) -> u8 {
    complain(&format!("{what}\n"));
    MISUSE
}

fn found(what: &str) -> u8 {
    complain(&format!("{what}\n"));
    FOUND
}
