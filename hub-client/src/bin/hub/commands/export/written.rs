//! The file, in each of the formats.

use std::fs::File;
use std::io::BufReader;

use hub_client::files::{AtomicFile, FileError};
use hub_client::head::Head;
use hub_client::head::export::{
    ExportError, ExportMetadata, ExtractorGraph, FEATURES, HeadNumbers, LinearHead,
    read_safetensors, read_sklearn, write_fused_onnx, write_head_onnx, write_safetensors,
    write_sklearn,
};
use hub_client::store::InstalledRelease;
use hub_client::worker::{ExportedForm, ExportedInput};

use crate::args::ExportFormat;
use crate::error::CommandError;

/// What was written, and how it is run.
pub(super) enum Written {
    /// A graph, by a worker.
    Graph(Box<ExportedForm>),
    /// Numbers, by reading them back.
    Numbers(fn(&[u8]) -> Result<HeadNumbers, ExportError>),
}

impl Written {
    /// Name of the input.
    pub(super) fn input(&self) -> Option<String> {
        let Self::Graph(form) = self else { return None };
        Some(match &form.input {
            ExportedInput::Features { name } | ExportedInput::Image { name, .. } => name.clone(),
            ExportedInput::Tensor(input) => input.tensor.clone(),
        })
    }

    /// Names of the outputs.
    pub(super) fn outputs(&self) -> Vec<String> {
        let Self::Graph(form) = self else {
            return Vec::new();
        };
        let names = form.outputs.clone();
        let unlike = names.unlike.map(|unlike| [unlike.distance, unlike.unlike]);
        [names.probabilities, names.plausible]
            .into_iter()
            .chain(unlike.into_iter().flatten())
            .collect()
    }
}

/// Writes a head.
pub(super) fn write(
    format: ExportFormat,
    head: &LinearHead<'_>,
    texts: &Texts<'_>,
    file: &mut AtomicFile,
) -> Result<Written, CommandError> {
    let metadata = texts.metadata();
    match (format, texts.installed) {
        (ExportFormat::FusedOnnx | ExportFormat::ImageOnnx, Some(installed)) => {
            let form = write_fused(format, head, (&metadata, installed), file)?;
            Ok(Written::Graph(Box::new(form)))
        }
        (ExportFormat::Safetensors, _) => {
            write_safetensors(head, &metadata, file)?;
            Ok(Written::Numbers(read_safetensors))
        }
        (ExportFormat::Sklearn, _) => {
            write_sklearn(head, &metadata, file)?;
            Ok(Written::Numbers(read_sklearn))
        }
        // The formats with a graph had a release chosen for them.
        (ExportFormat::Onnx | ExportFormat::FusedOnnx | ExportFormat::ImageOnnx, _) => {
            let outputs = write_head_onnx(head, &metadata, file)?;
            let name = FEATURES.to_owned();
            Ok(Written::Graph(Box::new(ExportedForm {
                input: ExportedInput::Features { name },
                outputs,
                classes: head.classes.len(),
            })))
        }
    }
}

/// The extractor with the head behind it, and for an image input the preprocessing in front.
fn write_fused(
    format: ExportFormat,
    head: &LinearHead<'_>,
    (metadata, installed): (&ExportMetadata<'_>, &InstalledRelease),
    file: &mut AtomicFile,
) -> Result<ExportedForm, CommandError> {
    let path = installed.graph()?;
    let error = |source| FileError::new("cannot read", &path, source);
    let graph = File::open(&path).map_err(error)?;
    let size_bytes = graph.metadata().map_err(error)?.len();
    let manifest = installed.manifest();
    let extractor = ExtractorGraph {
        file: BufReader::new(graph),
        size_bytes,
        features: &manifest.output.tensor,
    };
    let preprocessing = (format == ExportFormat::ImageOnnx).then_some(&manifest.input);
    let fused = write_fused_onnx(extractor, preprocessing, head, metadata, file)?;
    let preprocessing = manifest.input.clone();
    Ok(ExportedForm {
        input: match fused.image {
            Some(name) => ExportedInput::Image {
                name,
                preprocessing,
            },
            None => ExportedInput::Tensor(preprocessing),
        },
        outputs: fused.outputs,
        classes: head.classes.len(),
    })
}

/// What an exported file says about itself.
pub(super) struct Texts<'a> {
    installed: Option<&'a InstalledRelease>,
    head: String,
    version: Option<u32>,
    extractor: String,
    digest: String,
    space: String,
    dimension: usize,
    extra: Vec<(String, String)>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(
        head: &Head,
        version: Option<u32>,
        installed: Option<&'a InstalledRelease>,
    ) -> Result<Self, CommandError> {
        let mut extra = Vec::new();
        if let Some(installed) = installed {
            extra.push((
                "preprocessing".to_owned(),
                serde_json::to_string(&installed.manifest().input)?,
            ));
            extra.push((
                "graph_release".to_owned(),
                installed.release().reference().to_string(),
            ));
        }
        let dimension = installed.map_or(head.dimension(), |one| {
            one.manifest().output.dimension as usize
        });
        Ok(Self {
            installed,
            head: head.name().to_string(),
            version,
            extractor: head.extractor().to_string(),
            digest: head.extractor().digest.to_string(),
            space: head.space().to_string(),
            dimension,
            extra,
        })
    }

    fn metadata(&self) -> ExportMetadata<'_> {
        ExportMetadata {
            head: &self.head,
            head_version: self.version,
            extractor: &self.extractor,
            extractor_digest: &self.digest,
            feature_space: &self.space,
            feature_dimension: self.dimension,
            extra: &self.extra,
        }
    }
}
