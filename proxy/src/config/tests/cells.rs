//! `scope.small_cells`, and what says whose a row is.

use super::*;

fn with(scope: &str) -> String {
    GOOD.replace(
        "name = \"masked\"\n",
        &format!("name = \"masked\"\n{scope}\n"),
    )
}

#[test]
fn a_number_of_persons_and_their_columns_are_enough() {
    let house = House::new();
    let text = with(
        "scope.small_cells = 11\n\
         scope.volume = { subject_columns = [\"ehr.patients.id\"] }",
    );
    let config = house.parse(&text).map_err(|problems| problems.to_text());
    let config = config.unwrap();
    let scope = config.policy("masked").unwrap().scope.as_ref().unwrap();
    assert_eq!(scope.small_cells, Some(11));
    assert_eq!(scope.volume.as_ref().unwrap().subject_columns.len(), 1);
}

#[test]
fn mistakes_are_told_all_at_once() {
    let house = House::new();
    for number in ["0", "1", "-11", "1_000_001"] {
        let text = with(&format!(
            "scope.small_cells = {number}\nscope.volume = {{ window_s = 0 }}"
        ));
        let mistakes = house.mistakes(&text);
        let told = |words: &str| mistakes.iter().any(|it| it.contains(words));
        assert!(
            told("`small_cells` must be between 2 and 1000000"),
            "{mistakes:?}"
        );
        assert!(
            told("the budget has no limit") && told("`window_s`"),
            "{mistakes:?}"
        );
    }
    let alone = with("scope.volume = { subject_columns = [\"ehr.patients.id\"] }");
    assert_eq!(house.mistakes(&alone), ["the budget has no limit"]);
    let word = with("scope.small_cells = \"eleven\"");
    assert_eq!(house.mistakes(&word).len(), 1);
}
