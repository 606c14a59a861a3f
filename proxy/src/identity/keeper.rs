//! Keeps issuers' keys fresh, on the control thread.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::fetch::fetch;
use super::issuer::Issuer;
use crate::observe::{self, Field};
use crate::planes::Shared;

/// Keys are not fetched more often than this, whatever their issuer says about them.
const FRESH_LEAST: Duration = Duration::from_secs(60);
/// Where nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);

/// See the module's text.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    /// Something else may be due now.
    changed: Notify,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            shared,
            changed: Notify::new(),
        })
    }

    /// Another configuration is in force.
    pub(crate) fn configure(&self) {
        self.changed.notify_one();
    }

    /// Fetches whatever is due, again and again. The first time all is; ends never.
    pub(crate) async fn run(self: Rc<Self>) {
        loop {
            let now = Instant::now();
            let next = self.begin_due(now).1;
            let wait = next.map_or(IDLE, |next| next.saturating_duration_since(now));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Fetches whatever is due, once.
    pub(crate) async fn first(self: Rc<Self>) {
        for load in self.begin_due(Instant::now()).0 {
            // A task that panicked has said so; the others go on.
            let _panicked = load.await;
        }
    }

    /// Begins what is due, all at the same time; and when the next is.
    fn begin_due(self: &Rc<Self>, now: Instant) -> (Vec<JoinHandle<()>>, Option<Instant>) {
        let snapshot = self.shared.snapshot.load_full();
        let mut loads = Vec::new();
        let mut next: Option<Instant> = None;
        for issuer in snapshot.issuers.all() {
            match issuer.slot.due() {
                Some(due) if due <= now => loads.extend(self.load(issuer)),
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        (loads, next)
    }

    /// Begins a load, unless one is under way or there is nothing to fetch.
    pub(crate) fn load(self: &Rc<Self>, issuer: &Arc<Issuer>) -> Option<JoinHandle<()>> {
        if issuer.source.is_none() || !issuer.slot.begin() {
            return None;
        }
        let (keeper, issuer) = (Rc::clone(self), Arc::clone(issuer));
        Some(tokio::task::spawn_local(async move {
            keeper.fetch(&issuer).await;
            keeper.changed.notify_one();
            keeper.shared.wake_all();
        }))
    }

    async fn fetch(&self, issuer: &Issuer) {
        let Some(source) = &issuer.source else {
            return;
        };
        let fetched = fetch(&issuer.url, &source.tls).await;
        let now = Instant::now();
        match fetched {
            Ok(fetched) => {
                let least = FRESH_LEAST.min(source.ttl);
                let fresh_for = fetched.fresh_for.unwrap_or(source.ttl);
                let fresh_for = fresh_for.clamp(least, source.ttl);
                if issuer.slot.succeed(fetched.keys, now, fresh_for) {
                    let fields = [("issuer", Field::Name(&issuer.name))];
                    observe::event("issuer-reachable-again", &fields);
                }
            }
            Err(error) => {
                // Once, and not every few seconds.
                if issuer.slot.fail(now) {
                    let name = Field::Name(&issuer.name);
                    let fields = [("issuer", name), ("cause", Field::Cause(&error))];
                    observe::event("issuer-unreachable", &fields);
                }
            }
        }
    }
}
