//! `hub extractor reduce`

use std::collections::HashSet;
use std::fmt;

use hub_client::dataset::ImageSet;
use hub_client::explore::{ReductionBuilder, ReductionMethod};
use hub_client::forge::{ForgeError, ReduceRequest};
use registry_schema::reference::Reference;
use serde::Serialize;

use super::super::chosen::Chosen;
use super::super::embedding::{Embedder, RunView};
use super::{MadeView, about, folder, note_next};
use crate::app::Outcome;
use crate::args::{ReduceArgs, ReduceMethodArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, percent};
use crate::progress::Bar;

/// Below so many images for each dimension, the last axes are an accident of the images.
const ENOUGH_PER_DIMENSION: usize = 5;

#[derive(Serialize)]
struct ReduceView {
    #[serde(flatten)]
    made: MadeView,
    from: Reference,
    dimension_before: u32,
    method: &'static str,
    /// Different images the axes are of.
    images: usize,
    /// Share of the images' variance along the axes, 0 to 1.
    variance_kept: f64,
    run: RunView,
}

pub(super) fn reduce(args: &ReduceArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the images and the extractor
    let images = ImageSet::walk(&args.images)?.not_empty()?;
    let chosen = Chosen::find(&args.reference, context)?;
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let (wanted, found) = (args.dims as usize, embedder.dimension());
    if wanted >= found {
        let release = chosen.reference().to_string();
        return Err(ForgeError::NotFewer {
            release,
            found,
            wanted,
        }
        .into());
    }
    // 2. their features pass by once, each content once
    let mut builder = ReductionBuilder::new(found)?;
    let mut seen = HashSet::new();
    let run = embedder.run(&images.images, &images.skipped, |_, row| {
        if seen.insert(row.sha256) {
            builder.push(&row.features)?;
        }
        Ok(())
    })?;
    // 3. the axes
    let method = match args.method {
        ReduceMethodArg::Pca => ReductionMethod::Pca,
        ReduceMethodArg::HalfWhitening => ReductionMethod::HalfWhitening,
    };
    let spinner = Bar::spinner(context, "finding axes");
    let reduction = builder.finish(wanted, method)?;
    context.check_interrupt()?;
    if reduction.images < ENOUGH_PER_DIMENSION * wanted {
        context.report().warn(&format!(
            "{} different images for {wanted} dimensions are few: the last axes will be of little use to other images",
            reduction.images
        ));
    }
    // 4. the folder
    let about = about(&args.about, &args.name);
    let folder = folder(args.about.output.as_ref(), &args.name, "");
    let request = ReduceRequest {
        from: &chosen.installed,
        reduction: &reduction,
        method,
        dimensions: wanted,
        about: &about,
        folder: &folder,
    };
    let reduced = hub_client::forge::reduce(&request, &context.worker()?)?;
    drop(spinner);
    let outcome = run.outcome();
    context.show(&ReduceView {
        made: MadeView::new(&reduced.made),
        from: chosen.reference(),
        dimension_before: reduced.dimension_before,
        method: match args.method {
            ReduceMethodArg::Pca => "pca",
            ReduceMethodArg::HalfWhitening => "half-whitening",
        },
        images: reduction.images,
        variance_kept: reduction.kept,
        run,
    })?;
    note_next(&reduced.made, context);
    Ok(outcome)
}

impl Answer for ReduceView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        self.made.write_text(page)?;
        page.field(
            "made of",
            format!("{}, {} features", self.from, self.dimension_before),
        )?;
        self.run.write_text(page)?;
        let kept = percent(self.variance_kept);
        page.field(
            "axes",
            format!(
                "of {} different images, hold {kept} of their variance",
                self.images
            ),
        )
    }
}
