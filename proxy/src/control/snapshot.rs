//! Makes of a configuration what data threads work by.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::ServerName;
use velum_core::audit::token::TokenKey;
use velum_core::policy::Policy;
use velum_core::wire::postgres::handshake::{
    Account, Credential, Discovery, Exchange, ScramVerifier, TokenWay,
};
use velum_detectors::{Detectors, UnknownDetector};
use zeroize::Zeroizing;

use crate::config::model::{self, AuditMode, Config};
use crate::credentials::LoginSlot;
use crate::identity::{Issuers, configuration_url};
use crate::planes::snapshot::Catalogs;
use crate::planes::{
    Ahead, DatabaseMapping, GrantRule, Limits, ListenerSnapshot, ListenerTls, Missing,
    ResourceSnapshot, Reuse, Snapshot, UpstreamAddress, UpstreamTls, UpstreamUser,
};
use crate::relay::tls::server_end_point;

use super::policies::{self, Scope};
use super::vault::Vault;

/// Secrets that outlive a reload.
pub struct Keys {
    /// Of the tokens in records.
    pub tokens: Arc<TokenKey>,
    /// From which the SCRAM salts of unknown users are derived.
    pub mock_secret: Zeroizing<[u8; 32]>,
    /// Tokens that were drawn at random.
    pub vault: Arc<Vault>,
}

/// A configuration that passed every check and still cannot be put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(pub String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}
impl crate::observe::Cause for Unusable {}

/// The snapshot of a configuration. A resource that is still the same database keeps the
/// catalogs that `previous` has of it.
///
/// # Errors
/// What the configuration's own checks let through and core refuses.
pub fn build(
    config: &Config,
    keys: &Keys,
    previous: Option<&Snapshot>,
) -> Result<Snapshot, Unusable> {
    let mut accounts = HashMap::new();
    for identity in &config.identities {
        accounts.insert(identity.name.clone(), account(config, identity)?);
    }
    let known = previous.map(|snapshot| &*snapshot.issuers);
    let issuers = Issuers::new(config, known).map_err(|error| Unusable(error.to_string()))?;
    let mut resources = HashMap::new();
    for resource in &config.resources {
        let known = previous.and_then(|snapshot| snapshot.resources.get(&resource.name));
        let built = self::resource(config, &keys.vault, resource, known.map(Arc::as_ref))?;
        resources.insert(resource.name.clone(), Arc::new(built));
    }
    Ok(Snapshot {
        epoch: previous.map_or(1, |snapshot| snapshot.epoch + 1),
        listeners: config.listeners.iter().map(listener).collect(),
        exchanges: exchanges(config, &accounts),
        accounts,
        issuers: Arc::new(issuers),
        resources,
        limits: limits(config),
        tokens: Arc::clone(&keys.tokens),
        mock_secret: keys.mock_secret.clone(),
    })
}

fn limits(config: &Config) -> Limits {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Limits {
        sessions: config.limits.sessions,
        pre_auth: config.limits.pre_auth,
        connect_timeout_ms: millis(config.limits.connect_timeout),
        drain_timeout_ms: millis(config.gateway.drain_timeout),
        hold_off_most: config.gateway.hold_off_most,
        ahead: ahead(config.audit.mode),
    }
}

fn ahead(mode: AuditMode) -> Option<Ahead> {
    match mode {
        AuditMode::Durable => None,
        AuditMode::Bounded { within, bytes } => Some(Ahead {
            within,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        }),
    }
}

fn listener(listener: &model::Listener) -> ListenerSnapshot {
    let tls = listener
        .tls
        .as_ref()
        .filter(|_| listener.tls_mode != model::TlsMode::Off);
    let tls = tls.map(|tls| ListenerTls {
        config: Arc::clone(&tls.config),
        server_end_point: server_end_point(&tls.leaf),
        required: listener.tls_mode == model::TlsMode::Required,
        trust_domain: tls.trust_domain.as_deref().map(Arc::from),
    });
    ListenerSnapshot {
        address: listener.address,
        tls,
        tokens_in_clear: listener.tokens_in_clear,
    }
}

/// The ways in which accounts are asked, in the order of the configuration. Passwords are among
/// them where nothing else is.
fn exchanges(config: &Config, accounts: &HashMap<String, Account>) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for identity in &config.identities {
        let exchange = match accounts
            .get(&identity.name)
            .map(|account| &account.credential)
        {
            Some(
                Credential::Scram(_) | Credential::ScramAndCertificate { .. } | Credential::Keys,
            ) => Exchange::Scram,
            Some(Credential::Token(way)) => Exchange::Token(way.clone()),
            Some(
                Credential::Certificate { .. } | Credential::Spiffe { .. } | Credential::Trust,
            )
            | None => continue,
        };
        if !exchanges.contains(&exchange) {
            exchanges.push(exchange);
        }
    }
    exchanges
}

fn token_way(config: &Config, oidc: &model::Oidc) -> Result<TokenWay, Unusable> {
    match oidc.token_by {
        model::TokenBy::Password => Ok(TokenWay::Password),
        model::TokenBy::OauthBearer => {
            let missing = || Unusable(format!("there is no issuer `{}`", oidc.issuer));
            let issuer = config.issuer(&oidc.issuer).ok_or_else(missing)?;
            let discovery = Discovery::new(&configuration_url(&issuer.url), &issuer.scope);
            let odd = |_| Unusable(format!("`{}` cannot be written in JSON", issuer.url));
            Ok(TokenWay::Bearer(discovery.map_err(odd)?))
        }
    }
}

fn account(config: &Config, identity: &model::Identity) -> Result<Account, Unusable> {
    let name = identity.certificate_name.clone();
    let credential = match &identity.auth {
        model::Auth::Trust => Credential::Trust,
        model::Auth::Key => Credential::Keys,
        model::Auth::Spiffe(id) => Credential::Spiffe { id: id.clone() },
        model::Auth::Oidc(oidc) => Credential::Token(token_way(config, oidc)?),
        model::Auth::Certificate => Credential::Certificate { name },
        model::Auth::Scram(knowledge) => Credential::Scram(verifier(knowledge)?),
        model::Auth::ScramAndCertificate(knowledge) => Credential::ScramAndCertificate {
            verifier: verifier(knowledge)?,
            name,
        },
    };
    Ok(Account {
        name: identity.name.clone(),
        credential,
    })
}

fn verifier(knowledge: &model::Knowledge) -> Result<ScramVerifier, Unusable> {
    match knowledge {
        model::Knowledge::Password(password) => {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|error| Unusable(error.to_string()))?;
            let iterations = ScramVerifier::DEFAULT_ITERATIONS;
            Ok(ScramVerifier::build(password.expose(), &salt, iterations))
        }
        model::Knowledge::Verifier(verifier) => {
            let wrong = |what: &str| Unusable(format!("{}: {what}", verifier.origin()));
            let text = std::str::from_utf8(verifier.expose()).map_err(|_| wrong("not UTF-8"))?;
            ScramVerifier::parse(text).map_err(|error| wrong(&error.to_string()))
        }
    }
}

fn resource(
    config: &Config,
    vault: &Arc<Vault>,
    resource: &model::Resource,
    known: Option<&ResourceSnapshot>,
) -> Result<ResourceSnapshot, Unusable> {
    let (policies, detectors, grants) = by_identity(config, vault, resource)?;
    let address = address(&resource.address);
    let database = match &resource.database {
        model::NameOrAny::Any => DatabaseMapping::Pass,
        model::NameOrAny::Fixed(name) => DatabaseMapping::Fixed(name.clone()),
    };
    let same = |known: &&ResourceSnapshot| {
        known.database == database && is_same_place(&known.address, &address)
    };
    let catalogs = known
        .filter(same)
        .map_or_else(Catalogs::default, |it| it.catalogs.clone());
    let login = login(resource, known.filter(same))?;
    let user = match &resource.user {
        model::NameOrAny::Any => UpstreamUser::Pass,
        model::NameOrAny::Fixed(name) => UpstreamUser::Fixed(name.clone()),
    };
    Ok(ResourceSnapshot {
        name: resource.name.as_str().into(),
        address,
        tls: tls(resource)?,
        database,
        user,
        login,
        parameters: Vec::new(),
        stamps_identity: resource.stamps_identity,
        checks_statements: resource.checks_statements,
        reuse: resource.reuse.map(|reuse| Reuse {
            most: reuse.most,
            idle: reuse.idle,
            lifetime: reuse.lifetime,
        }),
        connections_most: resource.connections_most,
        room: known.map_or_else(Default::default, |it| Arc::clone(&it.room)),
        policies,
        grants,
        recorded: recorded(config, resource),
        catalogs,
        detectors,
    })
}

/// What logs in. A slot that others fill stays while it is about the same secret at the same place.
fn login(
    resource: &model::Resource,
    known: Option<&ResourceSnapshot>,
) -> Result<Arc<LoginSlot>, Unusable> {
    let slot = LoginSlot::new(resource.password.as_ref());
    let slot = slot.map_err(|error| Unusable(error.to_string()))?;
    let known = known.map(|known| &known.login);
    let same = known.filter(|it| slot.reference().is_some() && it.reference() == slot.reference());
    Ok(same.map_or_else(|| Arc::new(slot), Arc::clone))
}

type ByIdentity = (
    HashMap<String, Arc<Policy>>,
    HashMap<String, Arc<Detectors>>,
    HashMap<String, GrantRule>,
);

/// What each identity sees of a resource, what looks at content for it, and whether it needs a
/// grant.
fn by_identity(
    config: &Config,
    vault: &Arc<Vault>,
    resource: &model::Resource,
) -> Result<ByIdentity, Unusable> {
    let mut policies = HashMap::new();
    let mut detectors = HashMap::new();
    let mut grants = HashMap::new();
    for identity in &config.identities {
        for access in identity
            .access
            .iter()
            .filter(|access| access.resource == resource.name)
        {
            let Some(policy) = config.policy(&access.policy) else {
                continue;
            };
            let scope = Scope {
                resource: &resource.name,
                identity: &identity.name,
                vault,
            };
            policies.insert(
                identity.name.clone(),
                Arc::new(policies::policy(policy, &scope)?),
            );
            detectors.insert(identity.name.clone(), Arc::new(detectors_of(policy)?));
            let needed = access.grant.as_ref().map(grant_rule);
            grants.extend(needed.map(|rule| (identity.name.clone(), rule)));
        }
    }
    Ok((policies, detectors, grants))
}

/// Of whose sessions how many are recorded.
fn recorded(config: &Config, resource: &model::Resource) -> HashMap<String, u32> {
    let shares = config.identities.iter().flat_map(|identity| {
        let here = identity.access.iter();
        let here = here.filter(|access| access.resource == resource.name && access.record > 0);
        here.map(|access| (identity.name.clone(), access.record))
    });
    shares.collect()
}

fn grant_rule(needed: &model::GrantNeeded) -> GrantRule {
    GrantRule {
        on_missing: match needed.on_missing {
            model::OnMissing::Refuse => Missing::Refuse,
            model::OnMissing::Request => Missing::Request,
            model::OnMissing::Wait => Missing::Wait(needed.wait),
        },
        wanted: needed.wanted,
    }
}

fn address(address: &model::ResourceAddress) -> UpstreamAddress {
    match address {
        model::ResourceAddress::Unix(socket) => UpstreamAddress::Unix(socket.clone()),
        model::ResourceAddress::Tcp { host, port } => {
            // What needs no name server is known at once.
            let literal = host.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, *port));
            let resolved = ArcSwap::from_pointee(literal.into_iter().collect());
            UpstreamAddress::Tcp {
                host: host.clone(),
                port: *port,
                resolved,
            }
        }
    }
}

fn is_same_place(one: &UpstreamAddress, other: &UpstreamAddress) -> bool {
    match (one, other) {
        (UpstreamAddress::Unix(one), UpstreamAddress::Unix(other)) => one == other,
        (
            UpstreamAddress::Tcp { host, port, .. },
            UpstreamAddress::Tcp {
                host: other_host,
                port: other_port,
                ..
            },
        ) => host == other_host && port == other_port,
        _ => false,
    }
}

fn tls(resource: &model::Resource) -> Result<Option<UpstreamTls>, Unusable> {
    let (Some(config), model::ResourceAddress::Tcp { host, .. }) =
        (&resource.tls, &resource.address)
    else {
        return Ok(None);
    };
    let server_name = ServerName::try_from(host.clone())
        .map_err(|_| Unusable(format!("`{host}` is no name that a certificate can bear")))?;
    Ok(Some(UpstreamTls {
        config: Arc::clone(config),
        server_name,
    }))
}

fn detectors_of(policy: &model::Policy) -> Result<Detectors, Unusable> {
    let unknown =
        |unknown: UnknownDetector| Unusable(format!("there is no detector `{}`", unknown.name));
    match policy.content.as_ref().map(|content| &content.detectors) {
        // Without content rules they still look at errors and notices.
        None | Some(model::DetectorSet::Standard) => Ok(Detectors::standard()),
        Some(model::DetectorSet::Full) => Ok(Detectors::full()),
        Some(model::DetectorSet::Named(names)) => Detectors::select(names).map_err(unknown),
        Some(model::DetectorSet::FullNamed(names)) => {
            Detectors::full().restrict(names).map_err(unknown)
        }
    }
}
