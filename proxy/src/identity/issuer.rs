//! Issuers as data threads know them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_core::identity::rules::{ClaimRule, TokenIdentity, Wanted};
use velum_core::identity::token::Algorithm;
use velum_core::policy::{Glob, GlobError};

use super::slot::KeySlot;
use crate::config::model::{self, Auth, ClaimValue, Config, IssuerKeys};

/// One `[[issuer]]` in force.
pub struct Issuer {
    /// Its name in the configuration.
    pub name: String,
    /// `iss`
    pub url: String,
    /// One of these has to be in `aud`.
    pub audiences: Vec<String>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may be apart.
    pub clock_skew_ms: u64,
    /// Where the groups are.
    pub groups_claim: String,
    /// What members of groups may do by the API: group, role.
    pub roles: Vec<(String, String)>,
    /// Whom its tokens prove.
    pub identities: Vec<TokenIdentity>,
    /// How its keys are fetched; `None`: they are in a file.
    pub source: Option<Source>,
    /// Its keys.
    pub slot: Arc<KeySlot>,
}

/// How an issuer's keys are fetched.
pub struct Source {
    /// With which authorities.
    pub tls: Arc<rustls::ClientConfig>,
    /// They are fetched again after so long at the latest.
    pub ttl: Duration,
    /// They serve for so long where they cannot be.
    pub kept: Duration,
}

/// All of them, by what a token has in `iss`.
#[derive(Default)]
pub struct Issuers {
    by_url: HashMap<String, Arc<Issuer>>,
}

impl Issuers {
    /// Those of a configuration. One that `previous` has too keeps its keys, and fetches them anew.
    ///
    /// # Errors
    /// A pattern that does not compile.
    pub fn new(config: &Config, previous: Option<&Issuers>) -> Result<Self, GlobError> {
        let mut by_url = HashMap::new();
        for issuer in &config.issuers {
            let known = previous.and_then(|previous| previous.by_url(&issuer.url));
            let built = build(config, issuer, known.map(Arc::as_ref))?;
            by_url.insert(issuer.url.clone(), Arc::new(built));
        }
        Ok(Self { by_url })
    }

    /// The issuer that a token names, byte by byte.
    pub fn by_url(&self, url: &str) -> Option<&Arc<Issuer>> {
        self.by_url.get(url)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.by_url.values()
    }
}

fn build(
    config: &Config,
    issuer: &model::Issuer,
    known: Option<&Issuer>,
) -> Result<Issuer, GlobError> {
    let mut identities = Vec::new();
    for identity in &config.identities {
        if let Auth::Oidc(oidc) = &identity.auth
            && oidc.issuer == issuer.name
        {
            identities.push(token_identity(&identity.name, oidc)?);
        }
    }
    let now = Instant::now();
    let (source, slot) = match &issuer.keys {
        IssuerKeys::Fixed(keys) => (None, Arc::new(KeySlot::holding(keys.clone()))),
        IssuerKeys::Fetched { tls, ttl, kept } => {
            let known = known.filter(|known| known.source.is_some());
            let slot = match known {
                Some(known) => Arc::clone(&known.slot),
                None => Arc::new(KeySlot::empty(now)),
            };
            slot.hasten(now);
            let source = Source {
                tls: Arc::clone(tls),
                ttl: *ttl,
                kept: *kept,
            };
            (Some(source), slot)
        }
    };
    Ok(Issuer {
        name: issuer.name.clone(),
        url: issuer.url.clone(),
        audiences: issuer.audiences.clone(),
        algorithms: issuer.algorithms.clone(),
        clock_skew_ms: u64::try_from(issuer.clock_skew.as_millis()).unwrap_or(u64::MAX),
        groups_claim: issuer.groups_claim.clone(),
        roles: issuer.roles.clone(),
        identities,
        source,
        slot,
    })
}

fn token_identity(name: &str, oidc: &model::Oidc) -> Result<TokenIdentity, GlobError> {
    let mut claims = Vec::new();
    for (path, value) in &oidc.claims {
        let wanted = match value {
            ClaimValue::Text(text) => Wanted::Text(text.clone()),
            ClaimValue::Glob(pattern) => Wanted::Pattern(Glob::in_case(pattern)?),
            ClaimValue::Whole(number) => Wanted::Whole(*number),
            ClaimValue::Bool(value) => Wanted::Bool(*value),
        };
        let path = path.clone();
        claims.push(ClaimRule { path, wanted });
    }
    Ok(TokenIdentity {
        name: name.to_owned(),
        audiences: oidc.audiences.clone(),
        claims,
        ends_with_token: oidc.ends_with_token,
    })
}
