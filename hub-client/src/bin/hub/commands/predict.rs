//! `hub predict`

use hub_client::contact_sheet::{ContactSheet, Section, Tile};
use hub_client::dataset::{ImageFile, ImageSet};
use hub_client::head::Head;
use ndarray::ArrayView2;
use registry_schema::reference::FeatureSpace;

use super::chosen::Chosen;
use super::embedding::Embedder;
use super::predict_view::{PredictView, PredictionView, Probabilities};
use super::previews::previews;
use crate::app::Outcome;
use crate::args::PredictArgs;
use crate::context::Context;
use crate::error::CommandError;

pub(super) fn predict(args: &PredictArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the images, the head, what it runs on, and a place for the page
    let destination = args.write.page(args.html.as_deref())?;
    let images = ImageSet::named(&args.images)?.not_empty()?;
    let head = context.heads().load(&args.head, args.with.head_version)?;
    let chosen = Chosen::for_head(&head, args.with.extractor.as_ref(), context)?;
    let space = chosen.installed.manifest().feature_space();
    let dimension = chosen.installed.manifest().output.dimension as usize;
    check_fit(&head, &space, dimension)?;
    // 2. each image's features are classified as they come
    let mut embedder = Embedder::open(&chosen.installed, args.run, context)?;
    let mut predictions = Vec::with_capacity(images.images.len());
    let mut files = Vec::with_capacity(images.images.len());
    let run = embedder.run(&images.images, &images.skipped, |index, row| {
        let file = &images.images[index];
        predictions.push(predict_one(&head, &space, &file.name, &row.features)?);
        files.push(file);
        Ok(())
    })?;
    if let Some(destination) = &destination {
        context.check_interrupt()?;
        let worker = embedder.worker();
        let mut page = sheet(&head, &predictions, &files);
        let extractor = chosen.reference();
        page.remarks.push(format!("features by {extractor}"));
        page.write(destination, |paths| previews(&worker, paths))?;
    }
    // 3. the answer
    let outcome = run.outcome();
    let view = PredictView {
        head: head.name().to_string(),
        extractor: chosen.reference(),
        extractor_chosen: chosen.because,
        classes: head.classes(),
        predictions,
        html: args.html.as_ref().map(|path| path.display().to_string()),
        run,
    };
    if args.csv {
        context.output().raw(&view.csv()?)?;
    } else {
        context.show(&view)?;
    }
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

fn predict_one<'a>(
    head: &'a Head,
    space: &FeatureSpace,
    path: &'a str,
    features: &[f32],
) -> Result<PredictionView<'a>, CommandError> {
    let row = ArrayView2::from_shape((1, features.len()), features)
        .expect("one row has as many columns as values");
    let predictions = head.predict(row, space)?;
    let (classes, best) = (head.classes(), predictions.best(0));
    let plausible = predictions.plausible(0).into_iter();
    Ok(PredictionView {
        path,
        class: best.class,
        probability: best.probability,
        unsure: predictions.answer(0).is_none(),
        plausible: plausible.map(|class| classes[class].as_str()).collect(),
        unlike_anything_shown: predictions.is_unlike(0),
        distance: predictions.distances[0],
        probabilities: Probabilities {
            classes,
            values: predictions.probabilities.iter().copied().collect(),
        },
    })
}

/// The images by their answers; then those without one, and those that are unlike anything shown,
/// which are in no other section.
fn sheet(head: &Head, predictions: &[PredictionView<'_>], files: &[&ImageFile]) -> ContactSheet {
    let section = |heading: &str, remark: &str, belongs: &dyn Fn(&PredictionView<'_>) -> bool| {
        let tile = |(one, file): (&PredictionView<'_>, &&ImageFile)| Tile {
            name: one.path.to_owned(),
            path: file.path.clone(),
            lines: one.lines(),
        };
        let tiles = predictions.iter().zip(files);
        let tiles: Vec<Tile> = tiles.filter(|(one, _)| belongs(one)).map(tile).collect();
        Section {
            heading: format!("{heading}: {}", tiles.len()),
            remark: remark.to_owned(),
            tiles,
        }
    };
    let is_sure = |one: &PredictionView<'_>| !one.unsure && !one.unlike_anything_shown;
    let of_class = |class: &String| section(class, "", &|one| is_sure(one) && one.class == *class);
    let doubts = [
        section(
            "Unsure",
            "several classes are plausible, or none is: there is no answer",
            &|one| one.unsure && !one.unlike_anything_shown,
        ),
        section(
            "Unlike anything shown in training",
            "what is said of these is not to be relied on",
            &|one| one.unlike_anything_shown,
        ),
    ];
    let mut sections: Vec<Section> = head.classes().iter().map(of_class).chain(doubts).collect();
    sections.retain(|section| !section.tiles.is_empty());
    ContactSheet {
        title: format!("{} on {} images", head.name(), predictions.len()),
        sections,
        ..ContactSheet::default()
    }
}
