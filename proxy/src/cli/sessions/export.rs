//! `velum sessions export` and `velum sessions verify`

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use velum_core::audit::record::Body;

use super::{Which, found, load};
use crate::cli::audit::keys::all_keys;
use crate::cli::{DONE, MISUSE, complain, print};
use crate::observe::rfc3339;
use crate::recording::export::{self, ExportError, Report};
use crate::recording::keys::Keys;
use crate::recording::pcap::Capture;
use crate::recording::read::ReadError;
use crate::recording::source::Source;

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// The recording with its key, its audit records and their proofs.
    File,
    /// Packets, for Wireshark and its like.
    Pcapng,
}

#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    which: Which,
    /// What to write.
    #[arg(long, value_enum, default_value = "file")]
    format: Format,
    /// Where to; it must not be there yet.
    #[arg(long)]
    out: PathBuf,
    /// With what the client sent, if that was recorded: literals and values may be PHI.
    #[arg(long)]
    statements: bool,
}

#[derive(Args)]
pub(super) struct Verify {
    /// An exported recording.
    file: PathBuf,
    /// A verifier key of the log, or a file of them. May be given again.
    #[arg(long = "key", value_name = "KEY-OR-FILE", required = true)]
    keys: Vec<String>,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

/// Writes a recording for others.
pub(super) fn run(arguments: &Export) -> u8 {
    let source = match arguments.which.read_by("sessions export") {
        Ok(source) => source,
        Err(status) => return status,
    };
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&arguments.out);
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            complain(&format!("{}: {error}\n", arguments.out.display()));
            return MISUSE;
        }
    };
    let written = match arguments.format {
        Format::File => proved(arguments, &source, file),
        Format::Pcapng => packets(arguments, &source, file).map_err(ExportError::from),
    };
    match written {
        Ok(()) => {
            print(&format!("{}\n", arguments.out.display()));
            DONE
        }
        Err(error) => {
            let _leaves_nothing = std::fs::remove_file(&arguments.out);
            found(&error)
        }
    }
}

fn proved(arguments: &Export, source: &Source, file: File) -> Result<(), ExportError> {
    let config = match load(&arguments.which.place.config) {
        Ok(config) => config,
        Err(_) => return Err(ExportError::Wrong("there is no log to prove it".to_owned())),
    };
    let audit: &Path = &config.audit.directory;
    export::write(
        source,
        audit,
        arguments.statements,
        &mut BufWriter::new(file),
    )
}

fn packets(arguments: &Export, source: &Source, file: File) -> Result<(), ReadError> {
    let keys = Keys {
        client: source.keys.client.clone().filter(|_| arguments.statements),
        ..source.keys.clone()
    };
    let has_client = keys.client.is_some() && has_client(source)?;
    let mut reader = source.reader_with(&keys)?;
    let began = reader.walk().header().began;
    let mut capture = Capture::begin(BufWriter::new(file), began, has_client)?;
    let (mut failed, mut last) = (None, 0);
    let end = reader.events(|event| {
        last = event.micros;
        failed = capture.take(event).err();
        failed.is_none()
    });
    capture.end(last)?;
    match failed {
        Some(error) => Err(error.into()),
        // What is whole of one that is cut is worth a look.
        None => match end {
            Err(ReadError::Cut) => {
                complain("the recording is cut: its end is missing\n");
                Ok(())
            }
            end => end,
        },
    }
}

/// Was what the client sent recorded?
fn has_client(source: &Source) -> Result<bool, ReadError> {
    let mut found = false;
    let read = source.reader()?.events(|event| {
        found = event.kind == velum_core::recording::Kind::Client;
        !found
    });
    match read {
        Ok(()) | Err(ReadError::Cut) => Ok(found),
        Err(error) => Err(error),
    }
}

/// Verifies an exported recording.
pub(super) fn verify(arguments: &Verify) -> u8 {
    let keys = match all_keys(&arguments.keys) {
        Ok(keys) => keys,
        Err(what) => {
            complain(&format!("{what}\n"));
            return MISUSE;
        }
    };
    match export::verify(&arguments.file, &keys) {
        Ok(report) => {
            print(&match arguments.json {
                true => json(&report),
                false => text(&report),
            });
            DONE
        }
        Err(ExportError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            complain(&format!("{}: {error}\n", arguments.file.display()));
            MISUSE
        }
        Err(error) => found(&error),
    }
}

fn text(report: &Report) -> String {
    let Body::Recording { end, .. } = &report.recording.body else {
        return String::new();
    };
    let opened = &report.opened;
    format!(
        "verified: {} recording of session {:032x}, {} at {}, begun {}\n\
         records:  {} of {}\nseen:     {} bytes\n",
        end.as_str(),
        opened.session.0,
        opened.identity.escape_debug(),
        opened.resource.escape_debug(),
        rfc3339(opened.time),
        report.records,
        report.log,
        report.server_bytes,
    )
}

fn json(report: &Report) -> String {
    let record = |record: &velum_core::audit::record::Record| -> serde_json::Value {
        serde_json::from_str(&record.to_json()).unwrap_or_default()
    };
    let document = serde_json::json!({
        "verified": true,
        "log": report.log,
        "records": report.records,
        "server_bytes": report.server_bytes,
        "session_opened": record(&report.opened),
        "recording": record(&report.recording),
    });
    format!("{document:#}\n")
}
