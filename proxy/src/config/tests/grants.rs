//! `[api]`, `[grants]`, and accesses that need a grant.

use super::*;

const API: &str = "[api]\nlisten = \"127.0.0.1:6480\"\n";
const ACCESS: &str = "access = { ehr = \"masked\" }";

fn with(access: &str, more: &str) -> String {
    format!("{more}\n{}", GOOD.replace(ACCESS, access))
}

#[test]
fn an_access_says_whether_somebody_has_to_agree() {
    let house = House::new();
    let read = |access: &str| {
        let config = house.parse(&with(access, API));
        let config = config.map_err(|problems| problems.to_text()).unwrap();
        assert!(config.uses_store());
        config.identities[0].access[0].grant
    };
    assert_eq!(read(ACCESS), None);
    assert_eq!(read("access = { ehr = { policy = \"masked\" } }"), None);
    assert_eq!(
        read("access = { ehr = { policy = \"masked\", grant = \"standing\" } }"),
        None
    );
    let needed = read("access.ehr = { policy = \"masked\", grant = \"required\" }").unwrap();
    assert_eq!(needed.on_missing, model::OnMissing::Refuse);
    let waits = "access.ehr = { policy = \"masked\", grant = \"required\", on_missing = \"wait\", \
                 wait_ms = 500, requests_s = 60 }";
    let needed = read(waits).unwrap();
    assert_eq!(needed.on_missing, model::OnMissing::Wait);
    assert_eq!(needed.wait.as_millis(), 500);
    assert_eq!(needed.wanted.as_secs(), 60);
    assert!(!house.parse(GOOD).unwrap().uses_store());
}

#[test]
fn mistakes_about_grants_are_found() {
    let house = House::new();
    for (access, more, mistake) in [
        (
            "access.ehr = { grant = \"required\" }",
            API,
            "`identity.access.ehr` lacks `policy`",
        ),
        (
            "access.ehr = { policy = \"masked\", grant = \"requires\" }",
            API,
            "`requires` is not a known value of `grant`",
        ),
        (
            "access.ehr = { policy = \"masked\", wait_ms = 500 }",
            API,
            "`wait_ms` means nothing without `on_missing = \"wait\"`",
        ),
        (
            "access.ehr = { policy = \"masked\", grnat = \"required\" }",
            API,
            "unknown key `grnat` in `identity.access.ehr`",
        ),
        (
            "access.ehr = { policy = \"nobody\" }",
            API,
            "there is no policy `nobody`",
        ),
        (
            "access.ehr = 7",
            API,
            "`ehr` must be a string, this is a value of type integer",
        ),
        (
            "access.ehr = { policy = \"masked\", grant = \"required\" }",
            "",
            "`ehr` needs a grant that nobody could give",
        ),
        (
            ACCESS,
            "[api]\nlisten = \"0.0.0.0:6480\"\n",
            "the API is not on a loopback address, and has no certificate",
        ),
        (ACCESS, "[api]\n", "`api` lacks `listen`"),
        (
            ACCESS,
            "[api]\nlisten = \"127.0.0.1:1\"\nurl = \"velum\"\n",
            "`velum` is not an address of the web",
        ),
        (
            ACCESS,
            "[grants]\napprovals = 2\napprovers = [\"ann\"]\n",
            "2 have to agree, but only 1 may",
        ),
        (
            ACCESS,
            "[grants]\nbreak_glass = { people = 3 }\n",
            "`people` must be between 1 and 2",
        ),
    ] {
        let mistakes = house.mistakes(&with(access, more));
        assert!(
            mistakes.iter().any(|it| it == mistake),
            "{mistake}: {mistakes:?}"
        );
    }
}

#[test]
fn who_has_to_agree_is_read() {
    let house = House::new();
    let text = "[grants]\napprovals = 2\napprovers = [\"ann\", \"bob\"]\n\
                approver_groups = \"privacy\"\nconflicts = [\"billing\"]\nlongest_s = 60\n\
                pending_s = 120\nreview_s = 86_400\nbreak_glass = { people = 1, longest_s = 30 }\n";
    let config = house
        .parse(&with(ACCESS, text))
        .map_err(|it| it.to_text())
        .unwrap();
    let terms = config.grants;
    assert_eq!((terms.approvals, terms.approvers.len()), (2, 2));
    assert!(terms.approver_groups.contains("privacy") && terms.conflicts.contains("billing"));
    assert_eq!(
        (terms.longest_ms, terms.pending_ms, terms.review_ms),
        (60_000, 120_000, 86_400_000)
    );
    let emergency = terms.break_glass.unwrap();
    assert!(emergency.alarms());
    assert_eq!(emergency.longest_ms, 30_000);
}
