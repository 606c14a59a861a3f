//! `velum sessions shred`

use clap::Args;

use super::{Place, load};
use crate::cli::{DONE, FOUND, MISUSE, complain, print};
use crate::originals;
use crate::recording::{self, keys, shred};

#[derive(Args)]
pub(super) struct Shred {
    /// The session, all 32 digits of it.
    id: String,
    #[command(flatten)]
    place: Place,
}

/// Destroys a recording.
pub(super) fn run(arguments: &Shred) -> u8 {
    let config = match load(&arguments.place.config) {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(session) = recording::session(&arguments.id) else {
        complain("write all 32 digits of the session: what is destroyed stays so\n");
        return MISUSE;
    };
    let directory = config.gateway.data_directory.join(keys::FOLDER);
    let actor = format!("local user {}", rustix::process::getuid().as_raw());
    // The auditors' shares first: what is left without them is the gateway's alone.
    if let Some(recordings) = &config.recordings
        && let Err(error) = originals::destroy(&recordings.directory, session)
    {
        complain(&format!("{}: {error}\n", recordings.directory.display()));
        return FOUND;
    }
    match shred::shred(&directory, session, &actor) {
        Ok(true) => {
            print("its key is destroyed: nobody can read it any more\n");
            DONE
        }
        Ok(false) => {
            complain("it has no key: it was destroyed before, or never was\n");
            FOUND
        }
        Err(error) => {
            complain(&format!("{}: {error}\n", directory.display()));
            FOUND
        }
    }
}
