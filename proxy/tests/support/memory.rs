//! What an idle gateway has in memory.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::clinic;
use super::gateway::Gateway;

/// How often memory is looked at, and how long after another.
const LOOKS: usize = 5;
const BETWEEN: Duration = Duration::from_millis(200);

/// The mappings of a gateway's memory that hold a secret whenever they are looked at: one that is
/// in use at this very moment is nothing that stays.
pub fn holds(gateway: &Gateway, secret: &str) -> Vec<String> {
    let process = Path::new("/proc").join(gateway.pid().to_string());
    let mut found = places(&process, secret.as_bytes());
    for _ in 1..LOOKS {
        if found.is_empty() {
            break;
        }
        thread::sleep(BETWEEN);
        let again = places(&process, secret.as_bytes());
        found.retain(|place| again.contains(place));
    }
    found
}

/// Where in a process' memory some bytes are. A process that cannot be read, as this one is not its
/// owner's to read, has no such place.
fn places(process: &Path, needle: &[u8]) -> Vec<String> {
    let maps = std::fs::read_to_string(process.join("maps")).unwrap_or_default();
    let Ok(mut memory) = std::fs::File::open(process.join("mem")) else {
        eprintln!("{}: only root can read its memory", process.display());
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut read = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line.split_whitespace().next().unwrap_or_default();
        let Some((from, to)) = range.split_once('-') else {
            continue;
        };
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let (from, to) = (number(from), number(to));
        let mut bytes = vec![0; 1 << 20];
        let mut at = from;
        while at < to {
            let length = (to - at).min(1 << 20) as usize;
            memory.seek(SeekFrom::Start(at)).expect("an offset");
            if let Ok(n) = memory.read(&mut bytes[..length]) {
                read += n;
                if clinic::contains(&bytes[..n], needle) {
                    found.push(line.to_owned());
                }
            }
            // What lies across two pieces is in one of them.
            at += if length == 1 << 20 {
                (1 << 20) - 512
            } else {
                length as u64
            };
        }
    }
    assert!(read > 1 << 20, "only {read} bytes were read");
    found
}
