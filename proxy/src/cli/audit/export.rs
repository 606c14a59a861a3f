//! `velum audit export`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::period::{Part, Which, misuse};
use crate::audit::export::{ExportError, Format, Kind, Writer, export};
use crate::audit::read::{self, ReadError};
use crate::cli::{DONE, FOUND, MISUSE, complain, progress};

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    which: Which,
    /// What the rows are about.
    #[arg(long)]
    kind: KindName,
    #[command(flatten)]
    part: Part,
    /// How they are written.
    #[arg(long, default_value = "json")]
    format: FormatName,
    /// A new file [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    Approvals,
    Sessions,
    Statements,
    Masking,
    Grants,
    Admin,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Approvals => Self::Approvals,
            KindName::Sessions => Self::Sessions,
            KindName::Statements => Self::Statements,
            KindName::Masking => Self::Masking,
            KindName::Grants => Self::Grants,
            KindName::Admin => Self::Admin,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    /// A JSON document a line.
    Json,
    /// With a header.
    Csv,
    /// OCSF 1.8 events, a JSON document a line.
    Ocsf,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Json => Self::Json,
            FormatName::Csv => Self::Csv,
            FormatName::Ocsf => Self::Ocsf,
        }
    }
}

/// Writes an export.
pub(super) fn run(arguments: &Export) -> u8 {
    let kind = Kind::from(arguments.kind);
    let prepared = arguments.which.directory().and_then(|directory| {
        let filter = arguments.part.filter()?;
        logged(&directory)?;
        let scope = format!("{}, {}", kind.as_str(), arguments.part.scope());
        let out = output(arguments.output.as_deref())?;
        arguments.which.record(&directory, "export", scope)?;
        Ok((directory, filter, out))
    });
    let (directory, filter, out) = match prepared {
        Ok(prepared) => prepared,
        Err(what) => return misuse(&what),
    };
    let bar = progress::bytes("exporting", Which::bytes(&directory));
    let mut read = |done| bar.set_position(done);
    let written = Writer::new(kind, arguments.format.into(), out)
        .map_err(ExportError::Write)
        .and_then(|mut writer| export(&directory, kind, &filter, &mut writer, &mut read));
    bar.finish_and_clear();
    ended(written, arguments.output.as_deref())
}

/// How it ended, as an exit status.
fn ended(written: Result<u64, ExportError>, output: Option<&Path>) -> u8 {
    match written {
        Ok(rows) => {
            if let Some(path) = output {
                complain(&format!("{rows} rows in {}\n", path.display()));
            }
            DONE
        }
        // Nobody reads what is printed.
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(error) => {
            complain(&format!("{error}\n"));
            match error {
                ExportError::Read(ReadError::Damaged { .. }) => FOUND,
                _ => MISUSE,
            }
        }
    }
}

/// There is a log.
pub(super) fn logged(directory: &Path) -> Result<(), String> {
    match read::segments(directory) {
        Ok(segments) if segments.is_empty() => {
            Err(format!("there is no audit log in {}", directory.display()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Where it goes: a file that is not there yet, readable by its owner only, or standard output.
pub(super) fn output(path: Option<&Path>) -> Result<Box<dyn Write>, String> {
    let Some(path) = path else {
        return Ok(Box::new(BufWriter::with_capacity(
            BUFFER_BYTES,
            io::stdout(),
        )));
    };
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match file {
        Ok(file) => Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file))),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
