//! Records as other systems want them. All of them carry a record's own JSON document, in which
//! literals and bind values are tokens.

use std::fmt::Write as _;

use serde_json::{Value, json};
use velum_core::audit::record::Record;

use crate::observe::rfc3339;

/// Priority of a syslog message: facility 13 (log audit), severity 6 (informational).
const PRIORITY: u8 = 13 * 8 + 6;
/// SEVERITY_NUMBER_INFO
const INFO: u8 = 9;

/// Records that are sent together.
#[derive(Default)]
pub struct Batch {
    /// With their sequences.
    pub records: Vec<(u64, Record)>,
}

impl Batch {
    /// The sequence of the last; 0, if there is none.
    pub fn last(&self) -> u64 {
        self.records.last().map_or(0, |(sequence, _)| *sequence)
    }

    /// The sequence of the first.
    pub fn first(&self) -> u64 {
        self.records.first().map_or(0, |(sequence, _)| *sequence)
    }

    /// A JSON document a line.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for (sequence, record) in &self.records {
            lines.push_str(&document(*sequence, record));
            lines.push('\n');
        }
        lines
    }

    /// Messages of RFC 5424, each behind its length (RFC 6587, 3.4.1).
    pub fn syslog(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (sequence, record) in &self.records {
            let time = rfc3339(record.time);
            let document = document(*sequence, record);
            // The byte order mark says that what follows is UTF-8 (6.4).
            let message = format!("<{PRIORITY}>1 {time} - velum - audit - \u{feff}{document}");
            bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
            bytes.extend_from_slice(message.as_bytes());
        }
        bytes
    }

    /// An ExportLogsServiceRequest in OTLP's JSON encoding.
    pub fn otlp(&self) -> String {
        let text = |text: &str| json!({ "stringValue": text });
        let records: Vec<Value> = self
            .records
            .iter()
            .map(|(sequence, record)| {
                json!({
                    "timeUnixNano": record.time.0.to_string(),
                    "observedTimeUnixNano": record.time.0.to_string(),
                    "severityNumber": INFO,
                    "severityText": "INFO",
                    "body": text(&document(*sequence, record)),
                    "attributes": [
                        { "key": "velum.sequence", "value": { "intValue": sequence.to_string() } },
                        { "key": "velum.identity", "value": text(&record.identity) },
                        { "key": "velum.resource", "value": text(&record.resource) },
                    ],
                })
            })
            .collect();
        let version = env!("CARGO_PKG_VERSION");
        let scope = json!({ "name": "velum.audit", "version": version });
        let service = json!({ "key": "service.name", "value": text("velum") });
        json!({
            "resourceLogs": [{
                "resource": { "attributes": [service] },
                "scopeLogs": [{ "scope": scope, "logRecords": records }],
            }],
        })
        .to_string()
    }
}

/// A record's JSON document, with its sequence as the first member.
fn document(sequence: u64, record: &Record) -> String {
    let json = record.to_json();
    let mut document = String::with_capacity(json.len() + 24);
    let _infallible = write!(document, "{{\"sequence\":{sequence},");
    document.push_str(json.strip_prefix('{').unwrap_or(&json));
    document
}

#[cfg(test)]
mod tests {
    use velum_core::audit::record::{Body, SessionId};
    use velum_core::time::Timestamp;

    use super::*;

    fn batch() -> Batch {
        let record = Record {
            time: Timestamp(7_000_000),
            session: SessionId(0),
            identity: "é".into(),
            resource: "".into(),
            body: Body::Gateway {
                event: "started\n".to_owned(),
            },
        };
        Batch {
            records: vec![(1, record.clone()), (2, record)],
        }
    }

    #[test]
    fn a_syslog_message_is_as_long_as_it_says() {
        let bytes = batch().syslog();
        let text = std::str::from_utf8(&bytes).unwrap();
        let (length, rest) = text.split_once(' ').unwrap();
        let (message, rest) = rest.split_at(length.parse().unwrap());
        assert!(message.starts_with("<110>1 1970-01-01T00:00:00.007Z - velum - audit - \u{feff}{"));
        assert!(message.ends_with("\"state\":\"started\\n\"}"));
        let (length, second) = rest.split_once(' ').unwrap();
        assert_eq!(second.len(), length.parse::<usize>().unwrap());
    }

    #[test]
    fn otlp_has_a_log_record_for_each() {
        let document: Value = serde_json::from_str(&batch().otlp()).unwrap();
        let records = &document["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        assert_eq!(records.as_array().unwrap().len(), 2);
        assert_eq!(records[1]["timeUnixNano"], "7000000");
        assert_eq!(records[1]["attributes"][0]["value"]["intValue"], "2");
        let body = records[0]["body"]["stringValue"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["sequence"], &body["event"]),
            (&1.into(), &"gateway".into())
        );
    }

    #[test]
    fn lines_are_lines() {
        assert_eq!(batch().lines().lines().count(), 2);
        assert_eq!((batch().first(), batch().last()), (1, 2));
    }
}
