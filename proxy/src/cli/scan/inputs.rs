//! What is scanned: files, the files below directories, and standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// As much of a file tells whether it is text.
const PROBE_BYTES: usize = 8 * 1024;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Standard input.
    Standard,
    /// A file.
    File(PathBuf),
}

/// An input that is open.
pub(super) struct Open {
    /// The whole stream, from its begin.
    pub(super) stream: Box<dyn Read + Send>,
    /// What its begin says of it.
    pub(super) kind: Kind,
}

/// What the begin of an input says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text of an encoding that keeps ASCII.
    Text,
    /// It holds a NUL.
    Binary,
    /// It has the mark of UTF-16 or UTF-32: text that would be scanned in vain.
    Wide,
}

impl Input {
    /// The name as it is printed.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Standard => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its size, if that is known before it is read.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Standard => None,
            Self::File(path) => fs::metadata(path).ok().map(|metadata| metadata.len()),
        }
    }

    /// Opens it and looks at its begin.
    pub(super) fn open(&self) -> io::Result<Open> {
        let mut stream: Box<dyn Read + Send> = match self {
            Self::Standard => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        let mut head = Vec::new();
        stream
            .by_ref()
            .take(PROBE_BYTES as u64)
            .read_to_end(&mut head)?;
        let kind = kind(&head);
        Ok(Open {
            stream: Box::new(io::Cursor::new(head).chain(stream)),
            kind,
        })
    }
}

fn kind(head: &[u8]) -> Kind {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Kind::Wide;
    }
    match memchr::memchr(0, head) {
        Some(_) => Kind::Binary,
        None => Kind::Text,
    }
}

/// The inputs that `names` stand for: `-` is standard input, a directory all files below it,
/// nothing at all standard input. Symbolic links below a directory are not followed, and `.git`
/// is passed over.
pub(super) fn list(names: &[PathBuf]) -> (Vec<Input>, Vec<(PathBuf, io::Error)>) {
    let (mut inputs, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        match name.as_os_str() == "-" {
            true => inputs.push(Input::Standard),
            false if name.is_dir() => below(name, &mut inputs, &mut errors),
            false => inputs.push(Input::File(name.clone())),
        }
    }
    if names.is_empty() {
        inputs.push(Input::Standard);
    }
    (inputs, errors)
}

fn below(folder: &Path, inputs: &mut Vec<Input>, errors: &mut Vec<(PathBuf, io::Error)>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return errors.push((folder.to_owned(), error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != ".git" => {
                below(&path, inputs, errors);
            }
            Ok(kind) if kind.is_file() => inputs.push(Input::File(path)),
            // Links, sockets and devices are no content of the directory.
            Ok(_) => {}
            Err(error) => errors.push((path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_walked_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("b/c")).expect("folders");
        fs::create_dir_all(at(".git")).expect("folders");
        for name in ["b/c/2", "b/1", "a", ".git/x", ".hidden"] {
            fs::write(at(name), "x").expect("a file");
        }
        std::os::unix::fs::symlink(at("a"), at("link")).expect("a link");
        let (inputs, errors) = list(&[folder.path().to_owned(), "-".into()]);
        assert!(errors.is_empty());
        let names = [".hidden", "a", "b/1", "b/c/2"].map(|name| Input::File(at(name)));
        assert_eq!(inputs, [names.as_slice(), &[Input::Standard]].concat());
        assert_eq!(list(&[]).0, [Input::Standard]);
    }

    #[test]
    fn the_begin_tells_what_is_text() {
        assert_eq!(kind(b"text \xff"), Kind::Text);
        assert_eq!(kind(b"\x7fELF\0"), Kind::Binary);
        assert_eq!(kind(b"\xff\xfea\0"), Kind::Wide);
        assert_eq!(kind(b""), Kind::Text);
    }
}
