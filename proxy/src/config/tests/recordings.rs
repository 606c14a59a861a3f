//! `[recordings]`, and accesses whose sessions are recorded.

use super::*;

const ACCESS: &str = "access = { ehr = \"masked\" }";
const PLACE: &str = "[recordings]\ndirectory = \"kept\"\n";

fn with(record: &str, more: &str) -> String {
    let access = format!("access.ehr = {{ policy = \"masked\", record = {record} }}");
    format!("{more}\n{}", GOOD.replace(ACCESS, &access))
}

#[test]
fn an_access_says_how_many_of_its_sessions_are_recorded() {
    let house = House::new();
    for (record, millionths) in [
        ("\"all\"", 1_000_000),
        ("\"none\"", 0),
        ("0.25", 250_000),
        ("1", 1_000_000),
        ("0", 0),
        ("1e-6", 1),
    ] {
        let config = house.parse(&with(record, PLACE));
        let config = config.map_err(|problems| problems.to_text()).unwrap();
        assert_eq!(
            config.identities[0].access[0].record, millionths,
            "{record}"
        );
    }
    let config = house.parse(&format!("{PLACE}{GOOD}")).unwrap();
    let recordings = config.recordings.unwrap();
    assert!(recordings.directory.ends_with("kept"));
    assert_eq!(recordings.statements, model::Statements::Tokens);
    assert_eq!(recordings.on_overflow, model::Overflow::Pause);
    assert!(house.parse(GOOD).unwrap().recordings.is_none());
}

#[test]
fn mistakes_about_recordings_are_found() {
    let house = House::new();
    for (record, more, mistake) in [
        ("\"some\"", PLACE, "neither `all` nor `none` nor a share"),
        ("1.5", PLACE, "neither `all` nor `none` nor a share"),
        ("true", PLACE, "neither `all` nor `none` nor a share"),
        ("\"all\"", "", "sessions at `ehr` are recorded, but nowhere"),
        (
            "\"all\"",
            "[recordings]\n",
            "`recordings` lacks `directory`",
        ),
        (
            "\"all\"",
            "[recordings]\ndirectory = \"kept\"\nstatements = \"clear\"\n",
            "`clear` is not a known value of `statements`",
        ),
    ] {
        let mistakes = house.mistakes(&with(record, more));
        let found = mistakes.iter().any(|found| found.contains(mistake));
        assert!(found, "{record} {more}: {mistakes:?}");
    }
}
