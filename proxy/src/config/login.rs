//! `[login]` and `[issuer.login]`: people.

use std::time::Duration;

use toml::Spanned;

use super::model::{Issuer, IssuerKeys, IssuerLogin, Login, StepUp};
use super::reader::Section;
use super::{Placed, cross};
use crate::identity::Place;

const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 86_400 * SECOND_MS;
/// What stands in the place of an issuer in addresses of the API.
const RESERVED: &[&str] = &["saml"];

/// Reads `[login]`; all of it has defaults.
pub(super) fn login(section: Option<&Section<'_>>) -> Login {
    let usual = Login::default();
    let Some(section) = section else {
        return usual;
    };
    let length = |key, usual: Duration, most_ms| {
        let usual_ms = u64::try_from(usual.as_millis()).unwrap_or(most_ms);
        Duration::from_millis(section.integer(key, SECOND_MS..=most_ms, usual_ms))
    };
    let texts = |key| {
        let texts = section.strings(key).into_iter();
        texts.map(Spanned::into_inner).collect()
    };
    let read = Login {
        idle: length("idle_timeout_ms", usual.idle, DAY_MS),
        absolute: length("absolute_timeout_ms", usual.absolute, 7 * DAY_MS),
        rotate: length("rotate_ms", usual.rotate, DAY_MS),
        step_up: StepUp {
            within: length("step_up_within_ms", usual.step_up.within, DAY_MS),
            amr: texts("step_up_amr"),
            acr: texts("step_up_acr"),
        },
    };
    if read.step_up.amr.iter().any(|method| method == "pwd") {
        section.reporter.report_with_hint(
            section
                .value("step_up_amr")
                .map_or(section.span.clone(), |it| it.span()),
            "`pwd` is the password that every log-in begins with: nobody would have to step up",
            "name a second factor, such as `hwk` or `otp` (RFC 8176), or leave the key out",
        );
    }
    if read.absolute < read.idle {
        section.reporter.report_with_hint(
            section.span.clone(),
            "`absolute_timeout_ms` is less than `idle_timeout_ms`",
            "a session would be over before it could be idle for so long",
        );
    }
    section.finish();
    read
}

/// Reads `login` of an issuer.
pub(super) fn issuer(issuer: &Section<'_>) -> Option<Option<IssuerLogin>> {
    let Some(section) = issuer.section("login") else {
        return Some(None);
    };
    let client_id = section.required_string("client_id");
    let secret = section.secret("client_secret");
    let scope = section.string("scope");
    let device_client_id = section.string("device_client_id");
    section.finish();
    let text = scope.as_ref().map_or("openid", |it| it.get_ref().as_str());
    if !text.split(' ').any(|word| word == "openid") {
        section.reporter.report_with_hint(
            scope.as_ref().map_or(section.span.clone(), Spanned::span),
            "`scope` of `login` lacks `openid`",
            "without it the issuer says nothing about who has logged in",
        );
    }
    Some(Some(IssuerLogin {
        client_id: client_id?.into_inner(),
        client_secret: secret,
        scope: text.to_owned(),
        device_client_id: device_client_id.map(Spanned::into_inner),
    }))
}

/// Reports what keeps people from logging in at an issuer.
pub(super) fn check(root: &Section<'_>, issuers: &[Placed<Issuer>]) {
    for placed in issuers {
        let Some(login) = &placed.value.login else {
            continue;
        };
        let report = |message: String, hint: &str| {
            let reporter = root.reporter;
            reporter.report_with_hint(placed.span.clone(), message, hint);
        };
        let name = &placed.value.name;
        name_fits(name, &report);
        own_address(root, name, &report);
        if matches!(placed.value.keys, IssuerKeys::Fixed(_)) {
            report(
                format!("people log in at `{name}`, which is never asked: its keys are a file"),
                "leave `jwks` out, so that the issuer is asked",
            );
        }
        if placed.value.roles.is_empty() {
            report(
                format!("people log in at `{name}`, but nobody could do anything"),
                "say what their groups may do: `roles = { leads = \"approver\" }`",
            );
        }
        if let Some(device) = &login.device_client_id
            && !placed.value.audiences.contains(device)
        {
            report(
                format!("`{device}` is none of the audiences of the issuer `{name}`"),
                "tokens of `velum login` are for it: add it to the issuer's `audiences`",
            );
        }
    }
}

/// The name is a part of addresses.
pub(super) fn name_fits(name: &str, report: &impl Fn(String, &str)) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.bytes().all(plain) || RESERVED.contains(&name) {
        report(
            format!("`{name}` cannot be a part of an address"),
            "people log in below it: write letters, digits, `-` and `_`, and not `saml`",
        );
    }
}

/// The issuer sends people back to the API.
pub(super) fn own_address(root: &Section<'_>, name: &str, report: &impl Fn(String, &str)) {
    let url = cross::text(root, "api", "url");
    if url.is_none_or(|url| Place::read(&url).is_err()) {
        report(
            format!("people log in at `{name}`, but it is not known where the API is"),
            "add `url = \"https://velum.example.org\"` to `[api]`; http is for loopback only",
        );
    }
}
