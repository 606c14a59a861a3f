//! Settings that a client asks for at start-up: read as PostgreSQL reads them, and judged.
//!
//! They come as parameters of the StartupMessage, or inside its `options`, which is a piece of a
//! command line. It is forwarded as it stands, so it must be understood whole: what is not
//! understood is refused.

use crate::error::{Refusal, SqlState};

/// Settings that would change who runs the statements, or which triggers fire. The identity is
/// Velum's decision alone.
const FORBIDDEN: [&str; 4] = [
    "role",
    "session_authorization",
    "session_replication_role",
    "is_superuser",
];

/// Every setting of `parameters`, those inside `options` first, as PostgreSQL applies them.
/// Names are in lower case.
///
/// # Errors
/// A forbidden setting, or a part of `options` that is not a setting.
pub(super) fn settings(parameters: &[(String, String)]) -> Result<Vec<(String, String)>, Refusal> {
    let (options, direct): (Vec<_>, Vec<_>) =
        parameters.iter().partition(|(name, _)| name == "options");
    let mut settings = Vec::new();
    for (_, options) in options {
        parse(options, &mut settings)?;
    }
    for (name, value) in direct {
        settings.push((name.to_ascii_lowercase(), value.clone()));
    }
    for (name, _) in &settings {
        if let Some(forbidden) = FORBIDDEN.into_iter().find(|forbidden| forbidden == name) {
            return Err(Refusal::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied to set parameter \"{forbidden}\""),
            )
            .with_hint("The gateway decides as whom a session runs."));
        }
    }
    Ok(settings)
}

/// `-c name=value`, `-cname=value`, `--name=value`; see process_postgres_switches.
fn parse(options: &str, settings: &mut Vec<(String, String)>) -> Result<(), Refusal> {
    let mut words = split(options).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--") {
            Some(setting) => setting.to_owned(),
            None => match word.strip_prefix("-c") {
                Some("") => words.next().ok_or_else(not_a_setting)?,
                Some(setting) => setting.to_owned(),
                None => return Err(not_a_setting()),
            },
        };
        let (name, value) = setting.split_once('=').ok_or_else(not_a_setting)?;
        if name.is_empty() {
            return Err(not_a_setting());
        }
        // ParseLongOption takes dashes for underscores, and names match in any case.
        settings.push((
            name.replace('-', "_").to_ascii_lowercase(),
            value.to_owned(),
        ));
    }
    Ok(())
}

/// PostgreSQL's pg_split_opts: words between spaces; a backslash takes the next character as
/// it is.
fn split(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut escaped = false;
    for character in options.chars() {
        if !escaped && is_space(character) {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        if !escaped && character == '\\' {
            escaped = true;
        } else {
            escaped = false;
            word.push(character);
        }
    }
    words.extend(word);
    words
}

/// C's isspace.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn not_a_setting() -> Refusal {
    Refusal::new(
        SqlState(*b"42601"),
        "invalid command-line argument in startup \"options\"",
    )
    .with_hint("Only settings are accepted: -c name=value or --name=value.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &str) -> Result<Vec<(String, String)>, Refusal> {
        settings(&[("options".to_owned(), options.to_owned())])
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn spellings_of_a_setting() {
        let wanted = vec![pair("work_mem", "1MB"), pair("datestyle", "ISO, MDY")];
        assert_eq!(
            of(r"-c work_mem=1MB -cDateStyle=ISO,\ MDY"),
            Ok(wanted.clone())
        );
        assert_eq!(
            of("  --work-mem=1MB\t-c\n DateStyle=ISO,\\ MDY "),
            Ok(wanted)
        );
        assert_eq!(of(r"-c a=b=\\c"), Ok(vec![pair("a", r"b=\c")]));
        assert_eq!(of(r"-c a=\"), Ok(vec![pair("a", "")]));
        assert_eq!(of(""), Ok(vec![]));
    }

    #[test]
    fn what_is_not_a_setting_is_refused() {
        for options in [
            "-e",
            "work_mem=1",
            "-c",
            "-c work_mem",
            "--",
            "--=1",
            "-",
            "-ec a=b",
            "\\",
        ] {
            assert_eq!(
                of(options).map_err(|refusal| refusal.code),
                Err(SqlState(*b"42601"))
            );
        }
    }

    #[test]
    fn the_identity_cannot_be_changed() {
        for options in [
            "-c role=postgres",
            "-cROLE=postgres",
            "--session-authorization=x",
            "--session_replication-role=replica",
            "-c is_superuser=on",
            r"-c ro\le=postgres",
            r"\-\c role=postgres",
        ] {
            let code = of(options).map_err(|refusal| refusal.code);
            assert_eq!(code, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{options}");
        }
        assert!(settings(&[pair("Role", "x")]).is_err());
        assert!(settings(&[pair("application_name", "role")]).is_ok());
    }

    #[test]
    fn direct_parameters_come_last_as_they_win() {
        let parameters = [pair("work_mem", "2MB"), pair("options", "-c work_mem=1MB")];
        let wanted = vec![pair("work_mem", "1MB"), pair("work_mem", "2MB")];
        assert_eq!(settings(&parameters), Ok(wanted));
    }
}
