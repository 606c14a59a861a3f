//! The twelve shapes of identifiers that the engines look for.

/// A shape as each engine takes it.
pub struct Shape {
    /// What it finds.
    pub name: &'static str,
    /// With bounds: for the engine that asks for them.
    pub bounded: &'static str,
    /// Without bounds, as people write it. On the batches both find the same.
    pub open: &'static str,
}

const fn same(name: &'static str, pattern: &'static str) -> Shape {
    Shape {
        name,
        bounded: pattern,
        open: pattern,
    }
}

/// All shapes. Classes and borders of words are ASCII.
pub const SHAPES: &[Shape] = &[
    same("ssn", r"\b\d{3}-\d{2}-\d{4}\b"),
    same("bare9", r"\b\d{9}\b"),
    Shape {
        name: "mrn",
        bounded: r"(?i)\bMRN[:# ]{0,8}\d{6,10}\b",
        open: r"(?i)\bMRN[:# ]*\d{6,10}\b",
    },
    same("phone", r"(?:\(\d{3}\) ?|\b\d{3}[-. ])\d{3}[-. ]\d{4}\b"),
    Shape {
        name: "email",
        bounded: r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,10}",
        open: r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,10}",
    },
    same("date", r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4})\b"),
    same("zip4", r"\b\d{5}-\d{4}\b"),
    same("ipv4", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"),
    Shape {
        name: "url",
        bounded: r"\bhttps?://[!-~]{1,2000}",
        open: r"\bhttps?://[!-~]+",
    },
    same("card", r"\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b"),
    same("npi", r"\b[12]\d{9}\b"),
    same("dea", r"\b[A-Z][A-Z9]\d{7}\b"),
];

/// The shapes for the engine that asks for bounds.
pub fn bounded() -> Vec<&'static str> {
    SHAPES.iter().map(|shape| shape.bounded).collect()
}

/// The shapes for the others.
pub fn open() -> Vec<&'static str> {
    SHAPES.iter().map(|shape| shape.open).collect()
}
