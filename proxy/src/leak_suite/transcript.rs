//! What came back: every byte, and what it says.

use crate::demo::raw::Frame;

/// All that a client received while a vector was asked.
#[derive(Default)]
pub struct Transcript {
    /// Every byte.
    pub received: Vec<u8>,
    /// The answers, by question.
    pub answers: Vec<Answer>,
    /// Why the connection ended before its time.
    pub lost: Option<String>,
}

/// The answer to one question.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Cells by row: of results, of the lines of a COPY, of a function's call.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// How each statement ended: its tag, or `SQLSTATE` and the code.
    pub ends: Vec<String>,
}

impl Answer {
    /// Adds what a frame says.
    pub fn note(&mut self, frame: &Frame) {
        match frame.tag {
            b'D' => {
                let cells = frame.cells().unwrap_or_default();
                let cells = cells.into_iter().map(|cell| cell.map(<[u8]>::to_vec));
                self.rows.push(cells.collect());
            }
            b'd' => self.rows.push(vec![Some(frame.body.clone())]),
            b'V' => {
                let value = frame.body.get(4..).unwrap_or_default();
                self.rows.push(vec![Some(value.to_vec())]);
            }
            b'C' => {
                let text = String::from_utf8_lossy(&frame.body);
                self.ends.push(text.trim_end_matches('\0').to_owned());
            }
            b's' => self.ends.push("suspended".to_owned()),
            b'E' => {
                let (code, _) = frame.error().unwrap_or_default();
                self.ends.push(format!("SQLSTATE {code}"));
            }
            _ => {}
        }
    }

    /// The code of an error in it.
    pub fn error(&self) -> Option<&str> {
        let mut ends = self.ends.iter();
        ends.find_map(|end| end.strip_prefix("SQLSTATE "))
    }
}
