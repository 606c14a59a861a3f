//! Names and phrases of the row in a text.

use super::dictionary::{Name, Phrase, Word, Words};
use super::report;
use crate::scan::Scan;

/// Shortest word of a name that stands for the person by itself.
const ALONE_LETTERS: usize = 3;

/// A word that was found, for what stands beside it.
#[derive(Clone, Copy)]
struct Hit<'k> {
    end: usize,
    name: Name<'k>,
}

pub(super) fn find(scan: &mut Scan<'_>, words: &Words<'_>) {
    let text = scan.text;
    // In a text without capitals they tell nothing.
    let has_capitals = text.iter().any(u8::is_ascii_uppercase);
    let mut before: Option<Hit<'_>> = None;
    let mut at = 0;
    while let Some(word) = Word::next(text, at) {
        at = word.end.max(at + 1);
        if word.letters == 0 {
            continue;
        }
        for phrase in words.phrases().filter(|phrase| phrase.first == word.hash) {
            if let Some(end) = phrase_end(text, phrase, &word) {
                report(scan, phrase.detector, word.start, end);
            }
        }
        let beside = before.filter(|hit| is_beside(text, hit.end, word.start));
        let known = words.names().find(|name| name.hash == word.hash);
        before = match known {
            Some(name) if counts(name, &word, has_capitals, beside.is_some()) => {
                report(scan, name.detector, word.start, word.end);
                initial_before(scan, words, name, word.start);
                Some(Hit {
                    end: word.end,
                    name: *name,
                })
            }
            // `Li Wei`: a short word counts beside another one of the same name.
            Some(name) if next_is_known(text, words, name, word.end) => {
                report(scan, name.detector, word.start, word.end);
                Some(Hit {
                    end: word.end,
                    name: *name,
                })
            }
            _ => {
                if let Some(hit) = beside
                    && is_initial(words, &hit.name, &word)
                {
                    report(scan, hit.name.detector, word.start, word.end);
                    Some(Hit {
                        end: word.end,
                        ..hit
                    })
                } else {
                    None
                }
            }
        };
    }
}

/// Whether the word is the known name and no word of the language.
fn counts(name: &Name<'_>, word: &Word, has_capitals: bool, beside: bool) -> bool {
    let long = name.letters >= ALONE_LETTERS;
    let sure = word.is_capital || !has_capitals || !name.is_common();
    (long && sure) || beside
}

/// Whether only what joins the parts of a name stands between two words.
fn is_beside(text: &[u8], from: usize, to: usize) -> bool {
    let joint = |byte: &u8| {
        matches!(
            byte,
            b' ' | b',' | b'.' | b'-' | b'\'' | b'^' | b'_' | b'\n'
        )
    };
    let between = text.get(from..to).unwrap_or_default();
    (1..=3).contains(&between.len()) && between.iter().all(joint)
}

fn next_is_known(text: &[u8], words: &Words<'_>, name: &Name<'_>, end: usize) -> bool {
    Word::next(text, end).is_some_and(|next| {
        is_beside(text, end, next.start)
            && words.names().any(|other| {
                other.hash == next.hash && other.letters >= ALONE_LETTERS && other.hash != name.hash
            })
    })
}

/// Whether a single letter begins another word of the same person's name: `Doe, J.`.
fn is_initial(words: &Words<'_>, beside: &Name<'_>, word: &Word) -> bool {
    word.letters == 1
        && word.is_capital
        && words
            .names()
            .any(|name| name.initial == word.initial && name.hash != beside.hash)
}

/// `J. Doe`, `J.Q. Doe`: initials before a known word.
fn initial_before(scan: &mut Scan<'_>, words: &Words<'_>, name: &Name<'_>, start: usize) {
    let mut at = start;
    for _ in 0..3 {
        let joint = crate::text::run_start(scan.text, at, 2, |byte| matches!(byte, b' ' | b'.'));
        let Some(from) = joint.checked_sub(1).filter(|_| joint < at) else {
            return;
        };
        let letter = scan.byte(from).filter(u8::is_ascii_uppercase);
        let is = letter.is_some_and(|letter| {
            words.names().any(|other| {
                other.initial == letter.to_ascii_lowercase() && other.hash != name.hash
            })
        });
        if !is || !crate::text::starts_word(scan.text, from) {
            return;
        }
        report(scan, name.detector, from, joint);
        at = from;
    }
}

/// One past the phrase that begins with the word: all its words in their order, whatever
/// punctuation stands between them.
fn phrase_end(text: &[u8], phrase: &Phrase<'_>, first: &Word) -> Option<usize> {
    const GAP_BYTES: usize = 4;
    let mut known = Word::next(phrase.text, 0)?.end;
    let mut end = first.end;
    while let Some(word) = Word::next(phrase.text, known).filter(|word| word.letters > 0) {
        let next = Word::next(text, end)?;
        if next.hash != word.hash || next.start > end + GAP_BYTES {
            return None;
        }
        known = word.end;
        end = next.end;
    }
    Some(end)
}
