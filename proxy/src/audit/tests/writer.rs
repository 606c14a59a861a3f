//! The loop between the queue and the log: what is acknowledged when.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use velum_core::audit::tree::Edge;

use super::super::publisher::Publisher;
use super::super::writer::{COMPANY, Command, Writer};
use super::runs::signers;
use super::*;
use crate::config::model::AuditMode;
use crate::planes::{Batch, Shared, snapshot};

fn shared(threads: usize) -> (Arc<Shared>, crate::planes::Receivers) {
    Shared::new(snapshot::tests::empty(), threads).unwrap()
}

fn batch(thread: usize, last_sequence: u64, records: &[Record]) -> Batch {
    let mut bytes = Vec::new();
    for record in records {
        let record = encoded(record);
        bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&record);
    }
    Batch {
        thread,
        last_sequence,
        is_awaited: records.iter().any(|record| record.body.is_awaited()),
        bytes,
    }
}

fn publisher(directory: &Path) -> Publisher {
    Publisher::start(directory.to_owned(), signers(1, None), Edge::default()).unwrap()
}

async fn write_and_close<M: Medium>(medium: M, directory: &Path, mode: AuditMode) -> Vec<u64> {
    let (shared, receivers) = shared(2);
    let log = Log::new(medium, SEGMENT_BYTES, 1);
    let (commands, obeyed) = mpsc::channel(4);
    let writer = Writer::new(log, publisher(directory), mode, Arc::clone(&shared));
    let writer = writer.run(receivers.batches, obeyed);
    let drive = async {
        shared
            .batches
            .send(batch(0, 2, &[intent(1, 1), outcome(1, 1)]))
            .await
            .unwrap();
        shared
            .batches
            .send(batch(1, 1, &[intent(2, 1)]))
            .await
            .unwrap();
        let (done, is_done) = oneshot::channel();
        commands
            .send(Command::Append(vec![gateway("stopped")], done))
            .await
            .unwrap();
        is_done.await.unwrap();
        commands.send(Command::Close).await.unwrap();
    };
    let (result, ()) = tokio::join!(writer, drive);
    result.unwrap();
    shared
        .threads
        .iter()
        .map(|thread| thread.durable.get())
        .collect()
}

#[test]
fn the_writer_marks_what_is_on_disk() {
    let within = std::time::Duration::from_millis(50);
    for mode in [
        AuditMode::Durable,
        AuditMode::Bounded {
            within,
            bytes: 1 << 20,
        },
    ] {
        let directory = tempfile::tempdir().unwrap();
        let marks = run(write_and_close(
            PlainDisk::new(directory.path()),
            directory.path(),
            mode,
        ));
        assert_eq!(marks, [2, 1]);
        assert_eq!(read_all(directory.path()).unwrap().len(), 4);
    }
}

#[test]
fn the_writer_writes_the_same_through_io_uring() {
    if io_uring::IoUring::new(2).is_err() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let disk = RingDisk::new(directory.path());
    let marks = tokio_uring::start(write_and_close(disk, directory.path(), AuditMode::Durable));
    assert_eq!(marks, [2, 1]);
    assert_eq!(read_all(directory.path()).unwrap().len(), 4);
}

/// An outcome alone waits for the next intent, whose write takes it along; without one it follows
/// within its bound.
#[test]
fn outcomes_go_with_the_next_intent() {
    let directory = tempfile::tempdir().unwrap();
    let (shared, receivers) = shared(1);
    let (commands, obeyed) = mpsc::channel(1);
    let on_disk = || read_all(directory.path()).unwrap().len();
    let mark = || shared.threads[0].durable.get();
    let until = async |count| {
        while mark() < count {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    run(async {
        tokio::time::pause();
        let log = Log::new(PlainDisk::new(directory.path()), SEGMENT_BYTES, 1);
        let writer = Writer::new(
            log,
            publisher(directory.path()),
            AuditMode::Durable,
            Arc::clone(&shared),
        );
        let drive = async {
            let send = async |last, record| {
                shared
                    .batches
                    .send(batch(0, last, &[record]))
                    .await
                    .unwrap();
            };
            send(1, intent(1, 1)).await;
            until(1).await;
            send(2, outcome(1, 1)).await;
            tokio::time::sleep(COMPANY.within / 2).await;
            assert_eq!((mark(), on_disk()), (1, 1), "the outcome was written alone");
            send(3, intent(1, 2)).await;
            until(3).await;
            assert_eq!(on_disk(), 3);
            send(4, outcome(1, 2)).await;
            until(4).await;
            assert_eq!(on_disk(), 4);
            commands.send(Command::Close).await.unwrap();
        };
        let (result, ()) = tokio::join!(writer.run(receivers.batches, obeyed), drive);
        result.unwrap();
    });
}

#[test]
fn a_failed_log_acknowledges_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let disk = PlainDisk::new(directory.path());
    // Creation succeeds, the write too, and the sync fails.
    let medium = Faulty {
        disk,
        left: Rc::new(Cell::new(3)),
        short: false,
    };
    let (shared, receivers) = shared(1);
    let (_commands, obeyed) = mpsc::channel(1);
    let failed = run(async {
        shared
            .batches
            .send(batch(0, 1, &[intent(1, 1)]))
            .await
            .unwrap();
        let log = Log::new(medium, SEGMENT_BYTES, 1);
        Writer::new(
            log,
            publisher(directory.path()),
            AuditMode::Durable,
            Arc::clone(&shared),
        )
        .run(receivers.batches, obeyed)
        .await
    });
    assert_eq!(failed.unwrap_err().doing, "syncing");
    assert_eq!(shared.threads[0].durable.get(), 0);
}

#[test]
fn in_bounded_mode_the_disk_follows_in_time_and_at_once_where_somebody_waits() {
    let directory = tempfile::tempdir().unwrap();
    let within = std::time::Duration::from_millis(400);
    let mode = AuditMode::Bounded {
        within,
        bytes: 1 << 20,
    };
    let (shared, receivers) = shared(1);
    let (commands, obeyed) = mpsc::channel(1);
    let on_disk = || read_all(directory.path()).unwrap().len();
    let mark = || shared.threads[0].durable.get();
    let send = async |last, is_awaited| {
        let batch = Batch {
            is_awaited,
            ..batch(0, last, &[intent(1, last)])
        };
        shared.batches.send(batch).await.unwrap();
    };
    run(async {
        tokio::time::pause();
        let log = Log::new(PlainDisk::new(directory.path()), SEGMENT_BYTES, 1);
        let writer = Writer::new(log, publisher(directory.path()), mode, Arc::clone(&shared));
        let writer = writer.run(receivers.batches, obeyed);
        let drive = async {
            send(1, false).await;
            tokio::time::sleep(within / 4).await;
            assert_eq!((mark(), on_disk()), (0, 0), "nobody waits for it");
            tokio::time::sleep(within / 2).await;
            assert_eq!((mark(), on_disk()), (1, 1));
            send(2, true).await;
            tokio::time::sleep(within / 100).await;
            assert_eq!((mark(), on_disk()), (2, 2));
            commands.send(Command::Close).await.unwrap();
        };
        let (result, ()) = tokio::join!(writer, drive);
        result.unwrap();
    });
}

/// A checkpoint that takes long to write holds up nobody, and there is one at a time.
#[test]
fn sessions_do_not_wait_for_checkpoints() {
    let directory = tempfile::tempdir().unwrap();
    let (shared, receivers) = shared(1);
    let (commands, obeyed) = mpsc::channel(1);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let published = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sizes = Arc::clone(&published);
    run(async {
        let log = Log::new(PlainDisk::new(directory.path()), SEGMENT_BYTES, 1);
        let publisher = Publisher::spawn(Edge::default(), false, move |new| {
            // Until the other end is gone.
            let _released = held.recv();
            sizes.lock().unwrap().push(new.size);
            Ok(())
        });
        let writer = Writer::new(
            log,
            publisher.unwrap(),
            AuditMode::Durable,
            Arc::clone(&shared),
        );
        let drive = async {
            for number in 1..=100 {
                let batch = batch(0, number, &[intent(1, number)]);
                shared.batches.send(batch).await.unwrap();
                while shared.threads[0].durable.get() < number {
                    tokio::time::sleep(std::time::Duration::from_micros(50)).await;
                }
            }
            assert!(published.lock().unwrap().is_empty(), "it is held");
            drop(release);
            commands.send(Command::Close).await.unwrap();
        };
        let (result, ()) = tokio::join!(writer.run(receivers.batches, obeyed), drive);
        result.unwrap();
    });
    let published = published.lock().unwrap();
    assert_eq!(published.last(), Some(&100), "{published:?}");
    assert!(published.len() <= 3, "{published:?}");
}
