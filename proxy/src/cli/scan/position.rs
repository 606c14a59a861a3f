//! Lines and columns.

/// A place in a text: lines and columns before it. Columns count code points; each broken UTF-8
/// sequence counts as the one replacement character that it is decoded to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// Moves `position` behind `bytes`.
pub(super) fn advance(position: &mut Position, bytes: &[u8]) {
    let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    let last = match memchr::memrchr(b'\n', bytes) {
        Some(at) => {
            position.column = 0;
            &bytes[at + 1..]
        }
        None => bytes,
    };
    position.line += lines;
    position.column += points(last);
}

impl Position {
    /// The place that lies `self` behind `base`.
    pub(super) fn after(self, base: Self) -> Self {
        Self {
            line: base.line + self.line,
            column: self.column + if self.line == 0 { base.column } else { 0 },
        }
    }
}

fn points(bytes: &[u8]) -> u64 {
    let chunks = bytes.utf8_chunks();
    let points = chunks
        .map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty()));
    points.sum::<usize>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_add_up() {
        let text = "né\nü\u{1f600} x\ny".as_bytes();
        let mut whole = Position::default();
        advance(&mut whole, text);
        assert_eq!(whole, Position { line: 2, column: 1 });
        for cut in [0, 1, 3, 4, 6, 10, 13] {
            let (mut head, mut tail) = (Position::default(), Position::default());
            advance(&mut head, &text[..cut]);
            advance(&mut tail, &text[cut..]);
            assert_eq!(tail.after(head), whole, "at {cut}");
        }
        let mut broken = Position::default();
        advance(&mut broken, b"a\xff\xc3(");
        assert_eq!(broken.column, 4);
    }
}
