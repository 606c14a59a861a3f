//! `velum audit pack`, and `velum audit verify` of one.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use velum_core::audit::custody::Act;
use velum_core::time::Timestamp;

use super::export::logged;
use super::period::{misuse, moment};
use crate::audit::export::Filter;
use crate::audit::notes;
use crate::audit::pack::PackError;
use crate::audit::pack::build::{Order, build};
use crate::audit::pack::verify::{Verified, verify as verify_pack};
use crate::audit::signing;
use crate::audit::verify::Options;
use crate::cli::{CONFIG, DONE, FOUND, complain, print, progress};
use crate::config;
use crate::observe::rfc3339;

#[derive(Args)]
pub(in crate::cli) struct Pack {
    /// The configuration: it says where the log is, and with which key the pack is signed.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// First moment: a date (UTC) or a time as in RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Timestamp,
    /// The moment after the last; a date is its midnight.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Timestamp,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Makes a pack.
pub(super) fn run(arguments: &Pack) -> u8 {
    match made(arguments) {
        Ok(text) => {
            print(&text);
            DONE
        }
        Err(PackError::Found(what)) => {
            complain(&format!("{what}\n"));
            FOUND
        }
        Err(error) => misuse(&error.to_string()),
    }
}

fn made(arguments: &Pack) -> Result<String, PackError> {
    let wrong = PackError::Misuse;
    let Pack { from, to, .. } = *arguments;
    if from >= to {
        return Err(wrong("--from is not before --to".to_owned()));
    }
    if arguments.output.exists() {
        let output = arguments.output.display();
        return Err(wrong(format!("{output} is there already")));
    }
    let config = config::load(&arguments.config).map_err(|error| wrong(error.to_string()))?;
    let directory = &config.audit.directory;
    logged(directory).map_err(wrong)?;
    let signers = signing::existing(&config)
        .map_err(|failed| PackError::Io(failed.path.display().to_string(), failed.error))?;
    let none = || wrong("there is no signing key yet: the first start makes one".to_owned());
    let signers = signers.ok_or_else(none)?;
    let scope = format!("{} to {}", rfc3339(from), rfc3339(to));
    let what = "pack".to_owned();
    notes::leave(directory, Act::Taken { what, scope }).map_err(|error| {
        PackError::Io(directory.join(notes::NOTES).display().to_string(), error)
    })?;
    let order = Order {
        directory,
        data_directory: &config.gateway.data_directory,
        signers: &signers,
        period: Filter {
            from,
            to,
            ..Filter::default()
        },
        output: &arguments.output,
    };
    let bar = Steps::default();
    let made = build(&order, &mut |what, done, all| bar.show(what, done, all));
    bar.finish();
    let made = made?;
    Ok(format!(
        "{}: {} records, {} files, {} bytes\n",
        arguments.output.display(),
        made.records,
        made.files,
        made.bytes
    ))
}

/// A bar that begins anew with each step.
#[derive(Default)]
struct Steps(std::cell::RefCell<Option<(&'static str, ProgressBar)>>);

impl Steps {
    fn show(&self, what: &'static str, done: u64, all: u64) {
        let mut current = self.0.borrow_mut();
        if current.as_ref().is_none_or(|(name, _)| *name != what) {
            if let Some((_, bar)) = current.take() {
                bar.finish_and_clear();
            }
            *current = Some((what, progress::bytes(what, all)));
        }
        if let Some((_, bar)) = &*current {
            bar.set_position(done);
        }
    }

    fn finish(&self) {
        if let Some((_, bar)) = self.0.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

/// Verifies a pack.
pub(super) fn verify(file: &Path, options: &Options, json: bool) -> u8 {
    if !options.anchors.is_empty() || options.session.is_some() {
        return misuse("--checkpoint and --session are for a log, not for a pack of one");
    }
    let bar = Steps::default();
    let verified = verify_pack(file, &options.keys, &mut |what, done, all| {
        bar.show(what, done, all);
    });
    bar.finish();
    match verified {
        Ok(verified) => {
            print(&match json {
                true => document(&verified),
                false => text(&verified),
            });
            DONE
        }
        Err(PackError::Found(what)) => {
            if json {
                print(&format!("{}\n", json!({ "verified": false, "what": what })));
            } else {
                complain(&format!("{what}\n"));
            }
            FOUND
        }
        Err(error) => misuse(&error.to_string()),
    }
}

fn text(verified: &Verified) -> String {
    let Verified {
        manifest,
        report,
        earlier,
        is_derived,
    } = verified;
    let mut lines = vec![
        format!(
            "verified: a pack of {}, {} to {}",
            manifest.log, manifest.from.0, manifest.to.0
        ),
        format!(
            "records:  {} to {}, and {earlier} before them, each with its proof",
            manifest.first, manifest.last
        ),
        format!("signed:   {} records, root {}", report.signed, report.root),
    ];
    lines.extend(
        report
            .signed_by
            .iter()
            .map(|key| format!("by:       {key}")),
    );
    let files = manifest.files.len();
    lines.push(match is_derived {
        true => format!("files:    {files}; report and artefacts say what the records say"),
        false => format!(
            "files:    {files}, as signed; report and artefacts were written by {}, and not \
             derived again",
            manifest.program
        ),
    });
    lines.extend(
        report
            .remarks
            .iter()
            .map(|remark| format!("note:     {remark}")),
    );
    lines.join("\n") + "\n"
}

fn document(verified: &Verified) -> String {
    let Verified {
        manifest,
        report,
        earlier,
        is_derived,
    } = verified;
    let document = json!({
        "verified": true,
        "log": manifest.log,
        "from": manifest.from.0,
        "to": manifest.to.0,
        "first": manifest.first,
        "last": manifest.last,
        "earlier": earlier,
        "signed": report.signed,
        "root": report.root,
        "signed_by": report.signed_by,
        "files": manifest.files.len(),
        "derived": is_derived,
        "notes": report.remarks,
    });
    format!("{document}\n")
}
