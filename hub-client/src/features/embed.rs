//! Embedding images: cached features first, the rest through the pipeline, in order, to a sink.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use ndarray::{Array2, ArrayView1};
use registry_schema::digest::Digest;

use super::{FeatureCache, FeatureError, FeatureTable, Origin};
use crate::dataset::ImageFile;
use crate::runtime::pipeline::{self, FeatureRow, Pictures};
use crate::runtime::{Extractor, ImageError};

/// An image that has no features, and why.
#[derive(Debug)]
pub struct SkippedImage {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: ImageError,
}

/// What happened to the images.
#[derive(Debug, Default)]
pub struct EmbedSummary {
    /// Images whose features were computed.
    pub computed: usize,
    /// Images whose features were known.
    pub cached: usize,
    /// Images that have none.
    pub skipped: Vec<SkippedImage>,
}

impl EmbedSummary {
    /// Images that have features.
    pub fn embedded(&self) -> usize {
        self.computed + self.cached
    }

    /// The first image without features, as an error, for callers that need them all.
    ///
    /// # Errors
    /// [`FeatureError::Image`].
    pub fn complete(mut self) -> Result<Self, FeatureError> {
        if self.skipped.is_empty() {
            return Ok(self);
        }
        let first = self.skipped.swap_remove(0);
        Err(FeatureError::Image {
            name: first.name,
            source: first.reason,
        })
    }
}

/// Computes the features of images and hands each to `sink` with its image, in order. Images that cannot be
/// read are left out and listed in the summary. Memory does not grow with their number. `progress` is told of
/// each image that is done.
///
/// # Errors
/// [`FeatureError`] when the extractor fails, the sink refuses, or `cancel` was set.
pub fn embed(
    extractor: &mut Extractor,
    images: &[ImageFile],
    cache: Option<&FeatureCache>,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(usize),
    mut sink: impl FnMut(&ImageFile, &Digest, &[f32]) -> Result<(), FeatureError>,
) -> Result<EmbedSummary, FeatureError> {
    let paths: Vec<PathBuf> = images.iter().map(|image| image.path.clone()).collect();
    let known = |digest: &Digest| cache?.get(digest);
    let mut summary = EmbedSummary::default();
    pipeline::run::<FeatureError>(
        extractor,
        Pictures::Files(&paths),
        Some(&known),
        cancel,
        |index, result| {
            let image = &images[index];
            match result {
                Ok(FeatureRow {
                    sha256,
                    features,
                    is_cached,
                }) => {
                    if is_cached {
                        summary.cached += 1;
                    } else {
                        summary.computed += 1;
                        cache.map_or(Ok(()), |cache| cache.insert(&sha256, &features))?;
                    }
                    sink(image, &sha256, &features)?;
                }
                Err(reason) => summary.skipped.push(SkippedImage {
                    name: image.name.clone(),
                    reason,
                }),
            }
            progress(index + 1);
            Ok(())
        },
    )?;
    cache.map_or(Ok(()), FeatureCache::flush)?;
    Ok(summary)
}

/// A table, and what happened to the images.
#[derive(Debug)]
pub struct Embedded {
    /// The images that have features.
    pub table: FeatureTable,
    /// What happened to all of them.
    pub summary: EmbedSummary,
}

/// The features of images as one table in memory: `[images that could be read, dimension]`.
///
/// # Errors
/// As [`embed`]; [`FeatureError::NoFeatures`] when no image could be read.
pub fn embed_table(
    extractor: &mut Extractor,
    origin: &Origin,
    images: &[ImageFile],
    cache: Option<&FeatureCache>,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(usize),
) -> Result<Embedded, FeatureError> {
    let features = Array2::zeros((0, origin.dimension));
    let (names, digests) = (Vec::new(), Vec::new());
    let mut table = FeatureTable {
        origin: origin.clone(),
        names,
        digests,
        features,
    };
    let summary = embed(
        extractor,
        images,
        cache,
        cancel,
        progress,
        |image, digest, features| {
            let width = FeatureError::Width {
                expected: origin.dimension,
                found: features.len(),
            };
            table
                .features
                .push_row(ArrayView1::from(features))
                .map_err(|_| width)?;
            table.names.push(image.name.clone());
            table.digests.push(*digest);
            Ok(())
        },
    )?;
    if table.names.is_empty() {
        return Err(FeatureError::NoFeatures {
            count: images.len(),
        });
    }
    Ok(Embedded { table, summary })
}
