//! A Rust file as the rules see it: comments and literals blanked, test code marked.

/// One file, line by line. The three lists have the same length.
pub struct Source {
    /// Relative to the top of the repository, with `/` between the parts.
    pub path: String,
    /// As it stands.
    pub raw: Vec<String>,
    /// The same with comments, strings and character literals blanked.
    pub code: Vec<String>,
    /// False for lines inside of `#[cfg(test)]` items, in files that hold only tests, and in
    /// bodies of fuzz targets.
    pub production: Vec<bool>,
}

/// A function and where it stands.
pub struct Function {
    /// Its name.
    pub name: String,
    /// Counted from 1.
    pub line: usize,
    /// From the line of `fn` to the line of the closing brace.
    pub lines: usize,
}

impl Source {
    /// Splits and marks `text`.
    pub fn new(path: &str, text: &str) -> Self {
        let raw: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut code: Vec<String> = blank(text).lines().map(str::to_owned).collect();
        code.resize(raw.len(), String::new());
        let production = match is_test_file(path) {
            true => vec![false; raw.len()],
            false => mark_production(&code),
        };
        Self {
            path: path.to_owned(),
            raw,
            code,
            production,
        }
    }

    /// Lines of production code: not tests, not blank, not comment.
    pub fn production_lines(&self) -> usize {
        let lines = self.code.iter().zip(&self.production);
        lines
            .filter(|(line, production)| **production && !line.trim().is_empty())
            .count()
    }

    /// Blanked production lines with their numbers, counted from 1.
    pub fn production_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.iter().zip(&self.production).enumerate();
        lines
            .filter(|(_, (_, production))| **production)
            .map(|(i, (line, _))| (i + 1, &**line))
    }

    /// Every function with a body, tests included.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (at, line) in self.code.iter().enumerate() {
            let Some(column) = word_at(line, "fn") else {
                continue;
            };
            let name: String = line[column + 2..]
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if name.is_empty() {
                continue; // a function pointer type
            }
            if let Some(end) = end_of_item(&self.code, at, column) {
                found.push(Function {
                    name,
                    line: at + 1,
                    lines: end - at + 1,
                });
            }
        }
        found
    }
}

/// True for a file that is nothing but tests or the body of a fuzz target.
fn is_test_file(path: &str) -> bool {
    let names = ["/tests.rs", "_tests.rs", "/fuzz.rs"];
    path.contains("/tests/") || names.iter().any(|name| path.ends_with(name))
}

/// Where `word` stands on its own in `line`.
pub fn word_at(line: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).map(|(at, _)| at).find(|&at| {
        !line[..at].chars().next_back().is_some_and(is_part)
            && !line[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

/// The line of the brace that closes the item whose head stands at (`line`, `column`);
/// `None` if the item ends with a semicolon.
fn end_of_item(code: &[String], line: usize, column: usize) -> Option<usize> {
    let (mut braces, mut parentheses) = (0usize, 0usize);
    for (at, text) in code.iter().enumerate().skip(line) {
        let from = if at == line { column } else { 0 };
        for c in text[from..].chars() {
            match c {
                '(' | '[' => parentheses += 1,
                ')' | ']' => parentheses = parentheses.saturating_sub(1),
                '{' => braces += 1,
                '}' if braces == 1 => return Some(at),
                '}' => braces = braces.saturating_sub(1),
                ';' if braces == 0 && parentheses == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

/// Marks what is compiled outside of tests.
fn mark_production(code: &[String]) -> Vec<bool> {
    let mut production = vec![true; code.len()];
    let mut at = 0;
    while at < code.len() {
        let line = &code[at];
        let marks = ["#[cfg(test)]", "#[cfg(any(test, fuzzing))]"];
        let Some(after) = marks
            .iter()
            .find_map(|it| line.find(it).map(|at| at + it.len()))
        else {
            at += 1;
            continue;
        };
        let end = end_of_item(code, at, after).unwrap_or(at + 1);
        let end = end.min(code.len() - 1);
        production[at..=end].fill(false);
        at = end + 1;
    }
    production
}

/// Replaces every character of comments and literals by a space; line breaks stay.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest, 1),
            'r' | 'b' | 'c' if !(before.is_alphanumeric() || before == '_') => prefixed(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (blanked, tail) = rest.split_at(length);
        out.extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        before = ' ';
        rest = tail;
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string literal whose text begins at `from`.
fn string(text: &str, from: usize) -> usize {
    let mut escaped = false;
    for (at, c) in text[from..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return from + at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `b'…'`, `c"…"`; 0 if it is none of them.
fn prefixed(text: &str) -> usize {
    let prefix = text
        .bytes()
        .take_while(|b| matches!(b, b'r' | b'b' | b'c'))
        .count();
    let raw = text[..prefix].contains('r');
    let hashes = text[prefix..].bytes().take_while(|b| *b == b'#').count();
    let quote = prefix + hashes;
    match text[quote..].bytes().next() {
        Some(b'"') if raw => {
            let close = format!("\"{}", "#".repeat(hashes));
            text[quote + 1..]
                .find(&close)
                .map_or(text.len(), |at| quote + 1 + at + close.len())
        }
        Some(b'"') if prefix <= 1 && hashes == 0 => string(text, quote + 1),
        Some(b'\'') if &text[..prefix] == "b" => prefix + character(&text[prefix..]),
        _ => 0,
    }
}

/// Length of a character literal; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}
