//! `velum scan`, as a shell or a hook runs it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use proptest::prelude::*;
use serde_json::Value;

const SSN: &str = "531-77-0294";
const MAIL: &str = "canary.jones@example.org";

fn velum(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command.arg("scan").args(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs with standard input written in pieces of `chunk` bytes.
fn scan_in(arguments: &[&str], input: &[u8], chunk: usize) -> Output {
    let mut child = velum(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || {
        for piece in input.chunks(chunk) {
            // The other side may have seen enough.
            let _closed = stdin.write_all(piece);
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn scan(arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    scan_in(arguments, input.as_ref(), 1 << 20)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    out(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Long enough for several windows, with findings in some paragraphs.
fn long_text() -> String {
    let paragraph = |number: usize| match number % 7 {
        3 => format!("visit {number}: SSN {SSN}, née X,\nwrite to {MAIL}\n\n"),
        _ => format!(
            "visit {number}: {}\n\n",
            "stable and afebrile, no change. ".repeat(9)
        ),
    };
    (0..4_000).map(paragraph).collect()
}

#[test]
fn the_exit_status_tells_what_was_found() {
    assert_eq!(scan(&[], "all is well\n").status.code(), Some(0));
    assert_eq!(scan(&[], format!("SSN {SSN}\n")).status.code(), Some(1));
    assert_eq!(
        scan(&["--mask"], format!("SSN {SSN}\n")).status.code(),
        Some(1)
    );
    for misuse in [
        &["--types", "shoe_size"][..],
        &["nowhere.txt"],
        &["--pack", "nowhere"],
    ] {
        let output = scan(misuse, "");
        assert_eq!(output.status.code(), Some(2), "{misuse:?}");
        assert!(err(&output).starts_with("velum scan: "), "{}", err(&output));
    }
    assert_eq!(scan(&["--format", "jsonl"], "{\n").status.code(), Some(2));
}

#[test]
fn findings_are_listed_by_line_and_column() {
    let text = format!("née, SSN {SSN}\n\nmail:\t{MAIL}");
    let shown = scan(&["--show"], &text);
    assert_eq!(
        out(&shown),
        format!("-:1:10: SSN {SSN}\n-:3:7: EMAIL {MAIL}\n")
    );
    let masked = scan(&[], &text);
    assert_eq!(
        out(&masked),
        "-:1:10: SSN XXX-XX-XXXX\n-:3:7: EMAIL XXXXXX.XXXXX@XXXXXXX.XXX\n"
    );
    assert!(
        err(&masked).contains("2 findings in 1 file: SSN 1, EMAIL 1"),
        "{}",
        err(&masked)
    );
    let only = scan(&["--types", "email,MRN"], &text);
    assert_eq!(out(&only), "-:3:7: EMAIL XXXXXX.XXXXX@XXXXXXX.XXX\n");
    let quiet = scan(&["--quiet"], &text);
    assert_eq!(
        (quiet.status.code(), out(&quiet), err(&quiet)),
        (Some(1), String::new(), String::new())
    );
}

#[test]
fn bytes_that_are_no_utf8_are_scanned() {
    let line = |ssn: &str| [b"\xc3( SSN ", ssn.as_bytes(), b" \x1b[2J\x80"].concat();
    let output = scan(&["--show"], line(SSN));
    assert_eq!(out(&output), format!("-:1:8: SSN {SSN}\n"));
    assert_eq!(scan(&["--mask"], line(SSN)).stdout, line("XXX-XX-XXXX"));
}

#[test]
fn what_arrives_in_pieces_is_found_as_in_a_file() {
    let text = long_text();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, &text).unwrap();
    let name = file.to_str().unwrap();
    let whole = out(&scan(&["--show", name], "")).replace(name, "-");
    assert_eq!(whole.lines().count(), 2 * 4_000 / 7);
    for chunk in [4_093, 100_003] {
        assert_eq!(
            out(&scan_in(&["--show"], text.as_bytes(), chunk)),
            whole,
            "{chunk}"
        );
    }
    let lines: Vec<&str> = text.lines().collect();
    for hit in whole.lines() {
        let mut parts = hit.split([':', ' ']);
        let place = |part: Option<&str>| part.unwrap().parse::<usize>().unwrap() - 1;
        let (line, column) = (place(parts.nth(1)), place(parts.next()));
        let tail: String = lines[line].chars().skip(column).collect();
        assert!(tail.starts_with(SSN) || tail.starts_with(MAIL), "{hit}");
    }
}

#[test]
fn masks_keep_the_length_and_all_other_bytes() {
    let text = long_text();
    let masked = scan(&["--mask"], &text);
    let expected = text
        .replace(SSN, "XXX-XX-XXXX")
        .replace(MAIL, "XXXXXX.XXXXX@XXXXXXX.XXX");
    assert!(masked.stdout == expected.as_bytes());
    assert_eq!(scan(&["--mask"], &masked.stdout).stdout, masked.stdout);
    let two = scan(&["--mask", "a", "b"], "");
    assert_eq!((two.status.code(), two.stdout.len()), (Some(2), 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the format makes of the bytes.
    #[test]
    fn masking_any_bytes_keeps_their_length(
        pieces in prop::collection::vec(prop_oneof![
            Just(b"531-77-0294".to_vec()), Just(b"{\"text\":\"SSN 531-77-0294\"}".to_vec()),
            Just(b"\n".to_vec()), Just(b"\"".to_vec()), Just(b",".to_vec()),
            Just("zoë@example.org".as_bytes().to_vec()), prop::collection::vec(1u8..=255, 0..9),
        ], 0..60),
        format in prop::sample::select(vec!["text", "jsonl", "csv"]),
        chunk in 1usize..40,
    ) {
        let input = pieces.concat();
        let output = scan_in(&["--mask", "--format", format], &input, chunk);
        if output.status.code() != Some(2) || !err(&output).contains("UTF-16") {
            prop_assert_eq!(output.stdout.len(), input.len());
            if output.status.code() == Some(0) {
                prop_assert_eq!(&output.stdout, &input);
            }
        }
    }
}

#[test]
fn each_json_line_gives_one_in_order() {
    let line = |number: usize| match number % 3 {
        0 => format!(r#"{{"id":{number},"text":"née SSN {SSN}","page":[{number}]}}"#),
        1 => format!(r#"{{"text":"{}","id":"n{number}"}}"#, "no news ".repeat(10)),
        _ => format!(r#"{{"id":{number},"text":"\u00e9\n{MAIL}"}}"#),
    };
    let lines: Vec<String> = (0..20_000).map(line).collect();
    let output = scan(&["--format", "jsonl"], lines.join("\n"));
    assert_eq!(output.status.code(), Some(1));
    let found = json_lines(&output);
    assert_eq!(found.len(), lines.len());
    for (number, document) in found.iter().enumerate() {
        let span = &document["spans"][0];
        match number % 3 {
            0 => {
                assert_eq!(document["id"], number);
                assert_eq!((&span["start"], &span["end"]), (&8.into(), &19.into()));
                assert_eq!(
                    (&span["type"], &span["score"]),
                    (&"SSN".into(), &1.0.into())
                );
            }
            1 => {
                assert_eq!(document["id"], format!("n{number}"));
                assert_eq!(document["spans"], Value::Array(Vec::new()));
            }
            _ => assert_eq!((&span["start"], &span["end"]), (&2.into(), &26.into())),
        }
    }
}

#[test]
fn a_bad_json_line_is_named_and_the_others_are_read() {
    let input = format!(
        "{{\"id\":1,\"text\":\"ok\"}}\n\n{{\"id\":2,\"text\":7}}\n{{\"text\":\"{SSN}\n\
                         {{\"id\":3,\"text\":\"\",\"column\":null}}\n"
    );
    let output = scan(&["--format", "jsonl"], &input);
    assert_eq!(output.status.code(), Some(2));
    let found = json_lines(&output);
    assert_eq!(found.len(), 4);
    assert_eq!((&found[0]["id"], &found[3]["id"]), (&1.into(), &3.into()));
    for bad in &found[1..3] {
        assert!(
            bad.get("spans").is_none() && bad["error"].is_string(),
            "{bad}"
        );
    }
    let errors = err(&output);
    assert!(
        errors.contains("velum scan: -:3:16: expected a string"),
        "{errors}"
    );
    assert!(errors.contains("velum scan: -:4:"), "{errors}");
    assert!(!errors.contains(SSN) && !out(&output).contains(SSN));

    let masked = scan(&["--format", "jsonl", "--mask"], &input);
    assert_eq!(
        out(&masked),
        input.replace(SSN, "XXX-XX-XXXX"),
        "what is not read is masked as text"
    );
}

#[test]
fn the_column_of_a_json_line_is_evidence() {
    let cell =
        |column: &str| format!("{{\"id\":\"c\",\"text\":\"531770294\",\"column\":{column}}}\n");
    let input = [
        cell(r#"{"table":"patients","name":"ssn","type":"text"}"#),
        cell(r#"{"name":"total_cents","comment":"x"}"#),
    ]
    .concat();
    let found = json_lines(&scan(&["--format", "jsonl"], input));
    assert_eq!(found[0]["spans"][0]["type"], "SSN");
    assert_eq!(found[1]["spans"], Value::Array(Vec::new()));
}

#[test]
fn cells_of_csv_are_exact() {
    let input = format!(
        "id;ssn;note\r\n1;531770294;\"a \"\"b\"\"; c\r\nmail {MAIL}\"\r\n2;;\"see; {SSN}\"\r\n"
    );
    let arguments = ["--format", "csv", "--delimiter", ";"];
    let listed = scan(&[&arguments[..], &["--show"]].concat(), &input);
    assert_eq!(
        out(&listed),
        format!(
            "-:2:3: SSN 531770294 [ssn]\n-:3:6: EMAIL {MAIL} [note]\n-:4:10: SSN {SSN} [note]\n"
        )
    );
    let masked = scan(&[&arguments[..], &["--mask"]].concat(), &input);
    let expected = input
        .replace("531770294", "XXXXXXXXX")
        .replace(SSN, "XXX-XX-XXXX");
    assert_eq!(
        out(&masked),
        expected.replace(MAIL, "XXXXXX.XXXXX@XXXXXXX.XXX")
    );

    let headless = scan(&["--format", "csv"], format!("1,{SSN}\n"));
    assert_eq!(
        headless.status.code(),
        Some(1),
        "a first record without names is scanned, too"
    );
    let open = scan(&["--format", "csv"], format!("n,m\n\"1,{SSN}\n"));
    assert_eq!(open.status.code(), Some(2));
    assert!(
        err(&open).contains("-:2:1: a quoted cell is not closed"),
        "{}",
        err(&open)
    );
    assert!(out(&open).contains("SSN"), "{}", out(&open));
}

#[test]
fn directories_are_walked_and_what_is_no_text_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/a.txt"), format!("SSN {SSN}")).unwrap();
    fs::write(at("b.bin"), format!("\0SSN {SSN}")).unwrap();
    fs::write(at("c.txt"), "nothing").unwrap();
    let name = folder.path().to_str().unwrap();
    let output = scan(&[name], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        out(&output),
        format!("{name}/sub/a.txt:1:5: SSN XXX-XX-XXXX\n")
    );
    assert!(
        err(&output).contains("b.bin: skipped: binary"),
        "{}",
        err(&output)
    );
    assert!(err(&output).contains("2 files") && err(&output).contains("1 skipped"));
    assert_eq!(out(&scan(&["--binary", name], "")).lines().count(), 2);

    fs::write(at("wide.txt"), b"\xff\xfeS\0S\0N\0").unwrap();
    let output = scan(&["--json", name], "");
    assert_eq!(
        output.status.code(),
        Some(2),
        "text that cannot be read is no success"
    );
    let summary: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(summary["by_type"], serde_json::json!({ "SSN": 1 }));
    assert_eq!(
        (&summary["files"], &summary["files_with_findings"]),
        (&2.into(), &1.into())
    );
    assert!(summary["errors"][0].as_str().unwrap().contains("UTF-16"));
    assert!(
        summary["skipped"][0]["file"]
            .as_str()
            .unwrap()
            .ends_with("b.bin")
    );
}

/// No way of printing shows PHI, but for the one that is asked to.
#[test]
fn canaries_stay_inside() {
    let text = format!("SSN {SSN} mail {MAIL}");
    let json = format!("{{\"id\":1,\"text\":\"{text}\"}}\n{{\"text\":\"{text}\"");
    let csv = format!("note,ssn\n\"{text}\",{SSN}\n\"open {SSN}");
    for (format, input) in [("text", &text), ("jsonl", &json), ("csv", &csv)] {
        for option in ["--mask", "--json", "--quiet", "--binary"] {
            let output = scan(&["--format", format, option], input);
            for printed in [out(&output), err(&output)] {
                let leaks = printed.contains(SSN) || printed.contains("canary");
                assert!(!leaks, "{format} {option}: {printed}");
            }
        }
    }
    assert!(out(&scan(&["--show"], &text)).contains(SSN));
}

#[test]
fn a_terminal_does_not_obey_what_a_file_says() {
    let output = scan(
        &["--show", "--format", "csv"],
        format!("ssn\x1b[2J\n{SSN}\n"),
    );
    assert!(!out(&output).contains('\x1b'), "{:?}", out(&output));
}

#[test]
fn an_endless_input_takes_little_memory() {
    const BYTES: usize = 160 << 20;
    let block = long_text();
    let mut child = velum(&["--json"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut written = 0;
    while written < BYTES {
        stdin.write_all(block.as_bytes()).unwrap();
        written += block.len();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak_kib: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(stdin);
    let mut summary = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut summary)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["bytes"], written);
    assert!(
        peak_kib < 64 << 10,
        "{peak_kib} KiB for an input of {} MiB",
        BYTES >> 20
    );
}

#[test]
fn foreign_and_damaged_packs_are_refused() {
    use velum_detectors::pack::{Pack, Provenance};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.pack");
    let name = file.to_str().unwrap();
    let good = Pack::new(Provenance::new().with(Provenance::SEED, "1")).write();
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let output = scan(&["--pack", name], "x");
        (output.status.code(), err(&output).contains(name))
    };
    assert_eq!(refused(&good[..good.len() - 1]), (Some(2), true));
    assert_eq!(refused(b"PK\x03\x04"), (Some(2), true));
    fs::write(&file, &good).unwrap();
    assert_eq!(
        scan(&["--pack", name], format!("SSN {SSN}")).status.code(),
        Some(1)
    );
}

/// The hook of `docs/scan.md`, in a repository.
#[test]
fn the_hook_of_the_guide_stops_a_commit_with_phi() {
    use std::os::unix::fs::PermissionsExt;
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scan.md");
    let guide = fs::read_to_string(guide).unwrap();
    let hook = guide.split("<!-- hook -->\n```bash\n").nth(1).unwrap();
    let hook = hook.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_velum"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments);
        git.current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap()
    };
    assert!(git(&["init", "-q"]).status.success());
    let place = folder.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, hook).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    let commit = |text: &str| {
        fs::write(folder.path().join("a b.txt"), text).unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "x"])
    };
    let stopped = commit(&format!("SSN {SSN}\n"));
    assert!(!stopped.status.success());
    assert!(
        err(&stopped).contains("PHI in a b.txt"),
        "{}",
        err(&stopped)
    );
    let done = commit("all is well\n");
    assert!(done.status.success(), "{}", err(&done));
}
