//! `hub choose`

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use hub_client::choose::{
    Decision, MORE_LABELS, MOST_IMAGES, Measured, Verdict, decide, measure, side_by_side, spread,
};
use hub_client::dataset::{DatasetError, ImageFile, LabelledImages, Skipped};
use hub_client::head::metrics::Interval;
use ndarray::{Array2, Axis};
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::candidates::{candidates, favourite};
use super::chosen::Chosen;
use super::contents::Labelled;
use super::domain::DomainView;
use super::embedding::Embedder;
use super::explore::{prepared, transform_kind};
use super::members_view::MembersView;
use super::release_view::size_bytes;
use crate::app::Outcome;
use crate::args::{ChooseArgs, RunArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, percent, size};
use crate::progress::Bar;

/// Images whose time is taken.
const TIMED: usize = 16;

#[derive(Serialize)]
struct ChooseView {
    extractors: Vec<CandidateView>,
    /// All features side by side; not among those that are chosen from.
    #[serde(skip_serializing_if = "Option::is_none")]
    combined: Option<FiguresView>,
    favourite: Reference,
    favourite_because: String,
    take: Reference,
    /// Whether all others are worse by more than chance explains.
    is_settled: bool,
    advice: String,
    /// Labelled images that were measured on, each content once.
    images: usize,
    /// Labelled images that there are.
    labelled_images: usize,
    classes: Vec<String>,
    /// Files that some extractor could not use, or none can.
    skipped: usize,
    /// What is odd about the labels.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct CandidateView {
    extractor: Reference,
    domain: String,
    /// How the labelled images lie in its domain; null when its release does not tell of it.
    domain_fit: Option<DomainView>,
    /// What members found out about it, as far as it is known here; null when the hub was never asked.
    members: Option<MembersView>,
    dimension: usize,
    size_bytes: u64,
    milliseconds_per_image: f64,
    #[serde(flatten)]
    figures: FiguresView,
    verdict: &'static str,
}

#[derive(Serialize)]
struct FiguresView {
    accuracy: f64,
    accuracy_interval: Interval,
    mean_square_error: f64,
    /// LogME.
    log_evidence: f64,
    h_score: f64,
}

/// An extractor and its features of the labelled images.
struct Candidate {
    chosen: Chosen,
    /// By the image's place among the labelled ones.
    rows: BTreeMap<usize, (Digest, Vec<f32>)>,
    /// Files that were left out.
    skipped: usize,
    milliseconds_per_image: f64,
}

pub(super) fn choose(args: &ChooseArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. images and labels, before anything slow; of many, some are enough
    let mut labels = Labelled::read(&args.images, args.labels.as_ref(), context)?;
    let all = labels.images.images.len();
    labels.images = thinned(labels.images);
    let labelled = &labels.images;
    // 2. features of each extractor
    let chosen = candidates(args, context)?;
    let (favourite, because) = favourite(args, &chosen, context)?;
    let files = labels.files();
    let embed = |chosen| Candidate::embed(chosen, (&files, &labels.skipped), args.run, context);
    let candidates = chosen
        .into_iter()
        .map(embed)
        .collect::<Result<Vec<_>, _>>()?;
    // 3. what is measured on the images that all of them could use
    let common = common(&candidates, labelled)?;
    let targets: Vec<usize> = common
        .iter()
        .map(|&index| labelled.images[index].class)
        .collect();
    let blocks: Vec<Array2<f32>> = candidates.iter().map(|one| one.prepared(&common)).collect();
    let spinner = Bar::spinner(context, "measuring");
    let classes = labelled.classes.len();
    let measured = |rows: &Array2<f32>| measure(rows.view(), &targets, classes, args.seed);
    let figures = blocks.iter().map(measured).collect::<Result<Vec<_>, _>>()?;
    let combined = match args.combine {
        true => {
            let views: Vec<_> = blocks.iter().map(|block| block.view()).collect();
            side_by_side(&views).as_ref().map(measured).transpose()?
        }
        false => None,
    };
    drop(spinner);
    context.check_interrupt()?;
    // 4. the rule
    let held_out: Vec<_> = figures.iter().map(|one| &one.held_out).collect();
    let decision = decide(favourite, &held_out);
    let favourite = favourite.place;
    // 5. the answer
    let reference = |index: usize| candidates[index].chosen.reference();
    let skipped = candidates.iter().map(|one| one.skipped).max();
    let view = ChooseView {
        favourite: reference(favourite),
        favourite_because: because,
        take: reference(decision.take),
        is_settled: decision.is_settled,
        advice: advice(
            &decision,
            (favourite, &reference(favourite)),
            &reference(decision.take),
        ),
        images: common.len(),
        labelled_images: all,
        classes: labelled.classes.clone(),
        skipped: skipped.unwrap_or_default(),
        warnings: labels.warnings.clone(),
        combined: combined.as_ref().map(FiguresView::new),
        extractors: candidates
            .iter()
            .zip(&figures)
            .zip(&decision.verdicts)
            .map(|((candidate, figures), verdict)| candidate.view(figures, *verdict, context))
            .collect::<Result<_, _>>()?,
    };
    context.show(&view)?;
    Ok(match view.skipped {
        0 => Outcome::Done,
        _ => Outcome::SomeSkipped,
    })
}

impl Candidate {
    fn embed(
        chosen: Chosen,
        (files, beforehand): (&[ImageFile], &[Skipped]),
        run: RunArgs,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let timed = RunArgs {
            no_cache: true,
            ..run
        };
        let few = &files[..files.len().min(TIMED)];
        let time =
            Embedder::open(&chosen.installed, timed, context)?.run(few, &[], |_, _| Ok(()))?;
        let mut rows = BTreeMap::new();
        let mut embedder = Embedder::open(&chosen.installed, run, context)?;
        let all = embedder.run(files, beforehand, |index, row| {
            rows.insert(index, (row.sha256, row.features));
            Ok(())
        })?;
        Ok(Self {
            chosen,
            rows,
            skipped: all.skipped.len(),
            milliseconds_per_image: time.seconds * 1000.0 / time.images.max(1) as f64,
        })
    }

    /// The features of some images, as heads see them.
    fn prepared(&self, images: &[usize]) -> Array2<f32> {
        let output = &self.chosen.installed.manifest().output;
        let mut features = Array2::zeros((images.len(), output.dimension as usize));
        for (mut row, image) in features.axis_iter_mut(Axis(0)).zip(images) {
            if let Some((_, found)) = self.rows.get(image) {
                row.iter_mut().zip(found).for_each(|(to, &from)| *to = from);
            }
        }
        prepared(features.view(), transform_kind(output.head_transform))
    }

    /// How its images, each content once, lie in the extractor's domain.
    fn domain_fit(&self) -> Result<Option<DomainView>, CommandError> {
        let images = self.rows.values();
        let images = images.map(|(image, features)| (*image, features.as_slice()));
        DomainView::of(&self.chosen.installed, images)
    }

    fn view(
        &self,
        figures: &Measured,
        verdict: Verdict,
        context: &Context,
    ) -> Result<CandidateView, CommandError> {
        let manifest = self.chosen.installed.manifest();
        Ok(CandidateView {
            domain_fit: self.domain_fit()?,
            members: MembersView::of(&self.chosen, context),
            extractor: self.chosen.reference(),
            domain: manifest.domain.clone(),
            dimension: manifest.output.dimension as usize,
            size_bytes: size_bytes(self.chosen.installed.release()),
            milliseconds_per_image: self.milliseconds_per_image,
            figures: FiguresView::new(figures),
            verdict: match verdict {
                Verdict::Take => "take",
                Verdict::CannotTell => "cannot_tell",
                Verdict::Worse => "worse",
            },
        })
    }
}

impl FiguresView {
    fn new(measured: &Measured) -> Self {
        Self {
            accuracy: measured.held_out.accuracy,
            accuracy_interval: measured.held_out.interval,
            mean_square_error: measured.held_out.mean_square_error,
            log_evidence: measured.log_evidence,
            h_score: measured.h_score,
        }
    }

    fn cells(&self) -> Vec<String> {
        let Interval { low, high } = self.accuracy_interval;
        vec![
            percent(self.accuracy),
            format!("{} to {}", percent(low), percent(high)),
            format!("{:.3}", self.mean_square_error),
            format!("{:.3}", self.log_evidence),
            format!("{:.3}", self.h_score),
        ]
    }
}

/// As many of the labelled images as are measured at most.
fn thinned(labelled: LabelledImages) -> LabelledImages {
    let targets: Vec<usize> = labelled.images.iter().map(|one| one.class).collect();
    let kept = spread(&targets, MOST_IMAGES);
    let images = kept.iter().map(|&place| labelled.images[place].clone());
    LabelledImages {
        images: images.collect(),
        ..labelled
    }
}

/// The images that all candidates could use, each content once.
fn common(candidates: &[Candidate], labelled: &LabelledImages) -> Result<Vec<usize>, CommandError> {
    let mut first_of = HashMap::new();
    let mut common = Vec::new();
    for (index, image) in labelled.images.iter().enumerate() {
        if !candidates.iter().all(|one| one.rows.contains_key(&index)) {
            continue;
        }
        let Some((digest, _)) = candidates.first().and_then(|one| one.rows.get(&index)) else {
            continue;
        };
        let first = *first_of.entry(*digest).or_insert(index);
        if first == index {
            common.push(index);
        } else if labelled.images[first].class != image.class {
            return Err(DatasetError::SameImage {
                first: labelled.images[first].image.name.clone(),
                second: image.image.name.clone(),
            }
            .into());
        }
    }
    Ok(common)
}

fn advice(decision: &Decision, favourite: (usize, &Reference), take: &Reference) -> String {
    let (place, favourite) = favourite;
    let is_sure = decision.verdicts.get(place) == Some(&Verdict::Worse);
    let what = match (decision.leaves_favourite, decision.verdicts.len()) {
        (true, _) if is_sure => format!(
            "take {take} instead of {favourite}: its errors are smaller by more than chance explains"
        ),
        (true, _) => format!(
            "take {take} rather than {favourite}: its errors are smaller, though that may be chance"
        ),
        (false, 1) => format!("{take} is the only one that was measured"),
        (false, _) if decision.is_settled => format!(
            "stay with {take}: the errors of all others are larger by more than chance explains"
        ),
        (false, _) => format!("stay with {take}: no other is clearly better"),
    };
    if decision.is_settled {
        what
    } else {
        format!("{what}. Cannot tell all of them apart yet: label {MORE_LABELS} more")
    }
}

impl Answer for ChooseView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let head = [
            "EXTRACTOR",
            "ACCURACY",
            "LIKELY",
            "ERROR",
            "LOGME",
            "H-SCORE",
            "MS",
            "SIZE",
            "VERDICT",
            "MEMBERS",
            "INSIDE",
            "DOMAIN",
        ];
        let unknown = || "–".to_owned();
        let row = |one: &CandidateView| {
            let mut cells = vec![one.extractor.to_string()];
            cells.extend(one.figures.cells());
            cells.extend([
                format!("{:.1}", one.milliseconds_per_image),
                size(one.size_bytes),
                one.verdict.replace('_', " "),
                one.members
                    .as_ref()
                    .map_or_else(unknown, MembersView::words),
                one.domain_fit
                    .as_ref()
                    .map_or_else(unknown, |fit| percent(fit.share_inside)),
                one.domain.clone(),
            ]);
            cells
        };
        let mut rows: Vec<_> = self.extractors.iter().map(row).collect();
        rows.extend(self.combined.as_ref().map(|figures| {
            let mut cells = vec!["side by side".to_owned()];
            cells.extend(figures.cells());
            cells.resize(head.len(), String::new());
            cells
        }));
        page.table(&head, &rows)?;
        page.line("")?;
        page.field(
            "measured on",
            match self.labelled_images > MOST_IMAGES {
                true => format!(
                    "{} of {} labelled images, held out in turn",
                    self.images, self.labelled_images
                ),
                false => format!("{} labelled images, held out in turn", self.images),
            },
        )?;
        page.field(
            "favourite",
            format!("{}, {}", self.favourite, self.favourite_because),
        )?;
        for one in &self.extractors {
            let strange = one.domain_fit.as_ref().filter(|fit| fit.is_strange());
            page.optional("domain", strange.map(|fit| fit.words(&one.extractor.name)))?;
        }
        page.field("advice", &self.advice)
    }
}
