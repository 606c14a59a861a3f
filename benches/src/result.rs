//! Results as a server would send them, by shape of their rows.

/// The OID of the table that the columns come from.
pub const TABLE: u32 = 20_000;
const TEXT: u32 = 25;
const INT8: u32 = 20;

/// A shape of rows, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two short cells.
    Narrow,
    /// Twenty short cells.
    Wide,
    /// One cell of about two KiB of prose with some PHI in it.
    Prose,
    /// Eight binary integers.
    Binary,
}

/// A whole answer to one query: RowDescription, rows, CommandComplete, ReadyForQuery.
pub fn result(shape: Shape, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut out = match shape {
        Shape::Narrow | Shape::Prose => row_description(2, TEXT, 0),
        Shape::Wide => row_description(20, TEXT, 0),
        Shape::Binary => row_description(8, INT8, 1),
    };
    let mut rows = 0;
    while out.len() < bytes {
        rows += 1;
        match shape {
            Shape::Narrow => row(&mut out, &[&number(&mut random), &ssn(&mut random)]),
            Shape::Wide => {
                let mut cells = vec![number(&mut random), ssn(&mut random)];
                cells.extend((0..18).map(|_| word(&mut random)));
                row(
                    &mut out,
                    &cells.iter().map(Vec::as_slice).collect::<Vec<_>>(),
                );
            }
            Shape::Prose => row(&mut out, &[&number(&mut random), &prose(&mut random)]),
            Shape::Binary => {
                let cells: Vec<_> = (0..8).map(|_| random.next().to_be_bytes()).collect();
                row(
                    &mut out,
                    &cells.iter().map(|cell| &cell[..]).collect::<Vec<_>>(),
                );
            }
        }
    }
    end(&mut out, rows);
    out
}

/// Cells of a row of [`share_of`].
const SHARED_CELLS: u64 = 10;

/// The same of rows of ten short cells, `percent` of which hold an SSN.
pub fn share_of(percent: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut out = row_description(SHARED_CELLS as usize, TEXT, 0);
    let mut rows = 0;
    while out.len() < bytes {
        rows += 1;
        let mut cell = || match random.below(100) < percent {
            true => ssn(&mut random),
            // As long as an SSN, so that all results have the same rows.
            false => b"mmol/L, low".to_vec(),
        };
        let cells: Vec<_> = (0..SHARED_CELLS).map(|_| cell()).collect();
        let cells: Vec<_> = cells.iter().map(Vec::as_slice).collect();
        row(&mut out, &cells);
    }
    end(&mut out, rows);
    out
}

/// The same of rows with a number and a cell of `width` bytes.
pub fn cells_of(width: usize, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut out = row_description(2, TEXT, 0);
    let mut rows = 0;
    while out.len() < bytes {
        rows += 1;
        let mut text = Vec::new();
        while text.len() < width {
            text.extend(word(&mut random));
            text.push(b' ');
        }
        text.truncate(width);
        row(&mut out, &[&number(&mut random), &text]);
    }
    end(&mut out, rows);
    out
}

fn end(out: &mut Vec<u8>, rows: usize) {
    frame(out, b'C', format!("SELECT {rows}\0").as_bytes());
    frame(out, b'Z', b"I");
}

fn row_description(columns: usize, oid: u32, format: u16) -> Vec<u8> {
    let mut body = (columns as u16).to_be_bytes().to_vec();
    for column in 1..=columns {
        body.extend_from_slice(format!("c{column}\0").as_bytes());
        body.extend_from_slice(&TABLE.to_be_bytes());
        body.extend_from_slice(&(column as u16).to_be_bytes());
        body.extend_from_slice(&oid.to_be_bytes());
        body.extend_from_slice(&[255; 6]);
        body.extend_from_slice(&format.to_be_bytes());
    }
    let mut out = Vec::new();
    frame(&mut out, b'T', &body);
    out
}

fn row(out: &mut Vec<u8>, cells: &[&[u8]]) {
    let mut body = (cells.len() as u16).to_be_bytes().to_vec();
    for cell in cells {
        body.extend_from_slice(&(cell.len() as u32).to_be_bytes());
        body.extend_from_slice(cell);
    }
    frame(out, b'D', &body);
}

/// Appends one message.
pub fn frame(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
}

fn number(random: &mut Random) -> Vec<u8> {
    random.below(1_000_000).to_string().into_bytes()
}

fn ssn(random: &mut Random) -> Vec<u8> {
    let (a, b, c) = (
        1 + random.below(665),
        1 + random.below(99),
        1 + random.below(9_999),
    );
    format!("{a:03}-{b:02}-{c:04}").into_bytes()
}

fn word(random: &mut Random) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "patient", "stable", "since", "morning", "dose", "follow", "up", "clinic", "history",
    ];
    WORDS[random.below(WORDS.len() as u64) as usize]
        .as_bytes()
        .to_vec()
}

/// About two KiB; one SSN in four texts.
fn prose(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < 2_000 {
        text.extend(word(random));
        text.push(b' ');
    }
    if random.below(4) == 0 {
        text.extend_from_slice(b"SSN ");
        text.extend(ssn(random));
    }
    text
}

/// splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
