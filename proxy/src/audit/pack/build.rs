//! Makes a pack.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::Digest;
use velum_core::audit::tree::{Checkpoint, SignedCheckpoint};

use super::archive::{Hashed, Packer};
use super::citations::CITATIONS;
use super::derive::{Derived, derive};
use super::manifest::{Entry, Loaded, MANIFEST, Manifest, SIGNATURE};
use super::survey::{Survey, survey};
use super::{ARTEFACTS, LOG, PackError, REPORT, excerpt, found, hex, io_at, report};
use crate::audit::export::Filter;
use crate::audit::signing::Signers;
use crate::audit::verify::{self, Options};
use crate::audit::{configurations, store};
use crate::observe::{self, rfc3339};

/// Instructions for who verifies.
const README: &str = include_str!("README.txt");
/// The second verifier.
const VERIFIER: &str = include_str!("../../../../docs/verify_audit.py");

/// Where a pack comes from, and what of it.
pub struct Order<'o> {
    /// The audit directory.
    pub directory: &'o Path,
    /// Where texts of configurations were kept.
    pub data_directory: &'o Path,
    /// The log's keys.
    pub signers: &'o Signers,
    /// The period; identity and resource are not looked at.
    pub period: Filter,
    /// The pack, which is not there yet.
    pub output: &'o Path,
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Records in it.
    pub records: u64,
    /// Files in it.
    pub files: usize,
    /// Its size.
    pub bytes: u64,
}

/// A step of the work, for a bar: its name, and how many bytes of so many are done.
pub type Progress<'p> = dyn FnMut(&'static str, u64, u64) + 'p;

/// Makes a pack. The excerpt is verified before anything is derived from it.
///
/// # Errors
/// If the log is damaged, has nothing signed from the period, or a file cannot be read or written.
pub fn build(order: &Order<'_>, progress: &mut Progress<'_>) -> Result<Made, PackError> {
    let parent = match order.output.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let staging = tempfile::tempdir_in(parent).map_err(io_at(parent.display()))?;
    let folder = staging.path();
    let (text, signed) = checkpoint(order)?;
    let all = size_of(order.directory);
    let survey = survey(order.directory, &order.period, signed.size, &mut |done| {
        progress("surveying", done, all);
    })?;
    let log = folder.join(LOG);
    excerpt::write(order.directory, &log, &survey, &text, &signed)?;
    verified(order, &log, &survey, progress)?;
    fs::create_dir_all(folder.join(ARTEFACTS)).map_err(io_at(ARTEFACTS))?;
    let mut open = |path: &str| -> io::Result<Box<dyn io::Write>> {
        Ok(Box::new(BufWriter::new(File::create(folder.join(path))?)))
    };
    let part = size_of(&log);
    let derived = derive(
        &log,
        &survey.earlier,
        &order.period,
        &mut open,
        &mut |done| {
            progress("deriving", done, part);
        },
    )?;
    let manifest = manifest(order, folder, &survey, &signed, &derived)?;
    archive(order, folder, &manifest, progress)?;
    let metadata = order
        .output
        .metadata()
        .map_err(io_at(order.output.display()))?;
    Ok(Made {
        records: survey.last + 1 - survey.first,
        files: manifest.files.len() + 2,
        bytes: metadata.len(),
    })
}

/// The newest checkpoint, believed.
fn checkpoint(order: &Order<'_>) -> Result<(String, Checkpoint), PackError> {
    let bytes = store::read_checkpoint(order.directory);
    let bytes = bytes.map_err(io_at(order.directory.display()))?;
    let bytes = bytes.ok_or_else(|| found("the log has no signed checkpoint"))?;
    let signed = SignedCheckpoint::open(&bytes, &order.signers.keys());
    let signed = signed.map_err(|error| found(format!("the checkpoint: {error}")))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((text, signed.checkpoint))
}

fn size_of(directory: &Path) -> u64 {
    let segments = crate::audit::read::segments(directory).unwrap_or_default();
    let sizes = segments.iter().filter_map(|(_, path)| path.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}

fn verified(
    order: &Order<'_>,
    log: &Path,
    survey: &Survey,
    progress: &mut Progress<'_>,
) -> Result<(), PackError> {
    let options = Options {
        keys: order.signers.keys(),
        excerpt: Some((survey.first, survey.last)),
        ..Options::default()
    };
    let all = size_of(log);
    verify::verify(log, &options, &mut |done| progress("verifying", done, all))?;
    Ok(())
}

fn manifest(
    order: &Order<'_>,
    folder: &Path,
    survey: &Survey,
    signed: &Checkpoint,
    derived: &Derived,
) -> Result<Manifest, PackError> {
    let mut files = Vec::new();
    let mut known = BTreeSet::new();
    let mut loaded = Vec::new();
    for (sequence, time, sha256) in &derived.configurations {
        let text = configurations::find(order.data_directory, sha256);
        let name = hex(sha256);
        if let Some(text) = &text
            && known.insert(*sha256)
        {
            files.push(put(folder, &format!("configurations/{name}.toml"), text)?);
        }
        loaded.push(Loaded {
            sequence: *sequence,
            time: rfc3339(*time),
            sha256: name,
            has_text: text.is_some(),
        });
    }
    let keys = order.signers.keys();
    let mut manifest = Manifest {
        format: Manifest::format(),
        made: rfc3339(observe::now()),
        program: concat!("velum ", env!("CARGO_PKG_VERSION")).to_owned(),
        log: signed.origin.clone(),
        from: (rfc3339(order.period.from), order.period.from.0),
        to: (rfc3339(order.period.to), order.period.to.0),
        first: survey.first,
        last: survey.last,
        signed: signed.size,
        root: signed.root.to_string(),
        keys: keys.iter().map(ToString::to_string).collect(),
        configurations: loaded,
        files: Vec::new(),
    };
    let keys: String = manifest.keys.iter().map(|key| format!("{key}\n")).collect();
    files.push(put(folder, "keys", keys.as_bytes())?);
    files.push(put(folder, "README.txt", README.as_bytes())?);
    files.push(put(folder, "verify_audit.py", VERIFIER.as_bytes())?);
    files.push(put(folder, "hipaa.json", index().as_bytes())?);
    let page = report::html(&manifest, &derived.totals);
    files.push(put(folder, REPORT, page.as_bytes())?);
    files.extend(derived.files.iter().cloned());
    logged(&folder.join(LOG), LOG, &mut files)?;
    manifest.files = files;
    Ok(manifest)
}

/// Citation to artefacts, for programs.
fn index() -> String {
    let index: Vec<_> = CITATIONS
        .iter()
        .map(|it| {
            serde_json::json!({
                "citation": format!("45 CFR {}", it.paragraph),
                "asks": it.asks,
                "shows": it.shows,
                "files": it.files,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(index))
}

fn put(folder: &Path, path: &str, bytes: &[u8]) -> Result<Entry, PackError> {
    let target = folder.join(path);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(io_at(parent.display()))?;
    }
    fs::write(&target, bytes).map_err(io_at(path))?;
    Ok(Entry::of(path, bytes))
}

/// The files of the excerpt, in the order of their names.
fn logged(folder: &Path, name: &str, files: &mut Vec<Entry>) -> Result<(), PackError> {
    let entries = fs::read_dir(folder).map_err(io_at(name))?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(io_at(name))?;
    paths.sort();
    for path in paths {
        let last = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}/{last}");
        if path.is_dir() {
            logged(&path, &name, files)?;
            continue;
        }
        let file = File::open(&path).map_err(io_at(&name))?;
        let mut hashed = Hashed::new(io::sink());
        io::copy(
            &mut io::BufReader::with_capacity(1 << 20, file),
            &mut hashed,
        )
        .map_err(io_at(&name))?;
        files.push(Entry {
            path: name,
            bytes: hashed.bytes,
            sha256: hex(&hashed.hash.finalize()),
        });
    }
    Ok(())
}

/// Writes everything to the pack. What is written is hashed again, so that a file that has changed
/// meanwhile is found now, and not by the auditor.
fn archive(
    order: &Order<'_>,
    folder: &Path,
    manifest: &Manifest,
    progress: &mut Progress<'_>,
) -> Result<(), PackError> {
    let bytes = serde_json::to_vec_pretty(manifest).map_err(|error| found(error.to_string()))?;
    let signature = manifest.sign(&bytes, &order.signers.current)?;
    let output = order.output;
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(output)
        .map_err(io_at(output.display()))?;
    let written = (|| {
        let mut packer = Packer::new(file).map_err(io_at(output.display()))?;
        for (path, bytes) in [(MANIFEST, &bytes[..]), (SIGNATURE, signature.as_bytes())] {
            packer
                .add(path, bytes.len() as u64, &mut &bytes[..])
                .map_err(io_at(path))?;
        }
        let all = manifest.files.iter().map(|file| file.bytes).sum();
        let mut done = 0;
        for entry in &manifest.files {
            let from = File::open(folder.join(&entry.path)).map_err(io_at(&entry.path))?;
            let mut from = Hashed::new(from);
            packer
                .add(&entry.path, entry.bytes, &mut from)
                .map_err(io_at(&entry.path))?;
            if hex(&from.hash.finalize()) != entry.sha256 {
                return Err(found(format!("{} has changed meanwhile", entry.path)));
            }
            done += entry.bytes;
            progress("packing", done, all);
        }
        packer.finish().map_err(io_at(output.display()))
    })();
    if written.is_err() {
        // Half a pack is none; the error says why.
        let _kept = fs::remove_file(output);
    }
    written
}
