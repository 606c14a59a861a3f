//! `strategy = "…"` or `strategy = { kind = "…", … }`, and the keys that belong to it.

use velum_core::mask::transform::{TOKEN_CHARACTERS_LEAST, TOKEN_CHARACTERS_MOST};

use super::model::*;
use super::reader::Section;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Redact,
    Partial,
    Constant,
    Null,
    Hidden,
    Year,
    Zip3,
    Age90,
    EmailDomain,
    LastFour,
    Bucket,
    Ff1,
    Hmac,
    Random,
    DateShift,
}

const WORDS: [(&str, Word); 15] = [
    ("redact", Word::Redact),
    ("partial", Word::Partial),
    ("constant", Word::Constant),
    ("null", Word::Null),
    ("hidden", Word::Hidden),
    ("year", Word::Year),
    ("zip3", Word::Zip3),
    ("age90", Word::Age90),
    ("email_domain", Word::EmailDomain),
    ("last_four", Word::LastFour),
    ("bucket", Word::Bucket),
    ("ff1", Word::Ff1),
    ("hmac", Word::Hmac),
    ("random", Word::Random),
    ("date_shift", Word::DateShift),
];

/// Every key that belongs to some strategy, and the strategies that have it.
const KEYS: [(&str, &[Word]); 13] = [
    ("keep_first", &[Word::Partial]),
    ("keep_last", &[Word::Partial]),
    ("value", &[Word::Constant]),
    ("width", &[Word::Bucket]),
    ("type", &[Word::Ff1, Word::Hmac, Word::Random]),
    ("alphabet", &[Word::Ff1]),
    ("check", &[Word::Ff1]),
    ("prefix", &[Word::Hmac, Word::Random]),
    ("length", &[Word::Hmac, Word::Random]),
    ("normalise", &[Word::Hmac, Word::Random]),
    ("days", &[Word::DateShift]),
    ("subject", &[Word::DateShift]),
    ("absent", &[Word::DateShift]),
];

/// Characters of a token behind its prefix, unless the rule says it.
const TOKEN_CHARACTERS: u64 = 16;
/// Longest name of a type of values.
const TYPE_BYTES: usize = 32;

/// Reads the strategy of a rule or of content. As a word its keys stand beside it; as a table
/// they stand in it.
pub(super) fn strategy(section: &Section<'_>) -> Option<StrategyKind> {
    section.require("strategy")?;
    let given = section.value("strategy")?;
    if given.get_ref().as_table().is_none() {
        let word = section.required_choice("strategy", &WORDS);
        return of_word(section, word, "strategy");
    }
    let table = section.section("strategy")?;
    let word = table.required_choice("kind", &WORDS);
    let strategy = of_word(&table, word, "kind");
    table.finish();
    strategy
}

/// The transform of this name, if it has neither keys nor a key.
pub(super) fn without_key(name: &str) -> Option<TransformKind> {
    let (_, word) = WORDS.iter().find(|(known, _)| *known == name)?;
    match word {
        Word::Year => Some(TransformKind::Year),
        Word::Zip3 => Some(TransformKind::Zip3),
        Word::Age90 => Some(TransformKind::Age90),
        Word::EmailDomain => Some(TransformKind::EmailDomain),
        Word::LastFour => Some(TransformKind::LastFour),
        _ => None,
    }
}

/// The strategy of a word that stands under `at`, with the keys beside it.
fn of_word(section: &Section<'_>, word: Option<Word>, at: &str) -> Option<StrategyKind> {
    // Without the word nobody knows which keys belong here: all are known.
    for (key, _) in KEYS {
        section.has(key);
    }
    let word = word?;
    for (key, owners) in KEYS {
        if let (false, Some(given)) = (owners.contains(&word), section.value(key)) {
            let names = WORDS.iter().filter(|(_, word)| owners.contains(word));
            let owners: Vec<_> = names
                .map(|(name, _)| format!("`{at} = \"{name}\"`"))
                .collect();
            let message = format!("`{key}` means nothing without {}", owners.join(" or "));
            section.reporter.report(given.span(), message);
        }
    }
    let transform = match word {
        Word::Redact => return Some(StrategyKind::Redact),
        Word::Null => return Some(StrategyKind::Null),
        Word::Hidden => return Some(StrategyKind::Hidden),
        Word::Partial => return partial(section),
        Word::Constant => {
            section.require("value")?;
            let value = section.string("value")?;
            return Some(StrategyKind::Constant(value.into_inner()));
        }
        Word::Year => TransformKind::Year,
        Word::Zip3 => TransformKind::Zip3,
        Word::Age90 => TransformKind::Age90,
        Word::EmailDomain => TransformKind::EmailDomain,
        Word::LastFour => TransformKind::LastFour,
        Word::Bucket => {
            section.require("width")?;
            let width = section.integer("width", 2..=1_000_000_000, 0) as u32;
            TransformKind::Bucket((width > 0).then_some(width)?)
        }
        Word::Ff1 => ff1(section)?,
        Word::Hmac => TransformKind::Hmac(token(section)?),
        Word::Random => TransformKind::Random(token(section)?),
        Word::DateShift => date_shift(section)?,
    };
    Some(StrategyKind::Transform(transform))
}

fn partial(section: &Section<'_>) -> Option<StrategyKind> {
    let keep_first = section.integer("keep_first", 0..=64, 0) as u16;
    let keep_last = section.integer("keep_last", 0..=64, 0) as u16;
    if keep_first == 0 && keep_last == 0 {
        section.reporter.report_with_hint(
            section.span.clone(),
            "`partial` keeps nothing",
            "give `keep_first` or `keep_last`, or use `redact`",
        );
        return None;
    }
    Some(StrategyKind::Partial {
        keep_first,
        keep_last,
    })
}

/// What the values are: columns of the same type are given the same key.
fn value_type(section: &Section<'_>) -> Option<String> {
    let name = section.required_string("type")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.get_ref().len() <= TYPE_BYTES && name.get_ref().bytes().all(is_plain) {
        return Some(name.into_inner());
    }
    section.reporter.report_with_hint(
        name.span(),
        format!("`{}` is no type of values", name.get_ref()),
        format!("up to {TYPE_BYTES} letters, digits and underscores, such as `mrn`"),
    );
    None
}

fn ff1(section: &Section<'_>) -> Option<TransformKind> {
    let value_type = value_type(section);
    let alphabets = [
        ("digits", Alphabet::Digits),
        ("alphanumeric", Alphabet::Alphanumeric),
    ];
    let alphabet = section.choice("alphabet", &alphabets, Alphabet::Digits);
    let checks = [
        ("none", CheckDigit::None),
        ("luhn", CheckDigit::Luhn),
        ("npi", CheckDigit::Npi),
    ];
    let check = section.choice("check", &checks, CheckDigit::None);
    if alphabet == Alphabet::Alphanumeric && check != CheckDigit::None {
        let message = "a check digit is one of digits alone";
        let hint = "take `alphabet = \"digits\"`, or leave `check` out";
        section
            .reporter
            .report_with_hint(section.span.clone(), message, hint);
    }
    Some(TransformKind::Ff1 {
        value_type: value_type?,
        alphabet,
        check,
    })
}

fn token(section: &Section<'_>) -> Option<Token> {
    let value_type = value_type(section);
    let least = u64::from(TOKEN_CHARACTERS_LEAST);
    let most = u64::from(TOKEN_CHARACTERS_MOST);
    let characters = section.integer("length", least..=most, TOKEN_CHARACTERS) as u8;
    let prefix = section.string("prefix");
    if let Some(prefix) = &prefix
        && !(prefix.get_ref().len() <= TYPE_BYTES
            && prefix.get_ref().bytes().all(|it| it.is_ascii_graphic()))
    {
        let message =
            format!("a `prefix` has up to {TYPE_BYTES} characters of ASCII and no blanks");
        section.reporter.report(prefix.span(), message);
    }
    let mut token = Token {
        prefix: String::new(),
        value_type: String::new(),
        characters,
        folds_case: false,
        digits_only: false,
    };
    for word in section.strings("normalise") {
        match word.get_ref().as_str() {
            "case" => token.folds_case = true,
            "digits" => token.digits_only = true,
            other => section.reporter.report_with_hint(
                word.span(),
                format!("`{other}` is not a known value of `normalise`"),
                "write `case` or `digits`; blanks around a value never count",
            ),
        }
    }
    token.value_type = value_type?;
    token.prefix = match prefix {
        Some(prefix) => prefix.into_inner(),
        None => format!("{}_", token.value_type),
    };
    Some(token)
}

fn date_shift(section: &Section<'_>) -> Option<TransformKind> {
    let days = section.integer("days", 1..=3_650, 365) as u16;
    let absents = [("mask", false), ("shift_by_key", true)];
    let by_key = section.choice("absent", &absents, false);
    let subject = section.required_string("subject")?.into_inner();
    Some(TransformKind::DateShift {
        days,
        subject,
        by_key,
    })
}
