//! The records of a typical statement.

use velum_core::audit::masking::{MaskedCells, Masking};
use velum_core::audit::record::{Body, Channel, Effect, Record, SessionId, Status};
use velum_core::audit::token::Token;
use velum_core::time::Timestamp;

/// When the first one was.
const START_NS: u64 = 1_795_500_000_000_000_000;

fn record(session: u128, time: u64, body: Body) -> Record {
    Record {
        time: Timestamp(START_NS + time * 1_000),
        session: SessionId(session),
        identity: "reporting".into(),
        resource: "ehr".into(),
        body,
    }
}

/// A statement begins.
pub fn intent(session: u128, statement: u64) -> Record {
    let body = Body::Intent {
        statement,
        effect: Effect::Read,
        channel: Channel::Extended,
        text: "SELECT id, name, ssn, city FROM ehr.patients WHERE id = $1".into(),
        token: Token([0xab; 12]),
        binds: vec![Some(Token([0x01; 12]))],
        decision: "allow".into(),
    };
    record(session, statement, body)
}

/// A statement ends.
pub fn outcome(session: u128, statement: u64) -> Record {
    let body = Body::Outcome {
        statement,
        status: Status::Completed,
        command: "SELECT".to_owned(),
        sqlstate: None,
        rows: 1,
        bytes: 120,
        masked: vec![("ssn".to_owned(), 1), ("name".to_owned(), 1)],
        duration_us: 350,
        masking: Some(Box::new(masking())),
    };
    record(session, statement, body)
}

/// One cell of each of two columns.
fn masking() -> Masking {
    let cells = |column: &str, kind: &str| MaskedCells {
        column: format!("public.patients.{column}"),
        kind: kind.to_owned(),
        masker: kind.to_owned(),
        cells: 1,
    };
    Masking {
        cells: vec![cells("ssn", "ssn"), cells("last_name", "name")],
        ..Masking::default()
    }
}

/// What a client appends at its `turn`th statement, from 1 on: the end of the last one and the
/// beginning of this. The first one's place before it is taken by a session of its own.
pub fn pair(client: u128, turn: u64) -> [Vec<u8>; 2] {
    let ended = match turn {
        1 => gateway("draining"),
        _ => outcome(client, turn - 1),
    };
    [encoded(&ended), encoded(&intent(client, turn))]
}

/// Something about the gateway itself.
pub fn gateway(event: &str) -> Record {
    let event = event.to_owned();
    record(0, 0, Body::Gateway { event })
}

/// The canonical bytes.
pub fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}
