//! `velum audit originals`: what clients sent, opened by two auditors together.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use velum_core::audit::record::{Body, SessionId};
use velum_core::recording::Kind;
use zeroize::Zeroizing;

use super::period::{misuse, note_taken};
use crate::audit::read;
use crate::cli::{CONFIG, DONE, FOUND, complain, print};
use crate::config::{self, Config};
use crate::originals::{AuditorSecret, Share, combine, keygen, open_share, path, sha256_of};
use crate::recording::keys::StreamKey;
use crate::recording::source::Source;

#[derive(Subcommand)]
pub(in crate::cli) enum Originals {
    /// Make an auditor's key: the secret goes into a file, the configuration's line is printed.
    Keygen {
        /// Whose it is.
        #[arg(long)]
        name: String,
        /// A new file, which is the only copy.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Open one's own share of a session's key: alone it opens nothing.
    Share {
        /// The session's file of shares, SESSION.velumoriginals.
        file: PathBuf,
        /// The auditor's secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// A new file.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print what the client sent in a session, by two auditors' shares.
    Open(Open),
}

#[derive(Args)]
pub(in crate::cli) struct Open {
    /// The session, of whose name the beginning is enough.
    session: String,
    /// A share. To be given twice, by two auditors.
    #[arg(long = "share", value_name = "FILE", required = true)]
    shares: Vec<PathBuf>,
    /// The configuration.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// The configuration's audit log is a copy: what is opened is recorded nowhere.
    #[arg(long)]
    copy: bool,
}

/// Runs the command.
pub(super) fn run(command: &Originals) -> u8 {
    let done = match command {
        Originals::Keygen { name, output } => make(name, output),
        Originals::Share { file, key, output } => share(file, key, output),
        Originals::Open(arguments) => return open(arguments),
    };
    done.map_or_else(|what| misuse(&what), |()| DONE)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn make(name: &str, output: &Path) -> Result<(), String> {
    let (auditor, secret) = keygen(name).map_err(said)?;
    write_new(output, &secret)?;
    print(&format!("{auditor}\n"));
    Ok(())
}

fn share(file: &Path, key: &Path, output: &Path) -> Result<(), String> {
    let secret = Zeroizing::new(read_file(key)?);
    let secret = std::str::from_utf8(&secret)
        .ok()
        .and_then(AuditorSecret::parse);
    let secret = secret.ok_or_else(|| format!("{}: this is no auditor's key", key.display()))?;
    let bytes = read_file(file)?;
    let share = open_share(&bytes, &secret).map_err(said)?;
    write_new(output, &share.to_text())
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Readable by its owner only.
fn write_new(path: &Path, text: &str) -> Result<(), String> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn open(arguments: &Open) -> u8 {
    let prepared = config::load(&arguments.config)
        .map_err(said)
        .and_then(|config| prepare(arguments, &config));
    let source = match prepared {
        Ok(source) => source,
        Err(what) => return misuse(&what),
    };
    let mut sent = Sent::default();
    let read = source.reader().and_then(|mut reader| {
        reader.events(|event| {
            if event.kind == Kind::Client {
                sent.take(event.bytes);
            }
            true
        })
    });
    match read {
        Ok(()) => DONE,
        Err(error) => {
            complain(&format!("{error}\n"));
            FOUND
        }
    }
}

/// The recording with the key of what the client sent. That it is opened is on record first.
fn prepare(arguments: &Open, config: &Config) -> Result<Source, String> {
    let [one, other] = arguments.shares.as_slice() else {
        return Err("give --share twice: it takes two auditors".to_owned());
    };
    let [one, other] = [one, other].map(|path| {
        let bytes = Zeroizing::new(read_file(path)?);
        Share::parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))
    });
    let mut source = Source::kept(&arguments.session, config).map_err(said)?;
    let session = source.session.ok_or("the recording has no session")?;
    let key = combine(session, [&one?, &other?]).map_err(said)?;
    is_of_the_log(config, session)?;
    let scope = format!("session {}", crate::recording::name(session));
    let directory = &config.audit.directory;
    note_taken(directory, arguments.copy, "originals open", scope)?;
    source.keys.client = Some(StreamKey::new(*key));
    Ok(source)
}

/// Is the file of shares the one that the log names?
fn is_of_the_log(config: &Config, session: SessionId) -> Result<(), String> {
    let recordings = config
        .recordings
        .as_ref()
        .ok_or("there are no recordings")?;
    let path = path(&recordings.directory, session);
    let found = sha256_of(&read_file(&path)?);
    let mut is_known = false;
    let read = read::for_each(&config.audit.directory, 0, |_, record| {
        is_known |= record.session == session
            && matches!(record.body, Body::Originals { sha256, .. } if sha256 == found);
        !is_known
    });
    read.map_err(said)?;
    match is_known {
        true => Ok(()),
        false => Err(format!(
            "{} is not the file that the log names",
            path.display()
        )),
    }
}

/// What the client sent, message by message.
#[derive(Default)]
struct Sent {
    bytes: Vec<u8>,
}

impl Sent {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((head, rest)) = self
            .bytes
            .get(at..)
            .and_then(<[u8]>::split_first_chunk::<5>)
        {
            let [tag, length @ ..] = *head;
            let length = u32::from_be_bytes(length) as usize;
            let Some(body) = length.checked_sub(4).and_then(|length| rest.get(..length)) else {
                break;
            };
            print(&line(tag, body));
            at += 5 + body.len();
        }
        self.bytes.drain(..at);
    }
}

/// A message in one line: a statement, values, or its tag and length.
fn line(tag: u8, body: &[u8]) -> String {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_debug().to_string();
    match tag {
        b'Q' => format!(
            "query {}\n",
            shown(body.strip_suffix(b"\0").unwrap_or(body))
        ),
        b'P' => {
            let mut parts = body.splitn(3, |byte| *byte == 0);
            let name = parts.next().unwrap_or_default();
            format!(
                "parse {:?} {}\n",
                shown(name),
                shown(parts.next().unwrap_or_default())
            )
        }
        b'B' => match values(body) {
            Some(values) => {
                let values = values.iter().map(|value| match value {
                    Some(value) => format!("\"{}\"", shown(value)),
                    None => "NULL".to_owned(),
                });
                format!("bind {}\n", values.collect::<Vec<_>>().join(", "))
            }
            None => format!("bind of {} bytes\n", body.len()),
        },
        tag => format!(
            "message {} of {} bytes\n",
            char::from(tag).escape_debug(),
            body.len()
        ),
    }
}

/// The values of a Bind.
fn values(body: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let behind = |bytes: &'_ [u8]| bytes.iter().position(|byte| *byte == 0).map(|at| at + 1);
    let mut rest = body.get(behind(body)?..)?;
    rest = rest.get(behind(rest)?..)?;
    let (formats, tail) = rest.split_first_chunk::<2>()?;
    rest = tail.get(usize::from(u16::from_be_bytes(*formats)) * 2..)?;
    let (count, tail) = rest.split_first_chunk::<2>()?;
    rest = tail;
    let mut values = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (value, tail) = tail.split_at_checked(length.unwrap_or(0))?;
        values.push(length.map(|_| value));
        rest = tail;
    }
    Some(values)
}
