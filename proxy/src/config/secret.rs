//! Credentials: never in the file itself, but in a file, an environment variable or a
//! credential that systemd passes.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;
use toml::Spanned;
use zeroize::Zeroizing;

use super::reader::Section;

/// Longest credential that is read.
const SECRET_BYTES: u64 = 64 * 1024;

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

/// Why a credential could not be read, and what mends it.
struct Unreadable {
    message: String,
    hint: Option<String>,
}

impl Section<'_> {
    /// A credential that may be missing: `{ file = … }`, `{ env = … }` or `{ systemd = … }`.
    pub(super) fn secret(&self, key: &'static str) -> Option<Secret> {
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
        let section = self.section(key)?;
        let file = section.string("file");
        let env = section.string("env");
        let systemd = section.string("systemd");
        section.finish();
        let origin = value.span();
        let sources = [&file, &env, &systemd].into_iter().flatten().count();
        if sources != 1 {
            let message = format!("`{key}` needs exactly one of `file`, `env` and `systemd`");
            self.reporter.report(origin, message);
            return None;
        }
        let (span, read) = if let Some(file) = file {
            (file.span(), self.read_file(&file))
        } else if let Some(env) = env {
            (env.span(), self.read_variable(env.get_ref()))
        } else {
            let name = systemd?;
            (name.span(), self.read_systemd(name.get_ref()))
        };
        self.readable(span, read)
    }

    /// A key that is given as a bare path.
    pub(super) fn secret_file(&self, key: &'static str) -> Option<Secret> {
        let file = self.string(key)?;
        self.readable(file.span(), self.read_file(&file))
    }

    fn readable(&self, span: Range<usize>, read: Result<Secret, Unreadable>) -> Option<Secret> {
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
    read.map_err(|Unreadable { message, hint }| match hint {
        Some(hint) => format!("{message}: {hint}"),
        None => message,
    })
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
    let mut bytes = Vec::new();
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
