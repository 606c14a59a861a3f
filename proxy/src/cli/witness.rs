//! `velum witness`: cosigns what only grows (C2SP tlog-witness, as a command).

use std::path::PathBuf;

use clap::Args;
use velum_core::audit::tree::proof_text::ConsistencyProof;

use super::audit::keys::{all_keys, bytes};
use super::{DONE, FOUND, MISUSE, complain, print};
use crate::audit::witness::{Witness, WitnessError};
use crate::observe;

/// Cosign a log's checkpoint, if the log has only grown since the last that was cosigned here.
#[derive(Args)]
pub(super) struct Arguments {
    /// Where the witness keeps its key and what it cosigned last; made if it is not there.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The witness' name when its key is made, such as `witness.example.org/velum`.
    #[arg(long)]
    name: Option<String>,
    /// Print the public key, and do nothing else.
    #[arg(long)]
    key: bool,
    /// A verifier key of a log that is watched, or a file of them. May be given again.
    #[arg(
        long = "log",
        value_name = "KEY-OR-FILE",
        required_unless_present = "key"
    )]
    logs: Vec<String>,
    /// Checkpoint and proof, as `velum audit prove --from` prints them; `-` is standard input.
    #[arg(default_value = "-")]
    request: PathBuf,
}

/// Prints the cosignature line.
pub(super) fn run(arguments: &Arguments) -> u8 {
    let mut witness = match Witness::open(&arguments.state, arguments.name.as_deref()) {
        Ok(witness) => witness,
        Err(error) => return failed(&error),
    };
    if arguments.key {
        print(&format!("{}\n", witness.verifier()));
        return DONE;
    }
    let read = all_keys(&arguments.logs)
        .and_then(|keys| Ok((keys, bytes(&arguments.request)?)))
        .and_then(|(keys, bytes)| match ConsistencyProof::parse(&bytes) {
            Ok(request) => Ok((keys, request)),
            Err(error) => Err(error.to_string()),
        });
    let (keys, request) = match read {
        Ok(read) => read,
        Err(what) => {
            complain(&format!("{what}\n"));
            return MISUSE;
        }
    };
    let time_s = observe::now().0 / 1_000_000_000;
    match witness.cosign(&request, &keys, time_s) {
        Ok(line) => {
            print(&line);
            DONE
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &WitnessError) -> u8 {
    complain(&format!("{error}\n"));
    match error {
        WitnessError::Refused(_) => FOUND,
        WitnessError::Io(..) | WitnessError::State(..) => MISUSE,
    }
}
