//! Which log, and which part of it, as arguments.

use std::path::PathBuf;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use velum_core::audit::custody::Act;
use velum_core::time::Timestamp;

use crate::audit::export::Filter;
use crate::audit::{home, notes, read};
use crate::cli::{CONFIG, MISUSE, complain};
use crate::config;
use crate::observe::rfc3339;

/// A log.
#[derive(Args)]
pub(in crate::cli) struct Which {
    /// The audit directory [default: the one of the configuration].
    directory: Option<PathBuf>,
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    pub(super) config: PathBuf,
    /// The directory is a copy: what is read out of it is recorded nowhere.
    #[arg(long, requires = "directory")]
    copy: bool,
}

impl Which {
    /// The audit directory.
    pub(super) fn directory(&self) -> Result<PathBuf, String> {
        match &self.directory {
            Some(directory) => Ok(directory.clone()),
            None => match config::load(&self.config) {
                Ok(config) => Ok(config.audit.directory),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// Bytes of its segments, for a bar.
    pub(super) fn bytes(directory: &std::path::Path) -> u64 {
        let segments = read::segments(directory).unwrap_or_default();
        let sizes = segments.iter().filter_map(|(_, path)| path.metadata().ok());
        sizes.map(|metadata| metadata.len()).sum()
    }

    /// Has it recorded that evidence is taken out of the log, before any is.
    pub(super) fn record(
        &self,
        directory: &std::path::Path,
        what: &str,
        scope: String,
    ) -> Result<(), String> {
        note_taken(directory, self.copy, what, scope)
    }
}

/// Has it recorded in the log that evidence is taken, before any is; not in a copy of a log.
pub(in crate::cli) fn note_taken(
    directory: &std::path::Path,
    is_copy: bool,
    what: &str,
    scope: String,
) -> Result<(), String> {
    if is_copy && home::is_written_to(directory) {
        return Err(format!(
            "{} is no copy, but where a gateway writes its log: leave --copy out, and what is \
             taken is recorded there",
            directory.display()
        ));
    }
    if is_copy {
        return Ok(());
    }
    let what = what.to_owned();
    let noted = notes::leave(directory, Act::Taken { what, scope });
    noted.map(drop).map_err(|error| {
        format!(
            "{}: {error}. What is taken out of a log is recorded in it, by a note in its \
             directory; of a copy of one, say --copy",
            directory.join(notes::NOTES).display()
        )
    })
}

/// Which records.
#[derive(Args)]
pub(in crate::cli) struct Part {
    /// First moment: a date (UTC) or a time as in RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// The moment after the last; a date is its midnight.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Of this identity only.
    #[arg(long, value_name = "NAME")]
    pub(super) identity: Option<String>,
    /// About this resource only.
    #[arg(long, value_name = "NAME")]
    pub(super) resource: Option<String>,
}

impl Part {
    /// The rows that are wanted.
    pub(super) fn filter(&self) -> Result<Filter, String> {
        let filter = Filter {
            from: self.from.unwrap_or(Timestamp(0)),
            to: self.to.unwrap_or(Timestamp(u64::MAX)),
            identity: self.identity.clone(),
            resource: self.resource.clone(),
        };
        match filter.from < filter.to {
            true => Ok(filter),
            false => Err("--from is not before --to".to_owned()),
        }
    }

    /// In words.
    pub(super) fn scope(&self) -> String {
        let moment =
            |time: &Option<Timestamp>, open: &str| time.map_or_else(|| open.to_owned(), rfc3339);
        let from = moment(&self.from, "the beginning");
        let mut scope = format!("{from} to {}", moment(&self.to, "the end"));
        for (what, name) in [("identity", &self.identity), ("resource", &self.resource)] {
            if let Some(name) = name {
                scope.push_str(&format!(", {what} {name}"));
            }
        }
        scope
    }
}

/// A moment: `2026-11-27`, or `2026-11-27T08:00:00Z`.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let parsed = OffsetDateTime::parse(&whole, &Rfc3339).ok();
    let nanos = parsed.and_then(|time| u64::try_from(time.unix_timestamp_nanos()).ok());
    let wrong = || "write 2026-11-27, or 2026-11-27T08:00:00Z".to_owned();
    nanos.map(Timestamp).ok_or_else(wrong)
}

/// Says what is wrong with how it was called.
pub(super) fn misuse(what: &str) -> u8 {
    complain(&format!("{}\n", what.trim_end()));
    MISUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_midnight() {
        let day = moment("2026-11-27");
        assert_eq!(day, moment("2026-11-27T00:00:00Z"));
        assert_eq!(day, moment("2026-11-27T01:00:00+01:00"));
        for wrong in ["", "yesterday", "2026-13-01", "1969-12-31", "2026-11-27 1"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
