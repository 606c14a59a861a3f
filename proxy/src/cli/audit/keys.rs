//! Verifier keys and checkpoints as arguments.

use std::io::Read;
use std::path::Path;

use velum_core::audit::tree::VerifierKey;
use velum_core::limits::RECORD_BYTES;

/// The keys of an argument: a verifier key itself, or a file with one a line.
pub(in crate::cli) fn keys(argument: &str) -> Result<Vec<VerifierKey>, String> {
    let as_text = VerifierKey::parse(argument.trim());
    let as_text = match as_text {
        Ok(key) => return Ok(vec![key]),
        Err(error) => error,
    };
    let text = std::fs::read_to_string(argument)
        .map_err(|error| format!("{argument}: neither a file ({error}) nor a key ({as_text})"))?;
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Result<Vec<_>, _> = lines.map(VerifierKey::parse).collect();
    match keys {
        Ok(keys) if keys.is_empty() => Err(format!("{argument} holds no key")),
        Ok(keys) => Ok(keys),
        Err(error) => Err(format!("{argument}: {error}")),
    }
}

/// The keys of all arguments.
pub(in crate::cli) fn all_keys(arguments: &[String]) -> Result<Vec<VerifierKey>, String> {
    let mut all = Vec::new();
    for argument in arguments {
        all.append(&mut keys(argument)?);
    }
    Ok(all)
}

/// The bytes of a proof or checkpoint; `-` is standard input.
pub(in crate::cli) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    // No proof is longer; of one that is, enough is read to see it.
    let most = 2 * RECORD_BYTES as u64;
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
