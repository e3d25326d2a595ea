//! The features of a folder's images, as all commands that look at them need them.

use std::num::NonZeroUsize;
use std::path::Path;

use hub_client::contact_sheet::{ContactSheet, Tile};
use hub_client::dataset::{ImageFile, ImageSet, LabelSource, known_labels, known_labels_by};
use hub_client::files::{Destination, FileError};
use hub_client::head::{Transform, TransformKind};
use hub_client::runtime::pipeline::FeatureRow;
use hub_client::worker::Worker;
use ndarray::{Array2, ArrayView2};
use registry_schema::digest::Digest;
use registry_schema::manifest::{Distance, HeadTransform};
use registry_schema::reference::Reference;
use serde::Serialize;

use crate::args::LookArgs;
use crate::commands::chosen::{Because, Chosen};
use crate::commands::embedding::{Embedder, RunView};
use crate::commands::known::Known;
use crate::commands::previews::previews;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Page;

/// Images that have features.
pub(in crate::commands) struct Gathered {
    pub(super) images: Vec<ImageFile>,
    pub(super) digests: Vec<Digest>,
    /// One row an image, until they are taken.
    pub(super) features: Array2<f32>,
    /// One an image.
    pub(super) labels: Vec<Option<String>>,
    /// The row of the one more image, when it has features.
    pub(super) query: Option<usize>,
    /// What the manifest says of comparing vectors.
    pub(super) distance: Distance,
    kind: TransformKind,
    pub(super) chosen: Chosen,
    pub(super) run: RunView,
    pub(super) threads: NonZeroUsize,
    worker: Worker,
    /// Where the page goes that was asked for.
    html: Option<Destination>,
}

/// What was looked at, in every answer.
#[derive(Serialize)]
pub(super) struct LookView {
    pub(super) extractor: Reference,
    pub(super) extractor_chosen: Because,
    pub(super) run: RunView,
    /// The page that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<String>,
}

impl Gathered {
    /// Embeds the images of the folder, and one more when it does not lie there.
    pub(super) fn find(
        look: &LookArgs,
        labels: Option<&LabelSource>,
        another: Option<&Path>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        // 1. images and labels, and a place for the page, before anything slow
        let html = look.write.page(look.html.as_deref())?;
        let mut set = ImageSet::walk(&look.images)?.not_empty()?;
        let of_folder = set.images.len();
        let mut seen = Known::of_folder(&look.images, of_folder, context);
        let known = match labels {
            Some(source) if look.run.no_cache => known_labels(&set, source)?,
            Some(source) => known_labels_by(&set, source, &|_, image| seen.content(image))?,
            None => vec![None; set.images.len()],
        };
        let query = another.map(|path| place_of(path, &mut set)).transpose()?;
        // 2. features
        let chosen = Chosen::find(&look.extractor, context)?;
        let output = &chosen.installed.manifest().output;
        let (distance, kind) = (output.distance, transform_kind(output.head_transform));
        let mut embedder = Embedder::open(&chosen.installed, look.run, context)?;
        let dimension = embedder.dimension();
        let (mut rows, mut digests) = (Vec::new(), Vec::new());
        // Room for all at once: a table that grows is for moments there twice.
        let mut features = Vec::with_capacity(set.images.len() * dimension);
        let take = |index, row: FeatureRow| {
            rows.push(index);
            digests.push(row.sha256);
            features.extend_from_slice(&row.features);
            Ok(())
        };
        let run = embedder.run_unless_known(&set.images, &set.skipped, &mut seen, take)?;
        let features = Array2::from_shape_vec((rows.len(), dimension), features)
            .expect("each row has the extractor's dimension, as the runtime checks");
        let labels = rows
            .iter()
            .map(|&index| known.get(index).cloned().flatten());
        Ok(Self {
            query: query.and_then(|query| rows.binary_search(&query).ok()),
            labels: labels.collect(),
            images: rows
                .iter()
                .map(|&index| set.images[index].clone())
                .collect(),
            digests,
            features,
            distance,
            kind,
            chosen,
            run,
            threads: context.threads(),
            worker: embedder.worker(),
            html,
        })
    }

    /// The features as heads see them: those of length 1 are compared by their angle. They are taken out, as they
    /// may fill half of the memory.
    pub(super) fn take_prepared(&mut self) -> Array2<f32> {
        let features = std::mem::take(&mut self.features);
        Transform::fit(self.kind, features.view()).apply_to(features)
    }

    /// The transform that heads on these features begin with.
    pub(super) fn kind(&self) -> TransformKind {
        self.kind
    }

    /// An image's name.
    pub(super) fn name(&self, row: usize) -> String {
        self.images[row].name.clone()
    }

    /// A tile of the contact sheet.
    pub(super) fn tile(&self, row: usize, lines: Vec<String>) -> Tile {
        let label = self.labels[row]
            .iter()
            .map(|label| format!("labelled {label}"));
        Tile {
            name: self.name(row),
            path: self.images[row].path.clone(),
            lines: lines.into_iter().chain(label).collect(),
        }
    }

    /// Writes the page that was asked for, and closes the account.
    pub(super) fn finish(
        self,
        sheet: impl FnOnce(&Self) -> ContactSheet,
        context: &Context,
    ) -> Result<LookView, CommandError> {
        context.check_interrupt()?;
        if let Some(destination) = &self.html {
            let mut sheet = sheet(&self);
            let (count, extractor) = (self.images.len(), self.chosen.reference());
            sheet
                .remarks
                .insert(0, format!("{count} images through {extractor}"));
            sheet.write(destination, |paths| previews(&self.worker, paths))?;
        }
        Ok(LookView {
            extractor: self.chosen.reference(),
            extractor_chosen: self.chosen.because,
            run: self.run,
            html: self.html.map(|html| html.path().display().to_string()),
        })
    }
}

impl LookView {
    /// What was looked at, below the answer.
    pub(super) fn write_text(&self, page: &mut Page) -> std::fmt::Result {
        page.line("")?;
        let chosen = self.extractor_chosen.as_str();
        page.field("extractor", format!("{}, {chosen}", self.extractor))?;
        self.run.write_text(page)?;
        page.optional("written to", self.html.as_ref())
    }
}

/// Features after the transform that the manifest names, fitted to these images.
pub(in crate::commands) fn prepared(
    features: ArrayView2<'_, f32>,
    kind: TransformKind,
) -> Array2<f32> {
    Transform::fit(kind, features).apply(features)
}

/// What heads on an extractor's features begin with.
pub(in crate::commands) fn transform_kind(named: HeadTransform) -> TransformKind {
    named.into()
}

/// Where a file is among the images; it becomes one of them when it does not lie in their folder.
fn place_of(path: &Path, set: &mut ImageSet) -> Result<usize, CommandError> {
    let found = path
        .metadata()
        .map_err(|source| FileError::new("cannot read", path, source))?;
    if !found.is_file() {
        return Err(CommandError::NotOneImage {
            path: path.to_owned(),
        });
    }
    // As it was typed first: a million paths are not made whole for nothing.
    let images = &set.images;
    let as_typed = images.iter().position(|image| image.path == path);
    let place = as_typed.or_else(|| {
        let whole = path.canonicalize().ok()?;
        let is_it = |image: &ImageFile| image.path.canonicalize().is_ok_and(|path| path == whole);
        images.iter().position(is_it)
    });
    if let Some(place) = place {
        return Ok(place);
    }
    let alone = ImageSet::named(&[path])?.not_empty()?;
    set.images.extend(alone.images);
    Ok(set.images.len() - 1)
}
