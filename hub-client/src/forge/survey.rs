//! The structure of a network, as far as its nodes and shapes tell.

use std::collections::HashMap;

use registry_schema::onnx::NodePart;
use registry_schema::preprocess::Layout;

use super::{Candidate, ImageInput, Pool, Role};

/// Fewest numbers of a vector that is worth being listed.
const LEAST_DIMENSION: u64 = 8;

/// Operators that give no map of features, though it may look like one: attention, masks, mere views.
const NO_MAPS: [&str; 12] = [
    "MatMul",
    "Softmax",
    "Reshape",
    "Unsqueeze",
    "Squeeze",
    "Expand",
    "Tile",
    "Shape",
    "Gather",
    "Slice",
    "Split",
    "Sigmoid",
];

/// Operators that take and give maps whose channels come first.
const MAPS: [&str; 9] = [
    "Conv",
    "ConvTranspose",
    "BatchNormalization",
    "InstanceNormalization",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "LRN",
];

/// Which sides of a map are its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// `[height, width, channels]`
    First,
    /// `[channels, height, width]`
    Last,
}

/// What is known of a network: its nodes, what sides their values have, and which of these are places.
pub(super) struct Survey<'a> {
    nodes: &'a [&'a NodePart],
    shapes: HashMap<String, Vec<u64>>,
    places: HashMap<&'a str, Places>,
    height: u64,
    width: u64,
}

impl<'a> Survey<'a> {
    pub(super) fn new(
        nodes: &'a [&'a NodePart],
        mut shapes: HashMap<String, Vec<u64>>,
        (image, (width, height)): (&'a ImageInput, (u32, u32)),
    ) -> Self {
        let [_, item @ ..] = image.sides((width, height), 1);
        shapes.insert(image.tensor.clone(), item.map(|side| side as u64).to_vec());
        let mut places = HashMap::from([(
            image.tensor.as_str(),
            match image.layout {
                Layout::Nchw => Places::Last,
                Layout::Nhwc => Places::First,
            },
        )]);
        for node in nodes {
            let Some(output) = node.outputs.first() else {
                continue;
            };
            if let Some(found) = places_of(node, output, &shapes, &places) {
                places.insert(output, found);
            }
            // What mixes channels by views alone (Reshape, Transpose, Reshape) is known by who reads it.
            let maps = MAPS.contains(&node.operator.as_str());
            if let Some(input) = node.reads.first().filter(|_| maps) {
                places.entry(input).or_insert(Places::Last);
            }
        }
        Self {
            nodes,
            shapes,
            places,
            height: height.into(),
            width: width.into(),
        }
    }

    /// Which sides of a value are its places, where that can be told.
    pub(super) fn places_of(&self, value: &str) -> Option<Places> {
        self.places.get(value).copied()
    }

    /// Where the network can be cut, the best choice first.
    pub(super) fn candidates(&self, outputs: &[&str]) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut add = |tensor: Option<&str>, role| {
            let candidate = tensor.and_then(|tensor| self.candidate(tensor, role));
            let is_new =
                |one: &Candidate| found.iter().all(|two: &Candidate| two.tensor != one.tensor);
            found.extend(candidate.filter(is_new));
        };
        add(self.before_last_layer(), Role::BeforeLastLayer);
        add(self.tokens(), Role::Tokens);
        add(self.last_map(), Role::LastMap);
        for (tensor, height) in self.stages().into_iter().rev() {
            let pixels_a_place = self.height / height.max(1);
            add(Some(tensor), Role::Stage { pixels_a_place });
        }
        for output in outputs {
            add(Some(output), Role::Output);
        }
        found
    }

    fn candidate(&self, tensor: &str, role: Role) -> Option<Candidate> {
        let node = self
            .nodes
            .iter()
            .find(|node| node.outputs.iter().any(|one| one == tensor))?;
        let shape = self.shapes.get(tensor)?.clone();
        let is_map = shape.len() == 3;
        // Where channels are cannot be told of every map.
        let places = self.places.get(tensor);
        if is_map && places.is_none() {
            return None;
        }
        let pool = Pool::usual(&shape);
        let dimension = pool
            .dimension(&shape, places == Some(&Places::First))
            .ok()?;
        (dimension >= LEAST_DIMENSION).then(|| Candidate {
            tensor: tensor.to_owned(),
            shape,
            operator: node.operator.clone(),
            pool,
            dimension,
            role,
        })
    }

    /// The vector that the last matrix product reads; in networks that end in a convolution, the last map of one place.
    fn before_last_layer(&self) -> Option<&'a str> {
        let is_vector = |value: &str| {
            let sides = self.shapes.get(value).map(Vec::as_slice);
            matches!(sides, Some([width]) if *width >= LEAST_DIMENSION)
        };
        let reads = |node: &&&'a NodePart| node.reads.first().map(String::as_str);
        let products = self.nodes.iter().rev();
        let product = products
            .filter(|node| matches!(node.operator.as_str(), "Gemm" | "MatMul"))
            .find_map(|node| reads(&node).filter(|value| is_vector(value)));
        let convolution = || {
            let is_place =
                |value: &str| matches!(self.shapes.get(value).map(Vec::as_slice), Some([_, 1, 1]));
            let mut last = self
                .nodes
                .iter()
                .rev()
                .filter(|node| node.operator == "Conv");
            // Gates of a network (squeeze and excitation) look alike, but are followed by convolutions of maps.
            last.next()
                .and_then(|node| reads(&node).filter(|value| is_place(value)))
        };
        product.or_else(convolution)
    }

    fn tokens(&self) -> Option<&'a str> {
        let mut outputs = self.nodes.iter().rev().filter_map(|node| {
            let output = node.outputs.first()?.as_str();
            matches!(node.operator.as_str(), "LayerNormalization" | "Add").then_some(output)
        });
        outputs.find(|output| {
            let sides = self.shapes.get(*output).map(Vec::as_slice);
            matches!(sides, Some([tokens, width]) if *tokens > 1 && *width >= LEAST_DIMENSION)
        })
    }

    /// What the network's own pooling reads, or the last of the smallest maps.
    fn last_map(&self) -> Option<&'a str> {
        let pooled = self.nodes.iter().rev().find_map(|node| {
            let (input, output) = (node.reads.first()?, node.outputs.first()?);
            let places = self.area(input)?;
            let left = match self.shapes.get(output)?.as_slice() {
                [_] => 1,
                [_, height, width] => height * width,
                _ => return None,
            };
            (places > 1 && left == 1).then_some(input.as_str())
        });
        // A gate pools, too: it is followed by larger maps than it reads.
        let smallest = self.maps().map(|(_, area)| area).min()?;
        let last = || {
            self.maps()
                .filter(|map| map.1 == smallest)
                .last()
                .map(|map| map.0)
        };
        pooled
            .filter(|map| self.area(map) == Some(smallest))
            .or_else(last)
    }

    /// The last map before each reduction of the size, and its height, from the input on.
    fn stages(&self) -> Vec<(&'a str, u64)> {
        let mut least = self.height * self.width;
        let mut stages = Vec::new();
        for node in self.nodes {
            let Some(output) = node.outputs.first() else {
                continue;
            };
            let Some(area) = self.area(output).filter(|&area| area < least && area > 1) else {
                continue;
            };
            least = area;
            let inputs = node
                .reads
                .iter()
                .filter(|value| self.places.get(value.as_str()) == Some(&Places::Last));
            let largest = inputs
                .filter_map(|value| Some((value.as_str(), self.area(value)?)))
                .max_by_key(|one| one.1);
            // The picture itself is no stage.
            let value = largest.filter(|one| one.1 < self.height * self.width);
            stages.extend(value.and_then(|(value, _)| Some((value, self.map_height(value)?))));
        }
        stages
    }

    /// Maps of features with more than one place, in order.
    fn maps(&self) -> impl Iterator<Item = (&'a str, u64)> {
        self.nodes.iter().filter_map(|node| {
            let output = node.outputs.first()?.as_str();
            let area = self.area(output).filter(|&area| area > 1)?;
            (!NO_MAPS.contains(&node.operator.as_str())).then_some((output, area))
        })
    }

    fn map_height(&self, value: &str) -> Option<u64> {
        match self.shapes.get(value).map(Vec::as_slice) {
            Some([_, height, _]) => Some(*height),
            _ => None,
        }
    }

    /// Places of a map whose channels come first.
    fn area(&self, value: &str) -> Option<u64> {
        let shape = self.shapes.get(value)?;
        match (shape.as_slice(), self.places.get(value)?) {
            ([_, height, width], Places::Last) => height.checked_mul(*width),
            _ => None,
        }
    }
}

/// Which sides of what a node gives are places: convolutions say so themselves, a transposition by what it makes of the
/// sides, and what works on each number keeps them.
fn places_of(
    node: &NodePart,
    output: &str,
    shapes: &HashMap<String, Vec<u64>>,
    places: &HashMap<&str, Places>,
) -> Option<Places> {
    let shape = shapes.get(output)?;
    let &[one, two, three] = shape.as_slice() else {
        return None;
    };
    match node.operator.as_str() {
        operator if MAPS.contains(&operator) => Some(Places::Last),
        "Transpose" => {
            let input = node.reads.first()?;
            let &[a, b, c] = shapes.get(input)?.as_slice() else {
                return None;
            };
            let from = *places.get(input.as_str())?;
            let to = match from {
                Places::Last if [one, two, three] == [b, c, a] => Places::First,
                Places::First if [one, two, three] == [c, a, b] => Places::Last,
                _ => return None,
            };
            Some(to)
        }
        "Reshape" | "MatMul" | "Unsqueeze" | "Gather" | "Softmax" => None,
        _ => {
            let reads = node.reads.iter().filter(|value| {
                shapes
                    .get(value.as_str())
                    .is_some_and(|sides| sides.len() == 3)
            });
            reads
                .filter_map(|value| places.get(value.as_str()).copied())
                .next()
        }
    }
}
