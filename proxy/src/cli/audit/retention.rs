//! `velum audit hold` and `velum audit expire`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use velum_core::audit::custody::Act;
use velum_core::audit::record::Body;
use velum_core::time::Timestamp;

use super::export::logged;
use super::period::{misuse, moment};
use crate::audit::read::{self, ReadError};
use crate::audit::retention::{self, Hold, Plan, Reason};
use crate::audit::{expired, notes, recover};
use crate::cli::{CONFIG, DONE, FOUND, MISUSE, complain, print, progress};
use crate::config::{self, Config};
use crate::observe::{self, rfc3339};

/// How often it is looked whether the gateway has done what it was asked for.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(in crate::cli) struct Holds {
    /// The configuration: it says where the log is.
    #[arg(long, default_value = CONFIG, global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: HoldCommand,
}

#[derive(Subcommand)]
enum HoldCommand {
    /// Keep records from being deleted, until the hold is removed.
    Add {
        /// What the hold is called.
        name: String,
        /// Why.
        #[arg(long)]
        why: String,
        /// Of this identity, and of nobody [default: all].
        #[arg(long, value_name = "NAME", default_value = "")]
        identity: String,
        /// About this resource, and about none [default: all].
        #[arg(long, value_name = "NAME", default_value = "")]
        resource: String,
        /// From this moment [default: the beginning].
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: Option<Timestamp>,
        /// To this moment [default: whatever comes].
        #[arg(long, value_name = "TIME", value_parser = moment)]
        to: Option<Timestamp>,
    },
    /// List the holds.
    List {
        /// As a JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Remove a hold.
    Remove {
        /// What it is called.
        name: String,
        /// Why.
        #[arg(long)]
        why: String,
    },
}

#[derive(Args)]
pub(in crate::cli) struct Expire {
    /// The configuration: it says where the log is, and how long records are kept.
    #[arg(long, default_value = CONFIG)]
    config: PathBuf,
    /// Say what is due, and delete nothing.
    #[arg(long, conflicts_with = "yes", required_unless_present = "yes")]
    dry_run: bool,
    /// Have the gateway delete it.
    #[arg(long)]
    yes: bool,
    /// As a JSON document.
    #[arg(long)]
    json: bool,
}

fn loaded(path: &Path) -> Result<Config, String> {
    let config = config::load(path).map_err(|error| error.to_string())?;
    logged(&config.audit.directory)?;
    Ok(config)
}

/// The exit status of a log that cannot be read on.
fn failed(error: &ReadError) -> u8 {
    complain(&format!("{error}\n"));
    match error {
        ReadError::Damaged { .. } => FOUND,
        ReadError::Io { .. } => MISUSE,
    }
}

/// Places, lists and removes holds.
pub(super) fn hold(arguments: &Holds) -> u8 {
    let config = match loaded(&arguments.config) {
        Ok(config) => config,
        Err(what) => return misuse(&what),
    };
    let directory = &config.audit.directory;
    let holds = match retention::holds(directory) {
        Ok(holds) => holds,
        Err(error) => return failed(&error),
    };
    let act = match &arguments.command {
        HoldCommand::List { json } => {
            print(&match json {
                true => as_json(holds.iter()),
                false => as_text(holds.iter()),
            });
            return DONE;
        }
        HoldCommand::Add { name, .. } if holds.contains_key(name) => {
            return misuse(&format!("there is a hold {name} already"));
        }
        HoldCommand::Add {
            name,
            why,
            identity,
            resource,
            from,
            to,
        } => Act::Held {
            hold: name.clone(),
            identity: identity.clone(),
            resource: resource.clone(),
            from: from.unwrap_or(Timestamp(0)),
            until: to.unwrap_or(Timestamp(u64::MAX)),
            why: why.clone(),
        },
        HoldCommand::Remove { name, .. } if !holds.contains_key(name) => {
            return misuse(&format!("there is no hold {name}"));
        }
        HoldCommand::Remove { name, why } => Act::Released {
            hold: name.clone(),
            why: why.clone(),
        },
    };
    match notes::leave(directory, act) {
        Ok(note) => {
            let when = match recover::is_in_use(directory) {
                true => "now",
                false => "when the gateway starts",
            };
            print(&format!("noted {note}, recorded {when}\n"));
            DONE
        }
        Err(error) => misuse(&format!("{}: {error}", directory.display())),
    }
}

fn as_text<'h>(holds: impl Iterator<Item = (&'h String, &'h Hold)>) -> String {
    let line = |(name, hold): (&String, &Hold)| {
        let any = |name: &str| if name.is_empty() { "any" } else { name }.to_owned();
        format!(
            "{} identity {} resource {} from {} to {} placed {} by {}: {}\n",
            name.escape_debug(),
            any(&hold.identity).escape_debug(),
            any(&hold.resource).escape_debug(),
            rfc3339(hold.from),
            rfc3339(hold.until),
            rfc3339(hold.placed),
            hold.actor.escape_debug(),
            hold.why.escape_debug()
        )
    };
    holds.map(line).collect()
}

fn as_json<'h>(holds: impl Iterator<Item = (&'h String, &'h Hold)>) -> String {
    let holds: Vec<_> = holds
        .map(|(name, hold)| {
            json!({
                "name": name,
                "identity": hold.identity,
                "resource": hold.resource,
                "from": rfc3339(hold.from),
                "to": rfc3339(hold.until),
                "placed": rfc3339(hold.placed),
                "actor": hold.actor,
                "why": hold.why,
            })
        })
        .collect();
    format!("{}\n", serde_json::Value::from(holds))
}

/// Says what is due, and has it deleted.
pub(super) fn expire(arguments: &Expire) -> u8 {
    let config = match loaded(&arguments.config) {
        Ok(config) => config,
        Err(what) => return misuse(&what),
    };
    let directory = &config.audit.directory;
    let all = super::period::Which::bytes(directory);
    let bar = progress::bytes("reading", all);
    let mut read = |done| bar.set_position(done);
    let plan = retention::plan(directory, &config.retention, observe::now(), &mut read);
    bar.finish_and_clear();
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return failed(&error),
    };
    if !arguments.json || arguments.dry_run {
        print(&match arguments.json {
            true => document(&plan),
            false => text(&plan),
        });
    }
    if arguments.dry_run || plan.segments.is_empty() {
        return DONE;
    }
    if !recover::is_in_use(directory) {
        return misuse(
            "no gateway writes this log: start it, since only the gateway can record what is \
             deleted",
        );
    }
    ask(directory, arguments.json)
}

/// Asks the gateway, and waits until it has answered.
fn ask(directory: &Path, json: bool) -> u8 {
    let (path, note) = match notes::ask(directory) {
        Ok(asked) => asked,
        Err(error) => return misuse(&format!("{}: {error}", directory.display())),
    };
    while path.exists() {
        if !recover::is_in_use(directory) {
            let _asked_no_more = notes::done(&path);
            return misuse("the gateway has stopped; nothing is deleted that is not recorded");
        }
        std::thread::sleep(LOOK);
    }
    let gone = expired::load(directory);
    let mut segments = None;
    let read = read::for_each(directory, gone.record.max(1), |_, record| {
        if let Body::Custody(custody) = record.body
            && custody.note == note
            && let Act::Expired { segments: it, .. } = custody.act
        {
            segments = Some(it);
        }
        segments.is_none()
    });
    if let Err(error) = read {
        return failed(&error);
    }
    let Some(segments) = segments else {
        complain("the gateway has not deleted anything; its log says why (log-custody-failed)\n");
        return FOUND;
    };
    let records: u64 = segments.iter().map(|it| it.last + 1 - it.first).sum();
    print(&match json {
        true => format!(
            "{}\n",
            json!({ "record": gone.record, "records": records, "segments": segments.len() })
        ),
        false => format!(
            "{records} records in {} segments are deleted, by record {}\n",
            segments.len(),
            gone.record
        ),
    });
    DONE
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NotDue(due) => format!("not due before {}", rfc3339(*due)),
        Reason::Held(hold) => format!("held by {}", hold.escape_debug()),
        Reason::InForce(sequence) => format!("record {sequence} still holds"),
        Reason::NotSigned => "not signed yet".to_owned(),
    }
}

fn text(plan: &Plan) -> String {
    let mut lines = vec![plan.terms.clone()];
    for (_, it) in &plan.segments {
        let due = rfc3339(it.due);
        lines.push(format!(
            "due:  records {} to {}, since {due}",
            it.first, it.last
        ));
    }
    for (first, last, why) in &plan.kept {
        lines.push(format!("kept: records {first} to {last}, {}", reason(why)));
    }
    lines.join("\n") + "\n"
}

fn document(plan: &Plan) -> String {
    let due: Vec<_> = plan
        .segments
        .iter()
        .map(|(_, it)| json!({ "first": it.first, "last": it.last, "due": rfc3339(it.due) }))
        .collect();
    let kept: Vec<_> = plan
        .kept
        .iter()
        .map(|(first, last, why)| json!({ "first": first, "last": last, "why": reason(why) }))
        .collect();
    format!(
        "{}\n",
        json!({ "terms": plan.terms, "due": due, "kept": kept })
    )
}
