//! Whether the tour kept its promise.

use std::io;

use super::entries::Entry;
use super::leaks::Leaks;
use super::render::Screen;
use super::scenes::{Play, Scene};

/// Collects what went wrong, in words that repeat no value.
pub(super) struct Verdict {
    leaks: Leaks,
    searched_bytes: u64,
    clean_values: u64,
    masked_values: u64,
    complaints: Vec<String>,
}

impl Verdict {
    /// Nothing wrong so far.
    pub(super) fn new(leaks: Leaks) -> Self {
        let complaints = Vec::new();
        Self {
            leaks,
            searched_bytes: 0,
            clean_values: 0,
            masked_values: 0,
            complaints,
        }
    }

    /// Looks for leaks in bytes that came from `place`.
    pub(super) fn search(&mut self, place: &str, bytes: &[u8]) {
        self.searched_bytes += u64::try_from(bytes.len()).unwrap_or(0);
        for (what, times) in self.leaks.find(bytes) {
            self.complaints
                .push(format!("{place}: {what} leaked ({times} times)"));
        }
    }

    /// Holds both answers against what the scene promises.
    pub(super) fn judge(
        &mut self,
        scene: &Scene,
        title: &str,
        direct: &[Entry],
        through: &[Entry],
    ) {
        let labels = |entries: &[Entry]| -> Vec<String> {
            entries.iter().map(|entry| entry.label.clone()).collect()
        };
        self.expect(
            !direct.is_empty(),
            &format!("{title}: the database answered nothing"),
        );
        if matches!(scene.play, Play::Refused(_)) {
            let is_code = |entry: &Entry| entry.shown.as_deref() == Some("42501");
            let is_refused = through.iter().any(is_code);
            return self.expect(is_refused, &format!("{title}: it was not refused"));
        }
        let same_shape = labels(direct) == labels(through);
        self.expect(same_shape, &format!("{title}: the answers differ in shape"));
        for (direct, through) in direct.iter().zip(through) {
            let label = &direct.label;
            let is_same = direct.shown == through.shown;
            if names(scene.clean, label) {
                self.clean_values += u64::from(is_same);
                self.expect(
                    is_same,
                    &format!("{title}: the clean value {label} was changed"),
                );
            }
            if names(scene.masked, label) && direct.shown.is_some() {
                self.masked_values += u64::from(!is_same);
                self.expect(!is_same, &format!("{title}: {label} was not masked"));
            }
        }
    }

    /// Complains if `is_so` is false.
    pub(super) fn expect(&mut self, is_so: bool, complaint: &str) {
        if !is_so {
            self.complaints.push(complaint.to_owned());
        }
    }

    /// Says how it went; true if all is well.
    pub(super) fn tell(&self, screen: &mut Screen) -> io::Result<bool> {
        screen.heading("The verdict", "")?;
        let figures = format!(
            "{:.1} MB searched (client bytes, log, records), {} clean values equal, {} masked",
            u32::try_from(self.searched_bytes / 1_000).map_or(0.0, f64::from) / 1e3,
            self.clean_values,
            self.masked_values
        );
        screen.line(&figures)?;
        if self.complaints.is_empty() {
            screen.good("Nothing leaked.")?;
            return Ok(true);
        }
        for complaint in &self.complaints {
            screen.bad(complaint)?;
        }
        Ok(false)
    }
}

/// Whether `list` has the label, with or without its number: `ssn` also means `ssn (2)`.
fn names(list: &[&str], label: &str) -> bool {
    let base = label.split(" (").next().unwrap_or(label);
    list.contains(&label) || list.contains(&base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ehr::Patient;
    use crate::demo::tour::scenes::SCENES;

    fn entry(label: &str, shown: &str) -> Entry {
        Entry {
            label: label.to_owned(),
            shown: Some(shown.to_owned()),
        }
    }

    fn verdict() -> Verdict {
        Verdict::new(Leaks::new(42, 10).unwrap())
    }

    #[test]
    fn complains_of_every_broken_promise() {
        let scene = &SCENES[0];
        let direct = [entry("id", "1"), entry("ssn", "123-45-6789")];
        let judge = |through: &[Entry]| {
            let mut verdict = verdict();
            verdict.judge(scene, "t", &direct, through);
            verdict.complaints.len()
        };
        assert_eq!(judge(&[entry("id", "1"), entry("ssn", "XXXXXXXXXXX")]), 0);
        assert_eq!(judge(&[entry("id", "2"), entry("ssn", "XXXXXXXXXXX")]), 1);
        assert_eq!(judge(&[entry("id", "1"), entry("ssn", "123-45-6789")]), 1);
        assert_eq!(judge(&[]), 1);
    }

    #[test]
    fn a_leak_is_told_without_its_value() {
        let mut verdict = verdict();
        let patient = Patient::new(42, 2);
        verdict.search("here", patient.email.as_bytes());
        assert_eq!(
            verdict.complaints.len(),
            2,
            "the address, and the family name in it"
        );
        assert!(
            verdict
                .complaints
                .iter()
                .all(|line| !line.contains(&patient.email))
        );
    }

    #[test]
    fn numbered_labels_count_as_their_column() {
        assert!(names(&["ssn"], "ssn (2)") && names(&["code (2)"], "code (2)"));
        assert!(!names(&["code (2)"], "code") && !names(&["ssn"], "ssn_num (int8)"));
    }
}
