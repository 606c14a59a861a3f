//! What the engine finds, as hashes: a change that is meant to be faster and nothing else leaves
//! every line of `golden.txt` as it is.
//!
//! Where findings are meant to change, the failure shows the lines to put there; reviewing them
//! says which parts of the corpus a change reaches.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use velum_core::inspect::{Finding, Inspect, Surroundings};
use velum_detectors::Detectors;
use velum_detectors::corpus::generate::Random;

/// Parts of the corpus, and texts that are made of its lines.
const FOLDERS: [&str; 5] = ["phi", "negative", "ehr", "frames", "lists/text"];
/// Bytes of the parts that files are read in beside their lines.
const PART_BYTES: usize = 700;
const MIXED: usize = 12_000;

/// What hostile texts repeat.
const FLOODS: [&str; 26] = [
    "1 ",
    "1 A ",
    "SSN 1 ",
    "12 Oak ",
    "12 oak st ",
    "1200 N Broadway ",
    "March ",
    "1 May ",
    "A, IL",
    "A ",
    "Dr. A ",
    "Jane ",
    "jane ",
    "O'",
    "a:b\n",
    "Name:",
    "PID|",
    "1:",
    "+1(",
    "a@b.",
    "5\u{200b}",
    "\u{ff15}",
    "{\"a\":",
    "AAAAAAAAAAAA",
    "Mercy Hospital of ",
    "lives in ",
];

/// FNV-1a over 64 bits.
struct Hash(u64);

impl Hash {
    fn add(&mut self, value: u64) {
        for byte in value.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// Findings of one part, counted and hashed.
struct Golden<'d> {
    detectors: &'d Detectors,
    count: usize,
    hash: Hash,
    found: Vec<Finding>,
}

impl<'d> Golden<'d> {
    fn new(detectors: &'d Detectors) -> Self {
        Self {
            detectors,
            count: 0,
            hash: Hash(0xcbf2_9ce4_8422_2325),
            found: Vec::new(),
        }
    }

    fn inspect(&mut self, text: &[u8], around: Surroundings<'_>) {
        self.found.clear();
        self.detectors.inspect(text, around, &mut self.found);
        self.count += self.found.len();
        self.hash.add(text.len() as u64);
        for finding in &self.found {
            self.hash.add(finding.start as u64);
            self.hash.add(finding.end as u64);
            self.hash.add(u64::from(finding.detector.0));
        }
    }

    /// The text alone, in columns, and out of the midst of a longer one.
    fn everywhere(&mut self, text: &[u8]) {
        self.inspect(text, Surroundings::WHOLE);
        for column in [&b"note"[..], b"created_at", b"order_id", b"patient_ssn"] {
            self.inspect(text, Surroundings::in_column(column));
        }
        let part = Surroundings {
            at_start: false,
            at_end: false,
            ..Surroundings::WHOLE
        };
        self.inspect(text, part);
    }
}

#[test]
fn findings_are_those_of_before() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut lines = String::new();
    let mut all = Vec::new();
    for folder in FOLDERS {
        for file in files(&corpus.join(folder)) {
            let text = fs::read_to_string(&file).expect("a readable file");
            let name = file.strip_prefix(&corpus).expect("a file of the corpus");
            let name = name.to_string_lossy().replace('\\', "/");
            add(&mut lines, &name, |golden| {
                text.lines()
                    .for_each(|line| golden.everywhere(line.as_bytes()));
                let parts = text.as_bytes().chunks(PART_BYTES);
                parts.for_each(|part| golden.inspect(part, Surroundings::WHOLE));
            });
            all.extend(
                text.lines()
                    .filter(|line| !line.is_empty())
                    .map(str::to_owned),
            );
        }
    }
    let mixed = mixed(&all);
    add(&mut lines, "mixed", |golden| {
        mixed.iter().for_each(|text| golden.everywhere(text));
    });
    add(&mut lines, "floods", |golden| {
        for unit in FLOODS {
            golden.inspect(unit.repeat(600).as_bytes(), Surroundings::WHOLE);
        }
    });
    let expected = include_str!("golden.txt");
    let changed: Vec<&str> = lines
        .lines()
        .filter(|line| !expected.contains(*line))
        .collect();
    assert!(
        lines == expected,
        "changed:\n{}\n\nall:\n{lines}",
        changed.join("\n")
    );
}

/// One line a pack: what the part is called, the pack, how many findings, their hash.
fn add(lines: &mut String, part: &str, visit: impl Fn(&mut Golden<'_>)) {
    for (pack, detectors) in [
        ("standard", Detectors::standard()),
        ("full", Detectors::full()),
    ] {
        let mut golden = Golden::new(&detectors);
        visit(&mut golden);
        let (count, hash) = (golden.count, golden.hash.0);
        writeln!(lines, "{part} {pack} {count} {hash:#018x}").expect("a text takes all");
    }
}

/// Words of lines in new neighbourhoods, with joints that no line has; some cut short.
fn mixed(lines: &[String]) -> Vec<Vec<u8>> {
    const JOINTS: [&str; 12] = [
        " ",
        " ",
        " ",
        "  ",
        ", ",
        "\n",
        "-",
        ".",
        ": ",
        "\\n",
        "\u{2019}s ",
        "|",
    ];
    let mut random = Random::new(0x5eed);
    let mut below = |bound: usize| random.below(bound as u64) as usize;
    let mut texts = Vec::new();
    for _ in 0..MIXED {
        let mut text = String::new();
        for _ in 0..=below(6) {
            let line = &lines[below(lines.len())];
            let words: Vec<&str> = line.split(' ').collect();
            let from = below(words.len());
            let to = from + 1 + below((words.len() - from).min(8));
            for word in &words[from..to] {
                match below(24) {
                    0 => text.push_str(&word.to_uppercase()),
                    1 => text.push_str(&word.to_lowercase()),
                    _ => text.push_str(word),
                }
                let joint = if below(8) == 0 {
                    below(JOINTS.len())
                } else {
                    0
                };
                text.push_str(JOINTS[joint]);
            }
        }
        let cut = below(4 * text.len() + 1).min(text.len());
        texts.push(text.as_bytes()[text.len() - cut..].to_vec());
    }
    texts
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|kind| kind != "md") {
            all.push(path);
        }
    }
    all.sort_unstable();
    all
}
