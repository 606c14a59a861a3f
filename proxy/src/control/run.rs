//! The control thread's loop.

use std::fs::File;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::error::{Refusal, SqlState};
use zeroize::Zeroizing;

use super::loader::Loader;
use super::rooms::{end_recordings, load_first, open_rooms, start_plane};
use super::snapshot::{self, Keys};
use super::start::{StartError, control_uses_ring, keep_text};
use crate::audit::custodian;
use crate::audit::log::{Log, LogFailed};
use crate::audit::medium::{Medium, PlainDisk, RingDisk};
use crate::audit::publisher::Publisher;
use crate::audit::recover::{Recovered, STARTED, STOPPED};
use crate::audit::ship::{Destination, Shipping};
use crate::audit::witness::ask::{Asked, Asking};
use crate::audit::writer::{Command, Writer};
use crate::config::model::{self, Audit};
use crate::config::{Config, Secret};
use crate::credentials::keeper as credentials;
use crate::drive::{DataPlane, Driver};
use crate::grants::Desk;
use crate::identity::keeper::Keeper;
use crate::observe::{self, Field};
use crate::planes::{ControlRequest, Receivers, Shared, State};
use crate::store::StoreHandle;

/// Commands that may wait for the writer.
const COMMANDS: usize = 16;
/// After the log has failed, data threads get so much time to tell their clients.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to, and everything is on disk.
    Drained,
    /// The log failed, or a thread did.
    Failed,
}

/// What the process asks of the control thread.
pub(super) enum Order {
    /// Put a configuration in force; answered with why not.
    Reload(Box<Config>, oneshot::Sender<Result<(), String>>),
    /// Finish and end.
    Drain,
}

/// What the thread is made of.
pub(super) struct Parts {
    pub(super) config: Arc<Config>,
    pub(super) keys: Keys,
    pub(super) shared: Arc<Shared>,
    pub(super) receivers: Receivers,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) log: Recovered,
    pub(super) publisher: Publisher,
    /// The record of the key that signs checkpoints.
    pub(super) signing_key: Body,
    pub(super) store: Option<StoreHandle>,
    pub(super) ready: oneshot::Sender<Result<Vec<SocketAddr>, StartError>>,
}

/// The thread.
pub(super) fn thread(parts: Parts) -> Ended {
    let directory = parts.config.audit.directory.clone();
    if control_uses_ring(parts.config.gateway.driver) {
        return tokio_uring::start(control(parts, RingDisk::new(&directory)));
    }
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, control(parts, PlainDisk::new(&directory)))
        }
        Err(error) => {
            let _starter_is_gone = parts.ready.send(Err(StartError::System(error)));
            Ended::Failed
        }
    }
}

async fn control<M: Medium + 'static>(parts: Parts, medium: M) -> Ended {
    let Parts {
        config,
        keys,
        shared,
        receivers,
        orders,
        log,
        publisher,
        signing_key,
        store,
        ready,
    } = parts;
    let Receivers { batches, requests } = receivers;
    let (first, next_sequence, lock) = first_records(&config, signing_key, log);
    let log = Log::new(medium, config.audit.segment_bytes, next_sequence);
    let writer = Writer::new(log, publisher, config.audit.mode, Arc::clone(&shared));
    let (commands, obeyed) = mpsc::channel(COMMANDS);
    let writer = tokio::task::spawn_local(writer.run(batches, obeyed));
    if !append(&commands, first).await {
        let reason = log_failure(writer.await);
        let _starter_is_gone = ready.send(Err(StartError::LogFailed(reason)));
        return Ended::Failed;
    }
    let (desk, credentials) = match open_rooms(store, &commands, &shared, &config).await {
        Ok(rooms) => rooms,
        Err(error) => {
            let _starter_is_gone = ready.send(Err(error));
            return close(&commands, writer).await;
        }
    };
    let credentials_kept = tokio::task::spawn_local(Rc::clone(&credentials).run());
    let loader = Rc::new(Loader::new(Arc::clone(&shared), Arc::clone(&config)));
    let keeper = Keeper::new(Arc::clone(&shared));
    load_first(&loader, &keeper).await;
    let keys_kept = tokio::task::spawn_local(Rc::clone(&keeper).run());
    let plane = match start_plane(&config, &shared, &commands).await {
        Ok(plane) => plane,
        Err(error) => {
            let _starter_is_gone = ready.send(Err(error));
            return close(&commands, writer).await;
        }
    };
    announce(&config, &shared, &plane);
    let _starter_is_gone = ready.send(Ok(plane.addresses().to_vec()));
    let _shipping = ship(&config);
    let _asking = ask_witnesses(&config);
    let joined = joined(plane);
    let notes = custody(&config, &commands);
    let control = Control {
        config,
        keys,
        shared,
        loader,
        keeper,
        credentials,
        commands,
        desk,
    };
    let ended = control.run(orders, requests, writer, joined).await;
    keys_kept.abort();
    notes.abort();
    credentials_kept.abort();
    drop(lock);
    ended
}

/// What has to be on disk before anybody can connect, and the sequence that it begins with.
fn first_records(config: &Config, signing_key: Body, log: Recovered) -> (Vec<Record>, u64, File) {
    let Recovered {
        next_sequence,
        read_from,
        unknown,
        torn,
        tree,
        lock,
    } = log;
    if let Some(torn) = torn {
        let offset = Field::Number(torn.offset as u64);
        observe::event(
            "torn-tail-cut",
            &[("segment", Field::Path(&torn.path)), ("offset", offset)],
        );
    }
    // What was not read is for `velum audit verify`: it is said, so that nobody takes it for read.
    let fields = [
        (
            "records",
            Field::Number(next_sequence - read_from.min(next_sequence)),
        ),
        ("not_read", Field::Number(read_from - 1)),
    ];
    observe::event("audit-log-read", &fields);
    let mut first = unknown;
    if !first.is_empty() {
        let statements = Field::Number(first.len() as u64);
        observe::event("outcomes-unknown", &[("statements", statements)]);
    }
    first.push(record(Body::Gateway {
        event: STARTED.to_owned(),
    }));
    first.push(record(Body::ConfigurationLoaded {
        sha256: config.sha256,
    }));
    first.push(record(signing_key));
    if let Some(cause) = tree.overruled {
        observe::event("checkpoint-overruled", &[("cause", Field::Name(&cause))]);
        first.push(record(Body::CheckpointOverruled { cause }));
    }
    (first, next_sequence, lock)
}

/// Takes up what is noted about the log.
fn custody(config: &Config, commands: &mpsc::Sender<Command>) -> JoinHandle<()> {
    let directory = config.audit.directory.clone();
    let custodian = custodian::run(directory, config.retention, commands.clone());
    tokio::task::spawn_local(custodian)
}

/// Sends the log to where the configuration says, until it is dropped. No session depends on it.
fn ship(config: &Config) -> Option<Shipping> {
    let data_directory = &config.gateway.data_directory;
    let shipping = Shipping::start(
        &config.audit.directory,
        data_directory,
        &config.ship,
        &config.archive,
    );
    shipping
        .map_err(|error| observe::event("not-shipped", &[("cause", Field::Cause(&error))]))
        .ok()
}

/// Has the log cosigned where the configuration says, until it is dropped. No session waits for it.
fn ask_witnesses(config: &Config) -> Option<Asking> {
    Asking::start(&config.audit.directory, &config.witnesses)
        .map_err(|error| observe::event("witness-failed", &[("cause", Field::Cause(&error))]))
        .ok()
}

/// Joins the data threads on a thread of its own: joining blocks.
fn joined(plane: DataPlane) -> oneshot::Receiver<std::io::Result<()>> {
    let (done, joined) = oneshot::channel();
    let joiner = std::thread::Builder::new().name("velum-join".to_owned());
    let spawned = joiner.spawn(move || {
        let _nobody_waits = done.send(plane.join());
    });
    if let Err(error) = spawned {
        observe::event("thread-failed", &[("cause", Field::Cause(&error))]);
    }
    joined
}

struct Control {
    config: Arc<Config>,
    keys: Keys,
    shared: Arc<Shared>,
    loader: Rc<Loader>,
    keeper: Rc<Keeper>,
    credentials: Rc<credentials::Keeper>,
    commands: mpsc::Sender<Command>,
    /// There if the configuration uses the store.
    desk: Option<Arc<Desk>>,
}

type WriterTask = JoinHandle<Result<(), LogFailed>>;

impl Control {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut requests: mpsc::Receiver<ControlRequest>,
        mut writer: WriterTask,
        mut joined: oneshot::Receiver<std::io::Result<()>>,
    ) -> Ended {
        let mut refresh: Option<JoinHandle<()>> = None;
        let mut due = Instant::now() + self.config.gateway.catalog_refresh;
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                written = &mut writer => {
                    let _reason = log_failure(written);
                    self.shared.set_state(State::LogFailed);
                    let _late = tokio::time::timeout(LAST_WORDS, joined).await;
                    let recordings = end_recordings(&self.shared);
                    let _late = tokio::time::timeout(LAST_WORDS, recordings).await;
                    return Ended::Failed;
                }
                ended = &mut joined => {
                    let finished = matches!(ended, Ok(Ok(())));
                    if let Ok(Err(error)) = ended {
                        observe::event("data-thread-failed", &[("cause", Field::Cause(&error))]);
                    }
                    let closed = self.stop(writer).await;
                    return if finished { closed } else { Ended::Failed };
                }
                order = orders.recv(), if open => match order {
                    Some(Order::Reload(config, answer)) => {
                        let result = self.reload(*config).await;
                        let _nobody_waits = answer.send(result);
                    }
                    Some(Order::Drain) => self.drain().await,
                    // The process has let go of the gateway.
                    None => {
                        open = false;
                        self.drain().await;
                    }
                },
                Some(request) = requests.recv() => self.answer(request),
                () = tokio::time::sleep_until(due) => {
                    due = Instant::now() + self.config.gateway.catalog_refresh;
                    if refresh.as_ref().is_none_or(JoinHandle::is_finished) {
                        let task = Rc::clone(&self.loader).refresh();
                        refresh = Some(tokio::task::spawn_local(task));
                    }
                }
            }
        }
    }

    fn answer(&self, request: ControlRequest) {
        match request {
            ControlRequest::Catalog {
                resource,
                database,
                slot,
            } => {
                let loader = Rc::clone(&self.loader);
                tokio::task::spawn_local(async move {
                    loader.load(&resource, &database, &slot).await;
                });
            }
            ControlRequest::Grant(question) => match &self.desk {
                Some(desk) => {
                    tokio::task::spawn_local(Arc::clone(desk).answer(*question));
                }
                // No configuration asks for grants without a desk; nobody is let in by mistake.
                None => {
                    let text = "the gateway has no store for grants";
                    let refusal = Refusal::new(SqlState::IO_ERROR, text);
                    question.answer.give(Err(refusal));
                    self.shared.wake_all();
                }
            },
            ControlRequest::KeyUsed { id } => {
                if let Some(desk) = &self.desk {
                    let desk = Arc::clone(desk);
                    tokio::task::spawn_local(async move { desk.note_key_use(&id).await });
                }
            }
            // Whoever asked hears of a load that is under way as well.
            ControlRequest::Keys { issuer } => drop(self.keeper.load(&issuer)),
        }
    }

    async fn drain(&self) {
        if self.shared.state() != State::Running {
            return;
        }
        observe::event("draining", &[]);
        self.shared.set_state(State::Draining);
        append(
            &self.commands,
            vec![record(Body::Gateway {
                event: "draining".to_owned(),
            })],
        )
        .await;
    }

    /// All or nothing; the record is on disk before the first session starts by it.
    async fn reload(&mut self, config: Config) -> Result<(), String> {
        if let Some(what) = needs_restart(&self.config, &config) {
            return Err(format!("{what} cannot change without a restart"));
        }
        let previous = self.shared.snapshot.load_full();
        let snapshot = snapshot::build(&config, &self.keys, Some(&previous));
        let snapshot = snapshot.map_err(|error| error.to_string())?;
        keep_text(&config).map_err(|error| error.to_string())?;
        let prepared = self.credentials.prepare(&config).await?;
        let loaded = record(Body::ConfigurationLoaded {
            sha256: config.sha256,
        });
        if !append(&self.commands, vec![loaded]).await {
            return Err("the audit log has failed".to_owned());
        }
        self.config = Arc::new(config);
        self.loader.configure(Arc::clone(&self.config));
        if let Some(desk) = &self.desk {
            desk.configure(Arc::clone(&self.config)).await;
        }
        self.credentials.fill(&snapshot, prepared);
        self.shared.publish(snapshot);
        self.keeper.configure();
        tokio::task::spawn_local(Rc::clone(&self.loader).refresh());
        Ok(())
    }

    async fn stop(&self, writer: WriterTask) -> Ended {
        end_recordings(&self.shared).await;
        self.credentials.stop().await;
        append(
            &self.commands,
            vec![record(Body::Gateway {
                event: STOPPED.to_owned(),
            })],
        )
        .await;
        let ended = close(&self.commands, writer).await;
        observe::event("stopped", &[]);
        ended
    }
}

/// What differs that a running gateway cannot change.
fn needs_restart(old: &Config, new: &Config) -> Option<&'static str> {
    let checks = [
        (
            "the listeners' number, order and addresses",
            addresses(old).ne(addresses(new)),
        ),
        ("gateway.driver", old.gateway.driver != new.gateway.driver),
        (
            "gateway.threads",
            old.gateway.threads != new.gateway.threads,
        ),
        (
            "gateway.data_directory",
            old.gateway.data_directory != new.gateway.data_directory,
        ),
        (
            "gateway.hold_off_most_us",
            old.gateway.hold_off_most != new.gateway.hold_off_most,
        ),
        (
            "gateway.random_tokens_most",
            old.gateway.random_tokens_most != new.gateway.random_tokens_most,
        ),
        (
            "audit.directory",
            old.audit.directory != new.audit.directory,
        ),
        ("audit.mode", old.audit.mode != new.audit.mode),
        (
            "audit.segment_bytes",
            old.audit.segment_bytes != new.audit.segment_bytes,
        ),
        ("[[archive]]", old.archive != new.archive),
        (
            "[[witness]]",
            !same_witnesses(&old.witnesses, &new.witnesses),
        ),
        ("[[ship]]", !same_destinations(&old.ship, &new.ship)),
        ("[retention]", old.retention != new.retention),
        ("audit.origin", old.audit.origin != new.audit.origin),
        (
            "audit.key and the signing keys",
            audit_keys(old) != audit_keys(new),
        ),
        ("[originals]", old.originals != new.originals),
        ("[receipts]", old.receipts != new.receipts),
        ("[recordings]", old.recordings != new.recordings),
        ("store", old.store != new.store),
        (
            "whether there are an API, grants, sealed secrets and keys",
            old.uses_store() != new.uses_store(),
        ),
        (
            "[api]",
            old.api.as_ref().map(fixed) != new.api.as_ref().map(fixed),
        ),
    ];
    checks
        .into_iter()
        .find_map(|(what, differs)| differs.then_some(what))
}

fn addresses(config: &Config) -> impl Iterator<Item = SocketAddr> {
    config.listeners.iter().map(|listener| listener.address)
}

fn audit_keys(config: &Config) -> [Option<Zeroizing<Vec<u8>>>; 3] {
    let Audit {
        key,
        signing_key,
        previous_signing_key,
        ..
    } = &config.audit;
    let exposed = |key: &Option<Secret>| key.as_ref().map(Secret::expose_owned);
    [key, signing_key, previous_signing_key].map(exposed)
}

/// Certificates aside.
fn same_witnesses(old: &[Asked], new: &[Asked]) -> bool {
    let same = |(old, new): (&Asked, &Asked)| {
        (&old.name, &old.place, &old.key) == (&new.name, &new.place, &new.key)
            && (old.every, old.within) == (new.every, new.within)
    };
    old.len() == new.len() && old.iter().zip(new).all(same)
}

/// Certificates aside.
fn same_destinations(old: &[Destination], new: &[Destination]) -> bool {
    let same = |(old, new): (&Destination, &Destination)| {
        (&old.name, old.protocol, &old.place) == (&new.name, new.protocol, &new.place)
            && (&old.token, old.batch) == (&new.token, new.batch)
    };
    old.len() == new.len() && old.iter().zip(new).all(same)
}

/// What of the API is fixed at the start; certificates and rates are not.
fn fixed(api: &model::Api) -> (SocketAddr, usize, usize, Duration) {
    (
        api.listen,
        api.body_bytes,
        api.connections,
        api.request_timeout,
    )
}

fn record(body: Body) -> Record {
    Record {
        time: observe::now(),
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body,
    }
}

/// Writes records; true when they are on disk.
async fn append(commands: &mpsc::Sender<Command>, records: Vec<Record>) -> bool {
    let (done, is_done) = oneshot::channel();
    commands.send(Command::Append(records, done)).await.is_ok() && is_done.await.is_ok()
}

async fn close(commands: &mpsc::Sender<Command>, writer: WriterTask) -> Ended {
    // A writer that is gone has failed, which its result says.
    let _gone = commands.send(Command::Close).await;
    match writer.await {
        Ok(Ok(())) => Ended::Drained,
        failed => {
            let _reason = log_failure(failed);
            Ended::Failed
        }
    }
}

fn log_failure(result: Result<Result<(), LogFailed>, tokio::task::JoinError>) -> String {
    match result {
        Ok(Err(failed)) => {
            observe::event("audit-log-failed", &[("cause", Field::Cause(&failed))]);
            failed.to_string()
        }
        _ => {
            observe::event(
                "audit-log-failed",
                &[("cause", Field::Word("the writer ended"))],
            );
            "the audit log's writer ended".to_owned()
        }
    }
}

/// The start-up lines: which driver and why, and what it serves.
fn announce(config: &Config, shared: &Shared, plane: &DataPlane) {
    let driver = match plane.driver() {
        Driver::IoUring => "io_uring",
        Driver::Epoll => "epoll",
    };
    let cause = match plane.fallback() {
        Some(unusable) => format!("io_uring cannot be used: {unusable}"),
        None => match config.gateway.driver {
            crate::config::model::Driver::Auto => "io_uring works here".to_owned(),
            _ => "by configuration".to_owned(),
        },
    };
    let version = Field::Word(env!("CARGO_PKG_VERSION"));
    let fields = [
        ("version", version),
        ("driver", Field::Word(driver)),
        ("cause", Field::Name(&cause)),
        ("threads", Field::Number(shared.threads.len() as u64)),
    ];
    observe::event("started", &fields);
    for (address, listener) in plane.addresses().iter().zip(&config.listeners) {
        let tls = match listener.tls_mode {
            crate::config::model::TlsMode::Off => "off",
            crate::config::model::TlsMode::Optional => "optional",
            crate::config::model::TlsMode::Required => "required",
        };
        let fields = [
            ("address", Field::Address(*address)),
            ("tls", Field::Word(tls)),
        ];
        observe::event("listening", &fields);
    }
    for resource in &config.resources {
        observe::event("serving", &[("resource", Field::Name(&resource.name))]);
    }
}
