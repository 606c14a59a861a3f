//! `velum policy report`: what covers each of the eighteen identifiers at each resource.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::{DONE, FOUND, Report, print};
use crate::config::coverage::{Coverage, coverage};
use crate::config::{self, Config};

/// Prints the report.
///
/// # Errors
/// A configuration with mistakes, or no such resource.
pub(super) fn run(arguments: &Report) -> Result<u8, String> {
    let (text, has_gaps) = report(
        &arguments.config,
        arguments.resource.as_deref(),
        arguments.json,
    )?;
    print(&text);
    Ok(if has_gaps { FOUND } else { DONE })
}

/// The text of the report, and whether it tells of a gap.
fn report(path: &Path, resource: Option<&str>, json: bool) -> Result<(String, bool), String> {
    let config = config::load(path).map_err(|error| error.to_string())?;
    if let Some(name) = resource.filter(|name| config.resource(name).is_none()) {
        return Err(format!("there is no resource `{name}`"));
    }
    let mut reports = Vec::new();
    for (resource, policy) in in_use(&config, resource) {
        let covered = config.policy(policy).map(coverage);
        reports.extend(covered.map(|covered| (resource, policy, covered)));
    }
    let has_gaps = reports
        .iter()
        .any(|(_, _, all)| all.iter().any(Coverage::is_gap));
    if json {
        let documents: Vec<_> = reports
            .iter()
            .map(|(resource, policy, identifiers)| {
                serde_json::json!({
                    "resource": resource,
                    "policy": policy,
                    "covered": covered_count(identifiers),
                    "identifiers": &identifiers[..],
                })
            })
            .collect();
        return Ok((format!("{:#}\n", serde_json::json!(documents)), has_gaps));
    }
    let text = reports.iter().map(|(resource, policy, identifiers)| {
        let count = covered_count(identifiers);
        let mut text = format!("{resource}, policy {policy}: {count}/18\n");
        for one in identifiers {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {}  {:<46}{}", one.letter, one.identifier, how(one));
        }
        text
    });
    Ok((text.collect(), has_gaps))
}

fn covered_count(identifiers: &[Coverage]) -> usize {
    identifiers.iter().filter(|one| !one.is_gap()).count()
}

/// The policies of each resource, each once.
fn in_use<'a>(config: &'a Config, resource: Option<&str>) -> BTreeSet<(&'a str, &'a str)> {
    let access = config
        .identities
        .iter()
        .flat_map(|identity| &identity.access);
    access
        .filter(|access| resource.is_none_or(|name| name == access.resource))
        .map(|access| (access.resource.as_str(), access.policy.as_str()))
        .collect()
}

fn how(coverage: &Coverage) -> String {
    if coverage.is_gap() {
        return "GAP".to_owned();
    }
    let list = |kind: &str, entries: &[(String, String)]| {
        let shown = entries
            .iter()
            .map(|(name, strategy)| format!("{name} ({strategy})"));
        let shown: Vec<_> = shown.collect();
        (!shown.is_empty()).then(|| format!("{kind} {}", shown.join(", ")))
    };
    let parts = [
        list("rule", &coverage.rules),
        list("content", &coverage.content),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn example() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/velum.example.toml")
    }

    #[test]
    fn each_policy_of_a_resource_is_told_once() {
        let (text, has_gaps) = report(&example(), Some("ehr"), false).unwrap();
        assert!(text.contains("ehr, policy masked: 18/18"), "{text}");
        assert!(text.contains("ehr, policy exempt: 0/18") && has_gaps);
        assert!(text.contains("rule social-security (partial); content ssn (redact)"));
        let (json, _) = report(&example(), None, true).unwrap();
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document[1]["covered"], 18);
        assert_eq!(document[1]["identifiers"][6]["letter"], "G");
    }

    #[test]
    fn an_unknown_resource_is_misuse() {
        assert!(report(&example(), Some("nothing"), false).is_err());
    }
}
