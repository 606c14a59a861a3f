//! What only a server can do: be away, end sessions, be shared.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::config::model::ResourceAddress;
use crate::store::postgres::{Heard, Server};

const PATIENCE: Duration = Duration::from_secs(20);

fn count(ground: &Ground, sql: &str) -> i64 {
    ground.psql(sql).trim().parse().expect("a number")
}

#[test]
fn tables_are_made_once_by_those_who_start_at_once() {
    let ground = Ground::server();
    let server = ground.address();
    let starting: Vec<_> = (0..4)
        .map(|_| {
            let server = Arc::clone(&server);
            thread::spawn(move || Store::open_on(&server, String::new()).map(drop))
        })
        .collect();
    for one in starting {
        one.join().unwrap().unwrap();
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'velum'";
    assert_eq!(
        count(&ground, tables),
        14,
        "those of the store, and its version"
    );
}

/// As an administrator sets it up who lets the gateway change no table.
#[test]
fn a_role_without_rights_to_change_tables_is_enough_once_they_are_there() {
    let ground = Ground::server();
    drop(ground.open());
    ground.psql(
        "CREATE ROLE plain LOGIN PASSWORD 'plain';
         GRANT USAGE ON SCHEMA velum TO plain;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA velum TO plain",
    );
    let mut server = (*ground.address()).clone();
    server.user = "plain".to_owned();
    let secret = crate::config::Secret::new(b"plain".to_vec(), "a test");
    server.password = Some(crate::config::secret::Source::Known(secret));
    let mut store = Store::open_on(&Arc::new(server.clone()), "one".to_owned()).unwrap();
    let (grant, events) = asked("agent", 1);
    let made: Result<_, StoreError> = store.transact(|tx| {
        tx.clock(Timestamp(7))?;
        tx.insert_grant(&grant)?;
        tx.append_events(events)
    });
    assert_eq!(made.unwrap().len(), 1);
    server.hosts = vec![ResourceAddress::Unix(ground.socket())];
    Store::open_on(&Arc::new(server), String::new()).expect("by the socket as well");
}

#[test]
fn later_and_foreign_ones_are_refused_and_left_alone() {
    let ground = Ground::server();
    drop(ground.open());
    ground.psql("UPDATE velum.store SET version = version + 1");
    let newer = Store::open_on(&ground.address(), String::new())
        .err()
        .unwrap();
    assert!(matches!(newer, StoreError::Newer { .. }), "{newer}");
    for others in [
        "CREATE TABLE velum.notes (text TEXT)",
        "CREATE TABLE velum.store (text TEXT)",
        "CREATE TABLE velum.store (application BIGINT, version BIGINT)",
    ] {
        ground.psql(&format!(
            "DROP SCHEMA velum CASCADE; CREATE SCHEMA velum; {others}"
        ));
        ground.psql(&format!(
            "GRANT ALL ON SCHEMA velum TO {}",
            ground.address().user
        ));
        ground.psql("GRANT ALL ON ALL TABLES IN SCHEMA velum TO public");
        let foreign = Store::open_on(&ground.address(), String::new())
            .err()
            .unwrap();
        assert!(
            matches!(foreign, StoreError::Foreign(_)),
            "{others}: {foreign}"
        );
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'velum'";
        assert_eq!(count(&ground, tables), 1);
    }
}

/// Two of three have to agree, and three ask at once, each at a gateway of their own.
#[test]
fn decisions_at_once_at_several_gateways_do_not_hide_each_other() {
    let ground = Ground::server();
    let mut first = ground.gateway("first");
    for chance in 0..20 {
        let terms = Terms {
            approvals: 2,
            ..Terms::default()
        };
        let (grant, events) = asked_under(terms, "agent", chance);
        let id = grant.id;
        first
            .transact(|tx| {
                tx.insert_grant(&grant)?;
                tx.append_events(events)
            })
            .unwrap();
        let approve = |who: &'static str| {
            let server = ground.address();
            thread::spawn(move || {
                let mut store = Store::open_on(&server, who.to_owned()).unwrap();
                store.transact(|tx| {
                    let person = Person {
                        id: who.to_owned(),
                        ..Person::default()
                    };
                    let act = crate::grants::Act::Approve(person, "ok".into(), Default::default());
                    crate::grants::moves::act(tx, id, None, act, Timestamp(6_000_000_000))
                })
            })
        };
        let approvals = ["ann", "bob", "cem"]
            .map(approve)
            .map(|it| it.join().unwrap());
        let agreed = approvals.iter().filter(|it| it.is_ok()).count();
        assert_eq!(agreed, 2, "the third comes too late");
        let (stored, decisions) = first
            .look(|tx| Ok::<_, StoreError>((tx.grant(id)?.unwrap(), tx.decisions(id)?)))
            .unwrap();
        assert_eq!(stored.grant.state, State::Active);
        assert_eq!((stored.version, decisions.len()), (3, 2));
    }
    let events = first.look(|tx| tx.events_after(0, 1_000)).unwrap();
    let numbers: Vec<u64> = events.iter().map(|it| it.sequence).collect();
    assert_eq!(
        numbers,
        (1..=80).collect::<Vec<_>>(),
        "in order, without gaps"
    );
}

#[test]
fn a_session_that_is_ended_costs_no_decision() {
    let ground = Ground::server();
    let mut store = ground.gateway("one");
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for chance in 0..3 {
        assert!(count(&ground, end) > 0);
        let (grant, _) = asked("agent", chance);
        store.transact(|tx| tx.insert_grant(&grant)).unwrap();
        assert!(count(&ground, end) > 0);
        assert!(store.look(|tx| tx.grant(grant.id)).unwrap().is_some());
    }
    // In the middle: nothing of it has happened, and the caller knows.
    let (grant, _) = asked("agent", 9);
    let cut = store.transact(|tx| {
        tx.insert_grant(&grant)?;
        count(&ground, end);
        tx.last_event()
    });
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
    assert!(store.look(|tx| tx.grant(grant.id)).unwrap().is_none());
    store.transact(|tx| tx.insert_grant(&grant)).unwrap();
}

#[test]
fn a_statement_that_failed_commits_nothing() {
    let ground = Ground::server();
    let mut store = ground.gateway("one");
    let (grant, _) = asked("agent", 1);
    let done = store.transact(|tx| {
        tx.insert_grant(&grant)?;
        let wrong = tx.execute("UPDATE nowhere SET x = $1", values![1_i64]);
        assert!(matches!(wrong, Err(StoreError::Server(_))));
        Ok::<_, StoreError>(())
    });
    assert!(done.is_err(), "nobody is told that it is stored");
    assert!(store.look(|tx| tx.grant(grant.id)).unwrap().is_none());
}

/// Between the store and its server: passes bytes on, until it is told to keep the answers.
struct Wire {
    port: u16,
    keeps_answers: Arc<AtomicBool>,
}

impl Wire {
    fn new(server: &Server) -> Self {
        let ResourceAddress::Tcp { host, port } = &server.hosts[0] else {
            panic!("over TCP");
        };
        let (host, to) = (host.clone(), *port);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let keeps_answers = Arc::<AtomicBool>::default();
        let keeps = Arc::clone(&keeps_answers);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let server = TcpStream::connect((host.as_str(), to)).unwrap();
                let up = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut &up.0, &mut &up.1));
                let keeps = Arc::clone(&keeps);
                thread::spawn(move || answers(&server, &client, &keeps));
            }
        });
        Self {
            port,
            keeps_answers,
        }
    }
}

/// Once answers are kept the connection ends with the first of them.
fn answers(mut server: &TcpStream, mut client: &TcpStream, keeps: &AtomicBool) {
    use std::io::{Read, Write};
    let mut bytes = [0; 4096];
    loop {
        match server.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(_) if keeps.swap(false, Ordering::SeqCst) => break,
            Ok(n) => {
                if client.write_all(&bytes[..n]).is_err() {
                    break;
                }
            }
        }
    }
    let _closed = client.shutdown(std::net::Shutdown::Both);
    let _closed = server.shutdown(std::net::Shutdown::Both);
}

/// The answer to the commit is lost: the server is asked what became of it.
#[test]
fn a_commit_that_was_not_answered_is_found_out_about() {
    let ground = Ground::server();
    let mut server = (*ground.address()).clone();
    let wire = Wire::new(&server);
    server.hosts = vec![ResourceAddress::Tcp {
        host: "127.0.0.1".to_owned(),
        port: wire.port,
    }];
    let mut store = Store::open_on(&Arc::new(server), "one".to_owned()).unwrap();
    for chance in 0..5 {
        let (grant, events) = asked("agent", chance);
        let numbered = store.transact(|tx| {
            tx.insert_grant(&grant)?;
            let numbered = tx.append_events(events)?;
            wire.keeps_answers.store(true, Ordering::SeqCst);
            Ok::<_, StoreError>(numbered)
        });
        assert_eq!(numbered.unwrap().len(), 1, "it is known to be there");
        let found = "SELECT count(*) FROM velum.events";
        assert_eq!(count(&ground, found), i64::from(chance) + 1, "once");
    }
    // The statement before it is what is lost: it never committed.
    let (grant, _) = asked("agent", 9);
    let lost = store.transact(|tx| {
        wire.keeps_answers.store(true, Ordering::SeqCst);
        tx.insert_grant(&grant)
    });
    assert!(matches!(lost, Err(StoreError::Away(_))), "{lost:?}");
    assert!(store.look(|tx| tx.grant(grant.id)).unwrap().is_none());
}

#[test]
fn a_gateway_that_stops_in_the_middle_holds_others_up_for_a_while_only() {
    let ground = Ground::server();
    let (mut stops, mut goes_on) = (ground.gateway("stops"), ground.gateway("goes on"));
    let (held, is_held) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let stopped = thread::spawn(move || {
        stops.transact(|tx| {
            tx.clock(Timestamp(1))?;
            held.send(()).unwrap();
            may_go.recv().unwrap();
            tx.clock(Timestamp(2))
        })
    });
    is_held.recv().unwrap();
    let looked: Result<u64, StoreError> = goes_on.look(|tx| tx.last_event());
    assert_eq!(looked.unwrap(), 0, "who looks waits for nobody");
    let began = Instant::now();
    let (grant, _) = asked("agent", 1);
    while let Err(error) = goes_on.transact(|tx| tx.insert_grant(&grant)) {
        assert!(matches!(error, StoreError::Away(_)), "{error}");
        assert!(began.elapsed() < 2 * PATIENCE);
    }
    go.send(()).unwrap();
    let cut = stopped.join().unwrap();
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
}

#[tokio::test]
async fn what_one_gateway_does_another_hears() {
    let ground = Ground::server();
    let (mut one, other) = (ground.gateway("one"), ground.gateway("other"));
    let mut changes = other.changes().unwrap();
    let began = Instant::now();
    while !changes.heard().is_listening {
        assert!(began.elapsed() < PATIENCE);
        changes.next(PATIENCE).await;
    }
    let before = changes.heard();
    let (grant, events) = asked("agent", 1);
    tokio::task::spawn_blocking(move || {
        one.transact(|tx| {
            tx.insert_grant(&grant)?;
            tx.append_events(events)
        })
        .unwrap();
    })
    .await
    .unwrap();
    changes.next(PATIENCE).await;
    let expected = Heard {
        events: before.events + 1,
        ..before
    };
    assert_eq!(changes.heard(), expected);
    // A listener that was cut off says that it may have missed something.
    ground.psql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );
    while changes.heard().events == expected.events || !changes.heard().is_listening {
        assert!(began.elapsed() < 2 * PATIENCE);
        changes.next(PATIENCE).await;
    }
}

#[test]
fn what_is_wrong_is_said_without_the_password() {
    let ground = Ground::server();
    let with = |change: fn(&mut Server)| {
        let mut server = (*ground.address()).clone();
        change(&mut server);
        let refused = Store::open_on(&Arc::new(server), String::new());
        refused.err().unwrap()
    };
    let canary = "canary-horse";
    let wrong = with(|server| {
        let secret = crate::config::Secret::new(b"canary-horse".to_vec(), "a test");
        server.password = Some(crate::config::secret::Source::Known(secret));
    });
    assert!(!format!("{wrong} {wrong:?}").contains(canary));
    let nobody = with(|server| {
        server.hosts = vec![ResourceAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port: 1,
        }];
    });
    assert!(matches!(nobody, StoreError::Away(_)), "{nobody}");
    assert!(nobody.to_string().contains("127.0.0.1:1"), "{nobody}");
    let nowhere = with(|server| server.database = "nowhere".to_owned());
    assert!(nowhere.to_string().contains("3D000"), "{nowhere}");
}

#[test]
fn what_a_gateway_has_left_behind_another_takes_over() {
    let ground = Ground::server();
    let (mut gone, mut stays) = (ground.gateway("gone"), ground.gateway("stays"));
    let (grant, events) = asked("agent", 1);
    let done = gone
        .transact(|tx| {
            tx.insert_grant(&grant)?;
            tx.append_events(events)?;
            tx.note_administration(Timestamp(1), "ann", "set", "ehr")?;
            let done = tx.administration_not_audited()?;
            tx.take_administration(done)
        })
        .unwrap();
    drop(gone);
    let left = |store: &mut Store| {
        let left = store.look(|tx| {
            let mine = (
                tx.events_not_audited()?.len(),
                tx.administration_not_audited()?.len(),
            );
            let others = (
                tx.events_left_by_others()?,
                tx.administration_left_by_others()?,
            );
            Ok::<_, StoreError>((mine, others))
        });
        left.unwrap()
    };
    assert_eq!(
        left(&mut stays),
        ((0, 0), (vec![1], vec![done[0].sequence]))
    );
    stays
        .transact(|tx| {
            tx.take_events(&[1])?;
            tx.give_back_administration(&[done[0].sequence])
        })
        .unwrap();
    assert_eq!(left(&mut stays), ((1, 1), (Vec::new(), Vec::new())));
}

#[test]
fn the_server_is_verified_and_one_that_offers_no_tls_is_not_talked_to() {
    let options = crate::demo::cluster::ClusterOptions {
        tls: true,
        ..Default::default()
    };
    let cluster = crate::demo::cluster::Cluster::start(options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, cluster.superuser_password()).unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let open = |port: u16, more: &str| {
        let text = format!(
            "store = {{ url = \"postgres://postgres@localhost:{port}/postgres\", \
             password = {{ file = \"password\" }}{more} }}\n{}",
            crate::grants::tests::CONFIG
        );
        let environment = crate::config::Environment {
            directory: folder.path().to_owned(),
            variable: &|_| None,
        };
        let parsed = crate::config::parse(std::path::Path::new("velum.toml"), &text, &environment);
        Store::of(&parsed.unwrap_or_else(|problems| panic!("{}", problems.to_text())))
    };
    let authority = cluster.authority_file().unwrap();
    let trusted = format!(", tls_ca = \"{}\"", authority.display());
    let looked: Result<u64, StoreError> = open(cluster.port(), &trusted)
        .unwrap()
        .look(|tx| tx.last_event());
    assert_eq!(looked.unwrap(), 0);
    let other = crate::demo::cluster::Authority::new().unwrap();
    std::fs::write(folder.path().join("other.pem"), other.certificate_pem()).unwrap();
    let stranger = open(cluster.port(), ", tls_ca = \"other.pem\"")
        .err()
        .unwrap();
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
    let ResourceAddress::Tcp { port, .. } = Ground::server().address().hosts[0].clone() else {
        panic!("over TCP");
    };
    let plain = open(port, &trusted).err().unwrap();
    assert!(matches!(plain, StoreError::Away(_)), "{plain}");
}
