//! `[originals]`

use super::model::{Originals, Recordings, Statements};
use super::reader::Section;
use crate::originals::{AUDITORS_MOST, Auditor};

/// Reads `[originals]`; without it what clients send is sealed by the gateway's own key.
pub(super) fn originals(root: &Section<'_>, recordings: Option<&Recordings>) -> Originals {
    let Some(section) = root.section("originals") else {
        return Originals::default();
    };
    section.require("auditors");
    let mut auditors: Vec<Auditor> = Vec::new();
    for text in section.strings("auditors") {
        let message = match Auditor::parse(text.get_ref()) {
            None => "this is no auditor's key",
            Some(auditor) if auditors.contains(&auditor) => "this key is given twice",
            Some(auditor) => {
                auditors.push(auditor);
                continue;
            }
        };
        let hint = "`velum audit originals keygen` makes one, and prints the line for here";
        section
            .reporter
            .report_with_hint(text.span(), message, hint);
    }
    if section.has("auditors") && !(2..=AUDITORS_MOST).contains(&auditors.len()) {
        let message = "`auditors` has to name 2 to 8 keys: it takes two of them to open anything";
        section.reporter.report(section.span.clone(), message);
    }
    if recordings.is_none_or(|it| it.statements != Statements::Sealed) {
        section.reporter.report_with_hint(
            section.span.clone(),
            "originals are kept in recordings, which do not have them",
            "write `statements = \"sealed\"` in `[recordings]`",
        );
    }
    section.finish();
    Originals { auditors }
}
