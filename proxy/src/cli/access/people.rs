//! `velum people`: who is logged in to the gateway's own interfaces, and their sessions' ends.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Connection, output};
use crate::api::views::{All, SessionView};

/// Sessions of people who have logged in with a browser.
#[derive(Args)]
pub(in crate::cli) struct People {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the sessions in force; with `--all` those that ended in the last month, too.
    List {
        /// Those that have ended, too.
        #[arg(long)]
        all: bool,
    },
    /// End a session: its cookie opens nothing any more.
    End {
        /// Its name.
        id: String,
        /// Why.
        #[arg(long)]
        rationale: String,
    },
}

/// Asks the API.
pub(in crate::cli) fn run(people: &People) -> u8 {
    super::run(&people.connection, |client| match &people.command {
        Command::List { all } => {
            let mut sessions: All<SessionView> = client.get("/api/v1/sessions")?;
            sessions.items.retain(|session| *all || session.is_in_force);
            output::show(client, &sessions, || table(&sessions.items))
        }
        Command::End { id, rationale } => {
            let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
            let body = json!({ "rationale": rationale });
            let path = format!("/api/v1/sessions/{id}/revoke");
            let ended: SessionView = client.post(&path, &body, None)?;
            output::show(client, &ended, || table(std::slice::from_ref(&ended)))
        }
    })
}

fn table(sessions: &[SessionView]) -> String {
    let header = [
        "session",
        "who",
        "by",
        "groups",
        "since",
        "last seen",
        "ends",
    ];
    let rows = sessions.iter().map(row).collect();
    output::table(&header, rows, "nobody is logged in")
}

fn row(session: &SessionView) -> Vec<String> {
    let ends = match (&session.ended_at, session.is_in_force) {
        (Some(at), _) => {
            let because = session.ended_because.as_deref().unwrap_or_default();
            format!("ended {at}: {because}")
        }
        (None, true) => format!("until {}", session.expires_at),
        (None, false) => "opens nothing any more".to_owned(),
    };
    vec![
        session.id.clone(),
        session.subject.clone(),
        session.issuer.clone(),
        session.groups.join(", "),
        session.created_at.clone(),
        session.used_at.clone(),
        ends,
    ]
}
