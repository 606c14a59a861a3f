//! The process around a gateway: hardening, signals, exit status.

use std::path::Path;
use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::run::Ended;
use super::start::Gateway;
use crate::config::{self, ConfigError};
use crate::observe::{self, Field};

/// How often the end of the gateway is looked for while no signal comes.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the gateway of a configuration file until a signal ends it. Returns the exit status:
/// 0 drained, 1 failed, 2 a configuration that cannot be used. A log that is not what its last
/// checkpoint says is refused, unless `accepts_mismatch`.
pub fn serve(path: &Path, accepts_mismatch: bool) -> u8 {
    harden();
    let mut signals = match Signals::new([SIGHUP, SIGINT, SIGTERM, SIGXFSZ]) {
        Ok(signals) => signals,
        Err(error) => {
            observe::event("not-started", &[("cause", Field::Cause(&error))]);
            return 1;
        }
    };
    let mut config = match config::load(path) {
        Ok(config) => config,
        Err(error) => {
            show(&error);
            return 2;
        }
    };
    config.audit.accepts_mismatch = accepts_mismatch;
    let gateway = match Gateway::start(config) {
        Ok(gateway) => gateway,
        Err(error) => {
            observe::event("not-started", &[("cause", Field::Cause(&error))]);
            return 1;
        }
    };
    let mut draining = false;
    while !gateway.has_ended() {
        for signal in signals.pending() {
            match signal {
                SIGHUP => reload(&gateway, path),
                // The write that met the limit has failed, and says so itself.
                SIGXFSZ => {}
                // The second time somebody means it.
                _ if draining => std::process::exit(1),
                _ => {
                    draining = true;
                    gateway.drain();
                }
            }
        }
        std::thread::sleep(LOOK);
    }
    match gateway.join() {
        Ended::Drained => 0,
        Ended::Failed => 1,
    }
}

/// A file with mistakes changes nothing, and says why.
fn reload(gateway: &Gateway, path: &Path) {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(error) => {
            show(&error);
            observe::event("reload-refused", &[("file", Field::Path(path))]);
            return;
        }
    };
    match gateway.reload(config) {
        Ok(()) => observe::event("reloaded", &[("file", Field::Path(path))]),
        Err(reason) => {
            let fields = [("file", Field::Path(path)), ("cause", Field::Name(&reason))];
            observe::event("reload-refused", &fields);
        }
    }
}

/// Mistakes come with the file's lines, so they are not squeezed into one.
fn show(error: &ConfigError) {
    use std::io::Write as _;
    let _closed = write!(std::io::stderr(), "{error}");
    if matches!(error, ConfigError::Unreadable { .. }) {
        let _closed = writeln!(std::io::stderr());
    }
}

/// No core dump ever holds a credential or a value; and as many descriptors as are allowed.
fn harden() {
    let undumpable = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let no_core = rustix::process::setrlimit(Resource::Core, no_core);
    if undumpable.is_err() && no_core.is_err() {
        observe::event("core-dumps-possible", &[]);
    }
    let files = rustix::process::getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: files.maximum,
        maximum: files.maximum,
    };
    // Fewer are enough to start; `velum doctor` says how many there are.
    let _as_many_as_now = rustix::process::setrlimit(Resource::Nofile, most);
}
