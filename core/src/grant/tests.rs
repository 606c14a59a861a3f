#![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod model;

use std::collections::BTreeSet;

use super::*;
use crate::audit::record::SessionId;
use crate::time::Timestamp;

const MINUTE_MS: u64 = 60_000;

fn at(minutes: u64) -> Timestamp {
    Timestamp(1_795_500_000_000_000_000).after_ms(minutes * MINUTE_MS)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn person(id: &str, groups: &[&str]) -> Person {
    Person {
        id: id.to_owned(),
        chain: Vec::new(),
        groups: set(groups),
    }
}

fn asked(kind: Kind, minutes: u64) -> Request {
    Request {
        requester: Requester {
            identity: "agent".to_owned(),
            chain: vec!["pipeline".to_owned(), "dora".to_owned()],
            by: "agent".to_owned(),
            groups: set(&["billing"]),
        },
        resource: "ehr".to_owned(),
        scope: Scope {
            tables: Some(set(&["clinical.visits", "clinical.notes"])),
            ..Scope::policy("masked")
        },
        window: Period {
            start: None,
            length_ms: (kind != Kind::Standing).then_some(minutes * MINUTE_MS),
        },
        kind,
        reason: "month-end report".to_owned(),
        ticket: Some("OPS-7".to_owned()),
    }
}

fn emergency_terms(people: u8) -> Terms {
    Terms {
        break_glass: Some(BreakGlass {
            people,
            longest_ms: 30 * MINUTE_MS,
        }),
        ..Terms::default()
    }
}

fn requested(request: Request, terms: Terms) -> Grant {
    let id = GrantId::new(at(0), 7);
    let (grant, events) = Grant::request(id, request, terms, None, at(0)).expect("a request");
    assert_eq!(kinds(&events), [EventKind::Requested]);
    grant
}

fn active(kind: Kind) -> Grant {
    let mut grant = requested(asked(kind, 20), emergency_terms(1));
    let events = grant.approve(&person("ann", &[]), "needed", Narrowing::default(), at(1));
    assert_eq!(
        kinds(&events.expect("an approval")),
        [EventKind::Approved, EventKind::Activated]
    );
    grant
}

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind).collect()
}

#[test]
fn names_are_read_back_and_nothing_else_is() {
    for (time, chance) in [(at(0), 0), (at(9), u32::MAX), (Timestamp(0), 1)] {
        let id = GrantId::new(time, chance);
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    assert!(GrantId::new(at(0), u32::MAX).to_string() < GrantId::new(at(1), 0).to_string());
    let good = GrantId::new(at(0), 7).to_string();
    for bad in [
        "",
        "gr_",
        &good[3..],
        &good.to_uppercase(),
        &format!("{good}0"),
    ] {
        assert!(bad.parse::<GrantId>().is_err(), "{bad}");
    }
    assert!("gr_u000000000000000".parse::<GrantId>().is_err());
    let hash = StatementHash([0xab; 32]);
    assert_eq!(StatementHash::try_from(String::from(hash)), Ok(hash));
    assert!(StatementHash::try_from("AB".repeat(32)).is_err());
    assert!(StatementHash::try_from("ab".repeat(31)).is_err());
}

#[test]
fn nobody_decides_about_themselves_nor_for_those_who_act_for_them() {
    let terms = Terms {
        conflicts: set(&["billing"]),
        approvers: set(&["ann", "bob", "agent", "dora", "pipeline", "eve"]),
        approver_groups: set(&["privacy"]),
        ..Terms::default()
    };
    let grant = requested(asked(Kind::Timed, 20), terms);
    let refused = |by: &Person| {
        let approved = grant
            .clone()
            .approve(by, "fine", Narrowing::default(), at(1));
        let denied = grant.clone().deny(by, "no", at(1));
        assert_eq!(approved.as_ref().err(), denied.as_ref().err());
        approved.expect_err("must not decide").code()
    };
    for own in ["agent", "pipeline", "dora"] {
        assert_eq!(refused(&person(own, &["privacy"])), "self-approval");
    }
    let mut deputy = person("ann", &["privacy"]);
    deputy.chain.push("dora".to_owned());
    assert_eq!(refused(&deputy), "self-approval");
    assert_eq!(
        refused(&person("ann", &["privacy", "billing"])),
        "conflict-of-interest"
    );
    assert_eq!(refused(&person("zoe", &["privacy"])), "not-an-approver");
    assert_eq!(refused(&person("ann", &["nurses"])), "not-an-approver");
    let good = person("ann", &["privacy"]);
    assert!(
        grant
            .clone()
            .approve(&good, "ok", Narrowing::default(), at(1))
            .is_ok()
    );
}

#[test]
fn two_have_to_agree_and_each_may_narrow_only() {
    let terms = Terms {
        approvals: 2,
        ..Terms::default()
    };
    let mut grant = requested(asked(Kind::Timed, 20), terms);
    let (ann, bob) = (person("ann", &[]), person("bob", &[]));
    let narrow = |tables: &[&str], minutes: u64| Narrowing {
        scope: Some(Scope {
            tables: Some(set(tables)),
            ..Scope::policy("masked")
        }),
        window: Some(Period::of_ms(minutes * MINUTE_MS)),
    };
    let events = grant.approve(&ann, "ok", narrow(&["clinical.visits"], 10), at(1));
    assert_eq!(kinds(&events.expect("one of two")), [EventKind::Approved]);
    assert_eq!(grant.state, State::Requested);
    let again = grant.approve(&ann, "ok", Narrowing::default(), at(2));
    assert_eq!(again, Err(Refused::Twice));
    let both = ["clinical.visits", "clinical.notes"];
    let wider = grant.approve(&bob, "ok", narrow(&both, 5), at(2));
    assert_eq!(
        wider,
        Err(Refused::WiderScope),
        "than what ann has left of it"
    );
    let longer = grant.approve(&bob, "ok", narrow(&["clinical.visits"], 11), at(2));
    assert_eq!(longer, Err(Refused::WiderWindow));
    grant
        .approve(&bob, "ok", narrow(&["clinical.visits"], 5), at(2))
        .expect("the second");
    assert_eq!(grant.state, State::Active);
    let until = grant.interval.and_then(|it| it.until);
    assert_eq!(until, Some(at(7)), "five minutes from the last approval");
}

#[test]
fn a_clock_that_steps_back_revives_nothing() {
    let mut grant = active(Kind::Timed);
    assert_eq!(grant.usable(None, at(20)), Ok(()));
    assert_eq!(grant.usable(None, at(21)), Err(Refused::Expired));
    assert_eq!(kinds(&grant.tick(at(21))), [EventKind::Expired]);
    assert_eq!(
        grant.usable(None, at(2)),
        Err(Refused::State(State::Expired))
    );
    assert!(grant.tick(at(2)).is_empty());
    // Nor does it give more time to what has seen a later moment.
    let mut grant = active(Kind::Timed);
    assert!(grant.tick(at(20)).is_empty());
    let denied = grant.usable(None, at(0));
    assert_eq!((denied, grant.clock), (Ok(()), at(20)));
    assert_eq!(kinds(&grant.tick(at(21))), [EventKind::Expired]);
}

#[test]
fn a_window_that_begins_later_does_not_hold_before() {
    let mut request = asked(Kind::Timed, 20);
    request.window.start = Some(at(10));
    let mut grant = requested(request, Terms::default());
    let ann = person("ann", &[]);
    let early = Period {
        start: Some(at(9)),
        length_ms: Some(5 * MINUTE_MS),
    };
    let narrowing = Narrowing {
        window: Some(early),
        ..Narrowing::default()
    };
    let wider = grant.approve(&ann, "ok", narrowing, at(1));
    assert_eq!(wider, Err(Refused::WiderWindow));
    grant
        .approve(&ann, "ok", Narrowing::default(), at(1))
        .expect("an approval");
    assert_eq!(
        (grant.state, grant.next_due()),
        (State::Approved, Some(at(10)))
    );
    assert_eq!(grant.usable(None, at(9)), Err(Refused::NotYet));
    assert_eq!(kinds(&grant.tick(at(10))), [EventKind::Activated]);
    assert_eq!(kinds(&grant.tick(at(30))), [EventKind::Expired]);
}

#[test]
fn one_session_uses_a_one_time_grant_up() {
    let mut grant = active(Kind::OneTime);
    let (first, second) = (SessionId(1), SessionId(2));
    assert_eq!(
        kinds(&grant.use_by(first, at(2)).expect("it holds")),
        [EventKind::Used]
    );
    assert_eq!(grant.use_by(second, at(3)), Err(Refused::UsedUp));
    assert_eq!(grant.usable(None, at(3)), Err(Refused::UsedUp));
    assert_eq!(grant.usable(Some(first), at(3)), Ok(()), "it may go on");
    assert_eq!(grant.usable(Some(first), at(21)), Err(Refused::Expired));
}

#[test]
fn a_standing_grant_holds_as_long_as_it_is_reviewed() {
    let mut grant = active(Kind::Standing);
    let due = grant.review_by.expect("a date");
    assert_eq!(grant.usable(None, due), Err(Refused::ReviewOverdue));
    assert_eq!(kinds(&grant.tick(due)), [EventKind::Overdue]);
    assert!(grant.tick(due).is_empty(), "said once");
    let own = grant.review(&person("dora", &[]), "still mine", due);
    assert_eq!(own, Err(Refused::SelfApproval("dora".to_owned())));
    let reviewed = grant.review(&person("bob", &[]), "still needed", due);
    assert_eq!(kinds(&reviewed.expect("a review")), [EventKind::Reviewed]);
    assert_eq!(grant.usable(None, due), Ok(()));
    assert!(grant.review_by > Some(due));
}

#[test]
fn broken_glass_has_to_be_swept_up() {
    let mut grant = requested(asked(Kind::BreakGlass, 20), emergency_terms(1));
    let events = grant
        .approve(
            &person("ann", &[]),
            "cardiac arrest",
            Narrowing::default(),
            at(1),
        )
        .expect("one is enough, with an alarm");
    assert!(events[1].alarm, "{events:?}");
    assert!(grant.owes_review());
    let early = grant.review(&person("bob", &[]), "fine", at(2));
    assert_eq!(early, Err(Refused::NothingToReview));
    assert_eq!(kinds(&grant.tick(at(21))), [EventKind::Expired]);
    let id = GrantId::new(at(22), 1);
    let terms = emergency_terms(2);
    let request = asked(Kind::BreakGlass, 20);
    let again = Grant::request(id, request.clone(), terms.clone(), Some(grant.id), at(22));
    assert_eq!(again.err(), Some(Refused::Unreviewed(grant.id)));
    let own = grant.review(&person("ann", &[]), "it was an emergency", at(23));
    assert_eq!(own, Err(Refused::SelfApproval("ann".to_owned())));
    grant
        .review(&person("bob", &[]), "it was an emergency", at(23))
        .expect("a review");
    assert!(!grant.owes_review());
    let twice = grant.review(&person("bob", &[]), "again", at(24));
    assert_eq!(twice, Err(Refused::Reviewed));
    let (mut grant, _) = Grant::request(id, request, terms, None, at(24)).expect("again");
    let first = grant.approve(&person("ann", &[]), "yes", Narrowing::default(), at(25));
    assert_eq!(kinds(&first.expect("one of two")), [EventKind::Approved]);
    let second = grant.approve(&person("bob", &[]), "yes", Narrowing::default(), at(25));
    assert!(second.expect("two").iter().all(|event| !event.alarm));
    let none = Grant::request(
        id,
        asked(Kind::BreakGlass, 20),
        Terms::default(),
        None,
        at(0),
    );
    assert_eq!(none.err(), Some(Refused::NoBreakGlass));
}

#[test]
fn who_acts_for_somebody_who_has_agreed_is_no_second() {
    let acting = |id: &str, chain: &[&str]| Person {
        chain: chain.iter().map(|&name| name.to_owned()).collect(),
        ..person(id, &[])
    };
    let agree = |first: Person, second: Person| {
        let mut grant = requested(asked(Kind::BreakGlass, 20), emergency_terms(2));
        grant
            .approve(&first, "yes", Narrowing::default(), at(1))
            .expect("the first");
        grant
            .approve(&second, "yes", Narrowing::default(), at(1))
            .err()
    };
    let ann = || person("ann", &[]);
    assert_eq!(agree(ann(), acting("bot", &["ann"])), Some(Refused::Twice));
    assert_eq!(agree(acting("bot", &["ann"]), ann()), Some(Refused::Twice));
    let bots = (acting("bot", &["ann"]), acting("tob", &["ann"]));
    assert_eq!(agree(bots.0, bots.1), Some(Refused::Twice));
    assert_eq!(agree(ann(), acting("bot", &["bob"])), None);
}

#[test]
fn what_is_missing_or_too_much_is_not_even_a_request() {
    let refused = |change: fn(&mut Request)| {
        let mut request = asked(Kind::Timed, 20);
        change(&mut request);
        let id = GrantId::new(at(0), 1);
        let made = Grant::request(id, request, Terms::default(), None, at(0));
        made.expect_err("not a request").code()
    };
    assert_eq!(refused(|it| it.reason = " \n".to_owned()), "reason-missing");
    assert_eq!(refused(|it| it.reason = "x".repeat(5_000)), "text-too-long");
    assert_eq!(refused(|it| it.resource.clear()), "name-missing");
    assert_eq!(refused(|it| it.window.length_ms = None), "window-missing");
    assert_eq!(
        refused(|it| it.window.length_ms = Some(0)),
        "window-missing"
    );
    assert_eq!(
        refused(|it| it.window.length_ms = Some(u64::MAX)),
        "window-too-long"
    );
    assert_eq!(
        refused(|it| it.window.start = Some(Timestamp(0))),
        "window-past"
    );
    assert_eq!(refused(|it| it.kind = Kind::Standing), "standing-window");
}

#[test]
fn each_refusal_has_a_code_and_words_of_its_own() {
    let mut all = vec![
        Refused::NoReason,
        Refused::NoRationale,
        Refused::TooLongText,
        Refused::Nameless,
        Refused::NoWindow,
        Refused::StandingWindow,
        Refused::TooLong { longest_ms: 1 },
        Refused::Past,
        Refused::NoBreakGlass,
        Refused::Unreviewed(GrantId::new(at(0), 0)),
        Refused::SelfApproval("ann".to_owned()),
        Refused::Conflict("billing".to_owned()),
        Refused::NotAnApprover,
        Refused::Twice,
        Refused::WiderScope,
        Refused::WiderWindow,
        Refused::NotTheRequester,
        Refused::NotYet,
        Refused::Expired,
        Refused::ReviewOverdue,
        Refused::UsedUp,
        Refused::NothingToReview,
        Refused::Reviewed,
    ];
    all.extend(State::ALL.map(Refused::State));
    let codes: BTreeSet<&str> = all.iter().map(Refused::code).collect();
    let words: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!((codes.len(), words.len()), (all.len(), all.len()));
}

#[test]
fn an_event_tells_who_for_whom_and_what() {
    let mut grant = requested(asked(Kind::Timed, 20), Terms::default());
    let by = person("ann", &[]);
    let events = grant.approve(&by, "needed", Narrowing::default(), at(1));
    let [approved, _] = &events.expect("an approval")[..] else {
        panic!("approved and activated")
    };
    let told = (
        &*approved.who,
        &*approved.why,
        &*approved.identity,
        &*approved.resource,
    );
    assert_eq!(told, ("ann", "needed", "agent", "ehr"));
    assert_eq!(
        approved.what,
        "timed policy=masked tables=clinical.notes,clinical.visits seconds=1200 \
         on-behalf-of=pipeline,dora ticket=\"OPS-7\" approvals=1/1"
    );
}

/// What a store gives back is not believed where no moves lead to it.
#[test]
fn a_document_that_was_tampered_with_is_not_read() {
    let text = serde_json::to_string(&active(Kind::Timed)).expect("JSON");
    let read = |text: &str| serde_json::from_str::<Grant>(text).is_ok();
    assert!(read(&text));
    let wider = text.replacen("clinical.notes", "clinical.notez", 1);
    assert!(!read(&wider), "the scope is not within the request's");
    let lonely = text.replace("\"approvals\":1", "\"approvals\":2");
    assert!(!read(&lonely), "two were needed");
    assert!(!read(
        &text.replace("\"state\":\"active\"", "\"state\":\"expired\"")
    ));
    assert!(!read(&text.replacen('{', "{\"more\":1,", 1)));
}
