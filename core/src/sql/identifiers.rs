//! The names in a text: what the server takes for identifiers and keywords, and nothing else.
#![deny(clippy::indexing_slicing)]

use super::lex::{Kind, Lexeme, Lexer};
use super::tokenise::value;
use super::{Command, statements};

/// PostgreSQL's NAMEDATALEN, without the NUL: longer names are cut.
const NAME_BYTES_MAX: usize = 63;

/// Commands that neither run an expression nor any code of a user's own: what an error quotes
/// is a name of their own text.
const INERT: [Command; 15] = [
    Command::Set,
    Command::Reset,
    Command::Show,
    Command::Begin,
    Command::Rollback,
    Command::Savepoint,
    Command::Release,
    Command::Deallocate,
    Command::Discard,
    Command::Close,
    Command::Listen,
    Command::Unlisten,
    Command::Notify,
    Command::Drop,
    Command::Lock,
];

/// The identifiers and keywords of `sql` as the server stores them: unquoted ones in lower
/// case, quoted ones without their quotes, all of them cut to a name's length. Comments,
/// literals of any notation and numbers are none; neither is what cannot be read with certainty.
pub(crate) fn identifiers(sql: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    Lexer::new(sql)
        .significant()
        .filter_map(|lexeme| identifier(lexeme, sql))
}

/// The name as a quoted identifier: it stands for itself, whatever it is made of.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The channels that the `LISTEN` statements of `sql` name.
pub(crate) fn channels(sql: &[u8]) -> Vec<Vec<u8>> {
    let listens = statements(sql).filter(|statement| statement.command == Command::Listen);
    listens
        .filter_map(|listen| {
            let mut lexemes = Lexer::within(sql, listen.range).significant().skip(1);
            identifier(lexemes.next()?, sql)
        })
        .collect()
}

/// True if `sql` holds statements of the kind whose errors can quote nothing but their own text.
pub(crate) fn is_inert(sql: &[u8]) -> bool {
    statements(sql).all(|statement| INERT.contains(&statement.command))
}

/// The values of the string literals of `sql`.
pub(crate) fn literals(sql: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let is_literal =
        |lexeme: &Lexeme| matches!(lexeme.kind, Kind::Standard | Kind::Escape | Kind::Dollar);
    Lexer::new(sql)
        .filter(is_literal)
        .map(|lexeme| value(lexeme, sql).into_owned())
}

/// `lexeme` as a name, if it is one.
pub(super) fn identifier(lexeme: Lexeme, sql: &[u8]) -> Option<Vec<u8>> {
    let text = lexeme.bytes(sql);
    let mut name = match lexeme.kind {
        Kind::Word => text.to_ascii_lowercase(),
        Kind::Quoted => unquoted(text),
        _ => return None,
    };
    name.truncate(cut(&name));
    Some(name)
}

fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let inside = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    let mut name = Vec::with_capacity(inside.len());
    let mut rest = inside.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        name.push(byte);
        if byte == b'"' {
            rest.next_if_eq(&b'"');
        }
    }
    name
}

/// Where the server cuts `name`: between characters.
fn cut(name: &[u8]) -> usize {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while end > 0 && name.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    fn names(sql: &str) -> Vec<String> {
        identifiers(sql.as_bytes())
            .map(|name| String::from_utf8(name).unwrap())
            .collect()
    }

    #[test]
    fn names_are_what_the_server_takes_for_names() {
        assert_eq!(
            names("SELECT Total, \"My \"\"Col\" FROM t -- Anna\n WHERE x = 'Berta' /* Carl */"),
            ["select", "total", "My \"Col", "from", "t", "where", "x"]
        );
        assert_eq!(names("do $$ Dora $$"), ["do"]);
        assert_eq!(names("a U&\"b\" 'x\\' Emil"), ["a"]);
        assert_eq!(names(&"é".repeat(40)), ["é".repeat(31)]);
    }

    #[test]
    fn channels_are_named_by_listen() {
        let sql = b"listen Chat; select listen; LISTEN /* x */ \"A b\"; unlisten c; do 'listen d'";
        assert_eq!(channels(sql), [b"chat".to_vec(), b"A b".to_vec()]);
    }

    #[test]
    fn inert_is_what_evaluates_nothing() {
        assert!(is_inert(b"savepoint a; drop table b"));
        assert!(!is_inert(b"drop table b; select 1"));
        assert!(!is_inert(b"do $$ $$"));
        assert!(!is_inert(b"drop table 'x\\'"));
    }
}
