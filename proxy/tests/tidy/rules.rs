//! The rules, each from a file to the complaints about it.

use crate::source::{Source, word_at};

/// Production lines that a file may have.
pub const FILE_LINES: usize = 600;
/// Lines that a function may have.
pub const FUNCTION_LINES: usize = 70;
/// Characters that a line may have.
pub const LINE_CHARACTERS: usize = 100;

/// Functions that are allowed to be longer, with the lines they have and the reason.
/// A line goes when its function has become short enough: the test fails until then.
pub const LONG_FUNCTIONS: &[(&str, &str, usize, &str)] = &[(
    "core/tests/postgres_misbehaviour.rs",
    "what_is_out_of_place_ends_the_session",
    78,
    "a table of cases, one a misbehaviour",
)];

/// Types that hold bytes of a message: none may have a Debug or Display.
pub const PAYLOAD_TYPES: &[&str] = &[
    "Window",
    "Released",
    "Outbox",
    "Scratch",
    "CopyOut",
    "StreamedCell",
    "ClientHandshake",
    "UpstreamHandshake",
    "Session",
    "TokenKey",
    "NoteSigner",
    "Document",
    "Excerpt",
    "Pack",
];

/// The places that may hold unsafe code. The last two call C: PostgreSQL's grammar, and an engine
/// that is measured.
const UNSAFE_FOLDERS: &[&str] = &[
    "proxy/src/ring/",
    "detectors/src/scan/simd/",
    "core/parser/src/c.rs",
    "benches/detect/vectorscan.rs",
];

/// What the pure crates must not name: I/O, clocks, threads, randomness.
const IMPURE: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::os",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant",
    "tokio",
    "mio",
    "getrandom",
    "rand",
    "println",
    "eprintln",
];

fn is_pure(path: &str) -> bool {
    let pure = ["core/src/", "core/parser/src/", "detectors/src/"];
    pure.iter().any(|folder| path.starts_with(folder))
}

/// Every rule about the text of one Rust file.
pub fn of_file(source: &Source) -> Vec<String> {
    let rules = [
        width,
        size,
        unsafe_fence,
        safety_notes,
        purity,
        no_panics_in_core,
        no_placeholders,
        payload_types,
        crate_direction,
    ];
    rules.iter().flat_map(|rule| rule(source)).collect()
}

/// No line is wider than the window of a reader, unless it holds one token that is: an address
/// or a regular expression.
fn width(source: &Source) -> Vec<String> {
    let lines = source.raw.iter().enumerate();
    let wide = lines.filter(|(_, line)| {
        let one_token = line.contains(concat!("http", "s://")) || line.contains("pattern: r\"");
        line.chars().count() > LINE_CHARACTERS && !one_token
    });
    wide.map(|(i, _)| format!("{}:{}: wider than {LINE_CHARACTERS}", source.path, i + 1))
        .collect()
}

/// Files and functions stay small.
fn size(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = source.production_lines();
    if lines > FILE_LINES {
        complaints.push(format!(
            "{}: {lines} lines, more than {FILE_LINES}",
            source.path
        ));
    }
    for function in source.functions() {
        let known = LONG_FUNCTIONS
            .iter()
            .find(|(path, name, _, _)| *path == source.path && *name == function.name);
        let limit = known.map_or(FUNCTION_LINES, |(_, _, lines, _)| *lines);
        if function.lines > limit {
            complaints.push(format!(
                "{}:{}: fn {} has {} lines, more than {limit}",
                source.path, function.line, function.name, function.lines
            ));
        }
    }
    complaints
}

/// Unsafe code stands in two folders only.
fn unsafe_fence(source: &Source) -> Vec<String> {
    if UNSAFE_FOLDERS
        .iter()
        .any(|folder| source.path.starts_with(folder))
    {
        return Vec::new();
    }
    let code = source.code.iter().enumerate();
    let found = code.filter(|(_, line)| word_at(line, "unsafe").is_some());
    found
        .map(|(i, _)| format!("{}:{}: unsafe outside of its fence", source.path, i + 1))
        .collect()
}

/// Every unsafe block and impl says why it is sound, within the eight lines before it.
fn safety_notes(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (i, line) in source.code.iter().enumerate() {
        let Some(at) = word_at(line, "unsafe") else {
            continue;
        };
        let rest = line[at + "unsafe".len()..].trim_start();
        if rest.starts_with("fn") || rest.starts_with("extern") {
            continue; // its contract is its documentation
        }
        let before = &source.raw[i.saturating_sub(8)..=i];
        if !before.iter().any(|line| line.contains("SAFETY:")) {
            complaints.push(format!("{}:{}: unsafe without SAFETY:", source.path, i + 1));
        }
    }
    complaints
}

/// Time, randomness and bytes are arguments of the pure crates.
fn purity(source: &Source) -> Vec<String> {
    if !is_pure(&source.path) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (line, code) in source.production_code() {
        for word in IMPURE.iter().filter(|word| word_at(code, word).is_some()) {
            complaints.push(format!("{}:{line}: {word} in a pure crate", source.path));
        }
    }
    complaints
}

/// Core answers a hostile byte with an error, never with a panic. A method that is named
/// `expect` but takes no text is another one.
fn no_panics_in_core(source: &Source) -> Vec<String> {
    let is_core = ["core/src/", "core/parser/src/"].iter();
    if !is_core
        .into_iter()
        .any(|folder| source.path.starts_with(folder))
    {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (line, code) in source.production_code() {
        for call in [".unwrap()", "panic!(", "unreachable!("] {
            if code.contains(call) {
                complaints.push(format!("{}:{line}: {call} in core", source.path));
            }
        }
        let raw = source.raw.get(line - 1).map_or("", |raw| raw.trim_end());
        let expects = raw.contains(".expect(\"") || raw.ends_with(".expect(");
        if expects && code.contains(".expect(") {
            complaints.push(format!("{}:{line}: .expect( in core", source.path));
        }
    }
    complaints
}

/// Nothing is left for later in silence, and no test is switched off.
fn no_placeholders(source: &Source) -> Vec<String> {
    let words = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("#[ign", "ore"),
    ];
    let mut complaints = Vec::new();
    for (i, line) in source.raw.iter().enumerate() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            complaints.push(format!("{}:{}: {word}", source.path, i + 1));
        }
    }
    complaints
}

/// What holds bytes of a message cannot be printed.
fn payload_types(source: &Source) -> Vec<String> {
    if !is_pure(&source.path) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (i, line) in source.code.iter().enumerate() {
        for name in PAYLOAD_TYPES {
            let defined = word_at(line, "struct").is_some() || word_at(line, "enum").is_some();
            if defined && word_at(line, name).is_some() && derives_debug(&source.code[..i]) {
                complaints.push(format!("{}:{}: {name} derives Debug", source.path, i + 1));
            }
            let shown = ["Debug for", "Display for"].iter().any(|head| {
                line.split_once(head).is_some_and(|(_, rest)| {
                    rest.trim_start().strip_prefix(name).is_some_and(|after| {
                        !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    })
                })
            });
            if shown {
                complaints.push(format!("{}:{}: {name} can be printed", source.path, i + 1));
            }
        }
    }
    complaints
}

/// Does the run of attributes at the end of `before` derive Debug?
fn derives_debug(before: &[String]) -> bool {
    let attributes = before.iter().rev().take_while(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with("#[") || line.ends_with(")]")
    });
    attributes
        .take(12)
        .any(|line| line.contains("derive(") && word_at(line, "Debug").is_some())
}

/// core/parser ← core ← detectors ← proxy; and inside of core nothing but `wire` knows `wire`.
fn crate_direction(source: &Source) -> Vec<String> {
    let forbidden: &[&str] = match source.path.split('/').next() {
        Some("core") if source.path.starts_with("core/parser/") => &[
            "velum_core",
            "velum_detectors",
            "velum_proxy",
            "velum_benches",
        ],
        Some("core") => &["velum_detectors", "velum_proxy", "velum_benches"],
        Some("detectors") => &["velum_parser", "velum_proxy", "velum_benches"],
        Some("proxy") => &["velum_parser", "velum_benches"],
        _ => &[],
    };
    let knows_wire = !source.path.starts_with("core/src/")
        || source.path.starts_with("core/src/wire/")
        || source.path.starts_with("core/src/fuzz");
    let mut complaints = Vec::new();
    for (i, code) in source.code.iter().enumerate() {
        for name in forbidden
            .iter()
            .filter(|name| word_at(code, name).is_some())
        {
            complaints.push(format!("{}:{}: names {name}", source.path, i + 1));
        }
        if !knows_wire && source.production[i] && code.contains("crate::wire") {
            complaints.push(format!("{}:{}: imports wire", source.path, i + 1));
        }
    }
    complaints
}

/// Paths of one machine and hosts of registries mean nothing to others. For every text file.
pub fn of_text(path: &str, text: &str) -> Vec<String> {
    let foreign = [
        concat!("/wo", "rk/"),
        concat!("/fa", "rm/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("registry.npm", "js.org"),
        concat!("py", "pi.org"),
        concat!("pythonho", "sted.org"),
        concat!("deb.deb", "ian.org"),
        concat!("proxy.gol", "ang.org"),
    ];
    let mut complaints = Vec::new();
    for (i, line) in text.lines().enumerate() {
        for word in foreign.iter().filter(|word| line.contains(**word)) {
            complaints.push(format!("{path}:{}: {word}", i + 1));
        }
    }
    complaints
}
