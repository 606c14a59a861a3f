//! The thread that drives the connections. Whoever uses the store waits for it as for a disk, also
//! from inside of another runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::store::StoreError;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the thread itself needs beyond a job's own time.
const SPARE: Duration = Duration::from_secs(1);

/// The way to the thread, which ends when this is dropped.
pub(super) struct Driver {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Driver {
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start() -> Result<Self, StoreError> {
        let no_thread = |error: std::io::Error| StoreError::Away(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_thread)?;
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        std::thread::Builder::new()
            .name("velum-store-pg".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    // One after the other: a transaction's end never overtakes what is in it.
                    while let Some(job) = queue.recv().await {
                        job.await;
                    }
                });
            })
            .map_err(no_thread)?;
        Ok(Self { jobs })
    }

    /// Runs a job after those before it, and waits for what comes of it.
    ///
    /// # Errors
    /// Those of the job; [`StoreError::Away`] if it takes longer than `within`.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        within: Duration,
        job: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, result) = sync_channel(1);
        let late = || StoreError::Away("no answer in time".to_owned());
        self.go(async move {
            let ended = tokio::time::timeout(within, job).await;
            let _nobody_waits = done.send(ended.unwrap_or_else(|_| Err(late())));
        });
        result
            .recv_timeout(within + SPARE)
            .unwrap_or_else(|_| Err(late()))
    }

    /// Runs a job after those before it; nobody waits.
    pub(super) fn go(&self, job: impl Future<Output = ()> + Send + 'static) {
        // A thread that is gone is found out by whoever waits.
        let _gone = self.jobs.send(Box::pin(job));
    }
}
