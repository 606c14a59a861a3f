//! Appends to a file, one `write` and one `fdatasync` for all clients that wait: what a log without
//! anything else costs.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use velum_core::audit::record::Record;

use crate::records::pair;
use crate::{CLIENTS, Store};

/// See the module's text.
pub struct Plain {
    file: File,
    path: PathBuf,
    turn: u64,
}

impl Plain {
    /// A new file.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let path = directory.join("log");
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        Ok(Self {
            file: file.map_err(|error| error.to_string())?,
            path,
            turn: 0,
        })
    }
}

impl Store for Plain {
    fn name(&self) -> &'static str {
        "plain appends"
    }

    fn load(&mut self, until: Instant) -> Result<Vec<Duration>, String> {
        let mut waits = Vec::new();
        while Instant::now() < until {
            self.turn += 1;
            let clients = 1..=CLIENTS as u128;
            let bytes: Vec<u8> = clients
                .flat_map(|client| pair(client, self.turn))
                .flatten()
                .collect();
            let began = Instant::now();
            let written = self.file.write_all(&bytes);
            let synced = written.and_then(|()| self.file.sync_data());
            synced.map_err(|error| error.to_string())?;
            waits.extend([began.elapsed(); CLIENTS]);
        }
        Ok(waits)
    }

    fn check(&mut self) -> Result<u64, String> {
        let bytes = std::fs::read(&self.path).map_err(|error| error.to_string())?;
        let mut rest = bytes.as_slice();
        let mut records = 0;
        while !rest.is_empty() {
            let (record, behind) = Record::split(rest).map_err(|error| error.to_string())?;
            Record::decode(record).map_err(|error| error.to_string())?;
            records += 1;
            rest = behind;
        }
        Ok(records)
    }
}
