//! Where a network can be cut: values that are features of pictures, and what each is good for.

use std::collections::{HashMap, HashSet};

use registry_schema::onnx::{KnownValue, NodePart};
use serde::Serialize;

use super::measured::Bench;
use super::survey::{Places, Survey};
use super::{ForgeError, GraphFile, ImageInput, Pool};

/// Values whose shape is asked of the runtime at most; the last ones count most.
const MOST_MEASURED: usize = 2048;

/// Of these so many at once: all of them are in memory then.
const MEASURED_AT_ONCE: usize = 256;

/// A value that features can be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its name in the graph.
    pub tensor: String,
    /// Sides of one picture's value.
    pub shape: Vec<u64>,
    /// What computes it.
    pub operator: String,
    /// How it would become a vector.
    pub pool: Pool,
    /// Length of that vector.
    pub dimension: u64,
    /// What it is to the network.
    #[serde(flatten)]
    pub role: Role,
}

/// What a value is to its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Role {
    /// What the last layer decides by.
    BeforeLastLayer,
    /// The last tokens of a transformer.
    Tokens,
    /// The last map before the network pools it.
    LastMap,
    /// The last map of a size.
    Stage {
        /// Pixels of the input for one place of the map, along the taller side.
        pixels_a_place: u64,
    },
    /// What the network says itself.
    Output,
}

impl Role {
    /// What features made there are good for.
    pub fn good_for(self) -> &'static str {
        match self {
            Self::BeforeLastLayer => {
                "kinds of things as a whole: what the last layer decides by; the usual choice"
            }
            Self::Tokens => {
                "kinds of things as a whole: cls where the network learnt by its first token, gap else"
            }
            Self::LastMap => {
                "the same before the network pools: gem leans towards what stands out in a part of the picture"
            }
            Self::Stage {
                pixels_a_place: 16..,
            } => "parts of things, layout of pages",
            Self::Stage {
                pixels_a_place: 8..,
            } => "textures, writing, small things",
            Self::Stage { .. } => "colours, edges, strokes: style rather than content",
            Self::Output => {
                "an embedding network's own vector; of a classifier only its classes, which say little else"
            }
        }
    }
}

/// Lists where a graph can be cut, the best choice first. `size` is that of the pictures where the graph leaves it open.
/// Only shapes that do not follow from the file are found by running it.
///
/// # Errors
/// [`ForgeError`]: the graph takes no pictures, does not run, or has nothing to list.
pub fn candidates(
    graph: &GraphFile,
    size: Option<(u32, u32)>,
    bench: Bench<'_>,
) -> Result<(ImageInput, Vec<Candidate>), ForgeError> {
    let inputs: Vec<_> = graph.anatomy().open_inputs().collect();
    let image = ImageInput::of(&inputs)?;
    let size = image.size(size)?;
    let nodes = usable(&graph.anatomy().nodes, &image.tensor);
    let shapes = shapes(graph, (&image, size), &nodes, bench)?;
    let survey = Survey::new(&nodes, shapes, (&image, size));
    let outputs: Vec<&str> = graph
        .anatomy()
        .outputs
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let found = survey.candidates(&outputs);
    match found.is_empty() {
        true => Err(ForgeError::NoCandidate),
        false => Ok((image, found)),
    }
}

/// Whether the last side of a map holds its channels, as far as the graph tells.
pub(super) fn is_channels_last(
    graph: &GraphFile,
    (image, size): (&ImageInput, (u32, u32)),
    tensor: &str,
    bench: Bench<'_>,
) -> Result<bool, ForgeError> {
    let nodes = usable(&graph.anatomy().nodes, &image.tensor);
    let values: Vec<&str> = nodes.iter().flat_map(|node| outputs_of(node)).collect();
    if !values.contains(&tensor) {
        return Ok(false);
    }
    let known = bench.sized(graph, (image, size), &values, false)?;
    let shapes = known
        .iter()
        .filter_map(|(name, known)| Some((name.clone(), sides(known)?)));
    let survey = Survey::new(&nodes, shapes.collect(), (image, size));
    Ok(survey.places_of(tensor) == Some(Places::First))
}

/// Nodes that pictures reach through standard operators alone: what follows a custom one is of no use.
fn usable<'a>(nodes: &'a [NodePart], image: &'a str) -> Vec<&'a NodePart> {
    let (mut reached, mut spoilt) = (HashSet::from([image]), HashSet::new());
    let mut usable = Vec::new();
    for node in nodes {
        let is_standard = node.domain.is_empty() && !node.has_graphs;
        let mut reads = node.reads.iter().map(String::as_str);
        if !is_standard || reads.clone().any(|value| spoilt.contains(value)) {
            spoilt.extend(outputs_of(node));
        } else if reads.any(|value| reached.contains(value)) {
            reached.extend(outputs_of(node));
            usable.push(node);
        }
    }
    usable
}

fn outputs_of(node: &NodePart) -> impl Iterator<Item = &str> {
    let outputs = node.outputs.iter().map(String::as_str);
    outputs.filter(|output| !output.is_empty())
}

/// Sides without the batch, when the value may hold features.
fn sides(known: &KnownValue) -> Option<Vec<u64>> {
    let (_, item) = known.shape.split_first()?;
    let may_be_features = matches!(known.bits, 0 | 16 | 32) && !item.is_empty();
    item.iter()
        .copied()
        .collect::<Option<Vec<u64>>>()
        .filter(|_| may_be_features)
}

/// The sides of what nodes give, by name.
fn shapes(
    graph: &GraphFile,
    picture: (&ImageInput, (u32, u32)),
    nodes: &[&NodePart],
    bench: Bench<'_>,
) -> Result<HashMap<String, Vec<u64>>, ForgeError> {
    let values: Vec<&str> = nodes.iter().flat_map(|node| outputs_of(node)).collect();
    let known = bench.sized(graph, picture, &values, false)?;
    let mut shapes: HashMap<String, Vec<u64>> = HashMap::new();
    let mut open = Vec::new();
    for value in values {
        match known.get(value) {
            Some(known) if known.shape.iter().skip(1).all(Option::is_some) => {
                shapes.extend(sides(known).map(|sides| (value.to_owned(), sides)));
            }
            _ => open.push(value.to_owned()),
        }
    }
    let open = open.split_off(open.len().saturating_sub(MOST_MEASURED));
    for some in open.chunks(MEASURED_AT_ONCE) {
        let found = bench.measure(graph, picture, some, false)?;
        for (value, found) in some.iter().zip(found) {
            if matches!(found.element.as_str(), "f32" | "f16") && found.dimensions.len() > 1 {
                shapes.insert(value.clone(), found.dimensions[1..].to_vec());
            }
        }
    }
    Ok(shapes)
}
