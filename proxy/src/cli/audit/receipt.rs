//! `velum audit receipt`: what a session has masked, and proofs about values.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use velum_core::audit::receipt::claim::{Claim, Shown, claim};
use velum_core::audit::receipt::file::ReceiptFile;
use velum_core::audit::receipt::{Receipt as Body, ReceiptColumn};
use velum_core::audit::tree::{Checkpoint, SignedCheckpoint};
use velum_core::limits::RECEIPT_FILE_BYTES;
use zeroize::Zeroizing;

use super::export::output;
use super::hex;
use super::keys::all_keys;
use super::period::{Which, misuse};
use super::{json_line, text_line};
use crate::audit::prove;
use crate::cli::{DONE, FOUND, complain, print};
use crate::config;
use crate::receipt::find::{Found, receipts};
use crate::receipt::{FOLDER, leaves};

/// No value that is asked about is longer.
const VALUE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Subcommand)]
pub(in crate::cli) enum Receipt {
    /// Print a session's receipt.
    Show(Show),
    /// Write a receipt with the proof that it is in the log, as a file that verifies on its own.
    Export(Export),
    /// The same with a proof that a value was, or was not, among those masked in a column.
    Prove(Prove),
    /// Verify such a file, without the log and without the gateway's keys.
    Verify(Verify),
}

#[derive(Args)]
pub(in crate::cli) struct Show {
    /// The session, of whose name the beginning is enough.
    session: String,
    #[command(flatten)]
    which: Which,
    /// As a JSON document, with the proof that it is in the log.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct Export {
    /// The session, of whose name the beginning is enough.
    session: String,
    #[command(flatten)]
    which: Which,
    /// A new file [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct Prove {
    #[command(flatten)]
    export: Export,
    /// The column, as the receipt names it.
    #[arg(long, value_name = "NAME")]
    column: String,
    /// The value, in a file whose last line end is not part of it; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    value_file: PathBuf,
}

#[derive(Args)]
pub(in crate::cli) struct Verify {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// A verifier key of the log, or a file of them. May be given again.
    #[arg(long = "key", value_name = "KEY-OR-FILE", required = true)]
    keys: Vec<String>,
    /// The value that a proof is about, in a file whose last line end is not part of it.
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// The proof about this column, if the file has several.
    #[arg(long, value_name = "NAME", requires = "value_file")]
    column: Option<String>,
}

/// Runs the command.
pub(super) fn run(command: &Receipt) -> u8 {
    let done = match command {
        Receipt::Show(arguments) => show(arguments),
        Receipt::Export(arguments) => export(arguments),
        Receipt::Prove(arguments) => prove(arguments),
        Receipt::Verify(arguments) => return verify(arguments),
    };
    done.map_or_else(|what| misuse(&what), |()| DONE)
}

/// The one receipt of a session.
fn find(directory: &Path, session: &str) -> Result<Found, String> {
    let found = receipts(directory, session).map_err(|error| error.to_string())?;
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(format!(
            "no session whose name begins with `{session}` has a receipt: it is there once the \
             session is over"
        )),
        (Some(_), Some(_)) => Err(format!("several sessions begin with `{session}`: say more")),
    }
}

/// The receipt with the proof that it is in the log.
fn proved(directory: &Path, found: &Found) -> Result<ReceiptFile, String> {
    let proof = prove::inclusion(directory, found.sequence).map_err(|error| error.to_string())?;
    Ok(ReceiptFile {
        proof,
        claims: Vec::new(),
    })
}

fn show(arguments: &Show) -> Result<(), String> {
    let directory = arguments.which.directory()?;
    let found = find(&directory, &arguments.session)?;
    let proof = proved(&directory, &found)?.proof;
    let line = json_line(found.sequence, &found.record);
    match arguments.json {
        true => {
            let record: serde_json::Value =
                serde_json::from_str(&line).map_err(|error| error.to_string())?;
            let document = serde_json::json!({ "record": record, "proof": proof.to_string() });
            print(&format!("{document}\n"));
        }
        false => {
            let mut text = text_line(found.sequence, &found.record);
            for column in &found.receipt.columns {
                text.push_str(&in_words(column));
            }
            print(&format!("{text}\n{proof}"));
        }
    }
    Ok(())
}

fn in_words(column: &ReceiptColumn) -> String {
    let masked = column.masked.iter().map(|(kind, cells)| {
        let kind = if kind.is_empty() {
            "type not known"
        } else {
            kind
        };
        format!("{cells} {}", kind.escape_debug())
    });
    let masked: Vec<_> = masked.collect();
    let masked = match masked.is_empty() {
        true => "nothing masked".to_owned(),
        false => format!("masked {}", masked.join(", ")),
    };
    let missed = match column.missed {
        0 => String::new(),
        missed => format!(", {missed} cells not committed to"),
    };
    let values = column.commitment.map_or_else(String::new, |it| {
        format!(", {} values, root {}", it.values, hex(&it.root))
    });
    let name = match column.column.as_str() {
        "" => "not in a column".to_owned(),
        name => name.escape_debug().to_string(),
    };
    format!("  {name}: {} rows, {masked}{values}{missed}\n", column.rows)
}

fn export(arguments: &Export) -> Result<(), String> {
    let directory = arguments.which.directory()?;
    let found = find(&directory, &arguments.session)?;
    let file = proved(&directory, &found)?;
    write(arguments, &directory, &found, "export", &file)
}

fn write(
    arguments: &Export,
    directory: &Path,
    found: &Found,
    what: &str,
    file: &ReceiptFile,
) -> Result<(), String> {
    let mut out = output(arguments.output.as_deref())?;
    let scope = format!("session {}", crate::recording::name(found.session()));
    let what = format!("receipt {what}");
    arguments.which.record(directory, &what, scope)?;
    let written = out
        .write_all(file.to_string().as_bytes())
        .and_then(|()| out.flush());
    written.map_err(|error| error.to_string())
}

fn prove(arguments: &Prove) -> Result<(), String> {
    let Prove {
        export,
        column,
        value_file,
    } = arguments;
    let directory = export.which.directory()?;
    let found = find(&directory, &export.session)?;
    let mut file = proved(&directory, &found)?;
    let value = value(value_file)?;
    let claim = claim_about(export, &found, column, &value)?;
    let shown = claim.check(&found.receipt, &value);
    let shown = shown.map_err(|error| format!("{error}: the leaves are not the receipt's"))?;
    file.claims.push(claim);
    write(export, &directory, &found, "prove", &file)?;
    complain(&format!("{}\n", said(shown, column)));
    Ok(())
}

fn claim_about(
    export: &Export,
    found: &Found,
    column: &str,
    value: &[u8],
) -> Result<Claim, String> {
    let has_it = found
        .receipt
        .column(column)
        .is_some_and(|it| it.commitment.is_some());
    if !has_it {
        let known = found.receipt.columns.iter();
        let known = known.filter(|it| it.commitment.is_some());
        let known: Vec<_> = known.map(|it| it.column.as_str()).collect();
        return Err(match known.is_empty() {
            true => {
                "the receipt commits to no values: `[receipts] commitments` was off, or nothing \
                     was masked"
                    .to_owned()
            }
            false => format!(
                "no values of `{column}` are committed to; of {}",
                known.join(", ")
            ),
        });
    }
    let kept = found.receipt.leaves.as_ref();
    let kept = kept.ok_or("the leaves of this receipt could not be written at its time")?;
    let config = config::load(&export.which.config).map_err(|error| error.to_string())?;
    let sealer = leaves::sealer(&config).map_err(|error| error.to_string())?;
    let folder = config.gateway.data_directory.join(FOLDER);
    let marks = leaves::read(&folder, &sealer, found.session(), kept);
    let marks = marks.map_err(|error| error.to_string())?;
    let of_column = marks.columns.iter().find(|(name, _)| name == column);
    let of_column = of_column
        .map(|(_, marks)| marks.as_slice())
        .unwrap_or_default();
    Ok(claim(&marks.secret, column, of_column, value))
}

fn value(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut value = Zeroizing::new(Vec::new());
    let read = match path == Path::new("-") {
        true => std::io::stdin()
            .lock()
            .take(VALUE_BYTES)
            .read_to_end(&mut value),
        false => {
            let file = std::fs::File::open(path);
            file.and_then(|file| file.take(VALUE_BYTES).read_to_end(&mut value))
        }
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    Ok(value)
}

fn said(shown: Shown, column: &str) -> String {
    match shown {
        Shown::Masked => format!("the value was masked in {column} in this session"),
        Shown::NotMasked => format!("the value was not masked in {column} in this session"),
        Shown::NotKept(missed) => format!(
            "the value is not among those of {column} that were kept; {missed} masked cells were \
             not kept, so it may have been masked"
        ),
    }
}

fn verify(arguments: &Verify) -> u8 {
    let read = all_keys(&arguments.keys).and_then(|keys| {
        let bytes = whole(&arguments.file)?;
        let value = arguments.value_file.as_deref().map(value).transpose()?;
        let file = ReceiptFile::parse(&bytes).map_err(|error| error.to_string())?;
        Ok((keys, file, value))
    });
    let (keys, file, value) = match read {
        Ok(read) => read,
        Err(what) => return misuse(&what),
    };
    let (signed, record, receipt) = match file.verify(&keys) {
        Ok(verified) => verified,
        Err(error) => return wrong(&error),
    };
    print(&format!(
        "{}{}",
        in_log(&signed),
        text_line(file.proof.index + 1, &record)
    ));
    match value {
        Some(value) => check(&file, &receipt, arguments.column.as_deref(), &value),
        None => DONE,
    }
}

fn check(file: &ReceiptFile, receipt: &Body, column: Option<&str>, value: &[u8]) -> u8 {
    let is_wanted = |claim: &&Claim| column.is_none_or(|column| claim.column == column);
    let claims: Vec<_> = file.claims.iter().filter(is_wanted).collect();
    if claims.is_empty() {
        return misuse("the file has no proof about a value of that column");
    }
    for claim in claims {
        match claim.check(receipt, value) {
            Ok(shown) => {
                print(&format!("proved: {}\n", said(shown, &claim.column)));
            }
            Err(error) => return wrong(&error),
        }
    }
    DONE
}

fn whole(path: &Path) -> Result<Vec<u8>, String> {
    let most = RECEIPT_FILE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes)
}

fn in_log(signed: &SignedCheckpoint) -> String {
    let Checkpoint { origin, size, root } = &signed.checkpoint;
    format!("proved: in {size} records of {origin}, root {root}\n")
}

fn wrong(error: &dyn std::fmt::Display) -> u8 {
    complain(&format!("{error}\n"));
    FOUND
}

/// A receipt in one line.
pub(super) fn line(receipt: &Body) -> String {
    let cells = receipt.columns.iter().flat_map(|it| &it.masked);
    let cells: u64 = cells.map(|(_, cells)| cells).sum();
    let kept = receipt.columns.iter().filter_map(|it| it.commitment);
    let values: u64 = kept.map(|it| it.values).sum();
    format!(
        "receipt: {} statements, {} rows, {cells} cells masked in {} columns, {values} values \
         committed to",
        receipt.statements,
        receipt.rows,
        receipt.columns.len()
    )
}
