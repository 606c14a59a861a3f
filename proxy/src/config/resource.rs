//! `[[resource]]`

use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use toml::Spanned;

use super::model::*;
use super::reader::Section;
use super::tls;

const POSTGRES_PORT: u16 = 5432;

#[derive(Clone, Copy)]
enum Kind {
    Postgres,
}

/// Reads one `[[resource]]`.
pub(super) fn resource(section: &Section<'_>) -> Option<Resource> {
    let name = section.required_string("name");
    let kind = section.required_choice("kind", &[("postgres", Kind::Postgres)]);
    let address = section
        .required_string("address")
        .and_then(|text| place(section, &text));
    let database = section.required_string("database").map(name_or_any);
    let user = section.required_string("user").map(name_or_any);
    let catalog_user = section.string("catalog_user").map(Spanned::into_inner);
    let checks = [("interval", false), ("statement", true)];
    let checks_statements = section.choice("catalog_check", &checks, false);
    let reuse = reuse(section);
    let connections_most = section.integer("connections_most", 0..=100_000, 0) as usize;
    let stamps_identity = section.boolean("stamp_identity");
    let password = section.credential("password");
    let modes = [
        ("disable", UpstreamTlsMode::Disable),
        ("require", UpstreamTlsMode::Require),
        ("verify-ca", UpstreamTlsMode::VerifyCa),
        ("verify-full", UpstreamTlsMode::VerifyFull),
    ];
    let tls_mode = section.choice("tls_mode", &modes, UpstreamTlsMode::VerifyFull);
    let tls = tls::client(section, tls_mode);
    let Kind::Postgres = kind?;
    let address = address?;
    if let (ResourceAddress::Tcp { host, .. }, Some(Some(_))) = (&address, &tls)
        && ServerName::try_from(host.as_str()).is_err()
    {
        let message = format!("`{host}` is no name that a certificate can bear");
        section.reporter.report(section.span.clone(), message);
    }
    if let (ResourceAddress::Unix(_), Some(Some(_))) = (&address, &tls) {
        section.reporter.report_with_hint(
            section.span.clone(),
            "PostgreSQL speaks no TLS over a Unix socket",
            "add `tls_mode = \"disable\"`",
        );
    }
    let user = user?;
    if password.as_ref().is_some_and(Credential::is_dynamic) {
        let is_odd = catalog_user.is_some() || user == NameOrAny::Any;
        if is_odd {
            section.reporter.report_with_hint(
                section.span.clone(),
                "a dynamic role logs in for everybody, and for the gateway itself",
                "give `user` a name, which is for messages alone, and no `catalog_user`",
            );
        }
    }
    let catalog_user = match (&user, catalog_user) {
        (_, Some(name)) => Some(name),
        (NameOrAny::Fixed(name), None) => Some(name.clone()),
        (NameOrAny::Any, None) => None,
    };
    Some(Resource {
        name: name?.into_inner(),
        address,
        database: database?,
        user,
        catalog_user,
        checks_statements,
        reuse,
        connections_most: (connections_most > 0).then_some(connections_most),
        stamps_identity,
        tls_mode,
        tls: tls?,
        password,
    })
}

fn reuse(section: &Section<'_>) -> Option<Reuse> {
    let is_on = section.choice("reuse", &[("off", false), ("session", true)], false);
    for key in ["reuse_most", "reuse_idle_ms", "reuse_lifetime_ms"] {
        if section.has(key) && !is_on {
            let message = format!("`{key}` means nothing without `reuse`");
            section.reporter.report_with_hint(
                section.span.clone(),
                message,
                "add `reuse = \"session\"`",
            );
        }
    }
    let reuse = Reuse {
        most: section.integer("reuse_most", 1..=10_000, 16) as usize,
        idle: Duration::from_millis(section.integer("reuse_idle_ms", 100..=86_400_000, 60_000)),
        lifetime: Duration::from_millis(section.integer(
            "reuse_lifetime_ms",
            100..=86_400_000,
            3_600_000,
        )),
    };
    is_on.then_some(reuse)
}

fn name_or_any(name: Spanned<String>) -> NameOrAny {
    match name.get_ref().as_str() {
        "*" => NameOrAny::Any,
        _ => NameOrAny::Fixed(name.into_inner()),
    }
}

/// `host`, `host:port`, `[v6]:port`, or the path of a socket or of its directory.
fn place(section: &Section<'_>, text: &Spanned<String>) -> Option<ResourceAddress> {
    let address = text.get_ref().as_str();
    if address.starts_with('/') {
        let path = PathBuf::from(address);
        let socket = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(".s.PGSQL."));
        let path = if socket {
            path
        } else {
            path.join(format!(".s.PGSQL.{POSTGRES_PORT}"))
        };
        return Some(ResourceAddress::Unix(path));
    }
    let bracketed = address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = port.map_or(Ok(POSTGRES_PORT), str::parse);
    let good = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || ".-_:".contains(char))
    };
    match port {
        Ok(port) if port > 0 && good(host) => Some(ResourceAddress::Tcp {
            host: host.to_owned(),
            port,
        }),
        _ => {
            section.reporter.report_with_hint(
                text.span(),
                format!("`{address}` is not an address"),
                "write host and port, such as `db.example.org:5432` or `[::1]:5432`",
            );
            None
        }
    }
}
