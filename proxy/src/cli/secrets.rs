//! `velum secrets`

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;
use zeroize::Zeroizing;

use super::{DONE, FOUND, MISUSE, complain, print};
use crate::config::model::Credential;
use crate::config::{self, Config};
use crate::credentials::secrets::{self, SecretError};
use crate::observe;
use crate::seal::Sealer;
use crate::store::secrets::{SealedSecret, check_name};
use crate::store::{Store, StoreError};

/// Longest secret.
const SECRET_BYTES: usize = 64 * 1024;

/// Secrets of databases, sealed in the gateway's store. A running gateway takes what is set at
/// once; its open sessions go on.
#[derive(Args)]
pub(super) struct Secrets {
    /// The gateway's configuration: it says where the store is, and what seals.
    #[arg(long, global = true, default_value = super::CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set a secret: from standard input, or typed unseen. A resource refers to it by
    /// `password = { sealed = "NAME" }`.
    Set {
        /// Its name.
        name: String,
    },
    /// List all secrets, without what they are.
    List {
        /// As a JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Remove a secret.
    Remove {
        /// Its name.
        name: String,
        /// Also while a resource needs it.
        #[arg(long)]
        force: bool,
    },
    /// Seal all secrets by the current key, so that `previous_key` can go.
    Rotate,
}

/// Why it was not done.
enum Failed {
    Misuse(String),
    Found(String),
}

impl From<SecretError> for Failed {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Store(StoreError::Unusable(..)) => Self::Misuse(error.to_string()),
            SecretError::Unset(_) | SecretError::Seal(..) | SecretError::Store(_) => {
                Self::Found(error.to_string())
            }
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        SecretError::from(error).into()
    }
}

/// Works on the store itself: the gateway need not run.
pub(super) fn run(arguments: &Secrets) -> u8 {
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("{error}\n"));
            return MISUSE;
        }
    };
    let done = match &arguments.command {
        Command::Set { name } => set(&config, name),
        Command::List { json } => list(&config, *json),
        Command::Remove { name, force } => remove(&config, name, *force),
        Command::Rotate => rotate(&config),
    };
    let (status, text) = match done {
        Ok(text) => {
            let _closed = print(&text);
            return DONE;
        }
        Err(Failed::Misuse(text)) => (MISUSE, text),
        Err(Failed::Found(text)) => (FOUND, text),
    };
    complain(&format!("{text}\n"));
    status
}

fn set(config: &Config, name: &str) -> Result<String, Failed> {
    check_name(name).map_err(Failed::Misuse)?;
    let value = value(name).map_err(Failed::Misuse)?;
    let (mut store, sealer) = (open(config)?, sealer(config)?);
    let version = store.transact(|tx| {
        let by = (&*actor(), tx.clock(observe::now())?);
        secrets::set(tx, &sealer, name, &value, by)
    })?;
    let hint = match used_by(config, name) {
        Some(_) => "",
        None => "; no resource refers to it yet",
    };
    Ok(format!("{name}, version {version}{hint}\n"))
}

fn list(config: &Config, json: bool) -> Result<String, Failed> {
    let found = open(config)?.look(|tx| tx.secrets())?;
    let at = |secret: &SealedSecret| observe::rfc3339(secret.set_at);
    if json {
        let items = found.iter().map(|it| {
            json!({
                "name": it.name,
                "version": it.version,
                "set_at": at(it),
                "set_by": it.set_by,
                "resource": used_by(config, &it.name),
            })
        });
        let items: Vec<_> = items.collect();
        return Ok(format!("{:#}\n", json!({ "items": items })));
    }
    if found.is_empty() {
        return Ok("no secrets\n".to_owned());
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["secret", "version", "set", "by", "resource"]);
    for it in &found {
        table.add_row([
            it.name.clone(),
            it.version.to_string(),
            at(it),
            it.set_by.clone(),
            used_by(config, &it.name).unwrap_or("none").to_owned(),
        ]);
    }
    Ok(format!("{table}\n"))
}

fn remove(config: &Config, name: &str, force: bool) -> Result<String, Failed> {
    if let (Some(resource), false) = (used_by(config, name), force) {
        return Err(Failed::Found(format!(
            "resource `{resource}` needs `{name}`: nobody would get in; --force removes it"
        )));
    }
    let removed = open(config)?.transact(|tx| {
        let by = (&*actor(), tx.clock(observe::now())?);
        secrets::remove(tx, name, by)
    })?;
    match removed {
        true => Ok(format!("{name} is removed\n")),
        false => Err(Failed::Found(format!("there is no secret `{name}`"))),
    }
}

fn rotate(config: &Config) -> Result<String, Failed> {
    let (mut store, sealer) = (open(config)?, sealer(config)?);
    let count = store.transact(|tx| {
        let by = (&*actor(), tx.clock(observe::now())?);
        secrets::rotate(tx, &sealer, by)
    })?;
    Ok(format!("{count} secrets are sealed by the current key\n"))
}

fn open(config: &Config) -> Result<Store, Failed> {
    Ok(Store::of(config)?)
}

fn sealer(config: &Config) -> Result<Sealer, Failed> {
    let sealer = secrets::sealer(&config.sealing, &config.gateway.data_directory);
    sealer.map_err(|error| Failed::Misuse(error.to_string()))
}

/// The first resource that needs a secret.
fn used_by<'c>(config: &'c Config, name: &str) -> Option<&'c str> {
    let mut resources = config.resources.iter();
    let found = resources
        .find(|it| matches!(&it.password, Some(Credential::Sealed(secret)) if secret == name));
    found.map(|resource| resource.name.as_str())
}

/// Who did it, as the machine knows them.
fn actor() -> String {
    format!("local user {}", rustix::process::getuid().as_raw())
}

/// From standard input to its end; from a terminal a line that nobody sees. One line end at the end
/// is not the secret's.
fn value(name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let stdin = std::io::stdin();
    // Room for all of it, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES + 1]);
    let filled = match stdin.is_terminal() {
        true => {
            complain(&format!("{name}: "));
            let unseen = Unseen::new().map_err(|error| error.to_string())?;
            let filled = fill(&mut stdin.lock(), &mut bytes, true);
            drop(unseen);
            complain("\n");
            filled
        }
        false => fill(&mut stdin.lock(), &mut bytes, false),
    };
    bytes.truncate(filled.map_err(|error| format!("standard input: {error}"))?);
    if bytes.len() > SECRET_BYTES {
        return Err(format!("a secret has at most {SECRET_BYTES} bytes"));
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    match bytes.is_empty() {
        true => Err("there is no secret on standard input".to_owned()),
        false => Ok(bytes),
    }
}

/// Reads to the end, or to that of a line.
fn fill(from: &mut impl Read, bytes: &mut [u8], is_line: bool) -> std::io::Result<usize> {
    let mut filled = 0;
    loop {
        let room = bytes.get_mut(filled..).unwrap_or_default();
        let n = from.read(room)?;
        filled += n;
        let is_over = is_line && bytes.get(..filled).is_some_and(|it| it.ends_with(b"\n"));
        if n == 0 || is_over {
            return Ok(filled);
        }
    }
}

/// As long as it lives, the terminal does not show what is typed.
struct Unseen(Termios);

impl Unseen {
    fn new() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &unseen)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _as_it_is = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
        let _closed = std::io::stderr().flush();
    }
}
