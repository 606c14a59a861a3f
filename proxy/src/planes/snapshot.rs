//! The state of the configuration that data threads work by. Built by the control thread,
//! never changed after, swapped whole.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::ServerName;
use velum_core::audit::token::TokenKey;
use velum_core::catalog::Catalog;
use velum_core::policy::Policy;
use velum_core::wire::postgres::handshake::{Account, Accounts, Exchange};
use velum_detectors::Detectors;
use zeroize::Zeroizing;

use super::Room;
use super::grants::GrantRule;
use crate::credentials::LoginSlot;
use crate::identity::Issuers;

/// A configuration in force.
pub struct Snapshot {
    /// Grows with every snapshot.
    pub epoch: u64,
    /// Listeners in the order in which they were bound: a reload may change their TLS, but
    /// not their number, order or addresses.
    pub listeners: Vec<ListenerSnapshot>,
    /// Who may connect, by the user name that the client sends.
    pub accounts: HashMap<String, Account>,
    /// Whose tokens are believed.
    pub issuers: Arc<Issuers>,
    /// The ways in which accounts are asked to prove themselves, without repetition.
    pub exchanges: Vec<Exchange>,
    /// Databases by their name in the configuration.
    pub resources: HashMap<String, Arc<ResourceSnapshot>>,
    /// Bounds from the configuration.
    pub limits: Limits,
    /// Key of the tokens in records.
    pub tokens: Arc<TokenKey>,
    /// Secret from which the SCRAM salts of unknown users are derived.
    pub mock_secret: Zeroizing<[u8; 32]>,
}

impl Snapshot {
    /// The resource that a startup's `database` means: the one of that name, or else the one
    /// that passes names through.
    pub fn resource(&self, database: &str) -> Option<&Arc<ResourceSnapshot>> {
        self.resources.get(database).or_else(|| {
            self.resources
                .values()
                .find(|resource| resource.database == DatabaseMapping::Pass)
        })
    }

    /// How a record calls a user name that was not proven: one that no account has is a token,
    /// as it may be anything, a password typed in the wrong place too.
    pub fn tried_name(&self, user: &str) -> String {
        if user.is_empty() || self.accounts.contains_key(user) {
            return user.to_owned();
        }
        format!("unknown:{}", self.tokens.token(user.as_bytes()).to_hex())
    }
}

impl Accounts for Snapshot {
    fn account(&self, user: &str) -> Option<&Account> {
        // `*` is anybody, who is trusted: the configuration allows it on loopback only.
        self.accounts.get(user).or_else(|| self.accounts.get("*"))
    }

    /// One of the ways of real accounts, by a key that outlives restarts: who asks again and again
    /// sees a stranger change as little as an account.
    fn stranger(&self, user: &str) -> Exchange {
        let drawn = self.tokens.token(format!("exchange:{user}").as_bytes());
        let ways = self.exchanges.len().max(1);
        let drawn = usize::from(u16::from_be_bytes([drawn.0[0], drawn.0[1]])) % ways;
        self.exchanges
            .get(drawn)
            .cloned()
            .unwrap_or(Exchange::Scram)
    }
}

/// One listening address.
pub struct ListenerSnapshot {
    /// Where it listens.
    pub address: SocketAddr,
    /// How it speaks TLS; `None`: not at all, SSLRequest is answered 'N'.
    pub tls: Option<ListenerTls>,
    /// Tokens may come without TLS; only on loopback.
    pub tokens_in_clear: bool,
}

/// TLS towards clients.
#[derive(Clone)]
pub struct ListenerTls {
    /// Certificate, key, client certificate verifier, ALPN `postgresql`.
    pub config: Arc<rustls::ServerConfig>,
    /// Hash of our certificate by RFC 5929 `tls-server-end-point`; `None` if its signature
    /// algorithm has none, which rules out SCRAM-SHA-256-PLUS.
    pub server_end_point: Option<Vec<u8>>,
    /// A client that does not ask for TLS is refused.
    pub required: bool,
    /// Whose workloads client certificates may name; `None`: nobody's.
    pub trust_domain: Option<Arc<str>>,
}

/// Where a database is.
#[derive(Debug)]
pub enum UpstreamAddress {
    /// Host and port. Data threads never resolve names.
    Tcp {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// What the control thread found for it, tried in order; empty if nothing.
        resolved: ArcSwap<Vec<SocketAddr>>,
    },
    /// Path of the socket itself, such as `/run/postgresql/.s.PGSQL.5432`.
    Unix(PathBuf),
}

/// TLS towards a database.
#[derive(Clone)]
pub struct UpstreamTls {
    /// Trust anchors and client certificate. The verifier checks the name below.
    pub config: Arc<rustls::ClientConfig>,
    /// Whom the certificate has to name.
    pub server_name: ServerName<'static>,
}

/// Which database of the upstream a session gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseMapping {
    /// Always this one.
    Fixed(String),
    /// The one that the client asked for (`database = "*"`).
    Pass,
}

/// Which role of the upstream a session gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamUser {
    /// Always this one.
    Fixed(String),
    /// The user name that the client proved.
    Pass,
}

/// A database and how it is shown to whom.
pub struct ResourceSnapshot {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Where it is.
    pub address: UpstreamAddress,
    /// TLS to it; `None`: plain.
    pub tls: Option<UpstreamTls>,
    /// Which database.
    pub database: DatabaseMapping,
    /// Which role.
    pub user: UpstreamUser,
    /// What logs in; the client never sees it.
    pub login: Arc<LoginSlot>,
    /// Startup parameters that Velum adds to those of the client, and that win over them.
    pub parameters: Vec<(String, String)>,
    /// The database reads in `application_name` who is connected.
    pub stamps_identity: bool,
    /// What each identity sees, by the identity's name. Who is not here is not let in.
    pub policies: HashMap<String, Arc<Policy>>,
    /// Which of these identities need a grant besides.
    pub grants: HashMap<String, GrantRule>,
    /// Of whose sessions how many are recorded, in millionths, by the identity's name.
    pub recorded: HashMap<String, u32>,
    /// The catalog is asked for changes before every statement.
    pub checks_statements: bool,
    /// May connections outlive their clients?
    pub reuse: Option<Reuse>,
    /// Connections that there may be at once, of all threads; `None`: any number.
    pub connections_most: Option<usize>,
    /// And how many there are.
    pub room: Arc<Room>,
    /// What the control thread knows of the databases behind this resource.
    pub catalogs: Catalogs,
    /// The content detectors of each policy, by the identity's name as `policies`.
    pub detectors: HashMap<String, Arc<Detectors>>,
}

impl ResourceSnapshot {
    /// What looks at content for an identity; all detectors if its policy names none.
    pub fn detectors_for(&self, identity: &str) -> Arc<Detectors> {
        self.detectors
            .get(identity)
            .map_or_else(Default::default, Arc::clone)
    }
}

/// Catalogs by database name. A reload passes it on from snapshot to snapshot, so that a
/// resource whose upstream did not change keeps what was loaded.
#[derive(Clone, Default)]
pub struct Catalogs {
    slots: Arc<Mutex<HashMap<String, Arc<CatalogSlot>>>>,
}

impl Catalogs {
    /// The slot of a database, made if need be. Called once a session.
    pub fn slot(&self, database: &str) -> Arc<CatalogSlot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(database) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(slots.entry(database.to_owned()).or_default()),
        }
    }

    /// All slots with their database names.
    pub fn all(&self) -> Vec<(String, Arc<CatalogSlot>)> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots
            .iter()
            .map(|(name, slot)| (name.clone(), Arc::clone(slot)))
            .collect()
    }
}

/// How the load of a catalog ended.
pub enum Loaded {
    /// This is it.
    New(Arc<Catalog>),
    /// It is as it was.
    Unchanged,
    /// What was known stays, but is not all any more. After it nothing counts as unchanged.
    Failed,
}

/// The newest catalog of one database.
pub struct CatalogSlot {
    catalog: ArcSwap<Catalog>,
    begun: AtomicU64,
    ended: AtomicU64,
    asked: AtomicBool,
    changes: AtomicU64,
    /// Changes before the load that is going on, and before the last one that ended well.
    noted: AtomicU64,
    covered: AtomicU64,
}

impl Default for CatalogSlot {
    fn default() -> Self {
        Self {
            catalog: ArcSwap::from_pointee(Catalog {
                unreadable: true,
                ..Catalog::default()
            }),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            changes: AtomicU64::new(0),
            noted: AtomicU64::new(0),
            covered: AtomicU64::new(0),
        }
    }
}

impl CatalogSlot {
    /// What was loaded last, and whether the last attempt failed; epoch 0 if nothing was.
    pub fn load(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Is this what [`CatalogSlot::load`] would return?
    pub fn holds(&self, catalog: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.catalog.load(), catalog)
    }

    /// Loads that have ended, well or not. Who waits for a load waits for this to reach the
    /// number from [`CatalogSlot::ask`], so that a database that cannot be read holds nobody
    /// for ever.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    /// Data threads: asks for a load that begins after this call. Gives the count that
    /// [`CatalogSlot::ended`] will then have reached, and whether the caller is the one to send
    /// [`super::ControlRequest::Catalog`] (nobody has since the last load began).
    pub fn ask(&self) -> (u64, bool) {
        // This order and that of `begin` belong together: a load that has not begun when
        // `begun` is read here either finds the request of whoever set `asked`, or is the load.
        let begun = self.begun.load(Ordering::SeqCst).max(self.ended());
        (begun + 1, !self.asked.swap(true, Ordering::SeqCst))
    }

    /// Data threads: the request could not be queued; the next caller of `ask` tries again.
    pub fn take_back(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }

    /// How often sessions of the gateway have changed the database's catalog.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// How many of them the newest catalog has: a session that begins now knows of no more.
    pub fn covered(&self) -> u64 {
        self.covered.load(Ordering::SeqCst)
    }

    /// Data threads: a session has, and knows it itself. Gives the number of changes before.
    pub fn note_change(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::SeqCst)
    }

    /// Control thread, before it reads the database. Every call is followed by one of
    /// [`CatalogSlot::finish`], and loads of one slot follow each other.
    pub fn begin(&self) {
        self.asked.store(false, Ordering::SeqCst);
        self.noted.store(self.changes(), Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Control thread, when a load has ended. Wake the threads after.
    pub fn finish(&self, loaded: Loaded) {
        let is_known = !matches!(loaded, Loaded::Failed);
        match loaded {
            Loaded::New(catalog) => self.catalog.store(catalog),
            Loaded::Unchanged => {}
            Loaded::Failed if self.load().unreadable => {}
            Loaded::Failed => self.catalog.store(Arc::new(Catalog {
                unreadable: true,
                ..Catalog::clone(&self.load())
            })),
        }
        if is_known {
            let noted = self.noted.load(Ordering::SeqCst);
            self.covered.store(noted, Ordering::SeqCst);
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Bounds from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions of all threads together; beyond it a client reads 53300.
    pub sessions: usize,
    /// Connections of all threads that have not authenticated yet.
    pub pre_auth: usize,
    /// From connect to the upstream's ReadyForQuery.
    pub connect_timeout_ms: u64,
    /// What SIGTERM leaves a busy session.
    pub drain_timeout_ms: u64,
    /// The longest that a receive in the middle of a bulk result waits for more.
    pub hold_off_most: Duration,
    /// How far results may go ahead of the audit log; `None`: not at all.
    pub ahead: Option<Ahead>,
}

/// Connections to a database that wait for the next client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// So many at once, on all threads.
    pub most: usize,
    /// So long each.
    pub idle: Duration,
    /// And so long from the log-in on.
    pub lifetime: Duration,
}

/// Records that may be lost with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Age of the oldest that is not on disk.
    pub within: Duration,
    /// Bytes of those that are not on disk.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            pre_auth: 1_000,
            connect_timeout_ms: 10_000,
            drain_timeout_ms: 30_000,
            hold_off_most: Duration::from_micros(200),
            ahead: None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A configuration of nothing.
    pub(crate) fn empty() -> Snapshot {
        Snapshot {
            epoch: 1,
            listeners: Vec::new(),
            accounts: HashMap::new(),
            issuers: Arc::default(),
            exchanges: Vec::new(),
            resources: HashMap::new(),
            limits: Limits::default(),
            tokens: Arc::new(TokenKey::new(&[0; 32])),
            mock_secret: Zeroizing::new([0; 32]),
        }
    }

    /// A resource that nobody can reach.
    pub(crate) fn resource(name: &str) -> Arc<ResourceSnapshot> {
        Arc::new(ResourceSnapshot {
            name: name.into(),
            address: UpstreamAddress::Unix("/nonexistent".into()),
            tls: None,
            database: DatabaseMapping::Fixed(name.to_owned()),
            user: UpstreamUser::Pass,
            login: Arc::new(LoginSlot::new(None).unwrap_or_else(|error| panic!("{error}"))),
            parameters: Vec::new(),
            policies: HashMap::new(),
            grants: HashMap::new(),
            recorded: HashMap::new(),
            checks_statements: false,
            stamps_identity: false,
            reuse: None,
            connections_most: None,
            room: Arc::default(),
            catalogs: Catalogs::default(),
            detectors: HashMap::new(),
        })
    }

    #[test]
    fn a_catalog_is_asked_for_once_a_load() {
        let catalogs = Catalogs::default();
        let slot = catalogs.slot("ehr");
        assert_eq!(slot.ask(), (1, true));
        assert_eq!(catalogs.slot("ehr").ask(), (1, false));
        slot.begin();
        assert_eq!(
            slot.ask(),
            (2, true),
            "a change after a load began needs another"
        );
        slot.finish(Loaded::New(Arc::new(Catalog {
            epoch: 3,
            ..Catalog::default()
        })));
        assert_eq!((slot.ended(), slot.load().epoch), (1, 3));
        slot.begin();
        slot.finish(Loaded::Unchanged);
        assert_eq!((slot.ended(), slot.load().epoch), (2, 3));
    }

    #[test]
    fn a_catalog_that_cannot_be_read_says_so() {
        let slot = CatalogSlot::default();
        assert!(slot.load().unreadable, "nothing was read yet");
        let good = || {
            Loaded::New(Arc::new(Catalog {
                epoch: 3,
                ..Catalog::default()
            }))
        };
        for (loaded, unreadable) in [
            (Loaded::Failed, true),
            (good(), false),
            (Loaded::Unchanged, false),
            (Loaded::Failed, true),
            (good(), false),
        ] {
            slot.begin();
            slot.finish(loaded);
            assert_eq!(slot.load().unreadable, unreadable);
        }
        assert_eq!(slot.load().epoch, 3);
    }

    #[test]
    fn a_catalog_covers_the_changes_before_its_load_began() {
        let slot = CatalogSlot::default();
        slot.note_change();
        slot.begin();
        slot.note_change();
        slot.finish(Loaded::Unchanged);
        assert_eq!((slot.changes(), slot.covered()), (2, 1));
        slot.begin();
        slot.finish(Loaded::Failed);
        assert_eq!(slot.covered(), 1);
        slot.begin();
        slot.finish(Loaded::New(Arc::default()));
        assert_eq!(slot.covered(), 2);
    }
}
