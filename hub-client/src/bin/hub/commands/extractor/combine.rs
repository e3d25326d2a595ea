//! `hub extractor combine`

use std::fmt;

use hub_client::forge::{CombineRequest, Combined};
use hub_client::store::InstalledRelease;
use serde::Serialize;

use super::super::chosen::Chosen;
use super::{MadeView, about, folder, note_next};
use crate::app::Outcome;
use crate::args::CombineArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};
use crate::progress::Bar;

#[derive(Serialize)]
struct CombineView {
    #[serde(flatten)]
    made: MadeView,
    parts: Vec<PartView>,
}

#[derive(Serialize)]
struct PartView {
    release: String,
    license: String,
    first_dimension: u32,
    dimensions: u32,
    /// The least cosine with its own vectors on its probes.
    worst_cosine: f64,
}

pub(super) fn combine(args: &CombineArgs, context: &Context) -> Result<Outcome, CommandError> {
    let chosen = args
        .references
        .iter()
        .map(|reference| Chosen::find(reference, context))
        .collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<InstalledRelease> = chosen.iter().map(|one| one.installed.clone()).collect();
    let about = about(&args.about, &args.name);
    let folder = folder(args.about.output.as_ref(), &args.name, "");
    let request = CombineRequest {
        parts: &parts,
        is_balanced: args.balanced,
        least_cosine: args.agreement,
        about: &about,
        folder: &folder,
    };
    let spinner = Bar::spinner(context, "combining");
    let combined = hub_client::forge::combine(&request, &context.worker()?)?;
    drop(spinner);
    context.show(&CombineView::new(&combined, &parts))?;
    note_next(&combined.made, context);
    Ok(Outcome::Done)
}

impl CombineView {
    fn new(combined: &Combined, releases: &[InstalledRelease]) -> Self {
        let both = combined.parts.iter().zip(releases);
        let parts = both.map(|(part, release)| PartView {
            release: part.release.clone(),
            license: release.manifest().license.clone(),
            first_dimension: part.dimensions.0,
            dimensions: part.dimensions.1,
            worst_cosine: part.worst_cosine,
        });
        Self {
            made: MadeView::new(&combined.made),
            parts: parts.collect(),
        }
    }
}

impl Answer for CombineView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        self.made.write_text(page)?;
        let rows: Vec<Vec<String>> = self
            .parts
            .iter()
            .map(|part| {
                vec![
                    part.release.clone(),
                    format!(
                        "{} to {}",
                        part.first_dimension,
                        part.first_dimension + part.dimensions - 1
                    ),
                    part.license.clone(),
                    format!("{:.6}", part.worst_cosine),
                ]
            })
            .collect();
        page.table(
            &["PART", "DIMENSIONS", "LICENCE", "AGREES WITH ITSELF"],
            &rows,
        )
    }
}
