//! Programs that are measured.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Ticks of /proc/PID/stat a second; the kernel's USER_HZ on every platform Velum runs on.
const TICKS: f64 = 100.0;

/// Killed when dropped.
pub struct Running(Child);

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program, and waits until somebody listens on `port`.
///
/// # Errors
/// When it does not start, or ends.
pub fn start(command: &mut Command, port: u16) -> Result<(Running, u16), String> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let child = command
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let mut running = Running(child);
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = running.0.try_wait().ok().flatten();
        if ended.is_some() || began.elapsed() > Duration::from_secs(20) {
            return Err(format!("{command:?} does not start: {ended:?}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((running, port))
}

/// A port of 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    listener
        .and_then(|listener| listener.local_addr())
        .map_or(0, |address| address.port())
}

/// CPU seconds that a process has used, all threads.
///
/// # Panics
/// If it does not run.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let after = stat.rsplit_once(')').expect("a name").1;
    let ticks: f64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .flat_map(str::parse::<f64>)
        .sum();
    ticks / TICKS
}
