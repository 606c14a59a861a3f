//! A mixed load for `SOAK_SECONDS` (default 600) on each data plane: memory and descriptors of
//! the gateway are watched, and no canary may be in any answer. `make soak` runs it; `cargo test`
//! does not.

mod support;

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use support::bed::Bed;
use support::client::{Client, Login, frame_bytes};
use support::clinic;
use support::gateway::Driver;

const CLIENTS: usize = 8;
/// What the resident set may grow by from the middle of the run to its end.
const GROWTH_KIB: u64 = 16 * 1024;
/// Descriptors that may be left over when all clients have gone.
const DESCRIPTORS: usize = 5;

fn main() -> ExitCode {
    let seconds = std::env::var("SOAK_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(600));
    let bed = Bed::shared();
    let trial = |driver: &Driver| {
        let (bed, driver) = (Arc::clone(&bed), *driver);
        Trial::test(
            format!("{driver}::memory_and_descriptors_stay"),
            move || {
                soak(&bed, driver, length);
                Ok(())
            },
        )
    };
    support::run(Driver::under_test().iter().map(trial).collect())
}

fn soak(bed: &Bed, driver: Driver, length: Duration) {
    let gateway = bed.gateway(driver);
    let before = descriptors(gateway.pid());
    let stop = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let login = gateway.login(clinic::MASKED, number % 2 == 0);
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            thread::spawn(move || load(&login, &stop, &answers))
        })
        .collect();
    thread::sleep(length / 2);
    let middle = resident_kib(gateway.pid());
    thread::sleep(length.saturating_sub(began.elapsed()));
    let end = resident_kib(gateway.pid());
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("a client without complaint");
    }
    thread::sleep(Duration::from_secs(2));
    let after = descriptors(gateway.pid());
    eprintln!(
        "{driver}: {} answers, resident {middle} KiB in the middle, {end} KiB at the end, \
         {before} descriptors before, {after} after",
        answers.load(Ordering::Relaxed)
    );
    assert!(
        end <= middle + GROWTH_KIB,
        "the resident set grew by {} KiB",
        end - middle
    );
    assert!(
        after <= before + DESCRIPTORS,
        "{} descriptors are left over",
        after - before
    );
}

/// Connects, asks, leaves in all manners, until told to stop.
fn load(login: &Login, stop: &AtomicBool, answers: &AtomicU64) {
    for turn in 0u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut client = Client::connect(login, clinic::DATABASE).expect("let in");
        for _ in 0..20 {
            client
                .simple("SELECT id, city, ssn, note FROM clinic.patients")
                .expect("rows");
            client
                .prepare("s", "SELECT ssn_number FROM clinic.patients")
                .expect("prepared");
            client.execute("s", 1).expect("rows");
            client.simple("DEALLOCATE s").expect("done");
            answers.fetch_add(2, Ordering::Relaxed);
        }
        assert!(clinic::leaks(client.received()).is_empty(), "leaked");
        match turn % 3 {
            0 => client.send(&frame_bytes(b'X', b"")).expect("sent"),
            1 => drop(client),
            _ => {
                let bulk = b"SELECT repeat('x', 500) FROM generate_series(1, 20000)\0";
                client.send(&frame_bytes(b'Q', bulk)).expect("sent");
                client.frame().expect("the beginning of a result");
            }
        }
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running gateway");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .expect("a number")
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("a running gateway")
        .count()
}
