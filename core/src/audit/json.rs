//! Records as JSON lines, for people and for other systems.

mod masking;
mod receipt;

use super::custody::{Act, Custody};
use super::record::{Asserted, Body, Channel, Effect, Record, Status};
use super::token::Token;
use crate::time::Timestamp;

impl Record {
    /// The record as one line of JSON without a line end. Tokens and hashes are hexadecimal,
    /// the time is RFC 3339 in UTC.
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("time", &rfc3339(self.time));
        object.text("session", &format!("{:032x}", self.session.0));
        object.text("identity", &self.identity);
        object.text("resource", &self.resource);
        body(&mut object, &self.body);
        object.finish()
    }
}

fn body(object: &mut Object, body: &Body) {
    match body {
        Body::SessionOpened {
            method,
            client_address,
            client_tls,
            server_tls,
            role,
            database,
            policy,
            assertion,
        } => {
            object.text("event", "session_opened");
            object.text("method", method);
            object.text("client_address", client_address);
            object.raw("client_tls", &client_tls.to_string());
            object.raw("server_tls", &server_tls.to_string());
            object.text("role", role);
            object.text("database", database);
            object.text("policy", &hex(policy));
            if let Some(assertion) = assertion {
                asserted(object, assertion);
            }
        }
        Body::SessionClosed {
            reason,
            statements,
            bytes,
        } => {
            object.text("event", "session_closed");
            object.text("reason", reason);
            object.raw("statements", &statements.to_string());
            object.raw("bytes", &bytes.to_string());
        }
        Body::Intent { .. } => intent(object, body),
        Body::Outcome { .. } => outcome(object, body),
        Body::OutcomeUnknown { statement } => {
            object.text("event", "outcome_unknown");
            object.raw("statement", &statement.to_string());
        }
        Body::ConnectionRefused { .. } => refused(object, body),
        Body::ConfigurationLoaded { sha256 } => {
            object.text("event", "configuration_loaded");
            object.text("sha256", &hex(sha256));
        }
        Body::Gateway { event } => {
            object.text("event", "gateway");
            object.text("state", event);
        }
        Body::SigningKey { key, previous } => signing_key(object, key, previous.as_deref()),
        Body::CheckpointOverruled { cause } => {
            object.text("event", "checkpoint_overruled");
            object.text("cause", cause);
        }
        Body::Grant { .. } | Body::Administration { .. } => decision(object, body),
        Body::Login { .. } => login(object, body),
        Body::Custody(it) => custody(object, it),
        Body::Recording { .. } | Body::Originals { .. } => recording(object, body),
        Body::Receipt(it) => receipt::write(object, it),
    }
}

fn refused(object: &mut Object, body: &Body) {
    let Body::ConnectionRefused {
        client_address,
        sqlstate,
        reason,
    } = body
    else {
        return;
    };
    object.text("event", "connection_refused");
    object.text("client_address", client_address);
    object.text("sqlstate", &String::from_utf8_lossy(sqlstate));
    if !reason.is_empty() {
        object.text("reason", reason);
    }
}

fn recording(object: &mut Object, body: &Body) {
    if let Body::Originals {
        file,
        sha256,
        auditors,
    } = body
    {
        object.text("event", "originals");
        object.text("file", file);
        object.text("sha256", &hex(sha256));
        object.texts("auditors", auditors);
    }
    let Body::Recording {
        file,
        bytes,
        chunks,
        root,
        end,
        dropped_bytes,
    } = body
    else {
        return;
    };
    object.text("event", "recording");
    object.text("file", file);
    object.raw("bytes", &bytes.to_string());
    object.raw("chunks", &chunks.to_string());
    object.text("root", &hex(root));
    object.text("end", end.as_str());
    object.raw("dropped_bytes", &dropped_bytes.to_string());
}

fn signing_key(object: &mut Object, key: &str, previous: Option<&str>) {
    object.text("event", "signing_key");
    object.text("key", key);
    match previous {
        Some(previous) => object.text("previous", previous),
        None => object.raw("previous", "null"),
    }
}

/// What people decide.
fn decision(object: &mut Object, body: &Body) {
    match body {
        Body::Grant {
            grant,
            event,
            sequence,
            actor,
            why,
            what,
            alarm,
        } => {
            object.text("event", &format!("grant_{}", event.as_str()));
            object.text("grant", &grant.to_string());
            object.raw("event_sequence", &sequence.to_string());
            object.text("actor", actor);
            object.text("why", why);
            object.text("what", what);
            object.raw("alarm", &alarm.to_string());
        }
        Body::Administration {
            actor,
            event,
            subject,
        } => {
            object.text("event", event);
            object.text("actor", actor);
            object.text("subject", subject);
        }
        _ => {}
    }
}

fn login(object: &mut Object, body: &Body) {
    let Body::Login {
        event,
        way,
        issuer,
        actor,
        session,
        client_address,
        reason,
    } = body
    else {
        return;
    };
    object.text("event", event);
    object.text("way", way);
    object.text("issuer", issuer);
    object.text("actor", actor);
    object.text("login_session", session);
    object.text("client_address", client_address);
    object.text("reason", reason);
}

fn custody(object: &mut Object, custody: &Custody) {
    object.text("event", custody.act.as_str());
    object.text("note", &custody.note);
    object.text("actor", &custody.actor);
    match &custody.act {
        Act::Taken { what, scope } => {
            object.text("what", what);
            object.text("scope", scope);
        }
        Act::Held {
            hold,
            identity,
            resource,
            from,
            until,
            why,
        } => {
            object.text("hold", hold);
            object.text("held_identity", identity);
            object.text("held_resource", resource);
            object.text("from", &rfc3339(*from));
            object.text("until", &rfc3339(*until));
            object.text("why", why);
        }
        Act::Released { hold, why } => {
            object.text("hold", hold);
            object.text("why", why);
        }
        Act::Expired {
            gone,
            segments,
            terms,
        } => {
            let gone: Vec<_> = gone
                .iter()
                .map(|(first, last)| format!("[{first},{last}]"))
                .collect();
            object.raw("gone", &format!("[{}]", gone.join(",")));
            let segments = segments.iter().map(|segment| {
                let mut object = Object::new();
                object.raw("first", &segment.first.to_string());
                object.raw("last", &segment.last.to_string());
                object.text("due", &rfc3339(segment.due));
                object.text("sha256", &hex(&segment.sha256));
                object.finish()
            });
            let segments: Vec<_> = segments.collect();
            object.raw("segments", &format!("[{}]", segments.join(",")));
            object.text("terms", terms);
        }
    }
}

fn asserted(object: &mut Object, assertion: &Asserted) {
    object.text("issuer", &assertion.issuer);
    object.text("subject", &assertion.subject);
    object.texts("chain", &assertion.chain);
}

fn intent(object: &mut Object, body: &Body) {
    let Body::Intent {
        statement,
        effect,
        channel,
        text,
        token,
        binds,
        decision,
    } = body
    else {
        return;
    };
    object.text("event", "intent");
    object.raw("statement", &statement.to_string());
    object.text(
        "effect",
        match effect {
            Effect::Read => "read",
            Effect::MayWrite => "may_write",
        },
    );
    object.text(
        "channel",
        match channel {
            Channel::Simple => "simple",
            Channel::Extended => "extended",
            Channel::FunctionCall => "function_call",
        },
    );
    object.text("text", text);
    object.text("token", &token.to_hex());
    let quoted = |token: Token| format!("\"{}\"", token.to_hex());
    let binds: Vec<_> = binds
        .iter()
        .map(|bind| bind.map_or_else(|| "null".to_owned(), quoted))
        .collect();
    object.raw("binds", &format!("[{}]", binds.join(",")));
    object.text("decision", decision);
}

fn outcome(object: &mut Object, body: &Body) {
    let Body::Outcome {
        statement,
        status,
        command,
        sqlstate,
        rows,
        bytes,
        masked,
        masking,
        duration_us,
    } = body
    else {
        return;
    };
    object.text("event", "outcome");
    object.raw("statement", &statement.to_string());
    object.text(
        "status",
        match status {
            Status::Completed => "completed",
            Status::Suspended => "suspended",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
            Status::Unknown => "unknown",
        },
    );
    object.text("command", command);
    match sqlstate {
        Some(code) => object.text("sqlstate", &String::from_utf8_lossy(code)),
        None => object.raw("sqlstate", "null"),
    }
    object.raw("rows", &rows.to_string());
    object.raw("bytes", &bytes.to_string());
    let mut counts = Object::new();
    for (name, count) in masked {
        counts.raw(name, &count.to_string());
    }
    object.raw("masked", &counts.finish());
    object.raw("duration_us", &duration_us.to_string());
    if let Some(it) = masking {
        masking::write(object, it);
    }
}

/// A JSON object that is being written.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn key(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, name);
        self.0.push(':');
    }

    fn texts(&mut self, name: &str, values: &[String]) {
        let quoted = |text: &String| {
            let mut out = String::new();
            quote(&mut out, text);
            out
        };
        let values: Vec<_> = values.iter().map(quoted).collect();
        self.raw(name, &format!("[{}]", values.join(",")));
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        quote(&mut self.0, value);
    }

    /// `value` is JSON already.
    fn raw(&mut self, name: &str, value: &str) {
        self.key(name);
        self.0.push_str(value);
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Appends a JSON string. Everything that some reader takes for the end of a line, or that a
/// terminal acts on, is escaped.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ if character.is_control() => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `2026-11-24T06:00:00.000000000Z`
fn rfc3339(time: Timestamp) -> String {
    let (seconds, nanos) = (time.0 / 1_000_000_000, time.0 % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar. Years
/// are counted from March, so that the leap day is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    // 0000-03-01 lies 719,468 days before the epoch; an era is 400 years of 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March have 31, 30, 31, 30, 31 days, and so on: 153 in every five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp(seconds * 1_000_000_000)), text);
        }
        assert_eq!(
            rfc3339(Timestamp(u64::MAX)),
            "2554-07-21T23:34:33.709551615Z"
        );
    }

    #[test]
    fn strings_stay_on_one_line() {
        let mut out = String::new();
        quote(&mut out, "a\"\\\n\u{1b}[31m\u{85}\u{2028}é");
        assert_eq!(out, r#""a\"\\\n\u001b[31m\u0085\u2028é""#);
    }
}
