//! Keeps log-ins good, on the control thread: opens what is sealed, asks Vaults, renews leases
//! before they end, and has the next dial take what is new.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::login::Login;
use super::secrets::{self, SecretError};
use super::slot::Reference;
use super::vault::{self, Given, Lease, VaultError};
use crate::backoff;
use crate::config::Config;
use crate::config::model::{Credential, VaultReference};
use crate::grants::{Desk, Failure};
use crate::observe::{self, Field};
use crate::planes::{Shared, Snapshot};
use crate::seal::Sealer;

/// Between attempts after the first failure, and at most.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);
/// Where nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);
/// What a Vault gets to revoke everything when the gateway stops.
const GOODBYE: Duration = Duration::from_secs(3);

/// What was found for a configuration that is about to be put in force.
pub(crate) struct Prepared {
    sealer: Option<Rc<Sealer>>,
    /// By the secret's name.
    opened: HashMap<String, Opened>,
}

/// A secret that was opened, and which one it was.
#[derive(Clone)]
struct Opened {
    login: Arc<Login>,
    version: u64,
    set_ns: u64,
}

/// What a Vault has given for a resource.
struct Held {
    vault: Arc<VaultReference>,
    login: Option<Arc<Login>>,
    lease: Option<Lease>,
    /// The log-in is good until then; `None`: for as long as nobody changes it.
    ends: Option<Instant>,
    due: Instant,
    failures: u32,
    is_busy: bool,
}

/// See the module's text.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    desk: Option<Arc<Desk>>,
    sealer: RefCell<Option<Rc<Sealer>>>,
    opened: RefCell<HashMap<String, Opened>>,
    /// By the resource's name.
    held: RefCell<HashMap<String, Held>>,
    /// Leases that sessions may still live by, and until when at most.
    old: RefCell<Vec<(Arc<VaultReference>, Lease, Instant)>>,
    changed: Notify,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, desk: Option<Arc<Desk>>) -> Rc<Self> {
        Rc::new(Self {
            shared,
            desk,
            sealer: RefCell::default(),
            opened: RefCell::default(),
            held: RefCell::default(),
            old: RefCell::default(),
            changed: Notify::new(),
        })
    }

    /// Opens every secret that a configuration names.
    ///
    /// # Errors
    /// Which cannot be opened, and why.
    pub(crate) async fn prepare(&self, config: &Config) -> Result<Prepared, String> {
        let passwords = config
            .resources
            .iter()
            .filter_map(|it| it.password.as_ref());
        let names: Vec<String> = passwords
            .filter_map(|password| match password {
                Credential::Sealed(name) => Some(name.clone()),
                Credential::Known(_) | Credential::Vault(_) => None,
            })
            .collect();
        let mut prepared = Prepared {
            sealer: None,
            opened: HashMap::new(),
        };
        if names.is_empty() {
            return Ok(prepared);
        }
        let sealer = secrets::sealer(&config.sealing, &config.gateway.data_directory);
        let sealer = Rc::new(sealer.map_err(|error| error.to_string())?);
        for name in names {
            let opened = self.open(&sealer, &name).await;
            let opened = opened.map_err(|error| error.to_string())?;
            prepared.opened.insert(name, opened);
        }
        prepared.sealer = Some(sealer);
        Ok(prepared)
    }

    async fn open(&self, sealer: &Sealer, name: &str) -> Result<Opened, SecretError> {
        let unset = || SecretError::Unset(name.to_owned());
        let desk = self.desk.as_ref().ok_or_else(unset)?;
        let wanted = name.to_owned();
        let found = desk.look(move |tx| Ok(tx.secret(&wanted)?)).await;
        let secret = match found {
            Ok(secret) => secret.ok_or_else(unset)?,
            Err(Failure::Store(error)) => return Err(error.into()),
            Err(_) => return Err(unset()),
        };
        // By the keys that are configured now, also where it is known already.
        let value = secrets::open(sealer, &secret)?;
        let known = self.opened.borrow().get(name).cloned();
        let is_same = |it: &Opened| (it.version, it.set_ns) == (secret.version, secret.set_at.0);
        if let Some(known) = known.filter(is_same) {
            return Ok(known);
        }
        let login = Login::of(Some(&value));
        let login = login.map_err(|error| SecretError::Seal(name.to_owned(), error))?;
        Ok(Opened {
            login: Arc::new(login),
            version: secret.version,
            set_ns: secret.set_at.0,
        })
    }

    /// Fills the slots of a snapshot with what there is for them.
    pub(crate) fn fill(&self, snapshot: &Snapshot, prepared: Prepared) {
        self.sealer.replace(prepared.sealer);
        self.opened.replace(prepared.opened);
        let now = Instant::now();
        let mut before = self.held.take();
        let mut held = HashMap::new();
        for resource in snapshot.resources.values() {
            match resource.login.reference() {
                None => {}
                Some(Reference::Sealed(name)) => {
                    let opened = self.opened.borrow().get(name).cloned();
                    resource.login.store(opened.map(|opened| opened.login));
                }
                Some(Reference::Vault(vault)) => {
                    let name = resource.name.to_string();
                    let known = before.remove(&name).filter(|known| known.vault == *vault);
                    let mut known = known.unwrap_or_else(|| Held::nothing(vault, now));
                    known.vault = Arc::clone(vault);
                    if known.lease.is_none() {
                        known.due = now;
                    }
                    resource.login.store(known.login.clone());
                    held.insert(name, known);
                }
            }
        }
        for (_, gone) in before {
            self.retire(&gone.vault, gone.lease);
        }
        self.held.replace(held);
        self.changed.notify_one();
    }

    /// Secrets in the store may have changed.
    pub(crate) async fn reopen(&self) {
        let Some(sealer) = self.sealer.borrow().clone() else {
            return;
        };
        let snapshot = self.shared.snapshot.load_full();
        for resource in snapshot.resources.values() {
            let Some(Reference::Sealed(name)) = resource.login.reference() else {
                continue;
            };
            let fields = [
                ("resource", Field::Name(&resource.name)),
                ("secret", Field::Name(name)),
            ];
            match self.open(&sealer, name).await {
                Ok(opened) => {
                    let current = resource.login.load();
                    let is_same = |it: &Arc<Login>| Arc::ptr_eq(it, &opened.login);
                    if !current.as_ref().is_some_and(is_same) {
                        resource.login.store(Some(Arc::clone(&opened.login)));
                        observe::event("credential-changed", &fields);
                    }
                    self.opened.borrow_mut().insert(name.clone(), opened);
                }
                Err(error) => {
                    resource.login.store(None);
                    self.opened.borrow_mut().remove(name);
                    let [resource, secret] = fields;
                    let cause = ("cause", Field::Cause(&error));
                    observe::event("credential-missing", &[resource, secret, cause]);
                }
            }
        }
        self.shared.wake_all();
    }

    /// Asks every Vault, once.
    pub(crate) async fn first(self: Rc<Self>) {
        let tasks = self.begin_due(Instant::now()).0;
        for task in tasks {
            // One that panicked has said so; the others go on.
            let _panicked = task.await;
        }
    }

    /// Asks whatever is due, again and again; ends never.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut news = self.desk.as_ref().map(|desk| desk.administered());
        loop {
            let now = Instant::now();
            let next = self.begin_due(now).1;
            let wait = next.map_or(IDLE, |next| next.saturating_duration_since(now));
            let told = async {
                let is_told = match &mut news {
                    Some(news) => news.changed().await.is_ok(),
                    None => false,
                };
                if !is_told {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
                () = told => self.reopen().await,
            }
        }
    }

    /// Ends all leases: the users that were made for this gateway are of no use any more.
    pub(crate) async fn stop(&self) {
        let old = self.old.take().into_iter();
        let mut leases: Vec<_> = old.map(|(vault, lease, _)| (vault, lease)).collect();
        for (_, held) in self.held.take() {
            leases.extend(held.lease.map(|lease| (held.vault, lease)));
        }
        let all = async {
            for (vault, lease) in leases {
                if let Err(error) = vault::revoke(&vault, &lease.id).await {
                    observe::event("lease-not-revoked", &[("cause", Field::Cause(&error))]);
                }
            }
        };
        if tokio::time::timeout(GOODBYE, all).await.is_err() {
            observe::event(
                "lease-not-revoked",
                &[("cause", Field::Word("no time is left"))],
            );
        }
    }

    /// Begins what is due, all at the same time; and when the next is.
    fn begin_due(
        self: &Rc<Self>,
        now: Instant,
    ) -> (Vec<tokio::task::JoinHandle<()>>, Option<Instant>) {
        let (mut tasks, mut next) = (Vec::new(), None::<Instant>);
        for (name, held) in self.held.borrow_mut().iter_mut() {
            if held.is_busy {
                continue;
            }
            if held.due > now {
                next = Some(next.map_or(held.due, |next| next.min(held.due)));
                continue;
            }
            held.is_busy = true;
            let (keeper, name) = (Rc::clone(self), name.clone());
            let (vault, lease) = (Arc::clone(&held.vault), held.lease.clone());
            tasks.push(tokio::task::spawn_local(async move {
                keeper.see_to(&name, &vault, lease).await;
                keeper.changed.notify_one();
            }));
        }
        (tasks, next)
    }

    async fn see_to(&self, resource: &str, vault: &Arc<VaultReference>, lease: Option<Lease>) {
        if let Some(lease) = lease.filter(|lease| lease.is_renewable) {
            match vault::renew(vault, &lease).await {
                // One that is near the end of its role's time is worth another user.
                Ok(renewed) if renewed.holds * 2 > lease.holds => {
                    return self.settle(resource, vault, |held, now| {
                        held.renewed(renewed, now);
                    });
                }
                Err(error) if !error.is_final() && self.has_time(resource) => {
                    return self.fail(resource, vault, &error);
                }
                Ok(_) | Err(_) => {}
            }
        }
        match vault::read(vault).await {
            Ok(given) => self.take(resource, vault, given),
            Err(error) => self.fail(resource, vault, &error),
        }
    }

    /// Another log-in, from the next dial on.
    fn take(&self, resource: &str, vault: &Arc<VaultReference>, given: Given) {
        let (login, lease) = match given {
            Given::Value(value) => {
                let current = self
                    .held
                    .borrow()
                    .get(resource)
                    .and_then(|it| it.login.clone());
                let is_same = current
                    .as_ref()
                    .is_some_and(|login| has_password(login, &value));
                match (current, is_same) {
                    (Some(login), true) => (Ok(login), None),
                    _ => (Login::of(Some(&value)).map(Arc::new), None),
                }
            }
            Given::Account {
                user,
                password,
                lease,
            } => (Login::of_user(user, &password).map(Arc::new), Some(lease)),
        };
        let Ok(login) = login else {
            return;
        };
        let mut before = None;
        let mut is_news = false;
        let mut fresh = Some((login, lease));
        self.settle(resource, vault, |held, now| {
            if let Some((login, lease)) = fresh.take() {
                let is_same = |it: &Arc<Login>| Arc::ptr_eq(it, &login);
                is_news = !held.login.as_ref().is_some_and(is_same);
                before = held.take(login, lease, now);
            }
        });
        // Nobody needs it any more.
        self.retire(vault, fresh.and_then(|(_, lease)| lease));
        if is_news {
            let fields = [
                ("resource", Field::Name(resource)),
                ("from", Field::Word("vault")),
            ];
            observe::event("credential-changed", &fields);
        }
        self.retire(vault, before);
        self.shared.wake_all();
    }

    /// Nothing came: what there is serves until its end.
    fn fail(&self, resource: &str, vault: &VaultReference, error: &VaultError) {
        let mut is_first = false;
        self.settle(resource, vault, |held, now| {
            held.failures = held.failures.saturating_add(1);
            is_first = held.failures == 1;
            held.due = now + backoff::wait(held.failures, RETRY, RETRY_MOST);
            match held.ends {
                Some(ends) if ends <= now => (held.login, held.lease) = (None, None),
                Some(ends) => held.due = held.due.min(ends),
                None => {}
            }
        });
        if is_first {
            let fields = [
                ("resource", Field::Name(resource)),
                ("cause", Field::Cause(error)),
            ];
            observe::event("vault-unreachable", &fields);
        }
    }

    /// Changes what is held for a resource, and puts that in its slot.
    fn settle(
        &self,
        resource: &str,
        vault: &VaultReference,
        change: impl FnOnce(&mut Held, Instant),
    ) {
        let mut all = self.held.borrow_mut();
        let held = all.get_mut(resource).filter(|held| *held.vault == *vault);
        let Some(held) = held else {
            return;
        };
        held.is_busy = false;
        change(held, Instant::now());
        let snapshot = self.shared.snapshot.load();
        if let Some(resource) = snapshot.resources.get(resource)
            && matches!(resource.login.reference(), Some(Reference::Vault(it)) if *it == held.vault)
        {
            resource.login.store(held.login.clone());
        }
    }

    fn has_time(&self, resource: &str) -> bool {
        let all = self.held.borrow();
        let ends = all.get(resource).and_then(|held| held.ends);
        ends.is_some_and(|ends| ends > Instant::now())
    }

    /// Sessions may live by it until it ends by itself.
    fn retire(&self, vault: &Arc<VaultReference>, lease: Option<Lease>) {
        let now = Instant::now();
        let mut old = self.old.borrow_mut();
        old.retain(|(_, _, ends)| *ends > now);
        if let Some(lease) = lease {
            let ends = now + lease.holds;
            old.push((Arc::clone(vault), lease, ends));
        }
    }
}

impl Held {
    fn nothing(vault: &Arc<VaultReference>, now: Instant) -> Self {
        Self {
            vault: Arc::clone(vault),
            login: None,
            lease: None,
            ends: None,
            due: now,
            failures: 0,
            is_busy: false,
        }
    }

    /// Gives the lease that was held before.
    fn take(&mut self, login: Arc<Login>, lease: Option<Lease>, now: Instant) -> Option<Lease> {
        self.login = Some(login);
        self.failures = 0;
        let before = self.lease.take();
        match lease {
            Some(lease) => self.renewed(lease, now),
            None => self.due = now + self.vault.refresh,
        }
        before
    }

    /// It is renewed when two thirds of its time are over.
    fn renewed(&mut self, lease: Lease, now: Instant) {
        self.failures = 0;
        self.due = now + lease.holds * 2 / 3;
        self.ends = Some(now + lease.holds);
        self.lease = Some(lease);
    }
}

fn has_password(login: &Login, value: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    let password = login.password();
    matches!(password, Ok(Some(password)) if bool::from(password.as_slice().ct_eq(value)))
}
