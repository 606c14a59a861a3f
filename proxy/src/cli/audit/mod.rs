//! `velum audit`

mod export;
mod key;
pub(in crate::cli) mod keys;
mod originals;
mod pack;
pub(super) mod period;
mod prove;
mod receipt;
mod retention;
mod search;
mod ship;
mod subject;
mod verify;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use velum_core::audit::custody::{Act, Custody, Expired};
use velum_core::audit::masking::Masking;
use velum_core::audit::record::{Asserted, Body, Record};

use super::{DONE, FOUND, complain, print};
use crate::audit::read;
use crate::observe::rfc3339;

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Print all records.
    Show(Which),
    /// Print the last records, and those that follow.
    Tail {
        #[command(flatten)]
        which: Which,
        /// How many of the last.
        #[arg(long, default_value_t = 10)]
        lines: u64,
        /// Stop at the end of the log.
        #[arg(long)]
        no_follow: bool,
    },
    /// Print the records of a session, an identity, a resource, a grant or a time.
    Search(search::Search),
    /// Make what searches look things up in, of the segments that have ended.
    Index(search::Make),
    /// Verify the whole log against its signed checkpoint, and those that were kept elsewhere.
    Verify(verify::Verify),
    /// Read evidence out of the log, for people or for other systems.
    Export(export::Export),
    /// Make one archive of all that an auditor needs of a period.
    Pack(pack::Pack),
    /// List statements that name a value, by its token (45 CFR 164.528).
    Disclosures(subject::Disclosures),
    /// Sum up what an identity has seen (45 CFR 164.402).
    Exposure(subject::Exposure),
    /// Keep records from being deleted when they are due.
    Hold(retention::Holds),
    /// Delete records that are due.
    Expire(retention::Expire),
    /// Tell how far the log was sent to other systems.
    Ship(ship::Ship),
    /// Prove that a record is in the log, or that the log has only grown.
    Prove(prove::Prove),
    /// Verify a proof, without the log.
    VerifyProof(prove::VerifyProof),
    /// What sessions have masked, and proofs about values.
    #[command(subcommand)]
    Receipt(receipt::Receipt),
    /// What clients sent, sealed to auditors of whom it takes two.
    #[command(subcommand)]
    Originals(originals::Originals),
    /// Print the public keys that the gateway's checkpoints are verified by.
    Key {
        /// The configuration.
        #[arg(long, default_value = super::CONFIG)]
        config: PathBuf,
    },
}

#[derive(Args)]
pub(super) struct Which {
    /// The audit directory.
    directory: PathBuf,
    /// A JSON document a line.
    #[arg(long)]
    json: bool,
}

/// Prints records.
pub(super) fn run(command: Audit) -> u8 {
    match command {
        Audit::Show(which) => match show(&which, 0) {
            Ok(_) => DONE,
            Err(error) => failed(&error),
        },
        Audit::Tail {
            which,
            lines,
            no_follow,
        } => tail(&which, lines, !no_follow),
        Audit::Search(arguments) => search::run(&arguments),
        Audit::Index(arguments) => search::make(&arguments),
        Audit::Verify(arguments) => verify::run(arguments),
        Audit::Export(arguments) => export::run(&arguments),
        Audit::Pack(arguments) => pack::run(&arguments),
        Audit::Disclosures(arguments) => subject::disclosures(&arguments),
        Audit::Exposure(arguments) => subject::exposure(&arguments),
        Audit::Hold(arguments) => retention::hold(&arguments),
        Audit::Expire(arguments) => retention::expire(&arguments),
        Audit::Ship(arguments) => ship::run(&arguments),
        Audit::Prove(arguments) => prove::run(&arguments),
        Audit::VerifyProof(arguments) => prove::verify(&arguments),
        Audit::Receipt(arguments) => receipt::run(&arguments),
        Audit::Originals(arguments) => originals::run(&arguments),
        Audit::Key { config } => key::run(&config),
    }
}

fn tail(which: &Which, lines: u64, follow: bool) -> u8 {
    let mut last = 0;
    let end = read::for_each(&which.directory, 0, |sequence, _| {
        last = sequence;
        true
    });
    if let Err(error) = end {
        return failed(&error);
    }
    let mut next = (last + 1).saturating_sub(lines).max(1);
    let mut seen = None;
    loop {
        let stamp = stamp(which);
        if follow && stamp.is_some() && stamp == seen {
            std::thread::sleep(LOOK);
            continue;
        }
        seen = stamp;
        match show(which, next) {
            Ok(Some(after)) => next = after,
            // Nobody reads what is printed.
            Ok(None) => return DONE,
            Err(error) => return failed(&error),
        }
        if !follow {
            return DONE;
        }
    }
}

/// Changes whenever something was written: segments are long, so they are not read for nothing.
fn stamp(which: &Which) -> Option<(PathBuf, SystemTime)> {
    let (_, newest) = read::segments(&which.directory).ok()?.pop()?;
    let modified = newest
        .metadata()
        .and_then(|metadata| metadata.modified())
        .ok()?;
    Some((newest, modified))
}

/// Prints the records from `from` on; gives the sequence to go on with, or `None` if standard
/// output is closed.
fn show(which: &Which, from: u64) -> Result<Option<u64>, read::ReadError> {
    let mut next = from;
    let mut open = true;
    read::for_each(&which.directory, from, |sequence, record| {
        let line = match which.json {
            true => json_line(sequence, &record),
            false => text_line(sequence, &record),
        };
        open = print(&line);
        next = sequence + 1;
        open
    })?;
    Ok(open.then_some(next))
}

fn failed(error: &read::ReadError) -> u8 {
    complain(&format!("{error}\n"));
    FOUND
}

/// The record's own line, with its sequence as the first member.
fn json_line(sequence: u64, record: &Record) -> String {
    let json = record.to_json();
    let members = json.trim_start_matches('{');
    let comma = if members.starts_with('}') { "" } else { "," };
    format!("{{\"sequence\":{sequence}{comma}{members}\n")
}

fn text_line(sequence: u64, record: &Record) -> String {
    let session = record.session.0;
    let session = if session == 0 {
        "-".to_owned()
    } else {
        format!("{:08x}", session >> 96)
    };
    let whom = match (&*record.identity, &*record.resource) {
        ("", "") => "-".to_owned(),
        (identity, resource) => format!("{identity}@{resource}"),
    };
    let time = rfc3339(record.time);
    let what = what(&record.body);
    let line = format!("{sequence:>8} {time} {session:>8} {whom} {what}");
    in_one_line(&line) + "\n"
}

/// With everything escaped that would move, hide or reorder what a terminal shows: names are the
/// clients' own.
fn in_one_line(text: &str) -> String {
    let hidden = [
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
    ];
    let moves = |c: char| c.is_control() || hidden.iter().any(|range| range.contains(&c));
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match moves(c) {
            true => line.extend(c.escape_unicode()),
            false => line.push(c),
        }
    }
    line
}

fn what(body: &Body) -> String {
    match body {
        Body::SessionOpened {
            method,
            client_address,
            role,
            database,
            assertion,
            ..
        } => {
            let whose = whose(assertion.as_ref());
            format!("opened by {method}{whose} from {client_address} as {role} in {database}")
        }
        Body::SessionClosed {
            reason,
            statements,
            bytes,
        } => {
            format!("closed: {reason} ({statements} statements, {bytes} bytes)")
        }
        Body::Intent {
            statement,
            effect,
            text,
            decision,
            ..
        } => {
            format!(
                "#{statement} {effect:?} {decision}: {}",
                text.escape_debug()
            )
        }
        Body::Outcome { .. } => outcome(body),
        Body::OutcomeUnknown { statement } => format!("#{statement} outcome unknown"),
        Body::ConnectionRefused {
            client_address,
            sqlstate,
            reason,
        } => {
            let code = String::from_utf8_lossy(sqlstate);
            let reason = because(reason);
            format!("refused {client_address}: {code}{reason}")
        }
        Body::ConfigurationLoaded { sha256 } => format!("configuration {}", hex(sha256)),
        Body::Gateway { event } => format!("gateway {event}"),
        Body::SigningKey { key, previous } => signed(key, previous.as_deref()),
        Body::CheckpointOverruled { cause } => format!("accepted all the same: {cause}"),
        Body::Grant { .. } | Body::Administration { .. } | Body::Login { .. } => decision(body),
        Body::Custody(it) => custody(it),
        Body::Recording { .. } => recording(body),
        Body::Receipt(it) => receipt::line(it),
        Body::Originals { file, auditors, .. } => {
            let (file, auditors) = (file.escape_debug(), auditors.join(", "));
            format!(
                "originals sealed to two of {}: {file}",
                auditors.escape_debug()
            )
        }
    }
}

fn outcome(body: &Body) -> String {
    let Body::Outcome {
        statement,
        status,
        command,
        sqlstate,
        rows,
        bytes,
        masked,
        masking,
        duration_us,
    } = body
    else {
        return String::new();
    };
    let masked = tally(masked);
    let columns = masking.as_deref().map(columns).unwrap_or_default();
    let error = sqlstate.map_or_else(String::new, |state| {
        format!(" {}", String::from_utf8_lossy(&state))
    });
    format!(
        "#{statement} {status:?} {command}{error}: {rows} rows, {bytes} bytes, {duration_us} \
         us{masked}{columns}"
    )
}

fn recording(body: &Body) -> String {
    let Body::Recording {
        file,
        bytes,
        chunks,
        root,
        end,
        dropped_bytes,
    } = body
    else {
        return String::new();
    };
    let (end, root, file) = (end.as_str(), hex(root), file.escape_debug());
    let dropped = match dropped_bytes {
        0 => String::new(),
        _ => format!(", {dropped_bytes} bytes dropped"),
    };
    format!("recording {end}{dropped}: {file}, {bytes} bytes, {chunks} chunks, root {root}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(key: &str, previous: Option<&str>) -> String {
    match previous {
        Some(previous) => format!("signed by {key}, and for the last time by {previous}"),
        None => format!("signed by {key}"),
    }
}

/// What people decide.
fn decision(body: &Body) -> String {
    match body {
        Body::Grant {
            grant,
            event,
            actor,
            why,
            what,
            ..
        } => {
            let actor = if actor.is_empty() { "-" } else { actor };
            format!(
                "{grant} {} by {} ({what}): {}",
                event.as_str(),
                actor.escape_debug(),
                why.escape_debug()
            )
        }
        Body::Administration {
            actor,
            event,
            subject,
        } => {
            let (subject, actor) = (subject.escape_debug(), actor.escape_debug());
            format!("{event} {subject} by {actor}")
        }
        Body::Login {
            event,
            issuer,
            actor,
            session,
            client_address,
            reason,
            ..
        } => {
            let actor = if actor.is_empty() { "-" } else { actor };
            let (actor, issuer) = (actor.escape_debug(), issuer.escape_debug());
            let reason = because(reason);
            format!("{event} {actor} at {issuer} from {client_address} {session}{reason}")
        }
        _ => String::new(),
    }
}

/// What is done with the log itself.
fn custody(custody: &Custody) -> String {
    let actor = custody.actor.escape_debug();
    match &custody.act {
        Act::Taken { what, scope } => format!("{what} by {actor}: {}", scope.escape_debug()),
        Act::Held { hold, why, .. } => {
            format!("hold {hold} placed by {actor}: {}", why.escape_debug())
        }
        Act::Released { hold, why } => {
            format!("hold {hold} released by {actor}: {}", why.escape_debug())
        }
        Act::Expired {
            segments, terms, ..
        } => {
            let count = |it: &Expired| it.last.saturating_sub(it.first).saturating_add(1);
            let records = segments.iter().map(count).fold(0, u64::saturating_add);
            format!("{records} records deleted when due by {actor} ({terms})")
        }
    }
}

/// Whom an issuer vouches for.
fn whose(assertion: Option<&Asserted>) -> String {
    assertion.map_or_else(String::new, |it| {
        let subject = it.subject.escape_debug();
        format!(" of {subject} at {}", it.issuer.escape_debug())
    })
}

fn because(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(", {}", reason.replace(char::is_control, " ")),
    }
}

fn tally(masked: &[(String, u64)]) -> String {
    let counts: Vec<_> = masked
        .iter()
        .map(|(masker, cells)| format!("{masker} {cells}"))
        .collect();
    match counts.is_empty() {
        true => String::new(),
        false => format!(", masked {}", counts.join(", ")),
    }
}

/// Cells by column, and what was shown of columns under rules.
fn columns(masking: &Masking) -> String {
    let cells = masking.cells.iter().map(|it| {
        let kind = if it.kind.is_empty() { "?" } else { &it.kind };
        format!("{} {kind} {}", it.column.escape_debug(), it.cells)
    });
    let cells: Vec<_> = cells.collect();
    let shown = masking.outputs.iter().map(|it| {
        let (how, columns) = (it.how.as_str(), it.columns.join(" "));
        format!("#{} {how} {}", it.output, columns.escape_debug())
    });
    let shown: Vec<_> = shown.collect();
    let mut text = String::new();
    for (what, list) in [("columns", cells), ("shows", shown)] {
        if !list.is_empty() {
            text.push_str(&format!(", {what} {}", list.join("; ")));
        }
    }
    if masking.is_cut {
        text.push_str(", and more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_whatever_its_names_say() {
        let line = in_one_line("as r in x\n99 forged\u{1b}[2J\u{202e}\u{7}é");
        assert_eq!(line, "as r in x\\u{a}99 forged\\u{1b}[2J\\u{202e}\\u{7}é");
    }
}
