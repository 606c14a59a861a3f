//! Asks in raw frames, so that nothing stands between a vector and the proxy.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

use super::transcript::{Answer, Transcript};
use super::vectors::{Step, Vector, Way};
use crate::demo::raw::{Address, Login, Manner, Raw};

/// A peer that says nothing for this long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same where frames are broken: the rest of one never comes.
const PATIENCE_BROKEN: Duration = Duration::from_secs(2);
/// How often a statement is executed for a few rows.
const EXECUTES: usize = 4;

/// Where and as whom.
#[derive(Clone)]
pub struct Target {
    /// Host name, for TLS.
    pub host: String,
    /// Its address.
    pub address: SocketAddr,
    /// The identity or role.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The database.
    pub database: String,
    /// TLS, trusting this file.
    pub authority: Option<PathBuf>,
}

impl Target {
    /// A session without anything special.
    ///
    /// # Errors
    /// Those of connecting and of the login.
    pub fn connect(&self) -> io::Result<Raw> {
        self.connect_with(&self.password, &[], PATIENCE)
    }

    fn connect_with(
        &self,
        password: &str,
        parameters: &[(String, String)],
        patience: Duration,
    ) -> io::Result<Raw> {
        let mut parameters = parameters.to_vec();
        parameters.push(("application_name".to_owned(), "leak suite".to_owned()));
        let login = Login {
            user: &self.user,
            password,
            database: &self.database,
        };
        Raw::connect_with(
            &Address::Tcp(self.address),
            &login,
            &self.manner(parameters, patience),
        )
    }

    fn manner(&self, parameters: Vec<(String, String)>, patience: Duration) -> Manner {
        let tls = self.authority.clone().map(|file| (self.host.clone(), file));
        Manner {
            tls,
            parameters,
            patience,
        }
    }
}

/// Asks `target` a vector; `aside` is a session past the proxy.
pub fn ask(target: &Target, vector: &Vector, aside: &mut Raw) -> Transcript {
    let mut transcript = Transcript::default();
    if !vector.opening.is_empty() {
        return open(target, &vector.opening);
    }
    let password = vector.password.as_deref().unwrap_or(&target.password);
    let given = vector.parameters.clone().into_iter();
    let patience = match vector.relay {
        true => PATIENCE_BROKEN,
        false => PATIENCE,
    };
    let connected = target.connect_with(password, &given.collect::<Vec<_>>(), patience);
    let mut client = match connected {
        Ok(client) => client,
        Err(error) => {
            transcript.lost = Some(format!("no session: {error}"));
            return transcript;
        }
    };
    for question in vector.questions() {
        let mut answer = Answer::default();
        let asked = question
            .iter()
            .try_for_each(|step| send(&mut client, step, aside, &mut answer));
        transcript.answers.push(answer);
        if let Err(error) = asked {
            transcript.lost = Some(error.to_string());
            break;
        }
    }
    transcript.received = client.received().to_vec();
    transcript
}

/// Sends bytes in front of everything, and looks whether a session comes of them.
fn open(target: &Target, bytes: &[u8]) -> Transcript {
    let mut transcript = Transcript::default();
    let mut manner = target.manner(Vec::new(), PATIENCE_BROKEN);
    manner.tls = None;
    let heard = Raw::open(&Address::Tcp(target.address), &manner).and_then(|mut client| {
        client.send_bytes(bytes)?;
        let ended = client.until_ready().map(drop);
        transcript.received = client.received().to_vec();
        ended
    });
    transcript.lost = heard.err().map(|error| error.to_string());
    transcript
}

fn send(client: &mut Raw, step: &Step, aside: &mut Raw, answer: &mut Answer) -> io::Result<()> {
    let sql = step.sql.as_str();
    match step.send {
        Way::Simple | Way::Copy => client.send(|out| frontend::query(sql, out))?,
        Way::Text => extended(client, &[sql], 0)?,
        Way::Binary => extended(client, &[sql], 1)?,
        Way::Prepare => client.send(|out| {
            frontend::parse(&step.name, sql, [], out)?;
            frontend::describe(b'S', &step.name, out)?;
            frontend::sync(out);
            Ok(())
        })?,
        Way::Run => client.send(|out| {
            bind("", &step.name, step.format, out)?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?,
        Way::Rows => client.send(|out| {
            frontend::parse("", sql, [], out)?;
            bind("few", "", step.format, out)?;
            for _ in 0..EXECUTES {
                frontend::execute("few", step.limit, out)?;
            }
            frontend::sync(out);
            Ok(())
        })?,
        Way::Aside => {
            let frames = aside.simple(sql)?;
            return match frames.iter().find_map(|frame| frame.error()) {
                Some((code, message)) => Err(io::Error::other(format!("{code}: {message}"))),
                None => Ok(()),
            };
        }
        Way::Bytes => client.send_bytes(&frame(b'Q', &[sql.as_bytes(), b"\0"].concat()))?,
        Way::Pipeline => {
            let texts: Vec<&str> = [sql]
                .into_iter()
                .chain(step.more.iter().map(|text| &**text))
                .collect();
            extended(client, &texts, step.format)?;
        }
        Way::Call => {
            let body = call(aside, step)?;
            client.send_bytes(&frame(b'F', &body))?;
        }
        Way::Frame => {
            let tag = step.name.bytes().next().unwrap_or_default();
            client.send_bytes(&frame(tag, sql.as_bytes()))?;
        }
    }
    until_ready(client, answer)
}

/// Parse, Bind, Describe and Execute of each, and one Sync.
fn extended(client: &mut Raw, texts: &[&str], format: i16) -> io::Result<()> {
    client.send(|out| {
        for text in texts {
            frontend::parse("", text, [], out)?;
            bind("", "", format, out)?;
            frontend::describe(b'P', "", out)?;
            frontend::execute("", 0, out)?;
        }
        frontend::sync(out);
        Ok(())
    })
}

fn bind(portal: &str, statement: &str, format: i16, out: &mut BytesMut) -> io::Result<()> {
    let none = |_: &str, _: &mut BytesMut| Ok(IsNull::Yes);
    frontend::bind(portal, statement, [], [] as [&str; 0], none, [format], out)
        .map_err(|_| io::Error::other("a Bind that cannot be written"))
}

/// Body of a FunctionCall with one argument in text form.
fn call(aside: &mut Raw, step: &Step) -> io::Result<Vec<u8>> {
    let question = format!("SELECT '{}'::regprocedure::oid::int8", step.sql);
    let frames = aside.simple(&question)?;
    let cell = frames.iter().find_map(|frame| {
        let cell = frame.cells()?.first().copied().flatten()?;
        std::str::from_utf8(cell).ok()?.parse::<u32>().ok()
    });
    let oid = cell.ok_or_else(|| io::Error::other(format!("no function {}", step.sql)))?;
    let length = u32::try_from(step.name.len()).map_err(io::Error::other)?;
    let mut body = oid.to_be_bytes().to_vec();
    body.extend_from_slice(b"\0\x01\0\0\0\x01");
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(step.name.as_bytes());
    body.extend_from_slice(&step.format.to_be_bytes());
    Ok(body)
}

/// Reads to ReadyForQuery; a COPY from the client is given up.
fn until_ready(client: &mut Raw, answer: &mut Answer) -> io::Result<()> {
    loop {
        let frame = client.frame()?;
        answer.note(&frame);
        match frame.tag {
            b'Z' => return Ok(()),
            b'G' | b'W' => client.send(|out| frontend::copy_fail("no data", out))?,
            _ => {}
        }
    }
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag][..], &length.to_be_bytes(), body].concat()
}
