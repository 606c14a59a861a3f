//! Sends a statement by one protocol, and keeps every byte that comes back.

use std::io;

use super::statement::{Protocol, Statement};
use super::support::client::{Client, Frame};

/// What came back.
pub(super) struct Answer {
    pub(super) frames: Vec<Frame>,
    /// Every byte, frames' headers among them.
    pub(super) bytes: Vec<u8>,
    /// The SQLSTATE of the first error.
    pub(super) error: Option<String>,
}

/// Sends the steps of `statement` until one fails, and the last of several in any case.
///
/// # Errors
/// The connection ended.
pub(super) fn run(client: &mut Client, statement: &Statement) -> io::Result<Answer> {
    let before = client.received().len();
    let mut frames = Vec::new();
    let mut steps = statement.steps.clone();
    // The protocol is for what is not about the transaction.
    let protocol = match (statement.protocol, steps.len()) {
        (Protocol::Pieces, 1) => {
            steps = [&["begin".to_owned()], &steps[..], &["rollback".to_owned()]].concat();
            Protocol::Pieces
        }
        (Protocol::Pieces | Protocol::Named, 2..) => Protocol::ExtendedText,
        (other, _) => other,
    };
    let last = steps.len() - 1;
    let mut error = None;
    for (place, step) in steps.iter().enumerate() {
        let is_around = matches!(
            step.as_str(),
            "begin" | "rollback" | "deallocate all" | "close all"
        );
        let protocol = if is_around {
            Protocol::Simple
        } else {
            protocol
        };
        if error.is_some() && place < last {
            continue;
        }
        let answer = step_by(client, step, protocol)?;
        error = error.or_else(|| answer.iter().find_map(Frame::error).map(|(code, _)| code));
        frames.extend(answer);
    }
    Ok(Answer {
        frames,
        bytes: client.received()[before..].to_vec(),
        error,
    })
}

fn step_by(client: &mut Client, sql: &str, protocol: Protocol) -> io::Result<Vec<Frame>> {
    let format = match protocol {
        Protocol::Simple => return client.simple(sql),
        Protocol::Named => return named(client, sql),
        Protocol::Pieces => return pieces(client, sql),
        Protocol::ExtendedText => 0,
        Protocol::ExtendedBinary => 1,
    };
    let mut frames = client.prepare("", sql)?;
    if frames.iter().all(|frame| frame.tag != b'E') {
        frames.extend(client.execute("", format)?);
    }
    Ok(frames)
}

/// Described first, and executed when something else has been asked.
fn named(client: &mut Client, sql: &str) -> io::Result<Vec<Frame>> {
    let mut frames = client.prepare("kept", sql)?;
    if frames.iter().all(|frame| frame.tag != b'E') {
        frames.extend(client.simple("select 'something', 'else'")?);
        frames.extend(client.execute("kept", 1)?);
        frames.extend(client.simple("deallocate kept")?);
    }
    Ok(frames)
}

/// Two rows of a portal, and then the others. It lives as long as its transaction.
fn pieces(client: &mut Client, sql: &str) -> io::Result<Vec<Frame>> {
    let mut frames = Vec::new();
    for rows_max in [2, 0] {
        if rows_max == 2 {
            client.open_portal("pieces", sql)?;
        }
        frames.extend(client.more("pieces", rows_max)?);
    }
    Ok(frames)
}
