//! `[[ship]]`

use super::reader::Section;
use super::tls;
use crate::audit::ship::{Destination, Protocol};
use crate::identity::place::Place;

/// Ports that are assigned to syslog over TLS (RFC 5425) and over TCP.
const SYSLOG_PORTS: [u16; 2] = [6_514, 601];
/// Longest name, which names a file.
const NAME_BYTES: usize = 64;

/// Reads one `[[ship]]`.
pub(super) fn destination(section: &Section<'_>) -> Option<Destination> {
    let name = section.required_string("name");
    if let Some(name) = name.as_ref().filter(|name| !is_name(name.get_ref())) {
        section.reporter.report_with_hint(
            name.span(),
            format!("`{}` cannot name a destination", name.get_ref()),
            "write letters, digits, `-` and `_`",
        );
        return None;
    }
    let protocols = [
        ("syslog", Protocol::Syslog),
        ("otlp", Protocol::Otlp),
        ("https", Protocol::Https),
    ];
    let protocol = section.required_choice("kind", &protocols);
    let url = section.required_string("url");
    let place = match (&protocol, &url) {
        (Some(protocol), Some(url)) => place(section, *protocol, url),
        _ => None,
    };
    let token = section.secret("token");
    if let (Some(Protocol::Syslog), Some(value)) = (protocol, section.value("token")) {
        let message = "`token` means nothing with `kind = \"syslog\"`";
        section.reporter.report(value.span(), message);
    }
    let batch = section.integer("batch", 1..=10_000, 500) as usize;
    let tls = tls::issuer(section);
    Some(Destination {
        name: name?.into_inner(),
        protocol: protocol?,
        place: place?,
        tls: tls?,
        token,
        batch,
    })
}

/// A name that a file can bear.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Where it is. Records go nowhere in clear but to this machine itself.
fn place(section: &Section<'_>, protocol: Protocol, url: &toml::Spanned<String>) -> Option<Place> {
    let text = url.get_ref();
    let is_syslog = protocol == Protocol::Syslog;
    let as_web = match text.split_once("://") {
        Some(("tls", rest)) if is_syslog => format!("https://{rest}"),
        Some(("tcp", rest)) if is_syslog => format!("http://{rest}"),
        Some(_) if is_syslog => String::new(),
        _ => text.clone(),
    };
    let place = Place::read(&as_web).map(|mut place| {
        let usual = [443, 80].contains(&place.port) && !text.ends_with(&place.port.to_string());
        if is_syslog && usual {
            place.port = SYSLOG_PORTS[usize::from(!place.is_secure)];
        }
        if protocol == Protocol::Otlp && place.path == "/" {
            "/v1/logs".clone_into(&mut place.path);
        }
        place
    });
    match place {
        Ok(place) => Some(place),
        Err(error) => {
            section.reporter.report_with_hint(
                url.span(),
                format!("`{text}`: {error}"),
                match is_syslog {
                    true => "write `tls://siem.example.org:6514`, or `tcp://` to this machine",
                    false => "write `https://siem.example.org/audit`, or `http://` to this machine",
                },
            );
            None
        }
    }
}
