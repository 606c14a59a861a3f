//! Random expressions, and texts that come close to matching them.

use proptest::prelude::*;

/// Classes and literals that share bytes, so that patterns overlap.
const ATOMS: &[&str] = &[
    r"\d",
    r"\w",
    r"\s",
    "[0-4]",
    "[-. ]",
    "[A-Z]",
    "[a-z]",
    "[A-Z9]",
    "[:# ]",
    "[!-~]",
    "[^0-9]",
    ".",
    r"[\x80-\xff]",
    r"\xc3",
    "-",
    " ",
    "1",
    "a",
    "@",
    ":",
    "é",
    "MRN",
    "(?i:mrn)",
    "://",
    r"\.",
];

const BORDERS: &[&str] = &[
    r"\b",
    r"\B",
    "^",
    "$",
    "(?m:^)",
    "(?m:$)",
    r"\b{start}",
    r"\b{end}",
];

/// An expression; most are bounded, some are refused.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(ATOMS).prop_map(str::to_owned);
    let repeated = (atom.clone(), 0..4usize, 0..6usize)
        .prop_map(|(atom, min, more)| format!("(?:{atom}){{{min},{}}}", min + more));
    let long = (atom.clone(), 20..90usize).prop_map(|(atom, max)| format!("(?:{atom}){{1,{max}}}"));
    let border = prop::sample::select(BORDERS).prop_map(str::to_owned);
    let leaf = prop_oneof![6 => atom, 4 => repeated, 1 => long, 2 => border];
    let group = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            1 => prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("(?:{})", parts.join("|"))),
            1 => (inner, 0..3usize, 0..3usize)
                .prop_map(|(part, min, more)| format!("(?:{part}){{{min},{}}}", min + more)),
        ]
    });
    prop::collection::vec(group, 1..4).prop_map(|parts| parts.concat())
}

/// Pieces of identifiers, runs, near misses, bytes of all kinds.
pub(crate) fn text(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    let seeds = prop::sample::select(vec![
        "1",
        "12",
        "123",
        "1234",
        "-",
        ".",
        " ",
        ":",
        "#",
        "/",
        "(",
        ")",
        "@",
        "a",
        "b.c",
        "A",
        "AB",
        "Z9",
        "MRN",
        "mrn: ",
        "http",
        "https://",
        "é",
        "\n",
        "_",
        "0",
        "xx",
        "\u{ff11}",
        "123-45-6789",
        "415-555-2671",
        "jane@x.org",
        "4111 1111 1111 1111",
        "10.0.0.1",
    ]);
    let piece = prop_oneof![
        8 => seeds.prop_map(|seed| seed.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => (any::<u8>(), 1..90usize).prop_map(|(byte, count)| vec![byte; count]),
        1 => "[0-9]{1,30}".prop_map(String::into_bytes),
        1 => "[a-z ]{1,40}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..pieces).prop_map(|pieces| pieces.concat())
}

/// Where a text is cut.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        Just(vec![63]),
        Just(vec![64]),
        Just(vec![65]),
        Just(vec![512]),
        prop::collection::vec(0..200usize, 1..8),
    ]
}
