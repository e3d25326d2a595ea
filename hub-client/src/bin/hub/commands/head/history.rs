//! `hub head history`

use std::fmt;

use hub_client::head::{Head, HeadError, HeldOut, Origin};
use registry_schema::digest::Digest;
use serde::Serialize;

use super::figures::range;
use super::words;
use crate::app::Outcome;
use crate::args::HistoryArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, percent, time};
use hub_client::causes::with_causes;

#[derive(Serialize)]
struct HistoryView {
    head: String,
    /// Newest first; the first is the one in use.
    versions: Vec<VersionView>,
}

#[derive(Serialize)]
struct VersionView {
    version: u32,
    in_use: bool,
    #[serde(flatten)]
    state: VersionState,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum VersionState {
    Whole(Box<WholeView>),
    Damaged { problem: String },
}

#[derive(Serialize)]
struct WholeView {
    created_at: String,
    extractor: String,
    extractor_statement: Digest,
    /// The earlier version it comes from; null when it was simply trained.
    origin: Option<Origin>,
    images: usize,
    classes: Vec<ClassView>,
    data: Digest,
    held_out: Option<HeldOut>,
    /// What changed from the newest earlier version that can be read.
    changed: Vec<String>,
}

#[derive(Serialize)]
struct ClassView {
    class: String,
    images: usize,
}

pub(in crate::commands) fn history(
    args: &HistoryArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let store = context.heads();
    let numbers = store.versions(&args.head)?;
    let newest = *numbers.last().ok_or_else(|| HeadError::NotFound {
        name: args.head.to_string(),
        version: None,
    })?;
    // One version at a time and the one before it are in memory.
    let mut before: Option<Head> = None;
    let mut versions = Vec::with_capacity(numbers.len());
    for version in numbers {
        let state = match store.load(&args.head, Some(version)) {
            Ok(head) => {
                let view = WholeView::new(before.as_ref(), &head);
                before = Some(head);
                VersionState::Whole(Box::new(view))
            }
            Err(error) => VersionState::Damaged {
                problem: with_causes(&error),
            },
        };
        let in_use = version == newest;
        versions.push(VersionView {
            version,
            in_use,
            state,
        });
    }
    versions.reverse();
    if newest_is_damaged(&versions) {
        context.report().warn(&format!(
            "the version in use is damaged: `hub head rollback {}` goes back to the last whole one",
            args.head
        ));
    }
    context.show(&HistoryView {
        head: args.head.to_string(),
        versions,
    })?;
    Ok(Outcome::Done)
}

/// Whether the newest version cannot be read.
fn newest_is_damaged(versions: &[VersionView]) -> bool {
    let newest = versions.first().map(|newest| &newest.state);
    matches!(newest, Some(VersionState::Damaged { .. }))
}

impl WholeView {
    fn new(before: Option<&Head>, head: &Head) -> Self {
        let facts = head.training();
        let classes = head.classes().iter().zip(&facts.images_per_class);
        Self {
            created_at: head.created_at().to_string(),
            extractor: head.extractor().to_string(),
            extractor_statement: head.extractor().digest,
            origin: head.origin().cloned(),
            images: facts.images,
            classes: classes
                .map(|(class, &images)| ClassView {
                    class: class.clone(),
                    images,
                })
                .collect(),
            data: facts.data,
            held_out: facts.held_out.clone(),
            changed: words::what_changed(before, head),
        }
    }

    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("made", time(&self.created_at))?;
        page.field("extractor", &self.extractor)?;
        let classes = self.classes.iter();
        let classes = classes.map(|one| format!("{} ({})", one.class, one.images));
        page.field("images", format!("{}: {}", self.images, list(classes)))?;
        let accuracy = match &self.held_out {
            Some(held_out) => format!(
                "{} on images held out, likely {} on new ones",
                percent(held_out.accuracy),
                range(held_out)
            ),
            None => "not measured: a class has a single image".to_owned(),
        };
        page.field("accuracy", accuracy)?;
        page.field("changed", list(&self.changed))
    }
}

impl Answer for HistoryView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        for (index, one) in self.versions.iter().enumerate() {
            if index > 0 {
                page.line("")?;
            }
            let in_use = if one.in_use { ", in use" } else { "" };
            let title = format!("{}, version {}{in_use}", self.head, one.version);
            page.line(page.bold(&title))?;
            match &one.state {
                VersionState::Whole(view) => view.write_text(page)?,
                VersionState::Damaged { problem } => page.field("DAMAGED", problem)?,
            }
        }
        Ok(())
    }
}
