//! Sends what is in the log to other systems: at least once, in order, and never in the way of the
//! writer.
//!
//! ```text
//!  segments ─ follow ─▶ batch ─▶ syslog | OTLP | HTTPS ─ taken ─▶ cursor on disk
//! ```
//!
//! A destination has a thread of its own that reads the files, so that nothing that a receiver
//! does is felt by a session. What is not signed yet is not sent. The cursor moves once a receiver
//! has taken a batch; after a failure or a crash the batch is sent again, so that a receiver may
//! see records twice, and knows them by their sequence.
//!
//! * [`follow`]: reads on where it was. [`cursor`]: how far a destination is.
//! * [`bucket`]: segments that have ended, into storage that nobody can change.
//! * [`text`]: records as the destinations want them. [`send`]: connections.

pub mod bucket;
pub mod cursor;
pub mod follow;
pub mod send;
pub mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::Secret;
use crate::identity::place::Place;
use crate::observe::{self, Field};
use bucket::{Archive, Bucket};
use cursor::Cursor;
use follow::Follow;
use text::Batch;

/// How often it is looked for something new.
const LOOK: Duration = Duration::from_millis(500);
/// A receiver gets so much time for a batch.
const WITHIN: Duration = Duration::from_secs(30);
/// Between tries: doubled with each, up to the second.
const BACKOFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(60)];
/// Records of a batch are no more than this, whatever their number.
const BATCH_BYTES: usize = 1024 * 1024;

/// What a destination speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5424 with octet counting (RFC 6587, 3.4.1; RFC 5425 over TLS), a connection a batch.
    Syslog,
    /// OTLP logs over HTTP, JSON encoding.
    Otlp,
    /// POST of JSON lines.
    Https,
}

/// `[[ship]]`: where records go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is.
    pub place: Place,
    /// How its certificate is verified.
    pub tls: Arc<rustls::ClientConfig>,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// Records at a time, at most.
    pub batch: usize,
}

/// Threads that ship.
pub struct Shipping {
    stop: Arc<AtomicBool>,
}

impl Shipping {
    /// Starts a thread for each destination and each bucket. Their cursors are in `data_directory`.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(
        log: &Path,
        data_directory: &Path,
        destinations: &[Destination],
        buckets: &[Bucket],
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for bucket in buckets {
            let archive = Archive {
                bucket: bucket.clone(),
                log: log.to_owned(),
                cursor: cursor::path(data_directory, &bucket.name),
                stop: Arc::clone(&stop),
            };
            let named = std::thread::Builder::new().name("velum-archive".to_owned());
            named.spawn(move || archive.run())?;
        }
        for destination in destinations {
            let mut shipper = Shipper {
                destination: destination.clone(),
                follow: Follow::new(log),
                cursor: cursor::path(data_directory, &destination.name),
                stop: Arc::clone(&stop),
            };
            let named = std::thread::Builder::new().name("velum-ship".to_owned());
            // Nobody waits for it: what it was about to send is sent after the next start.
            named.spawn(move || shipper.run())?;
        }
        Ok(Self { stop })
    }
}

impl Drop for Shipping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Shipper {
    destination: Destination,
    follow: Follow,
    cursor: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Shipper {
    fn run(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return self.failed(&error.to_string()),
        };
        let mut cursor = cursor::load(&self.cursor);
        self.follow.go_to(cursor.sequence + 1);
        let mut pause = BACKOFF[0];
        while !self.is_over() {
            let batch = match self.follow.batch(self.destination.batch, BATCH_BYTES) {
                Ok(batch) if batch.records.is_empty() => {
                    rest(&self.stop, LOOK);
                    continue;
                }
                Ok(batch) => Ok(batch),
                Err(error) => Err(error.to_string()),
            };
            let shipped = batch.and_then(|batch| {
                let tasks = tokio::task::LocalSet::new();
                tasks
                    .block_on(&runtime, self.ship(&batch))
                    .map(|()| batch.last())
            });
            match shipped {
                Ok(last) => {
                    cursor = Cursor::taken(last);
                    pause = BACKOFF[0];
                    // One that cannot be kept has the batch sent again after a restart.
                    if let Err(error) = cursor::store(&self.cursor, &cursor) {
                        self.failed(&error.to_string());
                    }
                }
                Err(reason) => {
                    self.follow.go_to(cursor.sequence + 1);
                    if cursor.error.as_deref() != Some(reason.as_str()) {
                        self.failed(&reason);
                        cursor.error = Some(reason);
                        let _told_already = cursor::store(&self.cursor, &cursor);
                    }
                    rest(&self.stop, pause);
                    pause = (pause * 2).min(BACKOFF[1]);
                }
            }
        }
    }

    async fn ship(&self, batch: &Batch) -> Result<(), String> {
        let sent = tokio::time::timeout(WITHIN, send::send(&self.destination, batch)).await;
        sent.unwrap_or_else(|_| Err(format!("no answer within {} s", WITHIN.as_secs())))
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn failed(&self, reason: &str) {
        let name = Field::Name(&self.destination.name);
        observe::event(
            "not-shipped",
            &[("to", name), ("cause", Field::Name(reason))],
        );
    }
}

/// Sleeps, but no longer than until the gateway stops.
fn rest(stop: &AtomicBool, pause: Duration) {
    let mut left = pause;
    while !stop.load(Ordering::Relaxed) && !left.is_zero() {
        let part = left.min(LOOK);
        std::thread::sleep(part);
        left -= part;
    }
}
