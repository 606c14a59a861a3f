//! `[receipts]`

use super::*;

#[test]
fn values_are_committed_to_where_it_is_asked_for() {
    let house = House::new();
    for (section, commitments, values_most) in [
        ("", false, 100_000),
        ("[receipts]\n", false, 100_000),
        ("[receipts]\ncommitments = true\n", true, 100_000),
        ("[receipts]\ncommitments = true\nvalues_most = 5\n", true, 5),
    ] {
        let config = house.parse(&format!("{section}{GOOD}"));
        let config = config.map_err(|problems| problems.to_text()).unwrap();
        let expected = model::Receipts {
            commitments,
            values_most,
        };
        assert_eq!(config.receipts, expected, "{section}");
    }
}

#[test]
fn mistakes_about_receipts_are_found_all_at_once() {
    let house = House::new();
    let section = "[receipts]\ncommitments = \"yes\"\nvalues_most = 0\nvalues = 5\n";
    let mistakes = house.mistakes(&format!("{section}{GOOD}"));
    for key in ["commitments", "values_most", "values"] {
        let name = format!("`{key}`");
        let found = mistakes.iter().any(|mistake| mistake.contains(&name));
        assert!(found, "{key}: {mistakes:?}");
    }
}
