//! `hub check --statistics`: what the images are like on the whole that an extractor is meant for.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use hub_client::dataset::ImageSet;
use hub_client::explore::domain::StatisticsBuilder;
use hub_client::files;
use hub_client::publish::{AuthorFolder, CheckError};
use registry_schema::manifest::Statistics;
use serde::Serialize;

use super::embedding::{Embedder, RunView};
use crate::app::Outcome;
use crate::args::RunArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Page, percent};

/// What will be published of the images.
#[derive(Serialize)]
pub(super) struct StatisticsView {
    /// Images that mean and axes are made from.
    images: u64,
    /// Others, that the distances were measured on.
    held_out: u64,
    axes: usize,
    /// The share of the variance that lies along the axes, 0 to 1.
    variance_along_axes: f64,
    /// Present when they were made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunView>,
}

/// The images to make statistics of.
pub(super) fn images(folder: &Path) -> Result<ImageSet, CommandError> {
    Ok(ImageSet::walk(folder)?.not_empty()?)
}

/// Makes the statistics of images, each content once, and writes them into the author's folder. Gives the
/// size of the file, too.
pub(super) fn make(
    folder: &mut AuthorFolder,
    images: &ImageSet,
    context: &Context,
) -> Result<(StatisticsView, u64), CommandError> {
    let manifest = folder.manifest();
    let (input, distance) = (manifest.input.clone(), manifest.output.distance);
    let dimension = manifest.output.dimension as usize;
    let graph = folder.extractor_files()?.graph;
    let builder = StatisticsBuilder::new(images.images.len(), dimension, distance);
    let mut builder = builder.map_err(CheckError::Statistics)?;
    let run = RunArgs {
        no_cache: true,
        strict: false,
        batch: None,
    };
    let mut seen = HashSet::new();
    let mut embedder = Embedder::of_folder(folder, run, context)?;
    let run = embedder.run(&images.images, &images.skipped, |place, row| {
        if seen.insert(row.sha256) {
            let pushed = builder.push(place, &row.features);
            pushed.map_err(CheckError::Statistics)?;
        }
        Ok(())
    })?;
    let digest = files::digest_of_file(&graph)?;
    let statistics = builder.finish(digest, input);
    let statistics = statistics.map_err(CheckError::Statistics)?;
    folder.write_statistics(&statistics)?;
    // What is written is held to what a puller will hold it to.
    folder.inspect()?;
    let mut view = StatisticsView::new(&statistics);
    view.run = Some(run);
    Ok((view, statistics.to_bytes().len() as u64))
}

impl StatisticsView {
    pub(super) fn new(statistics: &Statistics) -> Self {
        let along: f64 = statistics.variances.iter().sum();
        let dimension = statistics.mean.len();
        let could =
            usize::try_from(statistics.images).map_or(dimension, |n| (n - 1).min(dimension));
        let directions = could.saturating_sub(statistics.axes.len());
        Self {
            images: statistics.images,
            held_out: statistics.held_out,
            axes: statistics.axes.len(),
            variance_along_axes: along / (along + statistics.rest * directions as f64),
            run: None,
        }
    }

    /// Whether some images were left out.
    pub(super) fn outcome(&self) -> Outcome {
        self.run.as_ref().map_or(Outcome::Done, RunView::outcome)
    }

    pub(super) fn write_text(&self, page: &mut Page) -> fmt::Result {
        if let Some(run) = &self.run {
            run.write_text(page)?;
        }
        let (images, share) = (
            self.images + self.held_out,
            percent(self.variance_along_axes),
        );
        page.field(
            "statistics",
            format!(
                "of {images} images: a mean and {} axes, which hold {share} of the variance",
                self.axes
            ),
        )
    }
}
