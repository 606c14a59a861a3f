//! What the control thread opens before anybody can connect: the desk, what logs in at databases,
//! catalogs and keys, recordings, the data threads.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::loader::Loader;
use super::start::{StartError, choice};
use crate::api::{self, Api};
use crate::audit::writer::Command;
use crate::config::Config;
use crate::credentials::keeper as credentials;
use crate::drive::DataPlane;
use crate::grants::Desk;
use crate::identity::keeper::Keeper;
use crate::notify::courier;
use crate::observe;
use crate::planes::Shared;
use crate::receipt;
use crate::recording;
use crate::store::StoreHandle;

/// Before the listeners open, catalogs get so much time; sessions wait for late ones.
const FIRST_LOAD: Duration = Duration::from_secs(5);

/// Starts the data threads, and what they need.
pub(super) async fn start_plane(
    config: &Config,
    shared: &Arc<Shared>,
    commands: &mpsc::Sender<Command>,
) -> Result<DataPlane, StartError> {
    record_sessions(config, shared, commands).map_err(StartError::Recordings)?;
    commit_to_values(config, shared, commands).map_err(StartError::Receipts)?;
    let started = DataPlane::start(shared, choice(config.gateway.driver));
    if started.is_err() {
        end_recordings(shared).await;
    }
    started.map_err(StartError::DataPlane)
}

/// Starts what writes recordings, if there are to be any.
fn record_sessions(
    config: &Config,
    shared: &Arc<Shared>,
    commands: &mpsc::Sender<Command>,
) -> Result<(), String> {
    if let Some(recorder) = recording::start(config, shared, commands)? {
        // It is set here alone.
        let _once = shared.recorder.set(recorder);
    }
    Ok(())
}

/// Starts what commits to masked values, if there is to be any of that.
fn commit_to_values(
    config: &Config,
    shared: &Arc<Shared>,
    commands: &mpsc::Sender<Command>,
) -> Result<(), String> {
    if let Some(notary) = receipt::start(config, commands)? {
        // It is set here alone.
        let _once = shared.notary.set(notary);
    }
    Ok(())
}

/// Waits until recordings and receipts are written, and the log knows of them.
pub(super) async fn end_recordings(shared: &Shared) {
    if let Some(recorder) = shared.recorder.get() {
        recorder.close().await;
    }
    if let Some(notary) = shared.notary.get() {
        notary.close().await;
    }
}

/// Catalogs and issuers' keys, as far as they are to be had in time.
pub(super) async fn load_first(loader: &Rc<Loader>, keeper: &Rc<Keeper>) {
    // Not dropped when it is late: a load that has begun must end.
    let catalogs = tokio::task::spawn_local(Rc::clone(loader).refresh());
    let keys = tokio::task::spawn_local(Rc::clone(keeper).first());
    let both = async { (catalogs.await, keys.await) };
    if tokio::time::timeout(FIRST_LOAD, both).await.is_err() {
        observe::event("catalogs-late", &[]);
    }
}

/// The desk, and what logs in at databases, some of which is in its store.
pub(super) async fn open_rooms(
    store: Option<StoreHandle>,
    commands: &mpsc::Sender<Command>,
    shared: &Arc<Shared>,
    config: &Arc<Config>,
) -> Result<(Option<Arc<Desk>>, Rc<credentials::Keeper>), StartError> {
    let desk = open_desk(store, commands, shared, config).await?;
    let credentials = open_credentials(config, shared, desk.as_ref()).await?;
    Ok((desk, credentials))
}

/// What logs in at databases, as far as it is to be had; a secret that cannot be opened is not
/// started without.
async fn open_credentials(
    config: &Config,
    shared: &Arc<Shared>,
    desk: Option<&Arc<Desk>>,
) -> Result<Rc<credentials::Keeper>, StartError> {
    let keeper = credentials::Keeper::new(Arc::clone(shared), desk.map(Arc::clone));
    let prepared = keeper
        .prepare(config)
        .await
        .map_err(StartError::Credential)?;
    keeper.fill(&shared.snapshot.load(), prepared);
    let first = tokio::task::spawn_local(Rc::clone(&keeper).first());
    if tokio::time::timeout(FIRST_LOAD, first).await.is_err() {
        observe::event("credentials-late", &[]);
    }
    Ok(keeper)
}

/// The desk, with its clock running and its API listening; `None` without a store.
async fn open_desk(
    store: Option<StoreHandle>,
    commands: &mpsc::Sender<Command>,
    shared: &Arc<Shared>,
    config: &Arc<Config>,
) -> Result<Option<Arc<Desk>>, StartError> {
    let Some(store) = store else {
        return Ok(None);
    };
    let desk = Desk::new(
        store,
        commands.clone(),
        Arc::clone(shared),
        Arc::clone(config),
    );
    let opened = desk.open().await;
    opened.map_err(|failure| StartError::Grants(failure.to_string()))?;
    if let Some(config) = &config.api {
        let listener = api::bind(config).await;
        let listener = listener.map_err(|error| StartError::Api(config.listen, error))?;
        tokio::task::spawn_local(api::run(listener, Api::new(Arc::clone(&desk))));
    }
    tokio::task::spawn_local(Arc::clone(&desk).keep_time());
    tokio::task::spawn_local(Arc::clone(&desk).keep_up());
    tokio::task::spawn_local(courier::run(Arc::clone(&desk)));
    Ok(Some(desk))
}
