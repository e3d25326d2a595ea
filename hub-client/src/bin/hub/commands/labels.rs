//! `hub labels`

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use hub_client::dataset::{
    DatasetError, ImageSet, JournalEntry, LabelFormat, LabelJournal, LabelSource, Labelled,
    known_labels, write_folders, write_labels,
};
use hub_client::files::digest_of_file;
use jiff::Timestamp;
use registry_schema::digest::Digest;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::{LabelsCommand, LabelsExportArgs, LabelsImportArgs, WriteFormat};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};

#[derive(Serialize)]
struct ImportView {
    journal: String,
    /// Images that got a label.
    added: usize,
    /// Images whose label is another one now.
    changed: usize,
    /// Images that had this label already.
    unchanged: usize,
    classes: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct ExportView {
    images: usize,
    classes: BTreeMap<String, usize>,
    path: String,
}

#[derive(Serialize)]
struct UndoView {
    journal: String,
    /// The number of the action; null when there was nothing to undo.
    undone: Option<u64>,
    /// Images it was about.
    images: usize,
    classes: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct ShowView {
    journal: String,
    images: usize,
    classes: BTreeMap<String, usize>,
}

pub(super) fn run(command: LabelsCommand, context: &Context) -> Result<Outcome, CommandError> {
    match command {
        LabelsCommand::Import(args) => import(&args, context),
        LabelsCommand::Export(args) => export(&args, context),
        LabelsCommand::Undo { journal } => undo(&journal, context),
        LabelsCommand::Show { journal } => show(&journal, context),
    }
}

fn import(args: &LabelsImportArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. what the file says
    let labelled = labelled(&args.images, &args.from)?;
    // 2. what is new in it
    let mut journal = LabelJournal::open(&args.to)?;
    let known = journal.current();
    let (mut added, mut changed, mut unchanged) = (0, 0, 0);
    let mut entries: BTreeMap<Digest, JournalEntry> = BTreeMap::new();
    for one in labelled {
        context.check_interrupt()?;
        let image = digest_of_file(&one.path)?;
        if let Some(first) = entries.get(&image) {
            check_same(first, &one)?;
            continue;
        }
        match known.get(&image) {
            None => added += 1,
            Some((_, label)) if *label == one.label => unchanged += 1,
            Some(_) => changed += 1,
        }
        entries.insert(image, JournalEntry::new(image, one.name, Some(one.label)));
    }
    entries.retain(|image, entry| {
        let before = known.get(image).map(|(_, label)| label);
        before != entry.label.as_ref()
    });
    // 3. one action
    if !entries.is_empty() {
        journal.set(entries.into_values().collect(), Timestamp::now())?;
    }
    context.show(&ImportView {
        journal: args.to.display().to_string(),
        added,
        changed,
        unchanged,
        classes: counted(&journal),
    })?;
    Ok(Outcome::Done)
}

/// Refuses one content with two labels.
fn check_same(first: &JournalEntry, second: &Labelled) -> Result<(), CommandError> {
    if first.label.as_ref() == Some(&second.label) {
        return Ok(());
    }
    Err(DatasetError::SameImage {
        first: first.path.clone(),
        second: second.name.clone(),
    }
    .into())
}

fn export(args: &LabelsExportArgs, context: &Context) -> Result<Outcome, CommandError> {
    let labelled = labelled(&args.images, &args.from)?;
    if labelled.is_empty() {
        let labels = match &args.from {
            LabelSource::Folders => args.images.clone(),
            LabelSource::File(file) => file.clone(),
        };
        return Err(CommandError::NoLabelledImage {
            images: args.images.clone(),
            labels,
        });
    }
    let format = match args.format {
        WriteFormat::Csv => Some(LabelFormat::Csv),
        WriteFormat::Jsonl => Some(LabelFormat::Jsonl),
        WriteFormat::Coco => Some(LabelFormat::Coco),
        WriteFormat::Fiftyone => Some(LabelFormat::FiftyOne),
        WriteFormat::LabelStudio => Some(LabelFormat::LabelStudio),
        WriteFormat::Folders => None,
    };
    match format {
        Some(format) => write_labels(&labelled, format, &args.write.destination(&args.output)?)?,
        None => write_folders(&labelled, &args.output)?,
    }
    context.show(&ExportView {
        images: labelled.len(),
        classes: count(labelled.into_iter().map(|one| one.label)),
        path: args.output.display().to_string(),
    })?;
    Ok(Outcome::Done)
}

fn undo(path: &Path, context: &Context) -> Result<Outcome, CommandError> {
    let mut journal = existing(path)?;
    let undone = journal.undo(Timestamp::now())?;
    context.show(&UndoView {
        journal: path.display().to_string(),
        undone: undone.as_ref().map(|one| one.number),
        images: undone.map_or(0, |one| one.deed.images()),
        classes: counted(&journal),
    })?;
    Ok(Outcome::Done)
}

fn show(path: &Path, context: &Context) -> Result<Outcome, CommandError> {
    let journal = existing(path)?;
    context.show(&ShowView {
        journal: path.display().to_string(),
        images: journal.current().len(),
        classes: counted(&journal),
    })?;
    Ok(Outcome::Done)
}

/// A journal that is there: a mistyped name starts no new one.
fn existing(path: &Path) -> Result<LabelJournal, CommandError> {
    std::fs::metadata(path)
        .map_err(|source| hub_client::files::FileError::new("cannot read", path, source))?;
    Ok(LabelJournal::open(path)?)
}

/// The images of a folder that have a label.
fn labelled(folder: &Path, source: &LabelSource) -> Result<Vec<Labelled>, CommandError> {
    let images = ImageSet::walk(folder)?.not_empty()?;
    let labels = known_labels(&images, source)?;
    let with_label = |(image, label): (hub_client::dataset::ImageFile, Option<String>)| {
        let (name, path): (String, PathBuf) = (image.name, image.path);
        Some(Labelled {
            name,
            path,
            label: label?,
        })
    };
    Ok(images
        .images
        .into_iter()
        .zip(labels)
        .filter_map(with_label)
        .collect())
}

fn counted(journal: &LabelJournal) -> BTreeMap<String, usize> {
    count(journal.current().into_values().map(|(_, label)| label))
}

fn count(labels: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    counts
}

fn write_classes(page: &mut Page, classes: &BTreeMap<String, usize>) -> fmt::Result {
    let words = classes
        .iter()
        .map(|(class, images)| format!("{class} ({images})"));
    page.field("classes", list(words))
}

impl Answer for ImportView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field(
            "images",
            format!(
                "{} added, {} changed, {} as before",
                self.added, self.changed, self.unchanged
            ),
        )?;
        write_classes(page, &self.classes)?;
        page.field("kept in", &self.journal)
    }
}

impl Answer for ExportView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("images", self.images)?;
        write_classes(page, &self.classes)?;
        page.field("written to", &self.path)
    }
}

impl Answer for UndoView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        match self.undone {
            Some(number) => {
                page.field("undone", format!("action {number}, {} images", self.images))?;
            }
            None => page.line("nothing to undo")?,
        }
        write_classes(page, &self.classes)
    }
}

impl Answer for ShowView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("images", self.images)?;
        write_classes(page, &self.classes)
    }
}
