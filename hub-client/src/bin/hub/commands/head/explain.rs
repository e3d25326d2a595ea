//! `hub head explain`

use std::collections::BTreeMap;
use std::path::Path;

use hub_client::dataset::ImageSet;
use hub_client::explore::Neighbours;
use hub_client::head::{Factor, Head, Influence, Spread, Weighed};
use ndarray::{Array2, ArrayView1, Axis};
use registry_schema::digest::Digest;
use registry_schema::manifest::Distance;

use super::explain_view::{
    ClassView, DimensionView, ExplainView, FactorView, ImageView, NearView, SeenView,
};
use super::labelled::{Features, Places, labelled_images};
use crate::app::Outcome;
use crate::args::ExplainArgs;
use crate::commands::chosen::Chosen;
use crate::commands::embedding::Embedder;
use crate::commands::predict::check_fit;
use crate::context::Context;
use crate::error::CommandError;

/// Labelled images that are shown of each class.
const EXAMPLES: usize = 3;

/// Labelled images that are shown beside an image.
const NEAREST: usize = 3;

pub(in crate::commands) fn explain(
    args: &ExplainArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. the head, its extractor and what its dimensions are called
    let store = context.heads();
    let (version, head) = store.open(&args.head, args.head_version)?;
    let chosen = Chosen::for_head(&head, None, context)?;
    let manifest = chosen.installed.manifest();
    let dimension = manifest.output.dimension as usize;
    check_fit(&head, &manifest.feature_space(), dimension)?;
    // 2. its labelled images, as far as they are at hand
    let wanted = labelled_images(&head);
    let places = Places::find(Some(&wanted), args.images.as_deref(), context)?;
    let features = Features::of(&chosen, &wanted, &places, false, args.run, context)?;
    let known = Known::new(&head, &features, places)?;
    let spread = known.spread.clone().or_else(|| head.kept_spread());
    let spread = spread.ok_or_else(|| CommandError::NoLabelledFeatures {
        head: head.name().to_string(),
        extractor: chosen.reference().to_string(),
    })?;
    // 3. what speaks for and against each class, and why one image gets its answer
    let names = Names(manifest.output.names.as_deref());
    let image = match &args.image {
        Some(path) => {
            let features = embed_one(path, &chosen, args, context)?;
            let weighed = head.weigh(features.view(), &spread)?;
            Some(known.image(path, &features, &weighed, &names)?)
        }
        None => None,
    };
    context.show(&ExplainView {
        head: head.name().to_string(),
        version,
        extractor: chosen.reference(),
        extractor_chosen: chosen.because,
        transform: head.transform().kind(),
        dimension: head.dimension(),
        has_names: names.0.is_some(),
        images: spread.images,
        classes: known.classes(&head.influences(&spread), &names)?,
        image,
    })?;
    Ok(match features.skipped.as_slice() {
        [] => Outcome::Done,
        _ => Outcome::SomeSkipped,
    })
}

/// What dimensions are called, where they have names.
struct Names<'a>(Option<&'a [String]>);

impl Names<'_> {
    fn of(&self, dimension: usize) -> Option<String> {
        self.0?.get(dimension).cloned()
    }

    fn influence(&self, one: &Influence) -> DimensionView {
        DimensionView {
            dimension: one.dimension,
            name: self.of(one.dimension),
            effect: one.effect,
            share: one.share,
        }
    }

    fn factor(&self, one: &Factor) -> FactorView {
        FactorView {
            dimension: one.dimension,
            name: self.of(one.dimension),
            times: one.times,
            deviations: one.deviations,
            takes_back: one.takes_back,
        }
    }
}

/// The features of the one image that is asked about.
fn embed_one(
    path: &Path,
    chosen: &Chosen,
    args: &ExplainArgs,
    context: &Context,
) -> Result<ndarray::Array1<f32>, CommandError> {
    let set = ImageSet::named(&[path])?.not_empty()?;
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let mut found = None;
    embedder.run(&set.images[..1], &set.skipped, |_, row| {
        found = Some(row.features);
        Ok(())
    })?;
    let found = found.ok_or(CommandError::NoUsableImage { count: 1 })?;
    Ok(found.into())
}

/// The labelled images that are at hand.
struct Known<'a> {
    head: &'a Head,
    places: Places,
    images: Vec<Digest>,
    /// As they came, n×D or wider.
    features: Array2<f32>,
    /// None when there are no such images.
    spread: Option<Spread>,
    labels: BTreeMap<Digest, &'a str>,
}

impl<'a> Known<'a> {
    fn new(head: &'a Head, features: &Features, places: Places) -> Result<Self, CommandError> {
        let (images, features) = features.table(&features.images());
        let spread = match images.is_empty() {
            true => None,
            false => Some(head.spread_of(features.view())?),
        };
        Ok(Self {
            head,
            places,
            images,
            features,
            spread,
            labels: head.labels(),
        })
    }

    fn classes(
        &self,
        influences: &[Vec<Influence>],
        names: &Names<'_>,
    ) -> Result<Vec<ClassView>, CommandError> {
        let space = self.head.space();
        let predictions = self.head.predict(self.features.view(), &space)?;
        let classes = self.head.classes().iter().enumerate().zip(influences);
        let view = |((index, class), influences): ((usize, &String), &Vec<Influence>)| {
            let of_class = |row: &usize| self.label(*row) == Some(class.as_str());
            let mut own: Vec<usize> = (0..self.images.len()).filter(of_class).collect();
            let probability = |row: usize| predictions.probabilities[[row, index]];
            own.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)));
            let seen = |&row: &usize| SeenView {
                image: self.images[row],
                path: self.places.path(&self.images[row]),
                probability: probability(row),
            };
            // An image is the surest or the least sure, not both.
            let sides = own.len() / 2;
            let some = |wanted: fn(&Influence) -> bool| {
                let some = influences.iter().filter(|one| wanted(one));
                some.map(|one| names.influence(one)).collect()
            };
            ClassView {
                class: class.clone(),
                speaks_for: some(|one| one.effect > 0.0 && !one.takes_back),
                speaks_against: some(|one| one.effect < 0.0 && !one.takes_back),
                takes_back: some(|one| one.takes_back),
                surest: own
                    .iter()
                    .take(EXAMPLES.min(own.len() - sides))
                    .map(seen)
                    .collect(),
                least_sure: own
                    .iter()
                    .rev()
                    .take(EXAMPLES.min(sides))
                    .map(seen)
                    .collect(),
            }
        };
        Ok(classes.map(view).collect())
    }

    fn image(
        &self,
        path: &Path,
        features: &ndarray::Array1<f32>,
        weighed: &Weighed,
        names: &Names<'_>,
    ) -> Result<ImageView, CommandError> {
        let row = features.view().insert_axis(Axis(0));
        let predictions = self.head.predict(row, &self.head.space())?;
        let probability = |class: usize| predictions.probabilities[[0, class]];
        let class = |index: usize| self.head.classes()[index].clone();
        let factors = weighed.factors.iter();
        Ok(ImageView {
            path: path.display().to_string(),
            class: class(weighed.answer),
            probability: probability(weighed.answer),
            runner_up: class(weighed.runner_up),
            runner_up_probability: probability(weighed.runner_up),
            unlike_anything_shown: predictions.is_unlike(0),
            odds: weighed.odds,
            odds_of_mean: weighed.odds_of_mean,
            factors: factors.map(|one| names.factor(one)).collect(),
            nearest: self.nearest(features.view())?,
        })
    }

    /// The labelled images that are nearest as the head sees them.
    fn nearest(&self, features: ArrayView1<'_, f32>) -> Result<Vec<NearView>, CommandError> {
        if self.images.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.head.read(self.features.view())?;
        let query = self.head.read(features.insert_axis(Axis(0)))?;
        let threads = std::num::NonZeroUsize::MIN;
        let index = Neighbours::new(rows.view(), Distance::Cosine, threads)?;
        let found = index.nearest(query.view(), NEAREST, |_, _| true)?;
        let view = |one: hub_client::explore::Neighbour| NearView {
            image: self.images[one.row],
            path: self.places.path(&self.images[one.row]),
            label: self.label(one.row).unwrap_or_default().to_owned(),
            distance: one.distance,
        };
        Ok(found.into_iter().flatten().map(view).collect())
    }

    fn label(&self, row: usize) -> Option<&str> {
        self.labels.get(&self.images[row]).copied()
    }
}
