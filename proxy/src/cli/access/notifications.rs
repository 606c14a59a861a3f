//! `velum notifications`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::client::{Client, Failed};
use super::{Connection, output};
use crate::api::views::{All, NotificationView};

/// What people are told of: what was delivered, what waits, and what was given up.
#[derive(Args)]
pub(in crate::cli) struct Notifications {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List them, the newest first.
    List {
        /// How they stand.
        #[arg(long, value_enum)]
        state: Option<State>,
    },
    /// Have one that was given up delivered after all; or all of these.
    Retry {
        /// Its name.
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// All that were given up.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Waiting,
    Sent,
    Dead,
}

/// Asks the API.
pub(in crate::cli) fn run(notifications: &Notifications) -> u8 {
    super::run(&notifications.connection, |client| {
        match &notifications.command {
            Command::List { state } => {
                let all = listed(client, *state)?;
                output::show(client, &all, || table(&all.items))
            }
            Command::Retry { id, .. } => {
                let ids = match id {
                    Some(id) => vec![id.clone()],
                    None => listed(client, Some(State::Dead))?
                        .items
                        .into_iter()
                        .map(|it| it.id)
                        .collect(),
                };
                let mut items = Vec::new();
                for id in ids {
                    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
                    let path = format!("/api/v1/notifications/{id}/retry");
                    items.push(client.post(&path, &json!({}), None)?);
                }
                let all = All { items };
                output::show(client, &all, || table(&all.items))
            }
        }
    })
}

fn listed(client: &Client, state: Option<State>) -> Result<All<NotificationView>, Failed> {
    let state = match state {
        None => "",
        Some(State::Waiting) => "?state=waiting",
        Some(State::Sent) => "?state=sent",
        Some(State::Dead) => "?state=dead",
    };
    client.get(&format!("/api/v1/notifications{state}"))
}

fn table(all: &[NotificationView]) -> String {
    let header = [
        "notification",
        "to",
        "of",
        "state",
        "attempts",
        "next",
        "last error",
    ];
    let rows = all.iter().map(|it| {
        vec![
            it.id.clone(),
            it.target.clone(),
            it.event.clone(),
            it.state.as_str().to_owned(),
            it.attempts.to_string(),
            it.due_at.clone().unwrap_or_default(),
            it.last_error.clone().unwrap_or_default(),
        ]
    });
    output::table(&header, rows.collect(), "no notifications")
}
