//! What is said over the pipes: one request, then answers, each a line of JSON. Pictures that are sent
//! after a request follow a line with their sizes, as they are.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_schema::digest::Digest;
use registry_schema::manifest::Output;
use registry_schema::preprocess::Input;
use serde::{Deserialize, Serialize};

use super::error::{Failure, WorkerError};
use super::scoring::ExportedForm;
use crate::confine::{Confinement, Limits};
use crate::head::export::{Scores, UnlikeScore};
use crate::runtime::pipeline::FeatureRow;
use crate::runtime::{ExtractorFiles, ExtractorSpec};

/// Of the request and its answers. Both sides are one program, unless it was replaced meanwhile.
pub(super) const VERSION: u32 = 1;

/// Longest answer: a vector of 65,536 numbers takes 350 KB.
pub(super) const ANSWER_BYTES: u64 = 1 << 20;

/// Longest line before pictures: sizes of the most there may be.
pub(super) const SIZES_BYTES: u64 = 1 << 16;

/// Most pictures that are sent at once.
pub(super) const SENT_PICTURES: usize = 1_024;

/// Most bytes of the pictures that are sent at once.
pub(super) const SENT_BYTES: u64 = 1 << 30;

/// What a worker is to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) v: u32,
    pub(super) home: Option<WirePath>,
    pub(super) threads: Option<NonZeroUsize>,
    pub(super) batch: Option<NonZeroUsize>,
    pub(super) pixels: u64,
    pub(super) file_bytes: u64,
    pub(super) limits: Limits,
    pub(super) task: Task,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Task {
    /// Load the library.
    Library,
    /// Run the probes, in the order of their names.
    Probes {
        extractor: ExtractorPart,
        names: Vec<String>,
        images: Vec<WirePath>,
    },
    /// Compute features.
    Embed {
        extractor: ExtractorPart,
        images: Vec<WirePath>,
        cache: Option<WirePath>,
    },
    /// Compute features of pictures that are sent, until none are: before each answer come a line with
    /// [`Sizes`] and the pictures.
    Stay { extractor: ExtractorPart },
    /// Run an exported file on features, or on pictures.
    Score {
        graph: WirePath,
        file: ExportedForm,
        features: Vec<Features>,
        images: Vec<WirePath>,
    },
    /// Run a graph once on numbers of that shape, and say what its outputs are.
    Tensors {
        graph: WirePath,
        input: String,
        shape: [usize; 4],
        outputs: Vec<String>,
    },
    /// Make small versions of pictures; no extractor is opened.
    Thumbnails { images: Vec<WirePath>, side: u32 },
}

/// The sizes of the pictures that follow, in bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    pub(super) sizes: Vec<u64>,
}

impl Sizes {
    /// Whether so much may be sent at once.
    pub(super) fn is_bearable(&self) -> bool {
        let total = self
            .sizes
            .iter()
            .try_fold(0_u64, |sum, &size| sum.checked_add(size));
        self.sizes.len() <= SENT_PICTURES && total.is_some_and(|total| total <= SENT_BYTES)
    }
}

/// The extractor to run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtractorPart {
    graph: WirePath,
    input: Input,
    output: Output,
}

impl ExtractorPart {
    pub(super) fn new(files: &ExtractorFiles) -> Self {
        Self {
            graph: (&files.graph).into(),
            input: files.spec.input.clone(),
            output: files.spec.output.clone(),
        }
    }

    pub(super) fn graph(&self) -> PathBuf {
        self.graph.clone().into_path()
    }

    pub(super) fn dimension(&self) -> usize {
        self.output.dimension as usize
    }

    pub(super) fn into_files(self) -> ExtractorFiles {
        let (input, output) = (self.input, self.output);
        ExtractorFiles {
            graph: self.graph.into_path(),
            spec: ExtractorSpec { input, output },
        }
    }
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Answer {
    /// It is confined as far as possible, and has read nothing of the extractor yet.
    Confined { v: u32, confinement: Confinement },
    /// It has loaded the library.
    Library { path: WirePath, build: String },
    /// It has loaded the extractor.
    Ready { threads: usize, batch: usize },
    /// The vector of one probe.
    Vector { index: usize, features: Features },
    /// The features of one file.
    Row(Row),
    /// What an exported file says of one input.
    Scored(Scored),
    /// What one output of a graph is.
    Tensor {
        index: usize,
        element: String,
        dimensions: Vec<u64>,
    },
    /// A small version of one picture: a JPEG in base64.
    Thumbnail { index: usize, jpeg: String },
    /// One picture has none.
    Skipped { index: usize, failure: Failure },
    /// One file cannot be read as a picture, of which a small version was wanted.
    NoThumbnail { index: usize },
    /// All was said.
    Done,
    /// Nothing more will come.
    Failed(Failure),
}

impl Answer {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Confined { .. } => "a confinement",
            Self::Library { .. } => "a library",
            Self::Ready { .. } => "readiness",
            Self::Vector { .. } => "a vector",
            Self::Row(_) => "a row",
            Self::Scored(_) => "scores",
            Self::Tensor { .. } => "a tensor",
            Self::Thumbnail { .. } | Self::NoThumbnail { .. } => "a small picture",
            Self::Skipped { .. } => "a skipped picture",
            Self::Done => "the end",
            Self::Failed(_) => "a failure",
        }
    }
}

/// The features of one file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) index: usize,
    sha256: Digest,
    is_cached: bool,
    features: Features,
}

impl Row {
    pub(super) fn new(index: usize, row: &FeatureRow) -> Self {
        Self {
            index,
            sha256: row.sha256,
            is_cached: row.is_cached,
            features: Features::new(&row.features),
        }
    }

    pub(super) fn into_features(self, dimension: usize) -> Result<FeatureRow, WorkerError> {
        Ok(FeatureRow {
            sha256: self.sha256,
            features: self.features.into_values(dimension)?,
            is_cached: self.is_cached,
        })
    }
}

/// What an exported file says of one input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scored {
    pub(super) index: usize,
    probabilities: Features,
    plausible: Vec<bool>,
    distance: Option<Features>,
    is_unlike: Option<bool>,
}

impl Scored {
    pub(super) fn new(index: usize, scores: &Scores) -> Self {
        Self {
            index,
            probabilities: Features::new(&scores.probabilities),
            plausible: scores.plausible.clone(),
            distance: scores
                .unlike
                .map(|unlike| Features::new(&[unlike.distance])),
            is_unlike: scores.unlike.map(|unlike| unlike.is_unlike),
        }
    }

    pub(super) fn into_scores(self, classes: usize) -> Result<Scores, WorkerError> {
        if self.plausible.len() != classes {
            let reason = format!("{} truths for {classes} classes", self.plausible.len());
            return Err(WorkerError::Answer { reason });
        }
        let distance = self
            .distance
            .map(|distance| distance.into_values(1))
            .transpose()?;
        let unlike = distance.zip(self.is_unlike);
        Ok(Scores {
            probabilities: self.probabilities.into_values(classes)?,
            plausible: self.plausible,
            unlike: unlike.map(|(distance, is_unlike)| UnlikeScore {
                distance: distance[0],
                is_unlike,
            }),
        })
    }
}

/// A vector: f32 little-endian in base64.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Features(String);

impl Features {
    pub(super) fn new(values: &[f32]) -> Self {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        Self(STANDARD.encode(bytes))
    }

    /// The numbers, however many there are.
    pub(super) fn into_any_values(self) -> Result<Vec<f32>, WorkerError> {
        let wrong = |reason: String| WorkerError::Answer { reason };
        let bytes = STANDARD
            .decode(&self.0)
            .map_err(|error| wrong(format!("features are not base64: {error}")))?;
        let (values, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            let found = bytes.len();
            return Err(wrong(format!("{found} bytes are no float32 numbers")));
        }
        Ok(values.iter().map(|&v| f32::from_le_bytes(v)).collect())
    }

    /// The numbers, when there are `dimension` and all are finite.
    pub(super) fn into_values(self, dimension: usize) -> Result<Vec<f32>, WorkerError> {
        let wrong = |reason: String| WorkerError::Answer { reason };
        let values = self.into_any_values()?;
        if values.len() != dimension {
            let found = 4 * values.len();
            return Err(wrong(format!("{found} bytes for {dimension} features")));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(wrong("features that are not finite".to_owned()));
        }
        Ok(values)
    }
}

/// A path as JSON: text, or where it is none, its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum WirePath {
    Text(String),
    Bytes(Vec<u8>),
}

impl<P: AsRef<Path>> From<P> for WirePath {
    fn from(path: P) -> Self {
        let path = path.as_ref();
        path.to_str().map_or_else(
            || Self::Bytes(path.as_os_str().as_encoded_bytes().to_vec()),
            |text| Self::Text(text.to_owned()),
        )
    }
}

impl WirePath {
    pub(super) fn into_path(self) -> PathBuf {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => path_of(bytes),
        }
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn row(features: Vec<f32>) -> FeatureRow {
        FeatureRow {
            sha256: Digest::of(b"x"),
            features,
            is_cached: false,
        }
    }

    proptest! {
        #[test]
        fn features_and_paths_survive_the_pipe(
            features in proptest::collection::vec(any::<f32>(), 0..40),
            path in proptest::collection::vec(1..=255_u8, 0..40),
        ) {
            let is_finite = features.iter().all(|value| value.is_finite());
            let row = row(features);
            let line = serde_json::to_string(&Answer::Row(Row::new(7, &row))).unwrap();
            prop_assert!(!line.contains('\n'));
            let Answer::Row(back) = serde_json::from_str(&line).unwrap() else { panic!() };
            prop_assert_eq!(back.index, 7);
            let back = back.into_features(row.features.len());
            prop_assert_eq!(back.is_ok(), is_finite);
            if let Ok(back) = back {
                prop_assert_eq!(back, row);
            }
            #[cfg(unix)]
            {
                let path = path_of(path);
                let wire = serde_json::to_string(&WirePath::from(&path)).unwrap();
                let back: WirePath = serde_json::from_str(&wire).unwrap();
                prop_assert_eq!(back.into_path(), path);
            }
        }
    }

    #[test]
    fn rows_of_another_length_are_refused() {
        for dimension in [0, 2, 4] {
            let wire = Row::new(0, &row(vec![1.0; 3]));
            assert!(wire.into_features(dimension).is_err());
        }
        let mut wire = Features::new(&[1.0; 3]);
        wire.0.truncate(5);
        assert!(wire.into_values(3).is_err());
    }
}
