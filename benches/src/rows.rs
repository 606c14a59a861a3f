//! Batches of DataRow frames as a hospital's tables give them, from a seed: what the detection
//! benches scan.

use crate::result::{Random, frame};

/// A kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Patients: identifiers in columns of their own, a note in each row.
    Mixed,
    /// Events: keys, timestamps, figures and codes; one row in ten thousand holds an address.
    Analytics,
    /// Floods of identifiers, near misses and beginnings of them.
    Dense,
}

/// Frames and where their fields lie.
pub struct Batch {
    /// The bytes as they are sent.
    pub frames: Vec<u8>,
    /// The same with every byte that belongs to no field set to NUL: what an engine without
    /// borders of fields can be given.
    pub text: Vec<u8>,
    /// First byte and one past the last byte of each field.
    pub fields: Vec<(usize, usize)>,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Mixed, Self::Analytics, Self::Dense];

    /// A batch of whole rows of about `bytes`.
    pub fn batch(self, bytes: usize) -> Batch {
        let mut random = Random::new(0x5eed_0000 + self as u64);
        let mut batch = Batch {
            frames: Vec::new(),
            text: Vec::new(),
            fields: Vec::new(),
        };
        while batch.frames.len() < bytes {
            let cells = match self {
                Self::Mixed => patient(&mut random),
                Self::Analytics => event(&mut random),
                Self::Dense => flood(&mut random),
            };
            batch.push(&cells);
        }
        batch
    }
}

impl Batch {
    fn push(&mut self, cells: &[String]) {
        let mut body = (cells.len() as u16).to_be_bytes().to_vec();
        let mut places = Vec::new();
        for cell in cells {
            body.extend_from_slice(&(cell.len() as u32).to_be_bytes());
            places.push((body.len(), body.len() + cell.len()));
            body.extend_from_slice(cell.as_bytes());
        }
        // The tag and the length of the frame stand before the body.
        let origin = self.frames.len() + 5;
        frame(&mut self.frames, b'D', &body);
        self.text.resize(self.frames.len(), 0);
        for (start, end) in places {
            let (start, end) = (origin + start, origin + end);
            self.text[start..end].copy_from_slice(&self.frames[start..end]);
            self.fields.push((start, end));
        }
    }
}

const GIVEN: &[&str] = &[
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Michael",
    "Linda",
    "David",
    "Elizabeth",
    "Maria",
    "Wei",
    "Aisha",
    "Jose",
    "Olga",
    "Priya",
    "Kofi",
    "Yuki",
];
const FAMILY: &[&str] = &[
    "Smith",
    "Johnson",
    "Williams",
    "Brown",
    "Garcia",
    "Miller",
    "Davis",
    "Rodriguez",
    "Nguyen",
    "O'Brien",
    "Okafor",
    "Kowalski",
    "Yamamoto",
    "Schmidt",
    "Patel",
    "Anderson",
];
const STREETS: &[&str] = &[
    "Oak St",
    "Maple Ave",
    "Cedar Rd",
    "Elm Dr",
    "Lake Blvd",
    "Hill Ln",
];
const CITIES: &[&str] = &["Springfield, IL", "Salem, OR", "Dayton, OH", "Austin, TX"];
const SENTENCES: &[&str] = &[
    "Patient presents with intermittent chest pain radiating to the left arm.",
    "Denies shortness of breath, nausea or diaphoresis.",
    "Past medical history is significant for type 2 diabetes and hypertension.",
    "Current medications include metformin 500 mg twice daily and lisinopril 10 mg.",
    "Blood pressure 142/88, heart rate 76, temperature 98.6 F, SpO2 97% on room air.",
    "Lungs are clear to auscultation bilaterally, no wheezes or rales.",
    "Labs: Na 138, K 4.2, Cr 1.1, glucose 168, HbA1c 7.9%.",
    "ECG shows normal sinus rhythm without acute ST changes.",
    "Will order a stress test and follow up in two weeks.",
    "Discussed diet, exercise and smoking cessation at length.",
    "The family was updated and agrees with the plan of care.",
    "Discharged home in stable condition with return precautions.",
];
const CODES: &[&str] = &["E11.9", "I10", "J45.909", "M54.5", "N18.3", "Z79.4"];

fn pick(random: &mut Random, from: &[&str]) -> String {
    from[random.below(from.len() as u64) as usize].to_owned()
}

fn between(random: &mut Random, low: u64, high: u64) -> u64 {
    low + random.below(high - low)
}

fn ssn(random: &mut Random) -> String {
    let area = between(random, 100, 665);
    let group = between(random, 10, 99);
    format!("{area}-{group}-{}", between(random, 1000, 9999))
}

fn phone(random: &mut Random) -> String {
    let (a, b) = (between(random, 200, 999), between(random, 200, 999));
    let c = between(random, 1000, 9999);
    match random.below(3) {
        0 => format!("({a}) {b}-{c}"),
        1 => format!("{a}-{b}-{c}"),
        _ => format!("{a}.{b}.{c}"),
    }
}

fn email(random: &mut Random) -> String {
    let given = pick(random, GIVEN).to_lowercase();
    let family = pick(random, FAMILY).to_lowercase().replace('\'', "");
    format!("{given}.{family}{}@example.org", random.below(100))
}

fn date(random: &mut Random) -> String {
    let (year, month) = (between(random, 1930, 2020), between(random, 1, 13));
    format!("{year}-{month:02}-{:02}", between(random, 1, 29))
}

/// Twelve sentences or so; one note in three names its patient.
fn note(random: &mut Random) -> String {
    let mut note = String::new();
    for _ in 0..between(random, 12, 18) {
        note.push_str(&pick(random, SENTENCES));
        note.push(' ');
    }
    if random.below(3) == 0 {
        let text = match random.below(4) {
            0 => format!("SSN {} on file.", ssn(random)),
            1 => format!("MRN: {} reviewed.", between(random, 1_000_000, 99_999_999)),
            2 => format!("Call {} or write {}.", phone(random), email(random)),
            _ => format!(
                "DOB {}, portal https://portal.example.org/p/{}",
                date(random),
                random.below(9999)
            ),
        };
        note.push_str(&text);
    }
    note
}

fn patient(random: &mut Random) -> Vec<String> {
    vec![
        between(random, 1, 9_999_999).to_string(),
        pick(random, GIVEN),
        pick(random, FAMILY),
        ssn(random),
        format!("{:08}", random.below(99_999_999)),
        date(random),
        phone(random),
        email(random),
        format!("{} {}", between(random, 1, 9999), pick(random, STREETS)),
        pick(random, CITIES),
        format!("{:05}", between(random, 10_000, 99_999)),
        pick(random, CODES),
        format!("{}.{}", between(random, 1, 300), random.below(10)),
        note(random),
    ]
}

fn event(random: &mut Random) -> Vec<String> {
    let hex = |random: &mut Random, digits: usize| {
        let value = format!("{:016x}", random.next());
        value[..digits].to_owned()
    };
    let uuid = [8, 4, 4, 4, 12].map(|digits| hex(random, digits)).join("-");
    let status = if random.below(10_000) == 0 {
        email(random)
    } else {
        pick(random, &["final", "preliminary", "amended", "cancelled"])
    };
    vec![
        between(random, 1, 999_999_999_999).to_string(),
        between(random, 1, 9_999_999).to_string(),
        uuid,
        format!(
            "{} {:02}:{:02}:{:02}.{:06}+00",
            date(random),
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1_000_000)
        ),
        format!("{}.{:02}", random.below(10_000), random.below(100)),
        format!("{}.{:04}", random.below(100), random.below(10_000)),
        pick(random, CODES),
        format!("{}-{}", between(random, 1000, 99_999), random.below(10)),
        status,
        pick(random, &["t", "f"]),
        random.below(1000).to_string(),
        pick(random, &["mmol/L", "mg/dL", "%", "U/L"]),
        random.below(5).to_string(),
        pick(random, &["lab", "ward", "icu", "er"]),
    ]
}

/// Ten fields, each a flood of one kind.
fn flood(random: &mut Random) -> Vec<String> {
    let mut repeat = |count: u64, mut one: Box<dyn FnMut(&mut Random) -> String>| {
        let mut text = String::new();
        for _ in 0..between(random, count / 2, count * 3 / 2) {
            text.push_str(&one(random));
            text.push(' ');
        }
        text
    };
    vec![
        repeat(14, Box::new(ssn)),
        repeat(12, Box::new(phone)),
        repeat(6, Box::new(email)),
        repeat(
            10,
            Box::new(|random| format!("MRN{}", between(random, 100_000, 99_999_999))),
        ),
        repeat(
            20,
            Box::new(|random| between(random, 10_000, 9_999_999_999).to_string()),
        ),
        repeat(
            14,
            Box::new(|random| {
                format!(
                    "{}-{}-{}",
                    between(random, 100, 9999),
                    between(random, 1, 999),
                    random.below(99_999)
                )
            }),
        ),
        repeat(18, Box::new(|random| pick(random, FAMILY).to_uppercase())),
        repeat(10, Box::new(|_| "a@a@a@a".to_owned())),
        repeat(8, Box::new(|_| "httphttphttps:/".to_owned())),
        repeat(
            10,
            Box::new(|random| {
                let four = |random: &mut Random| between(random, 1000, 9999).to_string();
                [four(random), four(random), four(random), four(random)].join("-")
            }),
        ),
    ]
}
