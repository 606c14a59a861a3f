//! `[originals]`

use super::*;
use crate::originals::keygen;

const SEALED: &str = "[recordings]\ndirectory = \"kept\"\nstatements = \"sealed\"\n";

fn keys(names: &[&str]) -> String {
    let lines = names.iter().map(|name| {
        let (auditor, _) = keygen(name).unwrap();
        format!("\"{auditor}\"")
    });
    lines.collect::<Vec<_>>().join(", ")
}

#[test]
fn two_auditors_are_enough_and_one_is_not() {
    let house = House::new();
    let with = |auditors: &str, recordings: &str| {
        format!("{recordings}\n[originals]\nauditors = [{auditors}]\n\n{GOOD}")
    };
    let config = house.parse(&with(&keys(&["ann", "ben"]), SEALED));
    let config = config.map_err(|problems| problems.to_text()).unwrap();
    let names: Vec<_> = config
        .originals
        .auditors
        .iter()
        .map(|it| it.name())
        .collect();
    assert_eq!(names, ["ann", "ben"]);
    assert!(house.parse(GOOD).unwrap().originals.auditors.is_empty());
    let one = keys(&["ann"]);
    for (auditors, recordings, mistake) in [
        (one.clone(), SEALED, "has to name 2 to 8 keys"),
        (format!("{one}, {one}"), SEALED, "is given twice"),
        (format!("{one}, \"x\""), SEALED, "is no auditor's key"),
        (
            keys(&["ann", "ben"]),
            "",
            "originals are kept in recordings",
        ),
    ] {
        let mistakes = house.mistakes(&with(&auditors, recordings));
        let found = mistakes.iter().any(|found| found.contains(mistake));
        assert!(found, "{mistake}: {mistakes:?}");
    }
}
