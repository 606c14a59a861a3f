//! What a client's verified certificate proves.

use super::client::TlsFacts;
use super::login::Denial;
use crate::error::{Refusal, SqlState};
use crate::identity::spiffe::SpiffeId;

/// Is one of its names this one?
pub(super) fn has_name(tls: Option<&TlsFacts>, name: &str, user: &str) -> Result<(), Denial> {
    let names = tls.map(|tls| tls.client_certificate_names.as_slice());
    match names.unwrap_or_default() {
        [] => Err(missing()),
        names if names.iter().any(|found| found == name) => Ok(()),
        _ => Err(other(user)),
    }
}

/// Does it name this workload, and nothing else?
pub(super) fn is_workload(tls: Option<&TlsFacts>, id: &SpiffeId, user: &str) -> Result<(), Denial> {
    match tls.map(|tls| &tls.client_spiffe_id) {
        None => Err(missing()),
        Some(Some(found)) if found == id => Ok(()),
        Some(_) => Err(other(user)),
    }
}

fn missing() -> Denial {
    let text = "connection requires a valid client certificate";
    Refusal::new(SqlState::INVALID_AUTHORIZATION, text)
        .with_hint("Connect over TLS with sslcert and sslkey.")
        .into()
}

fn other(user: &str) -> Denial {
    let text = "certificate authentication failed";
    Denial::of_user(SqlState::INVALID_AUTHORIZATION, text, user)
}
