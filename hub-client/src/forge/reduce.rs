//! An extractor of fewer dimensions: an installed release with a matrix product behind it.

use std::path::Path;

use registry_schema::onnx::{Dimension, ElementType, value_info};

use super::assembly::{Assembly, Needed};
use super::author::{About, Card, MadeExtractor, NewFolder, derivation, probes_of};
use super::cut::checked_dimension;
use super::{ForgeError, GraphFile};
use crate::explore::{Reduction, ReductionMethod};
use crate::head::export::{Constants, Parts, free_prefix};
use crate::store::InstalledRelease;
use crate::worker::Worker;

/// What to reduce, and to what.
#[derive(Debug, Clone, Copy)]
pub struct ReduceRequest<'a> {
    /// The release whose features were reduced.
    pub from: &'a InstalledRelease,
    /// The axes of one's own images.
    pub reduction: &'a Reduction,
    /// How they were found.
    pub method: ReductionMethod,
    /// How many there must be.
    pub dimensions: usize,
    /// What the new extractor is.
    pub about: &'a About,
    /// The folder to make.
    pub folder: &'a Path,
}

/// What was made.
#[derive(Debug)]
pub struct Reduced {
    /// The folder.
    pub made: MadeExtractor,
    /// Dimensions before.
    pub dimension_before: u32,
}

/// Makes an author's folder for an extractor with the axes of `request.reduction` behind it.
///
/// # Errors
/// [`ForgeError`]; then there is no folder.
pub fn reduce(request: &ReduceRequest<'_>, worker: &Worker) -> Result<Reduced, ForgeError> {
    let (from, reduction) = (request.from, request.reduction);
    let source = from.manifest();
    // 1. What was asked for is there.
    let (found, wanted) = (reduction.axes.nrows(), request.dimensions);
    if found < wanted {
        return Err(ForgeError::Axes {
            images: reduction.images,
            found,
            wanted,
        });
    }
    let dimension = checked_dimension(wanted as u64)?;
    // 2. The graph.
    let graph = GraphFile::open(&from.graph()?)?;
    let anatomy = graph.anatomy();
    let taken = graph.names()?;
    let prefix = free_prefix("reduced", &taken);
    let mut parts = Parts::new(&prefix);
    let name = format!("{prefix}/features");
    product(&source.output.tensor, reduction, &name, &mut parts);
    let needed = Needed::new(anatomy, [source.output.tensor.as_str()]);
    let batch = anatomy
        .open_inputs()
        .find(|input| input.name == source.input.tensor);
    let batch = batch.and_then(|input| input.shape.as_ref()?.first().cloned());
    let shape = [
        batch.unwrap_or(Dimension::Unknown),
        Dimension::Fixed(dimension.into()),
    ];
    let assembly = Assembly {
        inputs_as_they_are: true,
        outputs: vec![value_info(&name, ElementType::Float32, &shape)],
        tail: parts.into_graph_fields(Constants::of(anatomy.ir_version)),
        states_values: true,
        ..Assembly::default()
    };
    // 3. What it says of itself.
    let how = how(request);
    let mut manifest = source.clone();
    manifest.name = request.about.name.clone();
    manifest.version = request.about.version.clone();
    manifest.license = request.about.license_of(&[source])?;
    if let Some(domain) = &request.about.domain {
        manifest.domain.clone_from(domain);
    }
    if !request.about.tags.is_empty() {
        manifest.tags.clone_from(&request.about.tags);
    }
    manifest.summary = request
        .about
        .line(&format!("{}, in {dimension} dimensions", source.summary));
    manifest.changes = None;
    manifest.output.tensor = name;
    manifest.output.dimension = dimension;
    manifest.output.names = None;
    manifest.output.normalized = false;
    manifest.derived_from = vec![derivation(from, how.clone())];
    manifest.predecessor = None;
    manifest.files.clear();
    let mut card = Card::new(&manifest);
    card.line(&format!("`{}`, {how}.", from.release().reference()));
    card.gap();
    card.line(&format!(
        "The {dimension} dimensions hold {:.1} % of the variance of those images' features.",
        100.0 * reduction.kept
    ));
    card.ask_its_publisher();
    // 4. The folder.
    let folder = NewFolder {
        card: card.into_text(),
        manifest,
        probes: probes_of(from)?,
        graph: assembly.file(anatomy, &needed),
        files: vec![graph.reader()?],
    };
    Ok(Reduced {
        made: folder.stage(request.folder, worker)?.commit()?,
        dimension_before: source.output.dimension,
    })
}

/// `(features − mean) · axesᵀ`. The mean goes first, so that no digits are lost where it is large.
fn product(features: &str, reduction: &Reduction, name: &str, parts: &mut Parts) {
    let (axes, dimension) = reduction.axes.dim();
    let mean = reduction.mean.iter().copied();
    let mean = parts.floats("mean", &[dimension as u64], mean);
    let transposed = reduction.axes.t();
    let sides = [dimension as u64, axes as u64];
    let matrix = parts.floats("axes", &sides, transposed.iter().copied());
    let centred = parts.step("Sub", &[features, &mean]);
    parts.output(name, "MatMul", &[&centred, &matrix], &[]);
}

/// For the manifest and the card.
fn how(request: &ReduceRequest<'_>) -> String {
    let axes = match request.method {
        ReductionMethod::Pca => "principal axes",
        ReductionMethod::HalfWhitening => "half-whitened principal axes",
    };
    let images = request.reduction.images;
    format!(
        "reduced to {} {axes} of {images} images of its publisher",
        request.dimensions
    )
}
