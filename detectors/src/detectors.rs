//! The engine as the gateway sees it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use velum_core::inspect::{
    ColumnHint, DetectorId, Finding, Inspect, Outline, Prior, Surroundings, Watch,
};

use crate::catalog::{Detector, Set};
use crate::columns::{self, ColumnWatch};
use crate::join;
use crate::names::Model;
use crate::pack::{BadPack, Pack};
use crate::plan::{Plan, settle};
use crate::site::{self, Site};

/// A frozen choice of detectors; implements [`Inspect`].
///
/// Cheap to make and to clone: the automata are built once in a process and shared.
#[derive(Clone, Debug)]
pub struct Detectors {
    plan: Plan,
    site: Option<Arc<Site>>,
    digest: OnceLock<[u8; 32]>,
}

/// A name that [`Detectors::select`] does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDetector {
    /// The name as it was given.
    pub name: String,
}

impl Detectors {
    /// Every detector of the catalog; names of persons behind a label and in columns and fields
    /// of that name.
    pub fn standard() -> Self {
        Self {
            plan: Plan::new(Set::ALL, None),
            site: None,
            digest: OnceLock::new(),
        }
    }

    /// The same, with names of persons and facilities in running text as well. Words that only
    /// look like names are found, too.
    pub fn full() -> Self {
        Self::with_names(Model::standard())
    }

    /// [`Detectors::full`] with another dictionary and scorer for names.
    pub fn with_names(model: Arc<Model>) -> Self {
        Self {
            plan: Plan::new(Set::ALL, Some(model)),
            site: None,
            digest: OnceLock::new(),
        }
    }

    /// The named detectors and no other; see [`Detectors::names`].
    ///
    /// # Errors
    /// The first name that is not in the catalog. Names are lower-case and exact.
    pub fn select<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownDetector> {
        Ok(Self {
            plan: Plan::new(chosen(names)?, None),
            site: None,
            digest: OnceLock::new(),
        })
    }

    /// [`Detectors::full`], with what a pack has learnt.
    ///
    /// # Errors
    /// A section that this program does not know, or cannot use: nothing of a pack is left out
    /// in silence.
    pub fn with_pack(pack: &Pack) -> Result<Self, BadPack> {
        let (mut names, mut site) = (None, None);
        for (section, content) in pack.sections() {
            let unusable = |reason: String| BadPack::Section {
                name: section.to_owned(),
                reason,
            };
            match section {
                Model::SECTION => {
                    let model = Model::from_bytes(content);
                    names = Some(Arc::new(model.map_err(|bad| unusable(bad.to_string()))?));
                }
                site::SECTION => {
                    let patterns = site::from_section(content);
                    let compiled = patterns.and_then(|patterns| Site::compile(&patterns));
                    site = Some(Arc::new(compiled.map_err(|bad| unusable(bad.to_string()))?));
                }
                _ => return Err(unusable("this program does not know it".to_owned())),
            }
        }
        let names = names.unwrap_or_else(Model::standard);
        Ok(Self {
            site,
            ..Self::with_names(names)
        })
    }

    /// The same with the named detectors and no other.
    ///
    /// # Errors
    /// As [`Detectors::select`].
    pub fn restrict<S: AsRef<str>>(self, names: &[S]) -> Result<Self, UnknownDetector> {
        Ok(Self {
            plan: Plan::new(chosen(names)?, self.plan.names),
            site: self.site,
            digest: OnceLock::new(),
        })
    }

    /// SHA-256 that tells this choice from others: of the program's version, the detectors' names,
    /// and the model of names. What a site's pack adds is not in it.
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut hasher = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
            let enabled = |detector: &&Detector| self.plan.enabled.contains(**detector);
            for detector in Detector::ALL.iter().filter(enabled) {
                hasher.update(b"\n");
                hasher.update(detector.name());
            }
            if let Some(model) = &self.plan.names {
                hasher.update(b"\n");
                hasher.update(model.to_bytes());
            }
            hasher.finalize().into()
        })
    }

    /// Names of all detectors, stable, in the order of their [`DetectorId`]s.
    pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
        Detector::ALL.iter().map(|detector| detector.name())
    }
}

fn chosen<S: AsRef<str>>(names: &[S]) -> Result<Set, UnknownDetector> {
    let mut chosen = Set::EMPTY;
    for name in names {
        let name = name.as_ref();
        let detector = Detector::from_name(name).ok_or_else(|| UnknownDetector {
            name: name.to_owned(),
        })?;
        chosen.insert(detector);
    }
    Ok(chosen)
}

impl Default for Detectors {
    fn default() -> Self {
        Self::standard()
    }
}

impl Inspect for Detectors {
    fn inspect(&self, text: &[u8], around: Surroundings<'_>, out: &mut Vec<Finding>) {
        let first = out.len();
        self.plan.inspect(text, around, out);
        if let Some(site) = &self.site {
            site.find(self.plan.enabled(), text, out);
            settle(out, first);
        }
    }

    fn horizon_bytes(&self) -> usize {
        self.plan.horizon_bytes()
    }

    fn prior(&self, column: ColumnHint<'_>) -> Prior {
        self.plan.prior(column)
    }

    fn outline(&self, detector: DetectorId, text: &[u8]) -> Outline {
        join::outline(detector, text)
    }

    fn key_of(&self, columns: &[ColumnHint<'_>], index: usize) -> Option<usize> {
        columns::key_of(columns, index)
    }

    fn watch(&self, column: ColumnHint<'_>) -> Option<Box<dyn Watch>> {
        Some(Box::new(ColumnWatch::new(column, Prior::Scan)))
    }

    fn detector_name(&self, id: DetectorId) -> &str {
        Detector::ALL
            .get(usize::from(id.0))
            .map_or("unknown", |detector| detector.name())
    }
}

impl fmt::Display for UnknownDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no detector is called {:?}; there are: ", self.name)?;
        for (index, name) in Detectors::names().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownDetector {}
