//! The temporary folder of a cluster: made, guarded while in use, swept up after a crash.

use std::env;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use super::account::Account;
use super::error::{ClusterError, Doing};
use crate::demo::guard::Guard;

const PREFIX: &str = "velum-pg-";
/// `sun_path` holds 108 bytes; the rest of the name is `/socket/.s.PGSQL.65535.lock`.
const LONGEST_ROOT_BYTES: usize = 72;

/// Stops the server that runs in the folder, then removes the folder. As the caller, not as the
/// server's account: that may not write where the folder lies.
const CLEAN_UP: &str = r#"
pid=$(head -n 1 "$1/data/postmaster.pid")
runs() { [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; }
runs "$1" && kill -QUIT "$pid"
tries=0
while runs "$1" && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
rm -rf "$1"
"#;

/// A folder that is removed when dropped, and also if the process is killed.
pub(super) struct Folder {
    /// Gone before the folder: the server is down by then, so there is nothing left to do.
    guard: Option<Guard>,
    root: TempDir,
    /// Locked as long as the folder is in use: the sweep of another process leaves it alone.
    _lock: File,
}

impl Folder {
    /// Sweeps what killed processes left, then makes a folder that `account` owns.
    pub(super) fn new(account: &Account) -> Result<Self, ClusterError> {
        let base = base();
        sweep(&base, account);
        let root = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&base)
            .doing_to("using", &base)?;
        let path = root.path().join("lock.new");
        let lock = File::create_new(&path).doing_to("creating", &path)?;
        lock.lock().doing_to("locking", &path)?;
        // Under its name only once it is locked: a sweep in between would take it for a left one.
        fs::rename(&path, root.path().join("lock")).doing_to("renaming", &path)?;
        let folder = Self {
            root,
            _lock: lock,
            guard: None,
        };
        account.own(folder.path())?;
        for name in ["data", "socket"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).doing_to("creating", &path)?;
            account.own(&path)?;
        }
        Ok(folder)
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file that only `account` can read, and returns its path.
    pub(super) fn write(
        &self,
        account: &Account,
        name: &str,
        text: &str,
    ) -> Result<PathBuf, ClusterError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path().join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path).doing_to("creating", &path)?;
        file.write_all(text.as_bytes()).doing_to("writing", &path)?;
        account.own(&path)?;
        Ok(path)
    }

    /// Starts the guard, which stops the server if this process is killed.
    pub(super) fn guard(&mut self) -> Result<(), ClusterError> {
        let mut sh = Command::new("/bin/sh");
        sh.process_group(0).current_dir("/");
        let guard = Guard::start(sh, CLEAN_UP, &[self.path().as_os_str()]);
        self.guard = Some(guard.doing("starting the guard")?);
        Ok(())
    }

    /// Does to the guard what the death of this process does, and waits for it.
    #[cfg(test)]
    pub(super) fn release_guard_for_test(&mut self) {
        self.guard.take().unwrap().release().unwrap();
    }
}

/// `TMPDIR`, unless a socket's path would become too long there.
fn base() -> PathBuf {
    let base = env::temp_dir();
    if base.as_os_str().len() + PREFIX.len() > LONGEST_ROOT_BYTES {
        return PathBuf::from("/tmp");
    }
    base
}

/// Removes folders that no living process uses. What cannot be removed is left for the next time.
fn sweep(base: &Path, account: &Account) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let named = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes());
        // `DirEntry::metadata` does not follow symbolic links.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if named && metadata.is_dir() && metadata.uid() == account.uid() {
            sweep_one(&entry.path());
        }
    }
}

fn sweep_one(root: &Path) {
    let Ok(lock) = File::open(root.join("lock")) else {
        return;
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return,
    }
    let data = root.join("data");
    if let Some(pid) = running_in(&data) {
        let _ = kill_process(pid, Signal::QUIT);
        for _ in 0..200 {
            if test_kill_process(pid).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(25));
        }
    }
    let _ = fs::remove_dir_all(root);
}

/// The server whose lock file is in `data`, if it really runs there: process ids are reused.
fn running_in(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    if directory == data {
        Pid::from_raw(pid)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_survives_a_sweep_and_a_left_one_does_not() {
        let account = Account::current();
        let folder = Folder::new(&account).unwrap();
        let kept = folder.path().to_owned();
        sweep_one(&kept);
        assert!(kept.exists());

        let left = tempfile::Builder::new()
            .prefix("velum-test-")
            .tempdir()
            .unwrap();
        fs::write(left.path().join("lock"), "").unwrap();
        sweep_one(left.path());
        assert!(!left.path().exists());
        drop(folder);
        assert!(!kept.exists());
    }

    #[test]
    fn a_folder_without_a_lock_is_not_ours() {
        let foreign = tempfile::tempdir().unwrap();
        sweep_one(foreign.path());
        assert!(foreign.path().exists());
    }

    #[test]
    fn a_reused_process_id_is_not_taken_for_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::process::id().to_string();
        fs::write(folder.path().join("postmaster.pid"), own).unwrap();
        assert_eq!(running_in(folder.path()), None);
    }
}
