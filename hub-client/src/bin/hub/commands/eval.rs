//! `hub eval`

use std::collections::BTreeSet;

use hub_client::dataset::{ImageFile, LabelledImages};
use hub_client::evaluation_page::{EvaluationPage, JudgedImage, PageFigures};
use hub_client::head::{Evaluation, Head, HeadError, Near};
use ndarray::{ArrayView2, Axis};
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;

use super::chosen::Chosen;
use super::contents::{Contents, Labelled};
use super::embedding::Embedder;
use super::eval_view::{Condition, EvalView, Measured, NearCopyView};
use super::judged::{Files, NEAREST, Said, facts};
use super::predict::check_fit;
use super::previews::write_page;
use crate::app::Outcome;
use crate::args::EvalArgs;
use crate::context::Context;
use crate::error::CommandError;

pub(super) fn eval(args: &EvalArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. images and labels, the head, what it runs on, and a place for the page
    let destination = args.write.page(args.html.as_deref())?;
    let labelled = Labelled::read(&args.images, args.labels.as_ref(), context)?;
    let head = context.heads().load(&args.head, args.with.head_version)?;
    check_classes(&head, &labelled.images)?;
    let chosen = Chosen::for_head(&head, args.with.extractor.as_ref(), context)?;
    let manifest = chosen.installed.manifest();
    check_fit(
        &head,
        &manifest.feature_space(),
        manifest.output.dimension as usize,
    )?;
    // 2. features, and which images the head knows
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let mut table = Table::new(&head, &labelled.images, embedder.dimension());
    let files = labelled.files();
    let run = embedder.run(&files, &labelled.skipped, |index, row| {
        table.add(index, row.sha256, &row.features)
    })?;
    if table.duplicates > 0 {
        let count = table.duplicates;
        context.report().note(&format!(
            "{count} of the files are there twice, byte by byte, and counted once"
        ));
    }
    table.find_copies()?;
    let known = Known {
        trained_on: table.count(Seen::Yes),
        copies: table.copies(),
    };
    match known.words(args.unseen) {
        Some(text) if args.unseen => context.report().note(&text),
        Some(text) => context.report().warn(&text),
        None => {}
    }
    if args.unseen {
        table.leave_known_out()?;
    }
    // 3. how good it is on them
    let evaluation = head.evaluate(table.features(), &head.space(), &table.labels())?;
    let judged = table.judged(&evaluation);
    if let Some(destination) = &destination {
        context.check_interrupt()?;
        let reference = chosen.reference();
        let warning = known.words(args.unseen);
        let page = page(&table, warning, &evaluation, judged.clone(), &reference);
        write_page(&page, destination, &embedder.worker())?;
    }
    let conditions = Condition::all(args, &evaluation);
    let outcome = match conditions.iter().all(|condition| condition.holds) {
        true => run.outcome(),
        false => Outcome::SomethingToLookAt,
    };
    context.show(&EvalView {
        head: head.name().to_string(),
        extractor: chosen.reference(),
        extractor_statement: chosen.installed.release().statement_digest(),
        extractor_chosen: chosen.because,
        measured: Measured::new(&head, &evaluation, &judged),
        trained_on: known.trained_on,
        near_copies: known.copies,
        duplicates: table.duplicates,
        warnings: labelled.warnings,
        unseen: args.unseen,
        html: args.html.as_ref().map(|path| path.display().to_string()),
        conditions,
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
        Err(CommandError::Head(HeadError::UnknownClass {
            head: head.name().to_string(),
            class: class.clone(),
            known: head.classes().to_vec(),
        }))
    })
}

/// Features of labelled images, row by row.
struct Table<'a> {
    head: &'a Head,
    labelled: &'a LabelledImages,
    dimension: usize,
    known: BTreeSet<Digest>,
    features: Vec<f32>,
    rows: Vec<Row>,
    contents: Contents,
    /// Further files with the same content and label, left out.
    duplicates: usize,
}

/// One image.
struct Row {
    /// Its place among the labelled images.
    index: usize,
    sha256: Digest,
    /// The labelled images that the head learnt from that are nearest to it.
    nearest: Vec<Near>,
    seen: Seen,
}

/// Whether the head has learnt from an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    /// From one that is nearly the same.
    Copy,
    Yes,
}

impl<'a> Table<'a> {
    fn new(head: &'a Head, labelled: &'a LabelledImages, dimension: usize) -> Self {
        let labels = head.training().labels.iter();
        Self {
            head,
            labelled,
            dimension,
            known: labels.map(|(image, _)| *image).collect(),
            features: Vec::with_capacity(labelled.images.len() * dimension),
            rows: Vec::new(),
            contents: Contents::default(),
            duplicates: 0,
        }
    }

    /// Takes an image, each content once. Refuses the same image with another label, and names both files.
    fn add(&mut self, index: usize, sha256: Digest, features: &[f32]) -> Result<(), CommandError> {
        let image = &self.labelled.images[index];
        let place = (self.rows.len(), image.class);
        if !self.contents.add(sha256, place, &image.image.name)? {
            self.duplicates += 1;
            return Ok(());
        }
        self.features.extend_from_slice(features);
        self.rows.push(Row {
            index,
            sha256,
            nearest: Vec::new(),
            seen: if self.known.contains(&sha256) {
                Seen::Yes
            } else {
                Seen::No
            },
        });
        Ok(())
    }

    /// Finds what is nearest to each image, and which are nearly the same as one the head learnt from.
    fn find_copies(&mut self) -> Result<(), CommandError> {
        let head = self.head;
        let nearest = head.nearest(self.features(), &head.space(), NEAREST)?;
        let limit = head.copies_below();
        for (row, nearest) in self.rows.iter_mut().zip(nearest) {
            let is_copy = nearest
                .first()
                .zip(limit)
                .is_some_and(|(near, limit)| near.distance < limit);
            if is_copy && row.seen == Seen::No {
                row.seen = Seen::Copy;
            }
            row.nearest = nearest;
        }
        Ok(())
    }

    fn count(&self, seen: Seen) -> usize {
        self.rows.iter().filter(|row| row.seen == seen).count()
    }

    /// Leaves out what the head has learnt from.
    fn leave_known_out(&mut self) -> Result<(), CommandError> {
        let kept: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.rows[row].seen == Seen::No)
            .collect();
        if kept.is_empty() {
            return Err(CommandError::OnlyTrainingImages {
                count: self.rows.len(),
                head: self.head.name().to_string(),
            });
        }
        let features = self.features().select(Axis(0), &kept);
        self.features = features.into_iter().collect();
        self.rows.retain(|row| row.seen == Seen::No);
        Ok(())
    }

    fn features(&self) -> ArrayView2<'_, f32> {
        let shape = (self.features.len() / self.dimension, self.dimension);
        ArrayView2::from_shape(shape, &self.features)
            .expect("each row has the extractor's dimension, as the runtime checks")
    }

    fn labels(&self) -> Vec<&str> {
        let label = |row: &Row| {
            let class = self.labelled.images[row.index].class;
            self.labelled.classes[class].as_str()
        };
        self.rows.iter().map(label).collect()
    }

    fn file(&self, row: &Row) -> &'a ImageFile {
        &self.labelled.images[row.index].image
    }

    fn judged(&self, evaluation: &Evaluation<'_>) -> Vec<JudgedImage> {
        let files: Files<'_> = self
            .rows
            .iter()
            .map(|row| (row.sha256, self.file(row)))
            .collect();
        let predictions = &evaluation.predictions;
        let judged = |(place, row): (usize, &Row)| {
            let said = Said {
                file: self.file(row),
                truth: evaluation.truth[place],
                probabilities: predictions.probabilities.row(place),
                is_unlike: predictions.is_unlike(place),
                nearest: &row.nearest,
            };
            said.judged(self.head.abstention(), &files)
        };
        self.rows.iter().enumerate().map(judged).collect()
    }

    /// Images that are nearly the same as one the head learnt from.
    fn copies(&self) -> Vec<NearCopyView> {
        let copy = |row: &Row| {
            let near = row.nearest.first().filter(|_| row.seen == Seen::Copy)?;
            Some(NearCopyView {
                path: self.file(row).name.clone(),
                trained_on: near.image,
                trained_on_label: self.head.classes()[near.class].clone(),
                distance: near.distance,
            })
        };
        self.rows.iter().filter_map(copy).collect()
    }
}

/// What the head has learnt from.
struct Known {
    trained_on: usize,
    copies: Vec<NearCopyView>,
}

impl Known {
    /// That it flatters the figures, or was left out so that it does not; none when there is nothing.
    fn words(&self, unseen: bool) -> Option<String> {
        let (trained_on, copies) = (self.trained_on, self.copies.len());
        let among = format!("{trained_on} of the images are among those the head was trained on");
        let found = match (trained_on, copies) {
            (0, 0) => return None,
            (_, 0) => among,
            (0, _) => {
                format!("{copies} of the images are near copies of those the head was trained on")
            }
            _ => format!("{among}, and {copies} are near copies of such"),
        };
        Some(if unseen {
            format!("{found}: they are left out")
        } else {
            format!("{found}: the figures flatter it; --unseen leaves them out")
        })
    }
}

fn page(
    table: &Table<'_>,
    warning: Option<String>,
    evaluation: &Evaluation<'_>,
    images: Vec<JudgedImage>,
    extractor: &Reference,
) -> EvaluationPage {
    let head = table.head;
    let plausible_from = head.abstention().limits.plausible_from.clone();
    let mut facts = facts(head);
    facts.push(("features by".to_owned(), extractor.to_string()));
    EvaluationPage {
        title: format!("{} on {} images", head.name(), images.len()),
        facts,
        warnings: warning.into_iter().collect(),
        classes: head.classes().to_vec(),
        figures: PageFigures::of_evaluation(evaluation, plausible_from),
        images,
    }
}
