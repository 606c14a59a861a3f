//! `velum.toml`: read once, checked whole, all mistakes reported at once.
//!
//! Nothing in it has a meaning by accident: an unknown key, a name that nothing bears and a
//! secret in the file itself are mistakes. Paths are relative to the file.
//!
//! * [`model`]: what comes out.
//! * [`profile`]: the eighteen identifiers and the profiles made of them; [`coverage`]: what of a
//!   policy covers each.
//! * `reader`: reads a table key by key and goes on after a mistake.
//! * `gateway`, `store`, `api`, `sealing`, `notify`, `receipts`, `recordings`, `originals`,
//!   `retention`, `ship`, `archive`, `witness`, `issuer`, `identity`, `resource`, `policy`: one
//!   section each; `oidc`: the keys of an identity that proves itself by tokens; `login`, `saml`:
//!   people; `strategy`: what a policy's rules do.
//! * `cross`: what no section can check alone; `against`: what a database would have to have.
//! * [`secret`] and [`tls`]: credentials and certificates that the file refers to; `credential`:
//!   those that may change while the gateway runs; `command`: what a program prints.

pub(crate) mod against;
mod api;
mod archive;
mod command;
pub mod coverage;
mod credential;
mod cross;
mod gateway;
mod identity;
mod issuer;
mod login;
pub mod model;
mod notify;
mod oidc;
mod originals;
mod policy;
pub mod problem;
pub mod profile;
mod reader;
mod receipts;
mod recordings;
mod resource;
mod retention;
mod saml;
mod scope;
mod sealing;
pub mod secret;
mod ship;
mod store;
mod strategy;
#[cfg(test)]
mod tests;
pub mod tls;
mod witness;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

pub use model::Config;
use problem::Reporter;
pub use problem::{Problem, Problems};
use reader::Section;
pub use secret::Secret;

/// Largest file that is read.
const CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The file has mistakes.
    Mistakes(Box<Problems>),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { path, reason } => {
                write!(f, "cannot read {}: {reason}", path.display())
            }
            ConfigError::Mistakes(problems) => f.write_str(&problems.to_text()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// What a file may refer to.
pub struct Environment<'e> {
    /// Relative paths start here.
    pub directory: PathBuf,
    /// Looks up an environment variable.
    pub variable: &'e dyn Fn(&str) -> Option<String>,
}

/// A section's value with the place that later checks point at.
struct Placed<T> {
    span: Range<usize>,
    value: T,
}

/// Reads and checks a file.
///
/// # Errors
/// [`ConfigError::Unreadable`] if there is no such file or it is not text;
/// [`ConfigError::Mistakes`] with all of them otherwise.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if metadata.len() > CONFIG_BYTES {
        return Err(unreadable(format!(
            "it is larger than {CONFIG_BYTES} bytes"
        )));
    }
    if metadata.permissions().mode() & 0o002 != 0 {
        return Err(unreadable(
            "anybody may write it; take that away: chmod o-w".to_owned(),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let variable = |name: &str| std::env::var(name).ok();
    parse(
        path,
        &text,
        &Environment {
            directory,
            variable: &variable,
        },
    )
    .map_err(|problems| ConfigError::Mistakes(Box::new(problems)))
}

/// Checks the text of a file.
///
/// # Errors
/// All mistakes, in the order of the file.
pub fn parse(path: &Path, text: &str, environment: &Environment<'_>) -> Result<Config, Problems> {
    let reporter = Reporter::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        report_syntax(text, &errors, &reporter);
        return Err(reporter.into_problems(path, text));
    }
    let config = build(path, text, &root, &reporter, environment);
    match config {
        Some(config) if reporter.is_empty() => Ok(config),
        _ => Err(reporter.into_problems(path, text)),
    }
}

fn build<'t>(
    path: &Path,
    text: &str,
    root: &'t Spanned<DeTable<'t>>,
    reporter: &'t Reporter,
    environment: &'t Environment<'t>,
) -> Option<Config> {
    let root = Section::new("", root.get_ref(), 0..0, reporter, environment);
    let gateway = gateway::gateway(root.section("gateway").as_ref(), environment);
    let store = store::store(&root);
    let listeners = collect(&root, "listener", gateway::listener);
    let audit = gateway::audit(&root);
    let issuers = collect(&root, "issuer", issuer::issuer);
    let identities = collect(&root, "identity", identity::identity);
    let resources = collect(&root, "resource", resource::resource);
    let policies = collect(&root, "policy", policy::policy);
    let limits = gateway::limits(root.section("limits").as_ref());
    let api = root.section("api").map(|section| api::api(&section));
    let grants = api::grants(root.section("grants").as_ref());
    let saml = collect(&root, "saml", |section| saml::saml(&root, section));
    let login = login::login(root.section("login").as_ref());
    let notify = collect(&root, "notify", notify::notify);
    let sealing = sealing::sealing(root.section("sealing").as_ref());
    let retention = retention::retention(root.section("retention").as_ref());
    let destinations = collect(&root, "ship", ship::destination);
    let buckets = collect(&root, "archive", archive::bucket);
    let witnesses = collect(&root, "witness", witness::witness);
    let receipts = receipts::receipts(root.section("receipts").as_ref());
    let recordings = recordings::recordings(root.section("recordings").as_ref());
    let originals = originals::originals(&root, recordings.as_ref());
    root.finish();
    let sections = cross::Sections {
        listeners: &listeners,
        issuers: &issuers,
        identities: &identities,
        resources: &resources,
        policies: &policies,
    };
    cross::check(&root, &sections);
    cross::unique_destinations(&root, &destinations, &buckets);
    cross::unique_names(&root, &notify, &witnesses);
    people(&root, &issuers, &saml);
    Some(Config {
        path: path.to_owned(),
        sha256: Sha256::digest(text.as_bytes()).into(),
        text: text.into(),
        gateway,
        store: store?,
        listeners: values(listeners),
        audit: audit?,
        issuers: values(issuers),
        identities: values(identities),
        resources: values(resources),
        policies: values(policies),
        limits,
        api: api.map_or(Some(None), |read| read.map(Some))?,
        grants,
        login,
        saml: values(saml),
        sealing,
        retention,
        ship: values(destinations),
        archive: values(buckets),
        witnesses: values(witnesses),
        receipts,
        recordings,
        originals,
        notify: values(notify),
    })
}

/// What keeps people from logging in.
fn people(root: &Section<'_>, issuers: &[Placed<model::Issuer>], saml: &[Placed<model::Saml>]) {
    login::check(root, issuers);
    saml::check(root, saml);
}

/// The tables of `[[key]]`; one with mistakes comes out as `None`, so that it still counts.
fn collect<T>(
    root: &Section<'_>,
    key: &'static str,
    read: impl Fn(&Section<'_>) -> Option<T>,
) -> Vec<Placed<T>> {
    let mut placed = Vec::new();
    for section in root.sections(key) {
        let value = read(&section);
        section.finish();
        if let Some(value) = value {
            placed.push(Placed {
                span: section.span,
                value,
            });
        }
    }
    placed
}

fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

/// A line that cannot be parsed may still hold a secret: what looks like one is not shown.
/// The first mistake of each line: after it the parser guesses.
fn report_syntax(text: &str, errors: &[toml::de::Error], reporter: &Reporter) {
    let mut reported = BTreeSet::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let at = span.start.min(text.len());
        let line_start = text.as_bytes()[..at]
            .iter()
            .rposition(|byte| *byte == b'\n');
        let line_start = line_start.map_or(0, |newline| newline + 1);
        if !reported.insert(line_start) {
            continue;
        }
        let line_end = text.as_bytes()[at..].iter().position(|byte| *byte == b'\n');
        let line_end = line_end.map_or(text.len(), |rest| at + rest);
        let line = &text[line_start..line_end];
        let lower = line.to_ascii_lowercase();
        let secretive = ["password", "verifier", "secret", "key", "store", "url"]
            .iter()
            .any(|word| lower.contains(word));
        if let (true, Some(equals)) = (secretive, line.find('=')) {
            reporter.conceal(line_start + equals + 1..line_end);
        }
        // The parser's own text may quote the line.
        let message = error.message().lines().next().unwrap_or("not TOML");
        reporter.report(span, message);
    }
}
