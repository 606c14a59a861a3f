//! What no section can check alone: names that refer to others, and names given twice.

use std::collections::BTreeSet;

use super::Placed;
use super::model::*;
use super::problem::{closest, one_of};
use super::reader::Section;
use crate::audit::ship::Destination;
use crate::audit::ship::bucket::Bucket;
use crate::audit::witness::ask::Asked;

/// All sections that refer to each other.
pub(super) struct Sections<'s> {
    pub(super) listeners: &'s [Placed<Listener>],
    pub(super) issuers: &'s [Placed<Issuer>],
    pub(super) identities: &'s [Placed<Identity>],
    pub(super) resources: &'s [Placed<Resource>],
    pub(super) policies: &'s [Placed<Policy>],
}

/// Reports everything that does not fit together.
pub(super) fn check(root: &Section<'_>, sections: &Sections<'_>) {
    for key in ["listener", "identity", "resource", "policy"] {
        if !root.has(key) {
            root.reporter
                .report(0..0, format!("there is no `[[{key}]]`"));
        }
    }
    unique(root, "listener address", sections.listeners, |listener| {
        listener.address.to_string()
    });
    unique(root, "issuer", sections.issuers, |issuer| {
        issuer.name.clone()
    });
    unique(root, "address of an issuer", sections.issuers, |issuer| {
        issuer.url.clone()
    });
    unique(root, "identity", sections.identities, |identity| {
        identity.name.clone()
    });
    unique(root, "resource", sections.resources, |resource| {
        resource.name.clone()
    });
    unique(root, "policy", sections.policies, |policy| {
        policy.name.clone()
    });
    let mut any = sections
        .resources
        .iter()
        .filter(|it| it.value.database == NameOrAny::Any);
    if let (Some(first), Some(second)) = (any.next(), any.next()) {
        let message = format!(
            "`{}` passes every database on already: a client could not say which it means",
            first.value.name
        );
        root.reporter.report(second.span.clone(), message);
    }
    for section in root.sections("identity") {
        references(&section, root);
    }
    for identity in sections.identities {
        proofs(root, identity, sections);
        catalogs(root, identity, sections);
        deciders(root, identity);
        recorders(root, identity);
    }
}

/// A receiver's name names its deliveries, a witness' its file.
pub(super) fn unique_names(
    root: &Section<'_>,
    receivers: &[Placed<Notify>],
    witnesses: &[Placed<Asked>],
) {
    unique(root, "notify", receivers, |it| it.name.clone());
    unique(root, "witness", witnesses, |it| it.name.clone());
}

/// A destination's name names its cursor.
pub(super) fn unique_destinations(
    root: &Section<'_>,
    destinations: &[Placed<Destination>],
    buckets: &[Placed<Bucket>],
) {
    let named = destinations
        .iter()
        .map(|it| (it.span.clone(), &it.value.name));
    let named = named.chain(buckets.iter().map(|it| (it.span.clone(), &it.value.name)));
    let all: Vec<_> = named.map(|(span, value)| Placed { span, value }).collect();
    unique(root, "destination", &all, |name| (*name).clone());
}

/// Whoever needs a grant needs somebody who can give it.
fn deciders(root: &Section<'_>, identity: &Placed<Identity>) {
    let needs = |access: &&Access| access.grant.is_some();
    if let Some(access) = identity.value.access.iter().find(needs)
        && !root.has("api")
    {
        root.reporter.report_with_hint(
            identity.span.clone(),
            format!("`{}` needs a grant that nobody could give", access.resource),
            "add `[api]` with `listen = \"127.0.0.1:6480\"`: decisions are made there",
        );
    }
}

/// Whoever is recorded needs a place for it.
fn recorders(root: &Section<'_>, identity: &Placed<Identity>) {
    let is_recorded = |access: &&Access| access.record > 0;
    if let Some(access) = identity.value.access.iter().find(is_recorded)
        && !root.has("recordings")
    {
        root.reporter.report_with_hint(
            identity.span.clone(),
            format!(
                "sessions at `{}` are recorded, but nowhere",
                access.resource
            ),
            "add `[recordings]` with `directory = \"…\"`",
        );
    }
}

pub(super) fn unique<T>(
    root: &Section<'_>,
    what: &str,
    all: &[Placed<T>],
    name: impl Fn(&T) -> String,
) {
    let mut seen = BTreeSet::new();
    for placed in all {
        let name = name(&placed.value);
        if seen.contains(&name) {
            let message = format!("the {what} `{name}` is given twice");
            root.reporter.report(placed.span.clone(), message);
        }
        seen.insert(name);
    }
}

/// Every resource and policy of `access` exists; names are taken from the file itself, so that
/// a mistake elsewhere in a section does not make it look missing.
fn references(section: &Section<'_>, root: &Section<'_>) {
    let resources = names(root, "resource");
    let policies = names(root, "policy");
    for (resource, policy) in section.references("access", "policy") {
        for (kind, word, known) in [
            ("resource", &resource, &resources),
            ("policy", &policy, &policies),
        ] {
            if known.contains(word.get_ref()) {
                continue;
            }
            let message = format!("there is no {kind} `{}`", word.get_ref());
            let candidates = || known.iter().map(String::as_str);
            let hint = match closest(word.get_ref(), candidates()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known: {}", one_of(candidates())),
            };
            root.reporter.report_with_hint(word.span(), message, hint);
        }
    }
}

/// A string below a section of the file, whatever else is wrong there.
pub(super) fn text(root: &Section<'_>, section: &'static str, key: &str) -> Option<String> {
    let table = root.value(section)?.get_ref().as_table()?;
    table.get(key)?.get_ref().as_str().map(str::to_owned)
}

fn names(root: &Section<'_>, key: &'static str) -> Vec<String> {
    let Some(array) = root.value(key).and_then(|value| value.get_ref().as_array()) else {
        return Vec::new();
    };
    let tables = array.iter().filter_map(|item| item.get_ref().as_table());
    let names = tables.filter_map(|table| table.get("name")?.get_ref().as_str());
    names.map(str::to_owned).collect()
}

/// An identity must be able to prove itself at the listeners, and trust stays at home.
fn proofs(root: &Section<'_>, identity: &Placed<Identity>, sections: &Sections<'_>) {
    let name = &identity.value.name;
    let listeners = || sections.listeners.iter().map(|placed| &placed.value);
    match &identity.value.auth {
        Auth::Trust => {
            let open = listeners().find(|listener| !listener.address.ip().is_loopback());
            if let Some(listener) = open {
                root.reporter.report_with_hint(
                    identity.span.clone(),
                    format!(
                        "`{name}` is trusted, but {} is not a loopback address",
                        listener.address
                    ),
                    "use auth = \"scram\", or listen on 127.0.0.1 only",
                );
            }
        }
        Auth::Certificate | Auth::ScramAndCertificate(_) => {
            let able = listeners().any(|listener| {
                listener
                    .tls
                    .as_ref()
                    .is_some_and(|tls| tls.verifies_clients)
            });
            if !able && !sections.listeners.is_empty() {
                root.reporter.report_with_hint(
                    identity.span.clone(),
                    format!("`{name}` needs a client certificate, but no listener verifies any"),
                    "add `client_ca = \"…\"` to the listener's `tls`",
                );
            }
        }
        Auth::Spiffe(id) => {
            let domain = Some(id.trust_domain());
            let able = listeners().any(|listener| {
                let tls = listener.tls.as_ref();
                tls.is_some_and(|tls| tls.trust_domain.as_deref() == domain)
            });
            if !able && !sections.listeners.is_empty() {
                root.reporter.report_with_hint(
                    identity.span.clone(),
                    format!("no listener believes the trust domain of `{}`", id.as_str()),
                    format!(
                        "add `client_ca = \"…\"` and `trust_domain = \"{}\"` to its `tls`",
                        id.trust_domain()
                    ),
                );
            }
        }
        Auth::Oidc(oidc) => tokens(root, identity, oidc, sections),
        Auth::Scram(_) | Auth::Key => {}
    }
}

/// A token needs an issuer, one that means it for us, and a way in that nobody else reads.
fn tokens(root: &Section<'_>, identity: &Placed<Identity>, oidc: &Oidc, sections: &Sections<'_>) {
    let name = &identity.value.name;
    let report = |message: String, hint: String| {
        root.reporter
            .report_with_hint(identity.span.clone(), message, hint);
    };
    let known = names(root, "issuer");
    if !known.contains(&oidc.issuer) {
        let candidates = || known.iter().map(String::as_str);
        let hint = match closest(&oidc.issuer, candidates()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known: {}", one_of(candidates())),
        };
        report(format!("there is no issuer `{}`", oidc.issuer), hint);
    }
    let issuer = sections
        .issuers
        .iter()
        .find(|it| it.value.name == oidc.issuer);
    for audience in issuer.iter().flat_map(|issuer| {
        let ours = &issuer.value.audiences;
        oidc.audiences.iter().filter(|it| !ours.contains(it))
    }) {
        report(
            format!(
                "`{audience}` is none of the audiences of the issuer `{}`",
                oidc.issuer
            ),
            "add it to the issuer's `audiences`".to_owned(),
        );
    }
    let listeners = || sections.listeners.iter().map(|placed| &placed.value);
    let is_open =
        |listener: &Listener| listener.tls_mode != TlsMode::Off || listener.tokens_in_clear;
    if !listeners().any(is_open) && !sections.listeners.is_empty() {
        report(
            format!("`{name}` shows a token, but no listener offers TLS"),
            "give a listener `tls`; on loopback, `tokens_in_clear = true` will do".to_owned(),
        );
    }
}

/// Rules need a catalog, and a catalog needs a role to read it with.
fn catalogs(root: &Section<'_>, identity: &Placed<Identity>, sections: &Sections<'_>) {
    for access in &identity.value.access {
        let resource = sections
            .resources
            .iter()
            .find(|r| r.value.name == access.resource);
        let policy = sections
            .policies
            .iter()
            .find(|p| p.value.name == access.policy);
        let (Some(resource), Some(policy)) = (resource, policy) else {
            continue;
        };
        if resource.value.catalog_user.is_none() && !policy.value.rules.is_empty() {
            root.reporter.report_with_hint(
                resource.span.clone(),
                format!(
                    "the rules of `{}` need the catalog of `{}`",
                    access.policy, access.resource
                ),
                "with `user = \"*\"`, give `catalog_user` too",
            );
        }
    }
}
