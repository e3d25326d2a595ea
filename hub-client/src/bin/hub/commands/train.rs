//! `hub train`

use std::collections::BTreeMap;
use std::fmt;

use hub_client::dataset::{ImageFile, ImageSet, LabelledImages};
use hub_client::head::{
    ClassWeights, Examples, ExtractorRelease, Head, HeadIdentity, HeldOut, Method, Penalty,
    TrainingSettings, TransformKind,
};
use hub_client::store::InstalledRelease;
use ndarray::ArrayView2;
use registry_schema::digest::Digest;
use registry_schema::manifest::HeadTransform;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::{Because, Chosen};
use super::embedding::{Embedder, RunView};
use crate::app::Outcome;
use crate::args::{MethodArg, PenaltyArg, TrainArgs, TransformArg, WeightsArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, percent};
use crate::progress::Bar;

#[derive(Serialize)]
struct TrainView {
    head: String,
    head_version: u32,
    path: String,
    extractor: Reference,
    extractor_chosen: Because,
    extractor_statement: Digest,
    classes: Vec<ClassView>,
    /// Figures on images held out in turn; null when a class has a single image.
    held_out: Option<HeldOut>,
    method: Method,
    penalty_c: f64,
    transform: TransformKind,
    converged: bool,
    /// Digest of everything learnt from: equal for equal images, labels and features.
    data: Digest,
    duplicates: usize,
    /// Images without a label that features were centred on too.
    unlabelled: usize,
    /// Images that are likely mislabelled, the most contradicted first.
    suspects: Vec<SuspectView>,
    /// Pairs of images that are nearly the same, the closest first.
    near_copies: Vec<NearCopiesView>,
    run: RunView,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ClassView {
    class: String,
    images: usize,
}

#[derive(Serialize)]
struct SuspectView {
    path: String,
    labelled: String,
    likely: String,
    probability: f64,
    likely_probability: f64,
}

#[derive(Serialize)]
struct NearCopiesView {
    paths: [String; 2],
    labels: [String; 2],
    distance: f64,
}

/// Unlabelled images that are looked at for their mean, at most; evenly spaced among all.
const UNLABELLED_IMAGES: usize = 500;

/// Findings named in the text for people; JSON has all that the head keeps.
const SHOWN: usize = 5;

pub(super) fn train(args: &TrainArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. images and labels, before anything slow
    let images = ImageSet::walk(&args.images)?;
    let skipped = images.skipped.clone();
    let labelled = match &args.labels {
        Some(file) => LabelledImages::from_file(images, file)?,
        None => LabelledImages::from_folders(images)?,
    };
    let warnings: Vec<String> = labelled.warnings.iter().map(ToString::to_string).collect();
    for warning in &warnings {
        context.report().warn(warning);
    }
    // 2. features
    let chosen = Chosen::find(&args.extractor, context)?;
    let options = settings(args, &chosen.installed).check()?;
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let files = files(&labelled);
    let mut table = Table::with_room(files.len(), embedder.dimension());
    let run = embedder.run(&files, &skipped, |index, row| {
        match labelled.images.get(index) {
            Some(image) => table.add(row.sha256, image.class, &row.features),
            None => table.unlabelled.extend_from_slice(&row.features),
        }
        table
            .names
            .entry(row.sha256)
            .or_insert_with(|| files[index].name.clone());
        Ok(())
    })?;
    // 3. the head
    let spinner = Bar::spinner(context, "training");
    let identity = identity(args, &chosen.installed);
    let head = Head::train_among(
        identity,
        &table.examples(&labelled.classes, embedder.dimension()),
        rows(&table.unlabelled, embedder.dimension()),
        &options,
    )?;
    drop(spinner);
    // 4. keep it
    context.check_interrupt()?;
    let store = context.heads();
    let head_version = store.save(&head)?;
    let path = store.path(head.name(), head_version).display().to_string();
    let outcome = run.outcome();
    let names = &table.names;
    context.show(&view(
        &head,
        head_version,
        path,
        &chosen,
        run,
        warnings,
        names,
    ))?;
    Ok(outcome)
}

/// The labelled images, and some of the others.
fn files(labelled: &LabelledImages) -> Vec<ImageFile> {
    let others = some_of(&labelled.unlabelled);
    let images = labelled.images.iter().map(|one| &one.image);
    images.chain(others).cloned().collect()
}

/// The unlabelled images that are looked at for their mean.
pub(super) fn some_of(unlabelled: &[ImageFile]) -> impl Iterator<Item = &ImageFile> {
    let step = unlabelled.len().div_ceil(UNLABELLED_IMAGES).max(1);
    unlabelled.iter().step_by(step)
}

/// Features that follow one another, as rows.
pub(super) fn rows(values: &[f32], dimension: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / dimension, dimension), values)
        .expect("each row has the extractor's dimension, as the runtime checks")
}

/// Features, row by row.
struct Table {
    features: Vec<f32>,
    unlabelled: Vec<f32>,
    /// One name for each content.
    names: BTreeMap<Digest, String>,
    images: Vec<Digest>,
    labels: Vec<usize>,
}

impl Table {
    fn with_room(rows: usize, dimension: usize) -> Self {
        Self {
            features: Vec::with_capacity(rows * dimension),
            unlabelled: Vec::new(),
            names: BTreeMap::new(),
            images: Vec::with_capacity(rows),
            labels: Vec::new(),
        }
    }

    fn add(&mut self, image: Digest, label: usize, features: &[f32]) {
        self.features.extend_from_slice(features);
        self.images.push(image);
        self.labels.push(label);
    }

    fn examples<'a>(&'a self, classes: &'a [String], dimension: usize) -> Examples<'a> {
        Examples {
            features: rows(&self.features, dimension),
            images: &self.images,
            labels: &self.labels,
            classes,
        }
    }
}

fn settings(args: &TrainArgs, installed: &InstalledRelease) -> TrainingSettings {
    let transform = match (args.transform, installed.manifest().output.head_transform) {
        (Some(TransformArg::CentredL2), _) | (None, HeadTransform::L2) => TransformKind::CentredL2,
        (Some(TransformArg::L2), _) => TransformKind::L2,
        (Some(TransformArg::Standardise), _) | (None, HeadTransform::Standardize) => {
            TransformKind::Standardise
        }
        (Some(TransformArg::None), _) | (None, HeadTransform::None) => TransformKind::None,
    };
    let penalty = match args.penalty {
        PenaltyArg::Auto => Penalty::Chosen,
        PenaltyArg::Fixed(c) => Penalty::Fixed(c),
    };
    let method = match args.method {
        MethodArg::Auto => Method::Automatic,
        MethodArg::Ridge => Method::Ridge,
        MethodArg::Logistic => Method::Logistic,
    };
    let class_weights = match args.class_weights {
        WeightsArg::Uniform => ClassWeights::Uniform,
        WeightsArg::Balanced => ClassWeights::Balanced,
    };
    TrainingSettings {
        transform,
        method,
        coverage: args.coverage,
        penalty,
        class_weights,
        seed: args.seed,
        ..TrainingSettings::default()
    }
}

fn identity(args: &TrainArgs, installed: &InstalledRelease) -> HeadIdentity {
    let manifest = installed.manifest();
    let extractor = ExtractorRelease {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: installed.release().statement_digest(),
    };
    HeadIdentity {
        name: args.head.clone(),
        created_at: jiff::Timestamp::now(),
        extractor,
    }
}

fn view(
    head: &Head,
    head_version: u32,
    path: String,
    chosen: &Chosen,
    run: RunView,
    warnings: Vec<String>,
    names: &BTreeMap<Digest, String>,
) -> TrainView {
    let facts = head.training();
    let name = |image: &Digest| names.get(image).cloned().unwrap_or_default();
    let class = |index: usize| head.classes()[index].clone();
    let classes = head.classes().iter().zip(&facts.images_per_class);
    TrainView {
        head: head.name().to_string(),
        head_version,
        path,
        extractor: chosen.reference(),
        extractor_chosen: chosen.because,
        extractor_statement: head.extractor().digest,
        classes: classes
            .map(|(class, &images)| ClassView {
                class: class.clone(),
                images,
            })
            .collect(),
        held_out: facts.held_out.clone(),
        method: facts.method,
        penalty_c: facts.c,
        transform: facts.settings.transform,
        converged: facts.converged,
        data: facts.data,
        duplicates: facts.duplicates,
        unlabelled: facts.unlabelled,
        suspects: facts
            .suspects
            .iter()
            .map(|one| SuspectView {
                path: name(&one.image),
                labelled: class(one.labelled),
                likely: class(one.likely),
                probability: one.probability,
                likely_probability: one.likely_probability,
            })
            .collect(),
        near_copies: facts
            .near_copies
            .iter()
            .map(|pair| NearCopiesView {
                paths: [name(&pair.images[0]), name(&pair.images[1])],
                labels: pair.classes.map(class),
                distance: pair.distance,
            })
            .collect(),
        run,
        warnings,
    }
}

impl Answer for TrainView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{}, version {}", self.head, self.head_version)))?;
        page.field(
            "extractor",
            format!("{}, {}", self.extractor, self.extractor_chosen.as_str()),
        )?;
        self.run.write_text(page)?;
        let classes = self
            .classes
            .iter()
            .map(|one| format!("{} ({})", one.class, one.images));
        page.field("classes", list(classes))?;
        match &self.held_out {
            Some(held_out) => {
                let interval = held_out.accuracy_interval;
                let range = format!("{} to {}", percent(interval.low), percent(interval.high));
                page.field(
                    "accuracy",
                    format!(
                        "{} on images held out, likely {range} on new ones",
                        percent(held_out.accuracy)
                    ),
                )?;
                page.field("balanced", percent(held_out.balanced_accuracy))?;
                page.field("log loss", format!("{:.4}", held_out.log_loss))?;
                let error = held_out.reliability.calibration_error;
                page.field(
                    "calibration",
                    format!("off by {} on average", percent(error)),
                )?;
                page.field("measured", &held_out.how)?;
            }
            None => page.field("accuracy", "not measured: a class has a single image")?,
        }
        if !self.converged {
            page.field("WARNING", "the solver stopped before it had converged")?;
        }
        self.write_findings(page)?;
        page.field("kept in", &self.path)
    }
}

impl TrainView {
    /// What looks wrong with the images or their labels.
    fn write_findings(&self, page: &mut Page) -> fmt::Result {
        for one in self.suspects.iter().take(SHOWN) {
            let (path, labelled, likely) = (&one.path, &one.labelled, &one.likely);
            page.field(
                "look again",
                format!("{path} is labelled {labelled} and looks like {likely}"),
            )?;
        }
        for pair in self.near_copies.iter().take(SHOWN) {
            let ([one, other], [first, second]) = (&pair.paths, &pair.labels);
            let words = if first == second {
                "are nearly the same picture".to_owned()
            } else {
                format!("are nearly the same picture, labelled {first} and {second}")
            };
            page.field("copies", format!("{one} and {other} {words}"))?;
        }
        let more = self.suspects.len().saturating_sub(SHOWN)
            + self.near_copies.len().saturating_sub(SHOWN);
        if more > 0 {
            page.field("", format!("and {more} more findings: --json shows them"))?;
        }
        Ok(())
    }
}
