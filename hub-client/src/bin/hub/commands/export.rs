//! `hub head export`

use std::fmt;
use std::fs::File;
use std::io::BufReader;

use hub_client::files::{AtomicFile, FileError};
use hub_client::head::Head;
use hub_client::head::export::{ExportMetadata, LinearHead, write_fused_onnx, write_head_onnx};
use hub_client::store::InstalledRelease;
use serde::Serialize;

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
    format: &'static str,
    path: String,
    size_bytes: u64,
    /// Name of the output: probabilities in the order of `classes`.
    output: String,
    classes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extractor: Option<String>,
}

pub(super) fn export(args: &ExportArgs, context: &Context) -> Result<Outcome, CommandError> {
    let head = context.heads().load(&args.head, args.with.head_version)?;
    let installed = match (args.format, &args.with.extractor) {
        (ExportFormat::Onnx, None) => None,
        (_, asked) => Some(Chosen::for_head(&head, asked.as_ref(), context)?.installed),
    };
    if let Some(installed) = &installed {
        let manifest = installed.manifest();
        check_fit(
            &head,
            &manifest.feature_space(),
            manifest.output.dimension as usize,
        )?;
    }
    let mut file = AtomicFile::create(&args.output)?;
    let output = match (args.format, &installed) {
        (ExportFormat::FusedOnnx, Some(installed)) => write_fused(&head, installed, &mut file)?,
        _ => write_alone(&head, installed.as_ref(), &mut file)?,
    };
    context.check_interrupt()?;
    file.commit()?;
    let size_bytes = std::fs::metadata(&args.output)
        .map_err(|source| FileError::new("cannot read", &args.output, source))?
        .len();
    context.show(&ExportView {
        head: head.name().to_string(),
        format: match args.format {
            ExportFormat::Onnx => "onnx",
            ExportFormat::FusedOnnx => "fused-onnx",
        },
        path: args.output.display().to_string(),
        size_bytes,
        output,
        classes: head.classes().to_vec(),
        extractor: installed.map(|installed| installed.release().reference().to_string()),
    })?;
    Ok(Outcome::Done)
}

/// Features in, probabilities out. Returns the output's name.
fn write_alone(
    head: &Head,
    installed: Option<&InstalledRelease>,
    file: &mut AtomicFile,
) -> Result<String, CommandError> {
    let dimension = installed.map_or(head.dimension(), |one| {
        one.manifest().output.dimension as usize
    });
    let texts = Texts::new(head, None)?;
    write_head_onnx(&LinearHead::from(head), &texts.metadata(dimension), file)?;
    Ok(hub_client::head::export::PROBABILITIES.to_owned())
}

/// Image in, probabilities out. Returns the output's name.
fn write_fused(
    head: &Head,
    installed: &InstalledRelease,
    file: &mut AtomicFile,
) -> Result<String, CommandError> {
    let path = installed.graph()?;
    let error = |source| FileError::new("cannot read", &path, source);
    let graph = File::open(&path).map_err(error)?;
    let size_bytes = graph.metadata().map_err(error)?.len();
    let output = &installed.manifest().output;
    let texts = Texts::new(head, Some(installed))?;
    let metadata = texts.metadata(output.dimension as usize);
    let graph = BufReader::new(graph);
    let fused = write_fused_onnx(
        graph,
        size_bytes,
        &output.tensor,
        &LinearHead::from(head),
        &metadata,
        file,
    )?;
    Ok(fused.output)
}

/// What an exported file says about itself.
struct Texts {
    head: String,
    extractor: String,
    digest: String,
    space: String,
    extra: Vec<(String, String)>,
}

impl Texts {
    fn new(head: &Head, fused: Option<&InstalledRelease>) -> Result<Self, CommandError> {
        let mut extra = Vec::new();
        if let Some(installed) = fused {
            extra.push((
                "preprocessing".to_owned(),
                serde_json::to_string(&installed.manifest().input)?,
            ));
            extra.push((
                "graph_release".to_owned(),
                installed.release().reference().to_string(),
            ));
        }
        Ok(Self {
            head: head.name().to_string(),
            extractor: head.extractor().to_string(),
            digest: head.extractor().digest.to_string(),
            space: head.space().to_string(),
            extra,
        })
    }

    fn metadata(&self, feature_dimension: usize) -> ExportMetadata<'_> {
        ExportMetadata {
            head: &self.head,
            extractor: &self.extractor,
            extractor_digest: &self.digest,
            feature_space: &self.space,
            feature_dimension,
            extra: &self.extra,
        }
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
        page.field(
            "output",
            format!(
                "`{}`: probabilities of {}",
                self.output,
                list(&self.classes)
            ),
        )
    }
}
