//! `velum keys`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Connection, length, machines, output};
use crate::api::machine_key::ID_PREFIX;
use crate::api::principal::Role;
use crate::api::secret;
use crate::api::views::{All, KeyView};
use crate::cli::{DONE, FOUND, MISUSE, complain, print};
use crate::config::{self, ConfigError};
use crate::observe;
use crate::store::keys::{ApiKey, Bearer};
use crate::store::{Store, StoreError};

/// The first key holds so long: to make others by.
const BOOTSTRAP_MS: u64 = 7 * 24 * 3_600_000;

/// Keys of the API, and keys by which machines log in at databases.
#[derive(Args)]
pub(in crate::cli) struct Keys {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key. It is shown once. With `--role` it is one of the API; with an `--identity` alone
    /// it is the password by which that identity (`auth = "key"`) logs in.
    Create(Create),
    /// List all keys of the API; with `--machines` those by which identities log in.
    List {
        /// Those by which identities log in.
        #[arg(long)]
        machines: bool,
    },
    /// Take a key back.
    Revoke {
        /// Its name.
        id: String,
        /// Why.
        #[arg(long)]
        rationale: String,
    },
    /// Make the key of an administrator in the store itself: the first one, or, where no key of an
    /// administrator is in force any more, another one, with an alarm in the audit log.
    Bootstrap {
        /// The gateway's configuration: it says where the store is.
        #[arg(long, default_value = crate::cli::CONFIG)]
        config: PathBuf,
        /// Whose key it is.
        #[arg(long, default_value = "bootstrap")]
        owner: String,
    },
}

#[derive(Args)]
struct Create {
    /// The person or machine that it speaks for.
    #[arg(long, requires = "roles", required_unless_present = "identities")]
    owner: Option<String>,
    /// What they may do.
    #[arg(long = "role", value_enum, requires = "owner")]
    roles: Vec<Role>,
    /// A group that counts for who may approve.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// An identity that a requester may ask for, `*` is any; or the one that logs in by the key.
    #[arg(long = "identity")]
    identities: Vec<String>,
    /// On whose behalf the owner acts.
    #[arg(long = "on-behalf-of")]
    chain: Vec<String>,
    /// How long it holds, such as 30d [default: 90d].
    #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
    seconds: Option<u64>,
    /// What it is for, of a key that logs in.
    #[arg(long, conflicts_with = "roles")]
    note: Option<String>,
}

/// Asks the API; or makes the first key.
pub(in crate::cli) fn run(keys: &Keys) -> u8 {
    if let Command::Bootstrap { config, owner } = &keys.command {
        return bootstrap(config, owner, keys.connection.json);
    }
    super::run(&keys.connection, |client| match &keys.command {
        Command::Create(create) if create.roles.is_empty() => machines::create(
            client,
            &create.identities,
            create.note.as_deref(),
            create.seconds,
        ),
        Command::List { machines: true } => machines::list(client),
        Command::Revoke { id, rationale } if id.starts_with(ID_PREFIX) => {
            machines::revoke(client, id, rationale)
        }
        Command::Create(create) => {
            let mut body = json!({
                "owner": create.owner,
                "roles": create.roles,
                "groups": create.groups,
                "identities": create.identities,
                "chain": create.chain,
            });
            if let Some(seconds) = create.seconds {
                body["seconds"] = seconds.into();
            }
            let key: KeyView = client.post("/api/v1/keys", &body, None)?;
            output::show(client, &key, || shown_once(&key))
        }
        Command::Revoke { id, rationale } => {
            let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
            let body = json!({ "rationale": rationale });
            let key: KeyView = client.post(&format!("/api/v1/keys/{id}/revoke"), &body, None)?;
            output::show(client, &key, || list(&[key_row(&key)]))
        }
        Command::List { .. } | Command::Bootstrap { .. } => {
            let all: All<KeyView> = client.get("/api/v1/keys")?;
            let rows: Vec<_> = all.items.iter().map(key_row).collect();
            output::show(client, &all, || list(&rows))
        }
    })
}

fn key_row(key: &KeyView) -> Vec<String> {
    output::key_row(key)
}

fn list(rows: &[Vec<String>]) -> String {
    let header = [
        "key",
        "owner",
        "roles",
        "groups",
        "identities",
        "in force",
        "last used",
    ];
    output::table(&header, rows.to_vec(), "no keys")
}

/// The key on a line of its own, so that it can be piped on.
fn shown_once(key: &KeyView) -> String {
    match &key.key {
        Some(text) => {
            let about = format!(
                "key {} of {}, until {}; it is not shown again\n",
                key.id,
                output::plain(&key.owner),
                key.expires_at
            );
            complain(&about);
            format!("{text}\n")
        }
        None => "the key was made before, and is not shown again\n".to_owned(),
    }
}

fn bootstrap(config: &Path, owner: &str, json: bool) -> u8 {
    let config = match config::load(config) {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("{error}\n"));
            return match error {
                ConfigError::Mistakes(_) => FOUND,
                ConfigError::Unreadable { .. } => MISUSE,
            };
        }
    };
    match Store::of(&config).and_then(|store| first_key(store, owner)) {
        Ok(Some((key, is_first))) => {
            if !is_first {
                complain(
                    "no key of an administrator was in force any more: this one is on record as \
                     an alarm\n",
                );
            }
            let text = match json {
                true => format!("{}\n", json!(key)),
                false => shown_once(&key),
            };
            let _closed = print(&text);
            DONE
        }
        Ok(None) => {
            complain(
                "a key with the role admin is in force; whoever has it makes others: velum keys \
                 create\n",
            );
            FOUND
        }
        Err(error) => {
            complain(&format!("{error}\n"));
            MISUSE
        }
    }
}

/// The key of an administrator, and whether it is the first of all keys; `None` if there is one in
/// force. A gateway that runs, or else its
/// next start, puts it on record.
fn first_key(mut store: Store, owner: &str) -> Result<Option<(KeyView, bool)>, StoreError> {
    let now = observe::now();
    let bearer = Bearer {
        owner: owner.to_owned(),
        roles: [Role::Admin].into(),
        groups: BTreeSet::new(),
        identities: Some(BTreeSet::new()),
        chain: Vec::new(),
        created_by: "velum keys bootstrap".to_owned(),
        is_bootstrap: true,
    };
    let drawn = secret::draw(bearer, now, now.after_ms(BOOTSTRAP_MS));
    let (key, text) = drawn.map_err(|error| {
        StoreError::Unusable(PathBuf::from("a key"), std::io::Error::other(error))
    })?;
    store.transact(|tx| {
        let keys = tx.keys()?;
        let holds = |key: &ApiKey| key.revoked_at.is_none() && now < key.expires_at;
        let is_admin = |key: &&ApiKey| key.bearer.roles.contains(&Role::Admin);
        if keys.iter().filter(is_admin).any(holds) {
            return Ok(None);
        }
        let is_first = keys.is_empty();
        let event = match is_first {
            true => "bootstrap_key_created",
            false => "admin_key_recovered",
        };
        let subject = format!("{} of {owner}", key.id);
        tx.note_administration(now, &key.bearer.created_by, event, &subject)?;
        tx.insert_key(&key)?;
        let mut view = KeyView::from(&key);
        view.key = Some(text.to_string());
        Ok(Some((view, is_first)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn there_is_one_first_key() {
        let folder = tempfile::tempdir().unwrap();
        let (first, is_first) = first_key(Store::open(folder.path()).unwrap(), "ann")
            .unwrap()
            .unwrap();
        assert!(is_first);
        assert!(first.is_bootstrap && first.key.is_some());
        assert_eq!(first.roles, [Role::Admin].into());
        assert!(
            first_key(Store::open(folder.path()).unwrap(), "eve")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn nobody_is_locked_out_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (first, is_first) = first_key(Store::open(folder.path()).unwrap(), "ann")
            .unwrap()
            .unwrap();
        assert!(is_first);
        let mut store = Store::open(folder.path()).unwrap();
        let revoked: Result<(), StoreError> =
            store.transact(|tx| tx.revoke_key(&first.id, 1, observe::now()));
        revoked.unwrap();
        let (_, is_first) = first_key(Store::open(folder.path()).unwrap(), "eve")
            .unwrap()
            .unwrap();
        assert!(!is_first);
        assert!(
            first_key(Store::open(folder.path()).unwrap(), "eve")
                .unwrap()
                .is_none()
        );
        let done: Result<_, StoreError> = store.look(|tx| tx.administration_not_audited());
        let done = done.unwrap();
        let events: Vec<_> = done.iter().map(|it| it.event.as_str()).collect();
        assert_eq!(events, ["bootstrap_key_created", "admin_key_recovered"]);
        let taken: Result<_, StoreError> = store.transact(|tx| {
            tx.mark_administration(&done)?;
            tx.administration_not_audited()
        });
        assert!(taken.unwrap().is_empty());
    }
}
