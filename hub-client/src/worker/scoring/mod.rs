//! Exported files, run as the world outside runs them.

mod written;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use registry_schema::preprocess::{Input, Layout};
use serde::{Deserialize, Serialize};

use super::wire::{Answer, Features, Task};
use super::{Collected, Worker, WorkerError, limits, unexpected};
use crate::head::export::{OutputNames, Scores, UnlikeScore};
use crate::runtime::decode::{DecodeLimits, Picture};
use crate::runtime::library::Library;
use crate::runtime::preprocess::Preprocessor;
use crate::runtime::session::{Samples, Session, SessionError, Values};
use crate::runtime::{ImageError, RuntimeError, RuntimeOptions};

/// What an exported file takes and gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedForm {
    /// What it takes.
    pub input: ExportedInput,
    /// What it gives.
    pub outputs: OutputNames,
    /// How many classes there are.
    pub classes: usize,
}

/// What an exported file takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExportedInput {
    /// The extractor's features, `[batch, dimension]`.
    Features {
        /// Name of the input.
        name: String,
    },
    /// The tensor that the preprocessing makes.
    Tensor(Input),
    /// A decoded image, RGB uint8 `[height, width, 3]`.
    Image {
        /// Name of the input.
        name: String,
        /// What comes before: orientation and background.
        preprocessing: Input,
    },
}

/// What an exported file is run on.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// Features, a row for each image.
    Features(&'a [Vec<f32>]),
    /// Picture files.
    Pictures(&'a [PathBuf]),
}

impl Worker {
    /// Runs an exported file on each of `inputs`, one after another, and hands what it says to `sink`.
    ///
    /// # Errors
    /// What the sink returned, or [`WorkerError`]: also for a picture that cannot be read.
    pub fn score<E: From<WorkerError>>(
        &self,
        graph: &Path,
        form: &ExportedForm,
        inputs: Inputs<'_>,
        mut sink: impl FnMut(usize, Scores) -> Result<(), E>,
    ) -> Result<(), E> {
        let (features, images) = match inputs {
            Inputs::Features(rows) => (rows.iter().map(|row| Features::new(row)).collect(), vec![]),
            Inputs::Pictures(paths) => (vec![], paths.iter().map(Into::into).collect()),
        };
        let mut collected = Collected {
            dimension: form.classes,
            expected: features.len() + images.len(),
            next: 0,
        };
        let task = Task::Score {
            graph: graph.into(),
            file: form.clone(),
            features,
            images,
        };
        let request = self.request(task, limits::of_embedding(graph));
        self.run(&request, None, |answer| match answer {
            Answer::Confined { .. } | Answer::Ready { .. } => Ok(()),
            Answer::Scored(scored) => {
                let index = scored.index;
                collected.count(index)?;
                sink(index, scored.into_scores(collected.dimension)?)
            }
            other => Err(unexpected(&other).into()),
        })?;
        Ok(collected.finish()?)
    }
}

/// An exported file that is loaded.
pub(super) struct Scorer<'a> {
    session: Session,
    form: &'a ExportedForm,
    preprocessor: Option<Preprocessor>,
    limits: DecodeLimits,
    threads: usize,
}

impl<'a> Scorer<'a> {
    pub(super) fn open(
        graph: &Path,
        form: &'a ExportedForm,
        options: &RuntimeOptions,
    ) -> Result<Self, RuntimeError> {
        let library = Library::load(options.library.as_deref(), options.home.as_deref())?;
        let threads = options.threads.map_or(1, NonZeroUsize::get);
        let preprocessor = match &form.input {
            ExportedInput::Features { .. } => None,
            ExportedInput::Tensor(input)
            | ExportedInput::Image {
                preprocessing: input,
                ..
            } => Some(Preprocessor::new(input.clone())),
        };
        Ok(Self {
            session: Session::open(&library, graph, threads)?,
            form,
            preprocessor,
            limits: options.limits,
            threads,
        })
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// What the file says of the features of one image.
    pub(super) fn features(&mut self, row: &[f32]) -> Result<Scores, RuntimeError> {
        let ExportedInput::Features { name } = &self.form.input else {
            return Err(self.unfit("features"));
        };
        self.run(name, &[1, row.len()], Samples::Floats(row))
    }

    /// What the file says of the picture at `path`; `index` stands in errors.
    pub(super) fn picture(&mut self, index: usize, path: &Path) -> Result<Scores, RuntimeError> {
        let failed = |source| RuntimeError::Picture { index, source };
        let picture =
            Picture::open(path, &self.limits).map_err(|error| failed(ImageError::Decode(error)))?;
        let unprepared = |source| {
            let name = path.display().to_string();
            failed(ImageError::Prepare { name, source })
        };
        match (&self.form.input, &mut self.preprocessor) {
            (ExportedInput::Tensor(input), Some(preprocessor)) => {
                let mut tensor = vec![0.0; preprocessor.sample_length()];
                preprocessor
                    .prepare(&picture, &mut tensor)
                    .map_err(unprepared)?;
                let [channels, height, width] =
                    [input.channels(), input.height, input.width].map(|side| side as usize);
                let shape = match input.layout {
                    Layout::Nchw => [1, channels, height, width],
                    Layout::Nhwc => [1, height, width, channels],
                };
                self.run(&input.tensor, &shape, Samples::Floats(&tensor))
            }
            (ExportedInput::Image { name, .. }, Some(preprocessor)) => {
                let upright = preprocessor.upright(&picture).map_err(unprepared)?;
                let shape = [upright.height, upright.width, 3];
                self.run(name, &shape, Samples::Bytes(&upright.samples))
            }
            _ => Err(self.unfit("a picture")),
        }
    }

    fn run(
        &mut self,
        input: &str,
        shape: &[usize],
        samples: Samples<'_>,
    ) -> Result<Scores, RuntimeError> {
        let ExportedForm {
            outputs, classes, ..
        } = self.form;
        let mut names = vec![
            (outputs.probabilities.as_str(), *classes),
            (outputs.plausible.as_str(), *classes),
        ];
        if let Some(unlike) = &outputs.unlike {
            names.extend([(unlike.distance.as_str(), 1), (unlike.unlike.as_str(), 1)]);
        }
        let values = self.session.evaluate((input, shape, samples), &names)?;
        let [
            Values::Floats(probabilities),
            Values::Booleans(plausible),
            unlike @ ..,
        ] = values.as_slice()
        else {
            return Err(self.unfit("another type of output"));
        };
        let unlike = match unlike {
            [Values::Floats(distance), Values::Booleans(is_unlike)] => Some(UnlikeScore {
                distance: distance[0],
                is_unlike: is_unlike[0],
            }),
            [] => None,
            _ => return Err(self.unfit("another type of output")),
        };
        Ok(Scores {
            probabilities: probabilities.clone(),
            plausible: plausible.clone(),
            unlike,
        })
    }

    fn unfit(&self, what: &str) -> RuntimeError {
        RuntimeError::Session(SessionError::Run {
            path: self.session.path().to_owned(),
            reason: format!("{what} is not what it was made for"),
        })
    }
}

#[cfg(test)]
mod tests;
