//! Credentials: never in the file itself, but in a file, an environment variable, a credential
//! that systemd passes, or what a command prints.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;
use toml::Spanned;
use zeroize::Zeroizing;

use super::command;
use super::reader::Section;

/// Longest credential that is read.
pub(super) const SECRET_BYTES: u64 = 64 * 1024;

/// A secret that was read; wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    origin: String,
}

impl Secret {
    /// A secret from elsewhere than a configuration file.
    pub fn new(bytes: Vec<u8>, origin: impl Into<String>) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
            origin: origin.into(),
        }
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The secret itself, in memory that is wiped when dropped.
    pub fn expose_owned(&self) -> Zeroizing<Vec<u8>> {
        self.bytes.clone()
    }

    /// Where it came from, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// In constant time; where it came from does not count.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.origin)
    }
}

/// Where a secret is, for who reads it again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a file that nobody else on the machine can read.
    File(PathBuf),
    /// What a program prints.
    Command {
        /// The program and its arguments; no shell.
        words: Vec<String>,
        /// Where it runs.
        directory: PathBuf,
    },
    /// It was read once and for all.
    Known(Secret),
}

impl Source {
    /// The secret as it is now.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do.
    pub(crate) fn read(&self) -> Result<Secret, String> {
        self.read_now().map_err(Unreadable::into_text)
    }

    pub(super) fn read_now(&self) -> Result<Secret, Unreadable> {
        match self {
            Source::File(path) => {
                read_secret_file(path).map(|bytes| Secret::new(bytes, path.display().to_string()))
            }
            Source::Command { words, directory } => {
                let origin = format!("command {}", words.first().map_or("", String::as_str));
                let printed = command::run(words, directory);
                let mut printed = printed.map_err(|reason| Unreadable {
                    message: format!("{origin}: {reason}"),
                    hint: None,
                })?;
                let bytes = checked(std::mem::take(&mut *printed), || origin.clone())?;
                Ok(Secret::new(bytes, origin))
            }
            Source::Known(secret) => Ok(secret.clone()),
        }
    }
}

/// Why a credential could not be read, and what mends it.
pub(super) struct Unreadable {
    message: String,
    hint: Option<String>,
}

impl Unreadable {
    fn into_text(self) -> String {
        match self.hint {
            Some(hint) => format!("{}: {hint}", self.message),
            None => self.message,
        }
    }
}

impl<'t> Section<'t> {
    /// A credential that may be missing: `{ file = … }`, `{ env = … }`, `{ systemd = … }` or
    /// `{ command = […] }`.
    pub(super) fn secret(&self, key: &'static str) -> Option<Secret> {
        let section = self.not_inline(key)?;
        let (span, source) = self.source(key, &section, "")?;
        self.readable(span, source.read_now())
    }

    /// The table of a credential; a text in its place is a secret in the file, and not shown.
    pub(super) fn not_inline(&self, key: &'static str) -> Option<Section<'t>> {
        let value = self.value(key)?;
        if value.get_ref().is_str() {
            self.reporter.conceal(value.span());
            self.reporter.report_with_hint(
                value.span(),
                format!("`{key}` holds a secret in the file itself"),
                format!(
                    "write `{key} = {{ file = \"…\" }}`, `{{ env = \"…\" }}` or \
                     `{{ systemd = \"…\" }}`"
                ),
            );
            return None;
        }
        self.section(key)
    }

    /// Where a credential is, by its table; `others` are the keys that it may have instead.
    pub(super) fn source(
        &self,
        key: &'static str,
        section: &Section<'_>,
        others: &str,
    ) -> Option<(Range<usize>, Source)> {
        let file = section.string("file");
        let env = section.string("env");
        let systemd = section.string("systemd");
        let words = section.strings("command");
        section.finish();
        let sources = [&file, &env, &systemd].into_iter().flatten().count();
        if sources + usize::from(section.has("command")) != 1 {
            let message = format!(
                "`{key}` needs exactly one of `file`, `env`, `systemd`{others} and `command`"
            );
            self.reporter.report(section.span.clone(), message);
            return None;
        }
        if let Some(file) = file {
            let path = self.environment.directory.join(file.get_ref());
            return Some((file.span(), Source::File(path)));
        }
        if let Some(env) = env {
            let secret = self.readable(env.span(), self.read_variable(env.get_ref()))?;
            return Some((env.span(), Source::Known(secret)));
        }
        if let Some(name) = systemd {
            let secret = self.readable(name.span(), self.read_systemd(name.get_ref()))?;
            return Some((name.span(), Source::Known(secret)));
        }
        let words: Vec<String> = words.into_iter().map(Spanned::into_inner).collect();
        if words.first().is_none_or(String::is_empty) {
            let message = "`command` names no program";
            self.reporter.report(section.span.clone(), message);
            return None;
        }
        let directory = self.environment.directory.clone();
        Some((section.span.clone(), Source::Command { words, directory }))
    }

    /// A key that is given as a bare path.
    pub(super) fn secret_file(&self, key: &'static str) -> Option<Secret> {
        let file = self.string(key)?;
        self.readable(file.span(), self.read_file(&file))
    }

    pub(super) fn readable(
        &self,
        span: Range<usize>,
        read: Result<Secret, Unreadable>,
    ) -> Option<Secret> {
        match read {
            Ok(secret) => return Some(secret),
            Err(Unreadable {
                message,
                hint: None,
            }) => self.reporter.report(span, message),
            Err(Unreadable {
                message,
                hint: Some(hint),
            }) => {
                self.reporter.report_with_hint(span, message, hint);
            }
        }
        None
    }

    /// A path, relative to the file, that may be missing.
    pub(super) fn path(&self, key: &'static str) -> Option<Spanned<PathBuf>> {
        let text = self.string(key)?;
        Some(Spanned::new(
            text.span(),
            self.environment.directory.join(text.get_ref()),
        ))
    }

    fn read_file(&self, file: &Spanned<String>) -> Result<Secret, Unreadable> {
        let path = self.environment.directory.join(file.get_ref());
        read_secret_file(&path).map(|bytes| Secret::new(bytes, path.display().to_string()))
    }

    fn read_variable(&self, name: &str) -> Result<Secret, Unreadable> {
        let value = (self.environment.variable)(name).ok_or_else(|| Unreadable {
            message: format!("the environment variable `{name}` is not set"),
            hint: None,
        })?;
        let bytes = checked(value.into_bytes(), || {
            format!("environment variable `{name}`")
        })?;
        Ok(Secret::new(bytes, format!("environment variable {name}")))
    }

    fn read_systemd(&self, name: &str) -> Result<Secret, Unreadable> {
        if name.contains('/') || name.starts_with('.') {
            let message = "the name of a systemd credential has no path".to_owned();
            return Err(Unreadable {
                message,
                hint: None,
            });
        }
        let directory =
            (self.environment.variable)("CREDENTIALS_DIRECTORY").ok_or_else(|| Unreadable {
                message: "systemd passes no credentials to this process".to_owned(),
                hint: Some(format!("set `LoadCredential={name}:…` in the unit")),
            })?;
        let path = Path::new(&directory).join(name);
        read_secret_file(&path).map(|bytes| Secret::new(bytes, format!("credential {name}")))
    }
}

/// A secret in a file that nobody else on the machine can read.
///
/// # Errors
/// Why it cannot be used, and what to do.
pub(crate) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let read = read_secret_file(path).map(Zeroizing::new);
    read.map_err(Unreadable::into_text)
}

fn read_secret_file(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| Unreadable {
        message: format!("cannot read {shown}: {error}"),
        hint: None,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Unreadable {
            message: format!("{shown} is a directory"),
            hint: None,
        });
    }
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(Unreadable {
            message: format!("{shown} is open to every user of the machine"),
            hint: Some(format!("chmod 600 {shown}")),
        });
    }
    // Room for all of it, so that growing leaves no copies behind.
    let size = metadata.len().min(SECRET_BYTES) as usize;
    let mut bytes = Vec::with_capacity(size + 64);
    file.take(SECRET_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    checked(bytes, || shown.to_string())
}

/// Refuses what is empty or oversized, and takes off the line end that editors add.
fn checked(mut bytes: Vec<u8>, origin: impl Fn() -> String) -> Result<Vec<u8>, Unreadable> {
    if bytes.len() as u64 > SECRET_BYTES {
        let message = format!("{} holds more than {SECRET_BYTES} bytes", origin());
        return Err(Unreadable {
            message,
            hint: None,
        });
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Unreadable {
            message: format!("{} is empty", origin()),
            hint: None,
        });
    }
    Ok(bytes)
}
