//! HashiCorp Vault (and OpenBao) over HTTP: values of KV version 1 and 2, and users that the
//! database engine makes for a time, with leases that are renewed and revoked.
//!
//! <https://developer.hashicorp.com/vault/api-docs>

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use crate::config::model::VaultReference;
use crate::http::{self, Call};
use crate::identity::place::Place;

/// From the connection to the whole answer.
const WITHIN: Duration = Duration::from_secs(5);
/// Longest answer.
const ANSWER_BYTES: usize = 256 * 1024;

/// Why there is nothing to be had. Never quotes what the Vault says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError {
    reason: String,
    /// The Vault answered, and will not answer otherwise: a lease is over.
    is_final: bool,
}

impl VaultError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_final: false,
        }
    }

    /// It is of no use to ask the same again.
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for VaultError {}
impl crate::observe::Cause for VaultError {}

/// What was given, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Names it for who renews or revokes it.
    pub id: String,
    /// How long it holds from now.
    pub holds: Duration,
    /// May it be renewed?
    pub is_renewable: bool,
}

/// What a Vault gives. No `Debug`.
pub enum Given {
    /// A value, for as long as nobody changes it.
    Value(Zeroizing<Vec<u8>>),
    /// A user that was made for us, for as long as the lease holds.
    Account {
        /// The user.
        user: String,
        /// Its password.
        password: Zeroizing<Vec<u8>>,
        /// For how long.
        lease: Lease,
    },
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    data: Option<BTreeMap<String, Value>>,
}

impl Document {
    fn lease(&self) -> Option<Lease> {
        let is_one = !self.lease_id.is_empty() && self.lease_duration > 0;
        is_one.then(|| Lease {
            id: self.lease_id.clone(),
            holds: Duration::from_secs(self.lease_duration),
            is_renewable: self.renewable,
        })
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        self.data
            .iter_mut()
            .flat_map(BTreeMap::values_mut)
            .for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(values) => values.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads what a reference names.
///
/// # Errors
/// A Vault that does not answer in time, or not as it should.
pub async fn read(vault: &VaultReference) -> Result<Given, VaultError> {
    let mut document = ask(vault, Method::GET, &vault.path, Bytes::new()).await?;
    let lease = document.lease();
    let data = document.data.as_mut();
    let data = data.ok_or_else(|| VaultError::new("there is no data at this path"))?;
    let Some(field) = &vault.field else {
        let missing = || VaultError::new("it gives no user with a lease: name a `field` of it");
        let lease = lease.ok_or_else(missing)?;
        let password = take(data, "password").ok_or_else(missing)?;
        let Some(Value::String(user)) = data.get("username") else {
            return Err(missing());
        };
        return Ok(Given::Account {
            user: user.clone(),
            password,
            lease,
        });
    };
    let missing = || VaultError::new(format!("there is no text `{field}` at this path"));
    // Version 2 of KV wraps the values once more, beside what it says about them.
    let has_metadata = matches!(data.get("metadata"), Some(Value::Object(_)));
    let value = match data.get_mut("data") {
        Some(Value::Object(inner)) if has_metadata => match inner.get_mut(field) {
            Some(Value::String(text)) => Some(Zeroizing::new(std::mem::take(text).into_bytes())),
            _ => None,
        },
        _ => take(data, field),
    };
    let value = value.filter(|value| !value.is_empty());
    Ok(Given::Value(value.ok_or_else(missing)?))
}

/// Has a lease hold for longer. What comes back may hold for less than was asked: no lease outlives
/// the longest time of its role.
///
/// # Errors
/// As [`read`]; final if the lease is over.
pub async fn renew(vault: &VaultReference, lease: &Lease) -> Result<Lease, VaultError> {
    let body = json!({ "lease_id": lease.id, "increment": lease.holds.as_secs() });
    let document = ask(
        vault,
        Method::PUT,
        "sys/leases/renew",
        body.to_string().into(),
    )
    .await?;
    let renewed = document.lease();
    renewed.ok_or_else(|| VaultError {
        reason: "it renews nothing".to_owned(),
        is_final: true,
    })
}

/// Ends a lease: its user is removed.
///
/// # Errors
/// As [`read`].
pub async fn revoke(vault: &VaultReference, lease: &str) -> Result<(), VaultError> {
    let body = json!({ "lease_id": lease });
    ask(
        vault,
        Method::PUT,
        "sys/leases/revoke",
        body.to_string().into(),
    )
    .await?;
    Ok(())
}

fn take(data: &mut BTreeMap<String, Value>, key: &str) -> Option<Zeroizing<Vec<u8>>> {
    match data.get_mut(key) {
        Some(Value::String(text)) => Some(Zeroizing::new(std::mem::take(text).into_bytes())),
        _ => None,
    }
}

async fn ask(
    vault: &VaultReference,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Document, VaultError> {
    // A command that gives the token may take its time; the control thread may not.
    let source = vault.token.clone();
    let token = tokio::task::spawn_blocking(move || source.read()).await;
    let token = token.map_err(|_| VaultError::new("the token cannot be read"))?;
    let token = token.map_err(VaultError::new)?;
    let token = std::str::from_utf8(token.expose());
    let token = token.map_err(|_| VaultError::new("the token is no text"))?;
    let place = Place::read(&format!("{}/v1/{path}", vault.address));
    let place = place.map_err(|error| VaultError::new(error.to_string()))?;
    let mut headers = vec![
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("x-vault-request", "true"),
        ("x-vault-token", token),
    ];
    headers.extend(
        vault
            .namespace
            .iter()
            .map(|name| ("x-vault-namespace", name.as_str())),
    );
    let call = Call {
        method,
        place: &place,
        headers: &headers,
        body,
        answer_bytes: ANSWER_BYTES,
    };
    let answered = tokio::time::timeout(WITHIN, http::ask(&call, &vault.tls)).await;
    let late = |_| VaultError::new(format!("no answer within {} s", WITHIN.as_secs()));
    let answer = answered.map_err(late)?.map_err(VaultError::new)?;
    match answer.status {
        StatusCode::NO_CONTENT => return Ok(Document::nothing()),
        status if status.is_success() => {}
        status => return Err(refused(status)),
    }
    let document = serde_json::from_slice(&answer.body);
    document.map_err(|_| VaultError::new("it answers what is no answer of a Vault"))
}

impl Document {
    fn nothing() -> Self {
        Self {
            lease_id: String::new(),
            lease_duration: 0,
            renewable: false,
            data: None,
        }
    }
}

fn refused(status: StatusCode) -> VaultError {
    let why = match status.as_u16() {
        400 => "it refuses the request: is the path right, is the lease over?",
        403 => "the token may not do this, or is over",
        404 => "there is nothing at this path",
        429 | 472 | 473 => "it is a standby, or asked too often",
        503 => "it is sealed, or down",
        _ => "it fails",
    };
    VaultError {
        reason: format!("answered {}: {why}", status.as_u16()),
        is_final: matches!(status.as_u16(), 400 | 404),
    }
}
