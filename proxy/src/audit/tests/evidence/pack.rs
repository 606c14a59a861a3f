//! Packs, and what somebody may do to one: with the archive, with the key of another log, with the
//! log's own key.

use std::fs::File;

use velum_core::audit::tree::NoteSigner;

use super::super::super::pack::PackError;
use super::super::super::pack::archive::{Packer, Unpacker};
use super::super::super::pack::build::{Order, build};
use super::super::super::pack::manifest::{Entry, MANIFEST, Manifest, SIGNATURE};
use super::super::super::pack::verify::{Verified, verify};
use super::*;

const BYTES_CHANGED: usize = 3_000;
const FILES_CHANGED: usize = 300;

/// The pack of a period of the log.
fn packed(folder: &Path, from: Timestamp, to: Timestamp) -> PathBuf {
    let output = folder.join("pack.tar.zst");
    let order = Order {
        directory: LOG.path(),
        data_directory: folder,
        signers: &signers(1, None),
        period: Filter {
            from,
            to,
            ..Filter::default()
        },
        output: &output,
    };
    build(&order, &mut |_, _, _| {}).unwrap();
    output
}

/// Of the second day: its log begins in the middle of the tree.
static PACK: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let pack = packed(folder.path(), at(24), at(48));
    (folder, pack)
});

fn judged(pack: &Path, seed: u8) -> Result<Verified, PackError> {
    verify(pack, &[key(seed)], &mut |_, _, _| {})
}

/// The first thing that is wrong.
fn wrong(pack: &Path, seed: u8) -> String {
    match judged(pack, seed) {
        Err(PackError::Found(what)) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => "nothing".to_owned(),
    }
}

type Files = Vec<(String, Vec<u8>)>;

fn unpacked(pack: &Path) -> (Manifest, Files) {
    let mut archive = Unpacker::open(File::open(pack).unwrap(), &mut |_| {}).unwrap();
    let mut take = |path: &str| {
        let size = archive.next(path).unwrap();
        let mut bytes = Vec::new();
        archive.content(path, size, &mut bytes).unwrap();
        bytes
    };
    let manifest = Manifest::parse(&take(MANIFEST)).unwrap();
    take(SIGNATURE);
    let files = manifest.files.iter();
    let files = files
        .map(|file| (file.path.clone(), take(&file.path)))
        .collect();
    (manifest, files)
}

/// A pack of these files, whose manifest is made anew and signed by `signer`.
fn repacked(to: &Path, mut manifest: Manifest, files: &Files, signer: &NoteSigner) {
    manifest.files = files
        .iter()
        .map(|(path, bytes)| Entry::of(path, bytes))
        .collect();
    let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
    let signature = manifest.sign(&bytes, signer).unwrap();
    let mut packer = Packer::new(File::create(to).unwrap()).unwrap();
    let own = [
        (MANIFEST.to_owned(), bytes),
        (SIGNATURE.to_owned(), signature.into_bytes()),
    ];
    for (path, bytes) in own.iter().chain(files) {
        packer
            .add(path, bytes.len() as u64, &mut &bytes[..])
            .unwrap();
    }
    packer.finish().unwrap();
}

#[test]
fn a_pack_is_made_and_verified() {
    let verified = judged(&PACK.1, 1).unwrap();
    assert!(verified.is_derived);
    assert!(verified.manifest.first > 1);
    // The grant that was made the day before, and the configuration.
    assert_eq!(verified.earlier, 4);
    let (_, files) = unpacked(&PACK.1);
    let file = |name: &str| {
        let (_, bytes) = files.iter().find(|(path, _)| path == name).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let report = file("report.html");
    assert!(report.contains("<svg") && report.contains("164.312(b)"));
    assert!(!report.contains("http://") || !report.contains("src="));
    assert!(file("artefacts/grants.csv").contains("'=month-end"));
    assert_eq!(file("artefacts/statements.jsonl").lines().count(), 301);
}

#[test]
fn a_pack_may_be_of_everything_and_of_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let whole = packed(folder.path(), Timestamp(0), Timestamp(u64::MAX));
    assert_eq!(judged(&whole, 1).unwrap().manifest.first, 1);
    fs::remove_file(&whole).unwrap();
    let past = packed(folder.path(), at(0), at(4));
    let manifest = judged(&past, 1).unwrap().manifest;
    assert!(manifest.last < manifest.signed, "the log has grown since");
}

/// The other verifier, over the unpacked files.
fn python(files: &Files, manifest: &Manifest, seed: u8) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let bytes = serde_json::to_vec_pretty(manifest).unwrap();
    let signature = manifest.sign(&bytes, &signer(1)).unwrap();
    let own = [
        (MANIFEST.to_owned(), bytes),
        (SIGNATURE.to_owned(), signature.into_bytes()),
    ];
    for (path, bytes) in own.iter().chain(files) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_audit.py");
    let mut command = std::process::Command::new("python3");
    command
        .arg("-B")
        .arg(script)
        .arg("--pack")
        .arg(folder.path());
    let output = command
        .args(["--key", &key(seed).to_string()])
        .output()
        .unwrap();
    match output.status.code() {
        Some(0) => None,
        Some(1) => Some(String::from_utf8(output.stderr).unwrap()),
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn the_other_verifier_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let past = packed(folder.path(), at(0), at(4));
    for pack in [&PACK.1, &past] {
        let (manifest, files) = unpacked(pack);
        assert_eq!(python(&files, &manifest, 1), None);
        assert!(
            python(&files, &manifest, 2)
                .unwrap()
                .contains("not signed by a known key")
        );
        let mut changed = files.clone();
        let segment = changed
            .iter_mut()
            .find(|(path, _)| path.ends_with("velumlog"));
        segment.unwrap().1[100] ^= 1;
        let said = python(&changed, &manifest, 1).unwrap();
        assert!(
            said.contains("not the file that the manifest has"),
            "{said}"
        );
        // By somebody with the key, who makes the manifest anew.
        let mut other = manifest.clone();
        other.files = changed
            .iter()
            .map(|(path, bytes)| Entry::of(path, bytes))
            .collect();
        assert!(python(&changed, &other, 1).unwrap().contains("checksum"));
        changed.pop();
        assert!(python(&changed, &other, 1).unwrap().contains("is missing"));
    }
}

#[test]
fn another_key_is_refused() {
    assert!(wrong(&PACK.1, 2).contains("manifest.note"));
    assert!(verify(&PACK.1, &[], &mut |_, _, _| {}).is_ok());
}

#[test]
fn what_is_no_pack_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    for bytes in [&b""[..], b"PK\x03\x04", &[0; 4_096]] {
        fs::write(&file, bytes).unwrap();
        assert!(wrong(&file, 1).contains("no pack"));
    }
}

/// splitmix64
struct Random(u64);

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

#[test]
fn no_changed_byte_is_accepted() {
    let whole = fs::read(&PACK.1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pack");
    let mut random = Random(1);
    for round in 0..BYTES_CHANGED {
        let mut bytes = whole.clone();
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next() as u8),
            2 => drop(bytes.remove(at)),
            _ => bytes[at] ^= 1 << random.below(8),
        }
        if bytes == whole {
            continue;
        }
        fs::write(&file, bytes).unwrap();
        assert_ne!(wrong(&file, 1), "nothing", "round {round}");
    }
}

/// Files that nothing but the signature speaks for.
fn is_loose(path: &str) -> bool {
    !path.starts_with("log/") && !path.starts_with("artefacts/") && path != "report.html"
}

/// Even who has the log's key cannot have a pack say what the records do not.
#[test]
fn no_changed_file_is_accepted_whoever_signs_it() {
    let (manifest, files) = unpacked(&PACK.1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pack");
    let mut random = Random(2);
    for round in 0..FILES_CHANGED {
        let mut changed = files.clone();
        let which = random.below(changed.len());
        let name = changed[which].0.clone();
        if is_loose(&name) {
            continue;
        }
        let bytes = &mut changed[which].1;
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next() as u8),
            2 => drop(changed.remove(which)),
            3 => {
                let copy = (format!("{name}.more"), bytes.clone());
                changed.push(copy);
            }
            _ => bytes[at] ^= 1 << random.below(8),
        }
        if changed == files {
            continue;
        }
        repacked(&file, manifest.clone(), &changed, &signer(1));
        assert_ne!(wrong(&file, 1), "nothing", "round {round}: {name}");
    }
}

#[test]
fn a_swapped_checkpoint_and_another_period_are_refused() {
    let (manifest, mut files) = unpacked(&PACK.1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pack");
    // Another period has other rows.
    let mut other = manifest.clone();
    other.to.1 = at(31).0;
    repacked(&file, other, &files, &signer(1));
    assert!(wrong(&file, 1).contains("does not say what the records say"));
    // A checkpoint of another log, by another key, and one of the same log by somebody else.
    for (index, seed) in [(0, 2), (1, 1)] {
        let directory = tempfile::tempdir().unwrap();
        let groups = statements(9, 30 + index);
        one_run(directory.path(), signers(seed, None), &groups, false).unwrap();
        let checkpoint = fs::read(directory.path().join("checkpoint")).unwrap();
        let place = files.iter_mut().find(|(path, _)| path == "log/checkpoint");
        place.unwrap().1 = checkpoint;
        repacked(&file, manifest.clone(), &files, &signer(1));
        assert!(wrong(&file, 1).contains("checkpoint") || wrong(&file, 1).contains("excerpt"));
    }
    // The right files, signed by another key of the same name.
    let (manifest, files) = unpacked(&PACK.1);
    repacked(&file, manifest, &files, &signer(2));
    assert!(wrong(&file, 1).contains("manifest.note"));
}
