//! Ten thousand changes to what proves something: none proves anything else.

use super::*;

/// splitmix64
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One change of any kind: a bit, a byte, a part that is taken out, doubled or moved.
fn change(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = random.below(bytes.len());
    let part = at..(at + 1 + random.below(60)).min(bytes.len());
    match random.below(8) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = random.next() as u8,
        3 => bytes.insert(at, b"0+\n A="[random.below(6)]),
        4 => drop(bytes.drain(part)),
        5 => bytes.truncate(at),
        6 => {
            let part = bytes[part].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, part);
        }
        _ => {
            let mut lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let (a, b) = (random.below(lines.len()), random.below(lines.len()));
            lines.swap(a, b);
            bytes = lines.concat();
        }
    }
    bytes
}

const CHANGES: usize = 10_000;

/// Changes something that opens, again and again; counts what still opens after a change.
fn survivors(whole: &str, seed: u64, opens: impl Fn(&[u8]) -> bool) -> usize {
    assert!(opens(whole.as_bytes()), "it opens as it is");
    let mut random = Random(seed);
    let mut tried = 0;
    let mut survived = 0;
    while tried < CHANGES {
        let changed = change(whole.as_bytes(), &mut random);
        if changed != whole.as_bytes() {
            tried += 1;
            fuzz_texts(&changed);
            if opens(&changed) {
                eprintln!("survived: {}", String::from_utf8_lossy(&changed));
                survived += 1;
            }
        }
    }
    survived
}

#[test]
fn no_changed_checkpoint_is_believed() {
    let log = signer("log.example", KeyKind::Ed25519, 1);
    let note = signed_checkpoint(&entries(12), &[&log]).to_string();
    let keys = [log.verifier().clone()];
    let opens = |bytes: &[u8]| SignedCheckpoint::open(bytes, &keys).is_ok();
    assert_eq!(survivors(&note, 1, opens), 0);
}

#[test]
fn no_changed_cosignature_is_believed() {
    let log = signer("log.example", KeyKind::Ed25519, 1);
    let witness = signer("witness.example", KeyKind::Cosignature, 2);
    let mut note = signed_checkpoint(&entries(12), &[&log]);
    note.cosign(&witness, 1_700_000_000);
    let keys = [log.verifier().clone(), witness.verifier().clone()];
    let whole = SignedCheckpoint::open(note.to_string().as_bytes(), &keys).expect("signed");
    // Lines of signatures may come in any order: then it says what it said.
    let says_more = |bytes: &[u8]| match SignedCheckpoint::open(bytes, &keys) {
        Ok(opened) => {
            assert_eq!(opened.checkpoint, whole.checkpoint);
            let reordered = bytes.len() == note.to_string().len();
            !opened.by_witnesses.is_empty() && (!reordered || bytes == note.to_string().as_bytes())
        }
        Err(_) => false,
    };
    assert_eq!(survivors(&note.to_string(), 2, says_more), 0);
}

#[test]
fn no_changed_inclusion_proof_proves() {
    let log = signer("log.example", KeyKind::Ed25519, 1);
    let all = entries(13);
    let path = proof::inclusion(6, 13, subtree(&all)).expect("subtrees");
    let proof = InclusionProof {
        entry: all[6].clone(),
        index: 6,
        path,
        checkpoint: signed_checkpoint(&all, &[&log]).to_string(),
    };
    let keys = [log.verifier().clone()];
    let verify = |bytes: &[u8]| -> Result<SignedCheckpoint, ProofTextError> {
        InclusionProof::parse(bytes)?.verify(&keys)
    };
    assert_eq!(
        InclusionProof::parse(proof.to_string().as_bytes()),
        Ok(proof.clone())
    );
    assert_eq!(
        survivors(&proof.to_string(), 3, |bytes| verify(bytes).is_ok()),
        0
    );
}

#[test]
fn no_changed_consistency_proof_proves() {
    let log = signer("log.example", KeyKind::Ed25519, 1);
    let all = entries(13);
    let proof = ConsistencyProof {
        old: 6,
        path: proof::consistency(6, 13, subtree(&all)).expect("subtrees"),
        checkpoint: signed_checkpoint(&all, &[&log]).to_string(),
    };
    let keys = [log.verifier().clone()];
    let old_root = naive_root(&all[..6]);
    let verify = |bytes: &[u8]| -> Result<SignedCheckpoint, ProofTextError> {
        ConsistencyProof::parse(bytes)?.verify(old_root, &keys)
    };
    assert_eq!(
        ConsistencyProof::parse(proof.to_string().as_bytes()),
        Ok(proof.clone())
    );
    assert_eq!(
        survivors(&proof.to_string(), 4, |bytes| verify(bytes).is_ok()),
        0
    );
}

#[test]
fn what_is_no_proof_is_refused() {
    let hash = Hash([1; 32]);
    let many = format!("{hash}\n").repeat(64);
    for text in [
        String::new(),
        "old 3\n".to_owned(),
        "old 03\n\nx".to_owned(),
        "old -3\n\nx".to_owned(),
        "old 3\nabc\n\nx".to_owned(),
        format!("old 3\n{hash}x\n\nx"),
        format!("old 3\n{many}\nx"),
    ] {
        assert!(
            ConsistencyProof::parse(text.as_bytes()).is_err(),
            "{text:?}"
        );
    }
    let first = "c2sp.org/tlog-proof@v1\n";
    for text in [
        "c2sp.org/tlog-proof@v2\nextra AA==\nindex 0\n\nx".to_owned(),
        format!("{first}index 0\n\nx"),
        format!("{first}extra A\nindex 0\n\nx"),
        format!("{first}extra AA==\nindex 00\n\nx"),
        format!("{first}extra AA==\nindex 0\n{many}\nx"),
        format!("{first}extra AA==\nindex 0\n{hash}"),
    ] {
        assert!(InclusionProof::parse(text.as_bytes()).is_err(), "{text:?}");
    }
}
