#![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

use super::*;
use crate::audit::custody::{Act, Custody, Expired};
use crate::audit::masking::{How, MaskedCells, Masking, RuledOutput};
use crate::audit::receipt::{Commitment, Leaves, Receipt, ReceiptColumn};
use crate::audit::record::RecordingEnd;
use crate::audit::skim::{Skimmed, skim};
use crate::grant::GrantId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn recording() -> impl Strategy<Value = Body> {
    let numbers = any::<(u64, u64, u64)>();
    let end = select(&RecordingEnd::ALL[..]);
    (text(), numbers, any::<[u8; 32]>(), end).prop_map(|(file, numbers, root, end)| {
        let (bytes, chunks, dropped_bytes) = numbers;
        Body::Recording {
            file,
            bytes,
            chunks,
            root,
            end,
            dropped_bytes,
        }
    })
}

fn originals() -> impl Strategy<Value = Body> {
    (text(), any::<[u8; 32]>(), vec(text(), 0..4)).prop_map(|(file, sha256, auditors)| {
        Body::Originals {
            file,
            sha256,
            auditors,
        }
    })
}

fn receipt() -> impl Strategy<Value = Body> {
    let commitment = any::<([u8; 32], u64, [u8; 32])>();
    let commitment = commitment.prop_map(|(key, values, root)| Commitment { key, values, root });
    let counts = (
        text(),
        any::<u64>(),
        vec((text(), any::<u64>()), 0..3),
        any::<u64>(),
    );
    let column = (counts, proptest::option::of(commitment)).prop_map(
        |((column, rows, masked, missed), commitment)| ReceiptColumn {
            column,
            rows,
            masked,
            missed,
            commitment,
        },
    );
    let leaves = (text(), any::<[u8; 32]>()).prop_map(|(file, sha256)| Leaves { file, sha256 });
    let head = any::<(Vec<[u8; 32]>, [u8; 32], u64, u64, u64, bool)>();
    let rest = (vec(column, 0..4), proptest::option::of(leaves));
    (head, rest).prop_map(|(head, (columns, leaves))| {
        let (policies, detectors, statements, rows, bytes, is_cut) = head;
        Body::Receipt(Receipt {
            policies,
            detectors,
            statements,
            rows,
            bytes,
            is_cut,
            columns,
            leaves,
        })
    })
}

/// What is empty is not written.
fn masking() -> impl Strategy<Value = Option<Box<Masking>>> {
    let cells = (text(), text(), text(), any::<u64>()).prop_map(|(column, kind, masker, cells)| {
        MaskedCells {
            column,
            kind,
            masker,
            cells,
        }
    });
    let output = (any::<u32>(), select(&How::ALL[..]), vec(text(), 0..4));
    let output = output.prop_map(|(output, how, columns)| RuledOutput {
        output,
        how,
        columns,
    });
    (any::<bool>(), vec(cells, 0..4), vec(output, 0..4)).prop_map(|(is_cut, cells, outputs)| {
        let masking = Masking {
            is_cut,
            cells,
            outputs,
        };
        (!masking.is_empty()).then(|| Box::new(masking))
    })
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é\n\"\\\\]{0,20}"
}

fn administration() -> impl Strategy<Value = Body> {
    (text(), text(), text()).prop_map(|(actor, event, subject)| Body::Administration {
        actor,
        event,
        subject,
    })
}

fn body() -> BoxedStrategy<Body> {
    prop_oneof![
        (
            text(),
            text(),
            any::<(bool, bool)>(),
            text(),
            text(),
            (any::<[u8; 32]>(), asserted()),
        )
            .prop_map(
                |(method, client_address, tls, role, database, (policy, assertion))| {
                    let (client_tls, server_tls) = tls;
                    Body::SessionOpened {
                        method,
                        client_address,
                        client_tls,
                        server_tls,
                        role,
                        database,
                        policy,
                        assertion,
                    }
                }
            ),
        (text(), any::<(u64, u64)>()).prop_map(|(reason, (statements, bytes))| {
            Body::SessionClosed {
                reason,
                statements,
                bytes,
            }
        }),
        intent(),
        outcome(),
        any::<u64>().prop_map(|statement| Body::OutcomeUnknown { statement }),
        (text(), any::<[u8; 5]>(), text()).prop_map(|(client_address, sqlstate, reason)| {
            Body::ConnectionRefused {
                client_address,
                sqlstate,
                reason,
            }
        }),
        any::<[u8; 32]>().prop_map(|sha256| Body::ConfigurationLoaded { sha256 }),
        text().prop_map(|event| Body::Gateway { event }),
        (text(), proptest::option::of(text()))
            .prop_map(|(key, previous)| Body::SigningKey { key, previous }),
        text().prop_map(|cause| Body::CheckpointOverruled { cause }),
        grant(),
        custody(),
        recording(),
        receipt(),
        originals(),
        administration(),
        vec(text(), 7).prop_map(|texts| {
            let [event, way, issuer, actor, session, client_address, reason] =
                texts.try_into().expect("seven texts");
            Body::Login {
                event,
                way,
                issuer,
                actor,
                session,
                client_address,
                reason,
            }
        }),
    ]
    .boxed()
}

fn grant() -> impl Strategy<Value = Body> {
    (
        any::<(u64, u32, u64, bool)>(),
        select(EventKind::ALL.to_vec()),
        text(),
        text(),
        text(),
    )
        .prop_map(
            |((time, chance, sequence, alarm), event, actor, why, what)| Body::Grant {
                grant: GrantId::new(Timestamp(time), chance),
                event,
                sequence,
                actor,
                why,
                what,
                alarm,
            },
        )
}

fn custody() -> impl Strategy<Value = Body> {
    let time = || any::<u64>().prop_map(Timestamp);
    let expired = (any::<(u64, u64)>(), time(), any::<[u8; 32]>());
    let expired = expired.prop_map(|((first, last), due, sha256)| Expired {
        first,
        last,
        due,
        sha256,
    });
    let gone = vec(any::<(u64, u64)>(), 0..3);
    let act = prop_oneof![
        (text(), text()).prop_map(|(what, scope)| Act::Taken { what, scope }),
        (text(), text(), text(), time(), time(), text()).prop_map(
            |(hold, identity, resource, from, until, why)| Act::Held {
                hold,
                identity,
                resource,
                from,
                until,
                why,
            }
        ),
        (text(), text()).prop_map(|(hold, why)| Act::Released { hold, why }),
        (gone, vec(expired, 0..3), text()).prop_map(|(gone, segments, terms)| Act::Expired {
            gone,
            segments,
            terms,
        }),
    ];
    (text(), text(), act).prop_map(|(note, actor, act)| Body::Custody(Custody { note, actor, act }))
}

fn asserted() -> impl Strategy<Value = Option<Asserted>> {
    let asserted = (text(), text(), vec(text(), 0..4));
    proptest::option::of(asserted.prop_map(|(issuer, subject, chain)| Asserted {
        issuer,
        subject,
        chain,
    }))
}

fn intent() -> impl Strategy<Value = Body> {
    (
        any::<u64>(),
        select(vec![Effect::Read, Effect::MayWrite]),
        select(vec![
            Channel::Simple,
            Channel::Extended,
            Channel::FunctionCall,
        ]),
        text(),
        any::<[u8; 12]>(),
        vec(any::<Option<[u8; 12]>>(), 0..5),
        text(),
    )
        .prop_map(
            |(statement, effect, channel, text, token, binds, decision)| Body::Intent {
                statement,
                effect,
                channel,
                text: text.into(),
                token: Token(token),
                binds: binds.into_iter().map(|bind| bind.map(Token)).collect(),
                decision: decision.into(),
            },
        )
}

fn outcome() -> impl Strategy<Value = Body> {
    let statuses = vec![
        Status::Completed,
        Status::Suspended,
        Status::Failed,
        Status::Skipped,
        Status::Unknown,
    ];
    (
        any::<[u64; 4]>(),
        select(statuses),
        text(),
        any::<Option<[u8; 5]>>(),
        vec((text(), any::<u64>()), 0..5),
        masking(),
    )
        .prop_map(
            |(
                [statement, rows, bytes, duration_us],
                status,
                command,
                sqlstate,
                masked,
                masking,
            )| {
                Body::Outcome {
                    statement,
                    status,
                    command,
                    sqlstate,
                    rows,
                    bytes,
                    masked,
                    masking,
                    duration_us,
                }
            },
        )
}

fn record() -> impl Strategy<Value = Record> {
    (any::<(u64, u128)>(), text(), text(), body()).prop_map(
        |((time, session), identity, resource, body)| Record {
            time: Timestamp(time),
            session: SessionId(session),
            identity: identity.into(),
            resource: resource.into(),
            body,
        },
    )
}

fn same(skimmed: &Skimmed<'_>, record: &Record) -> Result<(), TestCaseError> {
    let head = &skimmed.head;
    prop_assert_eq!((head.time, head.session), (record.time, record.session));
    prop_assert_eq!(head.identity, &*record.identity);
    prop_assert_eq!(head.resource, &*record.resource);
    let expected = match &record.body {
        Body::Intent { statement, .. } => Some((*statement, true)),
        Body::Outcome { statement, .. } => Some((*statement, false)),
        _ => None,
    };
    prop_assert_eq!(Some((skimmed.statement, skimmed.is_intent)), expected);
    Ok(())
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    record.encode(&mut out);
    out
}

proptest! {
    #[test]
    fn records_come_back(records in vec(record(), 1..4)) {
        let mut log = Vec::new();
        records.iter().for_each(|record| record.encode(&mut log));
        let mut rest = &*log;
        for record in &records {
            let (first, tail) = Record::split(rest).unwrap();
            prop_assert_eq!(&Record::decode(first).unwrap(), record);
            fuzz_decode(first);
            rest = tail;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn no_prefix_and_no_extension_is_a_record(record in record()) {
        let mut bytes = encoded(&record);
        for end in 0..bytes.len() {
            prop_assert!(Record::decode(&bytes[..end]).is_err());
        }
        bytes.push(0);
        prop_assert_eq!(Record::decode(&bytes), Err(DecodeError::Trailing));
        // The same byte inside of the length.
        let length = u32::try_from(bytes.len() - LENGTH_BYTES).unwrap();
        bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        prop_assert!(Record::decode(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_changes_the_record(
        record in record(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut bytes = encoded(&record);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        fuzz_decode(&bytes);
        prop_assert_ne!(Record::decode(&bytes).ok(), Some(record));
    }

    /// What is skimmed is what is decoded, and no other bytes are skimmed.
    #[test]
    fn a_skimmed_record_is_the_decoded_one(
        record in record(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut bytes = encoded(&record);
        let is_common = matches!(record.body, Body::Intent { .. } | Body::Outcome { .. });
        prop_assert_eq!(skim(&bytes).is_some(), is_common);
        for _ in 0..2 {
            match (skim(&bytes), Record::decode(&bytes)) {
                (None, _) => {}
                (Some(skimmed), Ok(record)) => same(&skimmed, &record)?,
                (Some(_), Err(error)) => prop_assert!(false, "skimmed, but {}", error),
            }
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
        }
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(mut bytes in vec(any::<u8>(), 0..120)) {
        fuzz_decode(&bytes);
        if let Some(length) = bytes.len().checked_sub(6) {
            bytes[..4].copy_from_slice(&u32::try_from(length + 2).unwrap().to_be_bytes());
            bytes[4] = VERSION;
            bytes[5] %= 40;
            fuzz_decode(&bytes);
        }
    }
}

/// Pins version 1: a log written today must read the same for ever.
#[test]
fn the_layout_is_pinned() {
    let record = Record {
        time: Timestamp(1_795_500_000_000_000_001),
        session: SessionId(0x0102),
        identity: "ci".into(),
        resource: "ehr".into(),
        body: Body::Intent {
            statement: 7,
            effect: Effect::MayWrite,
            channel: Channel::Extended,
            text: "DELETE FROM t".into(),
            token: Token([0xab; 12]),
            binds: vec![None, Some(Token([0x01; 12]))],
            decision: "allow".into(),
        },
    };
    let hex: String = encoded(&record)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "00000069010318eae5bcae36c00100000000000000000000000000000102000000026369000000036568720000\
         00000000000701010000000d44454c4554452046524f4d2074abababababababababababab0000000200010101\
         0101010101010101010100000005616c6c6f77"
            .replace(' ', "")
    );
    assert_eq!(
        record.to_json(),
        "{\"time\":\"2026-11-24T06:00:00.000000001Z\",\
         \"session\":\"00000000000000000000000000000102\",\"identity\":\"ci\",\
         \"resource\":\"ehr\",\"event\":\"intent\",\"statement\":7,\"effect\":\"may_write\",\
         \"channel\":\"extended\",\"text\":\"DELETE FROM t\",\
         \"token\":\"abababababababababababab\",\
         \"binds\":[null,\"010101010101010101010101\"],\"decision\":\"allow\"}"
    );
}

#[test]
fn a_claimed_length_is_not_followed() {
    let mut bytes = encoded(&Record {
        time: Timestamp(0),
        session: SessionId(0),
        identity: "".into(),
        resource: "".into(),
        body: Body::Gateway {
            event: String::new(),
        },
    });
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(Record::decode(&bytes), Err(DecodeError::Truncated));
    bytes[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(Record::split(&bytes), Err(DecodeError::Truncated));
    bytes[4] = 9;
    bytes[..4].copy_from_slice(&u32::try_from(at).unwrap().to_be_bytes());
    assert_eq!(Record::decode(&bytes), Err(DecodeError::Version(9)));
}
