//! What other gateways do, as it happens: a session that listens, for as long as the store is open.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::connect::{Server, connect};
use super::failed;
use crate::backoff;
use crate::observe::{self, Field};
use crate::store::StoreError;

/// What transactions notify, with what they are about.
pub(super) const CHANNEL: &str = "velum_store";
/// Events of grants.
pub(in crate::store) const EVENTS: &str = "events";
/// Keys of machines.
pub(in crate::store) const KEYS: &str = "keys";
/// What administrators did in the store itself.
pub(in crate::store) const ADMINISTRATION: &str = "administration";

/// Where nothing is heard for so long it is asked whether anybody is still there.
const QUIET: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// How often each was heard of. All count as heard of when a session begins to listen: what came
/// before was missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Events of grants.
    pub events: u64,
    /// Keys of machines.
    pub keys: u64,
    /// What administrators did in the store itself.
    pub administration: u64,
    /// Somebody listens.
    pub is_listening: bool,
}

impl Heard {
    fn note(&mut self, topics: &str) {
        for topic in topics.split(',') {
            match topic {
                EVENTS => self.events += 1,
                KEYS => self.keys += 1,
                ADMINISTRATION => self.administration += 1,
                _ => {}
            }
        }
    }

    fn begin(&mut self) {
        self.is_listening = true;
        self.note(&[EVENTS, KEYS, ADMINISTRATION].join(","));
    }
}

/// Who wants to know of changes.
#[derive(Clone)]
pub struct Changes(pub(super) watch::Receiver<Heard>);

impl Changes {
    /// What has been heard until now.
    pub fn heard(&mut self) -> Heard {
        *self.0.borrow_and_update()
    }

    /// Waits until something is heard, or for so long.
    pub async fn next(&mut self, at_most: Duration) {
        let waited = tokio::time::timeout(at_most, self.0.changed()).await;
        if let Ok(Err(_closed)) = waited {
            // Nobody will ever tell.
            tokio::time::sleep(at_most).await;
        }
    }
}

/// Listens until nobody wants to know any more.
pub(super) async fn listen(server: Arc<Server>, changes: watch::Sender<Heard>) {
    let mut failures = 0;
    while !changes.is_closed() {
        let ended = session(&server, &changes).await;
        let was_listening = changes.borrow().is_listening;
        changes.send_modify(|heard| heard.is_listening = false);
        failures = if was_listening { 1 } else { failures + 1 };
        if let (1, Err(error)) = (failures, &ended) {
            let cause = error.to_string();
            observe::event("store-not-heard", &[("cause", Field::Name(&cause))]);
        }
        tokio::time::sleep(backoff::wait(failures, RETRY, RETRY_MOST)).await;
    }
}

/// One session, until it ends.
async fn session(server: &Server, changes: &watch::Sender<Heard>) -> Result<(), StoreError> {
    let (heard, mut notifications) = mpsc::unbounded_channel();
    let client = connect(server, Some(heard)).await?;
    let listening = client.batch_execute(&format!("LISTEN {CHANNEL}")).await;
    listening.map_err(|error| failed(&error))?;
    changes.send_modify(Heard::begin);
    loop {
        match tokio::time::timeout(QUIET, notifications.recv()).await {
            Ok(Some(topics)) => changes.send_modify(|heard| heard.note(&topics)),
            Ok(None) => return Err(StoreError::Away("the connection has ended".to_owned())),
            Err(_) if changes.is_closed() => return Ok(()),
            Err(_) => {
                let answer = tokio::time::timeout(ANSWER, client.batch_execute("")).await;
                let late = |_| StoreError::Away("no answer in time".to_owned());
                answer.map_err(late)?.map_err(|error| failed(&error))?;
            }
        }
    }
}
