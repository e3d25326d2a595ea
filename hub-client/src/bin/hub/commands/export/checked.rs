//! Running the file that was written, on what was seen.
//!
//! Features that are known are held against the file; where it takes images it is run on images. The release's probe
//! images are always there, the labelled ones where the user says they are.

use std::fmt;
use std::path::{Path, PathBuf};

use hub_client::dataset::ImageFile;
use hub_client::features::{FeatureCache, Origin};
use hub_client::files::{self, AtomicFile};
use hub_client::head::export::{Agreement, Scores};
use hub_client::head::{HEAD_BYTES, Head};
use hub_client::store::InstalledRelease;
use hub_client::worker::{ExportedForm, ExportedInput, Inputs, Worker, WorkerError};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use registry_schema::digest::Digest;
use serde::Serialize;

use super::super::chosen::Chosen;
use super::super::head::labelled::{Places, labelled_images};
use super::written::Written;
use crate::args::ExportArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::Bar;

/// Features that one worker is handed at a time.
const FEATURE_BYTES: usize = 16 << 20;

/// Base64 and a program are more than the head.
const FILE_BYTES: u64 = 2 * HEAD_BYTES;

/// What a file was run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Basis {
    /// The images the head was trained on.
    LabelledImages,
    /// The features of those images, as they were computed for the training.
    LabelledFeatures,
    /// The release's own probe images.
    ProbeImages,
    /// Directions of labelled images that the head keeps.
    KeptDirections,
}

/// How a file did.
#[derive(Debug, Serialize)]
pub(super) struct CheckedView {
    basis: Basis,
    images: usize,
    /// Images of that kind that there are.
    of: usize,
    /// Of a probability.
    largest_difference: f64,
}

impl fmt::Display for CheckedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (images, of) = (self.images, self.of);
        let difference = self.largest_difference;
        match self.basis {
            Basis::LabelledImages => write!(
                f,
                "identical to what you saw: {images} of {of} labelled images"
            ),
            Basis::LabelledFeatures => write!(
                f,
                "identical to what you saw: {images} of {of} labelled images, by their cached features"
            ),
            Basis::ProbeImages => write!(
                f,
                "identical on {images} of {of} probe images of the release"
            ),
            Basis::KeptDirections => write!(
                f,
                "identical on the directions of {images} labelled images that the head keeps"
            ),
        }?;
        if difference == 0.0 {
            write!(f, ", no difference")
        } else {
            write!(f, ", largest difference {difference:.0e}")
        }
    }
}

/// Runs the file and compares what it says with what the head says of the same images.
pub(super) fn check(
    file: &mut AtomicFile,
    written: &Written,
    head: &Head,
    (args, chosen): (&ExportArgs, Option<&Chosen>),
    context: &Context,
) -> Result<Vec<CheckedView>, CommandError> {
    let takes_images = match written {
        Written::Graph(form) => !matches!(form.input, ExportedInput::Features { .. }),
        Written::Numbers(_) => false,
    };
    let seen = Seen {
        head,
        images: args.images.as_deref(),
        context,
    };
    let groups = match (takes_images, chosen) {
        (true, Some(chosen)) => seen.pictures(&chosen.installed)?,
        _ => vec![seen.features(chosen)?],
    };
    let path = file.written()?;
    let mut checked = Vec::new();
    for group in &groups {
        let mut agreement = Agreement::new(head.abstention().limits.clone());
        run(path, written, (head, group), context, &mut agreement).map_err(interrupted)?;
        let agreement = agreement.finish()?;
        checked.push(CheckedView {
            basis: group.basis,
            images: agreement.images(),
            of: group.of,
            largest_difference: agreement.largest_difference(),
        });
    }
    Ok(checked)
}

/// A worker that was stopped was stopped by the user.
fn interrupted(error: CommandError) -> CommandError {
    match error {
        CommandError::Worker(WorkerError::Cancelled) => CommandError::Interrupted,
        other => other,
    }
}

/// Hands every sample of a group to the file and what comes back to `agreement`.
fn run(
    path: &Path,
    written: &Written,
    (head, group): (&Head, &Group),
    context: &Context,
    agreement: &mut Agreement,
) -> Result<(), CommandError> {
    let bar = Bar::images(context, group.samples.len());
    let worker = context.worker()?;
    let rows = (FEATURE_BYTES / (4 * group.dimension)).max(1);
    for samples in group.samples.chunks(rows) {
        let features = features(samples, group.dimension);
        let predictions = head.predict(features.view(), &head.space())?;
        let mut compare = |index: usize, found: &Scores| {
            bar.advance();
            let seen = Scores::predicted(&predictions, index);
            agreement.compare(&samples[index].name, &seen, found);
        };
        match written {
            Written::Graph(form) => run_graph(&worker, (path, form), samples, compare)?,
            Written::Numbers(read) => {
                let numbers = read(&files::read_limited(path, FILE_BYTES)?)?;
                let first = Slice::from(..numbers.dimension());
                let found = numbers.scores(features.slice_axis(Axis(1), first));
                found
                    .iter()
                    .enumerate()
                    .for_each(|(index, found)| compare(index, found));
            }
        }
    }
    Ok(())
}

fn run_graph(
    worker: &Worker,
    (path, form): (&Path, &ExportedForm),
    samples: &[Sample],
    mut compare: impl FnMut(usize, &Scores),
) -> Result<(), CommandError> {
    let rows: Vec<Vec<f32>>;
    let paths: Vec<PathBuf>;
    let inputs = match &form.input {
        ExportedInput::Features { .. } => {
            rows = samples
                .iter()
                .map(|sample| sample.features.clone())
                .collect();
            Inputs::Features(&rows)
        }
        ExportedInput::Tensor(_) | ExportedInput::Image { .. } => {
            paths = samples.iter().map(|sample| sample.path.clone()).collect();
            Inputs::Pictures(&paths)
        }
    };
    worker.score(path, form, inputs, |index, found| {
        compare(index, &found);
        Ok(())
    })
}

fn features(samples: &[Sample], dimension: usize) -> Array2<f32> {
    Array2::from_shape_fn((samples.len(), dimension), |(row, column)| {
        samples[row].features[column]
    })
}

/// Images of one kind.
struct Group {
    basis: Basis,
    samples: Vec<Sample>,
    /// Images of that kind that there are.
    of: usize,
    /// Length of their features.
    dimension: usize,
}

/// One image, as it was seen.
struct Sample {
    name: String,
    /// Empty when only its features are known.
    path: PathBuf,
    features: Vec<f32>,
}

/// What is known of the images a head was trained on.
struct Seen<'a> {
    head: &'a Head,
    images: Option<&'a Path>,
    context: &'a Context,
}

impl Seen<'_> {
    /// For a file that takes images: the probes, and the labelled ones where they are to be found.
    fn pictures(&self, installed: &InstalledRelease) -> Result<Vec<Group>, CommandError> {
        let probes = self.probes(installed)?;
        let Some(folder) = self.images else {
            self.context.report().note(
                "the file was checked on the release's probe images; --images DIR checks it on the labelled ones, too",
            );
            return Ok(vec![probes]);
        };
        Ok(vec![probes, self.labelled(folder, installed)?])
    }

    /// For a file that takes features: those of the labelled images where they are known, else the best there is.
    fn features(&self, chosen: Option<&Chosen>) -> Result<Group, CommandError> {
        let installed = chosen.map(|chosen| &chosen.installed);
        if let (Some(folder), Some(installed)) = (self.images, installed) {
            return self.labelled(folder, installed);
        }
        if let Some(group) = self.cached(installed) {
            return Ok(group);
        }
        if let Some(mut group) = self.kept() {
            if let Some(installed) = installed {
                // A newer release's vectors are longer; the head reads the first numbers.
                group.resize(installed.manifest().output.dimension as usize);
            }
            return Ok(group);
        }
        // A head of the first format, trained elsewhere.
        match installed {
            Some(installed) => self.probes(installed),
            None => {
                let chosen = Chosen::for_head(self.head, None, self.context)?;
                let mut group = self.probes(&chosen.installed)?;
                group.resize(self.head.dimension());
                Ok(group)
            }
        }
    }

    /// The labelled images under a folder, known by their digests, with the features they were seen with.
    fn labelled(&self, folder: &Path, installed: &InstalledRelease) -> Result<Group, CommandError> {
        let wanted = labelled_images(self.head);
        let found = Places::find(Some(&wanted), Some(folder), self.context)?.files();
        if found.is_empty() {
            return Err(CommandError::NoTrainingImage {
                head: self.head.name().to_string(),
                images: folder.to_owned(),
            });
        }
        let origin = Origin::of(installed.release());
        let cache = FeatureCache::open(&self.context.folders().features(), &origin)?;
        Ok(Group {
            basis: Basis::LabelledImages,
            samples: self.embedded(installed, &found, Some(&cache))?,
            of: wanted.len(),
            dimension: origin.dimension,
        })
    }

    fn probes(&self, installed: &InstalledRelease) -> Result<Group, CommandError> {
        let probes = installed.probe_images()?;
        let images: Vec<ImageFile> = probes
            .into_iter()
            .map(|(name, path)| ImageFile { name, path })
            .collect();
        Ok(Group {
            basis: Basis::ProbeImages,
            samples: self.embedded(installed, &images, None)?,
            of: images.len(),
            dimension: installed.manifest().output.dimension as usize,
        })
    }

    fn embedded(
        &self,
        installed: &InstalledRelease,
        images: &[ImageFile],
        cache: Option<&FeatureCache>,
    ) -> Result<Vec<Sample>, CommandError> {
        let extractor = installed.extractor_files()?;
        let paths: Vec<PathBuf> = images.iter().map(|image| image.path.clone()).collect();
        let mut samples = Vec::with_capacity(images.len());
        let worker = self.context.worker()?;
        let ended = worker.embed(&extractor, &paths, cache, |index, row| {
            let ImageFile { name, path } = images[index].clone();
            let row = row.map_err(|source| CommandError::Image {
                name: name.clone(),
                source,
            })?;
            samples.push(Sample {
                name,
                path,
                features: row.features,
            });
            Ok(())
        });
        ended.map_err(interrupted)?;
        Ok(samples)
    }

    /// Features of labelled images that were computed here before.
    fn cached(&self, installed: Option<&InstalledRelease>) -> Option<Group> {
        let origin = installed.map(|installed| Origin::of(installed.release()));
        let trained_on = (self.head.extractor().digest, self.head.dimension());
        let (statement, dimension) =
            origin.map_or(trained_on, |origin| (origin.statement, origin.dimension));
        let path = FeatureCache::path_of(&self.context.folders().features(), &statement);
        // A cache that cannot be read knows nothing.
        let cache = FeatureCache::open_to_read(&path, dimension).ok()?;
        let sample = |digest: Digest| {
            Some(Sample {
                name: digest.to_string(),
                path: PathBuf::new(),
                features: cache.get(&digest)?,
            })
        };
        let samples: Vec<Sample> = self.digests().filter_map(sample).collect();
        (!samples.is_empty()).then_some(Group {
            basis: Basis::LabelledFeatures,
            of: self.digests().count(),
            samples,
            dimension,
        })
    }

    /// Features that point where labelled images do.
    fn kept(&self) -> Option<Group> {
        let references: ArrayView2<'_, f32> = self.head.abstention().references();
        let features = self.head.transform().inverse(references);
        let samples: Vec<Sample> = features
            .rows()
            .into_iter()
            .enumerate()
            .map(|(row, features)| Sample {
                name: format!("direction {row}"),
                path: PathBuf::new(),
                features: features.to_vec(),
            })
            .collect();
        (!samples.is_empty()).then_some(Group {
            basis: Basis::KeptDirections,
            of: samples.len(),
            samples,
            dimension: self.head.dimension(),
        })
    }

    fn digests(&self) -> impl Iterator<Item = Digest> {
        let labels = &self.head.training().labels;
        labels.iter().map(|&(digest, _)| digest)
    }
}

impl Group {
    /// Keeps the first `dimension` numbers of each vector, or appends zeros.
    fn resize(&mut self, dimension: usize) {
        self.dimension = dimension;
        for sample in &mut self.samples {
            sample.features.resize(dimension, 0.0);
        }
    }
}
