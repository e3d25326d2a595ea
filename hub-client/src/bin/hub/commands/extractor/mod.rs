//! `hub extractor`: extractors made out of networks and of other extractors.

mod combine;
mod cut;
mod input;
mod reduce;
mod variant;

use std::path::PathBuf;

use hub_client::forge::{About, MadeExtractor};
use registry_schema::name::Name;
use registry_schema::reference::Reference;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::{AboutArgs, ExtractorCommand};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Page, size};

pub(super) fn run(command: ExtractorCommand, context: &Context) -> Result<Outcome, CommandError> {
    match command {
        ExtractorCommand::Cut(args) => cut::cut(&args, context),
        ExtractorCommand::Reduce(args) => reduce::reduce(&args, context),
        ExtractorCommand::Combine(args) => combine::combine(&args, context),
        ExtractorCommand::Variant(args) => variant::variant(&args, context),
    }
}

/// The folder that was made.
#[derive(Serialize)]
struct MadeView {
    extractor: Reference,
    folder: String,
    dimension: u32,
    license: String,
    probes: usize,
    size_bytes: u64,
}

impl MadeView {
    fn new(made: &MadeExtractor) -> Self {
        let manifest = &made.manifest;
        Self {
            extractor: Reference::exact(manifest.name.clone(), manifest.version.clone()),
            folder: made.folder.display().to_string(),
            dimension: manifest.output.dimension,
            license: manifest.license.clone(),
            probes: made.check.probes,
            size_bytes: made.check.size_bytes,
        }
    }

    fn write_text(&self, page: &mut Page) -> std::fmt::Result {
        page.line(page.bold(&format!("{} is made in {}", self.extractor, self.folder)))?;
        page.field("features", self.dimension)?;
        page.field("licence", &self.license)?;
        page.field("probes", format!("{} run, vectors written", self.probes))?;
        page.field("size", size(self.size_bytes))
    }
}

fn about(args: &AboutArgs, name: &Name) -> About {
    About {
        name: name.clone(),
        version: args.version.clone(),
        summary: args.summary.clone(),
        license: args.license.clone(),
        domain: args.domain.clone(),
        tags: args.tags.clone(),
    }
}

/// The folder that was asked for, or one called as the extractor.
fn folder(asked: Option<&PathBuf>, name: &Name, ending: &str) -> PathBuf {
    let name = name.to_string();
    let last = name.rsplit('/').next().unwrap_or_default();
    asked
        .cloned()
        .unwrap_or_else(|| format!("{last}{ending}").into())
}

/// What is left to do.
fn note_next(made: &MadeExtractor, context: &Context) {
    let folder = made.folder.display();
    context.report().note(&format!(
        "next: say in {folder}/README.md what only you know, and under [provenance] in {folder}/extractor.toml on which data it was trained; then `hub check {folder}` and `hub publish {folder}`"
    ));
}
