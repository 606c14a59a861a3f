//! The engine that a command is to use.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use velum_detectors::Detectors;
use velum_detectors::pack::{PACK_BYTES, Pack};

/// The engine of a pack, or the default one; with all types, or those that are named.
///
/// # Errors
/// What is wrong, as a line for the user.
pub(super) fn load(pack: Option<&Path>, types: &[String]) -> Result<Detectors, String> {
    let engine = match pack {
        None => Detectors::full(),
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let pack = read(path)?;
            Detectors::with_pack(&pack).map_err(|error| named(&error))?
        }
    };
    if types.is_empty() {
        return Ok(engine);
    }
    let names: Vec<String> = types.iter().map(|name| name.to_ascii_lowercase()).collect();
    engine.restrict(&names).map_err(|error| error.to_string())
}

/// Reads a pack.
///
/// # Errors
/// What is wrong, as a line for the user.
pub(super) fn read(path: &Path) -> Result<Pack, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    // One byte more than is read, so that what is too large is seen to be.
    let file = File::open(path).map_err(|error| named(&error))?;
    let mut file = file.take(PACK_BYTES as u64 + 1);
    file.read_to_end(&mut bytes)
        .map_err(|error| named(&error))?;
    Pack::read(&bytes).map_err(|error| named(&error))
}
