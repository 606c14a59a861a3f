//! `velum sessions list`

use std::collections::HashMap;
use std::path::Path;

use comfy_table::{Table, presets};
use serde::Serialize;
use velum_core::audit::record::{Body, Record, SessionId};

use super::{found, load};
use crate::audit::read;
use crate::cli::{DONE, MISUSE, complain, print};
use crate::config::Config;
use crate::observe::rfc3339;
use crate::recording::{self, keys, source};

/// A recording, as the audit log has it.
#[derive(Default, Serialize)]
struct Line {
    session: String,
    began: Option<String>,
    ended: Option<String>,
    identity: String,
    resource: String,
    statements: Option<u64>,
    /// Of the file.
    bytes: u64,
    dropped_bytes: u64,
    /// `open`, `whole`, `dropped`, `cut`, `failed`, `shredded`, or `unknown` to the log.
    state: String,
}

/// Lists recordings.
pub(super) fn run(config: &Path, json: bool) -> u8 {
    let config = match load(config) {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(recordings) = &config.recordings else {
        complain("the configuration has no `[recordings]`\n");
        return MISUSE;
    };
    let files = match source::all(&recordings.directory) {
        Ok(files) => files,
        Err(error) => {
            complain(&format!("{error}\n"));
            return MISUSE;
        }
    };
    let mut lines = HashMap::new();
    for (session, path) in files {
        lines.insert(session, line(&config, session, &path));
    }
    let read = read::for_each(&config.audit.directory, 0, |_, record| {
        if let Some(line) = lines.get_mut(&record.session) {
            note(line, &record);
        }
        true
    });
    if let Err(error) = read {
        return found(&error);
    }
    let mut lines: Vec<Line> = lines.into_values().collect();
    lines.sort_by(|one, other| (&one.began, &one.session).cmp(&(&other.began, &other.session)));
    let text = match json {
        true => serde_json::to_string_pretty(&lines).unwrap_or_default() + "\n",
        false => table(&lines),
    };
    print(&text);
    DONE
}

fn line(config: &Config, session: SessionId, path: &Path) -> Line {
    let name = recording::name(session);
    let key = config.gateway.data_directory.join(keys::FOLDER);
    let state = match path.to_string_lossy().ends_with(recording::OPEN_EXTENSION) {
        _ if !key.join(format!("{name}.key")).exists() => "shredded",
        true => "open",
        false => "unknown",
    };
    Line {
        session: name,
        bytes: path.metadata().map_or(0, |metadata| metadata.len()),
        state: state.to_owned(),
        ..Line::default()
    }
}

fn note(line: &mut Line, record: &Record) {
    match &record.body {
        Body::SessionOpened { .. } => {
            line.began = Some(rfc3339(record.time));
            line.identity = record.identity.to_string();
            line.resource = record.resource.to_string();
        }
        Body::SessionClosed { statements, .. } => {
            line.ended = Some(rfc3339(record.time));
            line.statements = Some(*statements);
        }
        Body::Recording {
            end, dropped_bytes, ..
        } => {
            line.dropped_bytes = *dropped_bytes;
            if line.state != "shredded" {
                line.state = end.as_str().to_owned();
            }
        }
        _ => {}
    }
}

fn table(lines: &[Line]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "session",
        "began",
        "identity",
        "resource",
        "statements",
        "bytes",
        "state",
    ]);
    for line in lines {
        let dash = || "-".to_owned();
        table.add_row([
            line.session.clone(),
            line.began.clone().unwrap_or_else(dash),
            line.identity.escape_debug().to_string(),
            line.resource.escape_debug().to_string(),
            line.statements.map_or_else(dash, |count| count.to_string()),
            line.bytes.to_string(),
            line.state.clone(),
        ]);
    }
    format!("{table}\n")
}
