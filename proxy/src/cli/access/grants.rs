//! `velum grants`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use velum_core::grant::StatementHash;

use super::client::{Client, Failed};
use super::{Connection, length, output};
use crate::api::views::{GrantPage, GrantView};

/// Ask for access, decide about it, see who has it.
#[derive(Args)]
pub(in crate::cli) struct Grants {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Ask for access.
    Request(Box<Request>),
    /// List grants, the newest first.
    List(List),
    /// Show all that is known of a grant.
    Show {
        /// Its name, such as gr_06f3k2m8q0a1b2c3.
        id: String,
    },
    /// Agree to a request, or to less than it asks for.
    Approve(Approve),
    /// Say no to a request.
    Deny(Decide),
    /// End a grant: its sessions end within a second.
    Revoke(Decide),
    /// Take your own request back.
    Withdraw(Decide),
    /// Confirm a standing grant, or settle an emergency that is over.
    Review(Decide),
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Until it is revoked, as long as somebody reviews it in time.
    Standing,
    /// For one session.
    OneTime,
    /// For all sessions within its time.
    Timed,
    /// In an emergency; somebody has to review it after.
    BreakGlass,
}

#[derive(Args)]
struct Request {
    /// The machine identity that is to have access.
    #[arg(long)]
    identity: String,
    /// To what.
    #[arg(long)]
    resource: String,
    /// Why. Identifiers of patients in it are masked before it is stored.
    #[arg(long)]
    reason: String,
    #[arg(long, value_enum, default_value = "timed")]
    kind: Kind,
    /// For how long, such as 30m or 8h, from the approval or the start on.
    #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
    seconds: Option<u64>,
    /// Not before, such as 2026-11-27T06:00:00Z.
    #[arg(long)]
    start: Option<String>,
    /// One of the tables, as schema.table; all that the policy allows if there is none.
    #[arg(long = "table")]
    tables: Vec<String>,
    /// One of the columns, as schema.table.column, for reading; all of the tables' if there is
    /// none.
    #[arg(long = "column")]
    columns: Vec<String>,
    /// One of the commands, such as select.
    #[arg(long = "command")]
    commands: Vec<String>,
    /// The one statement that is to run, exactly as it will be sent. Only its hash leaves this
    /// machine.
    #[arg(long)]
    statement: Option<String>,
    /// Reference to a ticket elsewhere.
    #[arg(long)]
    ticket: Option<String>,
    /// On whose behalf, the nearest first: none of these may approve.
    #[arg(long = "on-behalf-of")]
    chain: Vec<String>,
}

#[derive(Args)]
struct List {
    /// In one of these states.
    #[arg(long, value_delimiter = ',')]
    state: Vec<String>,
    #[arg(long)]
    identity: Option<String>,
    #[arg(long)]
    resource: Option<String>,
    /// Of this kind.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// How many at most, 1 to 200.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the list before ended.
    #[arg(long)]
    after: Option<String>,
}

#[derive(Args)]
struct Decide {
    /// The grant.
    id: String,
    /// Why. Identifiers of patients in it are masked before it is stored.
    #[arg(long)]
    rationale: String,
    /// Only if it is in this version.
    #[arg(long)]
    version: Option<u64>,
}

#[derive(Args)]
struct Approve {
    #[command(flatten)]
    decide: Decide,
    /// For less time than was asked for.
    #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
    seconds: Option<u64>,
    /// Later than was asked for.
    #[arg(long)]
    start: Option<String>,
    /// Only these of the tables.
    #[arg(long = "table")]
    tables: Vec<String>,
    /// Only these of the columns.
    #[arg(long = "column")]
    columns: Vec<String>,
    /// Only these of the commands.
    #[arg(long = "command")]
    commands: Vec<String>,
}

/// Asks the API.
pub(in crate::cli) fn run(grants: &Grants) -> u8 {
    super::run(&grants.connection, |client| match &grants.command {
        Command::Request(request) => ask(client, request),
        Command::List(which) => list(client, which),
        Command::Show { id } => show(client, &client.get(&path(id, ""))?),
        Command::Approve(approve) => agree(client, approve),
        Command::Deny(decide) => decided(client, decide, "/deny"),
        Command::Revoke(decide) => decided(client, decide, "/revoke"),
        Command::Withdraw(decide) => decided(client, decide, "/withdraw"),
        Command::Review(decide) => decided(client, decide, "/review"),
    })
}

fn ask(client: &Client, request: &Request) -> Result<(), Failed> {
    let mut body = json!({
        "identity": request.identity,
        "resource": request.resource,
        "reason": request.reason,
        "kind": name(request.kind),
        "chain": request.chain,
    });
    let optional = [
        ("seconds", request.seconds.map(Value::from)),
        ("start", request.start.clone().map(Value::from)),
        ("ticket", request.ticket.clone().map(Value::from)),
        ("tables", set(&request.tables)),
        ("columns", set(&request.columns)),
        ("commands", set(&request.commands)),
        ("statement_sha256", request.statement.as_deref().map(hash)),
    ];
    extend(&mut body, optional);
    show(client, &client.post("/api/v1/grants", &body, None)?)
}

fn list(client: &Client, which: &List) -> Result<(), Failed> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &which.limit.to_string());
    let state = (!which.state.is_empty()).then(|| which.state.join(","));
    let optional = [
        ("state", state),
        ("identity", which.identity.clone()),
        ("resource", which.resource.clone()),
        ("kind", which.kind.map(name)),
        ("after", which.after.clone()),
    ];
    for (name, value) in optional {
        query.extend_pairs(value.map(|value| (name, value)));
    }
    let page: GrantPage = client.get(&format!("/api/v1/grants?{}", query.finish()))?;
    output::show(client, &page, || {
        let header = [
            "grant", "state", "kind", "identity", "access", "until", "approved", "reason",
        ];
        let rows = page.items.iter().map(output::grant_row).collect();
        let mut text = output::table(&header, rows, "no grants");
        if let Some(next) = &page.next {
            text.push_str(&format!("there are more: --after {next}\n"));
        }
        text
    })
}

fn agree(client: &Client, approve: &Approve) -> Result<(), Failed> {
    let Approve { decide, .. } = approve;
    let mut body = json!({ "rationale": decide.rationale });
    let optional = [
        ("seconds", approve.seconds.map(Value::from)),
        ("start", approve.start.clone().map(Value::from)),
        ("tables", set(&approve.tables)),
        ("columns", set(&approve.columns)),
        ("commands", set(&approve.commands)),
    ];
    extend(&mut body, optional);
    let path = path(&decide.id, "/approve");
    show(client, &client.post(&path, &body, decide.version)?)
}

fn decided(client: &Client, decide: &Decide, verb: &str) -> Result<(), Failed> {
    let body = json!({ "rationale": decide.rationale });
    let path = path(&decide.id, verb);
    show(client, &client.post(&path, &body, decide.version)?)
}

fn show(client: &Client, grant: &GrantView) -> Result<(), Failed> {
    output::show(client, grant, || output::grant(grant))
}

fn hash(statement: &str) -> Value {
    let hash = StatementHash(Sha256::digest(statement).into());
    Value::from(String::from(hash))
}

fn name(kind: Kind) -> String {
    let value = kind.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn set(names: &[String]) -> Option<Value> {
    (!names.is_empty()).then(|| Value::from(names.to_vec()))
}

fn extend<const N: usize>(body: &mut Value, members: [(&str, Option<Value>); N]) {
    if let Value::Object(object) = body {
        let given = members.into_iter();
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        object.extend(given.collect::<Map<_, _>>());
    }
}

/// A name is part of a path only if it can be nothing else.
fn path(id: &str, verb: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/api/v1/grants/{id}{verb}")
}
