//! Plain lines on standard error: one line an event, `time event key=value …`.
//!
//! A field can be a number, an address, a path or a name that the configuration gave; there is
//! no way to write bytes of a session, because nothing else converts into a [`Field`].

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use velum_core::time::Timestamp;

/// A value that may be written to a log.
#[derive(Clone, Copy, Debug)]
pub enum Field<'f> {
    /// A fixed text.
    Word(&'static str),
    /// A name from the configuration.
    Name(&'f str),
    /// A number.
    Number(u64),
    /// Where something listens or connects to.
    Address(SocketAddr),
    /// A file.
    Path(&'f Path),
    /// Why something failed: an error type of this crate, which never holds bytes of a session.
    Cause(&'f dyn Cause),
}

/// Errors that are known to hold no bytes of a session.
pub trait Cause: fmt::Display + fmt::Debug {}

impl Cause for std::io::Error {}
impl Cause for crate::config::ConfigError {}
impl Cause for crate::audit::log::LogFailed {}
impl Cause for crate::audit::recover::RecoverError {}
impl Cause for crate::control::catalog::LoadError {}
impl Cause for crate::control::StartError {}

/// Writes one line. A standard error that is closed changes nothing.
pub fn event(name: &'static str, fields: &[(&'static str, Field<'_>)]) {
    let line = line(now(), name, fields);
    let _closed = std::io::stderr().lock().write_all(line.as_bytes());
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn line(time: Timestamp, name: &str, fields: &[(&'static str, Field<'_>)]) -> String {
    let mut line = format!("{} {name}", rfc3339(time));
    for (key, field) in fields {
        let value = match field {
            Field::Word(word) => (*word).to_owned(),
            Field::Name(name) => (*name).to_owned(),
            Field::Number(number) => number.to_string(),
            Field::Address(address) => address.to_string(),
            Field::Path(path) => path.display().to_string(),
            Field::Cause(cause) => cause.to_string(),
        };
        let _infallible = write!(line, " {key}={}", quoted(&value));
    }
    line.push('\n');
    line
}

/// One line stays one line, and a value with spaces one value.
fn quoted(value: &str) -> String {
    let plain = |char: char| !char.is_whitespace() && !char.is_control() && !"\"=".contains(char);
    match !value.is_empty() && value.chars().all(plain) {
        true => value.to_owned(),
        false => format!("\"{}\"", value.escape_debug()),
    }
}

/// UTC, to the millisecond.
pub fn rfc3339(time: Timestamp) -> String {
    let seconds = time.0 / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, by which leap days come last in a year (Hinnant, "chrono-compatible
    // low-level date algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let milli = time.0 / 1_000_000 % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        let at = |seconds: u64| rfc3339(Timestamp(seconds * 1_000_000_000 + 7_000_000));
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59.007Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.007Z");
    }

    #[test]
    fn a_line_stays_a_line() {
        let fields = [
            ("name", Field::Name("two words\n")),
            ("count", Field::Number(3)),
        ];
        let line = line(Timestamp(0), "started", &fields);
        assert_eq!(
            line,
            "1970-01-01T00:00:00.000Z started name=\"two words\\n\" count=3\n"
        );
    }
}
