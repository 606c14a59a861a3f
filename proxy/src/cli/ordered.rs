//! One producer, a worker for each core, one consumer that sees the results in order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Jobs in flight for each worker: enough that none waits, few enough that memory is bounded.
const JOBS_PER_WORKER: usize = 4;

/// Threads that are worth starting here.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs `work` over all jobs that `produce` sends, and hands the results to `consume` in the
/// order of the jobs. At most `workers * 4` jobs exist at any time, wherever they are.
///
/// `produce` gets a function that sends one job and says whether more are wanted; `consume` says
/// the same of itself. The call returns when all is consumed, or soon after `consume` has had
/// enough.
pub(super) fn run<J: Send, R: Send>(
    workers: usize,
    produce: impl FnOnce(&mut dyn FnMut(J) -> bool) + Send,
    work: impl Fn(J) -> R + Sync,
    mut consume: impl FnMut(R) -> bool,
) {
    let workers = workers.max(1);
    let in_flight = workers * JOBS_PER_WORKER;
    // A permit goes with each job and comes back when its result is consumed.
    let (give_permit, permits) = mpsc::sync_channel::<()>(in_flight);
    let (send_job, jobs) = mpsc::sync_channel::<(u64, J)>(in_flight);
    let (send_result, results) = mpsc::sync_channel::<(u64, R)>(in_flight);
    for _ in 0..in_flight {
        let _full = give_permit.try_send(());
    }
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0;
            produce(&mut |job| {
                let is_wanted = permits.recv().is_ok() && send_job.send((next, job)).is_ok();
                next += 1;
                is_wanted
            });
        });
        for _ in 0..workers {
            let (jobs, work, results) = (&jobs, &work, send_result.clone());
            scope.spawn(move || worker(jobs, work, &results));
        }
        drop(send_result);
        in_order(&results, &give_permit, &mut consume);
        // Whoever still works on something finds nobody to give it to, and ends.
        drop(results);
        drop(give_permit);
    });
}

fn worker<J, R>(
    jobs: &Mutex<Receiver<(u64, J)>>,
    work: &impl Fn(J) -> R,
    results: &SyncSender<(u64, R)>,
) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((place, job)) = next else {
            return;
        };
        if results.send((place, work(job))).is_err() {
            return;
        }
    }
}

fn in_order<R>(
    results: &Receiver<(u64, R)>,
    give_permit: &SyncSender<()>,
    consume: &mut impl FnMut(R) -> bool,
) {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (place, result) in results {
        early.insert(place, result);
        while let Some(result) = early.remove(&next) {
            next += 1;
            let _producer_is_done = give_permit.try_send(());
            if !consume(result) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_and_few_are_in_flight() {
        let (sent, consumed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut seen = Vec::new();
        run(
            3,
            |send| {
                for job in 0..200u64 {
                    assert!(send(job));
                    sent.fetch_add(1, Ordering::SeqCst);
                    let ahead = sent.load(Ordering::SeqCst) - consumed.load(Ordering::SeqCst);
                    assert!(ahead <= 3 * JOBS_PER_WORKER + 1, "{ahead} jobs ahead");
                }
            },
            |job| {
                thread::sleep(Duration::from_micros(if job % 7 == 0 { 900 } else { 1 }));
                job * 2
            },
            |result| {
                seen.push(result);
                consumed.fetch_add(1, Ordering::SeqCst);
                true
            },
        );
        assert_eq!(seen, (0..200).map(|job| job * 2).collect::<Vec<_>>());
    }

    #[test]
    fn a_consumer_that_has_enough_ends_it() {
        let mut seen = 0;
        let endless = |send: &mut dyn FnMut(u64) -> bool| while send(1) {};
        run(
            2,
            endless,
            |job| job,
            |_| {
                seen += 1;
                seen < 10
            },
        );
        assert_eq!(seen, 10);
    }
}
