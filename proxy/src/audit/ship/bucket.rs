//! Puts segments that have ended into storage that speaks S3, where nobody can change them: with
//! Object Lock, each object is kept to a date that the storage itself enforces.
//!
//! An object is made once (`If-None-Match: *`), with its SHA-256 for the storage to check, and is
//! read back and compared before it counts. One that is there already has to be the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};
use sha2::{Digest, Sha256};

use super::cursor::{self, Cursor};
use super::{BACKOFF, LOOK, rest};
use crate::audit::{read, store};
use crate::config::Secret;
use crate::observe::{self, Field, rfc3339};

/// A segment of the usual 64 MiB takes seconds; the largest ones minutes.
const WITHIN: Duration = Duration::from_secs(900);
const DAY_MS: u64 = 86_400_000;

/// `[[archive]]`: a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name here.
    pub name: String,
    /// Where the storage is; `None` is AWS.
    pub endpoint: Option<String>,
    /// The bucket's name there.
    pub bucket: String,
    /// What its objects' names begin with.
    pub prefix: String,
    /// Region.
    pub region: String,
    /// Who asks.
    pub access_key: Secret,
    /// And proves it.
    pub secret_key: Secret,
    /// The authority of the storage's certificate, PEM; `None` is those of this machine.
    pub ca: Option<Vec<u8>>,
    /// Objects are locked.
    pub lock: Option<Lock>,
}

/// Object Lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// `COMPLIANCE` or `GOVERNANCE`
    pub mode: &'static str,
    /// Days from the upload on.
    pub days: u64,
}

/// Uploads to one bucket.
pub(super) struct Archive {
    pub(super) bucket: Bucket,
    pub(super) log: PathBuf,
    pub(super) cursor: PathBuf,
    pub(super) stop: Arc<AtomicBool>,
}

impl Archive {
    pub(super) fn run(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return self.failed(&error.to_string()),
        };
        let mut cursor = cursor::load(&self.cursor);
        let mut pause = BACKOFF[0];
        while !self.stop.load(Ordering::Relaxed) {
            match runtime.block_on(self.upload(&mut cursor)) {
                Ok(()) => {
                    pause = BACKOFF[0];
                    rest(&self.stop, LOOK);
                }
                Err(reason) => {
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

    /// Uploads the segments that have ended, whose records are all signed, and that are not there.
    async fn upload(&self, cursor: &mut Cursor) -> Result<(), String> {
        let io = |error: std::io::Error| error.to_string();
        let Some(checkpoint) = store::read_checkpoint(&self.log).map_err(io)? else {
            return Ok(());
        };
        let signed = store::size_of(&checkpoint).unwrap_or(0);
        let segments = read::segments(&self.log).map_err(|error| error.to_string())?;
        let mut uploaded = false;
        for pair in segments.windows(2) {
            let [(first, path), (next, _)] = pair else {
                continue;
            };
            if *first <= cursor.sequence || next - 1 > signed || self.stop.load(Ordering::Relaxed) {
                continue;
            }
            let bytes = std::fs::read(path).map_err(io)?;
            self.put(&name(path), bytes).await?;
            *cursor = Cursor::taken(next - 1);
            cursor::store(&self.cursor, cursor).map_err(io)?;
            uploaded = true;
        }
        if uploaded {
            // Whoever has these two has what the segments are verified by.
            self.put(&format!("checkpoints/{signed:020}"), checkpoint)
                .await?;
        }
        Ok(())
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        let put = tokio::time::timeout(WITHIN, self.put_once(name, bytes)).await;
        put.unwrap_or_else(|_| Err(format!("no answer within {} s", WITHIN.as_secs())))
    }

    async fn put_once(&self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        let key = Key::from(format!("{}{name}", self.bucket.prefix));
        let wrong = |error: Error| format!("{key}: {}", reason(&error.to_string()));
        let sha256 = Sha256::digest(&bytes);
        let storage = self.storage(self.bucket.lock.as_ref()).map_err(wrong)?;
        let options = PutOptions::from(PutMode::Create);
        match storage
            .put_opts(&key, PutPayload::from(bytes), options)
            .await
        {
            Ok(_) | Err(Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(wrong(error)),
        }
        // The lock's headers belong to what makes an object.
        let storage = self.storage(None).map_err(wrong)?;
        let mut there = storage.get(&key).await.map_err(wrong)?.into_stream();
        let mut found = Sha256::new();
        while let Some(part) = there.next().await {
            found.update(part.map_err(wrong)?);
        }
        match found.finalize() == sha256 {
            true => Ok(()),
            false => Err(format!("{key} is there, and is another object")),
        }
    }

    /// The storage, by headers that are of this moment.
    fn storage(&self, lock: Option<&Lock>) -> Result<AmazonS3, Error> {
        let Bucket {
            endpoint,
            bucket,
            region,
            ca,
            ..
        } = &self.bucket;
        let mut options = ClientOptions::new().with_timeout(WITHIN);
        if let Some(lock) = lock {
            options = options.with_default_headers(locked(lock));
        }
        for certificate in ca.iter() {
            let certificate = object_store::Certificate::from_pem(certificate)?;
            options = options.with_root_certificate(certificate);
        }
        let text =
            |secret: &Secret| String::from_utf8_lossy(secret.expose().trim_ascii()).into_owned();
        // The one retry that there is, is ours.
        let retry = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_access_key_id(text(&self.bucket.access_key))
            .with_secret_access_key(text(&self.bucket.secret_key))
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(retry)
            .with_client_options(options);
        if let Some(endpoint) = endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        builder.build()
    }

    fn failed(&self, reason: &str) {
        let name = Field::Name(&self.bucket.name);
        observe::event(
            "not-archived",
            &[("to", name), ("cause", Field::Name(reason))],
        );
    }
}

/// What the storage says, without what is another text each time.
fn reason(text: &str) -> String {
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    match code {
        Some((code, _)) => code.to_owned(),
        None => text
            .chars()
            .filter(|it| !it.is_ascii_digit())
            .take(200)
            .collect(),
    }
}

fn locked(lock: &Lock) -> HeaderMap {
    let until = rfc3339(observe::now().after_ms(lock.days.saturating_mul(DAY_MS)));
    let mut headers = HeaderMap::new();
    // Asked for with a lock, besides the checksum itself.
    let checksum = HeaderName::from_static("x-amz-sdk-checksum-algorithm");
    headers.insert(checksum, HeaderValue::from_static("SHA256"));
    let mode = HeaderName::from_static("x-amz-object-lock-mode");
    headers.insert(mode, HeaderValue::from_static(lock.mode));
    if let Ok(until) = HeaderValue::from_str(&until) {
        let name = HeaderName::from_static("x-amz-object-lock-retain-until-date");
        headers.insert(name, until);
    }
    headers
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
