//! `velum witness`: cosigns what only grows (C2SP tlog-witness, as a command).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;
use velum_core::audit::tree::VerifierKey;
use velum_core::audit::tree::proof_text::ConsistencyProof;

use super::audit::keys::{all_keys, bytes};
use super::{DONE, FOUND, MISUSE, complain, print};
use crate::audit::witness::{Witness, WitnessError, serve};
use crate::observe::{self, Field};

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
    /// A log of which nothing is kept here has never been seen by this witness: cosign it from now
    /// on. Without this it is refused: a witness that has lost its state must not begin anew.
    #[arg(long)]
    first: bool,
    /// Answer `POST /add-checkpoint` there, until it is stopped, instead of one request. Without
    /// TLS: put it behind something that has it.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "request")]
    listen: Option<SocketAddr>,
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
    if arguments.first {
        witness.begin();
    }
    if let Some(address) = arguments.listen {
        return match all_keys(&arguments.logs).and_then(|logs| listen(witness, logs, address)) {
            Ok(never) => match never {},
            Err(what) => {
                complain(&format!("{what}\n"));
                MISUSE
            }
        };
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

/// Serves until the process ends.
fn listen(
    witness: Witness,
    logs: Vec<VerifierKey>,
    address: SocketAddr,
) -> Result<Infallible, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| format!("{address}: {error}"))?;
        let bound = listener.local_addr().map_err(|error| error.to_string())?;
        observe::event("witness-listening", &[("address", Field::Address(bound))]);
        serve::serve(listener, witness, logs).await;
        Err("it no longer listens".to_owned())
    })
}

fn failed(error: &WitnessError) -> u8 {
    complain(&format!("{error}\n"));
    match error {
        WitnessError::Refused(_) | WitnessError::Unseen(_) => FOUND,
        WitnessError::Io(..) | WitnessError::State(..) => MISUSE,
    }
}
