//! Draws the tour: two columns, the changed characters in colour.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::entries::Entry;

/// Columns of a window whose size is not known.
const WIDTH: usize = 120;
const LABEL_WIDTH: usize = 18;
/// More of one value helps nobody.
const VALUE_LINES: usize = 14;

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();
const CLEAR: Style = AnsiColor::Red.on_default().bold();
const MASKED: Style = AnsiColor::Green.on_default().bold();
const PLAIN: Style = Style::new();

/// Where the tour is drawn.
pub(super) struct Screen {
    out: io::Stdout,
    is_coloured: bool,
    width: usize,
}

impl Screen {
    /// Standard output; in colour if that is a terminal, and neither `no_color` nor the
    /// environment variable `NO_COLOR` says otherwise.
    pub(super) fn new(no_color: bool) -> Self {
        let out = io::stdout();
        let unwanted = no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let is_coloured = out.is_terminal() && !unwanted;
        let width = match rustix::termios::tcgetwinsize(&out) {
            Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
            _ => WIDTH,
        };
        Self {
            out,
            is_coloured,
            width: width.clamp(72, 160),
        }
    }

    /// A line of text.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A step that was done, with what came of it.
    pub(super) fn step(&mut self, name: &str, result: &str) -> io::Result<()> {
        let name = format!("{name:<12}");
        let name = self.styled(TITLE, &name);
        writeln!(self.out, "{name} {result}")
    }

    /// A heading with a remark.
    pub(super) fn heading(&mut self, title: &str, about: &str) -> io::Result<()> {
        let rule = "─".repeat(self.width.saturating_sub(title.chars().count() + 4));
        let title = self.styled(TITLE, title);
        let rule = self.styled(DIM, &rule);
        writeln!(self.out, "\n── {title} {rule}")?;
        self.note(about)
    }

    /// A remark.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        for line in wrap_words(text, self.width) {
            let line = self.styled(DIM, &line);
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// Who asks what.
    pub(super) fn statement(&mut self, who: &str, sql: &str) -> io::Result<()> {
        let squeezed = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let prompt = self.styled(DIM, &format!("{who}>"));
        for (place, line) in wrap_words(&squeezed, self.width - who.len() - 2)
            .iter()
            .enumerate()
        {
            let blank = " ".repeat(who.len() + 1);
            let before = if place == 0 { &prompt } else { &blank };
            writeln!(self.out, "{before} {line}")?;
        }
        Ok(())
    }

    /// The two answers, value by value.
    pub(super) fn compare(&mut self, direct: &[Entry], through: &[Entry]) -> io::Result<()> {
        let half = (self.width - LABEL_WIDTH - 6) / 2;
        let header = format!(
            "{:LABEL_WIDTH$} │ {:half$} │ {}",
            "", "direct to PostgreSQL", "through Velum"
        );
        let header = self.styled(DIM, &header);
        writeln!(self.out, "{header}")?;
        for place in 0..direct.len().max(through.len()) {
            let (left, right) = (direct.get(place), through.get(place));
            let label = left.or(right).map_or("", |entry| &entry.label);
            let (left_text, right_text) = (shown(left), shown(right));
            let changed = changes(&left_text, &right_text);
            let left = wrap(&left_text, &changed.0, half);
            let right = wrap(&right_text, &changed.1, half);
            for row in 0..left.len().max(right.len()) {
                let label = if row == 0 { label } else { "" };
                let label: String = label.chars().take(LABEL_WIDTH).collect();
                let label = self.styled(DIM, &format!("{label:LABEL_WIDTH$} │"));
                let bar = self.styled(DIM, "│");
                let left = self.cells(left.get(row), CLEAR, half);
                let right = self.cells(right.get(row), MASKED, 0);
                writeln!(self.out, "{label} {left} {bar} {right}")?;
            }
        }
        Ok(())
    }

    /// Good news.
    pub(super) fn good(&mut self, text: &str) -> io::Result<()> {
        let text = self.styled(MASKED, text);
        writeln!(self.out, "{text}")
    }

    /// Bad news.
    pub(super) fn bad(&mut self, text: &str) -> io::Result<()> {
        let text = self.styled(CLEAR, text);
        writeln!(self.out, "{text}")
    }

    /// One long line of machine output, its continuations indented.
    pub(super) fn wrapped(&mut self, text: &str) -> io::Result<()> {
        for (place, line) in wrap_words(text, self.width - 4).iter().enumerate() {
            let indent = if place == 0 { "" } else { "    " };
            writeln!(self.out, "{indent}{line}")?;
        }
        Ok(())
    }

    /// One line of machine output, cut to the window.
    pub(super) fn cut(&mut self, text: &str) -> io::Result<()> {
        let line: String = text.chars().take(self.width).collect();
        writeln!(self.out, "{line}")
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.is_coloured && style != PLAIN {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A row of characters, the changed ones in `style`, padded to `width`.
    fn cells(&self, row: Option<&Vec<(char, bool)>>, style: Style, width: usize) -> String {
        let mut text = String::new();
        let row = row.map(Vec::as_slice).unwrap_or_default();
        for run in row.chunk_by(|a, b| a.1 == b.1) {
            let characters: String = run.iter().map(|(character, _)| character).collect();
            let is_changed = run.first().is_some_and(|(_, changed)| *changed);
            text.push_str(&self.styled(if is_changed { style } else { PLAIN }, &characters));
        }
        text.push_str(&" ".repeat(width.saturating_sub(row.len())));
        text
    }
}

fn shown(entry: Option<&Entry>) -> Vec<char> {
    match entry {
        None => "—".chars().collect(),
        Some(Entry { shown: None, .. }) => "NULL".chars().collect(),
        Some(Entry {
            shown: Some(text), ..
        }) => text.chars().collect(),
    }
}

/// Which characters of two texts differ: place by place if they are equally long, else all
/// but the common beginning and end.
fn changes(left: &[char], right: &[char]) -> (Vec<bool>, Vec<bool>) {
    if left.len() == right.len() {
        let changed: Vec<bool> = left.iter().zip(right).map(|(a, b)| a != b).collect();
        return (changed.clone(), changed);
    }
    let same = |(a, b): &(&char, &char)| a == b;
    let front = left.iter().zip(right).take_while(same).count();
    let rest = left.len().min(right.len()) - front;
    let back = left
        .iter()
        .rev()
        .zip(right.iter().rev())
        .take_while(same)
        .count()
        .min(rest);
    let mark = |text: &[char]| {
        (0..text.len())
            .map(|place| place >= front && place < text.len() - back)
            .collect()
    };
    (mark(left), mark(right))
}

/// Rows of at most `width` characters; line ends break, tabs are arrows, other control
/// characters dots.
fn wrap(text: &[char], changed: &[bool], width: usize) -> Vec<Vec<(char, bool)>> {
    let mut rows = vec![Vec::new()];
    for (character, changed) in text.iter().zip(changed) {
        let is_break = matches!(character, '\n' | '\r');
        let is_full = rows.last().is_some_and(|row| row.len() >= width);
        if is_break || is_full {
            rows.push(Vec::new());
        }
        if let Some(row) = rows.last_mut().filter(|_| !is_break) {
            let visible = match character {
                '\t' => '→',
                control if control.is_control() => '·',
                other => *other,
            };
            row.push((visible, *changed));
        }
    }
    if rows.len() > VALUE_LINES {
        rows.truncate(VALUE_LINES);
        rows.push(vec![('…', false)]);
    }
    rows
}

fn wrap_words(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() {
                line.push_str(word);
                continue;
            }
            if line.chars().count() + 1 + word.chars().count() <= width {
                line.push(' ');
                line.push_str(word);
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn marks_what_changed() {
        let (left, right) = changes(&chars("a12b"), &chars("aXXb"));
        assert_eq!(left, [false, true, true, false]);
        assert_eq!(left, right);
        let (left, right) = changes(&chars("say NULL now"), &chars("say now"));
        assert_eq!(left.iter().filter(|changed| **changed).count(), 5);
        assert_eq!(right.iter().filter(|changed| **changed).count(), 0);
        assert_eq!(changes(&chars("aa"), &chars("aaa")).1, [false, false, true]);
    }

    #[test]
    fn wraps_at_width_and_at_line_ends() {
        let text = chars("abcd\nef\tg");
        let rows = wrap(&text, &[false; 9], 3);
        let rows: Vec<String> = rows
            .iter()
            .map(|row| row.iter().map(|(c, _)| c).collect())
            .collect();
        assert_eq!(rows, ["abc", "d", "ef→", "g"]);
        assert_eq!(wrap_words("one two three", 7), ["one two", "three"]);
    }
}
