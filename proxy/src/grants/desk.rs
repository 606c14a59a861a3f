//! The way to the store for everybody who decides, and what follows a move: the audit log, the
//! data threads, whoever listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::grant::{Event, Refused, State};
use velum_core::time::Timestamp;
use velum_core::wire::postgres::handshake::ScramVerifier;
use velum_detectors::Detectors;

use super::heard::Heard;
use super::moves::{self, Failure};
use super::together::Outstanding;
use crate::audit::writer::Command;
use crate::config::Config;
use crate::config::model::Auth;
use crate::notify::outbox;
use crate::observe::{self, Field};
use crate::planes::{ActiveGrants, KnownKey, MachineKeys, Shared};
use crate::store::administration::Done;
use crate::store::events::Numbered;
use crate::store::machine_keys::MachineKeyRow;
use crate::store::{StoreError, StoreHandle, Tx};

/// How often it is looked whether a grant is due. The wall clock may step at any time, so that
/// nobody sleeps until then.
const LOOK: Duration = Duration::from_millis(100);

/// A store that knows a moment so far after the clock's has seen it step.
const CLOCK_AHEAD_MS: u64 = 60_000;

/// What happened in a transaction, besides what its caller wants to know.
#[derive(Default)]
pub struct Happened {
    /// Events that the transaction has stored.
    pub events: Vec<Numbered>,
    /// Records that it calls for besides.
    pub records: Vec<Record>,
    /// The session that the events are about; 0: none.
    pub session: u128,
    /// Other keys of machines are in force.
    pub changes_keys: bool,
}

impl From<Vec<Numbered>> for Happened {
    fn from(events: Vec<Numbered>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// See the module's text.
pub struct Desk {
    pub(super) store: StoreHandle,
    audit: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
    config: ArcSwap<Config>,
    /// Of reasons and rationales.
    pub(crate) detectors: Detectors,
    /// The set of grants that was published last, and when the next step of one is due.
    pub(super) published: Mutex<u64>,
    keys_published: Mutex<()>,
    due: ArcSwap<Option<Timestamp>>,
    /// The number of the last event.
    pub(super) news: watch::Sender<u64>,
    /// The same of each identity that somebody waits for.
    pub(super) heard: Heard,
    pub(super) outstanding: Arc<Outstanding>,
    /// The number of the last thing that an administrator did in the store itself.
    administered: watch::Sender<u64>,
    /// Notifications may be due.
    deliveries: Notify,
    /// The latest moment that the store knew, and when that was.
    moment: ArcSwap<(Timestamp, Instant)>,
}

impl Desk {
    /// The desk of a gateway. Call [`Desk::open`] before anybody else does.
    pub fn new(
        store: StoreHandle,
        audit: mpsc::Sender<Command>,
        shared: Arc<Shared>,
        config: Arc<Config>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            audit,
            shared,
            config: ArcSwap::new(config),
            detectors: Detectors::standard(),
            published: Mutex::new(0),
            keys_published: Mutex::new(()),
            due: ArcSwap::default(),
            news: watch::Sender::new(0),
            heard: Heard::default(),
            outstanding: Arc::default(),
            administered: watch::Sender::new(0),
            deliveries: Notify::new(),
            moment: ArcSwap::from_pointee((Timestamp(0), Instant::now())),
        })
    }

    /// Brings the audit log up to what the store knows, lets the time pass that has passed since
    /// the last start, and puts the grants that hold in force.
    ///
    /// # Errors
    /// Those of the store and the log.
    pub async fn open(self: &Arc<Self>) -> Result<(), Failure> {
        let left = self.look(|tx| Ok(tx.events_not_audited()?)).await?;
        self.follow(left.into()).await?;
        self.follow_administration().await?;
        self.change(|tx, now| Ok(((), moves::tick(tx, now)?.into())))
            .await?;
        self.publish_keys().await?;
        self.publish().await
    }

    /// What time it is for grants: never before the latest moment that the store knows, and from
    /// there on as time goes. A clock that steps forward and back again holds nothing up.
    pub(crate) fn now(&self) -> Timestamp {
        let (known, at) = **self.moment.load();
        let elapsed_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        observe::now().max(known.after_ms(elapsed_ms))
    }

    fn remember(&self, now: Timestamp) {
        if now > self.now() {
            let ahead_ms = now.micros_since(observe::now()) / 1_000;
            if ahead_ms > CLOCK_AHEAD_MS {
                let fields = [("ahead_ms", Field::Number(ahead_ms))];
                observe::event("clock-has-stepped-back", &fields);
            }
            self.moment.store(Arc::new((now, Instant::now())));
        }
    }

    /// A reload.
    pub async fn configure(&self, config: Arc<Config>) {
        self.config.store(config);
        // A key is a way in as long as its identity's configuration says so.
        if let Err(error) = self.publish_keys().await {
            let cause = error.to_string();
            observe::event("keys-not-published", &[("cause", Field::Name(&cause))]);
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// What the threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Changes with every event; holds the number of the last.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Has who delivers notifications look again.
    pub(crate) fn notify(&self) {
        self.deliveries.notify_one();
    }

    /// Waits for that.
    pub(crate) async fn notified(&self) {
        self.deliveries.notified().await;
    }

    /// Changes when an administrator has done something in the store itself.
    pub fn administered(&self) -> watch::Receiver<u64> {
        self.administered.subscribe()
    }

    /// Looks something up, on one state of the store.
    ///
    /// # Errors
    /// Those of `look`.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let looked = self.store.run(move |store| store.look(look)).await;
        looked.map_err(|_| Failure::Closed)?
    }

    /// Changes something in one transaction, and returns when what happened is audited and in
    /// force. Goes on to its end even if its caller has gone.
    ///
    /// # Errors
    /// Those of `job`, after which nothing has changed.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Tx<'_>, Timestamp) -> Result<(T, Happened), Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let desk = Arc::clone(self);
        let task = tokio::spawn(async move {
            let now = desk.now();
            let config = desk.config();
            let outstanding = Arc::clone(&desk.outstanding);
            let changed = desk.store.run(move |store| {
                let changed = store.transact(|tx| {
                    let now = tx.clock(now)?;
                    let done = job(tx, now)?;
                    outbox::enqueue(tx, &config, &done.1.events, now)?;
                    Ok::<_, Failure>((done, now))
                });
                if let Ok(((_, happened), _)) = &changed {
                    outstanding.stored(&happened.events);
                }
                changed
            });
            let changed = changed.await.map_err(|_| Failure::Closed)?;
            let ((result, happened), now) = changed?;
            desk.remember(now);
            desk.follow(happened).await?;
            Ok(result)
        });
        task.await.map_err(|_| Failure::Closed)?
    }

    /// Sees to it that grants end, begin and are reviewed in time, as long as the gateway runs.
    pub async fn keep_time(self: Arc<Self>) {
        // Others may be asked less often than a file.
        let looks = if self.store.is_shared() { 10 } else { 1 };
        for look in 0_u64.. {
            tokio::time::sleep(LOOK).await;
            if look % looks == 0
                && let Err(error) = self.follow_administration().await
            {
                let cause = error.to_string();
                if !error.is_passing() {
                    observe::event("store-not-read", &[("cause", Field::Name(&cause))]);
                }
                tokio::time::sleep(10 * LOOK).await;
            }
            let due = **self.due.load();
            if due.is_none_or(|due| self.now() < due) {
                continue;
            }
            let ticked = self
                .change(|tx, now| Ok(((), moves::tick(tx, now)?.into())))
                .await;
            if let Err(error) = ticked {
                // Data threads know themselves when a grant ends; what begins waits.
                if !error.is_passing() {
                    observe::event(
                        "grants-not-kept",
                        &[("cause", Field::Name(&error.to_string()))],
                    );
                }
                tokio::time::sleep(10 * LOOK).await;
            }
        }
    }

    /// Audits what happened, puts it in force, and tells of it.
    pub(super) async fn follow(self: &Arc<Self>, happened: Happened) -> Result<(), Failure> {
        let Happened {
            events,
            records,
            session,
            changes_keys,
        } = happened;
        let session = SessionId(session);
        let of_events = events
            .iter()
            .map(|it| record(&it.event, it.sequence, session));
        let records: Vec<Record> = of_events.chain(records).collect();
        if !records.is_empty() && !self.append(records).await {
            return Err(Failure::Closed);
        }
        if changes_keys {
            self.publish_keys().await?;
        }
        let Some(last) = events.last().map(|last| last.sequence) else {
            return Ok(());
        };
        for Numbered { event, .. } in events.iter().filter(|it| it.event.alarm) {
            let id = event.grant.to_string();
            let fields = [
                ("grant", Field::Name(&id)),
                ("identity", Field::Name(&event.identity)),
                ("resource", Field::Name(&event.resource)),
            ];
            observe::event("break-glass", &fields);
        }
        let sequences: Vec<u64> = events.iter().map(|it| it.sequence).collect();
        self.mark(&sequences).await?;
        if self.publish_after(&events).await? {
            self.heard.tell(&events);
            self.news.send_modify(|news| *news = last.max(*news));
        }
        Ok(())
    }

    /// Audits what administrators did in the store itself, and tells of it. A crash in between has
    /// it in the log twice, with the same number.
    pub(crate) async fn follow_administration(&self) -> Result<(), Failure> {
        let looked =
            self.look(|tx| Ok((tx.administration_not_audited()?, tx.last_administration()?)));
        let (done, last) = looked.await?;
        if !done.is_empty() {
            self.audit_administration(done).await?;
        }
        if last > *self.administered.borrow() {
            self.administered.send_replace(last);
        }
        Ok(())
    }

    /// Audits what is this gateway's to audit of it.
    async fn audit_administration(&self, done: Vec<Done>) -> Result<(), Failure> {
        let taken = self
            .store
            .run(move |store| store.transact(|tx| tx.take_administration(done)));
        let done = taken.await.map_err(|_| Failure::Closed)??;
        if done.is_empty() {
            return Ok(());
        }
        for it in &done {
            let fields = [("what", Field::Name(&it.event))];
            observe::event("changed-beside-the-gateway", &fields);
        }
        let records = done.iter().map(|it| Record {
            time: it.at,
            session: SessionId(0),
            identity: "".into(),
            resource: "".into(),
            body: Body::Administration {
                actor: it.actor.clone(),
                event: it.event.clone(),
                subject: format!("{} (change {})", it.subject, it.sequence),
            },
        });
        if !self.append(records.collect()).await {
            return Err(Failure::Closed);
        }
        let marked = self
            .store
            .run(move |store| store.transact(|tx| tx.mark_administration(&done)));
        marked.await.map_err(|_| Failure::Closed)??;
        Ok(())
    }

    /// Writes records; true once they are on disk.
    pub(crate) async fn append(&self, records: Vec<Record>) -> bool {
        let (done, is_done) = oneshot::channel();
        let sent = self.audit.send(Command::Append(records, done)).await;
        sent.is_ok() && is_done.await.is_ok()
    }

    /// Puts the keys of machines that are in force there.
    pub(super) async fn publish_keys(&self) -> Result<(), Failure> {
        // One after the other, so that an older set never follows a newer one.
        let _order = self.keys_published.lock().await;
        let now = self.now();
        let rows = self
            .look(move |tx| Ok(tx.machine_keys_in_force(now)?))
            .await?;
        let before = self.shared.keys.load_full();
        let mut keys = MachineKeys {
            epoch: before.epoch + 1,
            ..MachineKeys::default()
        };
        let config = self.config();
        let is_way_in = |row: &MachineKeyRow| {
            let mut named = config
                .identities
                .iter()
                .filter(|it| it.name == row.identity);
            named.any(|it| matches!(it.auth, Auth::Key))
        };
        for row in rows.into_iter().filter(is_way_in) {
            let corrupt = |_| StoreError::Corrupt(format!("the machine key {}", row.id));
            let key = match before.get(&row.identity, &row.id) {
                Some(known) => Arc::clone(known),
                None => {
                    let verifier = ScramVerifier::parse(&row.verifier).map_err(corrupt)?;
                    Arc::new(KnownKey::new(&row.id, verifier, row.expires_at))
                }
            };
            keys.by_identity.entry(row.identity).or_default().push(key);
        }
        self.shared.publish_keys(keys);
        Ok(())
    }

    /// Notes that a machine has logged in by its key.
    pub async fn note_key_use(self: &Arc<Self>, id: &str) {
        let id = id.to_owned();
        let noted = self.change(move |tx, now| {
            tx.note_machine_key_use(&id, now)?;
            Ok(((), Happened::default()))
        });
        if let Err(error) = noted.await {
            let cause = error.to_string();
            observe::event("key-use-not-noted", &[("cause", Field::Name(&cause))]);
        }
    }

    /// Puts the grants that hold in force.
    pub(super) async fn publish(&self) -> Result<(), Failure> {
        // One after the other, so that an older set never follows a newer one.
        let mut epoch = self.published.lock().await;
        let open = self.look(|tx| Ok(tx.open_grants()?)).await?;
        let now = self.now();
        let due = open
            .iter()
            .filter_map(|stored| stored.grant.next_due())
            .min();
        let holds = open.iter().map(|stored| &stored.grant).filter(|grant| {
            let is_usable = matches!(grant.usable(None, now), Ok(()) | Err(Refused::UsedUp));
            grant.state == State::Active && is_usable
        });
        let until = holds.map(|grant| (grant.id, grant.interval.and_then(|it| it.until)));
        *epoch += 1;
        let grants = ActiveGrants {
            epoch: *epoch,
            until: until.collect(),
        };
        self.due.store(Arc::new(due));
        self.shared.publish_grants(grants);
        Ok(())
    }
}

/// The record of an event; `sequence` is 0 for one that is not stored.
pub(super) fn record(event: &Event, sequence: u64, session: SessionId) -> Record {
    Record {
        time: event.at,
        session,
        identity: event.identity.as_str().into(),
        resource: event.resource.as_str().into(),
        body: Body::Grant {
            grant: event.grant,
            event: event.kind,
            sequence,
            actor: event.who.clone(),
            why: event.why.clone(),
            what: event.what.clone(),
            alarm: event.alarm,
        },
    }
}
