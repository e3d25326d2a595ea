//! What a session begins with.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use registry_schema::manifest::Distance;

use super::compare::Rival;
use crate::dataset::ImageSet;
use crate::features::Origin;
use crate::head::{ExtractorRelease, HeadName, HeadStore, TransformKind};
use crate::runtime::ExtractorFiles;
use crate::worker::Worker;

/// What a session is about.
#[derive(Clone)]
pub struct Setup {
    /// The images of one folder.
    pub images: Arc<ImageSet>,
    /// The journal of labels, made when it is not there.
    pub journal: PathBuf,
    /// What computes the features.
    pub extractor: SessionExtractor,
    /// Runs it.
    pub worker: Worker,
    /// The folder of caches.
    pub cache: PathBuf,
    /// Where heads are kept.
    pub heads: HeadStore,
    /// What the head is called, when that is known.
    pub head: Option<HeadName>,
    /// The installed extractors, asked for when they are to be compared or another one is to be taken.
    pub rivals: Arc<dyn Fn() -> Result<Vec<Rival>, String> + Send + Sync>,
    /// Told of the extractor that was taken on the page in the place of the one before.
    pub taken: Arc<dyn Fn(&ExtractorRelease) + Send + Sync>,
    /// Threads for what is computed here.
    pub threads: NonZeroUsize,
    /// Ends everything when it is set.
    pub stop: Arc<AtomicBool>,
}

/// An installed extractor, as a session needs it.
#[derive(Clone, Debug)]
pub struct SessionExtractor {
    /// The exact release.
    pub release: ExtractorRelease,
    /// What its features are bound to.
    pub origin: Origin,
    /// What runs it.
    pub files: ExtractorFiles,
    /// Whether it is the one of [`super::demo_extractor`], on which no head is kept.
    pub is_demo: bool,
}

impl SessionExtractor {
    /// How its manifest compares vectors.
    pub(super) fn distance(&self) -> Distance {
        self.files.spec.output.distance
    }

    /// What heads on its features begin with.
    pub(super) fn transform(&self) -> TransformKind {
        self.files.spec.output.head_transform.into()
    }
}
