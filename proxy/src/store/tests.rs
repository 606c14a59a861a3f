#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::os::unix::fs::PermissionsExt;

use velum_core::grant::{
    Grant, GrantId, Kind, Narrowing, Period, Person, Request, Requester, Scope, State, Terms,
};

use super::grants::Filter;
use super::idempotency::{Attempt, Kept};
use super::keys::{ApiKey, Bearer, Role};
use super::*;

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn asked(identity: &str, chance: u32) -> (Grant, Vec<velum_core::grant::Event>) {
    let request = Request {
        requester: Requester {
            identity: identity.to_owned(),
            by: identity.to_owned(),
            ..Requester::default()
        },
        resource: "ehr".to_owned(),
        scope: Scope::policy("masked"),
        window: Period::of_ms(60_000),
        kind: Kind::Timed,
        reason: "report".to_owned(),
        ticket: None,
    };
    let id = GrantId::new(Timestamp(5_000_000_000), chance);
    Grant::request(id, request, Terms::default(), None, Timestamp(5)).unwrap()
}

fn ann() -> Person {
    Person {
        id: "ann".to_owned(),
        ..Person::default()
    }
}

#[test]
fn two_who_saw_the_same_do_not_both_decide() {
    let (_folder, mut store) = opened();
    let (mut grant, events) = asked("agent", 1);
    let version = store
        .transact(|tx| {
            let stored = tx.insert_grant(&grant)?;
            tx.append_events(events)?;
            Ok::<_, StoreError>(stored.version)
        })
        .unwrap();
    let again = store.transact(|tx| tx.insert_grant(&grant));
    assert!(matches!(again, Err(StoreError::Conflict)));
    let events = grant
        .approve(&ann(), "ok", Narrowing::default(), Timestamp(6))
        .unwrap();
    let save = |tx: &Tx<'_>| {
        let version = tx.update_grant(&grant, version)?;
        tx.append_events(events.clone())?;
        Ok::<_, StoreError>(version)
    };
    assert_eq!(store.transact(save).unwrap(), 2);
    assert!(matches!(store.transact(save), Err(StoreError::Conflict)));
    let (found, decisions, last) = store
        .look(|tx| {
            Ok::<_, StoreError>((
                tx.grant(grant.id)?,
                tx.decisions(grant.id)?,
                tx.last_event()?,
            ))
        })
        .unwrap();
    assert_eq!(found.unwrap().grant, grant);
    assert_eq!(
        (decisions.len(), last),
        (1, 3),
        "requested, approved, activated"
    );
    let twice = store.transact(|tx| tx.append_events(events.clone()));
    assert!(twice.is_err(), "the same approval is not stored twice");
}

#[test]
fn what_fails_has_not_happened() {
    let (_folder, mut store) = opened();
    let (grant, _) = asked("agent", 1);
    let failed = store.transact(|tx| {
        tx.insert_grant(&grant)?;
        Err::<(), _>(StoreError::Conflict)
    });
    assert!(failed.is_err());
    assert!(store.look(|tx| tx.grant(grant.id)).unwrap().is_none());
}

#[test]
fn lists_are_filtered_and_come_in_pages() {
    let (_folder, mut store) = opened();
    for chance in 0..5 {
        let (mut grant, _) = asked(if chance % 2 == 0 { "agent" } else { "clerk" }, chance);
        if chance == 4 {
            grant.deny(&ann(), "no", Timestamp(6)).unwrap();
        }
        store.transact(|tx| tx.insert_grant(&grant)).unwrap();
    }
    let mut list = |filter: Filter| {
        let listed = store.look(|tx| tx.list_grants(&filter)).unwrap();
        listed
            .into_iter()
            .map(|stored| stored.grant.id)
            .collect::<Vec<_>>()
    };
    let all = |most| Filter {
        most,
        ..Filter::default()
    };
    let ids = list(all(10));
    assert_eq!(ids.len(), 5);
    assert!(
        ids.is_sorted_by(|one, other| one > other),
        "the newest first"
    );
    assert_eq!(list(all(2)), ids[..2]);
    let next = Filter {
        before: Some(ids[1]),
        ..all(2)
    };
    assert_eq!(list(next), ids[2..4]);
    let clerk = Filter {
        identities: Some(vec!["clerk".to_owned()]),
        states: vec![State::Requested],
        resource: Some("ehr".to_owned()),
        kind: Some(Kind::Timed),
        ..all(10)
    };
    assert_eq!(list(clerk.clone()), [ids[1], ids[3]]);
    let nobody = Filter {
        identities: Some(Vec::new()),
        ..clerk
    };
    assert!(list(nobody).is_empty(), "no identity is not any identity");
    let denied = Filter {
        states: vec![State::Denied],
        ..all(10)
    };
    assert_eq!(list(denied), ids[..1]);
}

#[test]
fn events_wait_until_they_are_audited() {
    let (_folder, mut store) = opened();
    let (grant, events) = asked("agent", 1);
    let numbered = store
        .transact(|tx| {
            tx.insert_grant(&grant)?;
            tx.append_events(events)
        })
        .unwrap();
    let left = |store: &mut Store| store.look(|tx| tx.events_not_audited()).unwrap();
    assert_eq!(left(&mut store), numbered);
    store
        .transact(|tx| tx.mark_audited(&[numbered[0].sequence]))
        .unwrap();
    assert!(left(&mut store).is_empty());
    assert_eq!(store.look(|tx| tx.events_after(0, 9)).unwrap(), numbered);
}

#[test]
fn an_idempotency_key_stands_for_one_request() {
    let (_folder, mut store) = opened();
    let attempt = Attempt {
        caller: "k1".to_owned(),
        key: "abc".to_owned(),
        request_sha256: [1; 32],
    };
    let kept = Kept {
        status: 201,
        version: Some(1),
        body: "{}".to_owned(),
    };
    assert_eq!(store.look(|tx| tx.kept(&attempt)).unwrap(), None);
    store
        .transact(|tx| tx.keep(&attempt, &kept, Timestamp(5)))
        .unwrap();
    assert_eq!(store.look(|tx| tx.kept(&attempt)).unwrap(), Some(kept));
    let other = Attempt {
        request_sha256: [2; 32],
        ..attempt.clone()
    };
    let refused = store.look(|tx| tx.kept(&other));
    assert!(matches!(refused, Err(StoreError::OtherRequest)));
    let somebody = Attempt {
        caller: "k2".to_owned(),
        ..other
    };
    assert_eq!(store.look(|tx| tx.kept(&somebody)).unwrap(), None);
    store.transact(|tx| tx.forget_before(Timestamp(6))).unwrap();
    assert_eq!(store.look(|tx| tx.kept(&attempt)).unwrap(), None);
}

#[test]
fn keys_are_noted_to_the_minute_and_revoked_once() {
    let (_folder, mut store) = opened();
    let key = ApiKey {
        id: "k1".to_owned(),
        secret_sha256: [3; 32],
        bearer: Bearer {
            owner: "ann".to_owned(),
            roles: [Role::Approver].into(),
            groups: ["privacy".to_owned()].into(),
            identities: None,
            chain: Vec::new(),
            created_by: "root".to_owned(),
            is_bootstrap: false,
        },
        created_at: Timestamp(1),
        expires_at: Timestamp(1).after_ms(90_000),
        revoked_at: None,
        last_used_at: None,
        version: 1,
    };
    store.transact(|tx| tx.insert_key(&key)).unwrap();
    let found = |store: &mut Store| store.look(|tx| tx.key("k1")).unwrap().unwrap();
    assert_eq!(found(&mut store), key);
    for (now, noted) in [(2_000, 2_000), (61_999, 2_000), (62_000, 62_000)] {
        let before = found(&mut store);
        let at = Timestamp(0).after_ms(now);
        store.transact(|tx| tx.note_use(&before, at)).unwrap();
        let expected = Timestamp(0).after_ms(noted);
        assert_eq!(found(&mut store).last_used_at, Some(expected));
    }
    store
        .transact(|tx| tx.revoke_key("k1", 1, Timestamp(9)))
        .unwrap();
    assert_eq!(found(&mut store).revoked_at, Some(Timestamp(9)));
    let again = store.transact(|tx| tx.revoke_key("k1", 2, Timestamp(9)));
    assert!(matches!(again, Err(StoreError::Conflict)));
    assert_eq!(store.look(|tx| tx.keys()).unwrap().len(), 1);
}

#[test]
fn the_stores_clock_does_not_step_back_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = |now| {
        let mut store = Store::open(folder.path()).unwrap();
        store.transact(|tx| tx.clock(Timestamp(now))).unwrap()
    };
    assert_eq!(clock(100), Timestamp(100));
    assert_eq!(clock(50), Timestamp(100));
    assert_eq!(clock(101), Timestamp(101));
}

#[test]
fn later_and_foreign_files_are_refused_and_left_alone() {
    let (folder, store) = opened();
    let path = folder.path().join(FILE);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else reads it");
    store
        .connection
        .pragma_update(None, "user_version", schema::VERSION + 1)
        .unwrap();
    drop(store);
    let newer = Store::open(folder.path()).err().unwrap();
    assert!(matches!(newer, StoreError::Newer { .. }), "{newer}");

    let other = tempfile::tempdir().unwrap();
    let path = other.path().join(FILE);
    let foreign = Connection::open(&path).unwrap();
    foreign
        .execute_batch("CREATE TABLE notes (text TEXT)")
        .unwrap();
    drop(foreign);
    let refused = Store::open(other.path()).err().unwrap();
    assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
    std::fs::write(&path, "no database at all, but long enough to be one").unwrap();
    assert!(Store::open(other.path()).is_err());
    let kept = std::fs::read(&path).unwrap();
    assert_eq!(kept, b"no database at all, but long enough to be one");
}

#[test]
fn a_backup_of_a_store_in_use_is_a_store() {
    let (folder, mut store) = opened();
    let (grant, _) = asked("agent", 1);
    store.transact(|tx| tx.insert_grant(&grant)).unwrap();
    let copies = tempfile::tempdir().unwrap();
    let to = copies.path().join(FILE);
    Store::open(folder.path()).unwrap().backup(&to).unwrap();
    let mode = std::fs::metadata(&to).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else reads the copy");
    assert!(store.backup(&to).is_err(), "no copy is overwritten");
    let mut copy = Store::open(copies.path()).unwrap();
    assert_eq!(
        copy.look(|tx| tx.grant(grant.id)).unwrap().unwrap().grant,
        grant
    );
}
