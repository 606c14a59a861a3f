//! A witness on disk, and proofs from a log's directory.

use velum_core::audit::tree::key::KeyKind;
use velum_core::audit::tree::proof_text::{ConsistencyProof, InclusionProof};
use velum_core::audit::tree::witness::Refused;
use velum_core::audit::tree::{Note, NoteSigner};

use super::super::prove::{self, ProveError};
use super::super::store::CHECKPOINT;
use super::super::verify::{Anchor, Failure, Problem};
use super::super::witness::{Witness, WitnessError};
use super::runs::*;
use super::*;

const NAME: &str = "witness.example/w1";
const TIME_S: u64 = 1_800_000_000;

fn checkpoint(directory: &Path) -> Vec<u8> {
    fs::read(directory.join(CHECKPOINT)).unwrap()
}

#[test]
fn every_record_is_proved_and_every_growth() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    one_run(directory, signers(1, None), &statements(1, 150), false).unwrap();
    let older = checkpoint(directory);
    one_run(directory, signers(1, None), &statements(2, 150), false).unwrap();
    let records = read_all(directory).unwrap();
    for sequence in [1, 2, 256, 257, 300, 605, 606] {
        let text = prove::inclusion(directory, sequence).unwrap().to_string();
        let proof = InclusionProof::parse(text.as_bytes()).unwrap();
        assert_eq!(proof.verify(&[key(1)]).unwrap().checkpoint.size, 606);
        assert!(proof.verify(&[key(2)]).is_err());
        let record = Record::decode(&proof.entry).unwrap();
        assert_eq!(record, records[sequence as usize - 1].1);
    }
    for sequence in [0, 607, u64::MAX] {
        let missing = prove::inclusion(directory, sequence);
        assert!(matches!(
            missing,
            Err(ProveError::NoSuchRecord { signed: 606, .. })
        ));
    }
    let text = prove::consistency(directory, Some(&older))
        .unwrap()
        .to_string();
    let proof = ConsistencyProof::parse(text.as_bytes()).unwrap();
    assert_eq!(proof.old, 303);
    for old in [0, 1, 255, 256, 303, 606] {
        let growth = prove::growth(directory, old).unwrap();
        assert_eq!(growth.old, old);
        assert!(old != 303 || growth == proof);
    }
    let longer = prove::growth(directory, 607);
    assert!(matches!(longer, Err(ProveError::Older { .. })));
    // A log that is damaged proves nothing.
    let mut parts = Parts::read(directory);
    parts.edit(0, 5, |record| record.time = Timestamp(1));
    parts.write();
    assert!(matches!(
        prove::inclusion(directory, 6),
        Err(ProveError::Unfit(_))
    ));
    fs::remove_dir_all(directory.join("tile/0")).unwrap();
    assert!(matches!(
        prove::inclusion(directory, 6),
        Err(ProveError::Tile(_))
    ));
}

/// A log of one run and a witness who has cosigned it; with the log's checkpoint then.
struct Watched {
    log: tempfile::TempDir,
    state: tempfile::TempDir,
    older: Vec<u8>,
}

impl Watched {
    fn new() -> Self {
        let [log, state] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        one_run(log.path(), signers(1, None), &statements(1, 20), false).unwrap();
        let mut witness = Witness::open(state.path(), Some(NAME)).unwrap();
        let first = prove::consistency(log.path(), None).unwrap();
        let unseen = witness.cosign(&first, &[key(1)], TIME_S);
        assert!(matches!(unseen, Err(WitnessError::Unseen(_))), "{unseen:?}");
        witness.begin();
        let line = witness.cosign(&first, &[key(1)], TIME_S).unwrap();
        assert!(line.starts_with(&format!("— {NAME} ")));
        let older = checkpoint(log.path());
        one_run(log.path(), signers(1, None), &statements(2, 20), false).unwrap();
        Self { log, state, older }
    }

    fn witness(&self) -> Witness {
        Witness::open(self.state.path(), None).unwrap()
    }

    fn growth(&self) -> ConsistencyProof {
        prove::consistency(self.log.path(), Some(&self.older)).unwrap()
    }
}

#[test]
fn a_witness_keeps_its_key_and_name() {
    let state = tempfile::tempdir().unwrap();
    let unnamed = Witness::open(state.path(), None);
    assert!(
        matches!(unnamed, Err(WitnessError::Io(..))),
        "a key needs a name"
    );
    assert!(Witness::open(state.path(), Some("two words")).is_err());
    let verifier = Witness::open(state.path(), Some(NAME))
        .unwrap()
        .verifier()
        .clone();
    let other = Witness::open(state.path(), Some("other"));
    assert!(matches!(other, Err(WitnessError::State(..))));
    assert_eq!(
        *Witness::open(state.path(), None).unwrap().verifier(),
        verifier
    );
}

#[test]
fn what_a_witness_cosigned_is_an_auditors_anchor() {
    let watched = Watched::new();
    let mut witness = watched.witness();
    let line = witness
        .cosign(&watched.growth(), &[key(1)], TIME_S + 9)
        .unwrap();
    let mut options = by(&[1]);
    options.keys.push(witness.verifier().clone());
    let Err(Failure::Found(finding)) = checked(watched.log.path(), &options) else {
        panic!("nobody has cosigned what is in the log");
    };
    assert!(
        matches!(finding.problem, Problem::NotCosigned(_)),
        "{finding}"
    );
    let mut bytes = checkpoint(watched.log.path());
    bytes.extend_from_slice(line.as_bytes());
    options.anchors = vec![Anchor {
        name: "kept".to_owned(),
        bytes,
    }];
    let report = checked(watched.log.path(), &options).unwrap();
    assert_eq!(report.cosigned_by, [(NAME.to_owned(), TIME_S + 9)]);
}

#[test]
fn a_witness_remembers_and_refuses_what_has_not_grown() {
    let watched = Watched::new();
    let keys = [key(1)];
    let mut witness = watched.witness();
    let again = prove::consistency(watched.log.path(), None).unwrap();
    let again = witness.cosign(&again, &keys, TIME_S);
    let Err(WitnessError::Refused(Refused::Conflict { old: 0, size: 43 })) = again else {
        panic!("it begins at the last that was cosigned: {again:?}");
    };
    let fork = tempfile::tempdir().unwrap();
    copy(watched.log.path(), fork.path());
    let growth = watched.growth();
    witness.cosign(&growth, &keys, TIME_S + 9).unwrap();
    drop(witness);

    // A log that was rewritten with its own key, and a proof that comes too late.
    let mut parts = Parts::read(fork.path());
    parts.edit(0, 5, |record| record.time = Timestamp(1));
    parts.write();
    sign_again(fork.path(), 1);
    let mut witness = watched.witness();
    let forged = ConsistencyProof {
        old: 86,
        path: vec![],
        checkpoint: String::from_utf8(checkpoint(fork.path())).unwrap(),
    };
    let refused = witness.cosign(&forged, &keys, TIME_S);
    let Err(WitnessError::Refused(Refused::Inconsistent { size: 86, .. })) = refused else {
        panic!("a fork: {refused:?}");
    };
    let late = witness.cosign(&growth, &keys, TIME_S);
    assert!(
        matches!(late, Err(WitnessError::Refused(Refused::Conflict { .. }))),
        "{late:?}"
    );
}

/// Lines that nobody has verified are not kept: they would be in the way of all that follows.
#[test]
fn a_witness_keeps_no_line_of_anybody_else() {
    let watched = Watched::new();
    let keys = [key(1)];
    let mut growth = watched.growth();
    // As many as a note may have.
    for n in 0..63 {
        let junk = NoteSigner::new("junk.example", KeyKind::Cosignature, &[n; 32]).unwrap();
        let mut note = Note::parse(growth.checkpoint.as_bytes()).unwrap();
        note.cosign(&junk, TIME_S);
        growth.checkpoint = note.to_string();
    }
    watched.witness().cosign(&growth, &keys, TIME_S).unwrap();
    let again = watched.witness().cosign(&growth, &keys, TIME_S);
    assert!(
        matches!(again, Err(WitnessError::Refused(Refused::Conflict { .. }))),
        "it reads what it has kept: {again:?}"
    );
}

/// What it has kept is its own word, or nothing is.
#[test]
fn a_witness_whose_memory_was_changed_signs_nothing() {
    let watched = Watched::new();
    let entries = fs::read_dir(watched.state.path()).unwrap();
    let folders = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let [folder] = &folders.collect::<Vec<_>>()[..] else {
        panic!("one log is watched");
    };
    let kept = folder.join(CHECKPOINT);
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("\n43\n", "\n42\n")).unwrap();
    let refused = watched
        .witness()
        .cosign(&watched.growth(), &[key(1)], TIME_S);
    assert!(
        matches!(refused, Err(WitnessError::State(..))),
        "{refused:?}"
    );
}
