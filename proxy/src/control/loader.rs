//! Keeps catalogs and addresses fresh.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::Client;
use velum_core::catalog::Catalog;

use super::catalog::{self, Fingerprint, LoadError, Upstream};
use crate::config::Config;
use crate::observe::{self, Field};
use crate::planes::{
    CatalogSlot, DatabaseMapping, Loaded, ResourceSnapshot, Shared, UpstreamAddress,
};

/// What was found at the last load of one database. The lock makes loads of one slot follow
/// each other, as the slot asks for.
#[derive(Default)]
struct Last {
    /// The slot that it was found for: a reload may bring another, which is empty.
    slot: Option<Arc<CatalogSlot>>,
    fingerprint: Option<Fingerprint>,
    failing: bool,
    /// Of a database that is asked before every statement, with the configuration that it was
    /// made by.
    session: Option<(Arc<Config>, Client)>,
}

/// Names of the resource and of the database.
type Key = (String, String);

/// See the module's text.
pub(super) struct Loader {
    shared: Arc<Shared>,
    config: RefCell<Arc<Config>>,
    last: RefCell<HashMap<Key, Rc<Mutex<Last>>>>,
    epoch: Cell<u64>,
}

impl Loader {
    pub(super) fn new(shared: Arc<Shared>, config: Arc<Config>) -> Self {
        let config = RefCell::new(config);
        Self {
            shared,
            config,
            last: RefCell::default(),
            epoch: Cell::new(0),
        }
    }

    /// A reload: credentials may have changed.
    pub(super) fn configure(&self, config: Arc<Config>) {
        self.config.replace(config);
    }

    /// Looks at every database that sessions have named, and at those that they will, all at
    /// the same time: one that does not answer holds up no other.
    pub(super) async fn refresh(self: Rc<Self>) {
        let snapshot = self.shared.snapshot.load_full();
        let mut loads = Vec::new();
        for resource in snapshot.resources.values() {
            let (loader, resource) = (Rc::clone(&self), Arc::clone(resource));
            let load = async move { loader.refresh_resource(&resource).await };
            loads.push(tokio::task::spawn_local(load));
        }
        for load in loads {
            // A task that panicked has said so; the others go on.
            let _panicked = load.await;
        }
    }

    async fn refresh_resource(&self, resource: &ResourceSnapshot) {
        self.resolve(resource).await;
        if resource
            .policies
            .values()
            .all(|policy| policy.judges_nothing())
        {
            return;
        }
        if let DatabaseMapping::Fixed(database) = &resource.database {
            resource.catalogs.slot(database);
        }
        for (database, slot) in resource.catalogs.all() {
            // Clients name databases that are not there: such are tried when one asks again.
            let any = resource.database == DatabaseMapping::Pass;
            if any && slot.load().epoch == 0 && slot.ended() > 0 {
                continue;
            }
            self.load(resource, &database, &slot).await;
        }
    }

    /// Loads one catalog if it has changed, and says so to all that wait for it.
    pub(super) async fn load(
        &self,
        resource: &ResourceSnapshot,
        database: &str,
        slot: &Arc<CatalogSlot>,
    ) {
        let key = (resource.name.to_string(), database.to_owned());
        let last = Rc::clone(self.last.borrow_mut().entry(key).or_default());
        let mut last = last.lock().await;
        slot.begin();
        let known = last
            .slot
            .as_ref()
            .filter(|known| Arc::ptr_eq(known, slot))
            .is_some();
        let known = last.fingerprint.clone().filter(|_| known);
        let loaded = match self.upstream(resource, database) {
            Err(missing) => Err(missing),
            Ok(Some(upstream)) if resource.checks_statements => {
                self.load_by_kept(&upstream, known.as_ref(), &mut last.session)
                    .await
            }
            Ok(Some(upstream)) => catalog::load(&upstream, known.as_ref(), self.next_epoch()).await,
            // Without a role for the gateway itself there is nothing to load, by configuration.
            Ok(None) => Ok(None),
        };
        let fields = [
            ("resource", Field::Name(&resource.name)),
            ("database", Field::Name(database)),
        ];
        let loaded = match loaded {
            Ok(fresh) => {
                if std::mem::take(&mut last.failing) {
                    observe::event("catalog-readable-again", &fields);
                }
                match fresh {
                    Some((catalog, fingerprint)) => {
                        last.slot = Some(Arc::clone(slot));
                        last.fingerprint = Some(fingerprint);
                        Loaded::New(Arc::new(catalog))
                    }
                    None => Loaded::Unchanged,
                }
            }
            Err(error) => {
                // Once, and not every few seconds.
                if !std::mem::replace(&mut last.failing, true) {
                    let [resource, database] = fields;
                    let fields = [resource, database, ("cause", Field::Cause(&error))];
                    observe::event("catalog-unreadable", &fields);
                }
                last.fingerprint = None;
                Loaded::Failed
            }
        };
        slot.finish(loaded);
        self.shared.wake_all();
    }

    /// The same over a session that is kept for the next time. One that has gone bad meanwhile is
    /// replaced once.
    async fn load_by_kept(
        &self,
        upstream: &Upstream,
        known: Option<&Fingerprint>,
        session: &mut Option<(Arc<Config>, Client)>,
    ) -> Result<Option<(Catalog, Fingerprint)>, LoadError> {
        let config = Arc::clone(&self.config.borrow());
        let epoch = self.next_epoch();
        let kept = session.take();
        if let Some((_, client)) =
            kept.filter(|(by, it)| Arc::ptr_eq(by, &config) && !it.is_closed())
            && let Ok(loaded) = catalog::load_over(&client, known, epoch).await
        {
            *session = Some((config, client));
            return Ok(loaded);
        }
        let client = upstream.connect().await?;
        let loaded = catalog::load_over(&client, known, epoch).await?;
        *session = Some((config, client));
        Ok(loaded)
    }

    fn upstream(
        &self,
        resource: &ResourceSnapshot,
        database: &str,
    ) -> Result<Option<Upstream>, LoadError> {
        let login = resource.login.load().ok_or_else(|| LoadError {
            doing: "connecting",
            reason: "there is no credential to log in with".to_owned(),
        })?;
        let config = self.config.borrow();
        let timeout = config.limits.connect_timeout;
        let resource = config.resource(&resource.name);
        Ok(resource.and_then(|resource| Upstream::new(resource, &login, database, timeout)))
    }

    fn next_epoch(&self) -> u64 {
        self.epoch.set(self.epoch.get() + 1);
        self.epoch.get()
    }

    /// Asks the name server; what was known stays if it does not answer.
    async fn resolve(&self, resource: &ResourceSnapshot) {
        let UpstreamAddress::Tcp {
            host,
            port,
            resolved,
        } = &resource.address
        else {
            return;
        };
        if host.parse::<std::net::IpAddr>().is_ok() {
            return;
        }
        let asked = tokio::net::lookup_host((host.as_str(), *port));
        let timeout = self.config.borrow().limits.connect_timeout;
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(found)) => {
                let found: Vec<SocketAddr> = found.collect();
                if !found.is_empty() && **resolved.load() != found {
                    resolved.store(Arc::new(found));
                }
            }
            Ok(Err(error)) if resolved.load().is_empty() => observe::event(
                "address-unknown",
                &[
                    ("resource", Field::Name(&resource.name)),
                    ("cause", Field::Cause(&error)),
                ],
            ),
            _ => {}
        }
    }
}
