#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use velum_core::audit::record::SessionId;

use super::*;

const SESSION: SessionId = SessionId(77);
const KEY: [u8; 32] = [0x5c; 32];

fn people(count: usize) -> Vec<AuditorSecret> {
    let names = (0..count).map(|index| format!("auditor-{index}"));
    names
        .map(|name| AuditorSecret::parse(&keygen(&name).unwrap().1).unwrap())
        .collect()
}

fn sealed(people: &[AuditorSecret]) -> (tempfile::TempDir, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let auditors: Vec<_> = people.iter().map(|it| it.auditor.clone()).collect();
    let written = write(directory.path(), SESSION, &KEY, &auditors).unwrap();
    let bytes = std::fs::read(path(directory.path(), SESSION)).unwrap();
    assert_eq!(sha256_of(&bytes), written.sha256);
    (directory, bytes)
}

#[test]
fn any_two_open_and_one_does_not() {
    let people = people(4);
    let (_directory, bytes) = sealed(&people);
    let shares: Vec<_> = people
        .iter()
        .map(|it| open_share(&bytes, it).unwrap())
        .collect();
    for (index, one) in shares.iter().enumerate() {
        for (place, other) in shares.iter().enumerate() {
            let opened = combine(SESSION, [one, other]);
            match index == place {
                true => assert!(matches!(opened, Err(OriginalsError::OnePerson))),
                false => assert_eq!(*opened.unwrap(), KEY),
            }
        }
        // Not even the key's bytes are in a share, nor in the file.
        let hex = "5c".repeat(8);
        assert!(!one.to_text().contains(&hex));
    }
    assert!(!String::from_utf8_lossy(&bytes).contains(&"5c".repeat(8)));
}

#[test]
fn shares_are_of_their_session_and_their_auditors() {
    let [people, strangers] = [people(2), people(1)];
    let (_directory, bytes) = sealed(&people);
    assert!(matches!(
        open_share(&bytes, strangers.first().unwrap()),
        Err(OriginalsError::NotFor(_))
    ));
    let shares: Vec<_> = people
        .iter()
        .map(|it| open_share(&bytes, it).unwrap())
        .collect();
    let [one, other] = shares.as_slice() else {
        panic!()
    };
    let wrong = combine(SessionId(78), [one, other]);
    assert!(matches!(wrong, Err(OriginalsError::OtherSession)));
    // What was sealed for one session does not open as another's.
    let text = String::from_utf8(bytes).unwrap();
    let moved = text.replace(
        &crate::recording::name(SESSION),
        &crate::recording::name(SessionId(78)),
    );
    let opened = open_share(moved.as_bytes(), people.first().unwrap());
    assert!(matches!(opened, Err(OriginalsError::Forged)));
    let again = Share::parse(one.to_text().as_bytes()).unwrap();
    assert_eq!(*combine(SESSION, [&again, other]).unwrap(), KEY);
}

#[test]
fn keys_are_read_as_they_are_written() {
    let (auditor, _) = keygen("j.doe_2").unwrap();
    assert_eq!(Auditor::parse(&auditor.to_string()), Some(auditor.clone()));
    for wrong in ["", "velum-auditor+a+00", "velum-auditor+a b+00"] {
        assert_eq!(Auditor::parse(wrong), None);
    }
    assert!(keygen("a+b").is_err() && keygen("").is_err());
}
