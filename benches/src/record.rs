//! What is left of a run: medians, and a file beside the older ones.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Lowest, middle and highest.
pub fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (
        at(0),
        at(values.len() / 2),
        at(values.len().saturating_sub(1)),
    )
}

/// Writes `text` to `benches/record/`, by date, under what the host is.
pub fn write(prefix: &str, text: &str) {
    let date = first_line("date", &["-u", "+%F"]);
    write_file(
        &format!("{prefix}{date}.md"),
        &format!("# {date}\n\n{}\n{text}", host()),
    );
}

/// Writes a file of `benches/record/`.
pub fn write_file(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("record");
    let file = folder.join(name);
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text));
    match written {
        Ok(()) => eprintln!("written to benches/record/{name}"),
        Err(error) => eprintln!("{}: {error}", file.display()),
    }
}

/// What the figures depend on.
fn host() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_start_matches(['\t', ' ', ':'])
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = first_line("uname", &["-sr"]);
    let rustc = first_line("rustc", &["-V"]);
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"]);
    format!("{model}, {cores} cores, {kernel}, {rustc}, commit {commit}.\n")
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}
