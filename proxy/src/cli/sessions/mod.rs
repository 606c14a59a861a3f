//! `velum sessions`: recordings of what clients saw.

mod export;
mod keyboard;
mod list;
mod replay;
mod serve;
mod shred;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::audit::period::note_taken;
use super::{FOUND, MISUSE, complain};
use crate::config::{self, Config};
use crate::recording;
use crate::recording::read::ReadError;
use crate::recording::source::{Source, SourceError};

/// Look at recordings of what clients saw, and show them to others.
#[derive(Args)]
pub(super) struct Sessions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the recordings.
    List {
        #[command(flatten)]
        place: Place,
        /// As a JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Show a recording: statements, and rows as tables.
    Replay(replay::Replay),
    /// Answer clients of PostgreSQL as a recording says.
    Serve(serve::Serve),
    /// Write a recording for others: with its proofs, or as a capture of packets.
    Export(export::Export),
    /// Verify an exported recording, without the gateway's keys and log.
    Verify(export::Verify),
    /// Destroy a recording for good: its key goes, and the audit log says so.
    Shred(shred::Shred),
}

#[derive(Args)]
struct Place {
    /// The gateway's configuration: it says where recordings and their keys are.
    #[arg(long, default_value = super::CONFIG)]
    config: PathBuf,
}

/// A recording.
#[derive(Args)]
struct Which {
    /// The session, of whose name the beginning is enough; or an exported file.
    id: String,
    #[command(flatten)]
    place: Place,
    /// The configuration's audit log is a copy: that the recording is read is recorded nowhere.
    #[arg(long)]
    copy: bool,
}

impl Which {
    /// The recording. That it is read by this command is on its way to the audit log first; of an
    /// exported file the log knows since the export.
    fn read_by(&self, command: &str) -> Result<Source, u8> {
        let source = self.find()?;
        if std::path::Path::new(&self.id).is_file() {
            return Ok(source);
        }
        let config = load(&self.place.config)?;
        let session = source.session.map(recording::name).unwrap_or_default();
        let scope = format!("session {session}");
        let noted = note_taken(&config.audit.directory, self.copy, command, scope);
        noted.map_err(|what| {
            complain(&format!("{what}\n"));
            MISUSE
        })?;
        Ok(source)
    }

    fn find(&self) -> Result<Source, u8> {
        let mut broken = false;
        let load = || match config::load(&self.place.config) {
            Ok(config) => Some(config),
            Err(error) => {
                complain(&format!("{error}\n"));
                broken = true;
                None
            }
        };
        match Source::find(&self.id, load) {
            Ok(source) => Ok(source),
            Err(_) if broken => Err(MISUSE),
            Err(error @ (SourceError::Key(_) | SourceError::Export(_))) => Err(found(&error)),
            Err(error) => {
                complain(&format!("{error}\n"));
                Err(MISUSE)
            }
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Sessions) -> u8 {
    match &arguments.command {
        Command::List { place, json } => list::run(&place.config, *json),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Verify(arguments) => export::verify(arguments),
        Command::Shred(arguments) => shred::run(arguments),
    }
}

fn load(path: &Path) -> Result<Config, u8> {
    config::load(path).map_err(|error| {
        complain(&format!("{error}\n"));
        MISUSE
    })
}

/// A recording that is not as it should be.
fn found(error: &dyn std::fmt::Display) -> u8 {
    complain(&format!("{error}\n"));
    FOUND
}

/// What is left to say when a recording was read as far as it goes.
fn read_to(end: Result<(), ReadError>) -> u8 {
    match end {
        Ok(()) => super::DONE,
        Err(error) => found(&error),
    }
}
