//! `hub eval`

use std::collections::BTreeSet;
use std::fmt;

use hub_client::dataset::{ImageFile, ImageSet, LabelledImages};
use hub_client::head::Head;
use hub_client::head::metrics::Metrics;
use ndarray::ArrayView2;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::{Because, Chosen};
use super::embedding::{Embedder, RunView};
use super::predict::check_fit;
use crate::app::Outcome;
use crate::args::EvalArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, percent};

#[derive(Serialize)]
struct EvalView {
    head: String,
    extractor: Reference,
    extractor_statement: Digest,
    extractor_chosen: Because,
    #[serde(flatten)]
    metrics: Metrics,
    /// Images the head was trained on; with `--unseen` they are not counted in the figures.
    trained_on: usize,
    unseen: bool,
    run: RunView,
}

pub(super) fn eval(args: &EvalArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. images and labels, the head, and what it runs on
    let images = ImageSet::walk(&args.images)?;
    let skipped = images.skipped.clone();
    let labelled = match &args.labels {
        Some(file) => LabelledImages::from_file(images, file)?,
        None => LabelledImages::from_folders(images)?,
    };
    for warning in &labelled.warnings {
        context.report().detail(&warning.to_string());
    }
    let head = context.heads().load(&args.head, args.with.head_version)?;
    check_classes(&head, &labelled)?;
    let chosen = Chosen::for_head(&head, args.with.extractor.as_ref(), context)?;
    let manifest = chosen.installed.manifest();
    check_fit(
        &head,
        &manifest.feature_space(),
        manifest.output.dimension as usize,
    )?;
    // 2. features
    let known: BTreeSet<Digest> = head
        .training()
        .labels
        .iter()
        .map(|(image, _)| *image)
        .collect();
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let files: Vec<ImageFile> = labelled
        .images
        .iter()
        .map(|one| one.image.clone())
        .collect();
    let (mut features, mut labels, mut trained_on) = (Vec::new(), Vec::new(), 0);
    let run = embedder.run(&files, &skipped, |index, row| {
        let is_known = known.contains(&row.sha256);
        trained_on += usize::from(is_known);
        if !(is_known && args.unseen) {
            features.extend_from_slice(&row.features);
            labels.push(&labelled.classes[labelled.images[index].class]);
        }
        Ok(())
    })?;
    if labels.is_empty() {
        return Err(CommandError::OnlyTrainingImages {
            count: trained_on,
            head: head.name().to_string(),
        });
    }
    if trained_on > 0 && !args.unseen {
        context.report().warn(&format!("{trained_on} of the images are among those the head was trained on: the figures flatter it"));
    }
    // 3. how good it is on them
    let shape = (labels.len(), embedder.dimension());
    let features = ArrayView2::from_shape(shape, &features);
    let features = features.expect("each row has the extractor's dimension, as the runtime checks");
    let metrics = head.evaluate(features, &head.space(), &labels)?;
    let outcome = run.outcome();
    context.show(&EvalView {
        head: head.name().to_string(),
        extractor: chosen.reference(),
        extractor_statement: chosen.installed.release().statement_digest(),
        extractor_chosen: chosen.because,
        metrics,
        trained_on,
        unseen: args.unseen,
        run,
    })?;
    Ok(outcome)
}

/// A label the head does not know is found before the images are read.
fn check_classes(head: &Head, labelled: &LabelledImages) -> Result<(), CommandError> {
    let unknown = labelled
        .classes
        .iter()
        .find(|class| !head.classes().contains(class));
    unknown.map_or(Ok(()), |class| {
        Err(CommandError::Head(
            hub_client::head::HeadError::UnknownClass {
                head: head.name().to_string(),
                class: class.clone(),
                known: head.classes().to_vec(),
            },
        ))
    })
}

impl Answer for EvalView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let metrics = &self.metrics;
        page.line(page.bold(&format!("{} on {} images", self.head, metrics.images)))?;
        page.field(
            "extractor",
            format!("{}, {}", self.extractor, self.extractor_chosen.as_str()),
        )?;
        self.run.write_text(page)?;
        let interval = metrics.accuracy_interval;
        let range = format!("{} to {}", percent(interval.low), percent(interval.high));
        page.field(
            "accuracy",
            format!("{}, 9 times in 10 from {range}", percent(metrics.accuracy)),
        )?;
        page.field("balanced", percent(metrics.balanced_accuracy))?;
        page.field("log loss", format!("{:.4}", metrics.log_loss))?;
        page.line("")?;
        self.write_confusion(page)
    }
}

impl EvalView {
    /// One row for each true class, one column for each class it was taken for.
    fn write_confusion(&self, page: &mut Page) -> fmt::Result {
        let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
        let classes = &self.metrics.classes;
        let mut head = vec!["TRUE CLASS"];
        head.extend(classes.iter().map(|class| class.class.as_str()));
        head.extend(["RECALL", "PRECISION"]);
        let row = |(class, counts): (&hub_client::head::metrics::ClassMetrics, &Vec<usize>)| {
            let mut row = vec![class.class.clone()];
            row.extend(counts.iter().map(usize::to_string));
            row.extend([share(class.recall), share(class.precision)]);
            row
        };
        let rows: Vec<_> = classes
            .iter()
            .zip(&self.metrics.confusion)
            .map(row)
            .collect();
        page.table(&head, &rows)
    }
}
