//! `velum audit disclosures` and `velum audit exposure`

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use velum_core::audit::token::{Token, TokenKey};
use zeroize::Zeroizing;

use super::export::{logged, output};
use super::period::{Part, Which, misuse};
use crate::audit::export::{ExportError, Format, Kind, Writer};
use crate::audit::key;
use crate::audit::read::ReadError;
use crate::audit::subject::{self, Exposure as Sum};
use crate::cli::{DONE, FOUND, MISUSE, complain, print, progress};
use crate::config;

/// Longest value that is asked for.
const VALUE_BYTES: u64 = 64 * 1024;

#[derive(Args)]
pub(in crate::cli) struct Disclosures {
    #[command(flatten)]
    which: Which,
    /// A token of the subject: 24 hexadecimal digits. May be given again.
    #[arg(
        long = "subject",
        value_name = "TOKEN",
        required_unless_present = "value"
    )]
    subjects: Vec<String>,
    /// A value, such as a record number, as statements write it; `-` reads it from standard input,
    /// where no list of processes shows it. Its token is made with the log's key, which the
    /// configuration knows.
    #[arg(long, value_name = "VALUE")]
    value: Option<String>,
    #[command(flatten)]
    part: Part,
    /// As CSV.
    #[arg(long)]
    csv: bool,
    /// A new file [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct Exposure {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    part: Part,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

/// Lists statements that name a value.
pub(super) fn disclosures(arguments: &Disclosures) -> u8 {
    let prepared = arguments.which.directory().and_then(|directory| {
        let filter = arguments.part.filter()?;
        logged(&directory)?;
        let tokens = tokens(arguments)?;
        let names: Vec<_> = tokens.iter().map(|token| token.to_hex()).collect();
        let scope = format!("{}, {}", names.join(" "), arguments.part.scope());
        let out = output(arguments.output.as_deref())?;
        arguments.which.record(&directory, "disclosures", scope)?;
        Ok((directory, filter, tokens, out))
    });
    let (directory, filter, tokens, out) = match prepared {
        Ok(prepared) => prepared,
        Err(what) => return misuse(&what),
    };
    let format = match arguments.csv {
        true => Format::Csv,
        false => Format::Json,
    };
    let bar = progress::bytes("searching", Which::bytes(&directory));
    let mut read = |done| bar.set_position(done);
    let written = Writer::new(Kind::Statements, format, out).map_err(ExportError::Write);
    let written = written.and_then(|mut writer| {
        let mut failed = None;
        let found = subject::disclosures(&directory, &filter, &tokens, &mut read, |row| {
            if failed.is_none() {
                failed = writer.write(row).err();
            }
        })?;
        let ended = failed.map_or_else(|| writer.finish(), Err);
        ended.map(|()| found).map_err(ExportError::Write)
    });
    bar.finish_and_clear();
    match written {
        Ok(found) => {
            complain(&format!(
                "{found} statements name it; what a result showed without being named is not known \
                 by value\n"
            ));
            DONE
        }
        Err(error) => failed(&error),
    }
}

fn tokens(arguments: &Disclosures) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    for text in &arguments.subjects {
        let token = subject::token(text);
        let wrong = || "a token is 24 hexadecimal digits".to_owned();
        tokens.push(token.ok_or_else(wrong)?);
    }
    if let Some(value) = &arguments.value {
        let key = token_key(&arguments.which)?;
        let value = match value.as_str() {
            "-" => from_standard_input()?,
            value => Zeroizing::new(value.as_bytes().to_vec()),
        };
        tokens.push(key.token(&value));
    }
    Ok(tokens)
}

fn from_standard_input() -> Result<Zeroizing<Vec<u8>>, String> {
    let mut value = Zeroizing::new(Vec::new());
    let mut input = std::io::stdin().lock().take(VALUE_BYTES);
    let read = input.read_to_end(&mut value);
    read.map_err(|error| format!("standard input: {error}"))?;
    // The line's end is the terminal's.
    let length = value.trim_ascii_end().len();
    value.truncate(length);
    Ok(value)
}

fn token_key(which: &Which) -> Result<TokenKey, String> {
    let config = config::load(&which.config).map_err(|error| error.to_string())?;
    match &config.audit.key {
        Some(secret) => Ok(key::from_secret(secret)),
        None => {
            let directory = &config.gateway.data_directory;
            let key = key::existing(directory);
            let key = key.map_err(|error| format!("{}: {error}", directory.display()))?;
            key.ok_or_else(|| format!("there is no key of tokens in {}", directory.display()))
        }
    }
}

fn failed(error: &ExportError) -> u8 {
    complain(&format!("{error}\n"));
    match error {
        ExportError::Read(ReadError::Damaged { .. }) => FOUND,
        ExportError::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe => DONE,
        _ => MISUSE,
    }
}

/// Sums up what an identity has seen.
pub(super) fn exposure(arguments: &Exposure) -> u8 {
    let prepared = arguments.which.directory().and_then(|directory| {
        let filter = arguments.part.filter()?;
        if filter.identity.is_none() {
            return Err("say whose by --identity".to_owned());
        }
        logged(&directory)?;
        let scope = arguments.part.scope();
        arguments.which.record(&directory, "exposure", scope)?;
        Ok((directory, filter))
    });
    let (directory, filter) = match prepared {
        Ok(prepared) => prepared,
        Err(what) => return misuse(&what),
    };
    let bar = progress::bytes("summing up", Which::bytes(&directory));
    let sum = subject::exposure(&directory, &filter, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    match sum {
        Ok(sum) => {
            let text = match arguments.json {
                true => serde_json::to_string(&sum).unwrap_or_default() + "\n",
                false => text(&sum, &arguments.part.scope()),
            };
            print(&text);
            DONE
        }
        Err(error) => failed(&error),
    }
}

fn text(sum: &Sum, scope: &str) -> String {
    let mut lines = vec![
        format!("{scope}:"),
        format!(
            "{} statements, {} refused, {} with an end that is not known",
            sum.statements, sum.denied, sum.unknown
        ),
        format!(
            "{} rows and {} bytes released; {} rows of statements in which nothing was masked",
            sum.rows, sum.bytes, sum.rows_unmasked
        ),
        format!(
            "{}{} different values named in statements",
            if sum.values_are_more {
                "more than "
            } else {
                ""
            },
            sum.values_named
        ),
    ];
    for (masker, cells) in &sum.masked {
        lines.push(format!("masked {cells} cells by {masker}"));
    }
    for (column, cells) in &sum.columns {
        lines.push(format!("masked {cells} cells of {column}"));
    }
    for (column, outputs) in &sum.shown {
        lines.push(format!("{outputs} outputs had something of {column}"));
    }
    for (text, shape) in &sum.texts {
        lines.push(format!(
            "{} times, {} rows, {} cells masked: {}",
            shape.runs,
            shape.rows,
            shape.masked,
            text.escape_debug()
        ));
    }
    if sum.texts_left_out > 0 {
        lines.push(format!("{} statements of other texts", sum.texts_left_out));
    }
    lines.push(
        "not in the records: which subjects a result was about, and what was in cells that were \
         not masked"
            .to_owned(),
    );
    lines.join("\n") + "\n"
}
