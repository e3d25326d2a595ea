//! `hub predict`

use std::collections::BTreeMap;
use std::fmt;

use hub_client::dataset::ImageSet;
use hub_client::head::Head;
use ndarray::ArrayView2;
use registry_schema::reference::{FeatureSpace, Reference};
use serde::Serialize;

use super::chosen::{Because, Chosen};
use super::embedding::{Embedder, RunView};
use crate::app::Outcome;
use crate::args::PredictArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};

#[derive(Serialize)]
struct PredictView {
    head: String,
    extractor: Reference,
    extractor_chosen: Because,
    classes: Vec<String>,
    predictions: Vec<PredictionView>,
    run: RunView,
}

#[derive(Serialize)]
struct PredictionView {
    path: String,
    class: String,
    probability: f32,
    /// The classes that cannot be ruled out, most probable first: one is an answer, several are a doubt
    /// between them, none is no idea.
    plausible: Vec<String>,
    /// The image is farther from the labelled images than they are from each other.
    unlike_anything_shown: bool,
    /// Mean cosine distance from the nearest labelled images; null for heads of the first format.
    distance: Option<f64>,
    probabilities: BTreeMap<String, f32>,
}

pub(super) fn predict(args: &PredictArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the images, the head, and what it runs on
    let images = ImageSet::named(&args.images)?.not_empty()?;
    let head = context.heads().load(&args.head, args.with.head_version)?;
    let chosen = Chosen::for_head(&head, args.with.extractor.as_ref(), context)?;
    let space = chosen.installed.manifest().feature_space();
    let dimension = chosen.installed.manifest().output.dimension as usize;
    check_fit(&head, &space, dimension)?;
    // 2. each image's features are classified as they come
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let mut predictions = Vec::with_capacity(images.images.len());
    let run = embedder.run(&images.images, &images.skipped, |index, row| {
        let path = images.images[index].name.clone();
        predictions.push(predict_one(&head, &space, path, &row.features)?);
        Ok(())
    })?;
    // 3. the answer
    let outcome = run.outcome();
    let classes = head.classes().to_vec();
    if args.csv {
        context.output().raw(&csv(&classes, &predictions)?)?;
        return Ok(outcome);
    }
    context.show(&PredictView {
        head: head.name().to_string(),
        extractor: chosen.reference(),
        extractor_chosen: chosen.because,
        classes,
        predictions,
        run,
    })?;
    Ok(outcome)
}

/// Refuses another feature space, or vectors too short for a head, before any image is read.
pub(super) fn check_fit(
    head: &Head,
    space: &FeatureSpace,
    dimension: usize,
) -> Result<(), CommandError> {
    head.predict(ndarray::Array2::zeros((0, dimension)).view(), space)?;
    Ok(())
}

fn predict_one(
    head: &Head,
    space: &FeatureSpace,
    path: String,
    features: &[f32],
) -> Result<PredictionView, CommandError> {
    let row = ArrayView2::from_shape((1, features.len()), features)
        .expect("one row has as many columns as values");
    let predictions = head.predict(row, space)?;
    let best = predictions.best(0);
    let plausible = predictions.plausible(0).into_iter();
    Ok(PredictionView {
        path,
        class: best.class.to_owned(),
        probability: best.probability,
        plausible: plausible
            .map(|class| head.classes()[class].clone())
            .collect(),
        unlike_anything_shown: predictions.is_unlike(0),
        distance: predictions.distances[0],
        probabilities: head
            .classes()
            .iter()
            .cloned()
            .zip(predictions.probabilities.iter().copied())
            .collect(),
    })
}

fn csv(classes: &[String], predictions: &[PredictionView]) -> Result<Vec<u8>, CommandError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = ["path", "class", "probability"]
        .into_iter()
        .chain(classes.iter().map(String::as_str));
    writer.write_record(head)?;
    for one in predictions {
        let numbers = classes
            .iter()
            .filter_map(|class| one.probabilities.get(class))
            .map(ToString::to_string);
        let start = [
            one.path.clone(),
            one.class.clone(),
            one.probability.to_string(),
        ];
        writer.write_record(start.into_iter().chain(numbers))?;
    }
    writer
        .into_inner()
        .map_err(|error| CommandError::Output(error.into_error()))
}

impl Answer for PredictView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let row = |one: &PredictionView| {
            vec![
                one.path.clone(),
                one.class.clone(),
                format!("{:.4}", one.probability),
                one.remark(),
            ]
        };
        let rows: Vec<_> = self.predictions.iter().map(row).collect();
        page.table(&["PATH", "CLASS", "PROBABILITY", "REMARK"], &rows)
    }
}

impl PredictionView {
    /// Why the answer should not be relied on.
    fn remark(&self) -> String {
        let doubt = match self.plausible.as_slice() {
            [_] => None,
            [] => Some("unsure".to_owned()),
            [one, other] => Some(format!("unsure: {one} or {other}")),
            several => Some(format!("unsure between {} classes", several.len())),
        };
        let unlike = self
            .unlike_anything_shown
            .then(|| "unlike anything shown in training".to_owned());
        list(doubt.into_iter().chain(unlike))
    }
}
