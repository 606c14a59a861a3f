//! `[[witness]]`

use std::time::Duration;

use velum_core::audit::tree::VerifierKey;
use velum_core::audit::tree::key::KeyKind;

use super::reader::Section;
use super::ship::is_name;
use super::tls;
use crate::audit::witness::ask::Asked;
use crate::audit::witness::serve::PATH;
use crate::identity::place::Place;

/// Reads one `[[witness]]`.
pub(super) fn witness(section: &Section<'_>) -> Option<Asked> {
    let name = section.required_string("name");
    let url = section.required_string("url");
    let key = section.required_string("key");
    let every_s = section.integer("interval_s", 1..=86_400, 60);
    let within_s = section.integer("timeout_s", 1..=600, 10);
    let tls = tls::issuer(section);
    let name = name.filter(|name| {
        let is_good = is_name(name.get_ref());
        if !is_good {
            section.reporter.report_with_hint(
                name.span(),
                format!("`{}` cannot name a witness", name.get_ref()),
                "write letters, digits, `-` and `_`",
            );
        }
        is_good
    });
    let place = url.and_then(|url| match Place::read(url.get_ref()) {
        Ok(mut place) => {
            let prefix = place.path.trim_end_matches('/').len();
            place.path.truncate(prefix);
            if !place.path.ends_with(PATH) {
                place.path.push_str(PATH);
            }
            Some(place)
        }
        Err(error) => {
            section.reporter.report_with_hint(
                url.span(),
                format!("`{}`: {error}", url.get_ref()),
                "write `https://witness.example.org/w1`, or `http://` to this machine",
            );
            None
        }
    });
    let key = key.and_then(|key| match VerifierKey::parse(key.get_ref()) {
        Ok(parsed) if parsed.kind() == KeyKind::Cosignature => Some(parsed),
        other => {
            let what = match other {
                Ok(_) => "a key of a log, not of a witness".to_owned(),
                Err(error) => error.to_string(),
            };
            section.reporter.report_with_hint(
                key.span(),
                format!("`{}`: {what}", key.get_ref()),
                "write what `velum witness --state DIR --key` prints",
            );
            None
        }
    });
    Some(Asked {
        name: name?.into_inner(),
        place: place?,
        tls: tls?,
        key: key?,
        every: Duration::from_secs(every_s),
        within: Duration::from_secs(within_s),
    })
}
