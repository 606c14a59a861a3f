//! `[[archive]]`

use super::reader::Section;
use super::ship::is_name;
use crate::audit::retention::SIX_YEARS_DAYS;
use crate::audit::ship::bucket::{Bucket, Lock};
use crate::identity::place::Place;

const MOST_DAYS: u64 = 36_525;

/// Reads one `[[archive]]`.
pub(super) fn bucket(section: &Section<'_>) -> Option<Bucket> {
    let name = section.required_string("name");
    if let Some(name) = name.as_ref().filter(|name| !is_name(name.get_ref())) {
        section.reporter.report_with_hint(
            name.span(),
            format!("`{}` cannot name a destination", name.get_ref()),
            "write letters, digits, `-` and `_`",
        );
        return None;
    }
    let endpoint = section.string("endpoint");
    if let Some(endpoint) = &endpoint
        && let Err(error) = Place::read(endpoint.get_ref())
    {
        section.reporter.report_with_hint(
            endpoint.span(),
            format!("`{}`: {error}", endpoint.get_ref()),
            "write `https://s3.example.org`, or `http://` to this machine",
        );
    }
    let bucket = section.required_string("bucket");
    let prefix = section.string("prefix");
    let region = section.string("region");
    for key in ["access_key", "secret_key"] {
        section.require(key);
    }
    let access_key = section.secret("access_key");
    let secret_key = section.secret("secret_key");
    let modes = [
        ("compliance", Some("COMPLIANCE")),
        ("governance", Some("GOVERNANCE")),
        ("off", None),
    ];
    let mode = section.choice("lock", &modes, Some("COMPLIANCE"));
    let days = section.integer("lock_days", 1..=MOST_DAYS, SIX_YEARS_DAYS);
    if let (None, Some(value)) = (mode, section.value("lock_days")) {
        let message = "`lock_days` means nothing with `lock = \"off\"`";
        section.reporter.report(value.span(), message);
    }
    let text = |it: Option<toml::Spanned<String>>| it.map(toml::Spanned::into_inner);
    Some(Bucket {
        name: name?.into_inner(),
        endpoint: text(endpoint),
        bucket: bucket?.into_inner(),
        prefix: text(prefix).unwrap_or_default(),
        region: text(region).unwrap_or_else(|| "us-east-1".to_owned()),
        access_key: access_key?,
        secret_key: secret_key?,
        ca: authority(section)?,
        lock: mode.map(|mode| Lock { mode, days }),
    })
}

/// The text of `ca`; `Some(None)` if there is none.
fn authority(section: &Section<'_>) -> Option<Option<Vec<u8>>> {
    let Some(path) = section.path("ca") else {
        return Some(None);
    };
    match std::fs::read(path.get_ref()) {
        Ok(text) => Some(Some(text)),
        Err(reason) => {
            let message = format!("{}: {reason}", path.get_ref().display());
            section.reporter.report(path.span(), message);
            None
        }
    }
}
