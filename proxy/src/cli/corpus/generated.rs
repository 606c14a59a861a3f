//! Texts made from frames and lists, as the default pack is made and measured.

use velum_detectors::corpus::generate::{self, Generator};
use velum_detectors::tune::Lists;

use super::{Corpus, Part, Sample};

impl Corpus {
    /// Adds what [`Corpus::generated`] makes.
    ///
    /// # Errors
    /// As there.
    pub(in crate::cli) fn generate(
        &mut self,
        part: Part,
        seed: u64,
        rounds: usize,
    ) -> Result<(), String> {
        let samples = self.generated(part, seed, rounds)?;
        self.documents.extend(samples);
        Ok(())
    }

    /// Makes `rounds` texts of each frame of a part. Without frames or lists there are none.
    ///
    /// # Errors
    /// A list or frame that cannot be used, as a line for the user.
    pub(in crate::cli) fn generated(
        &self,
        part: Part,
        seed: u64,
        rounds: usize,
    ) -> Result<Vec<Sample>, String> {
        let Some(frames) = self.frames.get(part.name()) else {
            return Ok(Vec::new());
        };
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        let lists = self.lists.iter();
        let lists = Lists::new(lists.map(|(name, text)| (name.as_str(), text.as_str())));
        let mut generator = Generator::new(part.generated(), &frames, &lists, seed)
            .map_err(|error| format!("frames of {}: {error}", part.name()))?;
        let documents = generator.documents(rounds).into_iter();
        let samples = documents.map(|document| Sample {
            document,
            part: Some(part),
        });
        Ok(samples.collect())
    }
}

impl Part {
    /// The name of its folders.
    pub(super) fn name(self) -> &'static str {
        self.generated().name()
    }

    fn generated(self) -> generate::Part {
        match self {
            Self::Train => generate::Part::Train,
            Self::Tune => generate::Part::Tune,
            Self::Test => generate::Part::Test,
        }
    }
}
