//! `[[witness]]`: asks witnesses to cosign the log's newest checkpoint, and keeps what they say.
//!
//! ```text
//!  checkpoint, proof from what the witness has ─ POST /add-checkpoint ─▶ line ─▶ witnesses/NAME
//! ```
//!
//! Each witness has a thread of its own that reads files: one that does not answer is felt by no
//! session. What it has cosigned is a checkpoint of this log, so that `velum audit verify` holds
//! the log against it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use velum_core::audit::tree::{Note, VerifierKey};

use crate::audit::{prove, store};
use crate::http::{self, Call};
use crate::identity::place::Place;
use crate::observe::{self, Field};

/// The folder beside the segments.
pub const FOLDER: &str = "witnesses";
/// Longest answer: some lines.
const ANSWER_BYTES: usize = 16 * 1024;
/// How often it is looked whether the gateway stops.
const LOOK: Duration = Duration::from_millis(250);

/// A witness of the configuration.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its name here, which names a file.
    pub name: String,
    /// Where it is, `/add-checkpoint` included.
    pub place: Place,
    /// How its certificate is verified.
    pub tls: Arc<rustls::ClientConfig>,
    /// By which its cosignatures are verified.
    pub key: VerifierKey,
    /// Between two questions.
    pub every: Duration,
    /// For an answer.
    pub within: Duration,
}

/// Threads that ask.
pub struct Asking {
    stop: Arc<AtomicBool>,
}

impl Asking {
    /// Starts a thread for each witness.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(log: &Path, witnesses: &[Asked]) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for witness in witnesses {
            let mut client = Client {
                witness: witness.clone(),
                log: log.to_owned(),
                stop: Arc::clone(&stop),
                told: None,
            };
            let named = std::thread::Builder::new().name("velum-witness".to_owned());
            // Nobody waits for it: what was not cosigned yet is, after the next start.
            named.spawn(move || client.run())?;
        }
        Ok(Self { stop })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The file of what a witness has cosigned last.
pub fn file(log: &Path, name: &str) -> PathBuf {
    log.join(FOLDER).join(name)
}

/// What witnesses have cosigned, by their names here.
///
/// # Errors
/// The system's.
pub fn kept(log: &Path) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let entries = match std::fs::read_dir(log.join(FOLDER)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut kept = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // One that is being written has a name of its own.
        if !name.starts_with('.') && entry.file_type()?.is_file() {
            kept.push((name, store::read_note(&entry.path())?));
        }
    }
    kept.sort();
    Ok(kept)
}

struct Client {
    witness: Asked,
    log: PathBuf,
    stop: Arc<AtomicBool>,
    /// What was said last about a failure.
    told: Option<String>,
}

impl Client {
    fn run(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return self.failed(error.to_string()),
        };
        while !self.stop.load(Ordering::Relaxed) {
            match runtime.block_on(self.round()) {
                Ok(Some(size)) if self.told.take().is_some() => {
                    let fields = [
                        ("witness", Field::Name(&self.witness.name)),
                        ("records", Field::Number(size)),
                    ];
                    observe::event("cosigned-again", &fields);
                }
                Ok(_) => {}
                Err(reason) => self.failed(reason),
            }
            self.rest();
        }
    }

    /// Has the newest checkpoint cosigned, if it is not; how many records it covers.
    async fn round(&self) -> Result<Option<u64>, String> {
        let path = file(&self.log, &self.witness.name);
        let size = |bytes: &[u8]| store::size_of(bytes);
        let newest = store::read_checkpoint(&self.log).map_err(|error| error.to_string())?;
        let Some(signed) = newest.as_deref().and_then(size) else {
            return Ok(None);
        };
        let kept = store::read_note(&path).ok();
        let old = kept.as_deref().and_then(size).unwrap_or(0);
        if old == signed {
            return Ok(None);
        }
        // Without what was kept, or after a restore, the witness says what it has.
        let answer = match self.ask(old).await? {
            Said::Cosigned(note) => note,
            Said::Has(size) if size <= signed => match self.ask(size).await? {
                Said::Cosigned(note) => note,
                Said::Has(size) => {
                    return Err(format!("it has cosigned {size} records, and then not"));
                }
            },
            Said::Has(size) => {
                return Err(format!(
                    "it has cosigned {size} records of this log, which has {signed} signed: \
                     it was rolled back"
                ));
            }
        };
        let note = answer.to_string();
        store::replace(&path, note.as_bytes(), true).map_err(|error| error.to_string())?;
        Ok(store::size_of(note.as_bytes()))
    }

    /// Sends the checkpoint with the proof that the log has grown from `old` records.
    async fn ask(&self, old: u64) -> Result<Said, String> {
        let proof = prove::growth(&self.log, old).map_err(|error| error.to_string())?;
        let witness = &self.witness;
        let call = Call {
            method: Method::POST,
            place: &witness.place,
            headers: &[("content-type", "text/plain; charset=utf-8")],
            body: Bytes::from(proof.to_string()),
            answer_bytes: ANSWER_BYTES,
        };
        let answer = tokio::time::timeout(witness.within, http::ask(&call, &witness.tls)).await;
        let late = |_| format!("no answer within {} s", witness.within.as_secs());
        let answer = answer.map_err(late)??;
        let body = std::str::from_utf8(&answer.body).map_err(|_| "the answer is no text")?;
        match answer.status {
            StatusCode::OK => cosigned(&proof.checkpoint, body, &witness.key).map(Said::Cosigned),
            StatusCode::CONFLICT => match body.trim_end().parse() {
                Ok(size) => Ok(Said::Has(size)),
                Err(_) => Err("it has cosigned another log of this size: it was forked".to_owned()),
            },
            StatusCode::UNPROCESSABLE_ENTITY => {
                Err("it refuses the proof: the log was rewritten or forked".to_owned())
            }
            other => Err(format!("answered {}", other.as_u16())),
        }
    }

    fn failed(&mut self, reason: String) {
        if self.told.as_ref() != Some(&reason) {
            let fields = [
                ("witness", Field::Name(&self.witness.name)),
                ("cause", Field::Name(&reason)),
            ];
            observe::event("witness-failed", &fields);
            self.told = Some(reason);
        }
    }

    fn rest(&self) {
        let mut left = self.witness.every;
        while !self.stop.load(Ordering::Relaxed) && !left.is_zero() {
            let part = left.min(LOOK);
            std::thread::sleep(part);
            left -= part;
        }
    }
}

/// What a witness says.
enum Said {
    /// The checkpoint, with its line.
    Cosigned(Note),
    /// So many records are what it has cosigned last.
    Has(u64),
}

/// The checkpoint with the line that this key has signed, and no other of the answer's.
fn cosigned(checkpoint: &str, answer: &str, key: &VerifierKey) -> Result<Note, String> {
    for line in answer.split_inclusive('\n') {
        let mut note = Note::parse(checkpoint.as_bytes()).map_err(|error| error.to_string())?;
        let is_signed = note.append(line).is_ok() && note.verify(std::slice::from_ref(key)).is_ok();
        if is_signed {
            return Ok(note);
        }
    }
    Err(format!("no line of the answer is by {key}"))
}
