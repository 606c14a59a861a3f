//! The thread that commits to the values that sessions have masked.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::{mpsc, oneshot};
use velum_core::audit::masking::OTHERS;
use velum_core::audit::receipt::leaf::Leaves as Tree;
use velum_core::audit::receipt::values::key_hash;
use velum_core::audit::receipt::{Commitment, Draft, Receipt, ReceiptColumn};
use velum_core::audit::record::{Body, Record, SessionId};

use super::FOLDER;
use super::leaves::{self, Marks};
use crate::audit::writer::Command;
use crate::config::Config;
use crate::observe::{self, Field};
use crate::seal::Sealer;

/// Held by every data thread.
pub struct Notary {
    messages: Sender<Message>,
    values_most: usize,
}

enum Message {
    Draft(Handed),
    /// No more will come; answered when the log has all.
    Close(oneshot::Sender<()>),
}

struct Handed {
    session: SessionId,
    identity: Arc<str>,
    resource: Arc<str>,
    draft: Box<Draft>,
}

impl Notary {
    /// Different values of a session that are kept.
    pub fn values_most(&self) -> usize {
        self.values_most
    }

    /// A session is over; `whose` are its identity and its resource.
    pub fn hand(&self, session: SessionId, whose: (Arc<str>, Arc<str>), draft: Box<Draft>) {
        let (identity, resource) = whose;
        let handed = Handed {
            session,
            identity,
            resource,
            draft,
        };
        // The thread ends when it is closed, after all sessions.
        let _gone = self.messages.send(Message::Draft(handed));
    }

    /// Waits until the log has all receipts.
    pub async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        if self.messages.send(Message::Close(done)).is_ok() {
            let _gone = is_done.await;
        }
    }
}

struct Desk {
    directory: PathBuf,
    sealer: Sealer,
    audit: mpsc::Sender<Command>,
}

/// Starts the thread, if the configuration has commitments.
///
/// # Errors
/// Why there can be none.
pub fn start(
    config: &Config,
    audit: &mpsc::Sender<Command>,
) -> Result<Option<Arc<Notary>>, String> {
    if !config.receipts.commitments {
        return Ok(None);
    }
    let desk = Desk {
        directory: config.gateway.data_directory.join(FOLDER),
        sealer: leaves::sealer(config).map_err(|error| error.to_string())?,
        audit: audit.clone(),
    };
    let (messages, received) = channel();
    std::thread::Builder::new()
        .name("velum-notary".to_owned())
        .spawn(move || desk.run(&received))
        .map_err(|error| error.to_string())?;
    Ok(Some(Arc::new(Notary {
        messages,
        values_most: config.receipts.values_most,
    })))
}

impl Desk {
    fn run(&self, received: &Receiver<Message>) {
        let mut pending: Vec<oneshot::Receiver<()>> = Vec::new();
        while let Ok(message) = received.recv() {
            pending
                .retain_mut(|it| matches!(it.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
            match message {
                Message::Draft(handed) => pending.extend(self.record(handed)),
                Message::Close(done) => {
                    for it in pending {
                        let _log_has_failed = it.blocking_recv();
                    }
                    let _nobody_waits = done.send(());
                    return;
                }
            }
        }
    }

    fn record(&self, handed: Handed) -> Option<oneshot::Receiver<()>> {
        let Draft { receipt, values } = *handed.draft;
        let (secret, columns) = values.into_marks();
        let marks = Marks { secret, columns };
        let mut receipt = committed(receipt, &marks);
        match leaves::write(&self.directory, &self.sealer, handed.session, &marks) {
            Ok(leaves) => receipt.leaves = Some(leaves),
            Err(error) => {
                let name = crate::recording::name(handed.session);
                let fields = [
                    ("session", Field::Name(&name)),
                    ("cause", Field::Cause(&error)),
                ];
                observe::event("receipt-not-kept", &fields);
            }
        }
        let record = Record {
            time: observe::now(),
            session: handed.session,
            identity: handed.identity,
            resource: handed.resource,
            body: Body::Receipt(receipt),
        };
        let (done, is_durable) = oneshot::channel();
        let command = Command::Append(vec![record], done);
        // A log that takes no more has failed, which ends everything.
        let sent = self.audit.blocking_send(command);
        sent.is_ok().then_some(is_durable)
    }
}

/// The receipt with a commitment to the marks of each column.
pub(super) fn committed(mut receipt: Receipt, marks: &Marks) -> Receipt {
    for (name, marks_of) in &marks.columns {
        let commitment = Commitment {
            key: key_hash(&marks.secret.column(name)),
            values: marks_of.len() as u64,
            root: Tree::new(&marks.secret, name).root(marks_of).0,
        };
        let place = receipt.columns.iter().position(|it| it.column == *name);
        match place.and_then(|place| receipt.columns.get_mut(place)) {
            Some(column) => column.commitment = Some(commitment),
            // It is counted under another name, which says nothing of these.
            None => missed(&mut receipt, marks_of.len() as u64),
        }
    }
    receipt
}

fn missed(receipt: &mut Receipt, values: u64) {
    let others = receipt.columns.iter_mut().find(|it| it.column == OTHERS);
    match others {
        Some(others) => others.missed += values,
        None => receipt.columns.push(ReceiptColumn {
            column: OTHERS.to_owned(),
            missed: values,
            ..ReceiptColumn::default()
        }),
    }
}
