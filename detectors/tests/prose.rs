//! Names in running text with everything that the engine has: what has to be hidden whole, and what
//! looks like a name and is none. How often that holds on many texts, `velum eval` measures.

mod support;

use velum_core::inspect::Surroundings;
use velum_detectors::Detectors;

/// Names between `«` and `»`; nothing of them may stay open, and nothing else may be hidden.
const TEXTS: &[&str] = &[
    // A first name whose second part is in small letters, a last name that is a word.
    "Her cousin «Hyeon-ju Cho» called, and «Seo-yeon» drove.",
    "Seen with Dr. «Tariq Al-Masri» and «Paulo de Brito».",
    "Signed by «L'Estrange, Odile» in the clinic.",
    // Texts that hold nothing but one name.
    "refill «Abramowitz» lisinopril 20",
    "Did «Beatriz» take the 0800 metoprolol?",
    "next of kin for «Whitaker, Dean»",
    // Elements of XML are called like nothing else.
    "<EncounterRecord><Narrative>stable</Narrative></EncounterRecord>",
    "Parkinson's or Huntington's?",
    "Swan: CI 2.4, levo 0.06. Pulm: AC 16/420. ID: Vanc/Zosyn D2.",
];

#[test]
fn names_are_hidden_whole_and_look_alikes_are_not() {
    for marked in TEXTS {
        support::check(&Detectors::full(), marked, Surroundings::WHOLE);
    }
}
