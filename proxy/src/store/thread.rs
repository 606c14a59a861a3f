//! The store behind a thread of its own: a commit waits for the disk, and the control thread,
//! which acknowledges audit records, must not.

use std::fmt;
use std::io;

use tokio::sync::{mpsc, oneshot};

use super::Store;
use super::postgres::Changes;

/// Jobs that may wait.
const JOBS: usize = 256;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The way to the store; it is closed, and the thread ends, when the last of these is dropped.
#[derive(Clone)]
pub struct StoreHandle {
    jobs: mpsc::Sender<Job>,
    changes: Option<Changes>,
}

/// The store's thread has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store is closed")
    }
}

impl std::error::Error for Gone {}

impl StoreHandle {
    /// Moves a store to a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(mut store: Store) -> io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(JOBS);
        let changes = store.changes();
        std::thread::Builder::new()
            .name("velum-store".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut store);
                }
            })?;
        Ok(Self { jobs, changes })
    }

    /// Do other gateways use it as well?
    pub fn is_shared(&self) -> bool {
        self.changes.is_some()
    }

    /// What other gateways do, as it happens; `None` if there are none.
    pub fn changes(&self) -> Option<Changes> {
        self.changes.clone()
    }

    /// Runs `job` with the store, after those that were asked for before. It runs to its end
    /// even if nobody waits for it any more.
    ///
    /// # Errors
    /// [`Gone`] when an earlier job has panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let _nobody_waits = done.send(job(store));
        });
        self.jobs.send(job).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }
}
