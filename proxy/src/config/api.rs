//! `[api]` and `[grants]`

use std::collections::BTreeSet;
use std::time::Duration;

use velum_core::grant::{BreakGlass, Terms};

use super::gateway::address;
use super::model::{Api, GrantNeeded, OnMissing};
use super::reader::Section;
use super::tls;

const DAY_S: u64 = 86_400;
const YEAR_S: u64 = 366 * DAY_S;
const KIB: u64 = 1_024;
/// A client that is kept waiting longer is better told to come again.
const LONGEST_WAIT_MS: u64 = 3_600_000;

/// Reads `[api]`. Whoever decides about access does not do so in clear over a network.
pub(super) fn api(section: &Section<'_>) -> Option<Api> {
    let api = read(section);
    section.finish();
    api
}

fn read(section: &Section<'_>) -> Option<Api> {
    let listen = section.required_string("listen");
    let place = listen.as_ref().map(|text| text.span());
    let listen = listen.and_then(|text| address(section, &text));
    let tls = section.section("tls");
    let tls = match &tls {
        Some(tls) => Some(tls::server(tls)?),
        None => None,
    };
    if let (Some(listen), None) = (&listen, &tls)
        && !listen.ip().is_loopback()
    {
        section.reporter.report_with_hint(
            place.unwrap_or_else(|| section.span.clone()),
            "the API is not on a loopback address, and has no certificate",
            "add `tls = { certificate = \"…\", key = \"…\" }`, or listen on 127.0.0.1",
        );
    }
    let url = section.string("url");
    if let Some(url) = &url
        && !is_address(url.get_ref())
    {
        let message = format!("`{}` is not an address of the web", url.get_ref());
        let hint = "write where people reach the API, such as `https://velum.example.org`: a host, \
                    and perhaps a port and a path";
        section.reporter.report_with_hint(url.span(), message, hint);
    }
    Some(Api {
        listen: listen?,
        tls,
        url: url.map(|url| url.into_inner().trim_end_matches('/').to_owned()),
        requests_per_minute: section.integer("requests_per_minute", 1..=1_000_000, 600) as u32,
        body_bytes: section.integer("body_bytes", KIB..=1_024 * KIB, 64 * KIB) as usize,
        connections: section.integer("connections", 1..=100_000, 256) as usize,
        request_timeout: Duration::from_millis(section.integer(
            "request_timeout_ms",
            100..=300_000,
            10_000,
        )),
    })
}

/// Whether paths of the API can be put behind the text: no query, no fragment, nobody's name.
fn is_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let other = |char: char| !char.is_ascii_graphic() || "?#@\\\"<>".contains(char);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(other))
}

/// Reads `[grants]`; all of it has defaults.
pub(super) fn grants(section: Option<&Section<'_>>) -> Terms {
    let default = Terms::default();
    let Some(section) = section else {
        return default;
    };
    let set = |key| -> BTreeSet<String> {
        let names = section.strings(key).into_iter();
        names.map(|name| name.into_inner()).collect()
    };
    let seconds =
        |key, most, default_ms: u64| section.integer(key, 1..=most, default_ms / 1_000) * 1_000;
    let emergency = section.section("break_glass").map(|section| {
        let read = BreakGlass {
            people: section.integer("people", 1..=2, 2) as u8,
            longest_ms: section.integer("longest_s", 1..=DAY_S, 3_600) * 1_000,
        };
        section.finish();
        read
    });
    let terms = Terms {
        approvals: section.integer("approvals", 1..=16, u64::from(default.approvals)) as u8,
        approvers: set("approvers"),
        approver_groups: set("approver_groups"),
        conflicts: set("conflicts"),
        longest_ms: seconds("longest_s", YEAR_S, default.longest_ms),
        pending_ms: seconds("pending_s", YEAR_S, default.pending_ms),
        review_ms: seconds("review_s", YEAR_S, default.review_ms),
        break_glass: emergency,
    };
    let named = terms.approvers.len();
    if (1..usize::from(terms.approvals)).contains(&named) {
        let message = format!("{} have to agree, but only {named} may", terms.approvals);
        let place = section.value("approvers").map(|value| value.span());
        section
            .reporter
            .report(place.unwrap_or_else(|| section.span.clone()), message);
    }
    section.finish();
    terms
}

/// Reads what an identity's access says of grants.
pub(super) fn needed(section: &Section<'_>) -> Option<GrantNeeded> {
    let is_required = section.choice("grant", &[("required", true), ("standing", false)], false);
    let choices = [
        ("refuse", OnMissing::Refuse),
        ("request", OnMissing::Request),
        ("wait", OnMissing::Wait),
    ];
    let on_missing = section.choice("on_missing", &choices, OnMissing::Refuse);
    let wait_ms = section.integer("wait_ms", 100..=LONGEST_WAIT_MS, 60_000);
    let wanted_ms = section.integer("requests_s", 1..=YEAR_S, 3_600) * 1_000;
    let meaningless = [
        ("on_missing", is_required, "without `grant = \"required\"`"),
        (
            "requests_s",
            on_missing != OnMissing::Refuse,
            "where no request is made",
        ),
        (
            "wait_ms",
            on_missing == OnMissing::Wait,
            "without `on_missing = \"wait\"`",
        ),
    ];
    for (key, means_something, unless) in meaningless {
        if let (false, Some(value)) = (means_something, section.value(key)) {
            let message = format!("`{key}` means nothing {unless}");
            section.reporter.report(value.span(), message);
        }
    }
    is_required.then_some(GrantNeeded {
        on_missing,
        wait: Duration::from_millis(wait_ms),
        wanted: Duration::from_millis(wanted_ms),
    })
}
