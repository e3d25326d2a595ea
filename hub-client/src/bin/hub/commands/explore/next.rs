//! `hub next`

use std::collections::BTreeSet;
use std::fmt;

use hub_client::contact_sheet::{ContactSheet, Section};
use hub_client::explore::suggest::{Reason, Situation, Suggestion, suggest, typical_until};
use hub_client::head::{Examples, ExtractorRelease, Head, HeadIdentity, TrainingSettings};
use ndarray::{Array2, Axis};
use registry_schema::digest::Digest;
use serde::Serialize;

use super::gathered::{Gathered, LookView};
use crate::app::Outcome;
use crate::args::NextArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};
use crate::progress::Bar;

#[derive(Serialize)]
struct NextView {
    /// Images of the folder that have a label.
    labelled: usize,
    classes: Vec<String>,
    suggestions: Vec<SuggestionView>,
    #[serde(flatten)]
    look: LookView,
}

#[derive(Serialize)]
struct SuggestionView {
    path: String,
    why: &'static str,
    /// The same in words.
    because: String,
}

pub(in crate::commands) fn next(
    args: &NextArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. features and what is known
    let mut gathered = Gathered::find(&args.look, args.labels.as_ref(), None, context)?;
    let known: BTreeSet<&String> = gathered.labels.iter().flatten().collect();
    let classes: Vec<String> = known.into_iter().cloned().collect();
    let labels: Vec<Option<usize>> = gathered
        .labels
        .iter()
        .map(|label| classes.binary_search(label.as_ref()?).ok())
        .collect();
    let labelled = labels.iter().flatten().count();
    // 2. what a head that could be trained now would say
    let probabilities = if classes.len() >= 2 && labelled >= typical_until(classes.len()) {
        let spinner = Bar::spinner(context, "training");
        let probabilities = ask_a_head(&gathered, &labels, &classes)?;
        drop(spinner);
        Some(probabilities)
    } else {
        None
    };
    // 3. the suggestions
    let rows = gathered.take_prepared();
    let situation = Situation {
        rows: rows.view(),
        labels: &labels,
        classes: classes.len(),
        probabilities: probabilities.as_ref().map(|all| all.view()),
        count: args.count.get(),
        seed: args.seed,
    };
    let suggested = suggest(&situation, gathered.threads)?;
    // 4. the answer
    let outcome = gathered.run.outcome();
    let view = |one: &Suggestion| SuggestionView {
        path: gathered.name(one.row),
        why: kind(one.reason),
        because: words(one.reason, &classes),
    };
    let suggestions = suggested.iter().map(view).collect();
    let sheet = |gathered: &Gathered| {
        let tile = |one: &Suggestion| gathered.tile(one.row, vec![words(one.reason, &classes)]);
        ContactSheet {
            title: "Label these next".to_owned(),
            sections: vec![Section {
                heading: format!("{} images", suggested.len()),
                remark: format!("{labelled} images have a label"),
                tiles: suggested.iter().map(tile).collect(),
            }],
            ..ContactSheet::default()
        }
    };
    let look = gathered.finish(sheet, context)?;
    context.show(&NextView {
        labelled,
        classes,
        suggestions,
        look,
    })?;
    Ok(outcome)
}

/// The probability of each class for each image, by a head trained on the labels there are.
fn ask_a_head(
    gathered: &Gathered,
    labels: &[Option<usize>],
    classes: &[String],
) -> Result<Array2<f32>, CommandError> {
    let labelled = labels.iter().enumerate();
    let (rows, labels): (Vec<usize>, Vec<usize>) = labelled
        .filter_map(|(row, label)| Some((row, (*label)?)))
        .unzip();
    let features = gathered.features.select(Axis(0), &rows);
    let images: Vec<Digest> = rows.iter().map(|&row| gathered.digests[row]).collect();
    let manifest = gathered.chosen.installed.manifest();
    let identity = HeadIdentity {
        name: "next".parse()?,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        extractor: ExtractorRelease {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: gathered.chosen.installed.release().statement_digest(),
        },
    };
    let examples = Examples {
        features: features.view(),
        images: &images,
        labels: &labels,
        classes,
    };
    let settings = TrainingSettings {
        transform: gathered.kind(),
        ..TrainingSettings::default()
    };
    let head = Head::train(identity, &examples, &settings.check()?)?;
    let predictions = head.predict(gathered.features.view(), &head.space())?;
    Ok(predictions.probabilities)
}

fn kind(reason: Reason) -> &'static str {
    match reason {
        Reason::Typical { .. } => "typical",
        Reason::NextTypical { .. } => "next_typical",
        Reason::Torn { .. } => "torn",
        Reason::Random => "random",
    }
}

fn words(reason: Reason, classes: &[String]) -> String {
    match reason {
        Reason::Typical { group: 1 } => "like no other image, and without a label".to_owned(),
        Reason::Typical { group } => {
            format!("the centre of a group of {group} images without a label")
        }
        Reason::NextTypical { group } => {
            format!("near the centre of a group of {group} images, some with a label")
        }
        Reason::Torn { first, second } => format!(
            "torn between {} {:.2} and {} {:.2}",
            classes[first.0], first.1, classes[second.0], second.1
        ),
        Reason::Random => "drawn at random, as an honest check".to_owned(),
    }
}

impl Answer for NextView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let row = |one: &SuggestionView| vec![one.path.clone(), one.because.clone()];
        let rows: Vec<_> = self.suggestions.iter().map(row).collect();
        page.table(&["PATH", "WHY"], &rows)?;
        page.line("")?;
        page.field("labelled", self.labelled)?;
        self.look.write_text(page)
    }
}
