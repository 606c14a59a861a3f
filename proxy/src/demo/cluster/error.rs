//! Why a cluster could not be had.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What went wrong around a private cluster, grouped by who has to act.
#[derive(Debug)]
pub enum ClusterError {
    /// The machine: no usable PostgreSQL, and none could be installed.
    Missing {
        /// Every place that was tried and what it said, one a line.
        tried: String,
    },
    /// The machine: a file, directory or process operation failed.
    Io {
        /// What was being done.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// PostgreSQL: one of its tools failed, or the server ended while starting.
    Tool {
        /// `initdb`, `postgres`, `apt-get`, …
        tool: String,
        /// The last lines that it wrote.
        output: String,
    },
    /// PostgreSQL: the server did not become ready, or did not stop, in time.
    Slow {
        /// What was waited for.
        waited_for: &'static str,
        /// How long.
        waited: Duration,
    },
    /// The caller: the server refused the SQL.
    Sql {
        /// The five-character SQLSTATE.
        sqlstate: String,
        /// The server's primary message. The cluster holds synthetic data only.
        message: String,
    },
    /// The caller: the certificate could not be made from what was asked.
    Certificate(rcgen::Error),
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { tried } => {
                writeln!(
                    f,
                    "no PostgreSQL server found, and none could be installed:"
                )?;
                write!(f, "{tried}")?;
                write!(
                    f,
                    "Install one (apt-get install postgresql) or set PG_BIN to its bin/."
                )
            }
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Tool { tool, output } => write!(f, "{tool} failed:\n{output}"),
            Self::Slow { waited_for, waited } => {
                write!(f, "{waited_for}: not within {:.1} s", waited.as_secs_f32())
            }
            Self::Sql { sqlstate, message } => write!(f, "{message} (SQLSTATE {sqlstate})"),
            Self::Certificate(source) => write!(f, "making a certificate: {source}"),
        }
    }
}

impl std::error::Error for ClusterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Certificate(source) => Some(source),
            _ => None,
        }
    }
}

impl From<rcgen::Error> for ClusterError {
    fn from(source: rcgen::Error) -> Self {
        Self::Certificate(source)
    }
}

/// Says what was being done when an I/O error came up.
pub(super) trait Doing<T> {
    /// `doing` is a verb phrase: "starting postgres".
    fn doing(self, doing: &str) -> Result<T, ClusterError>;
    /// The same, with the path it was done to.
    fn doing_to(self, doing: &str, path: &Path) -> Result<T, ClusterError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &str) -> Result<T, ClusterError> {
        self.map_err(|source| ClusterError::Io {
            doing: doing.to_owned(),
            source,
        })
    }

    fn doing_to(self, doing: &str, path: &Path) -> Result<T, ClusterError> {
        self.map_err(|source| ClusterError::Io {
            doing: format!("{doing} {}", PathBuf::from(path).display()),
            source,
        })
    }
}
