//! `[[issuer]]`: whose tokens are believed, and how.

use std::time::Duration;

use toml::Spanned;
use velum_core::identity::token::Algorithm;
use velum_core::wire::postgres::handshake::Discovery;

use super::model::*;
use super::reader::Section;
use super::{login, tls};
use crate::identity::keys::KeySet;
use crate::identity::{DOCUMENT_BYTES, Place, ROLES, configuration_url};

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What is taken where nothing is said.
const USUAL: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

/// Reads one `[[issuer]]`.
pub(super) fn issuer(section: &Section<'_>) -> Option<Issuer> {
    let name = section.required_string("name");
    let url = section
        .required_string("url")
        .and_then(|url| address(section, url));
    let audiences = audiences(section);
    let algorithms = algorithms(section);
    let skew_ms = section.integer("clock_skew_ms", 0..=300 * SECOND_MS, 30 * SECOND_MS);
    let keys = keys(section);
    let groups_claim = section.string("groups_claim");
    let scope = scope(section, url.as_ref());
    let roles = roles(section);
    let login = login::issuer(section);
    Some(Issuer {
        name: name?.into_inner(),
        url: url?.into_inner(),
        audiences: audiences?,
        algorithms: algorithms?,
        clock_skew: Duration::from_millis(skew_ms),
        keys: keys?,
        groups_claim: groups_claim.map_or_else(|| "groups".to_owned(), Spanned::into_inner),
        scope: scope?,
        roles,
        login: login?,
    })
}

fn address(section: &Section<'_>, url: Spanned<String>) -> Option<Spanned<String>> {
    match Place::read(url.get_ref()) {
        Ok(_) => Some(url),
        Err(error) => {
            section.reporter.report_with_hint(
                url.span(),
                format!("`{}`: {error}", url.get_ref()),
                "write it as tokens have it in `iss`, such as `https://issuer.example.org`",
            );
            None
        }
    }
}

fn audiences(section: &Section<'_>) -> Option<Vec<String>> {
    section.require("audiences")?;
    let audiences = section.strings("audiences");
    if audiences.is_empty() || audiences.iter().any(|it| it.get_ref().is_empty()) {
        section.reporter.report_with_hint(
            section
                .value("audiences")
                .map_or(section.span.clone(), |value| value.span()),
            "`audiences` names nobody",
            "a token that is meant for others would be taken: name this gateway",
        );
        return None;
    }
    Some(audiences.into_iter().map(Spanned::into_inner).collect())
}

fn algorithms(section: &Section<'_>) -> Option<Vec<Algorithm>> {
    if !section.has("algorithms") {
        return Some(USUAL.to_vec());
    }
    let names = section.strings("algorithms");
    let mut algorithms = Vec::new();
    for name in &names {
        match Algorithm::ALL
            .iter()
            .find(|(known, _)| known == name.get_ref())
        {
            Some((_, algorithm)) => algorithms.push(*algorithm),
            None => {
                let known: Vec<_> = Algorithm::ALL.iter().map(|(known, _)| *known).collect();
                section.reporter.report_with_hint(
                    name.span(),
                    format!(
                        "`{}` is no algorithm for the signature of a token",
                        name.get_ref()
                    ),
                    format!("known are the asymmetric ones: {}", known.join(", ")),
                );
                return None;
            }
        }
    }
    if algorithms.is_empty() {
        let message = "`algorithms` lets no token in";
        section.reporter.report(section.span.clone(), message);
        return None;
    }
    Some(algorithms)
}

fn keys(section: &Section<'_>) -> Option<IssuerKeys> {
    let ttl = section.integer("jwks_ttl_ms", SECOND_MS..=DAY_MS, HOUR_MS);
    let kept = section.integer(
        "keys_kept_ms",
        SECOND_MS..=7 * DAY_MS,
        (4 * HOUR_MS).max(ttl),
    );
    if section.has("jwks") {
        for key in ["jwks_ttl_ms", "keys_kept_ms", "ca"] {
            if let Some(value) = section.value(key) {
                let message = format!("`{key}` means nothing where `jwks` is a file");
                section.reporter.report(value.span(), message);
            }
        }
        return fixed(section).map(IssuerKeys::Fixed);
    }
    if kept < ttl {
        section.reporter.report_with_hint(
            section
                .value("keys_kept_ms")
                .map_or(section.span.clone(), |value| value.span()),
            "`keys_kept_ms` is less than `jwks_ttl_ms`",
            "keys would be too old before they are fetched again",
        );
    }
    Some(IssuerKeys::Fetched {
        tls: tls::issuer(section)?,
        ttl: Duration::from_millis(ttl),
        kept: Duration::from_millis(kept),
    })
}

/// A file of keys, read with the configuration.
fn fixed(section: &Section<'_>) -> Option<KeySet> {
    let path = section.path("jwks")?;
    let read = read(path.get_ref()).and_then(|text| {
        let keys = KeySet::read(&text).map_err(|error| error.to_string())?;
        match keys.is_empty() {
            true => Err("no key in it can verify a token".to_owned()),
            false => Ok(keys),
        }
    });
    match read {
        Ok(keys) => Some(keys),
        Err(reason) => {
            let message = format!("{}: {reason}", path.get_ref().display());
            section.reporter.report(path.span(), message);
            None
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if size > DOCUMENT_BYTES as u64 {
        return Err(format!("it is larger than {DOCUMENT_BYTES} bytes"));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

fn scope(section: &Section<'_>, url: Option<&Spanned<String>>) -> Option<String> {
    let scope = section.string("scope");
    let text = scope
        .as_ref()
        .map_or("openid", |scope| scope.get_ref().as_str());
    let configuration = configuration_url(url.map_or("", |url| url.get_ref().as_str()));
    if Discovery::new(&configuration, text).is_err() {
        let span = scope.as_ref().map_or(section.span.clone(), Spanned::span);
        let message = "a scope is made of printable ASCII without quotes and backslashes";
        section.reporter.report(span, message);
        return None;
    }
    Some(text.to_owned())
}

/// `roles = { group = "role" }`
pub(super) fn roles(section: &Section<'_>) -> Vec<(String, String)> {
    let mut roles = Vec::new();
    for (group, role) in section.pairs("roles") {
        if !ROLES.contains(&role.get_ref().as_str()) {
            let message = format!("there is no role `{}`", role.get_ref());
            let hint = format!("write {}", super::problem::one_of(ROLES.iter().copied()));
            section
                .reporter
                .report_with_hint(role.span(), message, hint);
            continue;
        }
        if group.get_ref().is_empty() {
            let message = "a group has a name";
            section.reporter.report(group.span(), message);
            continue;
        }
        roles.push((group.into_inner(), role.into_inner()));
    }
    roles
}
