//! Keys by which machines log in at databases.

use serde_json::json;

use super::client::{Client, Failed};
use super::output;
use crate::api::views::{All, MachineKeyView};
use crate::cli::complain;

const PATH: &str = "/api/v1/machine-keys";

/// Makes one for the one identity.
pub(super) fn create(
    client: &Client,
    identities: &[String],
    note: Option<&str>,
    seconds: Option<u64>,
) -> Result<(), Failed> {
    let [identity] = identities else {
        let text = "a key that logs in is of one identity; one of the API needs --owner and --role";
        return Err(Failed::Unusable(text.to_owned()));
    };
    let mut body = json!({ "identity": identity, "note": note.unwrap_or_default() });
    if let Some(seconds) = seconds {
        body["seconds"] = seconds.into();
    }
    let key: MachineKeyView = client.post(PATH, &body, None)?;
    output::show(client, &key, || shown_once(&key))
}

/// Lists all.
pub(super) fn list(client: &Client) -> Result<(), Failed> {
    let all: All<MachineKeyView> = client.get(PATH)?;
    output::show(client, &all, || table(&all.items))
}

/// Takes one back.
pub(super) fn revoke(client: &Client, id: &str, rationale: &str) -> Result<(), Failed> {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let body = json!({ "rationale": rationale });
    let key: MachineKeyView = client.post(&format!("{PATH}/{id}/revoke"), &body, None)?;
    output::show(client, &key, || table(std::slice::from_ref(&key)))
}

fn table(keys: &[MachineKeyView]) -> String {
    let header = [
        "key",
        "identity",
        "note",
        "made by",
        "in force",
        "last used",
    ];
    let rows = keys.iter().map(|key| {
        let until = match &key.revoked_at {
            Some(at) => format!("revoked {at}"),
            None => format!("until {}", key.expires_at),
        };
        let used = key.last_used_at.as_deref().unwrap_or("never");
        vec![
            key.id.clone(),
            key.identity.clone(),
            key.note.clone(),
            key.created_by.clone(),
            until,
            used.to_owned(),
        ]
    });
    output::table(&header, rows.collect(), "no keys that log in")
}

/// The key on a line of its own, so that it can be piped on.
fn shown_once(key: &MachineKeyView) -> String {
    match &key.key {
        Some(text) => {
            complain(&format!(
                "key {}: {} logs in by it until {}; it is not shown again\n",
                key.id,
                output::plain(&key.identity),
                key.expires_at
            ));
            format!("{text}\n")
        }
        None => "the key was made before, and is not shown again\n".to_owned(),
    }
}
