//! `velum audit search` and `velum audit index`

use std::path::PathBuf;

use clap::Args;

use super::period::{Part, Which as Log, misuse};
use super::{failed, json_line, text_line};
use crate::audit::index::{self, Wanted};
use crate::cli::{DONE, print, progress};

#[derive(Args)]
pub(in crate::cli) struct Search {
    /// The audit directory.
    directory: PathBuf,
    /// Records of the session whose name begins so.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// What happened to this grant.
    #[arg(long, value_name = "ID")]
    grant: Option<String>,
    #[command(flatten)]
    part: Part,
    /// A JSON document a line.
    #[arg(long)]
    json: bool,
}

impl Search {
    fn wanted(&self) -> Result<Wanted, String> {
        let part = self.part.filter()?;
        let wanted = Wanted {
            session: self.session.as_deref().map(str::to_ascii_lowercase),
            identity: part.identity,
            resource: part.resource,
            grant: self.grant.clone(),
            from: part.from,
            to: part.to,
        };
        let is_hex = |id: &String| id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(session) = wanted.session.as_ref().filter(|id| !is_hex(id)) {
            return Err(format!("{session} is no session: it is hexadecimal digits"));
        }
        Ok(wanted)
    }
}

/// Prints the records that are wanted.
pub(super) fn run(arguments: &Search) -> u8 {
    let wanted = match arguments.wanted() {
        Ok(wanted) => wanted,
        Err(what) => return misuse(&what),
    };
    let found = index::search(&arguments.directory, &wanted, |sequence, record| {
        // When nobody reads what is printed, nothing more is looked for.
        print(&match arguments.json {
            true => json_line(sequence, &record),
            false => text_line(sequence, &record),
        })
    });
    match found {
        Ok(()) => DONE,
        Err(error) => failed(&error),
    }
}

#[derive(Args)]
pub(in crate::cli) struct Make {
    /// The audit directory.
    directory: PathBuf,
    /// Make all of them anew, whatever is there.
    #[arg(long)]
    rebuild: bool,
}

/// Makes the indexes that are not there.
pub(super) fn make(arguments: &Make) -> u8 {
    let bar = progress::bytes("indexing", Log::bytes(&arguments.directory));
    let mut done = |bytes| bar.set_position(bytes);
    let made = index::build(&arguments.directory, arguments.rebuild, &mut done);
    bar.finish_and_clear();
    match made {
        Ok(made) => {
            print(&format!("{made} segments indexed\n"));
            DONE
        }
        Err(error) => failed(&error),
    }
}
