//! The values that must not leave, and every form in which one could.
//!
//! `corpus/leaks/schema.sql` writes them into the clinic's tables; the leak vectors of the tests
//! look for the same.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Rows of `clinic.patients` that hold canaries; one more row holds NULLs.
pub const PATIENTS: usize = 5;

/// Digits of other scripts, from zero on, as `clinic.letters` has them.
const SCRIPTS: [(&str, char); 2] = [("full-width", '０'), ("Arabic-Indic", '٠')];

/// Something that must not leave.
pub struct Canary {
    /// What it is, for messages: column, patient and form.
    pub name: String,
    /// Its bytes in one form.
    pub bytes: Vec<u8>,
}

/// Social security number of patient `row`, with dashes.
pub fn ssn(row: usize) -> String {
    format!("531-7{row}-029{row}")
}

/// The same as a number.
pub fn ssn_number(row: usize) -> i64 {
    let digits = ssn(row).replace('-', "");
    digits.parse().unwrap_or_default()
}

/// Values of patient `row` that are under a rule, in the forms in which they are stored.
pub fn stored(row: usize) -> Vec<(&'static str, String)> {
    vec![
        ("ssn", ssn(row)),
        ("salary", format!("73151.0{row}")),
        (
            "token",
            format!("c0ffee0{row}-5eed-4bad-8bad-00c0ffee0{row}aa"),
        ),
        ("phone", format!("212-555-0{row}71")),
        ("nick", format!("Zaphod{row}brox")),
        ("secret", format!("xyzzy-{row}-plugh")),
        ("address", format!("203.0.113.{row}7")),
        ("alias", format!("Frodo{row}Baggins")),
        ("photo", format!("PHOTO{row}CANARY")),
        ("mail", format!("patient.{row}@mail-canary.example")),
    ]
}

/// Names of the canaries in `bytes`.
pub fn leaks(bytes: &[u8]) -> Vec<String> {
    let found = CANARIES
        .iter()
        .filter(|canary| contains(bytes, &canary.bytes));
    found.map(|canary| canary.name.clone()).collect()
}

/// Is `needle` in `bytes`?
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// Every form of every canary.
static CANARIES: LazyLock<Vec<Canary>> =
    LazyLock::new(|| (1..=PATIENTS).flat_map(of_patient).collect());

fn of_patient(row: usize) -> Vec<Canary> {
    let mut found = Vec::new();
    let mut push = |name: &str, form: &str, bytes: Vec<u8>| {
        found.push(Canary {
            name: format!("{name} {row} {form}"),
            bytes,
        });
    };
    for (name, value) in stored(row) {
        for (form, bytes) in texts(&value) {
            push(name, &form, bytes);
        }
    }
    let number = ssn_number(row);
    push("number", "int8", number.to_be_bytes().to_vec());
    if let Ok(short) = i32::try_from(number) {
        push("number", "int4", short.to_be_bytes().to_vec());
    }
    push("born", "plain", format!("1931-03-0{row}").into_bytes());
    let written = format!("(1931, 3, {row})");
    push("born", "written out", written.into_bytes());
    let token = format!("c0ffee0{row}5eed4bad8bad00c0ffee0{row}aa");
    push("token", "uuid", unhex(&token));
    for (script, zero) in SCRIPTS {
        push("ssn", script, in_digits_from(&ssn(row), zero).into_bytes());
    }
    for (form, dash) in [("zero-width", "\u{200b}-\u{200b}"), ("hyphen", "\u{2011}")] {
        push("ssn", form, ssn(row).replace('-', dash).into_bytes());
    }
    for (form, five) in [("JSON escape", "\\u0035"), ("HTML escape", "&#53;")] {
        push("ssn", form, ssn(row).replace('5', five).into_bytes());
    }
    let spelled = format!("patient.{row} at mail-canary dot example");
    push("mail", "spelled out", spelled.into_bytes());
    found
}

/// The forms of a text: as it is and without marks, each in hex, base64, reversed and in one case.
fn texts(value: &str) -> Vec<(String, Vec<u8>)> {
    let plain = value.as_bytes().to_vec();
    let bare: Vec<u8> = plain
        .iter()
        .copied()
        .filter(u8::is_ascii_alphanumeric)
        .collect();
    let mut forms = Vec::new();
    for (form, bytes) in [("plain", plain), ("bare", bare)] {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        forms.push((format!("{form} hex"), hex(&bytes).into_bytes()));
        let capitals = hex(&bytes).to_uppercase();
        forms.push((format!("{form} HEX"), capitals.into_bytes()));
        for (shift, text) in base64_anywhere(&bytes).into_iter().enumerate() {
            forms.push((format!("{form} base64+{shift}"), text.into_bytes()));
        }
        forms.push((format!("{form} reversed"), reversed));
        for (case, other) in [
            ("lower case", bytes.to_ascii_lowercase()),
            ("capitals", bytes.to_ascii_uppercase()),
        ] {
            if other != bytes {
                forms.push((format!("{form} {case}"), other));
            }
        }
        forms.push((form.to_owned(), bytes));
    }
    forms
}

/// The text with its ASCII digits as those of another script.
fn in_digits_from(text: &str, zero: char) -> String {
    let digit = |it: char| {
        let value = it.to_digit(10)?;
        char::from_u32(u32::from(zero) + value)
    };
    text.chars().map(|it| digit(it).unwrap_or(it)).collect()
}

/// The part of the base64 text that does not depend on the neighbours, for each alignment.
fn base64_anywhere(bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for shift in 0..3 {
        let skip = (3 - shift) % 3;
        let whole = (bytes.len().saturating_sub(skip)) / 3 * 3;
        let part = bytes.get(skip..skip + whole).unwrap_or_default();
        texts.push(STANDARD_NO_PAD.encode(part));
    }
    texts
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let values: Vec<u32> = digits.chars().filter_map(|it| it.to_digit(16)).collect();
    let pairs = values.chunks_exact(2);
    pairs
        .filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(text: &[u8], name: &str) {
        let leaks = leaks(text);
        assert!(leaks.iter().any(|it| it == name), "{name} in {leaks:?}");
    }

    #[test]
    fn every_form_is_found() {
        found(b"SSN 531-71-0291.", "ssn 1 plain");
        found(b"SSN 531710291", "ssn 1 bare");
        found(b"1920-17-135", "ssn 1 plain reversed");
        found(b"3533312d37312d30323931", "ssn 1 plain hex");
        found(b"zaphod2brox", "nick 2 plain lower case");
        found(&531_710_291_i64.to_be_bytes(), "number 1 int8");
        found("５３１-７１-０２９１".as_bytes(), "ssn 1 full-width");
        for pad in ["", "a", "ab"] {
            let text = STANDARD_NO_PAD.encode(format!("{pad}Zaphod3brox and more"));
            let leaks = leaks(text.as_bytes());
            assert!(leaks.iter().any(|it| it.starts_with("nick 3 plain base64")));
        }
        assert!(leaks(b"531-XX-XXXX and Ford Prefect").is_empty());
    }

    #[test]
    fn no_form_is_so_short_that_it_stands_anywhere_by_chance() {
        let shortest = CANARIES.iter().map(|canary| canary.bytes.len()).min();
        assert_eq!(shortest, Some(4), "an int4 is the shortest");
    }
}
