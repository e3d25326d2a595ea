//! An extractor out of a network: what comes after some of its values goes, and they become vectors.

use std::path::Path;

use registry_schema::manifest::{Graph, HeadTransform, Manifest, Output, Provenance};
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, attribute, value_info, write::Message,
};
use registry_schema::preprocess::Input;
use registry_schema::{digest::Digest, limits};

use super::assembly::{Assembly, Needed};
use super::author::{About, Card, MadeExtractor, NewFolder};
use super::candidates::is_channels_last;
use super::measured::Bench;
use super::{ForgeError, GraphFile, ImageInput, Pool, Probes};
use crate::files::digest_of_file;
use crate::head::export::{Constants, Parts, free_prefix};
use crate::runtime::session::FoundTensor;

/// Where and how to cut.
#[derive(Debug, Clone, Copy)]
pub struct CutRequest<'a> {
    /// The values; the vectors of several are put side by side.
    pub at: &'a [String],
    /// How they become vectors; what fits their shape when absent.
    pub pool: Option<Pool>,
    /// That maps have their channels last; found out when absent.
    pub is_channels_last: Option<bool>,
    /// The preprocessing. Tensor, size and layout are the graph's.
    pub input: &'a Input,
    /// Width and height, where the graph leaves them open.
    pub size: Option<(u32, u32)>,
    /// Whether graphs may run graphs.
    pub allows_control_flow: bool,
    /// What the extractor is.
    pub about: &'a About,
    /// Pictures that its users try it on.
    pub probes: &'a Probes,
    /// The folder to make.
    pub folder: &'a Path,
}

/// What was cut.
#[derive(Debug)]
pub struct Cut {
    /// The folder.
    pub made: MadeExtractor,
    /// How each value became a vector, and of which length.
    pub parts: Vec<(String, Pool, u64)>,
    /// Nodes of the network, and those that are left.
    pub nodes: (usize, usize),
}

/// Makes an author's folder for an extractor that ends at some values of a graph.
///
/// # Errors
/// [`ForgeError`]; then there is no folder.
pub fn cut(
    graph: &GraphFile,
    request: &CutRequest<'_>,
    bench: Bench<'_>,
) -> Result<Cut, ForgeError> {
    let anatomy = graph.anatomy();
    // 1. What is needed, and the pictures it reads.
    let image = image_input(graph, request.at)?;
    let needed = Needed::new(anatomy, request.at.iter().map(String::as_str));
    let input = image.fitted(request.input, request.size)?;
    let size = (input.width, input.height);
    // 2. What the values are, by running them.
    let found = bench.measure(
        graph,
        (&image, size),
        request.at,
        request.allows_control_flow,
    )?;
    // 3. The vectors.
    let taken = graph.names()?;
    let prefix = free_prefix("hub", &taken);
    let mut pooling = Pooling {
        parts: Parts::new(&prefix),
        vectors: Vec::new(),
        made: Vec::new(),
    };
    for (tensor, found) in request.at.iter().zip(&found) {
        let is_channels_last = match (request.is_channels_last, found.dimensions.len()) {
            (Some(last), _) => last,
            (None, 4) => is_channels_last(graph, (&image, size), tensor, bench)?,
            (None, _) => false,
        };
        pooling.add(tensor, found, request.pool, is_channels_last)?;
    }
    let name = match taken.contains("features") {
        true => format!("{prefix}/features"),
        false => "features".to_owned(),
    };
    let (parts, made) = pooling.finish(&name);
    let dimension: u64 = made.iter().map(|one| one.2).sum();
    let dimension = checked_dimension(dimension)?;
    // 4. The graph.
    let (_, input_info, front) = image.fields(size, &format!("{prefix}/pictures"));
    let shape = [image.new_batch(), Dimension::Fixed(dimension.into())];
    let assembly = Assembly {
        inputs: vec![input_info],
        outputs: vec![value_info(&name, ElementType::Float32, &shape)],
        front,
        tail: parts.into_graph_fields(Constants::of(anatomy.ir_version)),
        states_values: image.width.is_some() && image.height.is_some(),
        ..Assembly::default()
    };
    // 5. The folder.
    let (tensor, ..) = image.fields(size, &format!("{prefix}/pictures"));
    let digest = digest_of_file(graph.path())?;
    let manifest = manifest(
        request,
        &made,
        Input { tensor, ..input },
        (&name, dimension),
        (graph, &digest),
    );
    let folder = NewFolder {
        card: card(&manifest, &made, graph),
        manifest,
        probes: request.probes.pictures()?,
        graph: assembly.file(anatomy, &needed),
        files: vec![graph.reader()?],
    };
    let made_folder = folder.stage(request.folder, bench.worker)?.commit()?;
    Ok(Cut {
        made: made_folder,
        parts: made,
        nodes: (anatomy.nodes.len(), needed.nodes.len()),
    })
}

/// How a graph takes the pictures that some of its values are made of.
///
/// # Errors
/// [`ForgeError`]: there are no such values, or they are not made of one batch of pictures.
pub fn image_input(graph: &GraphFile, at: &[String]) -> Result<ImageInput, ForgeError> {
    let values: Vec<&str> = at.iter().map(String::as_str).collect();
    check_names(graph, &values)?;
    let needed = Needed::new(graph.anatomy(), values);
    match (needed.inputs.is_empty(), at.first()) {
        (true, Some(tensor)) => Err(ForgeError::Constant {
            tensor: tensor.escape_debug().to_string(),
        }),
        _ => ImageInput::of(&needed.inputs),
    }
}

/// Every value is one that a node computes.
fn check_names(graph: &GraphFile, values: &[&str]) -> Result<(), ForgeError> {
    let nodes = &graph.anatomy().nodes;
    let all = || {
        nodes
            .iter()
            .flat_map(|node| &node.outputs)
            .map(String::as_str)
    };
    for value in values {
        if !value.is_empty() && all().any(|name| name == *value) {
            continue;
        }
        let lower = value.to_lowercase();
        let is_like = |name: &&str| !value.is_empty() && name.to_lowercase().contains(&lower);
        let like: Vec<String> = all()
            .filter(is_like)
            .take(5)
            .map(|name| format!("`{}`", name.escape_debug()))
            .collect();
        return Err(ForgeError::NoTensor {
            tensor: value.escape_debug().to_string(),
            like: match like.is_empty() {
                true => String::new(),
                false => format!("; there are {}", like.join(", ")),
            },
        });
    }
    Ok(())
}

/// A length that a manifest can state.
pub(super) fn checked_dimension(dimension: u64) -> Result<u32, ForgeError> {
    let checked = u32::try_from(dimension).ok();
    let checked = checked.filter(|&dimension| dimension <= limits::DIMENSIONS);
    checked.ok_or(ForgeError::TooLong { dimension })
}

/// Vectors in the making.
struct Pooling {
    parts: Parts,
    vectors: Vec<String>,
    made: Vec<(String, Pool, u64)>,
}

impl Pooling {
    fn add(
        &mut self,
        tensor: &str,
        found: &FoundTensor,
        pool: Option<Pool>,
        is_channels_last: bool,
    ) -> Result<(), ForgeError> {
        let shown = || tensor.escape_debug().to_string();
        let is_half = found.element == "f16";
        if !is_half && found.element != "f32" {
            return Err(ForgeError::Element {
                tensor: shown(),
                element: found.element.clone(),
            });
        }
        let sides = found.dimensions.get(1..).unwrap_or_default();
        let pool = pool.unwrap_or_else(|| Pool::usual(sides));
        let dimension = pool.dimension(sides, is_channels_last);
        let dimension = dimension.map_err(|what| ForgeError::Pool {
            tensor: shown(),
            shape: shape_text(sides),
            pool,
            what,
        })?;
        // Sums in half precision would lose digits.
        let tensor_as_float = match is_half {
            true => self.parts.cast(tensor, ElementType::Float32),
            false => tensor.to_owned(),
        };
        let vector = pool.nodes(&tensor_as_float, sides, is_channels_last, &mut self.parts);
        self.vectors.push(vector);
        self.made.push((tensor.to_owned(), pool, dimension));
        Ok(())
    }

    fn finish(mut self, name: &str) -> (Parts, Vec<(String, Pool, u64)>) {
        let vectors: Vec<&str> = self.vectors.iter().map(String::as_str).collect();
        match vectors.as_slice() {
            [one] => self.parts.output(name, "Identity", &[one], &[]),
            all => {
                let axis: Message = attribute("axis", AttributeValue::Integer(1));
                self.parts.output(name, "Concat", all, &[axis]);
            }
        }
        (self.parts, self.made)
    }
}

/// `[batch, 96, 14, 14]`
pub(super) fn shape_text(sides: &[u64]) -> String {
    let sides: Vec<String> = sides.iter().map(u64::to_string).collect();
    format!(
        "[{}]",
        [vec!["batch".to_owned()], sides].concat().join(", ")
    )
}

fn manifest(
    request: &CutRequest<'_>,
    made: &[(String, Pool, u64)],
    input: Input,
    (tensor, dimension): (&str, u32),
    (graph, digest): (&GraphFile, &Digest),
) -> Manifest {
    let file = file_name(graph);
    let places: Vec<String> = made
        .iter()
        .map(|(tensor, pool, _)| format!("{tensor} ({pool})"))
        .collect();
    let base = format!(
        "{file}, sha256 {}, at {}",
        digest.to_hex(),
        places.join(", ")
    );
    let summary = format!("{dimension} features of pictures, cut out of {file}");
    let output = Output {
        tensor: tensor.to_owned(),
        dimension,
        names: None,
        normalized: false,
        distance: Default::default(),
        head_transform: HeadTransform::default(),
    };
    request.about.manifest(
        &summary,
        (input, output),
        Graph {
            control_flow: request.allows_control_flow,
        },
        Provenance {
            base: Some(printable(&base)),
            code: Some(format!(
                "hub extractor cut, version {}",
                env!("CARGO_PKG_VERSION")
            )),
            ..Provenance::default()
        },
    )
}

fn card(manifest: &Manifest, made: &[(String, Pool, u64)], graph: &GraphFile) -> String {
    let mut card = Card::new(manifest);
    card.line(&format!("Cut out of `{}`:", printable(&file_name(graph))));
    card.gap();
    for (tensor, pool, dimension) in made {
        let how = match pool {
            Pool::Gap => "the mean over all places",
            Pool::Gem => "the generalised mean over all places (p = 3)",
            Pool::Cls => "the first token",
            Pool::None => "as it is",
        };
        card.line(&format!(
            "- `{}`: {dimension} features, {how}",
            printable(tensor)
        ));
    }
    card.ask_its_publisher();
    card.into_text()
}

fn file_name(graph: &GraphFile) -> String {
    let name = graph.path().file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Names from a foreign file, for texts that terminals show.
fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}
