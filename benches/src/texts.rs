//! Texts for the whole engine, from seeds: prose and notes of the corpus, cells of tables, floods.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use velum_detectors::corpus::generate::{Generator, Part};
use velum_detectors::tune::Lists;

use crate::result::Random;

/// Bytes of one note of prose, and of a flood.
const NOTE_BYTES: usize = 2_000;
const FLOOD_BYTES: usize = 64 * 1024;

/// Texts of one kind; each is inspected with a call of its own.
pub struct Texts {
    /// As tables show it.
    pub name: String,
    /// Whole values.
    pub texts: Vec<Vec<u8>>,
}

impl Texts {
    /// Bytes of all texts.
    pub fn bytes(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }
}

/// Notes without PHI, of the sentences that `corpus/ehr` has for them.
pub fn prose() -> Texts {
    let plain = fs::read_to_string(corpus().join("ehr/note_plain.txt")).expect("a corpus");
    let plain = plain
        .replace("{drug}", "lisinopril")
        .replace("{diagnosis}", "essential hypertension")
        .replace("{code}", "I10")
        .replace("{department}", "cardiology");
    let lines: Vec<&str> = plain.lines().collect();
    let mut random = Random::new(7);
    let mut note = || {
        let mut note = String::new();
        while note.len() < NOTE_BYTES {
            note.push_str(lines[random.below(lines.len() as u64) as usize]);
            note.push(' ');
        }
        note.into_bytes()
    };
    Texts {
        name: "prose without PHI".to_owned(),
        texts: (0..128).map(|_| note()).collect(),
    }
}

/// Documents of the corpus' test part: names, identifiers and near misses in nearly every line.
pub fn hard_notes() -> Texts {
    let lists = files(&corpus().join("lists"), "");
    let lists = Lists::new(
        lists
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    let frames = files(&corpus().join("frames/test"), "");
    let frames: Vec<&str> = frames.values().map(String::as_str).collect();
    let mut generator = Generator::new(Part::Test, &frames, &lists, 8).expect("frames and lists");
    let documents = generator.documents(12).into_iter();
    Texts {
        name: "hard notes".to_owned(),
        texts: documents
            .map(|document| document.text.into_bytes())
            .collect(),
    }
}

/// Cells of analytics: names, cities, balances, keys, timestamps, codes.
pub fn cells() -> Texts {
    const WORDS: [&str; 12] = [
        "Springfield",
        "San Diego",
        "Salt Lake City",
        "Jane",
        "Christopher",
        "O'Brien",
        "final",
        "preliminary report",
        "Hemoglobin A1c",
        "metoprolol 25 mg",
        "mmol/L",
        "acute bronchitis",
    ];
    let mut random = Random::new(9);
    let mut texts = Vec::new();
    for _ in 0..400 {
        let mut below = |bound| random.below(bound);
        for _ in 0..5 {
            texts.push(WORDS[below(12) as usize].to_owned());
        }
        texts.push(format!("{}.{:02}", below(100_000), below(100)));
        texts.push((1000 + below(9_000_000)).to_string());
        texts.push(format!("I{}.{}", 10 + below(80), below(10)));
        let (month, day, hour) = (1 + below(12), 1 + below(28), below(24));
        let (minute, second, micros) = (below(60), below(60), below(1_000_000));
        texts.push(format!(
            "2024-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}+00"
        ));
        texts.push(format!(
            "{:08x}-{:04x}-4{:03x}",
            below(1 << 32),
            below(1 << 16),
            below(1 << 12)
        ));
    }
    Texts {
        name: "cells of 5 to 30 bytes".to_owned(),
        texts: texts.into_iter().map(String::into_bytes).collect(),
    }
}

/// What an attacker would send: one beginning of a finding after the other.
pub fn floods() -> Vec<Texts> {
    const UNITS: [&str; 16] = [
        "a@b.",
        "@",
        "1:",
        "1 ",
        "1-",
        "1 A ",
        "+1(",
        "PID|",
        "Name:",
        "SSN 1 ",
        "12 Oak ",
        "March ",
        "AAAAAAAAAAAA",
        "\u{ff15}",
        "{\"a\":",
        "a:b\n",
    ];
    let flood = |unit: &str| Texts {
        name: format!("flood of {unit:?}"),
        texts: vec![unit.repeat(FLOOD_BYTES / unit.len()).into_bytes()],
    };
    UNITS.into_iter().map(flood).collect()
}

/// The names of the corpus, one each, without their frequencies.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    for text in files(&corpus().join("lists/names"), "").values() {
        let lines = text.lines().filter(|line| !line.starts_with(['#', '=']));
        names.extend(lines.map(|line| line.trim().to_owned()));
    }
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
}

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn files(folder: &Path, prefix: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("a readable folder").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            all.extend(files(&path, &format!("{prefix}{name}/")));
        } else {
            let text = fs::read_to_string(&path).expect("a readable file");
            all.insert(format!("{prefix}{name}"), text);
        }
    }
    all
}
