//! Which keys are believed, and what they have signed: the log's checkpoint, checkpoints that
//! lead from one key to the next, and checkpoints that somebody has kept elsewhere.

use std::path::{Path, PathBuf};

use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::note::Signed;
use velum_core::audit::tree::{Checkpoint, CheckpointError, Note, SignedCheckpoint, VerifierKey};

use super::finding::{Failure, Finding, Problem};
use super::walk::Walk;
use super::{Options, Report, excerpt};
use crate::audit::store;
use crate::audit::witness::ask;
use crate::observe::rfc3339;

/// A checkpoint that nobody has verified yet.
struct Claim {
    bytes: Vec<u8>,
    /// What it says, if it says anything.
    says: Result<Checkpoint, CheckpointError>,
}

impl Claim {
    fn new(bytes: Vec<u8>) -> Self {
        let note = Note::parse(&bytes).map_err(CheckpointError::from);
        let says = note.and_then(|note| Checkpoint::parse(note.text()));
        Self { bytes, says }
    }

    fn size(&self) -> Option<u64> {
        self.says.as_ref().ok().map(|checkpoint| checkpoint.size)
    }
}

/// All that is to be held against the records.
pub(super) struct Claims {
    checkpoint: Option<Claim>,
    handovers: Vec<(PathBuf, Claim)>,
    anchors: Vec<(String, Claim)>,
    /// What witnesses have cosigned, as it is kept beside the log.
    witnessed: Vec<(String, Claim)>,
}

impl Claims {
    pub(super) fn collect(
        directory: &Path,
        checkpoint: Option<Vec<u8>>,
        options: &Options,
    ) -> Result<Self, Failure> {
        let handovers = store::handovers(directory).map_err(|error| Failure::Unreadable {
            path: directory.to_owned(),
            error,
        })?;
        let kept = ask::kept(directory).map_err(|error| Failure::Unreadable {
            path: directory.join(ask::FOLDER),
            error,
        })?;
        let handovers = handovers.into_iter();
        let anchors = options.anchors.iter();
        Ok(Self {
            checkpoint: checkpoint.map(Claim::new),
            handovers: handovers
                .map(|(path, bytes)| (path, Claim::new(bytes)))
                .collect(),
            anchors: anchors
                .map(|anchor| (anchor.name.clone(), Claim::new(anchor.bytes.clone())))
                .collect(),
            witnessed: kept
                .into_iter()
                .map(|(name, bytes)| (format!("{}/{name}", ask::FOLDER), Claim::new(bytes)))
                .collect(),
        })
    }

    /// There is nothing to hold against anything.
    pub(super) fn is_empty(&self) -> bool {
        self.checkpoint.is_none() && self.anchors.is_empty()
    }

    /// Records that the checkpoint says it covers.
    pub(super) fn signed(&self) -> u64 {
        self.checkpoint.as_ref().and_then(Claim::size).unwrap_or(0)
    }

    /// Sizes whose roots are asked for.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        let handovers = self.handovers.iter().map(|(_, claim)| claim);
        let anchors = self.anchors.iter().chain(&self.witnessed);
        let anchors = anchors.map(|(_, claim)| claim);
        let claims = self.checkpoint.iter().chain(handovers).chain(anchors);
        claims.filter_map(Claim::size)
    }

    /// Holds the claims against the records.
    pub(super) fn judge(
        &self,
        walk: &mut Walk,
        options: &Options,
        is_live: bool,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let keys = self.keys(walk, options, report)?;
        let Some(claim) = &self.checkpoint else {
            return Err(Finding::somewhere(Problem::NoCheckpoint).into());
        };
        let signed = SignedCheckpoint::open(&claim.bytes, &keys);
        let signed = signed.map_err(|error| Finding::somewhere(Problem::Checkpoint(error)))?;
        compare(walk, &signed)?;
        gaps(walk, signed.checkpoint.size, report)?;
        report.origin = signed.checkpoint.origin.clone();
        report.signed = signed.checkpoint.size;
        report.root = signed.checkpoint.root.to_string();
        report.signed_by = signed.by_log.iter().map(VerifierKey::to_string).collect();
        let mut cosigned = signed.by_witnesses.clone();
        for (name, claim) in &self.anchors {
            let anchor = self.anchor(walk, name, claim, &signed, &keys)?;
            cosigned.extend(anchor.by_witnesses);
        }
        cosigned.extend(self.witnessed(walk, &signed, &keys, report)?);
        report.cosigned_by = cosigned
            .iter()
            .map(|signed| (signed.key.name().to_owned(), signed.time_s.unwrap_or(0)))
            .collect();
        enough(options, &cosigned)?;
        unsigned(walk, is_live, report)
    }

    /// Holds the claims against the records of an excerpt that ends with the record `last`.
    pub(super) fn judge_excerpt(
        &self,
        directory: &Path,
        walk: &Walk,
        options: &Options,
        last: u64,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let keys = self.keys(walk, options, report)?;
        let Some(claim) = &self.checkpoint else {
            return Err(Finding::somewhere(Problem::NoCheckpoint).into());
        };
        let signed = SignedCheckpoint::open(&claim.bytes, &keys);
        let signed = signed.map_err(|error| Finding::somewhere(Problem::Checkpoint(error)))?;
        excerpt::compare(directory, walk, last, &claim.bytes, &signed, &keys)?;
        report.origin = signed.checkpoint.origin.clone();
        report.signed = signed.checkpoint.size;
        report.root = signed.checkpoint.root.to_string();
        report.signed_by = signed.by_log.iter().map(VerifierKey::to_string).collect();
        report.verified = report.records;
        Ok(())
    }

    /// The keys that were given, and those that they lead to.
    fn keys(
        &self,
        walk: &Walk,
        options: &Options,
        report: &mut Report,
    ) -> Result<Vec<VerifierKey>, Failure> {
        let mut keys = options.keys.clone();
        let named = || walk.story.keys.iter();
        if keys.iter().all(|key| key.kind() == KeyKind::Cosignature) {
            report.remarks.push(
                "no key of the log was given: verified by the key that it names itself, which \
                 shows damage, but no forgery by somebody with a key of his own"
                    .to_owned(),
            );
            keys.extend(named().filter_map(|named| VerifierKey::parse(&named.key).ok()));
            return Ok(keys);
        }
        for (path, claim) in &self.handovers {
            let Ok(signed) = SignedCheckpoint::open(&claim.bytes, &keys) else {
                continue;
            };
            let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
            if walk.root_at(size) != Some(root) {
                let path = path.clone();
                return Err(Finding::somewhere(Problem::Handover { path, size }).into());
            }
            let trusted: Vec<String> = keys.iter().map(VerifierKey::to_string).collect();
            for named in named().filter(|named| named.sequence <= size) {
                let led = named
                    .previous
                    .as_ref()
                    .is_some_and(|before| trusted.contains(before));
                if let (true, Ok(key)) = (led, VerifierKey::parse(&named.key))
                    && !keys.contains(&key)
                    && SignedCheckpoint::open(&claim.bytes, std::slice::from_ref(&key)).is_ok()
                {
                    report.remarks.push(format!(
                        "record {}: the key {} was handed over to {}",
                        named.sequence,
                        named.previous.as_deref().unwrap_or_default(),
                        named.key
                    ));
                    keys.push(key);
                }
            }
        }
        Ok(keys)
    }

    /// What is kept beside the log of what witnesses have cosigned: the log has to go on from each.
    fn witnessed(
        &self,
        walk: &Walk,
        signed: &SignedCheckpoint,
        keys: &[VerifierKey],
        report: &mut Report,
    ) -> Result<Vec<Signed>, Failure> {
        let mut cosigned = Vec::new();
        for (name, claim) in &self.witnessed {
            // By a key of the log from before those that were given, or by none: it says nothing.
            if let Err(error) = SignedCheckpoint::open(&claim.bytes, keys) {
                report.remarks.push(format!("{name} says nothing: {error}"));
                continue;
            }
            let anchor = self.anchor(walk, name, claim, signed, keys)?;
            report.remarks.push(format!(
                "{name}: {} of {} signed records",
                anchor.checkpoint.size, signed.checkpoint.size
            ));
            cosigned.extend(anchor.by_witnesses);
        }
        Ok(cosigned)
    }

    fn anchor(
        &self,
        walk: &Walk,
        name: &str,
        claim: &Claim,
        signed: &SignedCheckpoint,
        keys: &[VerifierKey],
    ) -> Result<SignedCheckpoint, Failure> {
        let name = name.to_owned();
        let found = |problem| Err(Failure::from(Finding::somewhere(problem)));
        let anchor = match SignedCheckpoint::open(&claim.bytes, keys) {
            Ok(anchor) => anchor,
            Err(error) => return found(Problem::Anchor { name, error }),
        };
        let Checkpoint { origin, size, root } = anchor.checkpoint.clone();
        if origin != signed.checkpoint.origin {
            return found(Problem::OtherLog { name, origin });
        }
        match walk.root_at(size) {
            Some(found) if found == root => Ok(anchor),
            Some(other) => found(Problem::Forked {
                name,
                size,
                found: other,
                signed: root,
            }),
            None => found(Problem::RolledBack {
                name,
                records: walk.size(),
                size,
            }),
        }
    }
}

/// As many of the witnesses whose keys were given have cosigned as are asked for: all, if nothing
/// is said.
fn enough(options: &Options, cosigned: &[Signed]) -> Result<(), Failure> {
    let keys = options.keys.iter();
    let witnesses: Vec<_> = keys
        .filter(|key| key.kind() == KeyKind::Cosignature)
        .collect();
    let has_signed = |key: &VerifierKey| cosigned.iter().any(|signed| signed.key == *key);
    let missing: Vec<_> = witnesses.iter().filter(|key| !has_signed(key)).collect();
    let signed = witnesses.len() - missing.len();
    if let Some(needed) = options.cosignatures {
        return match signed >= needed {
            true => Ok(()),
            false => Err(Finding::somewhere(Problem::FewCosigned { signed, needed }).into()),
        };
    }
    match missing.first() {
        None => Ok(()),
        Some(key) => {
            let name = key.name().to_owned();
            Err(Finding::somewhere(Problem::NotCosigned(name)).into())
        }
    }
}

/// Holds the records and the tiles against the checkpoint.
fn compare(walk: &mut Walk, signed: &SignedCheckpoint) -> Result<(), Failure> {
    let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
    match walk.root_at(size) {
        None => {
            return Err(Finding::somewhere(Problem::Shorter {
                records: walk.size(),
                signed: size,
            })
            .into());
        }
        Some(found) if found != root => {
            // Tiles that have the signed root say which record is not the one that was signed.
            let tiles_are_good = walk.tiles.root_of_files().is_ok_and(|files| files == root);
            if let (true, Some(place)) = (tiles_are_good, walk.tiles.first_changed.take()) {
                return Err(Finding::at(place, Problem::Changed).into());
            }
            let signed = root;
            return Err(Finding::somewhere(Problem::Root {
                size,
                found,
                signed,
            })
            .into());
        }
        Some(_) => {}
    }
    match walk.tiles.first_wrong.take() {
        Some(problem) => Err(Finding::somewhere(problem).into()),
        None => Ok(()),
    }
}

/// What is not there was deleted when due, and a signed record says so.
fn gaps(walk: &mut Walk, signed: u64, report: &mut Report) -> Result<(), Failure> {
    let expired = walk.story.expired.iter();
    let expired: Vec<_> = expired.filter(|(at, _, _)| *at <= signed).collect();
    let newest = expired.last();
    for (behind, first, last) in &walk.gaps {
        if newest.is_none_or(|(_, _, gone)| !gone.covers(*first, *last)) {
            let problem = Problem::SegmentOrder { expected: *first };
            return Err(Finding::at(behind.clone(), problem).into());
        }
        let of = expired
            .iter()
            .find(|(_, _, gone)| gone.covers(*first, *last));
        if let Some((record, time, _)) = of {
            report.remarks.push(format!(
                "{} records ({first} to {last}) were deleted when due, on {}, by record {record}",
                last + 1 - first,
                rfc3339(*time)
            ));
        }
    }
    Ok(())
}

fn unsigned(walk: &mut Walk, is_live: bool, report: &mut Report) -> Result<(), Failure> {
    let records = walk.size() - report.signed;
    report.verified = report.records.saturating_sub(records);
    if records == 0 {
        return Ok(());
    }
    if !is_live && let Some(place) = walk.first_unsigned.take() {
        return Err(Finding::at(place, Problem::Unsigned { records }).into());
    }
    report
        .remarks
        .push(format!("the last {records} records are not signed yet"));
    Ok(())
}
