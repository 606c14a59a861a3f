//! The types of the random tables, their clean values and their canaries.
//!
//! A canary is a value that content detection has no word for: letters of a small alphabet that
//! no clean value has four of in a row, in whatever order or case they stand, and long numbers,
//! dates and addresses that are looked for as they are.

use super::choices::Choices;

/// Letters of canaries. No English word, no hexadecimal digit, no mask has five in a row.
pub(super) const LETTERS: &[u8] = b"gjkqvwyz";

/// A type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    Text,
    Int,
    Int8,
    Numeric,
    Date,
    Stamp,
    Jsonb,
    Uuid,
    Inet,
    Bytea,
    Json,
    Texts,
    Ints,
    Pair,
    Code,
    Mood,
    Float,
    Bool,
}

/// All of them.
pub(super) const TYPES: &[Ty] = &[
    Ty::Text,
    Ty::Int,
    Ty::Int8,
    Ty::Numeric,
    Ty::Date,
    Ty::Stamp,
    Ty::Jsonb,
    Ty::Uuid,
    Ty::Inet,
    Ty::Bytea,
    Ty::Json,
    Ty::Texts,
    Ty::Ints,
    Ty::Pair,
    Ty::Code,
    Ty::Mood,
    Ty::Float,
    Ty::Bool,
];

/// Types and what holds their names: made before the tables.
pub(super) const DEFINITIONS: &str = "CREATE SCHEMA gen;
CREATE TYPE gen.pair AS (word text, num int8);
CREATE DOMAIN gen.code AS text CHECK (length(VALUE) < 200);
CREATE TYPE gen.mood AS ENUM ('calm', 'glad', 'sad', 'gjkqvwyz', 'zyjwkvqg', 'qqvzkjwy');";

impl Ty {
    /// Its name in SQL.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Ty::Text => "text",
            Ty::Int => "int",
            Ty::Int8 => "int8",
            Ty::Numeric => "numeric",
            Ty::Date => "date",
            Ty::Stamp => "timestamptz",
            Ty::Jsonb => "jsonb",
            Ty::Uuid => "uuid",
            Ty::Inet => "inet",
            Ty::Bytea => "bytea",
            Ty::Json => "json",
            Ty::Texts => "text[]",
            Ty::Ints => "int8[]",
            Ty::Pair => "gen.pair",
            Ty::Code => "gen.code",
            Ty::Mood => "gen.mood",
            Ty::Float => "float8",
            Ty::Bool => "bool",
        }
    }

    /// Its name in the templates of the grammar.
    pub(super) fn word(self) -> &'static str {
        match self {
            Ty::Stamp => "stamp",
            Ty::Texts => "texts",
            Ty::Ints => "ints",
            Ty::Pair => "pair",
            Ty::Code => "code",
            Ty::Mood => "mood",
            Ty::Float => "float",
            other => other.sql(),
        }
    }

    /// Names of columns. One name is of one type in every table, under a rule in one of them and
    /// clean in another, so that tables can be joined by names that mean different things.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Ty::Text => &["city", "nick", "note", "ssn"],
            Ty::Int => &["level", "floor"],
            Ty::Int8 => &["account", "visits"],
            Ty::Numeric => &["amount", "salary"],
            Ty::Date => &["born", "seen"],
            Ty::Stamp => &["at", "until"],
            Ty::Jsonb => &["doc", "extra"],
            Ty::Uuid => &["token", "ident"],
            Ty::Inet => &["address", "host"],
            Ty::Bytea => &["photo", "raw"],
            Ty::Json => &["form"],
            Ty::Texts => &["tags", "aliases"],
            Ty::Ints => &["scores"],
            Ty::Pair => &["pair", "kin"],
            Ty::Code => &["code"],
            Ty::Mood => &["mood"],
            Ty::Float => &["ratio"],
            Ty::Bool => &["active"],
        }
    }

    /// May two values be told apart by `=`?
    pub(super) fn has_equality(self) -> bool {
        self != Ty::Json
    }

    /// Has it a greatest value?
    pub(super) fn has_max(self) -> bool {
        !matches!(self, Ty::Json | Ty::Jsonb | Ty::Uuid | Ty::Bool | Ty::Pair)
    }

    /// A clean value, as SQL.
    pub(super) fn literal(self, choices: &mut Choices) -> String {
        let small = choices.below(9) + 1;
        let word = choices.pick(&["blue", "red", "old mill", "north 4", "a", "o''hara"]);
        let value = match self {
            Ty::Text | Ty::Code => format!("'{word}'"),
            Ty::Int | Ty::Int8 => return self.number(small),
            Ty::Numeric | Ty::Float => format!("{small}.5"),
            Ty::Date => format!("'2024-0{small}-11'"),
            Ty::Stamp => format!("'2024-0{small}-11 10:00:00+00'"),
            Ty::Jsonb | Ty::Json => {
                format!("'{{\"name\": \"{word}\", \"n\": {small}, \"list\": [1, \"b\"]}}'")
            }
            Ty::Uuid => format!("'00000000-0000-4000-8000-00000000000{small}'"),
            Ty::Inet => format!("'10.0.0.{small}'"),
            Ty::Bytea => format!("'\\x0{small}feed'"),
            Ty::Texts => format!("'{{\"{word}\",b}}'").replace("o''hara", "ohara"),
            Ty::Ints => format!("'{{{small},2}}'"),
            Ty::Pair => format!("row('{word}', {small})"),
            Ty::Mood => format!("'{}'", ["calm", "glad", "sad"][small % 3]),
            Ty::Bool => (small.is_multiple_of(2)).to_string(),
        };
        format!("{value}::{}", self.sql())
    }

    fn number(self, number: usize) -> String {
        match self {
            Ty::Int => number.to_string(),
            _ => format!("{number}::{}", self.sql()),
        }
    }

    /// Is there a canary of this type?
    pub(super) fn hides(self) -> bool {
        !matches!(self, Ty::Bool | Ty::Float)
    }

    /// A canary, as SQL; what shows it goes to `needles`.
    pub(super) fn canary(self, choices: &mut Choices, needles: &mut Vec<Vec<u8>>) -> String {
        let word = word(choices);
        let value = match self {
            Ty::Text | Ty::Code => format!("'{word}'"),
            Ty::Int => number(choices, 1_000_000_000, needles).to_string(),
            Ty::Int8 => number(choices, 700_000_000_000, needles).to_string(),
            Ty::Numeric => format!("{}.25", number(choices, 60_000_000_000, needles)),
            Ty::Date => format!("'{}'", day(choices, needles)),
            Ty::Stamp => format!("'{} 10:00:00+00'", day(choices, needles)),
            Ty::Jsonb | Ty::Json => {
                let number = number(choices, 700_000_000_000, needles);
                format!("'{{\"name\": \"{word}\", \"n\": {number}, \"list\": [\"{word}\"]}}'")
            }
            Ty::Uuid => format!("'{}'", uuid(choices, needles)),
            Ty::Inet => format!("'{}'", address(choices, needles)),
            Ty::Bytea => format!("convert_to('{word}', 'UTF8')"),
            Ty::Texts => format!("'{{{word},null}}'"),
            Ty::Ints => format!("'{{{},2}}'", number(choices, 700_000_000_000, needles)),
            Ty::Pair => {
                let number = number(choices, 700_000_000_000, needles);
                format!("row('{word}', {number})")
            }
            Ty::Mood => {
                let labels = ["gjkqvwyz", "zyjwkvqg", "qqvzkjwy"];
                format!("'{}'", choices.pick(&labels))
            }
            Ty::Bool | Ty::Float => return self.literal(choices),
        };
        format!("{value}::{}", self.sql())
    }
}

/// Twelve letters, the first and the last large.
fn word(choices: &mut Choices) -> String {
    let mut letters: Vec<u8> = (0..12).map(|_| *choices.pick(LETTERS)).collect();
    letters[0].make_ascii_uppercase();
    letters[11].make_ascii_uppercase();
    String::from_utf8(letters).expect("ASCII")
}

/// A number above `base` whose digits and whose bytes are told from all others, and so are its
/// neighbours'.
fn number(choices: &mut Choices, base: i64, needles: &mut Vec<Vec<u8>>) -> i64 {
    let number = base + choices.below(999_999_999) as i64;
    for near in [number - 1, number, number + 1, number * 2] {
        needles.push(near.to_string().into_bytes());
        needles.push(near.to_be_bytes().to_vec());
        needles.push((near as f64).to_be_bytes().to_vec());
        if let Ok(short) = i32::try_from(near) {
            needles.push(short.to_be_bytes().to_vec());
        }
    }
    number
}

/// A day of the years 1871 to 1889, that no arithmetic of clean days comes near.
fn day(choices: &mut Choices, needles: &mut Vec<Vec<u8>>) -> String {
    let (year, month) = (1871 + choices.below(19), 1 + choices.below(12));
    let day = 10 + choices.below(18);
    let text = format!("{year}-{month:02}-{day}");
    needles.push(text.clone().into_bytes());
    needles.push(format!("{year}{month:02}{day}").into_bytes());
    needles.push(format!("{day}/{month:02}/{year}").into_bytes());
    let days = days_since_2000(year as i64, month as i64, day as i64);
    let mut binary = vec![0, 0, 0, 4];
    binary.extend_from_slice(&(days as i32).to_be_bytes());
    needles.push(binary);
    let micros = (days * 24 + 10) * 3_600_000_000;
    needles.push(micros.to_be_bytes().to_vec());
    text
}

/// Days from 1 January 2000, as PostgreSQL counts them (`days_from_civil`, Howard Hinnant).
fn days_since_2000(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + days - 719_468 - 10_957
}

fn uuid(choices: &mut Choices, needles: &mut Vec<Vec<u8>>) -> String {
    let half = format!("{:08x}", 0x9100_0000 + choices.below(0x00ff_ffff));
    let text = format!("{half}-5eed-4bad-8bad-00c0{half}");
    needles.push(text.clone().into_bytes());
    needles.push(text.replace('-', "").into_bytes());
    let number = u32::from_str_radix(&half, 16).expect("hexadecimal");
    needles.push([&number.to_be_bytes()[..], &[0x5e, 0xed]].concat());
    text
}

fn address(choices: &mut Choices, needles: &mut Vec<Vec<u8>>) -> String {
    let (third, fourth) = (101 + choices.below(150), 101 + choices.below(150));
    let text = format!("203.0.{third}.{fourth}");
    needles.push(text.clone().into_bytes());
    needles.push(vec![4, 203, 0, third as u8, fourth as u8]);
    text
}
