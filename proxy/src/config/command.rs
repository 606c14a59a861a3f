//! What a command prints is a secret: a key service, or whatever else holds one.
//!
//! No shell reads the words. Neither what the command writes to standard error nor what it prints
//! is ever shown: either may be the secret.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::secret::SECRET_BYTES;

/// It has printed everything and ended within this.
const WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Runs a program and takes what it prints.
///
/// # Errors
/// A program that cannot be run, fails, prints too much, or takes too long.
pub(super) fn run(words: &[String], directory: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let (program, arguments) = words.split_first().ok_or("it names no program")?;
    let child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // What it starts itself ends with it.
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    let ends = Instant::now() + WITHIN;
    let printed = printed(&mut child, ends).and_then(|printed| {
        ended(&mut child, ends)?;
        Ok(printed)
    });
    if printed.is_err() {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _has_ended = kill_process_group(group, Signal::KILL);
        }
        let _has_ended = child.wait();
    }
    printed
}

fn printed(child: &mut Child, ends: Instant) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut pipe = child.stdout.take().ok_or("it has no output")?;
    // Room for all of it, so that growing leaves no copies behind.
    let most = usize::try_from(SECRET_BYTES).unwrap_or(usize::MAX);
    let mut all = Zeroizing::new(vec![0; most + 1]);
    let mut filled = 0;
    loop {
        let left = ends.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|error| error.to_string())?;
        let ready = poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&left));
        match ready {
            Ok(0) => return Err(late()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.to_string()),
        }
        let room = all.get_mut(filled..).unwrap_or_default();
        if room.is_empty() {
            return Err(format!("it prints more than {SECRET_BYTES} bytes"));
        }
        match pipe.read(room).map_err(|error| error.to_string())? {
            0 => break,
            n => filled += n,
        }
    }
    all.truncate(filled);
    Ok(all)
}

fn ended(child: &mut Child, ends: Instant) -> Result<(), String> {
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("it failed ({status})")),
            None if Instant::now() >= ends => return Err(late()),
            None => std::thread::sleep(LOOK),
        }
    }
}

fn late() -> String {
    format!("it did not end within {} s", WITHIN.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&words, Path::new("/"))
    }

    #[test]
    fn what_is_printed_is_the_secret() {
        assert_eq!(
            sh("printf s3cret").map(|it| it.to_vec()),
            Ok(b"s3cret".to_vec())
        );
        let words = ["/bin/echo", "$HOME; `id`"].map(str::to_owned);
        let echoed = run(&words, Path::new("/")).map(|it| it.to_vec());
        assert_eq!(echoed, Ok(b"$HOME; `id`\n".to_vec()), "no shell reads it");
    }

    #[test]
    fn what_fails_says_why_and_nothing_of_the_secret() {
        for (script, why) in [
            ("printf s3cret; echo s3cret >&2; exit 3", "exit status: 3"),
            ("head -c 100000 /dev/zero", "more than 65536 bytes"),
            ("printf s3cret; kill -9 $$", "signal: 9"),
        ] {
            let error = sh(script).err().unwrap_or_default();
            assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
        }
        let none = run(&["/nonexistent/program".to_owned()], Path::new("/"));
        assert!(none.is_err());
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let began = Instant::now();
        assert_eq!(sh("sleep 61 & sleep 61").err(), Some(late()));
        assert!(began.elapsed() < 2 * WITHIN);
    }
}
