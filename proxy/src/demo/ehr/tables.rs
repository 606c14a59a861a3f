//! The clinic's tables: their columns, and every row of each as COPY text.

use std::fmt::{Display, Write as _};

use super::date::Date;
use super::lists::LISTS;
use super::patient::Patient;
use super::prose;
use super::random::Random;

/// 2021-01-01, the first day of claims and encounters; they span five years.
const FIRST_DAY: i64 = 18_628;
const DAYS: i64 = 1_826;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One row a patient; the identifiers, in many types.
    Patients,
    /// Visits.
    Encounters,
    /// Results of the laboratory; nothing identifies but the patient's number.
    Labs,
    /// Bills; partitioned by year.
    Claims,
    /// Clinical notes: prose with identifiers in it.
    Notes,
    /// JSON documents.
    Documents,
    /// HL7 v2 messages, as text and as bytes.
    Hl7Messages,
}

impl Table {
    /// All, the largest first: what loads longest starts first.
    pub const ALL: [Self; 7] = [
        Self::Notes,
        Self::Patients,
        Self::Documents,
        Self::Labs,
        Self::Encounters,
        Self::Hl7Messages,
        Self::Claims,
    ];

    /// Its name in the schema `clinic`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patients => "patients",
            Self::Encounters => "encounters",
            Self::Labs => "labs",
            Self::Claims => "claims",
            Self::Notes => "notes",
            Self::Documents => "documents",
            Self::Hl7Messages => "hl7_messages",
        }
    }

    /// How many rows it has in a clinic of `patients`.
    pub fn rows(self, patients: u64) -> u64 {
        match self {
            Self::Patients | Self::Claims | Self::Notes => patients,
            Self::Encounters => patients + patients / 2,
            Self::Labs => patients * 2,
            Self::Documents => patients.div_ceil(2),
            Self::Hl7Messages => patients.div_ceil(5),
        }
    }

    /// Statements that make it, without keys.
    pub fn create(self) -> String {
        let columns = match self {
            Self::Patients => {
                "id int8 not null, mrn text not null, ssn text not null, ssn_num int8 not null, \
                 first_name text, middle_initial char(1), last_name text, full_name text, \
                 dob date, sex char(1), phone text, email text, address text, city text, \
                 state char(2), zip text, patient_uuid uuid, last_login_ip inet, contact jsonb, \
                 aliases text[], balance numeric(10,2), active bool, registered_at timestamptz"
            }
            Self::Encounters => {
                "id int8 not null, patient_id int8 not null, department text, kind text, \
                 diagnosis_code text, diagnosis text, started_at timestamp, minutes int4"
            }
            Self::Labs => {
                "id int8 not null, patient_id int8 not null, loinc text, name text, \
                 value numeric, unit text, abnormal bool, taken_at timestamp, ratio float8"
            }
            Self::Claims => {
                "id int8 not null, patient_id int8 not null, payer text, member_id text, \
                 amount numeric(12,2), paid numeric(12,2), status text, service_date date not null"
            }
            Self::Notes => {
                "id int8 not null, patient_id int8 not null, author text, \
                 written_at timestamp, body text"
            }
            Self::Documents => "id int8 not null, patient_id int8 not null, document jsonb",
            Self::Hl7Messages => {
                "id int8 not null, patient_id int8 not null, received_at timestamp, \
                 message text, raw bytea"
            }
        };
        let mut sql = format!("create table clinic.{} ({columns})", self.name());
        if self == Self::Claims {
            sql.push_str(" partition by range (service_date)");
            for year in 2021..2026 {
                let _ = write!(
                    sql,
                    ";create table clinic.claims_{year} partition of clinic.claims \
                     for values from ('{year}-01-01') to ('{}-01-01')",
                    year + 1
                );
            }
        }
        sql
    }

    /// Statements that add its keys and indexes once it is full.
    pub fn finish(self) -> &'static str {
        match self {
            Self::Patients => {
                "alter table clinic.patients add primary key (id); \
                 create unique index patients_ssn on clinic.patients (ssn); \
                 create unique index patients_mrn on clinic.patients (mrn)"
            }
            Self::Encounters => {
                "alter table clinic.encounters add primary key (id); \
                 create index encounters_patient on clinic.encounters (patient_id)"
            }
            Self::Labs => "alter table clinic.labs add primary key (id)",
            Self::Claims => "create index claims_patient on clinic.claims (patient_id)",
            Self::Notes => {
                "alter table clinic.notes add primary key (id); \
                 create index notes_patient on clinic.notes (patient_id)"
            }
            Self::Documents => {
                "alter table clinic.documents add primary key (id); \
                 create index documents_patient on clinic.documents (patient_id)"
            }
            Self::Hl7Messages => "alter table clinic.hl7_messages add primary key (id)",
        }
    }

    /// Appends row `id` (from 1) of a clinic of `patients` that `seed` names, as COPY text.
    pub fn write_row(self, seed: u64, patients: u64, id: u64, out: &mut Vec<u8>) {
        let patient_id = (id - 1) % patients.max(1) + 1;
        let table = self
            .rows(1)
            .wrapping_mul(64)
            .wrapping_add(u64::from(self.name().as_bytes()[0]));
        let mut random = Random::for_row(seed, table, id);
        let mut row = Row { out, first: true };
        match self {
            Self::Patients => patient_row(&mut row, &Patient::new(seed, id), &mut random),
            Self::Encounters => encounter_row(&mut row, id, patient_id, &mut random),
            Self::Labs => lab_row(&mut row, id, patient_id, &mut random),
            Self::Claims => {
                claim_row(&mut row, id, &Patient::new(seed, patient_id), &mut random);
            }
            Self::Notes => {
                let patient = Patient::new(seed, patient_id);
                row.value(id).value(patient_id);
                row.text(&format!("Dr. {}", random.pick(&LISTS.family)));
                row.value(timestamp(&mut random));
                row.text(&prose::note(&patient, &mut random));
            }
            Self::Documents => {
                let patient = Patient::new(seed, patient_id);
                let written = day(&mut random);
                row.value(id).value(patient_id);
                row.text(&prose::document(&patient, written, &mut random));
            }
            Self::Hl7Messages => {
                let patient = Patient::new(seed, patient_id);
                let sent = day(&mut random);
                let message = prose::hl7(&patient, sent, id, &mut random);
                row.value(id)
                    .value(patient_id)
                    .value(format_args!("{sent} 12:00:00"));
                row.text(&message).bytes(message.as_bytes());
            }
        }
        out.push(b'\n');
    }
}

fn patient_row(row: &mut Row<'_>, patient: &Patient, random: &mut Random) {
    row.value(patient.id)
        .text(&patient.mrn)
        .text(&patient.ssn())
        .value(patient.ssn_number);
    row.text(patient.given)
        .value(patient.middle)
        .text(patient.family)
        .text(&patient.name());
    row.value(patient.born)
        .value(patient.sex)
        .text(&patient.phone)
        .text(&patient.email);
    row.text(&patient.street)
        .text(patient.city)
        .text(patient.state)
        .text(&patient.zip);
    row.text(&patient.uuid)
        .text(&patient.ip)
        .text(&prose::contact(patient));
    let alias = format!(
        "{}. {}",
        patient.given.chars().next().unwrap_or('X'),
        patient.family
    );
    row.text(&format!("{{\"{}\",\"{alias}\"}}", patient.name()));
    row.value(format_args!(
        "{}.{:02}",
        random.between(-500, 9_999),
        random.below(100)
    ));
    row.text(if random.chance(90) { "t" } else { "f" });
    row.value(format_args!("{}+00", timestamp(random)));
}

fn encounter_row(row: &mut Row<'_>, id: u64, patient_id: u64, random: &mut Random) {
    let [code, diagnosis, _] = random.pick(&LISTS.conditions);
    row.value(id)
        .value(patient_id)
        .text(random.pick(&LISTS.departments));
    row.text(random.pick(&["ambulatory", "emergency", "inpatient", "telehealth"]));
    row.text(code)
        .text(diagnosis)
        .value(timestamp(random))
        .value(random.between(5, 240));
}

fn lab_row(row: &mut Row<'_>, id: u64, patient_id: u64, random: &mut Random) {
    let [code, name, unit, low, high, normal_low, normal_high] = random.pick(&LISTS.labs);
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    let tenths = random.between(number(low) * 10, number(high) * 10);
    let normal = number(normal_low) * 10..=number(normal_high) * 10;
    row.value(id).value(patient_id).text(code).text(name);
    row.value(format_args!("{}.{}", tenths / 10, tenths % 10))
        .text(unit);
    row.text(if normal.contains(&tenths) { "f" } else { "t" });
    row.value(timestamp(random))
        .value(format_args!("0.{:03}", random.below(1_000)));
}

fn claim_row(row: &mut Row<'_>, id: u64, patient: &Patient, random: &mut Random) {
    let cents = random.between(2_000, 2_500_000);
    let paid = if random.chance(60) {
        cents
    } else {
        random.between(0, cents)
    };
    row.value(id)
        .value(patient.id)
        .text(random.pick(&LISTS.payers))
        .text(&patient.member_id);
    row.value(format_args!("{}.{:02}", cents / 100, cents % 100));
    row.value(format_args!("{}.{:02}", paid / 100, paid % 100));
    row.text(if paid == cents { "closed" } else { "open" })
        .value(day(random));
}

fn day(random: &mut Random) -> Date {
    Date(FIRST_DAY + random.between(0, DAYS - 1))
}

fn timestamp(random: &mut Random) -> String {
    let day = day(random);
    format!(
        "{day} {:02}:{:02}:{:02}",
        random.below(24),
        random.below(60),
        random.below(60)
    )
}

/// Appends the fields of one row of COPY's text format.
struct Row<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Row<'_> {
    /// A field with nothing in it that COPY would take for its own.
    fn value(&mut self, value: impl Display) -> &mut Self {
        use std::io::Write as _;
        self.separate();
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{value}");
        self
    }

    /// A field of any text.
    fn text(&mut self, text: &str) -> &mut Self {
        self.separate();
        for byte in text.bytes() {
            match byte {
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                other => self.out.push(other),
            }
        }
        self
    }

    /// A bytea field, hexadecimal.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.separate();
        self.out.extend_from_slice(b"\\\\x");
        for byte in bytes {
            self.out.push(DIGITS[usize::from(byte >> 4)]);
            self.out.push(DIGITS[usize::from(byte & 15)]);
        }
        self
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(b'\t');
        }
        self.first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: Table, seed: u64, count: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for id in 1..=count {
            table.write_row(seed, 100, id, &mut out);
        }
        out
    }

    #[test]
    fn rows_depend_on_the_seed_and_on_nothing_else() {
        for table in Table::ALL {
            assert_eq!(rows(table, 1, 120), rows(table, 1, 120), "{table:?}");
            assert_ne!(rows(table, 1, 120), rows(table, 2, 120), "{table:?}");
        }
    }

    #[test]
    fn every_row_has_a_field_for_every_column() {
        for table in Table::ALL {
            let create = table.create();
            let list = create
                .split_once(" (")
                .unwrap()
                .1
                .split(" partition")
                .next()
                .unwrap();
            let columns = list
                .replace("(10,2)", "")
                .replace("(12,2)", "")
                .split(',')
                .count();
            for line in rows(table, 1, 50)
                .split(|byte| *byte == b'\n')
                .filter(|l| !l.is_empty())
            {
                assert_eq!(
                    line.split(|byte| *byte == b'\t').count(),
                    columns,
                    "{table:?}"
                );
            }
        }
    }

    #[test]
    fn text_is_escaped_for_copy() {
        let mut out = Vec::new();
        Row {
            out: &mut out,
            first: true,
        }
        .text("a\\b\tc\nd\re")
        .bytes(b"\x01\xff");
        assert_eq!(out, b"a\\\\b\\tc\\nd\\re\t\\\\x01ff");
    }
}
