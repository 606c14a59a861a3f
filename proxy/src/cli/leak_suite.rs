//! `velum leak-suite`

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::leak_suite::relay;
use crate::leak_suite::run::{self, Options};
use crate::leak_suite::vectors::{self, GROUPS, Suite};
use crate::leak_suite::wire::Target;

/// Ask a PostgreSQL proxy what it must not answer: any proxy, by host and port.
///
/// `--print-schema` says what the database and the proxy's policy have to be. Exit status 1 unless
/// everything held.
#[derive(Args)]
pub(super) struct LeakSuite {
    /// Print the schema, and what the policy has to mask; nothing is asked.
    #[arg(long)]
    print_schema: bool,
    /// The proxy.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Its port.
    #[arg(long, default_value_t = 6432)]
    port: u16,
    /// The identity whose results are masked.
    #[arg(long, default_value = "suite")]
    user: String,
    /// Its password; PGPASSWORD if there is no file.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// The database, by the proxy's name.
    #[arg(long, default_value = "clinic")]
    database: String,
    /// TLS to the proxy, trusting this file.
    #[arg(long)]
    tls_ca: Option<PathBuf>,
    /// The database behind the proxy.
    #[arg(long, default_value = "localhost")]
    direct_host: String,
    /// Its port.
    #[arg(long, default_value_t = 5432)]
    direct_port: u16,
    /// The role by which the proxy reaches it.
    #[arg(long, default_value = "clinic")]
    direct_user: String,
    /// Its password; the proxy's if there is no file.
    #[arg(long)]
    direct_password_file: Option<PathBuf>,
    /// The database, by its own name; the proxy's if it is the same.
    #[arg(long)]
    direct_database: Option<String>,
    /// Listen here and lead to the database, breaking rows on the way: HOST:PORT.
    #[arg(long, requires = "relay_database")]
    relay: Option<String>,
    /// The proxy's name for the database behind `--relay`.
    #[arg(long, requires = "relay")]
    relay_database: Option<String>,
    /// `wire`, or a program that asks by a driver (corpus/leaks/drivers).
    #[arg(long, default_value = "wire")]
    via: String,
    /// One group alone.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(GROUPS))]
    group: Option<String>,
    /// Vectors that are known not to hold; they are counted as such.
    #[arg(long, value_delimiter = ',')]
    open: Vec<String>,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

/// Runs it; returns the exit status.
pub(super) fn run(arguments: &LeakSuite) -> u8 {
    match attempt(arguments) {
        Ok(true) => super::DONE,
        Ok(false) => super::FOUND,
        Err(error) => {
            super::complain(&format!("velum leak-suite: {error}\n"));
            super::MISUSE
        }
    }
}

fn attempt(arguments: &LeakSuite) -> io::Result<bool> {
    let suite = run::suite()?;
    if arguments.print_schema {
        super::print(&schema(&suite, arguments.json));
        return Ok(true);
    }
    let options = options(arguments)?;
    let count = run::chosen(&suite, options.group.as_deref()).len();
    let bar = super::progress::bar("leak suite", count);
    let scorecard = run::run(&options, &suite, || bar.inc(1))?;
    bar.finish_and_clear();
    let text = match arguments.json {
        true => format!("{:#}\n", scorecard.json(&arguments.open)),
        false => scorecard.table(&arguments.open),
    };
    super::print(&text);
    Ok(scorecard.holds(&arguments.open))
}

fn schema(suite: &Suite, as_json: bool) -> String {
    match as_json {
        true => format!(
            "{:#}\n",
            json!({ "schema": vectors::SCHEMA, "masked": suite.masked })
        ),
        false => vectors::requirements(suite),
    }
}

fn options(arguments: &LeakSuite) -> io::Result<Options> {
    let password = match &arguments.password_file {
        Some(file) => secret(file)?,
        None => std::env::var("PGPASSWORD").unwrap_or_default(),
    };
    let direct_password = match &arguments.direct_password_file {
        Some(file) => secret(file)?,
        None => password.clone(),
    };
    let proxy = Target {
        host: arguments.host.clone(),
        address: resolve(&arguments.host, arguments.port)?,
        user: arguments.user.clone(),
        password,
        database: arguments.database.clone(),
        authority: arguments.tls_ca.clone(),
    };
    let database = arguments.direct_database.as_ref();
    let direct = Target {
        host: arguments.direct_host.clone(),
        address: resolve(&arguments.direct_host, arguments.direct_port)?,
        user: arguments.direct_user.clone(),
        password: direct_password,
        database: database.unwrap_or(&arguments.database).clone(),
        authority: None,
    };
    let relay = match (&arguments.relay, &arguments.relay_database) {
        (Some(at), Some(database)) => Some(relayed(at, database, &proxy, &direct)?),
        _ => None,
    };
    Ok(Options {
        proxy,
        direct,
        relay,
        via: (arguments.via != "wire").then(|| arguments.via.clone()),
        group: arguments.group.clone(),
    })
}

/// Starts the relay: how the proxy leads to it, and how to reach it past the proxy.
fn relayed(
    at: &str,
    database: &str,
    proxy: &Target,
    direct: &Target,
) -> io::Result<(Target, Target)> {
    let mut addresses = at.to_socket_addrs()?;
    let at = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let address = relay::start(at, direct.address)?;
    let through = Target {
        database: database.to_owned(),
        ..proxy.clone()
    };
    let past = Target {
        address,
        ..direct.clone()
    };
    Ok((through, past))
}

fn secret(file: &PathBuf) -> io::Result<String> {
    let text = fs::read_to_string(file)
        .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    // Where a name has both, proxies that listen on one listen on IPv4.
    let first = addresses.iter().find(|it| it.is_ipv4());
    let found = first.or(addresses.first()).copied();
    found.ok_or_else(|| io::Error::other(format!("{host} has no address")))
}
