//! `[sealing]`

use super::model::Sealing;
use super::reader::Section;
use super::secret::Secret;
use crate::seal::SECRET_BYTES;

/// Reads `[sealing]`; without it the key is one that Velum makes.
pub(super) fn sealing(section: Option<&Section<'_>>) -> Sealing {
    let Some(section) = section else {
        return Sealing::default();
    };
    let sealing = Sealing {
        key: key(section, "key"),
        previous_key: key(section, "previous_key"),
    };
    section.finish();
    sealing
}

fn key(section: &Section<'_>, name: &'static str) -> Option<Secret> {
    let key = section.secret(name)?;
    if key.expose().len() < SECRET_BYTES {
        let place = section.value(name);
        section.reporter.report_with_hint(
            place.map_or(section.span.clone(), |value| value.span()),
            format!("{} holds fewer than {SECRET_BYTES} bytes", key.origin()),
            "make one with `openssl rand -hex 32`",
        );
    }
    Some(key)
}
