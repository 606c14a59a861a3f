//! Who may connect: issuers, identities, and what their access needs.

use std::sync::Arc;
use std::time::Duration;

use velum_core::identity::spiffe::SpiffeId;
use velum_core::identity::token::Algorithm;

use super::login::IssuerLogin;
use crate::config::secret::Secret;
use crate::identity::keys::KeySet;

/// What an identity must know: never in clear in what is written.
#[derive(Clone, Debug)]
pub enum Knowledge {
    /// A password in clear, as read from its credential.
    Password(Secret),
    /// PostgreSQL's `SCRAM-SHA-256$iterations:salt$stored:server`.
    Verifier(Secret),
}

/// How an identity proves itself.
#[derive(Clone, Debug)]
pub enum Auth {
    /// By SCRAM-SHA-256.
    Scram(Knowledge),
    /// By a TLS client certificate.
    Certificate,
    /// By both.
    ScramAndCertificate(Knowledge),
    /// By a TLS client certificate of a workload.
    Spiffe(SpiffeId),
    /// By a token of an issuer.
    Oidc(Oidc),
    /// By a key of those that the gateway has made for it.
    Key,
    /// Not at all; only on loopback listeners.
    Trust,
}

/// Whose tokens prove an identity, and what they have to claim.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// Name of the issuer.
    pub issuer: String,
    /// One of these has to be in the token's audience; empty: the issuer's list is enough.
    pub audiences: Vec<String>,
    /// All have to hold; at least one.
    pub claims: Vec<(String, ClaimValue)>,
    /// Sessions end when the token expires.
    pub ends_with_token: bool,
    /// How it comes in.
    pub token_by: TokenBy,
}

/// What a claim has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// This text.
    Text(String),
    /// A text that the pattern fits.
    Glob(String),
    /// This number.
    Whole(u64),
    /// This.
    Bool(bool),
}

/// How a token comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenBy {
    /// As a password in clear, over TLS.
    Password,
    /// By SASL OAUTHBEARER.
    OauthBearer,
}

/// `[[issuer]]`
#[derive(Clone, Debug)]
pub struct Issuer {
    /// What identities refer to.
    pub name: String,
    /// What `iss` has to be, byte by byte; its configuration is below it.
    pub url: String,
    /// One of these has to be in `aud`; at least one.
    pub audiences: Vec<String>,
    /// How its tokens may be signed; at least one.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
    /// Where its keys come from.
    pub keys: IssuerKeys,
    /// Path of the claim that has groups.
    pub groups_claim: String,
    /// The scope that clients are told to ask for.
    pub scope: String,
    /// What members of groups may do by the API: group, role.
    pub roles: Vec<(String, String)>,
    /// How people log in there; `None`: they do not.
    pub login: Option<IssuerLogin>,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// A file that is read with the configuration.
    Fixed(KeySet),
    /// The issuer itself, as OpenID Connect Discovery says.
    Fetched {
        /// With which authorities.
        tls: Arc<rustls::ClientConfig>,
        /// They are fetched again after so long at the latest.
        ttl: Duration,
        /// They serve for so long where they cannot be.
        kept: Duration,
    },
}

/// Which policy holds for an identity at a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Name of the resource.
    pub resource: String,
    /// Name of the policy.
    pub policy: String,
    /// Somebody has to agree first; `None`: it is a standing access.
    pub grant: Option<GrantNeeded>,
    /// How many of its sessions are recorded, in millionths.
    pub record: u32,
}

/// What an access needs besides a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantNeeded {
    /// What happens to a client without one.
    pub on_missing: OnMissing,
    /// How long it is kept waiting.
    pub wait: Duration,
    /// For how long a request that is made in its place asks.
    pub wanted: Duration,
}

/// What happens to a client without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// It is refused.
    Refuse,
    /// It is refused, with the number of a request that was made in its place.
    Request,
    /// It waits until somebody decides about such a request.
    Wait,
}

/// `[[identity]]`
#[derive(Clone, Debug)]
pub struct Identity {
    /// What the client gives as its user; `*` is any.
    pub name: String,
    /// How it proves itself.
    pub auth: Auth,
    /// Name in the client's certificate.
    pub certificate_name: String,
    /// Resources that it may reach, at least one.
    pub access: Vec<Access>,
}
