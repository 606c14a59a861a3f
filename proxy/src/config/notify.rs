//! `[[notify]]`

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use toml::Spanned;

use super::model::{Channel, Email, MailTls, Notify, Occasion};
use super::problem::one_of;
use super::reader::Section;
use super::tls;
use crate::identity::place::Place;

#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    Slack,
    Email,
}

/// Longest name: it is a part of every message's.
const NAME_BYTES: usize = 64;
/// Shortest secret of signatures.
const SECRET_BYTES: usize = 16;
const HOUR_MS: u64 = 3_600_000;

/// Reads one `[[notify]]`.
pub(super) fn notify(section: &Section<'_>) -> Option<Notify> {
    let name = section.required_string("name");
    let kinds = [
        ("webhook", Kind::Webhook),
        ("slack", Kind::Slack),
        ("email", Kind::Email),
    ];
    let kind = section.required_choice("kind", &kinds);
    let occasions = occasions(section);
    let attempts_most = section.integer("attempts_most", 1..=50, 12);
    let retry_ms = section.integer("retry_ms", 100..=HOUR_MS, 5_000);
    let channel = match kind? {
        Kind::Webhook => webhook(section),
        Kind::Slack => slack(section),
        Kind::Email => email(section).map(Channel::Email),
    };
    let name = name?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.get_ref().len() > NAME_BYTES || !name.get_ref().bytes().all(plain) {
        let message = format!("a name has 1 to {NAME_BYTES} letters, digits, `-`, `_` and `.`");
        section.reporter.report(name.span(), message);
    }
    Some(Notify {
        name: name.into_inner(),
        channel: channel?,
        occasions,
        attempts_most: u32::try_from(attempts_most).unwrap_or(12),
        retry: Duration::from_millis(retry_ms),
    })
}

/// All, where nothing is said.
fn occasions(section: &Section<'_>) -> BTreeSet<Occasion> {
    if !section.has("events") {
        return Occasion::ALL.iter().map(|(_, it)| *it).collect();
    }
    let mut found = BTreeSet::new();
    for name in section.strings("events") {
        match Occasion::ALL
            .iter()
            .find(|(known, _)| known == name.get_ref())
        {
            Some((_, occasion)) => {
                found.insert(*occasion);
            }
            None => {
                let message = format!("`{}` is no event that is told of", name.get_ref());
                let hint = format!("write {}", one_of(Occasion::ALL.iter().map(|it| it.0)));
                section
                    .reporter
                    .report_with_hint(name.span(), message, hint);
            }
        }
    }
    found
}

fn webhook(section: &Section<'_>) -> Option<Channel> {
    let url = section.required_string("url");
    let secret = section
        .require("secret")
        .and_then(|()| section.secret("secret"));
    let tls = tls::issuer(section);
    let url = url?;
    let place = Place::read(url.get_ref());
    let place = place.map_err(|error| {
        let message = format!("`{}`: {error}", url.get_ref());
        section.reporter.report(url.span(), message);
    });
    let secret = secret?;
    if secret.expose().len() < SECRET_BYTES {
        section.reporter.report_with_hint(
            section.span.clone(),
            format!("{} holds fewer than {SECRET_BYTES} bytes", secret.origin()),
            "make one with `openssl rand -hex 32`",
        );
    }
    Some(Channel::Webhook {
        place: place.ok()?,
        secret,
        tls: tls?,
    })
}

fn slack(section: &Section<'_>) -> Option<Channel> {
    let url = section.require("url").and_then(|()| section.secret("url"));
    let tls = tls::issuer(section);
    let url = url?;
    let text = std::str::from_utf8(url.expose()).unwrap_or_default();
    match Place::read(text) {
        Ok(place) => Some(Channel::Slack { place, tls: tls? }),
        // What it says instead may be a secret as well.
        Err(error) => {
            let message = format!("{} holds no address: {error}", url.origin());
            section.reporter.report(section.span.clone(), message);
            None
        }
    }
}

fn email(section: &Section<'_>) -> Option<Email> {
    let server = section.required_string("server");
    let modes = [
        ("starttls", MailTls::StartTls),
        ("wrapped", MailTls::Wrapped),
        ("off", MailTls::Off),
    ];
    let tls = section.choice("tls", &modes, MailTls::StartTls);
    let ca = section.path("ca");
    let user = section.string("user");
    let password = section.secret("password");
    let from = section.required_string("from");
    section.require("to")?;
    let to = section.strings("to");
    let server = server?;
    let (host, port) = address(section, &server, tls)?;
    let is_home = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if tls == MailTls::Off && !is_home {
        let message = "without TLS only a server on loopback can be asked";
        section.reporter.report(server.span(), message);
    }
    if user.is_some() != section.has("password") {
        let message = "`user` and `password` belong together";
        section.reporter.report(section.span.clone(), message);
    }
    let from = mailbox(section, from?);
    let to: Vec<String> = to
        .into_iter()
        .filter_map(|it| mailbox(section, it))
        .collect();
    if to.is_empty() {
        section
            .reporter
            .report(section.span.clone(), "`to` names nobody");
    }
    let ca = match ca {
        None => None,
        Some(path) => match std::fs::read(path.get_ref()) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let message = format!("{}: {error}", path.get_ref().display());
                section.reporter.report(path.span(), message);
                return None;
            }
        },
    };
    Some(Email {
        host,
        port,
        tls,
        ca,
        login: user.map(Spanned::into_inner).zip(password),
        from: from?,
        to,
    })
}

fn address(section: &Section<'_>, server: &Spanned<String>, tls: MailTls) -> Option<(String, u16)> {
    let usual = match tls {
        MailTls::Wrapped => 465,
        MailTls::StartTls | MailTls::Off => 587,
    };
    let text = server.get_ref().as_str();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (text, Some(usual)),
    };
    let plain = |char: char| char.is_ascii_alphanumeric() || ".-".contains(char);
    match port {
        Some(port) if !host.is_empty() && host.chars().all(plain) => Some((host.to_owned(), port)),
        _ => {
            section.reporter.report_with_hint(
                server.span(),
                format!("`{text}` is not an address"),
                "write host and port, such as `smtp.example.org:587`",
            );
            None
        }
    }
}

fn mailbox(section: &Section<'_>, text: Spanned<String>) -> Option<String> {
    match text.get_ref().parse::<lettre::message::Mailbox>() {
        Ok(_) => Some(text.into_inner()),
        Err(_) => {
            let message = format!("`{}` is no address of e-mail", text.get_ref());
            section.reporter.report(text.span(), message);
            None
        }
    }
}
