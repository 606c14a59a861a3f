//! Parameters that the server reports (ParameterStatus): SQL can set most of them to what it
//! read from a table, so that each shows only what its grammar allows.
//!
//! The list is PostgreSQL 18's, see
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC>.

/// How far a value may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// As it is.
    Whole,
    /// Those of its words that are known names.
    Names,
    /// No word of it.
    Nothing,
    /// A number of rounds that clients calculate with: the server's default instead.
    Rounds,
}

/// PostgreSQL's default `scram_iterations`.
const ROUNDS: &[u8] = b"4096";

/// Encodings by the names that the server gives them (`src/common/encnames.c`).
const ENCODINGS: &str = "SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL \
    LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 LATIN10 WIN1256 WIN1258 \
    WIN866 WIN874 KOI8R WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 WIN1250 \
    WIN1253 WIN1254 WIN1255 WIN1257 KOI8U SJIS BIG5 GBK UHC GB18030 JOHAB SHIFT_JIS_2004";
const DATE_STYLES: &str = "ISO SQL Postgres German MDY DMY YMD";
const INTERVAL_STYLES: &str = "postgres postgres_verbose sql_standard iso_8601";
const SWITCHES: &str = "on off";

/// First parts of the names of time zones.
const ZONE_AREAS: &str = "Africa America Antarctica Arctic Asia Atlantic Australia Brazil Canada \
    Chile Etc Europe Indian Mexico Pacific US";
/// Time zones of one part. With digits only these: the server takes any letters before an
/// offset for a zone (`Miller5`), but without an offset only what it has a file of.
const ZONES: &str = "\
    UTC UCT GMT Zulu Universal Greenwich GMT0 GMT+0 GMT-0 Etc/GMT Etc/GMT0 EST MST HST CET MET \
    EET WET EST5EDT CST6CDT MST7MDT PST8PDT Cuba Egypt Eire GB GB-Eire Hongkong Iceland Iran \
    Israel Jamaica Japan Kwajalein Libya NZ NZ-CHAT Navajo PRC Poland Portugal ROC ROK \
    Singapore Turkey W-SU localtime Factory";

/// How far the `value` of the parameter `name` may show. `in_start_up`: before the first
/// statement, so that what SQL cannot set for later sessions either is the server's own.
pub(super) fn show(name: &[u8], value: &[u8], in_start_up: bool) -> Show {
    let is_allowed = match name {
        b"server_version" => in_start_up,
        b"client_encoding" | b"server_encoding" => is_one_of(ENCODINGS, value),
        b"DateStyle" => value
            .split(|byte| matches!(byte, b',' | b' '))
            .all(|word| word.is_empty() || is_one_of(DATE_STYLES, word)),
        b"IntervalStyle" => is_one_of(INTERVAL_STYLES, value),
        b"TimeZone" => is_time_zone(value),
        b"default_transaction_read_only"
        | b"in_hot_standby"
        | b"integer_datetimes"
        | b"is_superuser"
        | b"standard_conforming_strings" => is_one_of(SWITCHES, value),
        b"scram_iterations" if value == ROUNDS => true,
        b"scram_iterations" => return Show::Rounds,
        b"session_authorization" | b"search_path" => return Show::Names,
        _ => false,
    };
    if is_allowed {
        Show::Whole
    } else {
        Show::Nothing
    }
}

/// Writes [`ROUNDS`] in the place of `value`, with leading zeros or cut.
pub(super) fn write_rounds(value: &mut [u8]) {
    value.fill(b'0');
    for (to, from) in value.iter_mut().rev().zip(ROUNDS.iter().rev()) {
        *to = *from;
    }
}

fn is_one_of(words: &str, value: &[u8]) -> bool {
    words
        .split_whitespace()
        .any(|word| word.as_bytes() == value)
}

fn is_time_zone(value: &[u8]) -> bool {
    if is_one_of(ZONES, value) {
        return true;
    }
    if let Some(offset) = [&b"Etc/GMT"[..], b"GMT", b"UTC"]
        .iter()
        .find_map(|zone| value.strip_prefix(*zone))
    {
        return is_offset(offset);
    }
    let mut parts = value.split(|&byte| byte == b'/');
    let is_place = |part: &[u8]| {
        !part.is_empty()
            && part
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
    };
    let area = parts.next().unwrap_or_default();
    let places = parts.clone().count();
    is_one_of(ZONE_AREAS, area) && matches!(places, 1 | 2) && parts.all(is_place)
}

/// `+3`, `-11`, `+05:30`: hours of a day, and quarters.
fn is_offset(text: &[u8]) -> bool {
    let Some((b'+' | b'-', text)) = text.split_first() else {
        return false;
    };
    let (hours, quarters) = match text.iter().position(|&byte| byte == b':') {
        Some(at) => (&text[..at], &text[at..]),
        None => (text, &b""[..]),
    };
    let are_hours = match hours {
        [digit] | [b'0' | b'1', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    are_hours && matches!(quarters, b"" | b":00" | b":15" | b":30" | b":45")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_the_database_are_shown() {
        for zone in [
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "America/Port-au-Prince",
            "UTC",
            "Etc/GMT+3",
            "Etc/UTC",
            "GMT-05:30",
            "EST5EDT",
        ] {
            assert_eq!(
                show(b"TimeZone", zone.as_bytes(), false),
                Show::Whole,
                "{zone}"
            );
        }
    }

    #[test]
    fn zones_that_anybody_can_make_up_are_not() {
        for zone in [
            "<WILHELMINA QUILLFEATHER>0",
            "Quillfeather5",
            "Wilhelmina/Quillfeather5",
            "Europe/Quillfeather5",
            "Europe/",
            "GMT+531:77",
            "GMT+05:31",
            "UTC-77",
            "",
        ] {
            assert_eq!(
                show(b"TimeZone", zone.as_bytes(), true),
                Show::Nothing,
                "{zone}"
            );
        }
    }

    #[test]
    fn each_parameter_has_its_grammar() {
        for (name, value, shown) in [
            ("DateStyle", "ISO, MDY", Show::Whole),
            ("DateStyle", "Miller", Show::Nothing),
            ("client_encoding", "UTF8", Show::Whole),
            ("client_encoding", "MILLER", Show::Nothing),
            ("is_superuser", "off", Show::Whole),
            ("IntervalStyle", "iso_8601", Show::Whole),
            ("scram_iterations", "4096", Show::Whole),
            ("scram_iterations", "531770294", Show::Rounds),
            ("search_path", "miller", Show::Names),
            ("application_name", "miller", Show::Nothing),
            ("their.own", "on", Show::Nothing),
        ] {
            let is = show(name.as_bytes(), value.as_bytes(), false);
            assert_eq!(is, shown, "{name} = {value}");
        }
        assert_eq!(show(b"server_version", b"18.1", true), Show::Whole);
        assert_eq!(show(b"server_version", b"18.1", false), Show::Nothing);
    }

    #[test]
    fn rounds_stay_a_number_of_their_length() {
        for (value, written) in [("531770294", "000004096"), ("53", "96"), ("", "")] {
            let mut value = value.as_bytes().to_vec();
            write_rounds(&mut value);
            assert_eq!(value, written.as_bytes());
        }
    }
}
