//! Names of persons in running text: a dictionary, a score in context, and the rest of the text.
//!
//! ```text
//! text ─▶ starts ─▶ words ─▶ gate ─▶ context ─▶ score ─▶ runs of names ─▶ findings
//!        (bitmaps)  (key,    (lexicon)  (three    (table of  (particles, initials,
//!                    shape)              words      weights)   neighbours; again in whole texts)
//!                                        around)
//! ```
//!
//! A word is judged by itself and by three words to either side, then by whether the words
//! beside it look like names of their own. In a text that is whole, a word that was accepted
//! once is found again where it alone would not have been.

use crate::catalog::Detector;
use crate::scan::Scan;

mod candidates;
mod decode;
mod features;
mod letters;
mod lexicon;
mod model;
mod org;
mod place;
mod record;
mod roles;
mod starts;
mod trail;
mod word;

pub(crate) use candidates::Candidate;
use candidates::Seen;
pub(crate) use features::{FEATURES, Features};
pub(crate) use lexicon::{Known, OVERRUN, Table};
pub(crate) use model::Thresholds;
pub use model::{BadModel, Model};
pub(crate) use roles::Roles;
pub(crate) use word::key_of;

/// Bytes to either side of a name that may decide about it.
pub(crate) const REACH_BYTES: usize = 1024;

/// Reports the names of persons, facilities and cities in the text, and record numbers beside
/// names.
pub(crate) fn find(scan: &mut Scan<'_>, model: &Model) {
    let own = [Detector::Name, Detector::Org, Detector::Address];
    // Numbers and times of day: nothing of them is a word.
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    if own.iter().any(|detector| scan.wants(*detector)) && scan.text.iter().any(is_letter) {
        decode::names(scan, model);
    }
}

/// Visits the words of a whole text that may be names.
pub(crate) fn candidates(text: &[u8], model: &Model, mut visit: impl FnMut(&Candidate)) {
    candidates::each(text, (true, true), model, |seen| {
        if let Seen::Candidate(candidate) = seen {
            visit(candidate);
        }
    });
}

/// The words of a text: key and first byte of each.
pub(crate) fn words_of(text: &[u8]) -> impl Iterator<Item = (u64, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let word = Some(at).filter(|at| word::begins(text, *at));
            if let Some(word) = word.and_then(|at| word::read(text, at)) {
                at = word.end.max(at + 1);
                return Some((word.key, word.start));
            }
            at += 1;
        }
        None
    })
}
