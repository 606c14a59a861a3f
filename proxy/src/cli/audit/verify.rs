//! `velum audit verify`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::keys::{all_keys, bytes};
use super::pack;
use crate::audit::read;
use crate::audit::verify::{Anchor, Failure, Options, Place, Report, verify};
use crate::cli::{DONE, FOUND, MISUSE, complain, print, progress};
use crate::observe::rfc3339;

#[derive(Args)]
pub(in crate::cli) struct Verify {
    /// The audit directory, or an auditor's pack.
    directory: PathBuf,
    /// A verifier key of the log or of a witness, as `velum audit key` prints it, or a file of
    /// them. May be given again.
    #[arg(long = "key", value_name = "KEY-OR-FILE")]
    keys: Vec<String>,
    /// A checkpoint that was kept elsewhere: the log has to be its continuation. May be given
    /// again.
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// So many of the witnesses whose keys are given have to have cosigned, instead of all.
    #[arg(long, value_name = "N")]
    cosignatures: Option<usize>,
    /// Report on the session whose name begins so.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Records that are not signed yet, and a torn tail, are no fault: the log was copied from
    /// under a gateway.
    #[arg(long)]
    allow_unsigned: bool,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

/// Verifies a log.
pub(super) fn run(arguments: Verify) -> u8 {
    let options = match options(&arguments) {
        Ok(options) => options,
        Err(what) => {
            complain(&format!("{what}\n"));
            return MISUSE;
        }
    };
    if arguments.directory.is_file() {
        return pack::verify(&arguments.directory, &options, arguments.json);
    }
    let segments = read::segments(&arguments.directory).unwrap_or_default();
    let sizes = segments.iter().filter_map(|(_, path)| path.metadata().ok());
    let bar = progress::bytes("verifying", sizes.map(|metadata| metadata.len()).sum());
    let result = verify(&arguments.directory, &options, &mut |done| {
        bar.set_position(done)
    });
    bar.finish_and_clear();
    match result {
        Ok(report) => {
            print(&match arguments.json {
                true => format!("{}\n", document(&report)),
                false => text(&report),
            });
            DONE
        }
        Err(failure) => failed(&failure, arguments.json),
    }
}

fn options(arguments: &Verify) -> Result<Options, String> {
    let mut anchors = Vec::new();
    for path in &arguments.checkpoints {
        let name = path.display().to_string();
        let bytes = bytes(path)?;
        anchors.push(Anchor { name, bytes });
    }
    if let Some(session) = &arguments.session
        && !session.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err(format!("{session} is no session: it is hexadecimal digits"));
    }
    Ok(Options {
        keys: all_keys(&arguments.keys)?,
        anchors,
        cosignatures: arguments.cosignatures,
        session: arguments
            .session
            .as_ref()
            .map(|session| session.to_ascii_lowercase()),
        allows_unsigned: arguments.allow_unsigned,
        excerpt: None,
    })
}

fn failed(failure: &Failure, json: bool) -> u8 {
    let (status, place) = match failure {
        Failure::Found(finding) => (FOUND, finding.place.as_ref()),
        Failure::NoLog(_) | Failure::Unreadable { .. } => (MISUSE, None),
    };
    if json {
        let place = place.map(|place| {
            let Place {
                segment,
                offset,
                sequence,
            } = place;
            json!({ "segment": &**segment, "offset": offset, "sequence": sequence })
        });
        let what = failure.to_string();
        print(&format!(
            "{}\n",
            json!({ "verified": false, "what": what, "place": place })
        ));
    } else {
        complain(&format!("{failure}\n"));
    }
    status
}

fn text(report: &Report) -> String {
    let Report {
        segments,
        origin,
        signed,
        root,
        ..
    } = report;
    // What nobody has signed yet is read, and not verified.
    let verified = report.verified;
    let (from, to) = (rfc3339(report.first_time), rfc3339(report.last_time));
    let mut lines = vec![
        format!("verified: {verified} records in {segments} segments, {from} to {to}"),
        format!("signed:   {signed} records of {origin}, root {root}"),
    ];
    lines.extend(
        report
            .signed_by
            .iter()
            .map(|key| format!("by:       {key}")),
    );
    for (witness, time_s) in &report.cosigned_by {
        lines.push(format!("cosigned: {witness}, {time_s} seconds after 1970"));
    }
    if let Some(session) = &report.session {
        lines.push(format!(
            "session:  {} of {} at {}: {} records from {} to {}, {} statements",
            session.session,
            session.identity,
            session.resource,
            session.records,
            session.first,
            session.last,
            session.statements
        ));
    }
    lines.extend(
        report
            .remarks
            .iter()
            .map(|remark| format!("note:     {remark}")),
    );
    lines.join("\n") + "\n"
}

fn document(report: &Report) -> Value {
    let cosigned = report.cosigned_by.iter();
    let cosigned: Vec<_> = cosigned
        .map(|(name, time_s)| json!({ "name": name, "time_s": time_s }))
        .collect();
    let session = report.session.as_ref().map(|session| {
        json!({
            "session": session.session,
            "identity": session.identity,
            "resource": session.resource,
            "records": session.records,
            "statements": session.statements,
            "first_sequence": session.first,
            "last_sequence": session.last,
        })
    });
    json!({
        "verified": true,
        "records": report.records,
        "verified_records": report.verified,
        "segments": report.segments,
        "bytes": report.bytes,
        "first_time": rfc3339(report.first_time),
        "last_time": rfc3339(report.last_time),
        "statements": report.statements,
        "open_statements": report.open_statements,
        "clock_steps": report.clock_steps,
        "origin": report.origin,
        "signed": report.signed,
        "root": report.root,
        "signed_by": report.signed_by,
        "cosigned_by": cosigned,
        "session": session,
        "notes": report.remarks,
    })
}
