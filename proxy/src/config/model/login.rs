//! How people log in to the gateway's own interfaces.

use std::sync::Arc;
use std::time::Duration;

use crate::config::secret::Secret;
use crate::identity::saml::Provider;

/// `[login]`: what holds for the sessions of all people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// A session that is not used for so long is over.
    pub idle: Duration,
    /// No session is longer.
    pub absolute: Duration,
    /// A cookie is exchanged for another after so long, when something is changed by it.
    pub rotate: Duration,
    /// What deciding takes.
    pub step_up: StepUp,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 3_600),
            rotate: Duration::from_secs(15 * 60),
            step_up: StepUp {
                within: Duration::from_secs(15 * 60),
                amr: Vec::new(),
                acr: Vec::new(),
            },
        }
    }
}

/// What deciding takes: any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// They have shown who they are so long ago at most.
    pub within: Duration,
    /// Or by one of these methods, RFC 8176.
    pub amr: Vec<String>,
    /// Or in one of these contexts.
    pub acr: Vec<String>,
}

/// `[issuer.login]`: people log in there.
#[derive(Clone, Debug)]
pub struct IssuerLogin {
    /// What the gateway is to the issuer.
    pub client_id: String,
    /// How it shows that it is that; `None`: by the redirect alone, as a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for; `openid` is among it.
    pub scope: String,
    /// What `velum login` is to the issuer; `None`: it cannot be used there.
    pub device_client_id: Option<String>,
}

/// `[[saml]]`: an identity provider where people log in.
#[derive(Clone, Debug)]
pub struct Saml {
    /// A part of addresses.
    pub name: String,
    /// How it is asked.
    pub provider: Arc<Provider>,
    /// What members of groups may do by the API: group, role.
    pub roles: Vec<(String, String)>,
}
