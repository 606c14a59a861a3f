//! `velum tune` and `velum eval`, and `corpus/README.md` to the letter.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use velum_detectors::pack::{Pack, Provenance};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn velum(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Record numbers that only a site's pattern finds.
fn site() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pattern = "[[pattern]]\nname = \"record\"\ntype = \"MRN\"\npattern = 'QZ\\d{7}'\n";
    write(&folder, "site/patterns.toml", pattern);
    let case = |n: usize| {
        format!(
            "[[case]]\ntext = \"Seen with «MRN:QZ{:07}» in hand <b>{n}</b>.\"\n",
            n * 7919
        )
    };
    let cases: String = (0..40).map(case).collect();
    write(&folder, "site/notes.toml", &cases);
    folder
}

const TUNE: [&str; 7] = [
    "tune",
    "--corpus",
    "site",
    "--out",
    "a.pack",
    "--date",
    "2026-01-02",
];

#[test]
fn a_pack_finds_what_its_site_taught() {
    let folder = site();
    let tuned = velum(&folder, &TUNE);
    assert_eq!(tuned.status.code(), Some(0), "{}", err(&tuned));
    assert!(
        out(&tuned).contains("after    recall 100.00 %, leaked 0 characters"),
        "{}",
        out(&tuned)
    );

    let bytes = fs::read(folder.path().join("a.pack")).unwrap();
    let pack = Pack::read(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let origin = |key| pack.provenance().value(key).unwrap_or_default().to_owned();
    assert_eq!(origin(Provenance::SEED), "1");
    assert_eq!(origin(Provenance::DATE), "2026-01-02");
    assert_eq!(origin(Provenance::CORPUS).len(), 64);
    assert!(origin(Provenance::TOOL).starts_with("velum "));

    velum(&folder, &TUNE);
    assert!(
        fs::read(folder.path().join("a.pack")).unwrap() == bytes,
        "the same bytes again"
    );

    write(&folder, "note.txt", "Seen with QZ0001234 in hand.\n");
    let masked = velum(&folder, &["scan", "--mask", "--pack", "a.pack", "note.txt"]);
    assert_eq!(out(&masked), "Seen with XXXXXXXXX in hand.\n");
    let none = velum(
        &folder,
        &["scan", "--types", "ssn", "--pack", "a.pack", "note.txt"],
    );
    assert_eq!(
        none.status.code(),
        Some(0),
        "the pattern's type was not asked for"
    );
}

#[test]
fn a_pack_is_compared_and_held_to_gates() {
    let folder = site();
    velum(&folder, &TUNE);
    let eval = [
        "eval",
        "--corpus",
        "site",
        "--against",
        "default",
        "--pack",
        "a.pack",
    ];
    let compared = velum(&folder, &[&eval[..], &["--misses", "1"]].concat());
    assert_eq!(compared.status.code(), Some(0), "{}", err(&compared));
    let text = out(&compared);
    let lines = [
        "against the other pack",
        "misses are new",
        "MRN",
        "all types",
    ];
    assert!(lines.iter().all(|line| text.contains(line)), "{text}");

    write(
        &folder,
        "gates.toml",
        "[[gate]]\nname = \"records\"\ntypes = [\"MRN\"]\nrecall = 0.99\n",
    );
    let gate = |arguments: &[&str]| {
        let all = [
            &["eval", "--corpus", "site", "--gate", "gates.toml", "--json"],
            arguments,
        ];
        let output = velum(&folder, &all.concat());
        let document: Value = serde_json::from_str(&out(&output)).unwrap();
        (output.status.code(), document)
    };
    let (status, document) = gate(&["--pack", "a.pack", "--against", "default"]);
    assert_eq!(status, Some(0));
    assert_eq!(document["gates"][0]["holds"], true);
    let mrn = |document: &Value| document["all"]["types"]["MRN"].clone();
    assert_eq!(mrn(&document)["recall"], 1.0);
    assert_eq!(mrn(&document)["spans"], 40);
    assert!(mrn(&document["against"])["leaked_characters"].as_u64() > Some(300));
    let (status, document) = gate(&[]);
    assert_eq!(
        status,
        Some(1),
        "the default pack does not know the site's records"
    );
    assert_eq!(document["gates"][0]["holds"], false);
}

#[test]
fn a_report_stands_alone() {
    let folder = site();
    velum(&folder, &[&TUNE[..], &["--report", "a.html"]].concat());
    let html = fs::read_to_string(folder.path().join("a.html")).unwrap();
    for part in [
        "<!doctype html>",
        "<svg",
        "Mask recall",
        "prefers-color-scheme: dark",
        "<caption>",
        "aria-label",
        "corpus-sha256",
        "lang=\"en\"",
        "Misses in context",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for outside in ["http:", "https:", "<script", "src=", "@import", "<b>"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn mistakes_of_a_corpus_are_named() {
    let folder = site();
    write(
        &folder,
        "site/bad.jsonl",
        "{\"text\":\"x\",\"spans\":[{\"start\":0,\"end\":9,\"type\":\"SSN\"}]}\n",
    );
    let output = velum(&folder, &TUNE);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).contains("bad.jsonl:1: span 0 is empty or reaches"),
        "{}",
        err(&output)
    );
    fs::remove_file(folder.path().join("site/bad.jsonl")).unwrap();

    write(
        &folder,
        "site/more.toml",
        "[[pattern]]\nname = \"all\"\ntype = \"MRN\"\npattern = 'Q.*'\n",
    );
    let output = velum(&folder, &TUNE);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).contains("site pattern \"all\": it may match more than 256 bytes"),
        "{}",
        err(&output)
    );
    assert!(!folder.path().join("a.pack").exists());
    for arguments in [
        &["eval", "--corpus", "nowhere"][..],
        &["tune", "--corpus", ".", "--out", "x/y"],
    ] {
        assert_eq!(
            velum(&folder, arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

/// The gates that ship can be read, and their sets and tags are those of the frames.
#[test]
fn the_gates_that_ship_are_gates() {
    let folder = tempfile::tempdir().unwrap();
    let gates = top().join("corpus/gates.toml");
    write(
        &folder,
        "c/a.jsonl",
        "{\"set\":\"prose\",\"text\":\"all is well\"}\n",
    );
    let output = velum(
        &folder,
        &["eval", "--corpus", "c", "--gate", gates.to_str().unwrap()],
    );
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("no data"), "{}", out(&output));
    let mut sets = Vec::new();
    for file in fs::read_dir(top().join("corpus/frames/test")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let heads = text.lines().filter_map(|line| line.strip_prefix("%% "));
        sets.extend(heads.map(|head| head.split(' ').next().unwrap().to_owned()));
    }
    for set in [
        "notes", "prose", "negative", "queries", "cells", "hl7", "fhir",
    ] {
        assert!(sets.iter().any(|known| known.starts_with(set)), "{set}");
    }
}

/// A short form of what `corpus/README.md` says to run for three seeds: bounds that a draw this
/// small can speak about.
#[test]
fn the_engine_that_ships_holds_its_gates() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = top().join("corpus");
    let gates = corpus.join("gates.toml");
    let (corpus, gates) = (corpus.to_str().unwrap(), gates.to_str().unwrap());
    let eval = [
        "eval", "--corpus", corpus, "--part", "test", "--gate", gates,
    ];
    let draw = ["--rounds", "3", "--seed", "20", "--seeds", "2", "--json"];
    let output = velum(&folder, &[&eval[..], &draw].concat());
    let document: Value = serde_json::from_str(&out(&output)).unwrap();
    let outcomes = document["gates"].as_array().unwrap();
    for (gate, measure) in [
        ("numbers with a shape, in notes", "recall"),
        ("dates, in notes", "recall"),
        ("ages over 89, in notes", "recall"),
        ("ZIP codes, in notes", "recall"),
        ("names, in hard notes", "recall"),
        ("names, in hard notes", "typed precision"),
        ("disguised numbers", "recall"),
        ("hard notes as a whole", "over-masking"),
        ("prose without PHI", "over-masking"),
        ("short queries", "documents touched"),
        ("cells that only look like identifiers", "documents touched"),
    ] {
        let is = |outcome: &&Value| outcome["gate"] == gate && outcome["measure"] == measure;
        let outcome = outcomes.iter().find(is).unwrap();
        assert_eq!(outcome["holds"], true, "{outcome}");
    }
}

/// What the guide tells a hospital to type does what it says.
#[test]
fn the_guide_works_to_the_letter() {
    let guide = fs::read_to_string(top().join("corpus/README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for part in guide.split("<!-- file: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n```").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        write(&folder, name, rest.split_once("```").unwrap().0);
        files += 1;
    }
    assert_eq!(files, 4);
    write(&folder, "notes/a.txt", "Seen today, chart MW0099887.\n");
    let bin = Path::new(env!("CARGO_BIN_EXE_velum")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut printed = Vec::new();
    for part in guide.split("<!-- run -->\n```sh\n").skip(1) {
        let script = part.split_once("```").unwrap().0;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", &path);
        let output = shell.output().unwrap();
        printed.push((output.status.code(), out(&output), err(&output)));
    }
    let [made, used] = printed.as_slice() else {
        panic!("two blocks to run: {printed:?}")
    };
    assert_eq!(made.0, Some(0), "{made:?}");
    assert!(
        made.1.contains("pack site.pack") && made.1.contains("against the other pack"),
        "{made:?}"
    );
    assert!(fs::read(folder.path().join("site.html")).unwrap().len() > 10_000);
    assert_eq!(used.0, Some(1), "{used:?}");
    assert!(
        used.1.contains("notes/a.txt:1:19: MRN XXXXXXXXX"),
        "{used:?}"
    );
}
