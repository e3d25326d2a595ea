//! `hub embed`

use std::fmt;

use hub_client::dataset::ImageSet;
use hub_client::features::FeatureWriter;
use registry_schema::digest::Digest;
use registry_schema::reference::{FeatureSpace, Reference};
use serde::Serialize;

use super::chosen::{Because, Chosen};
use super::embedding::{Embedder, RunView};
use crate::app::Outcome;
use crate::args::EmbedArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct EmbedView {
    extractor: Reference,
    extractor_chosen: Because,
    statement: Digest,
    feature_space: FeatureSpace,
    dimension: usize,
    path: String,
    run: RunView,
}

pub(super) fn embed(args: &EmbedArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the images, the extractor, and a place for the features
    let destination = args.write.destination(&args.output)?;
    let images = ImageSet::named(&args.images)?.not_empty()?;
    let chosen = Chosen::find(&args.reference, context)?;
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    // 2. features go to the file as they come; it appears when all are there
    let origin = embedder.origin().clone();
    let mut writer = FeatureWriter::create(&destination, &origin)?;
    let run = embedder.run(&images.images, &images.skipped, |index, row| {
        Ok(writer.push(&images.images[index].name, &row.sha256, &row.features)?)
    })?;
    writer.finish()?;
    // 3. what was done
    let outcome = run.outcome();
    context.show(&EmbedView {
        extractor: origin.release,
        extractor_chosen: chosen.because,
        statement: origin.statement,
        feature_space: origin.space,
        dimension: origin.dimension,
        path: args.output.display().to_string(),
        run,
    })?;
    Ok(outcome)
}

impl Answer for EmbedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field(
            "extractor",
            format!("{}, {}", self.extractor, self.extractor_chosen.as_str()),
        )?;
        self.run.write_text(page)?;
        page.field(
            "features",
            format!(
                "{} numbers each, space {}",
                self.dimension, self.feature_space
            ),
        )?;
        page.field("written to", &self.path)
    }
}
