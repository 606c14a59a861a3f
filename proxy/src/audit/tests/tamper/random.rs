//! Ten thousand random changes to a small log: none is accepted.

use velum_core::audit::tree::Tile;

use super::*;

const CHANGES: usize = 10_000;

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

/// The files that a log consists of. Tiles of earlier sizes may lie beside those of the last.
fn all(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let segments = read::segments(directory).unwrap().into_iter();
    let mut paths: Vec<_> = segments.map(|(_, path)| path).collect();
    let size = checked(directory, &by(&[1])).unwrap().signed;
    paths.extend(Tile::of_tree(size).map(|tile| directory.join(tile.path())));
    paths.push(directory.join(CHECKPOINT));
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    paths.into_iter().map(read).collect()
}

/// Another content for one file; `None` takes it away.
fn change(files: &[(PathBuf, Vec<u8>)], which: usize, random: &mut Random) -> Option<Vec<u8>> {
    let mut bytes = files[which].1.clone();
    let at = random.below(bytes.len());
    let part = at..(at + 1 + random.below(80)).min(bytes.len());
    match random.below(10) {
        0..=2 => bytes[at] ^= 1 << random.below(8),
        3 => bytes[at] = random.next() as u8,
        4 => bytes.insert(at, random.next() as u8),
        5 => drop(bytes.drain(part)),
        6 => bytes.truncate(at),
        7 => {
            let part = bytes[part].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, part);
        }
        8 => bytes = files[random.below(files.len())].1.clone(),
        _ => return None,
    }
    Some(bytes)
}

/// One record of a segment, changed by somebody who can compute checksums.
fn forge(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let borders = borders(bytes);
    let at = *borders.get(random.below(borders.len() - 1))?;
    let Place::Frame(frame) = segment::place(bytes, at) else {
        return None;
    };
    let mut payload = frame.payload.to_vec();
    let to = random.below(payload.len());
    payload[to] ^= 1 << random.below(8);
    let mut forged = bytes[..at].to_vec();
    segment::push_frame(&mut forged, frame.sequence, frame.durable, &payload);
    forged.extend_from_slice(&bytes[frame.end..]);
    Some(forged)
}

#[test]
fn no_random_change_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    one_run(path, signers(1, None), &statements(1, 140), false).unwrap();
    let files = all(path);
    let segments = read::segments(path).unwrap().len();
    assert!(
        segments > 1 && files.len() > segments + 3,
        "segments, tiles and a checkpoint"
    );
    let options = by(&[1]);
    assert!(checked(path, &options).is_ok());
    let mut random = Random(7);
    let mut tried = 0;
    while tried < CHANGES {
        let which = random.below(files.len());
        let (file, whole) = &files[which];
        let is_segment = file
            .extension()
            .is_some_and(|extension| extension == "velumlog");
        let changed = match is_segment && random.below(3) == 0 {
            true => forge(whole, &mut random),
            false => change(&files, which, &mut random),
        };
        if changed.as_ref() == Some(whole) {
            continue;
        }
        match &changed {
            Some(bytes) => fs::write(file, bytes).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        let accepted = checked(path, &options).is_ok();
        assert!(
            !accepted,
            "change {tried} of {} was accepted",
            file.display()
        );
        fs::write(file, whole).unwrap();
        tried += 1;
    }
    assert!(checked(path, &options).is_ok(), "nothing of it is left");
}
