//! `velum doctor`: what could keep the gateway from doing its work on this machine.
//!
//! * `machine`: driver, limits, core dumps.
//! * `disk`: the audit directory. `store`: where grants and keys are, if that is a server.
//! * `databases`: what is behind the gateway, and whose clock is right.
//! * `rules`: rules that protect no column.

mod databases;
mod disk;
mod machine;
mod rules;
mod store;

use std::path::Path;

use serde::Serialize;

use crate::cli::{DONE, FOUND, print};
use crate::config::{self, ConfigError};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well as it could.
    Warning,
    /// It will not work.
    Bad,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    what: String,
    verdict: Verdict,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Finding {
    fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            verdict: Verdict::Good,
            found: found.into(),
            mend: None,
        }
    }

    fn warning(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let mend = Some(mend.into());
        Self {
            what: what.into(),
            verdict: Verdict::Warning,
            found: found.into(),
            mend,
        }
    }

    fn bad(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let mend = Some(mend.into());
        Self {
            what: what.into(),
            verdict: Verdict::Bad,
            found: found.into(),
            mend,
        }
    }
}

/// Checks everything and prints what was found: 0 if all will work, 1 if not.
pub(crate) fn run(path: &Path, json: bool) -> u8 {
    let findings = examine(path);
    let is_well = findings
        .iter()
        .all(|finding| finding.verdict != Verdict::Bad);
    match json {
        true => {
            let document = serde_json::json!({ "ok": is_well, "findings": findings });
            print(&format!("{document:#}\n"))
        }
        false => print(&table(&findings)),
    };
    if is_well { DONE } else { FOUND }
}

fn examine(path: &Path) -> Vec<Finding> {
    let config = config::load(path);
    let driver = config.as_ref().ok().map(|config| config.gateway.driver);
    let mut findings = machine::examine(driver.unwrap_or(config::model::Driver::Auto));
    let what = "configuration";
    match config {
        Ok(config) => {
            findings.push(Finding::good(what, path.display().to_string()));
            findings.extend(disk::examine(&config));
            findings.extend(store::examine(&config));
            findings.extend(databases::examine(&config));
        }
        Err(ConfigError::Mistakes(problems)) => {
            let count = problems.as_slice().len();
            let mend = format!("velum check-config --config {} shows them", path.display());
            let found = format!("{}: {count} mistakes", path.display());
            findings.push(Finding::bad(what, found, mend));
        }
        Err(error) => {
            let mend = "name one with --config; deploy/velum.example.toml is a start";
            findings.push(Finding::bad(what, error.to_string(), mend));
        }
    }
    findings
}

/// ✓, ! or ✗, what was looked at, what was found, and below it what to do.
fn table(findings: &[Finding]) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.what.chars().count())
        .max()
        .unwrap_or(0);
    let mut table = String::new();
    for Finding {
        what,
        verdict,
        found,
        mend,
    } in findings
    {
        let mark = match verdict {
            Verdict::Good => '✓',
            Verdict::Warning => '!',
            Verdict::Bad => '✗',
        };
        let padding = " ".repeat(width - what.chars().count());
        table.push_str(&format!("{mark} {what}{padding}  {found}\n"));
        if let Some(mend) = mend {
            table.push_str(&format!("  {}  → {mend}\n", " ".repeat(width)));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up_and_says_how_to_mend() {
        let findings = [
            Finding::good("driver", "io_uring"),
            Finding::bad("clock", "off by 9 s", "run an NTP client"),
        ];
        let expected = "✓ driver  io_uring\n✗ clock   off by 9 s\n          → run an NTP client\n";
        assert_eq!(table(&findings), expected);
    }

    #[test]
    fn a_configuration_that_is_not_there_is_found() {
        let findings = examine(Path::new("/nonexistent/velum.toml"));
        let bad: Vec<_> = findings
            .iter()
            .filter(|it| it.verdict == Verdict::Bad)
            .collect();
        assert!(
            bad.iter().any(|finding| finding.what == "configuration"),
            "{bad:?}"
        );
    }

    /// The example's audit directory and database are somewhere else, and doctor says so.
    #[test]
    fn a_database_that_does_not_answer_is_bad_and_the_disk_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/velum.example.toml");
        let text = std::fs::read_to_string(example).unwrap();
        let text = text.replace("127.0.0.1:5432", "127.0.0.1:1");
        let path = folder.path().join("velum.toml");
        std::fs::write(&path, text).unwrap();
        let findings = examine(&path);
        let verdict = |what: &str| {
            let finding = findings.iter().find(|it| it.what == what);
            finding
                .unwrap_or_else(|| panic!("{what} in {findings:?}"))
                .verdict
        };
        assert_eq!(verdict("configuration"), Verdict::Good);
        assert_eq!(verdict("audit directory"), Verdict::Good);
        assert_eq!(verdict("resource ehr"), Verdict::Bad);
    }
}
