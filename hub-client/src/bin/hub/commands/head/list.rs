//! `hub head list`, `show` and `rm`

use std::fmt;

use hub_client::head::{Head, HeadName, Origin, TrainingFacts};
use registry_schema::digest::Digest;
use registry_schema::reference::FeatureSpace;
use serde::Serialize;

use crate::app::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list as commas, percent, time};

use super::words::of_origin;
use hub_client::causes::with_causes;

#[derive(Serialize)]
struct HeadList {
    heads: Vec<HeadRow>,
}

#[derive(Serialize)]
struct HeadRow {
    head: String,
    versions: Vec<u32>,
    #[serde(flatten)]
    state: HeadState,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum HeadState {
    Ready {
        extractor: String,
        classes: Vec<String>,
        images: usize,
        accuracy: Option<f64>,
        created_at: String,
    },
    Broken {
        problem: String,
    },
}

pub(in crate::commands) fn list(context: &Context) -> Result<Outcome, CommandError> {
    let store = context.heads();
    let row = |stored: hub_client::head::store::StoredHead| {
        let state = match store.load(&stored.name, None) {
            Ok(head) => ready(&head),
            Err(error) => HeadState::Broken {
                problem: with_causes(&error),
            },
        };
        HeadRow {
            head: stored.name.to_string(),
            versions: stored.versions,
            state,
        }
    };
    let heads: Vec<HeadRow> = store.list()?.into_iter().map(row).collect();
    if heads.is_empty() {
        context
            .report()
            .note("there are no heads: `hub train` makes them");
    }
    context.show(&HeadList { heads })?;
    Ok(Outcome::Done)
}

fn ready(head: &Head) -> HeadState {
    let facts = head.training();
    HeadState::Ready {
        extractor: head.extractor().to_string(),
        classes: head.classes().to_vec(),
        images: facts.images,
        accuracy: facts.held_out.as_ref().map(|held_out| held_out.accuracy),
        created_at: head.created_at().to_string(),
    }
}

#[derive(Serialize)]
struct HeadView {
    head: String,
    created_at: String,
    extractor: String,
    extractor_statement: Digest,
    /// The earlier version it comes from; null when it was simply trained.
    origin: Option<Origin>,
    #[serde(skip)]
    origin_words: Option<String>,
    feature_space: FeatureSpace,
    dimension: usize,
    classes: Vec<String>,
    temperature: f32,
    training: TrainingFacts,
}

pub(in crate::commands) fn show(
    name: &HeadName,
    version: Option<u32>,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let head = context.heads().load(name, version)?;
    context.show(&HeadView {
        head: head.name().to_string(),
        created_at: head.created_at().to_string(),
        extractor: head.extractor().to_string(),
        extractor_statement: head.extractor().digest,
        origin: head.origin().cloned(),
        origin_words: head.origin().map(|origin| of_origin(origin, &head)),
        feature_space: head.space(),
        dimension: head.dimension(),
        classes: head.classes().to_vec(),
        temperature: head.temperature(),
        training: head.training().clone(),
    })?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct HeadRemoved {
    removed: String,
    versions: usize,
}

pub(in crate::commands) fn remove(
    name: &HeadName,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let store = context.heads();
    let versions = store.versions(name)?.len();
    store.remove(name)?;
    context.show(&HeadRemoved {
        removed: name.to_string(),
        versions,
    })?;
    Ok(Outcome::Done)
}

impl Answer for HeadList {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        if self.heads.is_empty() {
            return Ok(());
        }
        let row = |row: &HeadRow| {
            let newest = row.versions.last().map_or_else(String::new, u32::to_string);
            match &row.state {
                HeadState::Ready {
                    extractor,
                    classes,
                    images,
                    accuracy,
                    ..
                } => vec![
                    row.head.clone(),
                    newest,
                    extractor.clone(),
                    classes.len().to_string(),
                    images.to_string(),
                    accuracy.map_or_else(|| "–".to_owned(), percent),
                ],
                HeadState::Broken { problem } => {
                    vec![row.head.clone(), newest, format!("broken: {problem}")]
                }
            }
        };
        let rows: Vec<_> = self.heads.iter().map(row).collect();
        page.table(
            &[
                "HEAD",
                "VERSION",
                "TRAINED ON",
                "CLASSES",
                "IMAGES",
                "ACCURACY",
            ],
            &rows,
        )
    }
}

impl Answer for HeadView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let facts = &self.training;
        page.line(page.bold(&self.head))?;
        page.field("made", time(&self.created_at))?;
        page.field(
            "extractor",
            format!("{}, statement {}", self.extractor, self.extractor_statement),
        )?;
        if let (Some(origin), Some(words)) = (&self.origin, &self.origin_words) {
            let (trained_on, at) = (&origin.trained_on, time(&origin.trained_at.to_string()));
            page.field("is", words)?;
            page.field("learnt", format!("on {trained_on}, {at}"))?;
        }
        page.field("feature space", &self.feature_space)?;
        page.field("reads", format!("{} dimensions", self.dimension))?;
        let classes = self
            .classes
            .iter()
            .zip(&facts.images_per_class)
            .map(|(class, images)| format!("{class} ({images})"));
        page.field("classes", commas(classes))?;
        page.field(
            "images",
            format!("{}, {} duplicates left out", facts.images, facts.duplicates),
        )?;
        if let Some(held_out) = &facts.held_out {
            page.field(
                "accuracy",
                format!("{} on images held out", percent(held_out.accuracy)),
            )?;
            page.field("measured", &held_out.how)?;
        }
        page.field("penalty C", facts.c)?;
        page.field("temperature", self.temperature)?;
        page.field("trained from", facts.data)
    }
}

impl Answer for HeadRemoved {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let versions = if self.versions == 1 {
            "version"
        } else {
            "versions"
        };
        page.line(format!(
            "removed {}, {} {versions}",
            self.removed, self.versions
        ))
    }
}
