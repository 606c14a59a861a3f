//! `[gateway]`, `[[listener]]`, `[audit]` and `[limits]`.

use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;
use velum_core::audit::tree::key::is_name;

use super::Environment;
use super::model::*;
use super::reader::Section;
use super::secret::Secret;
use super::tls;
use crate::audit::signing::seed;

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;
const MIB: u64 = 1024 * 1024;
const MILLION: u64 = 1_000_000;
const HOLD_OFF_US: u64 = 200;

/// A key of the tokens that is shorter could be guessed.
const TOKEN_KEY_BYTES: usize = 24;

/// Reads `[gateway]`; all of it has defaults.
pub(super) fn gateway(section: Option<&Section<'_>>, environment: &Environment<'_>) -> Gateway {
    let mut gateway = Gateway {
        driver: Driver::Auto,
        threads: None,
        drain_timeout: Duration::from_secs(30),
        data_directory: environment.directory.join("data"),
        catalog_refresh: Duration::from_secs(1),
        random_tokens_most: MILLION as usize,
        hold_off_most: Duration::from_micros(HOLD_OFF_US),
    };
    let Some(section) = section else {
        return gateway;
    };
    let drivers = [
        ("auto", Driver::Auto),
        ("io_uring", Driver::IoUring),
        ("epoll", Driver::Epoll),
    ];
    gateway.driver = section.choice("driver", &drivers, Driver::Auto);
    let threads = section.integer("threads", 0..=1_024, 0);
    gateway.threads = (threads > 0).then_some(threads as usize);
    gateway.drain_timeout =
        Duration::from_millis(section.integer("drain_timeout_ms", 0..=HOUR_MS, 30 * SECOND_MS));
    gateway.catalog_refresh =
        Duration::from_millis(section.integer("catalog_refresh_ms", 100..=HOUR_MS, SECOND_MS));
    let tokens = section.integer("random_tokens_most", 1..=100_000_000, MILLION);
    gateway.random_tokens_most = tokens as usize;
    gateway.hold_off_most =
        Duration::from_micros(section.integer("hold_off_most_us", 0..=10_000, HOLD_OFF_US));
    if let Some(path) = section.path("data_directory") {
        gateway.data_directory = path.into_inner();
    }
    section.finish();
    gateway
}

/// Reads one `[[listener]]`.
pub(super) fn listener(section: &Section<'_>) -> Option<Listener> {
    let address = section
        .required_string("address")
        .and_then(|text| address(section, &text));
    let tls_section = section.section("tls");
    let default = if tls_section.is_some() {
        TlsMode::Required
    } else {
        TlsMode::Off
    };
    let modes = [
        ("off", TlsMode::Off),
        ("optional", TlsMode::Optional),
        ("required", TlsMode::Required),
    ];
    let tls_mode = section.choice("tls_mode", &modes, default);
    if tls_mode != TlsMode::Off && tls_section.is_none() {
        section.reporter.report_with_hint(
            section.span.clone(),
            "`tls_mode` asks for TLS, but the listener has no certificate",
            "add `tls = { certificate = \"…\", key = \"…\" }`",
        );
    }
    let tls = match &tls_section {
        Some(tls_section) => Some(tls::server(tls_section)?),
        None => None,
    };
    let tokens_in_clear = section.boolean("tokens_in_clear");
    if let (true, Some(open)) = (tokens_in_clear, address.filter(|it| !it.ip().is_loopback())) {
        section.reporter.report_with_hint(
            section.span.clone(),
            format!("`tokens_in_clear`, but {open} is not a loopback address"),
            "whoever reads a token can use it: give the listener `tls`",
        );
    }
    Some(Listener {
        address: address?,
        tls_mode,
        tls,
        tokens_in_clear,
    })
}

/// Address and port.
pub(super) fn address(section: &Section<'_>, text: &Spanned<String>) -> Option<SocketAddr> {
    match text.get_ref().parse() {
        Ok(address) => Some(address),
        Err(_) => {
            section.reporter.report_with_hint(
                text.span(),
                format!("`{}` is not an address", text.get_ref()),
                "write address and port, such as `127.0.0.1:6432` or `[::1]:6432`",
            );
            None
        }
    }
}

/// Reads `[audit]`, which must be there.
pub(super) fn audit(root: &Section<'_>) -> Option<Audit> {
    if !root.has("audit") {
        let hint = "add `[audit]` with `directory = \"…\"`";
        root.reporter
            .report_with_hint(0..0, "there is no `[audit]`", hint);
        return None;
    }
    let section = root.section("audit")?;
    section.require("directory");
    let directory = section.path("directory");
    let bounded = section.choice("mode", &[("durable", false), ("bounded", true)], false);
    let within = section.integer("bounded_ms", 1..=60 * SECOND_MS, 200);
    let bytes = section.integer("bounded_bytes", 4_096..=1_024 * MIB, MIB);
    for key in ["bounded_ms", "bounded_bytes"] {
        if let (false, Some(value)) = (bounded, section.value(key)) {
            let message = format!("`{key}` means nothing without `mode = \"bounded\"`");
            section.reporter.report(value.span(), message);
        }
    }
    let key = section.secret("key");
    if let Some(key) = key
        .as_ref()
        .filter(|key| key.expose().len() < TOKEN_KEY_BYTES)
    {
        section.reporter.report_with_hint(
            section
                .value("key")
                .map_or(section.span.clone(), |value| value.span()),
            format!("{} holds fewer than {TOKEN_KEY_BYTES} bytes", key.origin()),
            "make one with `openssl rand -hex 32`",
        );
    }
    let segment_bytes = section.integer("segment_bytes", MIB..=4_096 * MIB, 64 * MIB);
    let origin = section.string("origin");
    if let Some(origin) = origin.as_ref().filter(|it| !is_name(it.get_ref())) {
        section.reporter.report_with_hint(
            origin.span(),
            format!("`{}` cannot name a log", origin.get_ref()),
            "write a name without spaces and `+`, such as `audit.example.org/velum-1`",
        );
    }
    let signing_key = signing_key(&section, "signing_key");
    let previous_signing_key = signing_key_before(&section, signing_key.is_some());
    section.finish();
    let mode = match bounded {
        true => AuditMode::Bounded {
            within: Duration::from_millis(within),
            bytes,
        },
        false => AuditMode::Durable,
    };
    Some(Audit {
        directory: directory?.into_inner(),
        mode,
        key,
        segment_bytes,
        origin: origin.map(Spanned::into_inner),
        signing_key,
        previous_signing_key,
        accepts_mismatch: false,
    })
}

fn signing_key(section: &Section<'_>, key: &'static str) -> Option<Secret> {
    let secret = section.secret(key)?;
    if seed(secret.expose()).is_none() {
        section.reporter.report_with_hint(
            section
                .value(key)
                .map_or(section.span.clone(), |value| value.span()),
            format!("{} does not hold 64 hexadecimal digits", secret.origin()),
            "make one with `openssl rand -hex 32`",
        );
    }
    Some(secret)
}

fn signing_key_before(section: &Section<'_>, has_key: bool) -> Option<Secret> {
    let key = "previous_signing_key";
    let secret = signing_key(section, key)?;
    if let (false, Some(value)) = (has_key, section.value(key)) {
        let message = format!("`{key}` means nothing without `signing_key`");
        section.reporter.report(value.span(), message);
    }
    Some(secret)
}

/// Reads `[limits]`; all of it has defaults.
pub(super) fn limits(section: Option<&Section<'_>>) -> Limits {
    let mut limits = Limits {
        sessions: 10_000,
        pre_auth: 1_000,
        connect_timeout: Duration::from_secs(10),
    };
    let Some(section) = section else {
        return limits;
    };
    limits.sessions = section.integer("sessions", 1..=1_000_000, 10_000) as usize;
    limits.pre_auth = section.integer("pre_auth", 1..=1_000_000, 1_000) as usize;
    limits.connect_timeout = Duration::from_millis(section.integer(
        "connect_timeout_ms",
        100..=300 * SECOND_MS,
        10 * SECOND_MS,
    ));
    section.finish();
    limits
}
