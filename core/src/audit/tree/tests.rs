//! Against a naive reference, the specifications' own examples, and an attacker.

use std::collections::BTreeMap;

use super::key::KeyKind;
use super::proof::{self, ProofError};
use super::proof_text::{ConsistencyProof, InclusionProof, ProofTextError};
use super::witness::{self, Refused};
use super::*;
use proptest::prelude::*;

mod forgery;

/// RFC 6962, 2.1, word for word.
fn naive_root(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => Hash::of_nothing(),
        [entry] => leaf_hash(entry),
        _ => {
            let (left, right) = entries.split_at(entries.len().next_power_of_two() / 2);
            node_hash(naive_root(left), naive_root(right))
        }
    }
}

/// RFC 6962, 2.1.1
fn naive_path(index: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let middle = entries.len().next_power_of_two() / 2;
    let (left, right) = entries.split_at(middle);
    let (mut path, sibling) = match index < middle {
        true => (naive_path(index, left), naive_root(right)),
        false => (naive_path(index - middle, right), naive_root(left)),
    };
    path.push(sibling);
    path
}

/// RFC 6962, 2.1.2: SUBPROOF
fn naive_subproof(old: usize, entries: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if old == entries.len() {
        return match whole {
            true => Vec::new(),
            false => vec![naive_root(entries)],
        };
    }
    let middle = entries.len().next_power_of_two() / 2;
    let (left, right) = entries.split_at(middle);
    let (mut path, sibling) = match old <= middle {
        true => (naive_subproof(old, left, whole), naive_root(right)),
        false => (naive_subproof(old - middle, right, false), naive_root(left)),
    };
    path.push(sibling);
    path
}

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| format!("entry {n}").into_bytes())
        .collect()
}

/// The naive root of a perfect subtree.
fn subtree(entries: &[Vec<u8>]) -> impl FnMut(u32, u64) -> Result<Hash, ()> {
    |height, index| {
        let leaves = 1usize << height;
        let start = index as usize * leaves;
        Ok(naive_root(entries.get(start..start + leaves).ok_or(())?))
    }
}

fn signer(name: &str, kind: KeyKind, seed: u8) -> NoteSigner {
    NoteSigner::new(name, kind, &[seed; 32]).expect("a name")
}

/// The roots of the reference implementation of RFC 6962 for its eight inputs.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let entries: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    for (size, root) in roots.iter().enumerate() {
        let hex: String = frontier
            .root()
            .0
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(hex, *root, "{size} entries");
        if let Some(entry) = entries.get(size) {
            frontier.push(leaf_hash(entry));
        }
    }
}

#[test]
fn every_proof_of_small_trees_is_the_reference_and_verifies() {
    let all = entries(70);
    for size in 1..=all.len() {
        let entries = &all[..size];
        let root = naive_root(entries);
        for index in 0..size {
            let path = proof::inclusion(index as u64, size as u64, subtree(entries));
            let path = path.expect("subtrees are there");
            assert_eq!(path, naive_path(index, entries));
            let leaf = leaf_hash(&entries[index]);
            let verified = proof::verify_inclusion(leaf, index as u64, size as u64, root, &path);
            assert_eq!(verified, Ok(()), "{index} of {size}");
        }
        for old in 0..=size {
            let path = proof::consistency(old as u64, size as u64, subtree(entries));
            let path = path.expect("subtrees are there");
            if old > 0 {
                assert_eq!(path, naive_subproof(old, entries, true));
            }
            let older = (old as u64, naive_root(&entries[..old]));
            let verified = proof::verify_consistency(older, (size as u64, root), &path);
            assert_eq!(verified, Ok(()), "{old} of {size}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A proof for one tree, leaf, place or size proves nothing about another.
    #[test]
    fn proofs_are_about_one_thing(size in 2usize..300, a in 0usize..300, b in 0usize..300) {
        let (a, b) = (a % size, b % size);
        let entries = entries(size);
        let (size, root) = (size as u64, naive_root(&entries));
        let path = proof::inclusion(a as u64, size, subtree(&entries)).expect("subtrees");
        let leaf = leaf_hash(&entries[a]);
        if a != b {
            let moved = proof::verify_inclusion(leaf, b as u64, size, root, &path);
            prop_assert!(moved.is_err());
            let other = leaf_hash(&entries[b]);
            prop_assert!(proof::verify_inclusion(other, a as u64, size, root, &path).is_err());
        }
        prop_assert!(proof::verify_inclusion(leaf, size, size, root, &path).is_err());
        if let Some((_, shorter)) = path.split_last() {
            prop_assert!(proof::verify_inclusion(leaf, a as u64, size, root, shorter).is_err());
        }
        let longer: Vec<_> = path.iter().copied().chain([root]).collect();
        prop_assert!(proof::verify_inclusion(leaf, a as u64, size, root, &longer).is_err());
    }

    /// Any tree has at its edge what the naive one has, and its tiles give every proof.
    #[test]
    fn tiles_hold_the_tree(size in 0usize..3_000, old in 0usize..3_000, index in 0usize..3_000) {
        let entries = entries(size);
        let mut edge = Edge::default();
        for entry in &entries {
            edge.push(leaf_hash(entry));
        }
        let root = naive_root(&entries);
        prop_assert_eq!(edge.root(), root);
        let mut tiles: BTreeMap<_, _> = edge.take_finished().into_iter().collect();
        tiles.extend(edge.partials());
        let named: Vec<_> = Tile::of_tree(size as u64).collect();
        prop_assert_eq!(named.len(), tiles.len());
        for tile in named {
            let hashes = tile::hashes(&tiles[&tile], tile.width).expect("as wide as its name");
            let leaves = 1usize << (8 * tile.level);
            let first = (tile.index * tile::WIDTH) as usize * leaves;
            let last = hashes.len() - 1;
            let at = first + last * leaves;
            prop_assert_eq!(hashes[last], naive_root(&entries[at..at + leaves]));
        }
        let mut from_tiles = |height, index| {
            let (tile, range) = Tile::of_subtree(height, index, size as u64);
            let hashes = tile::hashes(&tiles[&tile], tile.width).ok_or(())?;
            Ok::<_, ()>(tile::root(&hashes[range]))
        };
        prop_assert_eq!(proof::root(size as u64, &mut from_tiles), Ok(root));
        if size > 0 {
            let (old, index) = (old % size, index % size);
            let path = proof::inclusion(index as u64, size as u64, &mut from_tiles);
            prop_assert_eq!(path, Ok(naive_path(index, &entries)));
            let path = proof::consistency(old as u64, size as u64, &mut from_tiles);
            let older = (old as u64, naive_root(&entries[..old]));
            let path = path.expect("tiles are there");
            prop_assert!(proof::verify_consistency(older, (size as u64, root), &path).is_ok());
            // From any earlier size on, the tree grows the same.
            let at = |tile: Tile| {
                let name = Tile::full(tile.level, tile.index);
                let whole = tiles.keys().find(|other| other.path().starts_with(&name.path())
                    && (other.level, other.index) == (tile.level, tile.index));
                let whole = whole.ok_or(())?;
                tile::hashes(&tiles[whole], whole.width).ok_or(())
            };
            let mut again = Edge::restore(old as u64, at).expect("tiles").expect("enough");
            prop_assert_eq!(again.root(), naive_root(&entries[..old]));
            for entry in &entries[old..] {
                again.push(leaf_hash(entry));
            }
            prop_assert_eq!(again.root(), root);
            prop_assert_eq!(again.partials(), edge.partials());
        }
    }
}

/// Level 2 has its first tile from 65,536 leaves on.
#[test]
fn a_tree_of_three_levels_is_its_frontier() {
    let (mut edge, mut frontier) = (Edge::default(), Frontier::default());
    for n in 0..70_000u32 {
        let leaf = leaf_hash(&n.to_be_bytes());
        edge.push(leaf);
        frontier.push(leaf);
    }
    assert_eq!(edge.root(), frontier.root());
    let mut tiles: BTreeMap<_, _> = edge.take_finished().into_iter().collect();
    tiles.extend(edge.partials());
    assert_eq!(tiles.len(), Tile::of_tree(70_000).count());
    let hashes = |tile: Tile| tile::hashes(&tiles[&tile], tile.width).ok_or(());
    let again = Edge::restore(70_000, hashes)
        .expect("tiles")
        .expect("enough");
    assert_eq!(again.root(), frontier.root());
    let subtree = |height, index| {
        let (tile, range) = Tile::of_subtree(height, index, 70_000);
        Ok::<_, ()>(tile::root(&hashes(tile)?[range]))
    };
    let path = proof::inclusion(69_999, 70_000, subtree).expect("tiles");
    let leaf = leaf_hash(&69_999u32.to_be_bytes());
    let verified = proof::verify_inclusion(leaf, 69_999, 70_000, frontier.root(), &path);
    assert_eq!(verified, Ok(()));
}

#[test]
fn a_restored_edge_needs_all_its_hashes() {
    let few = |tile: Tile| Ok::<_, ()>(vec![Hash([0; 32]); usize::from(tile.width) - 1]);
    assert!(Edge::restore(5, few).expect("no error").is_none());
}

/// The examples of c2sp.org/tlog-tiles.
#[test]
fn tiles_are_named_as_specified() {
    let path = |level, index, width| {
        Tile {
            level,
            index,
            width,
        }
        .path()
    };
    assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(3, 5, 17), "tile/3/005.p/17");
    assert_eq!(path(0, 1_000, 1), "tile/0/x001/000.p/1");
    let tiles: Vec<_> = Tile::of_tree(70_000).collect();
    let count = |level, full| {
        let of = tiles
            .iter()
            .filter(|tile| tile.level == level && tile.is_full() == full);
        of.map(|tile| tile.width).collect::<Vec<_>>()
    };
    assert_eq!(count(0, true).len(), 273);
    assert_eq!(count(0, false), [112]);
    assert_eq!(count(1, true).len(), 1);
    assert_eq!(count(1, false), [17]);
    assert_eq!(count(2, false), [1]);
    assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
    let small: Vec<_> = Tile::of_tree(256).map(|tile| tile.path()).collect();
    assert_eq!(small, ["tile/0/000", "tile/1/000.p/1"]);
}

/// The example of c2sp.org/signed-note.
#[test]
fn the_example_of_the_specification_verifies() {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let key = VerifierKey::parse(vkey).expect("a key");
    assert_eq!(key.to_string(), vkey);
    let text = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1Y\
                Eq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let note = Note::parse(text.as_bytes()).expect("a note");
    assert_eq!(note.to_string(), text);
    let signed = note.verify(std::slice::from_ref(&key)).expect("signed");
    assert_eq!(signed.len(), 1);
    assert_eq!((&signed[0].key, signed[0].time_s), (&key, None));
    let changed = text.replace("example message", "Example message");
    let changed = Note::parse(changed.as_bytes()).expect("a note");
    assert!(matches!(
        changed.verify(&[key]),
        Err(NoteError::BadSignature { .. })
    ));
}

/// The example of c2sp.org/tlog-cosignature parses; its keys are not published.
#[test]
fn a_cosigned_checkpoint_parses() {
    let text = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\
        /Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlr\
        DJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(text.as_bytes()).expect("a note");
    let checkpoint = Checkpoint::parse(note.text()).expect("a checkpoint");
    assert_eq!(checkpoint.size, 20_852_163);
    assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(note.to_string(), text);
    let Err(NoteError::UnknownKeys(signers)) = note.verify(&[]) else {
        panic!("nobody is known");
    };
    assert_eq!(signers[1], "witness.example.com/w1 (key 8d66cf3f)");
}

#[test]
fn keys_that_are_none_are_refused() {
    let good = signer("log.example", KeyKind::Ed25519, 1)
        .verifier()
        .to_string();
    assert!(VerifierKey::parse(&good).is_ok());
    let (name, rest) = good.split_once('+').expect("a plus");
    let (id, data) = rest.split_once('+').expect("another");
    let mldsa = to_base64(&[&[6u8][..], &[0; 1_312]].concat());
    let small_order = to_base64(&[&[1u8, 1][..], &[0; 31]].concat());
    for (text, error) in [
        (String::new(), KeyError::Form),
        (format!("{name}+{id}"), KeyError::Form),
        (format!("{name}+{id}+{data}="), KeyError::Form),
        (format!("+{id}+{data}"), KeyError::Name),
        (format!("other+{id}+{data}"), KeyError::Id),
        (format!("{name}+{}+{data}", id.to_uppercase()), KeyError::Id),
        (format!("{name}+00000000+{data}"), KeyError::Id),
        (format!("{name}+{id}+{mldsa}"), KeyError::Kind(6)),
        (format!("{name}+{id}+{small_order}"), KeyError::Point),
        (format!("{name}+{id}+AQ=="), KeyError::Point),
    ] {
        let parsed = VerifierKey::parse(&text);
        // A key of upper-case digits may have none of a to f.
        let same = parsed.is_ok() && text == good;
        assert!(same || parsed == Err(error), "{text}: {error:?}");
    }
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{7f}b"] {
        assert!(
            NoteSigner::new(name, KeyKind::Ed25519, &[1; 32]).is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn what_is_no_note_or_no_checkpoint_is_refused() {
    let line = "— log.example AAAAAAA=\n";
    for text in [
        "".to_owned(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        format!("text\n{line}"),
        format!("text\n\n{}", line.trim_end()),
        format!("te\txt\n\n{line}"),
        format!("te\rxt\n\n{line}"),
        format!("text\n\n-{line}"),
        "text\n\n— log.example AAAAAA==\n".to_owned(),
        "text\n\n— log.example AAAAAAB=\n".to_owned(),
        "text\n\n— log+example AAAAAAA=\n".to_owned(),
        "text\n\n—  AAAAAAA=\n".to_owned(),
        format!("text\n\n{}", line.repeat(101)),
        format!("{}\n\n{line}", "x".repeat(300_000)),
    ] {
        assert!(Note::parse(text.as_bytes()).is_err(), "{:.40}", text);
    }
    assert!(Note::parse(b"te\xfft\n\n\xe2\x80\x94 a AAAAAAA=\n").is_err());
    assert!(Note::parse(format!("text\n\n{}", line.repeat(16)).as_bytes()).is_ok());
    let root = Hash([7; 32]);
    for text in [
        format!("\n1\n{root}\n"),
        format!("log\n01\n{root}\n"),
        format!("log\n+1\n{root}\n"),
        format!("log\n\n{root}\n"),
        format!("log\n9223372036854775808\n{root}\n"),
        format!("log\n1\n{root}"),
        format!("log\n1\n{root}\nmore\n"),
        format!("log\n0\n{root}\n"),
        "log\n1\nAAAA\n".to_owned(),
        "log\n1\n".to_owned(),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
}

fn signed_checkpoint(entries: &[Vec<u8>], signers: &[&NoteSigner]) -> Note {
    let checkpoint = Checkpoint {
        origin: "log.example".to_owned(),
        size: entries.len() as u64,
        root: naive_root(entries),
    };
    let mut note = checkpoint.to_note().expect("a note");
    for signer in signers {
        note.sign(signer);
    }
    note
}

#[test]
fn while_keys_rotate_both_verify_and_a_witness_beside_them() {
    let old = signer("log.example", KeyKind::Ed25519, 1);
    let new = signer("log.example", KeyKind::Ed25519, 2);
    let witness = signer("witness.example", KeyKind::Cosignature, 3);
    let mut note = signed_checkpoint(&entries(5), &[&old, &new]);
    let line = note.cosign(&witness, 1_700_000_000);
    assert!(note.to_string().ends_with(&line));
    let text = note.to_string();
    let key = |signer: &NoteSigner| signer.verifier().clone();
    for keys in [vec![key(&old)], vec![key(&new)], vec![key(&new), key(&old)]] {
        let signed = SignedCheckpoint::open(text.as_bytes(), &keys).expect("signed");
        assert_eq!(signed.by_log.len(), keys.len());
        assert!(signed.by_witnesses.is_empty());
    }
    let keys = [key(&new), key(&witness)];
    let signed = SignedCheckpoint::open(text.as_bytes(), &keys).expect("signed");
    assert_eq!(signed.by_witnesses[0].time_s, Some(1_700_000_000));
    // A witness alone does not speak for the log, and neither does another log's key.
    let other = signer("other.example", KeyKind::Ed25519, 1);
    let mut by_other = signed_checkpoint(&entries(5), &[&other]);
    by_other.cosign(&witness, 1);
    for keys in [vec![key(&witness)], vec![key(&witness), key(&other)]] {
        let opened = SignedCheckpoint::open(by_other.to_string().as_bytes(), &keys);
        assert!(matches!(opened, Err(CheckpointError::NotByItsLog { .. })));
    }
    // The time is signed as well.
    let later = text.replace(&line, &{
        let mut data =
            from_base64(line.trim_end().rsplit(' ').next().expect("data")).expect("Base64");
        data[11] ^= 1;
        format!("— witness.example {}\n", to_base64(&data))
    });
    assert_ne!(later, text);
    let opened = SignedCheckpoint::open(later.as_bytes(), &[key(&new), key(&witness)]);
    assert!(matches!(
        opened,
        Err(CheckpointError::Note(NoteError::BadSignature { .. }))
    ));
}

#[test]
fn a_witness_signs_growth_and_nothing_else() {
    let log = signer("log.example", KeyKind::Ed25519, 1);
    let keys = [log.verifier().clone()];
    let all = entries(20);
    let request = |old: usize, size: usize, entries: &[Vec<u8>]| ConsistencyProof {
        old: old as u64,
        path: proof::consistency(old as u64, size as u64, subtree(entries)).expect("subtrees"),
        checkpoint: signed_checkpoint(&entries[..size], &[&log]).to_string(),
    };
    let at = |size: usize| Some((size as u64, naive_root(&all[..size])));
    let judge = |request: &ConsistencyProof, last| witness::judge(request, &keys, |_| last);
    assert!(judge(&request(0, 7, &all), None).is_ok());
    assert!(judge(&request(7, 20, &all), at(7)).is_ok());
    assert!(judge(&request(7, 7, &all), at(7)).is_ok());
    let conflict = judge(&request(5, 20, &all), at(7));
    assert!(matches!(
        conflict,
        Err(Refused::Conflict { old: 5, size: 7 })
    ));
    assert!(matches!(
        judge(&request(0, 20, &all), at(7)),
        Err(Refused::Conflict { .. })
    ));
    let shrunk = ConsistencyProof {
        old: 7,
        ..request(0, 5, &all)
    };
    assert!(matches!(judge(&shrunk, at(7)), Err(Refused::Malformed(_))));
    let mut forked = all.clone();
    forked[3] = b"forged".to_vec();
    for (old, size) in [(7, 20), (7, 7)] {
        let refused = judge(&request(old, size, &forked), at(7));
        assert!(
            matches!(refused, Err(Refused::Inconsistent { size: 7, .. })),
            "{refused:?}"
        );
    }
    let unwatched = witness::judge(&request(0, 7, &all), &[], |_| None);
    assert!(matches!(unwatched, Err(Refused::UnknownLog(_))));
    let thief = signer("log.example", KeyKind::Ed25519, 9);
    let stolen = signed_checkpoint(&all, &[&thief]).to_string();
    let stolen = ConsistencyProof {
        checkpoint: stolen,
        ..request(7, 20, &all)
    };
    assert!(matches!(judge(&stolen, at(7)), Err(Refused::Signature(_))));
    let padded = ConsistencyProof {
        path: vec![Hash([0; 32])],
        ..request(0, 7, &all)
    };
    assert!(matches!(
        judge(&padded, None),
        Err(Refused::Inconsistent {
            cause: ProofError::Length,
            ..
        })
    ));
}
