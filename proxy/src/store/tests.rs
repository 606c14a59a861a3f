#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod ground;
mod server;

use std::os::unix::fs::PermissionsExt;

use velum_core::grant::{
    Grant, GrantId, Kind, Narrowing, Period, Person, Request, Requester, Scope, State, Terms,
};

use super::administration::Done;
use super::grants::Filter;
use super::idempotency::{Attempt, Kept};
use super::keys::{ApiKey, Bearer, Role};
use super::machine_keys::MachineKeyRow;
use super::notifications::{Delivery, Notification};
use super::sessions::{Holder, Session, Values, Way};
use super::*;
use crate::identity::code::Proof;
pub(crate) use ground::Ground;

/// Each of these on both engines.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod in_a_file {
            use super::ground::Ground;
            $(#[test] fn $name() { super::$name(&Ground::file()); })*
        }
        mod in_postgres {
            use super::ground::Ground;
            $(#[test] fn $name() { super::$name(&Ground::server()); })*
        }
    };
}

on_both! {
    two_who_saw_the_same_do_not_both_decide
    what_fails_has_not_happened
    lists_are_filtered_and_come_in_pages
    events_wait_until_they_are_audited
    an_idempotency_key_stands_for_one_request
    keys_are_noted_to_the_minute_and_revoked_once
    the_stores_clock_does_not_step_back_over_a_restart
    an_assertion_is_used_once_until_it_is_too_old
    rooms_keep_what_they_are_given
    a_notification_is_one_gateways_to_deliver
    what_administrators_did_is_one_gateways_to_audit
}

fn asked(identity: &str, chance: u32) -> (Grant, Vec<velum_core::grant::Event>) {
    asked_under(Terms::default(), identity, chance)
}

fn asked_under(
    terms: Terms,
    identity: &str,
    chance: u32,
) -> (Grant, Vec<velum_core::grant::Event>) {
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
    Grant::request(id, request, terms, None, Timestamp(5)).unwrap()
}

fn ann() -> Person {
    Person {
        id: "ann".to_owned(),
        ..Person::default()
    }
}

fn two_who_saw_the_same_do_not_both_decide(ground: &Ground) {
    let mut store = ground.open();
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

fn what_fails_has_not_happened(ground: &Ground) {
    let mut store = ground.open();
    let (grant, _) = asked("agent", 1);
    let failed = store.transact(|tx| {
        tx.insert_grant(&grant)?;
        Err::<(), _>(StoreError::Conflict)
    });
    assert!(failed.is_err());
    assert!(store.look(|tx| tx.grant(grant.id)).unwrap().is_none());
}

fn lists_are_filtered_and_come_in_pages(ground: &Ground) {
    let mut store = ground.open();
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

fn events_wait_until_they_are_audited(ground: &Ground) {
    let mut store = ground.open();
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

fn an_idempotency_key_stands_for_one_request(ground: &Ground) {
    let mut store = ground.open();
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

fn keys_are_noted_to_the_minute_and_revoked_once(ground: &Ground) {
    let mut store = ground.open();
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

fn the_stores_clock_does_not_step_back_over_a_restart(ground: &Ground) {
    let clock = |now| {
        let mut store = ground.open();
        store.transact(|tx| tx.clock(Timestamp(now))).unwrap()
    };
    assert_eq!(clock(100), Timestamp(100));
    assert_eq!(clock(50), Timestamp(100));
    assert_eq!(clock(101), Timestamp(101));
}

#[test]
fn later_and_foreign_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let path = folder.path().join(FILE);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else reads it");
    let Engine::Sqlite(connection) = &store.engine else {
        panic!("a file");
    };
    connection
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
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
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

fn an_assertion_is_used_once_until_it_is_too_old(ground: &Ground) {
    let mut store = ground.open();
    let mut spend = |issuer: &str, id: &str, now| {
        let spent: Result<bool, StoreError> =
            store.transact(|tx| tx.spend_assertion(issuer, id, Timestamp(100), Timestamp(now)));
        spent.unwrap()
    };
    assert!(spend("one", "a", 1) && spend("one", "b", 1) && spend("two", "a", 1));
    assert!(!spend("one", "a", 100));
    let mut again = ground.open();
    let spent: Result<bool, StoreError> =
        again.transact(|tx| tx.spend_assertion("one", "a", Timestamp(100), Timestamp(2)));
    assert!(!spent.unwrap(), "over a restart neither");
    let spent: Result<bool, StoreError> =
        again.transact(|tx| tx.spend_assertion("one", "a", Timestamp(200), Timestamp(101)));
    assert!(spent.unwrap(), "it is too old to be taken by then");
}

fn machine_key() -> MachineKeyRow {
    MachineKeyRow {
        id: "mk_1".to_owned(),
        version: 1,
        identity: "agent".to_owned(),
        verifier: "SCRAM-SHA-256$…".to_owned(),
        note: "nightly".to_owned(),
        created_by: "ann".to_owned(),
        created_at: Timestamp(3),
        expires_at: Timestamp(100),
        revoked_at: None,
        last_used_at: None,
    }
}

fn session() -> Session {
    Session {
        id: "s1".to_owned(),
        version: 1,
        values: Values {
            current: [1; 32],
            next: Some(([2; 32], Timestamp(4))),
            lost: None,
            last: None,
            since: Timestamp(3),
        },
        holder: Holder {
            way: Way::Saml,
            issuer: "hospital".to_owned(),
            issuer_id: "https://idp.example".to_owned(),
            subject: "änn".to_owned(),
            groups: vec!["privacy".to_owned()],
            proof: Proof::default(),
        },
        created_at: Timestamp(3),
        expires_at: Timestamp(100),
        used_at: Timestamp(3),
        ended: None,
    }
}

/// What goes in comes out, and changes once for each who saw it.
fn rooms_keep_what_they_are_given(ground: &Ground) {
    let mut store = ground.open();
    let (key, session) = (machine_key(), session());
    store
        .transact(|tx| {
            tx.insert_machine_key(&key)?;
            tx.insert_session(&session)?;
            assert_eq!(tx.set_secret("ehr", b"\0\xff", Timestamp(4), "ann")?, 1);
            assert_eq!(tx.set_secret("ehr", b"\x01", Timestamp(5), "bob")?, 2);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    store
        .look(|tx| {
            assert_eq!(tx.machine_key("mk_1")?.as_ref(), Some(&key));
            assert_eq!(tx.machine_keys_in_force(Timestamp(99))?.len(), 1);
            assert_eq!(tx.machine_keys_in_force(Timestamp(100))?, []);
            assert_eq!(tx.session("s1")?.as_ref(), Some(&session));
            let secret = tx.secret("ehr")?.unwrap();
            assert_eq!((secret.sealed, secret.version), (b"\x01".to_vec(), 2));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    store.transact(|tx| tx.touch_session(&session)).unwrap();
    let again = store.transact(|tx| tx.touch_session(&session));
    assert!(matches!(again, Err(StoreError::Conflict)));
    let end = |store: &mut Store| store.transact(|tx| tx.end_session("s1", "left", Timestamp(6)));
    end(&mut store).unwrap();
    assert!(matches!(end(&mut store), Err(StoreError::Conflict)));
    let removed: Result<bool, StoreError> = store.transact(|tx| tx.remove_secret("ehr"));
    assert!(removed.unwrap());
}

fn a_notification_is_one_gateways_to_deliver(ground: &Ground) {
    let told = Notification {
        id: "1-oncall".to_owned(),
        target: "oncall".to_owned(),
        occasion: "requested".to_owned(),
        document: "{}".to_owned(),
        created_at: Timestamp(1),
        due_at: Timestamp(1),
        attempts: 0,
        state: Delivery::Waiting,
        last_error: None,
    };
    let (mut one, mut other) = (ground.gateway("one"), ground.gateway("other"));
    one.transact(|tx| tx.enqueue(&told)).unwrap();
    one.transact(|tx| tx.enqueue(&told)).unwrap();
    let take = |store: &mut Store, now| {
        let due: Result<_, StoreError> = store.look(|tx| tx.due_notifications(now));
        let taken: Result<_, StoreError> = store.transact(|tx| tx.take_notifications(now, 8));
        let taken = taken.unwrap().len();
        assert_eq!(due.unwrap().0, taken > 0);
        taken
    };
    let now = Timestamp(2);
    assert_eq!(take(&mut one, now), 1);
    assert_eq!(take(&mut other, now), 0, "the first is at it");
    assert_eq!(
        take(&mut ground.gateway("one"), now),
        1,
        "after a restart it is its own"
    );
    let later = now.after_ms(121_000);
    assert_eq!(take(&mut other, later), 1, "the first is no more");
    let settled: Result<(), StoreError> = other.transact(|tx| tx.notification_sent("1-oncall"));
    settled.unwrap();
    assert_eq!(take(&mut one, later.after_ms(121_000)), 0);
    let sent: Result<_, StoreError> = one.look(|tx| tx.notifications(Some(Delivery::Sent), 9));
    assert_eq!(sent.unwrap().len(), 1);
    let all: Result<_, StoreError> = one.look(|tx| tx.notifications(None, 9));
    assert_eq!(all.unwrap().len(), 1);
}

fn what_administrators_did_is_one_gateways_to_audit(ground: &Ground) {
    let mut command = ground.open();
    for subject in ["ehr", "lab"] {
        let noted: Result<(), StoreError> =
            command.transact(|tx| tx.note_administration(Timestamp(5), "ann", "set", subject));
        noted.unwrap();
    }
    let (mut one, mut other) = (ground.gateway("one"), ground.gateway("other"));
    let seen = |store: &mut Store| -> Vec<Done> {
        let seen: Result<_, StoreError> = store.look(|tx| tx.administration_not_audited());
        seen.unwrap()
    };
    let (first, second) = (seen(&mut one), seen(&mut other));
    assert_eq!((first.len(), second.len()), (2, 2));
    let take = |store: &mut Store, done| -> Vec<Done> {
        let taken: Result<_, StoreError> = store.transact(|tx| tx.take_administration(done));
        taken.unwrap()
    };
    let taken = take(&mut one, first);
    assert_eq!(taken.len(), 2);
    assert!(take(&mut other, second).is_empty(), "the first has them");
    assert!(seen(&mut other).is_empty());
    assert_eq!(
        seen(&mut one).len(),
        2,
        "they stay its own until they are audited"
    );
    one.transact(|tx| tx.mark_administration(&taken)).unwrap();
    assert!(seen(&mut one).is_empty());
}
