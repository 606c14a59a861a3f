//! What is learnt from a corpus, as sections of a pack.

use velum_detectors::site;

use super::super::corpus::Corpus;

/// The sections of a pack, by name.
///
/// # Errors
/// What of the corpus cannot be used, as lines for the user.
pub(super) fn sections(corpus: &Corpus) -> Result<Vec<(&'static str, Vec<u8>)>, Vec<String>> {
    let mut sections = Vec::new();
    if !corpus.patterns.is_empty() {
        let section = site::to_section(&corpus.patterns);
        let section = section.map_err(|error| vec![error.to_string()])?;
        sections.push((site::SECTION, section));
    }
    Ok(sections)
}
