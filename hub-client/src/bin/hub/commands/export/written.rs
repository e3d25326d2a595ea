//! The file, in each of the formats.

use hub_client::files::AtomicFile;
use hub_client::head::Head;
use hub_client::head::export::{
    ExportError, ExportMetadata, ExtractorGraph, HeadNumbers, LinearHead, extractor_texts,
    read_safetensors, read_sklearn, write_safetensors, write_sklearn,
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
    Ok(match (format, texts.installed) {
        (ExportFormat::FusedOnnx | ExportFormat::ImageOnnx, Some(installed)) => {
            let manifest = installed.manifest();
            let path = installed.graph()?;
            let graph = ExtractorGraph::open(&path, &manifest.output.tensor)?;
            let takes_image = format == ExportFormat::ImageOnnx;
            let front = (&manifest.input, takes_image);
            let form = ExportedForm::write_fused(graph, front, head, &metadata, file)?;
            Written::Graph(Box::new(form))
        }
        (ExportFormat::Safetensors, _) => {
            write_safetensors(head, &metadata, file)?;
            Written::Numbers(read_safetensors)
        }
        (ExportFormat::Sklearn, _) => {
            write_sklearn(head, &metadata, file)?;
            Written::Numbers(read_sklearn)
        }
        // The formats with a graph had a release chosen for them.
        (ExportFormat::Onnx | ExportFormat::FusedOnnx | ExportFormat::ImageOnnx, _) => {
            let form = ExportedForm::write_head(head, &metadata, file)?;
            Written::Graph(Box::new(form))
        }
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
        version: u32,
        installed: Option<&'a InstalledRelease>,
    ) -> Result<Self, CommandError> {
        let extra = match installed {
            Some(installed) => {
                let release = installed.release().reference();
                extractor_texts(&installed.manifest().input, &release)?
            }
            None => Vec::new(),
        };
        let dimension = installed.map_or(head.dimension(), |one| {
            one.manifest().output.dimension as usize
        });
        Ok(Self {
            installed,
            head: head.name().to_string(),
            version: Some(version),
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
