//! `hub head export`

mod checked;
mod written;

use std::fmt;

use hub_client::files::{AtomicFile, FileError};
use hub_client::head::Head;
use hub_client::head::export::LinearHead;
use serde::Serialize;

use self::checked::{CheckedView, check};
use self::written::{Texts, write};
use super::chosen::Chosen;
use super::predict::check_fit;
use crate::app::Outcome;
use crate::args::{ExportArgs, ExportFormat};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size};

#[derive(Serialize)]
struct ExportView {
    head: String,
    head_version: u32,
    format: &'static str,
    path: String,
    size_bytes: u64,
    /// Name of a graph's input.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    /// Names of a graph's outputs: probabilities in the order of `classes`, then what says when not to rely on them.
    outputs: Vec<String>,
    classes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extractor: Option<String>,
    /// Directions of labelled images in the file, as private as the images.
    references: usize,
    /// What the written file was run on before it was put in its place.
    checked: Vec<CheckedView>,
}

pub(super) fn export(args: &ExportArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. a place for the file, the head, and the release it runs on where that is needed
    let destination = args.write.destination(&args.output)?;
    let heads = context.heads();
    let (version, head) = heads.open(&args.head, args.with.head_version)?;
    let chosen = needs_release(args)
        .then(|| Chosen::for_head(&head, args.with.extractor.as_ref(), context))
        .transpose()?;
    if let Some(chosen) = &chosen {
        let manifest = chosen.installed.manifest();
        let dimension = manifest.output.dimension as usize;
        check_fit(&head, &manifest.feature_space(), dimension)?;
    }
    // 2. the file, beside its place
    let mut file = AtomicFile::create_at(&destination)?;
    let linear = exported(&head, args);
    let texts = Texts::new(&head, version, chosen.as_ref().map(|one| &one.installed))?;
    let written = write(args.format, &linear, &texts, &mut file)?;
    // 3. it says what was seen, or there is no file
    let checked = check(&mut file, &written, &head, (args, chosen.as_ref()), context)?;
    context.check_interrupt()?;
    file.commit()?;
    // 4. the answer
    let size_bytes = std::fs::metadata(&args.output)
        .map_err(|source| FileError::new("cannot read", &args.output, source))?
        .len();
    let references = linear
        .abstention
        .unlike
        .map_or(0, |unlike| unlike.references.nrows());
    if references > 0 {
        context.report().note(&format!(
            "the file holds the directions of {references} labelled images, which are as private as the images; \
             --without-references leaves them out, and with them what tells images unlike all labelled ones"
        ));
    }
    context.show(&ExportView {
        head: head.name().to_string(),
        head_version: version,
        format: args.format.name(),
        path: args.output.display().to_string(),
        size_bytes,
        input: written.input(),
        outputs: written.outputs(),
        classes: head.classes().to_vec(),
        extractor: chosen.map(|chosen| chosen.reference().to_string()),
        references,
        checked,
    })?;
    Ok(Outcome::Done)
}

/// A head alone is what it was trained to be; a graph, pictures or other features need a release.
fn needs_release(args: &ExportArgs) -> bool {
    let holds_the_graph = matches!(
        args.format,
        ExportFormat::FusedOnnx | ExportFormat::ImageOnnx
    );
    holds_the_graph || args.images.is_some() || args.with.extractor.is_some()
}

fn exported<'a>(head: &'a Head, args: &ExportArgs) -> LinearHead<'a> {
    let linear = LinearHead::from(head);
    if args.without_references {
        linear.without_references()
    } else {
        linear
    }
}

impl Answer for ExportView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} as {}", self.head, self.format)))?;
        page.field(
            "written to",
            format!("{}, {}", self.path, size(self.size_bytes)),
        )?;
        page.optional("extractor", self.extractor.as_ref())?;
        page.optional("input", self.input.as_ref())?;
        if !self.outputs.is_empty() {
            page.field("outputs", list(&self.outputs))?;
        }
        page.field("classes", list(&self.classes))?;
        self.checked
            .iter()
            .try_for_each(|checked| page.field("checked", checked))
    }
}
