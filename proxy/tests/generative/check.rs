//! What must hold of every answer: no canary in any form, no column that shows what it is
//! computed from, and what touches nothing under a rule equal to what the database says.

use std::collections::{BTreeSet, HashSet};

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::run::Answer;
use super::schema::{Column, Flow};
use super::support::client::{Frame, rows};
use super::types::LETTERS;

/// Letters in a row that show a canary, if a canary has them.
const LETTERS_SHOW: usize = 5;
/// The same in what was decoded, where chance has more ways.
const DECODED_SHOW: usize = 6;

/// Looks for canaries.
pub(super) struct Canaries {
    needles: AhoCorasick,
    /// What stands in a row in the canaries' letters, in either direction.
    pieces: HashSet<Vec<u8>>,
}

impl Canaries {
    /// The letters of the canaries in a schema's `definitions`, and `needles`.
    pub(super) fn new(definitions: &[String], needles: &[Vec<u8>]) -> Self {
        let text = definitions.concat().to_ascii_lowercase().into_bytes();
        let runs = text.split(|byte| !LETTERS.contains(byte));
        let pieces = runs
            .flat_map(|run| run.windows(LETTERS_SHOW))
            .flat_map(|piece| {
                let turned = piece.iter().rev().copied().collect();
                [piece.to_vec(), turned]
            });
        Self {
            pieces: pieces.collect(),
            needles: AhoCorasick::new(needles).expect("few needles"),
        }
    }

    /// The first canary in `bytes`, with the form that it has.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<String> {
        if let Some(found) = self.needles.find(bytes) {
            let text = bytes[found.range()].escape_ascii().to_string();
            return Some(format!("number, date or address {text}"));
        }
        if let Some(found) = self.letters(bytes, LETTERS_SHOW) {
            return Some(format!("plain {found}"));
        }
        let pairs = |digits: &[u8]| {
            let nibble = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
            let pairs = digits.chunks_exact(2);
            pairs
                .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
                .collect()
        };
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let quads = |text: &[u8]| {
            let whole = &text[..text.len() / 4 * 4];
            STANDARD_NO_PAD.decode(whole).unwrap_or_default()
        };
        self.decoded(bytes, u8::is_ascii_hexdigit, 2, pairs)
            .map(|found| format!("hexadecimal {found}"))
            .or_else(|| {
                self.decoded(bytes, is_base64, 4, quads)
                    .map(|found| format!("base64 {found}"))
            })
    }

    /// So many letters of a canary in a row.
    fn letters(&self, bytes: &[u8], enough: usize) -> Option<String> {
        let text = bytes.to_ascii_lowercase();
        let mut runs = text.split(|byte| !LETTERS.contains(byte));
        runs.find_map(|run| {
            let is_piece = |part: &[u8]| self.pieces.contains(part);
            let mut parts = run.windows(enough);
            let part = parts.find(|part| part.windows(LETTERS_SHOW).all(is_piece))?;
            Some(part.escape_ascii().to_string())
        })
    }

    /// Letters of a canary in what `decode` makes of runs of an alphabet, at each alignment.
    fn decoded(
        &self,
        bytes: &[u8],
        is_digit: impl Fn(&u8) -> bool,
        group: usize,
        decode: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Option<String> {
        let runs = bytes.split(|byte| !is_digit(byte));
        let mut long = runs.filter(|run| run.len() >= 2 * group);
        long.find_map(|run| {
            (0..group).find_map(|skip| self.letters(&decode(&run[skip..]), DECODED_SHOW))
        })
    }
}

/// A column that is computed from canaries, and comes as the database has it though its rows
/// differ.
pub(super) fn shown(columns: &[Column], direct: &Answer, through: &Answer) -> Option<String> {
    let [direct, through] = [direct, through].map(|answer| rows(&answer.frames));
    if direct.len() != through.len() {
        return None;
    }
    columns.iter().enumerate().find_map(|(place, column)| {
        let cells = |rows: &[Vec<Option<Vec<u8>>>]| -> Vec<_> {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(place).cloned().flatten());
            cells.collect()
        };
        let (direct, through) = (cells(&direct), cells(&through));
        let distinct: BTreeSet<_> = direct.iter().collect();
        let tells = column.flow == Flow::Shown && distinct.len() > 1 && direct == through;
        tells.then(|| format!("column {} shows what it is computed from", place + 1))
    })
}

/// What is not the same in two answers, if anything.
pub(super) fn difference(direct: &Answer, through: &Answer) -> Option<String> {
    // What is no statement may be refused before the database says so.
    match (&direct.error, &through.error) {
        (None, None) => {}
        (Some(_), Some(_)) => return None,
        (direct, through) => return Some(format!("error {through:?}, not {direct:?}")),
    }
    // The order of rows is not promised.
    let of = |answer: &Answer, tag: u8| {
        let frames = answer.frames.iter().filter(|frame| frame.tag == tag);
        let mut bodies: Vec<_> = frames.map(|frame| frame.body.clone()).collect();
        bodies.sort();
        bodies
    };
    for (tag, what) in [
        (b'T', "descriptions"),
        (b'D', "rows"),
        (b'd', "lines of a copy"),
        (b'C', "ends"),
    ] {
        let (direct, through) = (of(direct, tag), of(through, tag));
        if direct != through {
            let differs = through.iter().find(|body| !direct.contains(body));
            let missing = direct.iter().find(|body| !through.contains(body));
            let text = |body: Option<&Vec<u8>>| {
                let body = body.map_or(&b""[..], Vec::as_slice);
                body.escape_ascii()
                    .to_string()
                    .chars()
                    .take(300)
                    .collect::<String>()
            };
            let (differs, missing) = (text(differs), text(missing));
            return Some(format!("other {what}: {differs} instead of {missing}"));
        }
    }
    None
}

/// The texts of errors, for a report.
pub(super) fn complaints(frames: &[Frame]) -> String {
    let errors = frames.iter().filter_map(Frame::error);
    let texts: Vec<_> = errors
        .map(|(code, text)| format!("{code} {text}"))
        .collect();
    texts.join("; ")
}
