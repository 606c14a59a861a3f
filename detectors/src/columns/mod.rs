//! Columns: what their name, type and table say before a value is seen, and what their values
//! say while they stream by.

use std::sync::LazyLock;

use velum_core::inspect::{ColumnHint, DetectorId, Prior};

use crate::catalog::{Detector, Set};
use crate::context::{self, Cues, Normal, Phrases};
use crate::lookup::{self, WordSet};

mod keys;
mod names;
mod watch;

pub(crate) use keys::key_of;
pub use watch::ColumnWatch;

/// What a name says about the values that stand under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each of them is this.
    Whole(Detector),
    /// They are about something, such as the type of a phone; they hold no identifier.
    About,
    /// Nothing.
    Unknown,
}

/// How much a value of a SQL type can hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Capacity {
    /// No identifier.
    Nothing,
    /// Digits.
    Number,
    /// A day.
    Date,
    /// A day and a time.
    Timestamp,
    /// Anything.
    Text,
}

static NAMES: LazyLock<Phrases<Option<Detector>>> = LazyLock::new(|| {
    let entries = names::NAMES.iter();
    Phrases::new(entries.map(|entry| (entry.spellings, entry.detector)))
});

static ABOUT: WordSet = {
    const WORDS: [&[u8]; names::ABOUT.len()] = lookup::bytes(names::ABOUT);
    WordSet::of(&WORDS)
};

static PERSONS: WordSet = {
    const WORDS: [&[u8]; names::PERSONS.len()] = lookup::bytes(names::PERSONS);
    WordSet::of(&WORDS)
};

pub(crate) fn warm_up() {
    LazyLock::force(&NAMES);
}

/// What is known of a column before its first value.
///
/// A name decides about masking, a type about skipping; a name alone skips no text, for free
/// text is never passed on a name's say-so. Behind an alias nothing is skipped but truth values:
/// `SELECT ssn::float8 AS weight` is a client's choice.
pub(crate) fn prior(column: ColumnHint<'_>, enabled: Set) -> Prior {
    let capacity = capacity(column.type_name);
    let cues = context::of_column(column.name);
    let kind = of_name(column.name, column.table);
    if let Kind::Whole(detector) = kind
        && enabled.contains(detector)
        && holds(capacity, detector)
        && !(detector == Detector::Date && operational(cues))
    {
        return Prior::Whole(DetectorId(detector as u16));
    }
    match capacity {
        _ if column.is_alias && column.type_name != b"bool" => Prior::Scan,
        Capacity::Nothing if cues.has(Cues::AGE) => Prior::Scan,
        Capacity::Nothing => Prior::Skip,
        Capacity::Date | Capacity::Timestamp if operational(cues) => Prior::Skip,
        Capacity::Date if enabled.contains(Detector::Date) => {
            Prior::Whole(DetectorId(Detector::Date as u16))
        }
        Capacity::Number
            if cues.has(Cues::QUANTITY) && cues.of_columns().of_values() == Cues::NONE =>
        {
            Prior::Skip
        }
        _ => Prior::Scan,
    }
}

/// Whether a system wrote the time, whoever it is about.
fn operational(cues: Cues) -> bool {
    cues.has(Cues::OPERATIONAL) && !cues.has(Cues::BIRTH)
}

/// Whether a type can hold such an identifier at all.
fn holds(capacity: Capacity, detector: Detector) -> bool {
    match capacity {
        Capacity::Text => true,
        Capacity::Nothing => false,
        Capacity::Date | Capacity::Timestamp => detector == Detector::Date,
        Capacity::Number => !matches!(
            detector,
            Detector::Name | Detector::Email | Detector::Url | Detector::Org
        ),
    }
}

/// Whether a type holds numbers that can have an identifier's digits.
pub(crate) fn is_number(type_name: &[u8]) -> bool {
    capacity(type_name) == Capacity::Number
}

fn capacity(type_name: &[u8]) -> Capacity {
    // `numeric(12,2)`, `varchar(20)`, `timestamp(3) with time zone`.
    let end = type_name.iter().position(|byte| *byte == b'(');
    let base = type_name
        .get(..end.unwrap_or(type_name.len()))
        .unwrap_or_default()
        .trim_ascii();
    match base {
        b"bool" | b"boolean" | b"void" | b"oid" | b"xid" | b"xid8" | b"cid" | b"tid"
        | b"pg_lsn" | b"regclass" | b"regproc" | b"regtype" | b"bit" | b"varbit" | b"float4"
        | b"float8" | b"real" | b"double precision" | b"money" | b"interval" | b"time"
        | b"timetz" | b"int2" | b"smallint" | b"uuid" | b"point" | b"line" | b"lseg" | b"box"
        | b"circle" | b"polygon" | b"path" => Capacity::Nothing,
        b"int4" | b"int8" | b"integer" | b"int" | b"bigint" | b"numeric" | b"decimal"
        | b"number" => Capacity::Number,
        b"date" => Capacity::Date,
        b"timestamp"
        | b"timestamptz"
        | b"datetime"
        | b"timestamp without time zone"
        | b"timestamp with time zone" => Capacity::Timestamp,
        _ => Capacity::Text,
    }
}

/// What the name of a column, a key or a field says.
pub(crate) fn of_name(name: &[u8], table: Option<&[u8]>) -> Kind {
    let normal = Normal::of_name(name);
    let words = normal.bytes();
    let mut best: Option<(usize, usize, Option<Detector>)> = None;
    NAMES.find(words, |kind, found| {
        let len = found.end - found.start;
        // The last word names the value: `emergency_contact_phone`, `email_address`.
        if best.is_none_or(|(end, longest, _)| (found.end, len) >= (end, longest)) {
            best = Some((found.end, len, *kind));
        }
    });
    let about = best.is_none_or(|(end, ..)| end < words.len()) && ends_about(words);
    match best {
        Some((.., Some(detector))) if !about => Kind::Whole(detector),
        Some(_) => Kind::About,
        None if about => Kind::About,
        None if words == b" name " && table.is_some_and(is_of_persons) => {
            Kind::Whole(Detector::Name)
        }
        None => Kind::Unknown,
    }
}

/// Whether a table or an object holds a person in each row.
pub(crate) fn is_of_persons(name: &[u8]) -> bool {
    let normal = Normal::of_name(name);
    normal.words().any(|word| PERSONS.has(word))
}

fn ends_about(words: &[u8]) -> bool {
    let last = words.trim_ascii().split(|byte| *byte == b' ').next_back();
    last.is_some_and(|last| ABOUT.has(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(table: &str, name: &str, type_name: &str) -> Prior {
        let column = ColumnHint {
            table: Some(table.as_bytes()),
            name: name.as_bytes(),
            type_name: type_name.as_bytes(),
            is_alias: false,
        };
        prior(column, Set::ALL)
    }

    fn whole(detector: Detector) -> Prior {
        Prior::Whole(DetectorId(detector as u16))
    }

    #[test]
    fn names_of_real_schemas() {
        for (table, name, type_name, expected) in [
            ("PATIENT", "PAT_NAME", "varchar(200)", Detector::Name),
            ("PATIENT", "PAT_MRN_ID", "varchar(50)", Detector::Mrn),
            ("PATIENT", "BIRTH_DATE", "timestamp", Detector::Date),
            ("PATIENT", "ADD_LINE_1", "varchar", Detector::Address),
            ("PATIENT", "HOME_PHONE", "varchar", Detector::Phone),
            (
                "PAT_ENC",
                "PAT_ENC_CSN_ID",
                "numeric(18,0)",
                Detector::Account,
            ),
            ("person", "name_last", "text", Detector::Name),
            ("person", "abs_birth_dt_tm", "timestamp", Detector::Date),
            (
                "person",
                "person_source_value",
                "varchar(50)",
                Detector::Mrn,
            ),
            ("person", "birth_datetime", "timestamp", Detector::Date),
            ("location", "zip", "varchar(9)", Detector::Zip),
            ("carrier_claims", "AT_PHYSN_NPI", "int8", Detector::Npi),
            ("beneficiary", "BENE_BIRTH_DT", "date", Detector::Date),
            (
                "beneficiary",
                "BENE_MBI_ID",
                "char(11)",
                Detector::HealthPlan,
            ),
            ("employees", "emp_no", "int4", Detector::Other),
            ("employees", "name", "text", Detector::Name),
            ("t", "patientSSN", "int8", Detector::Ssn),
            ("t", "contactEmail", "text", Detector::Email),
            ("t", "fax_number", "text", Detector::Fax),
            ("t", "drivers_license_no", "text", Detector::License),
            ("t", "udi_carrier", "text", Detector::Device),
            ("t", "admitted", "date", Detector::Date),
        ] {
            assert_eq!(
                said(table, name, type_name),
                whole(expected),
                "{table}.{name}"
            );
        }
    }

    #[test]
    fn names_that_hold_nothing_and_types_that_cannot() {
        for (name, type_name) in [
            ("active", "bool"),
            ("weight", "float8"),
            ("order_id", "int8"),
            ("row_count", "int4"),
            ("created_at", "timestamptz"),
            ("updated_on", "date"),
            ("oid", "oid"),
            ("id", "uuid"),
        ] {
            assert_eq!(said("t", name, type_name), Prior::Skip, "{name}");
        }
        for (name, type_name) in [
            ("phone_type", "text"),
            ("address_id", "int8x"),
            ("note_text", "text"),
            ("drug_name", "text"),
            ("name", "text"),
            ("status", "text"),
            ("email_verified", "text"),
            ("icd_code", "text"),
            ("age", "int2"),
            ("value", "int8"),
            ("started", "timestamptz"),
        ] {
            assert_eq!(said("t", name, type_name), Prior::Scan, "{name}");
        }
    }

    #[test]
    fn an_alias_skips_nothing() {
        for (type_name, expected) in [
            (&b"float8"[..], Prior::Scan),
            (b"timestamptz", Prior::Scan),
            (b"bool", Prior::Skip),
        ] {
            let column = ColumnHint {
                type_name,
                is_alias: true,
                ..ColumnHint::named(b"updated_at")
            };
            assert_eq!(prior(column, Set::ALL), expected);
        }
    }

    #[test]
    fn a_detector_that_is_not_chosen_decides_nothing() {
        let column = ColumnHint::named(b"ssn");
        assert_eq!(prior(column, Set::EMPTY), Prior::Scan);
    }
}
