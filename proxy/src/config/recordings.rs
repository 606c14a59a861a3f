//! `[recordings]`, and which sessions are recorded.

use toml::de::DeValue;

use super::model::{Overflow, Recordings, Statements};
use super::reader::Section;

const MIB: u64 = 1024 * 1024;
/// Shares are kept in millionths.
const ALL: u32 = 1_000_000;

/// Reads `[recordings]`; without it nothing is recorded.
pub(super) fn recordings(section: Option<&Section<'_>>) -> Option<Recordings> {
    let section = section?;
    section.require("directory");
    let directory = section.path("directory");
    let statements = [
        ("tokens", Statements::Tokens),
        ("sealed", Statements::Sealed),
    ];
    let statements = section.choice("statements", &statements, Statements::Tokens);
    let ways = [("pause", Overflow::Pause), ("drop", Overflow::Drop)];
    let on_overflow = section.choice("on_overflow", &ways, Overflow::Pause);
    let queue_bytes = section.integer("queue_bytes", MIB..=4_096 * MIB, 16 * MIB) as usize;
    section.finish();
    Some(Recordings {
        directory: directory?.into_inner(),
        statements,
        on_overflow,
        queue_bytes,
    })
}

/// Reads what an access says of recording: `"all"`, `"none"`, or the share of its sessions.
pub(super) fn share(section: &Section<'_>) -> u32 {
    let Some(value) = section.value("record") else {
        return 0;
    };
    let share = match value.get_ref() {
        DeValue::String(word) if word == "all" => Some(1.0),
        DeValue::String(word) if word == "none" => Some(0.0),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
        DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
        _ => None,
    };
    match share.filter(|share| (0.0..=1.0).contains(share)) {
        Some(share) => (share * f64::from(ALL)).round() as u32,
        None => {
            let hint = "write `record = \"all\"`, or a number such as `0.1` for one in ten";
            let message = "`record` is neither `all` nor `none` nor a share from 0 to 1";
            let span = value.span();
            section.reporter.report_with_hint(span, message, hint);
            0
        }
    }
}
