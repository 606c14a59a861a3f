//! `store`: where grants, keys and sessions are kept.
//!
//! `store = "postgres://…"`, or `[store]` with the same as `url` and what goes with it.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio_postgres::config::Host;

use super::model::{ResourceAddress, UpstreamTlsMode};
use super::reader::Section;
use super::secret::{Secret, Source};
use super::tls;
use crate::store::Place;
use crate::store::postgres::Server;

const FORM: &str = "write `postgres://velum@db.example.org/velum?sslmode=verify-full`";
const PORT: u16 = 5432;

/// Reads `store`; missing is a file in the data directory. `None`: it has mistakes.
pub(super) fn store(root: &Section<'_>) -> Option<Place> {
    let Some(value) = root.value("store") else {
        return Some(Place::Folder);
    };
    if value.get_ref().is_str() {
        let url = root.string("store")?;
        let read = checked(root, url.span(), url.get_ref(), false)?;
        let tls = plain_tls(root, url.span(), read.mode)?;
        return place(root, url.span(), read, tls, None);
    }
    let section = root.section("store")?;
    section.require("url");
    let (span, read) = url(&section)?;
    let password = password(&section);
    let tls = tls::client(&section, read.mode);
    section.finish();
    place(root, span, read, tls?, password?)
}

/// What a URL says.
struct Url {
    hosts: Vec<ResourceAddress>,
    user: String,
    database: String,
    password: Option<Secret>,
    mode: UpstreamTlsMode,
}

/// `url`, in clear, or where the whole of it is a secret.
fn url(section: &Section<'_>) -> Option<(Range<usize>, Url)> {
    let value = section.value("url")?;
    if value.get_ref().is_str() {
        let url = section.string("url")?;
        let read = checked(section, url.span(), url.get_ref(), false)?;
        return Some((url.span(), read));
    }
    let secret = section.secret("url")?;
    let Ok(text) = std::str::from_utf8(secret.expose()) else {
        let message = format!("{} is not UTF-8", secret.origin());
        section.reporter.report(value.span(), message);
        return None;
    };
    let read = checked(section, value.span(), text, true)?;
    Some((value.span(), read))
}

/// `Some(None)`: there is none.
fn password(section: &Section<'_>) -> Option<Option<Source>> {
    if !section.has("password") {
        return Some(None);
    }
    let table = section.not_inline("password")?;
    let (span, source) = section.source("password", &table, "")?;
    section.readable(span, source.read_now())?;
    Some(Some(source))
}

fn checked(section: &Section<'_>, span: Range<usize>, text: &str, is_secret: bool) -> Option<Url> {
    // Whatever is wrong, a line with a password in it is not shown.
    let holds_password = text.split_once('@').is_some_and(|(before, _)| {
        let before = before.split_once("://").map_or(before, |(_, rest)| rest);
        before.contains(':')
    });
    if holds_password && !is_secret {
        section.reporter.conceal(span.clone());
        section.reporter.report_with_hint(
            span,
            "the address of the store holds a password in the file itself",
            "leave it out, and write `[store]` with `url` and `password = { file = \"…\" }`, or \
             `url = { env = \"…\" }`",
        );
        return None;
    }
    match read(text) {
        Ok(url) => Some(url),
        Err(reason) => {
            if !is_secret && text.contains("password") {
                section.reporter.conceal(span.clone());
            }
            section.reporter.report_with_hint(span, reason, FORM);
            None
        }
    }
}

fn read(text: &str) -> Result<Url, String> {
    let no_url = || "the store's address is no URL of PostgreSQL".to_owned();
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err(no_url());
    }
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let mut mode = None;
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "sslmode" => mode = Some(ssl_mode(&value)?),
            "host" | "port" => {
                kept.append_pair(&key, &value);
            }
            "sslrootcert" | "sslcert" | "sslkey" => {
                let what = "write `[store]` with `tls_ca`, `tls_certificate` and `tls_key` instead";
                return Err(format!("`{key}` in the store's address: {what}"));
            }
            _ => return Err(format!("`{key}` means nothing in the store's address")),
        }
    }
    let kept = kept.finish();
    let config: tokio_postgres::Config = format!("{base}?{kept}").parse().map_err(|_| no_url())?;
    let hosts = hosts(&config)?;
    let is_local = hosts
        .iter()
        .all(|it| matches!(it, ResourceAddress::Unix(_)));
    let default = match is_local {
        true => UpstreamTlsMode::Disable,
        false => UpstreamTlsMode::VerifyFull,
    };
    let named = |name: Option<&str>, what: &str| {
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        name.ok_or_else(|| format!("the store's address names no {what}"))
    };
    Ok(Url {
        hosts,
        user: named(config.get_user(), "user")?,
        database: named(config.get_dbname(), "database")?,
        password: config
            .get_password()
            .map(|password| Secret::new(password.to_vec(), "the store's address")),
        mode: mode.unwrap_or(default),
    })
}

fn ssl_mode(text: &str) -> Result<UpstreamTlsMode, String> {
    match text {
        "disable" => Ok(UpstreamTlsMode::Disable),
        "require" => Ok(UpstreamTlsMode::Require),
        "verify-ca" => Ok(UpstreamTlsMode::VerifyCa),
        "verify-full" => Ok(UpstreamTlsMode::VerifyFull),
        _ => Err(
            "`sslmode` of the store is one of disable, require, verify-ca and verify-full"
                .to_owned(),
        ),
    }
}

fn hosts(config: &tokio_postgres::Config) -> Result<Vec<ResourceAddress>, String> {
    let ports = config.get_ports();
    let port = |place: usize| match ports {
        [one] => *one,
        _ => ports.get(place).copied().unwrap_or(PORT),
    };
    let hosts: Vec<_> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(place, host)| match host {
            Host::Tcp(host) => ResourceAddress::Tcp {
                host: host.clone(),
                port: port(place),
            },
            Host::Unix(directory) => {
                let socket: PathBuf = directory.join(format!(".s.PGSQL.{}", port(place)));
                ResourceAddress::Unix(socket)
            }
        })
        .collect();
    match hosts.is_empty() {
        true => Err("the store's address names no host".to_owned()),
        false => Ok(hosts),
    }
}

fn plain_tls(
    root: &Section<'_>,
    span: Range<usize>,
    mode: UpstreamTlsMode,
) -> Option<Option<Arc<rustls::ClientConfig>>> {
    match tls::plain_client(mode) {
        Ok(tls) => Some(tls),
        Err(reason) => {
            root.reporter.report(span, reason);
            None
        }
    }
}

fn place(
    root: &Section<'_>,
    span: Range<usize>,
    url: Url,
    tls: Option<Arc<rustls::ClientConfig>>,
    password: Option<Source>,
) -> Option<Place> {
    for host in &url.hosts {
        let problem = match host {
            ResourceAddress::Tcp { host, .. } if tls.is_some() => {
                let name = ServerName::try_from(host.as_str());
                name.err()
                    .map(|_| format!("`{host}` is no name that a certificate can bear"))
            }
            ResourceAddress::Unix(_) if tls.is_some() => {
                Some("PostgreSQL speaks no TLS over a Unix socket: `sslmode=disable`".to_owned())
            }
            _ => None,
        };
        if let Some(problem) = problem {
            root.reporter.report(span, problem);
            return None;
        }
    }
    if password.is_some() && url.password.is_some() {
        let message = "the store's password is in its address and in `password`: keep one";
        root.reporter.report(span, message);
        return None;
    }
    Some(Place::Server(Arc::new(Server {
        hosts: url.hosts,
        user: url.user,
        database: url.database,
        password: password.or(url.password.map(Source::Known)),
        tls,
    })))
}
