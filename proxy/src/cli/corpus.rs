//! What commands read from corpus directories: labelled texts, word lists, site patterns.
//!
//! `corpus/README.md` says what a file may hold.

mod cases;
mod generated;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use velum_detectors::corpus::Document;
use velum_detectors::site::SitePattern;

/// All that the directories hold.
#[derive(Default)]
pub(super) struct Corpus {
    /// Labelled texts, in the order of their files.
    pub(super) documents: Vec<Sample>,
    /// Word lists that come with the program, by their path below the folder `lists`.
    pub(super) lists: BTreeMap<String, String>,
    /// Names of a site: lists that are called `names.txt`.
    pub(super) names: Vec<String>,
    /// Words of a site that are no names: lists that are called `words.txt`.
    pub(super) words: Vec<String>,
    /// Frames of texts that can be made, by the part whose folder below `frames` they are in.
    frames: BTreeMap<String, Vec<String>>,
    /// Patterns of the site.
    pub(super) patterns: Vec<SitePattern>,
    /// Files that were read.
    pub(super) files: usize,
    digest: Sha256,
}

/// A labelled text and what it may be used for.
pub(super) struct Sample {
    pub(super) document: Document,
    /// The part that its path names, if it names one.
    pub(super) part: Option<Part>,
}

/// What a text is used for. One that is trained on says nothing about how good a pack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Part {
    /// Weights are learnt from it.
    Train,
    /// Thresholds are chosen on it.
    Tune,
    /// The pack is measured with it.
    Test,
}

/// Reads all files below the directories.
///
/// # Errors
/// All mistakes, each with its file and line.
pub(super) fn read(directories: &[PathBuf]) -> Result<Corpus, Vec<String>> {
    let mut corpus = Corpus::default();
    let mut mistakes = Vec::new();
    for directory in directories {
        let mut files = Vec::new();
        if let Err(error) = walk(directory, &mut files) {
            mistakes.push(format!("{}: {error}", directory.display()));
        }
        for file in files {
            let below = file.strip_prefix(directory).unwrap_or(&file).to_owned();
            if let Err(error) = corpus.file(&file, &below, &mut mistakes) {
                mistakes.push(format!("{}: {error}", file.display()));
            }
        }
    }
    match mistakes.is_empty() {
        true => Ok(corpus),
        false => Err(mistakes),
    }
}

impl Corpus {
    /// Nothing can be learnt from it or measured with it.
    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty()
            && self.patterns.is_empty()
            && self.lists.is_empty()
            && self.names.is_empty()
            && self.words.is_empty()
    }

    /// SHA-256 of the names and bytes of all files that were read, in hex.
    pub(super) fn digest(&self) -> String {
        let digest = self.digest.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A text file: a list, or frames; anything else is not for us.
    fn words(&mut self, name: &str, text: String) {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = name.rsplit('/').next().unwrap_or_default();
        let below = |folder: &str| {
            let mut parts = name.split('/');
            let is_below = parts.any(|part| part == folder);
            is_below.then(|| parts.collect::<Vec<_>>().join("/"))
        };
        if let Some(list) = below("lists") {
            self.lists.insert(list, text);
        } else if below("frames").is_some() {
            let part = folder.rsplit('/').next().unwrap_or_default();
            self.frames.entry(part.to_owned()).or_default().push(text);
        } else if file == "names.txt" {
            self.names.extend(entries(&text));
        } else if file == "words.txt" {
            self.words.extend(entries(&text));
        }
    }

    fn file(
        &mut self,
        path: &Path,
        below: &Path,
        mistakes: &mut Vec<String>,
    ) -> Result<(), String> {
        let name = below.to_string_lossy().into_owned();
        let extension = path.extension().and_then(|extension| extension.to_str());
        // Bounds of `eval`, and questions of `leak-suite`: TOML, but no labelled texts.
        let is_other = below.ends_with("gates.toml") || below.starts_with("leaks");
        if is_other || !matches!(extension, Some("jsonl" | "toml" | "txt")) {
            return Ok(());
        }
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        self.files += 1;
        self.digest.update(Sha256::digest(&name));
        self.digest.update(Sha256::digest(&text));
        let mut found = Vec::new();
        match extension {
            Some("jsonl") => documents(&text, below, &mut found, |line, error| {
                mistakes.push(format!("{}:{line}: {error}", path.display()));
            }),
            Some("toml") => cases::read(&text, below, &mut found, &mut self.patterns)?,
            _ => self.words(&name, text),
        }
        let part = part(below);
        self.documents
            .extend(found.into_iter().map(|document| Sample { document, part }));
        Ok(())
    }
}

/// The lines of a list that are no remarks.
fn entries(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned)
}

fn documents(
    text: &str,
    below: &Path,
    found: &mut Vec<Document>,
    mut mistake: impl FnMut(usize, String),
) {
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match Document::from_json(line) {
            Ok(mut document) => {
                if document.set.is_empty() {
                    document.set = stem(below);
                }
                if document.id.is_empty() {
                    document.id = format!("{}:{}", below.display(), number + 1);
                }
                found.push(document);
            }
            Err(error) => mistake(number + 1, error.to_string()),
        }
    }
}

/// The part that a folder or file of the path is named after.
fn part(below: &Path) -> Option<Part> {
    let mut names = below
        .iter()
        .filter_map(|name| Path::new(name).file_stem()?.to_str());
    names.find_map(|name| match name {
        "train" => Some(Part::Train),
        "tune" => Some(Part::Tune),
        "test" => Some(Part::Test),
        _ => None,
    })
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// All files below a folder, in the order of their names.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type()?.is_dir() {
            true => walk(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_named_and_parts_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write(
            "test/notes.jsonl",
            "{\"text\":\"a\"}\n\n{\"id\":\"x\",\"set\":\"s\",\"text\":\"b\"}\n",
        );
        write("site.toml", "[[case]]\ntext = \"seen by «NAME:Jane»\"\n");
        write("lists/names/local.txt", "Jane\n");
        write("names.txt", "# staff\nZed Doe\n\n");
        write("ehr/cities.txt", "not a list\n");
        write("README.md", "not read");
        write("gates.toml", "[[gate]]\n");
        write("leaks/vectors.toml", "[[vector]]\n");
        let corpus = read(&[folder.path().to_owned()]).unwrap_or_default();
        let documents = corpus.documents.iter();
        let seen: Vec<_> = documents
            .map(|s| (&*s.document.id, &*s.document.set, s.part))
            .collect();
        assert_eq!(
            seen,
            [
                ("site.toml:1", "site", None),
                ("test/notes.jsonl:1", "notes", Some(Part::Test)),
                ("x", "s", Some(Part::Test)),
            ]
        );
        assert!(corpus.lists.keys().eq(["names/local.txt"]));
        assert_eq!(corpus.names, ["Zed Doe"]);
        assert_eq!((corpus.files, corpus.digest().len()), (5, 64));

        write(
            "bad.jsonl",
            "{\n{\"text\":\"a\",\"spans\":[{\"start\":0,\"end\":9,\"type\":\"SSN\"}]}\n",
        );
        write("bad.toml", "[[case]]\ntext = \"«NAME:Jane\"\n");
        let mistakes = read(&[folder.path().to_owned(), "nowhere".into()]).err();
        let mistakes = mistakes.unwrap_or_default();
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
        assert!(mistakes[0].contains("bad.jsonl:1:") && mistakes[1].contains("bad.jsonl:2:"));
    }
}
