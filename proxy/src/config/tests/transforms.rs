//! Strategies that keep something of a value, their keys, and profiles.

use super::*;

/// What may take the place of the good file's strategy, and the mistakes in it, in order.
const WRONG_TRANSFORMS: &[(&str, &[&str])] = &[
    (
        "{ kind = \"ff2\" }",
        &["`ff2` is not a known value of `kind`"],
    ),
    (
        "{ type = \"mrn\" }",
        &["`policy.rule.strategy` lacks `kind`"],
    ),
    (
        "{ kind = \"zip3\", keep_last = 4, zone = 1 }",
        &[
            "`keep_last` means nothing without `kind = \"partial\"`",
            "unknown key `zone` in `policy.rule.strategy`",
        ],
    ),
    (
        "{ kind = \"ff1\" }",
        &["`policy.rule.strategy` lacks `type`"],
    ),
    (
        "{ kind = \"hmac\", type = \"mrn\" }",
        &["`hmac` needs a `key`"],
    ),
    (
        "{ kind = \"hmac\", type = \"m r n\", length = 5, normalise = \"upper\" }",
        &[
            "`m r n` is no type of values",
            "`length` must be between 10 and 51",
            "`upper` is not a known value of `normalise`",
        ],
    ),
    (
        "{ kind = \"ff1\", type = \"card\", alphabet = \"alphanumeric\", check = \"luhn\" }",
        &[
            "`ff1` needs a `key`",
            "a check digit is one of digits alone",
        ],
    ),
    (
        "{ kind = \"date_shift\", days = 0 }",
        &[
            "`policy.rule.strategy` lacks `subject`",
            "`days` must be between 1 and 3650",
        ],
    ),
    (
        "{ kind = \"bucket\" }",
        &["`policy.rule.strategy` lacks `width`"],
    ),
];

#[test]
fn mistakes_in_transforms_are_told_all_at_once() {
    let house = House::new();
    for (strategy, mistakes) in WRONG_TRANSFORMS {
        let text = GOOD.replace("\"partial\"\nkeep_last = 4", strategy);
        assert_eq!(&house.mistakes(&text), mistakes, "{strategy}");
    }
}

#[test]
fn a_profile_stands_behind_the_policys_own_rules() {
    let house = House::new();
    let text = GOOD.replace(
        "content = { detectors = [\"ssn\", \"email\"], strategy = \"redact\" }",
        "profile = \"safe-harbor\"",
    );
    let config = house
        .parse(&text)
        .map_err(|problems| problems.to_text())
        .unwrap();
    let policy = config.policy("masked").unwrap();
    assert_eq!(policy.rules[0].name, "social-security");
    assert_eq!(policy.rules[2].name, "safe-harbor-A");
    let content = policy.content.as_ref().unwrap();
    assert_eq!(content.detectors, model::DetectorSet::Full);
    let zip = ("zip".to_owned(), model::TransformKind::Zip3);
    assert!(content.transforms.contains(&zip));
    let unknown = GOOD.replace(
        "name = \"masked\"\n",
        "name = \"masked\"\nprofile = \"safe\"\n",
    );
    assert_eq!(
        house.mistakes(&unknown),
        ["`safe` is not a known value of `profile`"]
    );
}

#[test]
fn content_is_transformed_by_detector() {
    let house = House::new();
    let with = |strategy: &str| {
        GOOD.replace(
            "email\"], strategy = \"redact\"",
            &format!("email\"], {strategy}"),
        )
    };
    let good = with("strategy = \"redact\", transforms = { ssn = \"last_four\" }");
    let config = house
        .parse(&good)
        .map_err(|problems| problems.to_text())
        .unwrap();
    let content = config.policy("masked").unwrap().content.as_ref().unwrap();
    let kept = [("ssn".to_owned(), model::TransformKind::LastFour)];
    assert_eq!(content.transforms, kept);
    for (strategy, mistakes) in [
        (
            "strategy = \"redact\", transforms = { sn = \"last_four\", email = \"hmac\" }",
            &[
                "there is no detector `sn`",
                "`hmac` is no transform of content",
            ][..],
        ),
        (
            "strategy = \"null\", transforms = { ssn = \"last_four\" }",
            &["`transforms` mean nothing without `strategy = \"redact\"`"],
        ),
        (
            "strategy = \"zip3\"",
            &["`zip3` is no strategy for all content"],
        ),
    ] {
        assert_eq!(house.mistakes(&with(strategy)), mistakes, "{strategy}");
    }
}

#[test]
fn keys_of_transforms_are_read_where_they_are_needed() {
    let house = House::new();
    house.file("policy.key", 0o600, &[b'7'; 33]);
    let strategy = "{ kind = \"hmac\", type = \"mrn\", normalise = [\"case\"] }";
    let hmac = GOOD.replace("\"partial\"\nkeep_last = 4", strategy);
    let keyed = |key: &str| {
        hmac.replace(
            "name = \"masked\"\n",
            &format!("name = \"masked\"\n{key}\n"),
        )
    };
    let good = keyed("key = { file = \"policy.key\" }\nkey_scope = \"resource\"");
    let config = house
        .parse(&good)
        .map_err(|problems| problems.to_text())
        .unwrap();
    let policy = config.policy("masked").unwrap();
    let token = model::Token {
        value_type: "mrn".to_owned(),
        prefix: "mrn_".to_owned(),
        characters: 16,
        folds_case: true,
        digits_only: false,
    };
    let wanted = model::StrategyKind::Transform(model::TransformKind::Hmac(token));
    assert_eq!(policy.rules[0].strategy, wanted);
    assert_eq!(policy.key_scope, model::KeyScope::Resource);
    assert!(!format!("{policy:?}").contains("777"));
    assert!(!serde_json::to_string(policy).unwrap().contains("777"));

    let short = keyed("key = { file = \"password\" }");
    let mistakes = house.mistakes(&short);
    assert!(
        mistakes[0].starts_with("`key`: a key needs 32 bytes and more"),
        "{mistakes:?}"
    );
    let unused = GOOD.replace(
        "name = \"masked\"\n",
        "name = \"masked\"\nkey = { file = \"policy.key\" }\n",
    );
    assert_eq!(
        house.mistakes(&unused),
        ["`key` means nothing without a rule that has a key"]
    );
}
