//! Holds the house rules by test: layout, direction of the crates, sizes, the fence around
//! unsafe code, and what the pure crates must not name.
//!
//! Every rule is shown to fail on a bad snippet before it is trusted on the tree.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod rules;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// What the top level may hold, besides dotfiles.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "core",
    "corpus",
    "deploy",
    "detectors",
    "docs",
    "fuzz",
    "proxy",
];

/// Folders that builds and tests make.
const MADE: &[&str] = &["target", ".git", ".cache", "node_modules", "__pycache__"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("proxy has a parent")
        .to_owned()
}

/// Every file below `folder`, relative to the top, without what builds make.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("a readable entry");
        let name = entry.file_name();
        let kind = entry.file_type().expect("a file type");
        if MADE.iter().any(|made| name == *made) || kind.is_symlink() {
            continue;
        }
        match kind.is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

/// Path and text of every UTF-8 file of the repository; lock files are not ours to judge.
fn texts() -> Vec<(String, String)> {
    let top = top();
    let mut found = Vec::new();
    files(&top, &mut found);
    let mut texts = Vec::new();
    for path in found {
        let name = path
            .strip_prefix(&top)
            .expect("below the top")
            .to_string_lossy()
            .into_owned();
        if !name.ends_with(".lock")
            && let Ok(text) = fs::read_to_string(&path)
        {
            texts.push((name, text));
        }
    }
    texts.sort();
    texts
}

fn no_complaints(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn rust_files_keep_the_house_rules() {
    let texts = texts();
    let rust: Vec<_> = texts
        .iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .collect();
    assert!(
        rust.len() > 20,
        "the walk found only {} Rust files",
        rust.len()
    );
    let complaints = rust
        .iter()
        .flat_map(|(path, text)| rules::of_file(&Source::new(path, text)));
    no_complaints(complaints.collect());
}

#[test]
fn no_file_names_a_machine() {
    let texts = texts();
    no_complaints(
        texts
            .iter()
            .flat_map(|(path, text)| rules::of_text(path, text))
            .collect(),
    );
}

#[test]
fn exceptions_are_not_stale() {
    for (path, name, lines, reason) in rules::LONG_FUNCTIONS {
        assert!(!reason.is_empty(), "{path}: {name} has no reason");
        let text = fs::read_to_string(top().join(path)).expect("the file of an exception");
        let functions = Source::new(path, &text).functions();
        let now = functions.iter().find(|function| function.name == *name);
        let now = now
            .unwrap_or_else(|| panic!("{path}: no function {name}"))
            .lines;
        assert_eq!(
            now, *lines,
            "{path}: {name} has {now} lines now: adjust its exception"
        );
        assert!(
            now > rules::FUNCTION_LINES,
            "{path}: {name} needs no exception any more"
        );
    }
}

#[test]
fn the_top_level_is_fixed() {
    let allowed: BTreeSet<&str> = TOP_LEVEL.iter().copied().collect();
    for entry in fs::read_dir(top()).expect("the top") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        let known = name.starts_with('.') || name == "target" || allowed.contains(name.as_str());
        assert!(known, "{name} does not belong to the top level");
    }
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: &[(&str, &[&str])] = &[
        ("core/parser", &[]),
        ("core", &["velum-parser"]),
        ("detectors", &["velum-core"]),
        ("proxy", &["velum-core", "velum-detectors"]),
        ("benches", &["velum-core", "velum-detectors", "velum-proxy"]),
        ("fuzz", &["velum-core", "velum-detectors"]),
    ];
    for (folder, allowed) in allowed {
        let text = fs::read_to_string(top().join(folder).join("Cargo.toml")).expect("a manifest");
        no_complaints(foreign_dependencies(folder, &text, allowed));
    }
}

/// Dependencies of ours that `folder` must not have, whatever the section they stand in.
fn foreign_dependencies(folder: &str, manifest: &str, allowed: &[&str]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let own = format!("velum-{folder}");
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let names = sections
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table());
    let ours = names
        .flat_map(|table| table.keys())
        .filter(|name| name.starts_with("velum-"));
    ours.filter(|name| **name != own && !allowed.contains(&name.as_str()))
        .map(|name| format!("{folder} must not depend on {name}"))
        .collect()
}

#[test]
fn pure_crates_have_no_impure_dependency() {
    let impure = [
        "tokio",
        "mio",
        "socket2",
        "getrandom",
        "rand",
        "libc",
        "io-uring",
        "tracing",
    ];
    for folder in ["core/parser", "core", "detectors"] {
        let text = fs::read_to_string(top().join(folder).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        let table = manifest["dependencies"].as_table().expect("a table");
        for name in impure {
            assert!(!table.contains_key(name), "{folder} depends on {name}");
        }
    }
}

#[test]
fn core_forbids_unsafe_code() {
    let text = fs::read_to_string(top().join("core/src/lib.rs")).expect("core's root");
    assert!(text.contains("#![forbid(unsafe_code)]"));
}

/// The rules themselves.
mod self_tests {
    use super::*;

    /// Complaints about a snippet that is said to stand at `path`.
    fn complaints(path: &str, text: &str) -> Vec<String> {
        rules::of_file(&Source::new(path, text))
    }

    #[track_caller]
    fn caught(path: &str, text: &str, word: &str) {
        let complaints = complaints(path, text);
        assert!(
            complaints.iter().any(|it| it.contains(word)),
            "{word}: {complaints:?}"
        );
    }

    #[track_caller]
    fn clean(path: &str, text: &str) {
        assert_eq!(complaints(path, text), Vec::<String>::new());
    }

    #[test]
    fn long_functions_files_and_lines_are_caught() {
        let body = "    call();\n".repeat(rules::FUNCTION_LINES);
        caught(
            "core/src/a.rs",
            &format!("fn long(\n) {{\n{body}}}\n"),
            "fn long has 73 lines",
        );
        clean(
            "core/src/a.rs",
            &format!("fn short() {{\n{}}}\n", "    call();\n".repeat(60)),
        );
        let many = "const A: u8 = 1;\n".repeat(rules::FILE_LINES + 1);
        caught("proxy/src/a.rs", &many, "601 lines");
        clean(
            "proxy/src/a.rs",
            &"// why\n\n".repeat(2 * rules::FILE_LINES),
        );
        caught(
            "core/src/a.rs",
            &format!("// {}", "x".repeat(rules::LINE_CHARACTERS)),
            "wider",
        );
    }

    #[test]
    fn unsafe_code_is_caught_outside_of_its_fence_and_without_a_note() {
        caught(
            "proxy/src/relay/a.rs",
            "fn f() { unsafe { g() } }",
            "outside of its fence",
        );
        caught(
            "core/parser/src/lib.rs",
            "fn f() { unsafe { g() } }",
            "outside of its fence",
        );
        caught(
            "proxy/src/ring/a.rs",
            "fn f() { unsafe { g() } }",
            "without SAFETY:",
        );
        caught(
            "proxy/src/ring/a.rs",
            "unsafe impl Send for A {}",
            "without SAFETY:",
        );
        clean(
            "proxy/src/ring/a.rs",
            "// SAFETY: g has no contract.\nfn f() { unsafe { g() } }",
        );
        clean(
            "proxy/src/relay/a.rs",
            "#![deny(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";",
        );
    }

    #[test]
    fn impurity_is_caught_in_the_pure_crates_only() {
        for word in [
            "use std::net::TcpStream;",
            "fn f(now: Instant) {}",
            "use std::fs;",
        ] {
            caught("core/src/a.rs", word, "pure crate");
            caught("detectors/src/a.rs", word, "pure crate");
            clean("proxy/src/a.rs", word);
        }
        clean(
            "core/src/a.rs",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
        );
        clean("core/src/a.rs", "fn operand() {} // std::fs");
    }

    #[test]
    fn panics_in_core_are_caught() {
        caught(
            "core/parser/src/a.rs",
            "fn f() { g().unwrap(); }",
            ".unwrap()",
        );
        caught("core/src/a.rs", "fn f() { g().unwrap(); }", ".unwrap()");
        caught("core/src/a.rs", "fn f() { g().expect(\"x\"); }", ".expect(");
        clean(
            "core/src/a.rs",
            "#[cfg(test)]\nmod tests {\n    fn f() { g().unwrap(); }\n}\n",
        );
        caught(
            "core/src/a.rs",
            "#[cfg(test)]\nmod tests {\n}\nfn f() { g().unwrap(); }",
            "unwrap",
        );
    }

    #[test]
    fn placeholders_are_caught() {
        caught(
            "proxy/src/a.rs",
            concat!("fn f() { to", "do!() }"),
            concat!("to", "do!("),
        );
        caught(
            "proxy/tests/a.rs",
            concat!("#[ign", "ore]\nfn f() {}"),
            concat!("#[ign", "ore"),
        );
    }

    #[test]
    fn printable_payload_types_are_caught() {
        caught(
            "core/src/a.rs",
            "#[derive(Clone, Debug)]\npub struct Window {\n}",
            "derives Debug",
        );
        caught(
            "core/src/a.rs",
            "impl fmt::Debug for Outbox {}",
            "can be printed",
        );
        caught(
            "core/src/a.rs",
            "impl<I> fmt::Display for Session<I> {}",
            "can be printed",
        );
        clean(
            "core/src/a.rs",
            "#[derive(Default)]\npub struct Window {\n}",
        );
        clean(
            "core/src/a.rs",
            "#[derive(Debug)]\npub struct SessionId(pub u128);",
        );
        clean("core/src/a.rs", "impl fmt::Debug for WindowSize {}");
    }

    #[test]
    fn directions_are_caught() {
        caught(
            "core/src/a.rs",
            "use velum_detectors::Detectors;",
            "names velum_detectors",
        );
        caught(
            "detectors/src/a.rs",
            "use velum_proxy::config;",
            "names velum_proxy",
        );
        caught(
            "core/src/mask/a.rs",
            "use crate::wire::postgres;",
            "imports wire",
        );
        caught(
            "core/parser/src/a.rs",
            "use velum_core::sql;",
            "names velum_core",
        );
        caught(
            "proxy/src/a.rs",
            "use velum_parser::read;",
            "names velum_parser",
        );
        clean("core/src/a.rs", "use velum_parser::read;");
        clean("core/src/wire/postgres/a.rs", "use crate::wire::postgres;");
        let manifest = "[dev-dependencies]\nvelum-proxy = { path = \"x\" }\n";
        assert_eq!(foreign_dependencies("core", manifest, &[]).len(), 1);
        assert_eq!(
            foreign_dependencies("benches", manifest, &["velum-proxy"]).len(),
            0
        );
    }

    #[test]
    fn machine_paths_are_caught() {
        assert_eq!(rules::of_text("a.md", concat!("see /ro", "ot/x")).len(), 1);
        assert_eq!(
            rules::of_text("a.md", "see /etc/velum/velum.toml"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn literals_and_comments_do_not_confuse_the_scanner() {
        let text = concat!(
            "fn f<'a>(x: &'a str) -> char {\n",
            "    let _ = (r#\"}\"#, b'}', '\\'', \"\\\"}\");\n",
            "    /* } /* } */ } */ '}'\n",
            "}\n",
            "fn g() {}\n",
        );
        let functions = Source::new("core/src/a.rs", text).functions();
        let found: Vec<_> = functions
            .iter()
            .map(|f| (f.name.as_str(), f.lines))
            .collect();
        assert_eq!(found, [("f", 4), ("g", 1)]);
    }
}
