//! Any text gives a tree or an error, and the census misses nothing.

#![allow(clippy::unwrap_used, reason = "a test fails where it should")]

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    text_bytes: 64 * 1024,
    depth: 192,
    nodes: 50_000,
};

fn census_of(text: &str) -> Result<Vec<Census>, ParseError> {
    read(text.as_bytes(), Lexing::default(), &LIMITS, |statements| {
        statements
            .iter()
            .map(|statement| statement.census.clone())
            .collect()
    })
}

fn error_of(text: &[u8]) -> Option<ParseError> {
    read(text, Lexing::default(), &LIMITS, |_| ()).err()
}

#[test]
fn what_is_no_statement_is_an_error_without_words() {
    assert_eq!(error_of(b"select 1\0; select 2"), Some(ParseError::Nul));
    assert_eq!(error_of(b"select '\xff'"), Some(ParseError::NotUtf8));
    assert_eq!(error_of(b"select from where"), Some(ParseError::Syntax));
    assert_eq!(
        error_of(&vec![b' '; 64 * 1024 + 1]),
        Some(ParseError::TooLong)
    );
    assert_eq!(error_of(b""), None);
    assert_eq!(error_of(b"; ; select 1;; values (2)"), None);
}

#[test]
fn settings_of_the_lexer_are_arguments() {
    let read_as = |lexing: Lexing| {
        read(br"select 'a\', b from t --'", lexing, &LIMITS, |it| {
            it.iter()
                .map(|statement| statement.census.columns)
                .sum::<usize>()
        })
    };
    let standard = Lexing::default();
    assert_eq!(read_as(standard), Ok(1));
    let old = Lexing {
        standard_conforming_strings: false,
        ..standard
    };
    assert_eq!(read_as(old), Ok(0));
    // Without them a quote that follows a backslash is not to be had at all.
    let none = Lexing {
        backslash_quote: false,
        ..old
    };
    assert_eq!(read_as(none), Err(ParseError::Syntax));
    let other = Lexing {
        utf8: false,
        ..standard
    };
    assert_eq!(read_as(other), Err(ParseError::NotUtf8));
}

#[test]
fn the_census_finds_what_stands_deep() {
    let census = |text: &str| census_of(text).unwrap().remove(0);
    let merge =
        census("merge into a.t using (select x from s) q on t.i = q.i when matched then delete");
    let name = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
    assert_eq!(merge.relations, [name("a", "t"), name("", "s")]);
    assert_eq!((merge.columns, merge.queries, merge.gaps), (3, 1, 0));
    for text in [
        "prepare p as select ssn from patients",
        "declare c cursor for select ssn from patients",
        "explain select ssn from patients",
        "copy (select ssn from patients) to stdout",
        "create rule r as on insert to t do also select ssn from patients",
        "create view v as select distinct ssn from patients",
        "create function f() returns text begin atomic select ssn from patients; end",
    ] {
        let census = census(text);
        assert!(census.relations.contains(&name("", "patients")), "{text}");
        assert_eq!((census.queries, census.gaps), (1, 0), "{text}");
    }
}

#[test]
fn nesting_and_size_are_limited() {
    let chain = |operator: &str, times: usize| format!("select {}1", operator.repeat(times));
    assert_eq!(error_of(chain("- ", 180).as_bytes()), None);
    for (operator, times) in [
        ("- ", 32_000),
        ("1+", 32_000),
        ("not ", 15_000),
        ("f(", 32_000),
    ] {
        let text = chain(operator, times);
        let error = error_of(text.as_bytes());
        assert!(
            matches!(error, Some(ParseError::TooDeep | ParseError::Syntax)),
            "{operator}: {error:?}"
        );
    }
    let unions = format!("select 1{}", " union select 1".repeat(4_000));
    let error = error_of(unions.as_bytes());
    assert!(
        matches!(error, Some(ParseError::TooDeep | ParseError::Syntax)),
        "{error:?}"
    );
    let many = format!("select {}1", "1,".repeat(32_000));
    assert_eq!(error_of(many.as_bytes()), Some(ParseError::TooManyNodes));
    let flat = format!("select 1 where a=1{}", " or a=1".repeat(5_000));
    assert_eq!(error_of(flat.as_bytes()), None);
}

/// Whatever stack a thread has, and whatever it has used of it, the deepest trees are unpacked,
/// visited and dropped, and deeper ones refused.
#[test]
fn the_deepest_tree_fits_the_stack() {
    let run = || {
        let mut deepest = 0;
        for operator in ["- ", "1+", "not ", "f(", "a["] {
            for times in [
                100, 180, 185, 190, 195, 500, 1_000, 2_000, 4_000, 8_000, 30_000,
            ] {
                // Brackets are a level of their own.
                let (close, times_in_text) = match operator {
                    "f(" => (")", times),
                    "a[" => ("]", times / 2),
                    _ => ("", times),
                };
                let (open, close) = (operator.repeat(times_in_text), close.repeat(times_in_text));
                let text = format!("select {open}1{close}");
                let depth = read(text.as_bytes(), Lexing::default(), &LIMITS, |statements| {
                    statements
                        .iter()
                        .map(|statement| statement.census.depth)
                        .max()
                });
                match depth {
                    Ok(depth) => deepest = deepest.max(depth.unwrap_or(0)),
                    Err(error) => {
                        assert!(times > 180, "{operator} {times}: {error}");
                        let is_deep = matches!(error, ParseError::TooDeep | ParseError::TooLong);
                        // The grammar's own stack ends at 10,000 open brackets.
                        assert!(is_deep || times > 1_000, "{operator} {times}: {error}");
                    }
                }
            }
        }
        deepest
    };
    for stack_bytes in [128 * 1024, 512 * 1024, 2 * 1024 * 1024, 8 * 1024 * 1024] {
        let thread = std::thread::Builder::new().stack_size(stack_bytes);
        let deepest = thread.spawn(run).unwrap().join().unwrap();
        assert!(
            (185..=DEPTH_MAX).contains(&deepest),
            "{deepest} levels at the deepest"
        );
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_tree_or_an_error(text in ".{0,200}") {
        let _ = error_of(text.as_bytes());
    }

    #[test]
    fn any_words_give_a_tree_or_an_error(
        words in proptest::collection::vec(prop_oneof![
            Just("select"), Just("("), Just(")"), Just("from"), Just("a"), Just(","), Just("'"),
            Just("$$"), Just("\""), Just("/*"), Just("--"), Just("case"), Just("when"),
            Just("end"), Just("union"), Just("with"), Just("as"), Just("*"), Just("."), Just("1"),
            Just("::"), Just("json_table"), Just("columns"), Just("over"), Just(";"), Just("join"),
        ], 0..60)
    ) {
        let text = words.join(" ");
        if let Ok(statements) = census_of(&text) {
            for census in statements {
                prop_assert!(census.depth <= LIMITS.depth && census.nodes <= LIMITS.nodes);
            }
        }
    }
}
