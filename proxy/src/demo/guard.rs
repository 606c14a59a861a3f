//! Cleans up after this process, however it ends.

use std::ffi::OsStr;
use std::io;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A shell that waits until this process is gone and then runs a script.
///
/// It reads from a pipe whose other end only this process holds, so that a kill that cannot be
/// caught wakes it too. Dropping the guard ends it without running the script.
pub(super) struct Guard {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts one. `sh` is a command that starts a POSIX shell, as the user that the script
    /// needs; `script` finds `arguments` in `$1` and so on.
    pub(super) fn start(mut sh: Command, script: &str, arguments: &[&OsStr]) -> io::Result<Self> {
        let script = format!("exec >/dev/null 2>&1\nread -r _\n{script}");
        sh.args(["-c", &script, "velum-guard"]).args(arguments);
        sh.stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = sh.spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Does to it what the death of this process does, and waits until the script has run.
    #[cfg(test)]
    pub(super) fn release(mut self) -> io::Result<()> {
        drop(self.pipe.take());
        self.child.wait().map(drop)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Before the pipe closes, or the script would run.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.pipe.take());
    }
}
