//! What is shown of a person or a place (FHIR's `display`) and is no part of its name: titles,
//! degrees, wards.

use crate::text::is_one_of;

/// Longest name of a ward.
const NAME_BYTES: usize = 64;

/// A person's name without `Dr.` before it.
pub(super) fn without_title(text: &[u8]) -> &[u8] {
    const TITLES: &[&[u8]] = &[
        b"Dr. ", b"Dr ", b"Mr. ", b"Mrs. ", b"Ms. ", b"Prof. ", b"Miss ",
    ];
    let rest = TITLES.iter().find_map(|title| text.strip_prefix(*title));
    rest.filter(|name| !name.is_empty()).unwrap_or(text)
}

/// A person's first and last name without what they may call themselves: `Jane Doe, MD`. Behind a
/// last name alone the same letters may be a first name.
pub(super) fn without_degree(text: &[u8]) -> &[u8] {
    const DEGREES: &[&[u8]] = &[
        b"MD", b"M.D.", b"RN", b"NP", b"PA", b"PA-C", b"PhD", b"DDS", b"DMD", b"DPM", b"LCSW",
        b"LPN", b"CNM", b"CRNA", b"APRN", b"FNP", b"PharmD", b"DPT", b"DNP", b"BSN", b"MSN",
        b"FACS", b"FACP", b"MBBS", b"D.O.",
    ];
    let Some(comma) = memchr::memrchr(b',', text) else {
        return text;
    };
    let (name, degree) = text.split_at(comma);
    let degree = degree.get(1..).unwrap_or_default().trim_ascii();
    let whole = name.trim_ascii().contains(&b' ') && !name.contains(&b',');
    if whole && DEGREES.contains(&degree) {
        name
    } else {
        text
    }
}

/// Words of departments, which every hospital has.
const DEPARTMENTS: &[&[u8]] = &[
    b"acute",
    b"admissions",
    b"and",
    b"anesthesia",
    b"behavioral",
    b"birth",
    b"burn",
    b"cardiac",
    b"cardiology",
    b"cardiovascular",
    b"care",
    b"case",
    b"clinic",
    b"coronary",
    b"critical",
    b"delivery",
    b"department",
    b"dermatology",
    b"dialysis",
    b"ed",
    b"emergency",
    b"endocrinology",
    b"er",
    b"family",
    b"floor",
    b"gastroenterology",
    b"general",
    b"geriatrics",
    b"gynecology",
    b"health",
    b"hematology",
    b"icu",
    b"imaging",
    b"infectious",
    b"disease",
    b"inpatient",
    b"intensive",
    b"internal",
    b"interventional",
    b"labor",
    b"laboratory",
    b"lab",
    b"management",
    b"maternity",
    b"medical",
    b"medicine",
    b"mental",
    b"neonatal",
    b"nephrology",
    b"neurology",
    b"neurosurgery",
    b"nicu",
    b"nursery",
    b"nursing",
    b"nutrition",
    b"observation",
    b"obstetrics",
    b"occupational",
    b"oncology",
    b"operating",
    b"ophthalmology",
    b"orthopedic",
    b"orthopedics",
    b"outpatient",
    b"pacu",
    b"pain",
    b"palliative",
    b"pathology",
    b"pediatric",
    b"pediatrics",
    b"pharmacy",
    b"physical",
    b"primary",
    b"psychiatry",
    b"pulmonary",
    b"pulmonology",
    b"radiology",
    b"recovery",
    b"rehabilitation",
    b"respiratory",
    b"rheumatology",
    b"room",
    b"services",
    b"social",
    b"speech",
    b"stepdown",
    b"surgery",
    b"surgical",
    b"telemetry",
    b"therapy",
    b"trauma",
    b"triage",
    b"unit",
    b"urgent",
    b"urology",
    b"vascular",
    b"ward",
    b"waiting",
    b"women",
    b"work",
    b"wound",
];

/// Whether all words are those of departments, which every hospital has.
pub(super) fn is_department(text: &[u8]) -> bool {
    let words = text.split(|byte| !byte.is_ascii_alphabetic());
    let mut words = words.filter(|word| !word.is_empty());
    text.len() <= NAME_BYTES && words.all(|word| is_one_of(word, DEPARTMENTS))
}
