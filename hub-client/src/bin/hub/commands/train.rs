//! `hub train`

use hub_client::dataset::{ImageFile, LabelledImages};
use hub_client::evaluation_page::{EvaluationPage, PageFigures};
use hub_client::head::{
    ClassWeights, Examples, ExtractorRelease, HeadIdentity, Method, Near, Penalty, Trained,
    TrainingSettings, TransformBy, TransformKind, check_classes, unlabelled_sample,
};
use hub_client::store::InstalledRelease;
use ndarray::{ArrayView2, Axis};
use registry_schema::digest::Digest;

use super::chosen::Chosen;
use super::contents::{Contents, Labelled};
use super::domain::DomainView;
use super::embedding::Embedder;
use super::judged::{Files, NEAREST, Said, facts};
use super::previews::write_page;
use super::train_view::TrainView;
use crate::app::Outcome;
use crate::args::{MethodArg, PenaltyArg, TrainArgs, TransformArg, WeightsArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::Bar;

const NO_PAGE: &str =
    "no page is written: a class has a single image, so nothing could be held out";

pub(super) fn train(args: &TrainArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. images and labels, and a place for the page, before anything slow
    let destination = args.write.page(args.html.as_deref())?;
    let Labelled {
        images: labelled,
        skipped,
        mut warnings,
    } = Labelled::read(&args.images, args.labels.as_ref(), context)?;
    check_classes(&labelled.classes)?;
    // 2. features
    let chosen = Chosen::find(&args.extractor, context)?;
    let options = settings(args, &chosen.installed).check()?;
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let files = files(&labelled);
    let mut table = Table::with_room(files.len(), embedder.dimension());
    let run = embedder.run(&files, &skipped, |index, row| {
        match labelled.images.get(index) {
            Some(image) => table.add(index, (row.sha256, image.class), &row.features, &files)?,
            None => {
                table.unlabelled.extend_from_slice(&row.features);
                table.unlabelled_images.push(row.sha256);
            }
        }
        Ok(())
    })?;
    // 3. the head
    let spinner = Bar::spinner(context, "training");
    let identity = identity(args, &chosen.installed);
    let trained = Trained::among(
        identity,
        &table.examples(&labelled.classes),
        rows(&table.unlabelled, table.dimension),
        &options,
    )?;
    let domain = table.domain(&chosen.installed)?;
    drop(spinner);
    if let Some(domain) = domain.as_ref().filter(|domain| domain.is_strange()) {
        let words = domain.words(&chosen.installed.manifest().name);
        context.report().warn(&words);
        warnings.push(words);
    }
    // 4. the page, then the head: whoever has the head has the page that was asked for
    context.check_interrupt()?;
    let rows_of_contents = table.contents.rows();
    let known: Files<'_> = rows_of_contents
        .map(|(image, row)| (image, &files[table.indices[row]]))
        .collect();
    let mut html = None;
    if let Some(destination) = &destination {
        match page(&trained, &table, &known)? {
            Some(page) => {
                write_page(&page, destination, &embedder.worker())?;
                html = Some(destination.path().display().to_string());
            }
            None => {
                context.report().warn(NO_PAGE);
                warnings.push(NO_PAGE.to_owned());
            }
        }
    }
    let store = context.heads();
    let head_version = store.save(&trained.head)?;
    let path = store.path(trained.head.name(), head_version);
    let outcome = run.outcome();
    let name = |image: &Digest| {
        known
            .get(image)
            .map_or_else(String::new, |file| file.name.clone())
    };
    let mut view = TrainView::new(&trained.head, (head_version, &path), &chosen, run, name);
    view.html = html;
    view.domain_fit = domain;
    view.warnings = warnings;
    context.show(&view)?;
    Ok(outcome)
}

/// What was said of the images while they were held out; none when none was.
fn page(
    trained: &Trained,
    table: &Table,
    files: &Files<'_>,
) -> Result<Option<EvaluationPage>, CommandError> {
    let head = &trained.head;
    let facts_of_training = head.training();
    let (Some(held_out), Some(answers)) = (&facts_of_training.held_out, &trained.held_out) else {
        return Ok(None);
    };
    let labels = &facts_of_training.labels;
    let of_labels: Vec<usize> = labels
        .iter()
        .filter_map(|(image, _)| table.contents.row(image))
        .collect();
    let features = rows(&table.features, table.dimension).select(Axis(0), &of_labels);
    let nearest = head.nearest(features.view(), &head.space(), NEAREST + 1)?;
    let images = labels.iter().zip(nearest).enumerate();
    let judged = images.map(|(place, ((image, class), mut nearest))| {
        // Nearest to each is itself.
        nearest.retain(|near: &Near| near.image != *image);
        nearest.truncate(NEAREST);
        let said = Said {
            file: files[image],
            truth: *class,
            probabilities: answers.probabilities.row(place),
            is_unlike: false,
            nearest: &nearest,
        };
        said.judged(head.abstention(), files)
    });
    let plausible_from = head.abstention().limits.plausible_from.clone();
    Ok(Some(EvaluationPage {
        title: format!("{} on images that were held out", head.name()),
        facts: facts(head),
        warnings: Vec::new(),
        classes: head.classes().to_vec(),
        figures: PageFigures::of_held_out(held_out, head.classes(), plausible_from),
        images: judged.collect(),
    }))
}

/// The labelled images, and some of the others.
fn files(labelled: &LabelledImages) -> Vec<ImageFile> {
    let others = some_of(&labelled.unlabelled);
    let images = labelled.images.iter().map(|one| &one.image);
    images.chain(others).cloned().collect()
}

/// The unlabelled images that are looked at for their mean.
pub(super) fn some_of(unlabelled: &[ImageFile]) -> impl Iterator<Item = &ImageFile> {
    unlabelled_sample(unlabelled.len()).map(|place| &unlabelled[place])
}

/// Features that follow one another, as rows.
pub(super) fn rows(values: &[f32], dimension: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / dimension, dimension), values)
        .expect("each row has the extractor's dimension, as the runtime checks")
}

/// Features, row by row.
struct Table {
    dimension: usize,
    features: Vec<f32>,
    unlabelled: Vec<f32>,
    unlabelled_images: Vec<Digest>,
    images: Vec<Digest>,
    labels: Vec<usize>,
    /// The place of each row's file among all.
    indices: Vec<usize>,
    contents: Contents,
}

impl Table {
    fn with_room(rows: usize, dimension: usize) -> Self {
        Self {
            dimension,
            features: Vec::with_capacity(rows * dimension),
            unlabelled: Vec::new(),
            unlabelled_images: Vec::new(),
            images: Vec::with_capacity(rows),
            labels: Vec::new(),
            indices: Vec::with_capacity(rows),
            contents: Contents::default(),
        }
    }

    /// Refuses the same image with another label, and names both files.
    fn add(
        &mut self,
        index: usize,
        (image, label): (Digest, usize),
        features: &[f32],
        files: &[ImageFile],
    ) -> Result<(), CommandError> {
        let row = self.images.len();
        self.contents.add(image, (row, label), &files[index].name)?;
        self.features.extend_from_slice(features);
        self.images.push(image);
        self.labels.push(label);
        self.indices.push(index);
        Ok(())
    }

    /// How all of these images, each content once, lie in the extractor's domain; none when its release does
    /// not tell of it.
    fn domain(&self, installed: &InstalledRelease) -> Result<Option<DomainView>, CommandError> {
        let images = self.images.iter().chain(&self.unlabelled_images).copied();
        let features = [&self.features, &self.unlabelled];
        let features = features.map(|values| values.chunks_exact(self.dimension));
        DomainView::of(installed, images.zip(features.into_iter().flatten()))
    }

    fn examples<'a>(&'a self, classes: &'a [String]) -> Examples<'a> {
        Examples {
            features: rows(&self.features, self.dimension),
            images: &self.images,
            labels: &self.labels,
            classes,
        }
    }
}

fn settings(args: &TrainArgs, installed: &InstalledRelease) -> TrainingSettings {
    let (transform, transform_by) = match args.transform {
        Some(asked) => (kind(asked), TransformBy::User),
        None => {
            let own = installed.manifest().output.head_transform;
            (own.into(), TransformBy::Release)
        }
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
        transform_by: Some(transform_by),
        method,
        coverage: args.coverage,
        penalty,
        class_weights,
        seed: args.seed,
        ..TrainingSettings::default()
    }
}

fn kind(asked: TransformArg) -> TransformKind {
    match asked {
        TransformArg::CentredL2 => TransformKind::CentredL2,
        TransformArg::L2 => TransformKind::L2,
        TransformArg::Standardise => TransformKind::Standardise,
        TransformArg::None => TransformKind::None,
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
