//! `hub train`

use std::fmt;

use hub_client::dataset::{ImageFile, ImageSet, LabelledImages};
use hub_client::head::{
    ClassWeights, Examples, ExtractorRelease, Head, HeadIdentity, HeldOut, Penalty,
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
use crate::args::{PenaltyArg, TrainArgs, TransformArg, WeightsArg};
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
    penalty_c: f64,
    transform: TransformKind,
    converged: bool,
    /// Digest of everything learnt from: equal for equal images, labels and features.
    data: Digest,
    duplicates: usize,
    run: RunView,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ClassView {
    class: String,
    images: usize,
}

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
    let files: Vec<ImageFile> = labelled
        .images
        .iter()
        .map(|one| one.image.clone())
        .collect();
    let mut table = Table::with_room(files.len(), embedder.dimension());
    let run = embedder.run(&files, &skipped, |index, row| {
        table.add(row.sha256, labelled.images[index].class, &row.features);
        Ok(())
    })?;
    // 3. the head
    let spinner = Bar::spinner(context, "training");
    let identity = identity(args, &chosen.installed);
    let head = Head::train(
        identity,
        &table.examples(&labelled.classes, embedder.dimension()),
        &options,
    )?;
    drop(spinner);
    // 4. keep it
    context.check_interrupt()?;
    let store = context.heads();
    let head_version = store.save(&head)?;
    let path = store.path(head.name(), head_version).display().to_string();
    let outcome = run.outcome();
    context.show(&view(&head, head_version, path, &chosen, run, warnings))?;
    Ok(outcome)
}

/// Labelled features, row by row.
struct Table {
    features: Vec<f32>,
    images: Vec<Digest>,
    labels: Vec<usize>,
}

impl Table {
    fn with_room(rows: usize, dimension: usize) -> Self {
        Self {
            features: Vec::with_capacity(rows * dimension),
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
        let shape = (self.images.len(), dimension);
        let features = ArrayView2::from_shape(shape, &self.features);
        let features =
            features.expect("each row has the extractor's dimension, as the runtime checks");
        Examples {
            features,
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
    let class_weights = match args.class_weights {
        WeightsArg::Uniform => ClassWeights::Uniform,
        WeightsArg::Balanced => ClassWeights::Balanced,
    };
    TrainingSettings {
        transform,
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
) -> TrainView {
    let facts = head.training();
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
        penalty_c: facts.c,
        transform: facts.settings.transform,
        converged: facts.converged,
        data: facts.data,
        duplicates: facts.duplicates,
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
                page.field("measured", &held_out.how)?;
            }
            None => page.field("accuracy", "not measured: a class has a single image")?,
        }
        if !self.converged {
            page.field("WARNING", "the solver stopped before it had converged")?;
        }
        page.field("kept in", &self.path)
    }
}
