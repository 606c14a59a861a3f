//! Verifies a pack, offline: nothing of the gateway is needed but the log's public key.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use sha2::Digest;
use velum_core::audit::record::Record;
use velum_core::audit::tree::VerifierKey;
use velum_core::audit::tree::proof_text::InclusionProof;
use velum_core::time::Timestamp;

use super::archive::{Hashed, Unpacker};
use super::build::Progress;
use super::derive::derive;
use super::excerpt::earlier_path;
use super::expected;
use super::manifest::{Entry, MANIFEST, MANIFEST_BYTES, Manifest, SIGNATURE};
use super::{ARTEFACTS, EARLIER, LOG, PackError, REPORT, found, hex, io_at, report};
use crate::audit::export::Filter;
use crate::audit::verify::{self, Options, Report};

/// Longest signature.
const SIGNATURE_BYTES: u64 = velum_core::limits::NOTE_BYTES as u64;
/// A pack of records is some five to twenty times smaller than what is in it. One that claims more
/// than this is made to fill a disk.
const EXPANSION: u64 = 1_000;

/// What was found to be true.
#[derive(Debug)]
pub struct Verified {
    /// The manifest.
    pub manifest: Manifest,
    /// What was found of the excerpt.
    pub report: Report,
    /// Records before it, each with its proof.
    pub earlier: usize,
    /// The artefacts were derived again, and are the same. Another version of the program may
    /// write them another way; then their hashes and the signature alone speak for them.
    pub is_derived: bool,
}

/// Verifies the pack in `file` by the log's keys. Without any, the pack's own are taken, which
/// shows damage, but no forgery.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(
    file: &Path,
    keys: &[VerifierKey],
    progress: &mut Progress<'_>,
) -> Result<Verified, PackError> {
    let folder = tempfile::tempdir().map_err(io_at("a temporary folder"))?;
    let folder = folder.path();
    let (manifest, signature, bytes) = unpack(file, folder, progress)?;
    let keys = match keys.is_empty() {
        true => named(&manifest)?,
        false => keys.to_vec(),
    };
    manifest.verify(&bytes, &signature, &keys)?;
    expected::check(&manifest)?;
    let log = folder.join(LOG);
    let options = Options {
        keys: keys.clone(),
        excerpt: Some((manifest.first, manifest.last)),
        ..Options::default()
    };
    let all = of_log(&manifest);
    let checked = verify::verify(&log, &options, &mut |done| progress("verifying", done, all))?;
    says_the_same(&manifest, &checked)?;
    let earlier = earlier(&manifest, &log, &keys)?;
    let is_derived = derived(&manifest, &log, &earlier, progress)?;
    Ok(Verified {
        manifest,
        report: checked,
        earlier: earlier.len(),
        is_derived,
    })
}

/// Unpacks the excerpt into `folder`, and hashes everything.
fn unpack(
    file: &Path,
    folder: &Path,
    progress: &mut Progress<'_>,
) -> Result<(Manifest, Vec<u8>, Vec<u8>), PackError> {
    let opened = File::open(file).map_err(io_at(file.display()))?;
    let length = opened.metadata().map_err(io_at(file.display()))?.len();
    let mut archive = Unpacker::open(opened, &mut |done| progress("reading", done, length))?;
    let bytes = small(&mut archive, MANIFEST, MANIFEST_BYTES)?;
    let manifest = Manifest::parse(&bytes)?;
    let signature = small(&mut archive, SIGNATURE, SIGNATURE_BYTES)?;
    let all = manifest
        .files
        .iter()
        .map(|file| file.bytes)
        .fold(0, u64::saturating_add);
    if all > length.saturating_mul(EXPANSION) {
        return Err(found(format!(
            "{MANIFEST} claims {all} bytes, which no pack of this size has"
        )));
    }
    let mut done = 0;
    for entry in &manifest.files {
        if archive.next(&entry.path)? != entry.bytes {
            return Err(found(format!(
                "{} has not the size that the manifest says",
                entry.path
            )));
        }
        one(&mut archive, folder, entry)?;
        done += entry.bytes;
        progress("unpacking", done, all);
    }
    archive.end()?;
    Ok((manifest, signature, bytes))
}

fn small(archive: &mut Unpacker, path: &str, most: u64) -> Result<Vec<u8>, PackError> {
    let size = archive.next(path)?;
    if size > most {
        return Err(found(format!("{path} is longer than {most} bytes")));
    }
    let mut bytes = Vec::new();
    archive.content(path, size, &mut bytes)?;
    Ok(bytes)
}

fn one(archive: &mut Unpacker, folder: &Path, entry: &Entry) -> Result<(), PackError> {
    let is_of_log = entry.path.starts_with(&format!("{LOG}/"));
    let out: Box<dyn Write> = match is_of_log {
        true => {
            let target = folder.join(&entry.path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(io_at(&entry.path))?;
            }
            Box::new(File::create(&target).map_err(io_at(&entry.path))?)
        }
        false => Box::new(io::sink()),
    };
    let mut out = Hashed::new(out);
    archive.content(&entry.path, entry.bytes, &mut out)?;
    match hex(&out.hash.finalize()) == entry.sha256 {
        true => Ok(()),
        false => Err(found(format!(
            "{} is not the file that the manifest has",
            entry.path
        ))),
    }
}

fn named(manifest: &Manifest) -> Result<Vec<VerifierKey>, PackError> {
    let keys: Result<Vec<_>, _> = manifest
        .keys
        .iter()
        .map(|key| VerifierKey::parse(key))
        .collect();
    keys.map_err(|error| found(format!("{MANIFEST}: {error}")))
}

fn of_log(manifest: &Manifest) -> u64 {
    let segments = manifest.files.iter();
    let segments = segments.filter(|file| file.path.ends_with(".velumlog"));
    segments.map(|file| file.bytes).sum()
}

/// The manifest and the log agree.
fn says_the_same(manifest: &Manifest, report: &Report) -> Result<(), PackError> {
    let same = manifest.log == report.origin
        && manifest.signed == report.signed
        && manifest.root == report.root
        && manifest.last.checked_sub(manifest.first) == report.records.checked_sub(1);
    match same {
        true => Ok(()),
        false => Err(found(format!("{MANIFEST} says another log than {LOG} is"))),
    }
}

/// The records before the excerpt, each by its proof.
fn earlier(
    manifest: &Manifest,
    log: &Path,
    keys: &[VerifierKey],
) -> Result<Vec<(u64, Record)>, PackError> {
    let folder = format!("{LOG}/{EARLIER}/");
    let mut records = Vec::new();
    for entry in &manifest.files {
        let Some(name) = entry.path.strip_prefix(&folder) else {
            continue;
        };
        let wrong = |what: String| found(format!("{}: {what}", entry.path));
        let path = log.join(EARLIER).join(name);
        let bytes = fs::read(&path).map_err(io_at(&entry.path))?;
        let proof = InclusionProof::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        let signed = proof
            .verify(keys)
            .map_err(|error| wrong(error.to_string()))?;
        let record = Record::decode(&proof.entry).map_err(|error| wrong(error.to_string()))?;
        let sequence = proof.index + 1;
        let fits = signed.checkpoint.origin == manifest.log
            && sequence < manifest.first
            && format!("{LOG}/{}", earlier_path(sequence)) == entry.path;
        if !fits {
            return Err(wrong(
                "not a record of this log before the excerpt".to_owned(),
            ));
        }
        records.push((sequence, record));
    }
    Ok(records)
}

/// Derives report and artefacts again; true if they are the same.
fn derived(
    manifest: &Manifest,
    log: &Path,
    earlier: &[(u64, Record)],
    progress: &mut Progress<'_>,
) -> Result<bool, PackError> {
    let filter = Filter {
        from: Timestamp(manifest.from.1),
        to: Timestamp(manifest.to.1),
        ..Filter::default()
    };
    let all = of_log(manifest);
    let mut nowhere = |_: &str| -> io::Result<Box<dyn Write>> { Ok(Box::new(io::sink())) };
    let derived = derive(log, earlier, &filter, &mut nowhere, &mut |done| {
        progress("deriving", done, all);
    })?;
    expected::same_configurations(manifest, &derived)?;
    let mut expected = derived.files;
    let page = report::html(manifest, &derived.totals);
    expected.push(Entry::of(REPORT, page.as_bytes()));
    let is_derivable =
        |file: &&Entry| file.path == REPORT || file.path.starts_with(&format!("{ARTEFACTS}/"));
    for entry in manifest.files.iter().filter(is_derivable) {
        if expected.contains(entry) {
            continue;
        }
        if manifest.program != concat!("velum ", env!("CARGO_PKG_VERSION")) {
            return Ok(false);
        }
        return Err(found(format!(
            "{} does not say what the records say",
            entry.path
        )));
    }
    let there = manifest.files.iter().filter(is_derivable).count();
    match there == expected.len() {
        true => Ok(true),
        false => Err(found("an artefact is missing")),
    }
}
