//! Bars on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over so many steps of something.
pub(super) fn bar(what: &'static str, steps: usize) -> ProgressBar {
    styled(
        what,
        steps as u64,
        "{msg:12} {bar:32.cyan/dim} {pos}/{len} {eta}",
    )
}

/// A bar over so many bytes.
pub(super) fn bytes(what: &'static str, bytes: u64) -> ProgressBar {
    let template = "{msg:12} {bar:32.cyan/dim} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
    styled(what, bytes, template)
}

fn styled(what: &'static str, length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    bar
}
