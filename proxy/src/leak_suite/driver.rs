//! Asks through a program that uses a real driver.
//!
//! The program reads JSON lines: `{"open":"id"}` begins a session, `{"send":"simple","sql":"…"}`
//! and its like are the steps of a vector, `{"close":"id"}` ends the session. To each it answers
//! with everything that it received, and a line with U+001E alone. A row is a line with its cells
//! between tabs, `\N` for NULL; `=` begins how a statement ended, a tag or `SQLSTATE` and a code;
//! `!` begins whatever else was said, in words. `= LOST` says that the session is gone, `= not
//! asked` that the driver has no such way of asking; the whole question is left out then.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::transcript::{Answer, Transcript};
use super::vectors::{Vector, Way};
use super::wire::Target;
use crate::demo::raw::Raw;

/// What ends an answer.
const END: &[u8] = b"\x1e";
/// How a statement ends that a driver has no way to send.
const NOT_ASKED: &str = "not asked";
/// A program that says nothing for this long has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs.
pub struct Driver {
    child: Child,
    input: ChildStdin,
    lines: Receiver<io::Result<Vec<u8>>>,
}

impl Driver {
    /// Starts `command` (words between blanks) for `target`, in libpq's environment.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &str, target: &Target) -> io::Result<Self> {
        let mut words = command.split_whitespace();
        let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(words)
            .env("PGHOST", &target.host)
            .env("PGHOSTADDR", target.address.ip().to_string())
            .env("PGPORT", target.address.port().to_string())
            .env("PGUSER", &target.user)
            .env("PGPASSWORD", &target.password)
            .env("PGDATABASE", &target.database)
            .env("PGCONNECT_TIMEOUT", "20")
            .env("TZ", "UTC")
            .env("PGTZ", "UTC")
            .env("PGSSLMODE", "disable")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(file) = &target.authority {
            command.env("PGSSLMODE", "verify-full");
            command.env("PGSSLROOTCERT", file);
        }
        let mut child = command.spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    /// Asks a vector; `aside` is a session past the proxy.
    ///
    /// # Errors
    /// If the program ends or hangs.
    pub fn ask(&mut self, vector: &Vector, aside: &mut Raw) -> io::Result<Transcript> {
        let mut transcript = Transcript::default();
        let mut greeting = Answer::default();
        self.say(
            &json!({ "open": vector.id }),
            &mut transcript,
            &mut greeting,
        )?;
        for question in vector.questions() {
            let mut answer = Answer::default();
            for step in &question {
                match step.send {
                    Way::Aside => drop(aside.simple(&step.sql)?),
                    _ => {
                        let step = serde_json::to_value(step).map_err(io::Error::other)?;
                        self.say(&step, &mut transcript, &mut answer)?;
                    }
                }
            }
            if !answer.ends.iter().any(|end| end == NOT_ASKED) {
                transcript.answers.push(answer);
            }
        }
        let mut goodbye = Answer::default();
        self.say(
            &json!({ "close": vector.id }),
            &mut transcript,
            &mut goodbye,
        )?;
        Ok(transcript)
    }

    fn say(
        &mut self,
        line: &Value,
        transcript: &mut Transcript,
        answer: &mut Answer,
    ) -> io::Result<()> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.map_err(|error| match error {
                RecvTimeoutError::Timeout => io::Error::other("the driver's program hangs"),
                RecvTimeoutError::Disconnected => io::Error::other("the driver's program ended"),
            })??;
            if line == END {
                return Ok(());
            }
            transcript.received.extend_from_slice(&line);
            transcript.received.push(b'\n');
            match line.split_first() {
                Some((b'=', rest)) => {
                    let end = String::from_utf8_lossy(rest).trim().to_owned();
                    if end == "LOST" {
                        transcript.lost = Some("the driver lost the connection".to_owned());
                    }
                    answer.ends.push(end);
                }
                Some((b'!', _)) | None => {}
                Some(_) => answer.rows.push(cells(&line)),
            }
        }
    }
}

fn cells(line: &[u8]) -> Vec<Option<Vec<u8>>> {
    let cells = line.split(|byte| *byte == b'\t');
    cells
        .map(|cell| (cell != br"\N").then(|| cell.to_vec()))
        .collect()
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
