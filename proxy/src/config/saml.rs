//! `[[saml]]`: identity providers where people log in by SAML 2.0.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::model::Saml;
use super::reader::Section;
use super::{Placed, cross, issuer, login};
use crate::identity::saml::{Provider, Settings};

const SECOND_MS: u64 = 1_000;
/// Largest metadata.
const METADATA_BYTES: u64 = 1024 * 1024;

/// Reads one `[[saml]]`.
pub(super) fn saml(root: &Section<'_>, section: &Section<'_>) -> Option<Saml> {
    let name = section.required_string("name");
    section.require("metadata");
    let metadata = section.path("metadata");
    let groups = section.string("groups_attribute");
    let subject = section.string("subject_attribute");
    let signed_responses = section.boolean("signed_responses");
    let is_idp_initiated = section.boolean("idp_initiated");
    let skew_ms = section.integer("clock_skew_ms", 0..=300 * SECOND_MS, 30 * SECOND_MS);
    let roles = issuer::roles(section);
    let name = name?.into_inner();
    let settings = Settings {
        name: name.clone(),
        groups_attribute: groups.map_or_else(|| "groups".to_owned(), Spanned::into_inner),
        subject_attribute: subject.map(Spanned::into_inner),
        signed_responses,
        is_idp_initiated,
        clock_skew: Duration::from_millis(skew_ms),
    };
    let report = |message: String, hint: &str| {
        let reporter = section.reporter;
        reporter.report_with_hint(section.span.clone(), message, hint);
    };
    login::name_fits(&name, &report);
    login::own_address(root, &name, &report);
    if roles.is_empty() {
        report(
            format!("people log in at `{name}`, but nobody could do anything"),
            "say what their groups may do: `roles = { leads = \"approver\" }`",
        );
    }
    let metadata = metadata?;
    let url = cross::text(root, "api", "url")?;
    let read = read(metadata.get_ref())
        .and_then(|text| Provider::new(settings, url.trim_end_matches('/'), &text));
    match read {
        Ok(provider) => Some(Saml {
            name,
            provider: Arc::new(provider),
            roles,
        }),
        Err(reason) => {
            let path = metadata.get_ref().display();
            let message = format!("no identity provider can be asked by {path}: {reason}");
            let hint = "its metadata names a place to log in by redirect, and keys";
            let reporter = section.reporter;
            reporter.report_with_hint(metadata.span(), message, hint);
            None
        }
    }
}

fn read(path: &std::path::Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if size.len() > METADATA_BYTES {
        return Err(format!("it is larger than {METADATA_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Each name is given once: it is a part of addresses.
pub(super) fn check(root: &Section<'_>, all: &[Placed<Saml>]) {
    cross::unique(root, "identity provider", all, |saml| saml.name.clone());
}
