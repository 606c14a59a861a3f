#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::mpsc;
use velum_core::audit::record::{Body, Record, SessionId};
use velum_core::grant::{EventKind, Kind, Narrowing, Period, Person, Request, Requester, Scope};
use velum_core::policy::guard::Guard;
use velum_core::policy::{Messages, Policy};

use super::*;
use crate::audit::writer::Command;
use crate::config::{self, Config, Environment};
use crate::planes::snapshot::tests::empty;
use crate::planes::{Admission, GrantAnswer, GrantQuestion, GrantRule, Missing, Shared};
use crate::store::tests::Ground;
use crate::store::{Store, StoreHandle};

pub(crate) const CONFIG: &str = r#"
[[listener]]
address = "127.0.0.1:0"

[audit]
directory = "audit"

[api]
listen = "127.0.0.1:6480"
requests_per_minute = 100
body_bytes = 2048

[grants]
approvals = 1
conflicts = ["billing"]
break_glass = { people = 1, longest_s = 600 }

[[identity]]
name = "agent"
auth = "trust"
access = { ehr = { policy = "masked", grant = "required", on_missing = "request" } }

[[identity]]
name = "clerk"
auth = "trust"
access = { ehr = { policy = "masked", grant = "required" }, lab = "masked" }

[[resource]]
name = "ehr"
kind = "postgres"
address = "/nonexistent"
database = "ehr"
user = "velum"
tls_mode = "disable"

[[resource]]
name = "lab"
kind = "postgres"
address = "/nonexistent"
database = "lab"
user = "velum"
tls_mode = "disable"

[[policy]]
name = "masked"
[[policy.rule]]
name = "ssn"
column_name = "ssn"
strategy = "redact"
"#;

fn config() -> Arc<Config> {
    let environment = Environment {
        directory: std::env::temp_dir(),
        variable: &|_| None,
    };
    let parsed = config::parse(std::path::Path::new("velum.toml"), CONFIG, &environment);
    Arc::new(parsed.unwrap_or_else(|problems| panic!("{}", problems.to_text())))
}

/// A desk over a store in a folder of its own, and an audit log in memory.
pub(crate) struct Bench {
    pub(crate) desk: Arc<Desk>,
    pub(crate) records: Arc<Mutex<Vec<Record>>>,
    pub(crate) folder: Arc<tempfile::TempDir>,
    /// Of the queue from data threads.
    _receivers: crate::planes::Receivers,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn over(folder: Arc<tempfile::TempDir>) -> Self {
        let store = Store::open(folder.path()).unwrap();
        Self::with(folder, store).await
    }

    /// Over a store that is elsewhere.
    async fn with(folder: Arc<tempfile::TempDir>, store: Store) -> Self {
        let store = StoreHandle::spawn(store).unwrap();
        let (commands, mut obeyed) = mpsc::channel(16);
        let records = Arc::<Mutex<Vec<Record>>>::default();
        let log = Arc::clone(&records);
        tokio::spawn(async move {
            while let Some(command) = obeyed.recv().await {
                if let Command::Append(new, done) = command {
                    log.lock().unwrap().extend(new);
                    let _nobody_waits = done.send(());
                }
            }
        });
        let (shared, receivers) = Shared::new(empty(), 1).unwrap();
        let desk = Desk::new(store, commands, shared, config());
        desk.open().await.unwrap();
        Self {
            desk,
            records,
            folder,
            _receivers: receivers,
        }
    }

    /// What was audited of grants, in order.
    pub(crate) fn audited(&self) -> Vec<EventKind> {
        let records = self.records.lock().unwrap();
        let kinds = records.iter().filter_map(|record| match &record.body {
            Body::Grant { event, .. } => Some(*event),
            _ => None,
        });
        kinds.collect()
    }

    async fn ask(&self, kind: Kind) -> velum_core::grant::GrantId {
        let request = Request {
            requester: Requester {
                identity: "agent".to_owned(),
                by: "agent".to_owned(),
                ..Requester::default()
            },
            resource: "ehr".to_owned(),
            scope: Scope::policy("masked"),
            window: Period::of_ms(60_000),
            kind,
            reason: "report".to_owned(),
            ticket: None,
        };
        let terms = self.desk.config().grants.clone();
        let made = self.desk.change(move |tx, now| {
            let changed = moves::request(tx, request, terms, 7, now)?;
            Ok((changed.stored.grant.id, changed.events.into()))
        });
        made.await.unwrap()
    }

    async fn act(&self, id: velum_core::grant::GrantId, act: Act) {
        let acted = self.desk.change(move |tx, now| {
            let changed = moves::act(tx, id, None, act, now)?;
            Ok(((), changed.events.into()))
        });
        acted.await.unwrap();
    }

    /// A client comes; gives where its answer will be.
    fn comes(&self, session: u128, on_missing: Missing) -> Arc<GrantAnswer> {
        let answer = Arc::<GrantAnswer>::default();
        let question = GrantQuestion {
            identity: "agent".to_owned(),
            resource: "ehr".into(),
            policy: Arc::new(policy()),
            session: SessionId(session),
            rule: GrantRule {
                on_missing,
                wanted: Duration::from_secs(60),
            },
            answer: Arc::clone(&answer),
        };
        tokio::spawn(Arc::clone(&self.desk).answer(question));
        answer
    }
}

type Answer = Result<Admission, velum_core::error::Refusal>;

async fn given(answer: &Arc<GrantAnswer>) -> Answer {
    for _ in 0..2_000 {
        if let Some(answer) = answer.take() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no answer");
}

fn policy() -> Policy {
    let rules = Vec::new();
    Policy::new("masked".to_owned(), rules, None, Messages::Strict, [0; 32])
}

fn ann() -> Person {
    Person {
        id: "ann".to_owned(),
        ..Person::default()
    }
}

fn approve() -> Act {
    Act::Approve(ann(), "needed".to_owned(), Narrowing::default())
}

#[tokio::test]
async fn a_client_without_a_grant_makes_one_request_and_comes_again() {
    let bench = Bench::new().await;
    let refused = given(&bench.comes(1, Missing::Refuse)).await.err().unwrap();
    assert_eq!(refused.code.as_str(), "28000");
    assert!(bench.audited().is_empty(), "nobody asked");
    let refused = given(&bench.comes(2, Missing::Request))
        .await
        .err()
        .unwrap();
    let again = given(&bench.comes(3, Missing::Request))
        .await
        .err()
        .unwrap();
    assert_eq!(refused, again, "both name the same request");
    let id = refused
        .message
        .split(' ')
        .find(|word| word.starts_with("gr_"))
        .unwrap();
    assert!(
        refused
            .hint
            .unwrap()
            .contains(&format!("velum grants approve {id}"))
    );
    bench.act(id.parse().unwrap(), approve()).await;
    let admitted = given(&bench.comes(4, Missing::Request)).await.unwrap();
    assert_eq!(admitted.grant.to_string(), id);
    assert!(bench.desk.shared().grants.load().holds(admitted.grant));
    use EventKind::{Activated, Approved, Requested, Used};
    assert_eq!(bench.audited(), [Requested, Approved, Activated, Used]);
}

#[tokio::test]
async fn a_waiting_client_is_let_in_refused_or_forgotten() {
    let bench = Bench::new().await;
    let wait = Missing::Wait(Duration::from_secs(20));
    let (first, gone) = (bench.comes(1, wait), bench.comes(2, wait));
    let mut news = bench.desk.news();
    news.wait_for(|news| *news > 0).await.unwrap();
    let open = bench.desk.look(|tx| Ok(tx.open_grants()?)).await.unwrap();
    let [stored] = &open[..] else {
        panic!("one request for both: {open:?}")
    };
    drop(gone);
    bench.act(stored.grant.id, approve()).await;
    assert_eq!(given(&first).await.unwrap().grant, stored.grant.id);
    bench
        .act(stored.grant.id, Act::Revoke(ann(), "done".to_owned()))
        .await;
    assert!(!bench.desk.shared().grants.load().holds(stored.grant.id));
    let second = bench.comes(3, wait);
    let mut open = Vec::new();
    while open.is_empty() {
        open = bench.desk.look(|tx| Ok(tx.open_grants()?)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench
        .act(open[0].grant.id, Act::Deny(ann(), "no".to_owned()))
        .await;
    let refused = given(&second).await.err().unwrap();
    assert!(
        refused.message.ends_with("is denied"),
        "{}",
        refused.message
    );
    let third = given(&bench.comes(4, Missing::Wait(Duration::from_millis(50)))).await;
    assert!(
        third
            .err()
            .unwrap()
            .message
            .contains("waits for a decision")
    );
}

#[tokio::test]
async fn of_two_clients_one_uses_a_one_time_grant() {
    let bench = Bench::new().await;
    let id = bench.ask(Kind::OneTime).await;
    bench.act(id, approve()).await;
    let answers = [
        bench.comes(1, Missing::Refuse),
        bench.comes(2, Missing::Refuse),
    ];
    let (one, other) = (given(&answers[0]).await, given(&answers[1]).await);
    assert!(one.is_ok() != other.is_ok(), "one and only one");
    assert!(
        bench.desk.shared().grants.load().holds(id),
        "the one goes on"
    );
    let records = bench.records.lock().unwrap();
    let used = records.iter().find(|record| {
        matches!(
            record.body,
            Body::Grant {
                event: EventKind::Used,
                ..
            }
        )
    });
    assert_ne!(
        used.unwrap().session,
        SessionId(0),
        "the record names the session"
    );
}

/// A crash after the transaction and before the audit log.
#[tokio::test]
async fn what_was_not_audited_is_at_the_next_start() {
    let bench = Bench::new().await;
    let folder = Arc::clone(&bench.folder);
    drop(bench);
    let mut store = Store::open(folder.path()).unwrap();
    let request = Request {
        requester: Requester {
            identity: "agent".to_owned(),
            by: "agent".to_owned(),
            ..Requester::default()
        },
        resource: "ehr".to_owned(),
        scope: Scope::policy("masked"),
        window: Period::of_ms(1),
        kind: Kind::Timed,
        reason: "report".to_owned(),
        ticket: None,
    };
    let id = store
        .transact(|tx| {
            let now = tx.clock(crate::observe::now())?;
            let changed = moves::request(tx, request, config().grants.clone(), 7, now)?;
            let id = changed.stored.grant.id;
            moves::act(tx, id, None, approve(), now)?;
            Ok::<_, Failure>(id)
        })
        .unwrap();
    drop(store);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let bench = Bench::over(Arc::clone(&folder)).await;
    use EventKind::{Activated, Approved, Expired, Requested};
    assert_eq!(bench.audited(), [Requested, Approved, Activated, Expired]);
    assert!(
        !bench.desk.shared().grants.load().holds(id),
        "its millisecond is over"
    );
    let again = Bench::over(folder).await;
    assert!(again.audited().is_empty(), "once is enough");
}

/// Two gateways on one store, neither of which is told by the other.
#[tokio::test]
async fn what_is_decided_at_one_holds_at_the_other_and_is_audited_once() {
    let ground = Ground::server();
    let bench = async |name| {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Bench::with(folder, ground.gateway(name)).await
    };
    let (one, other) = (bench("one").await, bench("other").await);
    let id = one.ask(Kind::Timed).await;
    one.act(id, approve()).await;
    assert!(one.desk.shared().grants.load().holds(id));
    assert!(!other.desk.shared().grants.load().holds(id));
    while !other.desk.catch_up(false).await.unwrap() {}
    assert!(other.desk.shared().grants.load().holds(id));
    other.act(id, Act::Revoke(ann(), "enough".to_owned())).await;
    while !one.desk.catch_up(false).await.unwrap() {}
    assert!(!one.desk.shared().grants.load().holds(id));
    use EventKind::{Activated, Approved, Requested, Revoked};
    assert_eq!(one.audited(), [Requested, Approved, Activated]);
    assert_eq!(other.audited(), [Revoked]);
}

/// What is stored though nobody here was told so is audited, once, when it is found.
#[tokio::test]
async fn a_decision_that_was_in_doubt_is_audited_when_it_is_found() {
    let ground = Ground::server();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let bench = Bench::with(folder, ground.gateway("one")).await;
    let id = bench.ask(Kind::Timed).await;
    let mut beside = ground.gateway("one");
    tokio::task::spawn_blocking(move || {
        beside
            .transact(|tx| moves::act(tx, id, None, approve(), crate::observe::now()))
            .unwrap();
    })
    .await
    .unwrap();
    for _ in 0..3 {
        while !bench.desk.catch_up(false).await.unwrap() {}
    }
    use EventKind::{Activated, Approved, Requested};
    assert_eq!(bench.audited(), [Requested, Approved, Activated]);
    assert!(bench.desk.shared().grants.load().holds(id));
}

#[test]
fn a_policy_becomes_as_narrow_as_the_grant_and_never_wider() {
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let scope = |tables: &[&str]| Scope {
        tables: names(tables),
        commands: names(&["select", "insert"]),
        ..Scope::policy("masked")
    };
    let narrow = |policy: Policy, scope: &Scope| {
        narrow::narrowed(&Arc::new(policy), scope).map(|it| it.guard.clone().unwrap())
    };
    let guard = narrow(policy(), &scope(&["clinic.notes"])).unwrap();
    assert_eq!(
        guard.functions,
        Some(Vec::new()),
        "what code does is not in a text"
    );
    assert_eq!(guard.tables.unwrap().len(), 1);
    assert_eq!(guard.commands.len(), 2);
    // What the policy forbids stays forbidden.
    let mut strict = Guard::default();
    strict.commands.retain(|class| class.key() == "select");
    let glob = |text: &str| velum_core::policy::Glob::new(text).unwrap();
    strict.tables = Some(vec![(glob("clinic"), glob("visit*"))]);
    let guard = narrow(
        policy().guarded(strict),
        &scope(&["clinic.notes", "clinic.visits", "other.visits"]),
    );
    let guard = guard.unwrap();
    assert_eq!(guard.commands.len(), 1);
    assert_eq!(guard.tables.unwrap(), [(glob("clinic"), glob("visits"))]);
    for wrong in [
        "clinic",
        "clinic.*",
        "*.notes",
        "clinic.n[o]tes",
        ".notes",
        "clinic.",
    ] {
        assert!(narrow(policy(), &scope(&[wrong])).is_err(), "{wrong}");
    }
    let code = Scope {
        commands: names(&["select", "call", "define"]),
        ..Scope::policy("masked")
    };
    assert_eq!(narrow(policy(), &code).unwrap().commands.len(), 1);
    let exempt = narrow(Policy::exempt(), &scope(&["clinic.notes"]));
    assert!(exempt.is_err(), "nothing holds its sessions to anything");
    let whole = Arc::new(policy());
    let same = narrow::narrowed(&whole, &Scope::policy("masked")).unwrap();
    assert!(Arc::ptr_eq(&whole, &same));
}

#[test]
fn a_grant_for_columns_is_for_reading_them_and_nothing_else() {
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let columns = Scope {
        columns: names(&["clinic.notes.text", "clinic.notes.id", "clinic.visits.id"]),
        ..Scope::policy("masked")
    };
    let before = Arc::new(policy());
    let after = narrow::narrowed(&before, &columns).unwrap();
    let guard = after.guard.as_ref().unwrap();
    assert_eq!(guard.tables.as_ref().unwrap().len(), 2);
    assert_eq!(after.rules.len(), before.rules.len() + 2);
    assert_eq!(guard.hidden.len(), 2);
    assert!(guard.commands.iter().all(|class| !class.writes()));
    // Tables that are named have to have columns.
    let tables = Scope {
        tables: names(&["clinic.notes", "clinic.other"]),
        ..columns.clone()
    };
    let after = narrow::narrowed(&before, &tables).unwrap();
    assert_eq!(
        after.guard.as_ref().unwrap().tables.as_ref().unwrap().len(),
        1
    );
    for wrong in [
        "notes",
        "clinic.notes",
        "clinic.notes.",
        "clinic.*.text",
        ".a.b",
    ] {
        let scope = Scope {
            columns: names(&[wrong]),
            ..columns.clone()
        };
        assert!(narrow::narrowed(&before, &scope).is_err(), "{wrong}");
    }
    let writes = Scope {
        commands: names(&["select", "insert"]),
        ..columns.clone()
    };
    let refused = is_enforceable(&writes, false).unwrap_err().to_string();
    assert!(refused.contains("`insert` writes"), "{refused}");
    assert!(narrow::narrowed(&Arc::new(Policy::exempt()), &columns).is_err());
}

proptest! {
    #[test]
    fn identifiers_in_reasons_are_masked_and_the_rest_is_text(
        before in "\\PC{0,40}",
        after in "\\PC{0,40}",
    ) {
        let detectors = Detectors::standard();
        let text = format!("{before} patient SSN 536-22-8145 {after}");
        let shown = masked(&detectors, &text);
        prop_assert!(!shown.contains("536-22-8145"), "{}", shown);
        prop_assert_eq!(shown.len(), text.len());
    }
}
