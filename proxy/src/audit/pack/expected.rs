//! Which files a pack has, and none else.

use velum_core::audit::tree::Tile;

use super::derive::Derived;
use super::manifest::Manifest;
use super::{ARTEFACTS, EARLIER, LOG, PackError, REPORT, found, hex};
use crate::audit::segment;
use crate::audit::store::CHECKPOINT;
use crate::audit::verify::excerpt::GROWTH;
use crate::observe::rfc3339;

/// Files of every pack beside the log and the artefacts.
pub(super) const ALWAYS: [&str; 5] = [
    "keys",
    "README.txt",
    "verify_audit.py",
    "hipaa.json",
    REPORT,
];

/// Every file has a place in a pack of this period, and those that every pack has are there.
///
/// # Errors
/// The first file that has none, or that is missing.
pub(super) fn check(manifest: &Manifest) -> Result<(), PackError> {
    let is_there = |path: &str| manifest.files.iter().any(|file| file.path == path);
    for path in ALWAYS {
        if !is_there(path) {
            return Err(found(format!("{path} is missing")));
        }
    }
    let tiles: Vec<_> = Tile::partials(manifest.first.saturating_sub(1))
        .map(|tile| tile.path())
        .collect();
    for file in &manifest.files {
        let path = file.path.as_str();
        let is_known = match path.split_once('/') {
            None => ALWAYS.contains(&path),
            Some((LOG, path)) => is_of_log(path, manifest, &tiles),
            Some(("configurations", name)) => name == format!("{}.toml", file.sha256),
            // Deriving them again says which there are.
            Some((ARTEFACTS, _)) => true,
            Some(_) => false,
        };
        if !is_known {
            return Err(found(format!("{path} has no place in a pack")));
        }
    }
    for loaded in &manifest.configurations {
        let path = format!("configurations/{}.toml", loaded.sha256);
        if loaded.has_text != is_there(&path) {
            return Err(found(format!("{path} is missing, or nobody has loaded it")));
        }
    }
    Ok(())
}

fn is_of_log(path: &str, manifest: &Manifest, tiles: &[String]) -> bool {
    let is_segment = segment::sequence_of(path).is_some_and(|first| {
        (manifest.first..=manifest.last).contains(&first) && segment::file_name(first) == path
    });
    let is_growth = path == GROWTH && manifest.last < manifest.signed;
    let is_earlier = path
        .strip_prefix(EARLIER)
        .is_some_and(|it| it.starts_with('/'));
    let is_tile = tiles.iter().any(|tile| tile == path);
    path == CHECKPOINT || is_segment || is_growth || is_earlier || is_tile
}

/// The manifest has the configurations that the records have.
pub(super) fn same_configurations(manifest: &Manifest, derived: &Derived) -> Result<(), PackError> {
    let named = manifest.configurations.iter();
    let named = named.map(|it| (it.sequence, it.time.clone(), it.sha256.clone()));
    let loaded = derived.configurations.iter();
    let loaded = loaded.map(|(sequence, time, sha256)| (*sequence, rfc3339(*time), hex(sha256)));
    match named.eq(loaded) {
        true => Ok(()),
        false => Err(found(
            "the manifest names other configurations than the records",
        )),
    }
}
