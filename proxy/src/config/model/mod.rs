//! The configuration as the gateway uses it: checked, names resolved, secrets read.
//!
//! * [`identity`]: who may connect. [`resource`]: to what. [`policy`]: what they see of it.
//! * [`login`]: how people come in.
//! * Here: the gateway itself, its listeners, log, API and limits.

pub mod identity;
pub mod login;
pub mod notify;
pub mod policy;
pub mod resource;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use velum_core::grant::Terms;

pub use identity::*;
pub use login::*;
pub use notify::*;
pub use policy::*;
pub use resource::*;

use super::secret::Secret;
use crate::audit::retention::Retention;
use crate::audit::ship::Destination;
use crate::audit::ship::bucket::Bucket;
use crate::audit::witness::ask::Asked;
use crate::originals::Auditor;
use crate::store::Place;

/// A whole configuration without mistakes.
#[derive(Debug)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file's text.
    pub sha256: [u8; 32],
    /// The file's text; it holds no secret.
    pub text: Arc<str>,
    /// `[gateway]`
    pub gateway: Gateway,
    /// `store`: where grants, keys and sessions are kept.
    pub store: Place,
    /// `[[listener]]`, at least one.
    pub listeners: Vec<Listener>,
    /// `[audit]`
    pub audit: Audit,
    /// `[[issuer]]`, names and addresses unique.
    pub issuers: Vec<Issuer>,
    /// `[[identity]]`, names unique.
    pub identities: Vec<Identity>,
    /// `[[resource]]`, names unique.
    pub resources: Vec<Resource>,
    /// `[[policy]]`, names unique.
    pub policies: Vec<Policy>,
    /// `[limits]`
    pub limits: Limits,
    /// `[api]`, if there is one.
    pub api: Option<Api>,
    /// `[grants]`: who has to agree to new requests.
    pub grants: Terms,
    /// `[login]`
    pub login: Login,
    /// `[[saml]]`, names unique.
    pub saml: Vec<Saml>,
    /// `[sealing]`
    pub sealing: Sealing,
    /// `[retention]`
    pub retention: Retention,
    /// `[[witness]]`, names unique.
    pub witnesses: Vec<Asked>,
    /// `[[ship]]`, names unique.
    pub ship: Vec<Destination>,
    /// `[[archive]]`, names unique, those of `[[ship]]` among them.
    pub archive: Vec<Bucket>,
    /// `[receipts]`
    pub receipts: Receipts,
    /// `[recordings]`, if there is one.
    pub recordings: Option<Recordings>,
    /// `[originals]`
    pub originals: Originals,
    /// `[[notify]]`, names unique.
    pub notify: Vec<Notify>,
}

/// `[receipts]`: what is recorded of a session's masking at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipts {
    /// Masked values are committed to, so that it can be shown later whether one was among them.
    pub commitments: bool,
    /// Different values of a session that are kept for that, as 16 bytes each.
    pub values_most: usize,
}

/// `[originals]`: who may read what clients sent, two together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Originals {
    /// None: the gateway's own key seals it.
    pub auditors: Vec<Auditor>,
}

/// `[recordings]`: what of all recordings is the same. Whose sessions are recorded, their access
/// says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Where they are.
    pub directory: PathBuf,
    /// What is recorded of what clients send.
    pub statements: Statements,
    /// What happens where they cannot be written as fast as results come.
    pub on_overflow: Overflow,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
}

/// What is recorded of what clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statements {
    /// Statements as the audit log has them: without literals and bind values.
    Tokens,
    /// Every byte as well, under a key of its own.
    Sealed,
}

/// What happens where recordings cannot be written as fast as results come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The sessions wait.
    Pause,
    /// They go on, and the recordings say what is missing.
    Drop,
}

/// `[sealing]`: the keys of what is on disk and nobody else may read.
#[derive(Clone, Debug, Default)]
pub struct Sealing {
    /// Seals and opens; `None` is one that is made in the data directory.
    pub key: Option<Secret>,
    /// While keys are exchanged: the one before, which only opens.
    pub previous_key: Option<Secret>,
}

/// How the data plane waits for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// io_uring where the kernel lets us, epoll otherwise.
    Auto,
    /// io_uring or no start.
    IoUring,
    /// epoll.
    Epoll,
}

/// `[gateway]`
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Which driver.
    pub driver: Driver,
    /// Data threads; `None` is one a core.
    pub threads: Option<usize>,
    /// How long sessions may finish their work after SIGTERM.
    pub drain_timeout: Duration,
    /// Where keys that Velum makes for itself live, and random tokens.
    pub data_directory: PathBuf,
    /// Values that may have a random token, in all.
    pub random_tokens_most: usize,
    /// How often the catalogs of the databases are checked for changes.
    pub catalog_refresh: Duration,
    /// The longest that a receive in the middle of a bulk result waits for more; 0 is not at all.
    pub hold_off_most: Duration,
}

/// Must clients use TLS?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// It is not offered.
    Off,
    /// As the client likes.
    Optional,
    /// A client without it is refused.
    Required,
}

/// `[[listener]]`
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Must clients use TLS?
    pub tls_mode: TlsMode,
    /// The certificate; there unless `tls_mode` is off.
    pub tls: Option<ServerTls>,
    /// Tokens may come without TLS; only on loopback.
    pub tokens_in_clear: bool,
}

/// The gateway's own end of TLS.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Certificate chain, key, client authorities and ALPN, ready for use.
    pub config: Arc<rustls::ServerConfig>,
    /// DER of the leaf certificate, for SCRAM's channel binding.
    pub leaf: Vec<u8>,
    /// Client certificates are asked for and verified.
    pub verifies_clients: bool,
    /// Whose workloads the client authorities may name.
    pub trust_domain: Option<String>,
}

/// What has to be on disk before a result byte leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditMode {
    /// The record of the statement.
    Durable,
    /// At most so much may be lost.
    Bounded {
        /// Age of the oldest record that is not on disk.
        within: Duration,
        /// Bytes of records that are not on disk.
        bytes: u64,
    },
}

/// `[audit]`
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where the segments are.
    pub directory: PathBuf,
    /// What has to be on disk before a result byte leaves.
    pub mode: AuditMode,
    /// Key of the tokens; `None` is one that is made in the data directory.
    pub key: Option<Secret>,
    /// Size of one segment.
    pub segment_bytes: u64,
    /// What the log is called in its checkpoints; `None` is as before, or after its first key.
    pub origin: Option<String>,
    /// Key that signs checkpoints; `None` is one that is made in the data directory.
    pub signing_key: Option<Secret>,
    /// While keys are exchanged: the one before.
    pub previous_signing_key: Option<Secret>,
    /// Start though the log is not what its last checkpoint says. Of the command line.
    pub accepts_mismatch: bool,
}

/// `[api]`
#[derive(Clone, Debug)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate; there unless it listens on a loopback address.
    pub tls: Option<ServerTls>,
    /// Where people reach it, without a slash at the end; for messages.
    pub url: Option<String>,
    /// What one caller may ask, on average.
    pub requests_per_minute: u32,
    /// Longest body of a request.
    pub body_bytes: usize,
    /// Connections at once.
    pub connections: usize,
    /// From the first byte of a request to its answer.
    pub request_timeout: Duration,
}

/// `[limits]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Connections at a time that have not authenticated yet.
    pub pre_auth: usize,
    /// Until the database has let us in.
    pub connect_timeout: Duration,
}

impl Config {
    /// The resource of this name.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name)
    }

    /// The issuer of this name.
    pub fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }

    /// The SAML identity provider of this name.
    pub fn saml(&self, name: &str) -> Option<&Saml> {
        self.saml.iter().find(|saml| saml.name == name)
    }

    /// The policies that any identity has at a resource, by name.
    pub fn policies_at(&self, resource: &Resource) -> impl Iterator<Item = &Policy> {
        let accesses = self.identities.iter().flat_map(|it| &it.access);
        let here = accesses.filter(|access| access.resource == resource.name);
        let names: BTreeSet<&str> = here.map(|access| access.policy.as_str()).collect();
        names.into_iter().filter_map(|name| self.policy(name))
    }

    /// True if anything here is about grants, the API, sealed secrets or keys: they need
    /// the store.
    pub fn uses_store(&self) -> bool {
        let mut accesses = self.identities.iter().flat_map(|it| &it.access);
        let mut passwords = self.resources.iter().filter_map(|it| it.password.as_ref());
        self.api.is_some()
            || self
                .identities
                .iter()
                .any(|it| matches!(it.auth, Auth::Key))
            || accesses.any(|access| access.grant.is_some())
            || passwords.any(|password| matches!(password, Credential::Sealed(_)))
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }
}
