//! `velum identities`

use clap::{Args, Subcommand};

use super::{Connection, output};
use crate::api::views::{All, IdentityView};

/// Who may connect, and whether somebody has to agree.
#[derive(Args)]
pub(in crate::cli) struct Identities {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the identities of the configuration in force.
    List,
}

/// Asks the API.
pub(in crate::cli) fn run(identities: &Identities) -> u8 {
    let Command::List = identities.command;
    super::run(&identities.connection, |client| {
        let all: All<IdentityView> = client.get("/api/v1/identities")?;
        output::show(client, &all, || {
            let rows = all.items.iter().flat_map(|identity| {
                identity.access.iter().map(|access| {
                    vec![
                        identity.name.clone(),
                        access.resource.clone(),
                        access.policy.clone(),
                        access.grant.clone(),
                        access.on_missing.clone().unwrap_or_default(),
                    ]
                })
            });
            let header = ["identity", "resource", "policy", "grant", "without one"];
            output::table(&header, rows.collect(), "no identities")
        })
    })
}
