//! One extractor out of several: their features side by side.

mod manifest;
mod opsets;
mod pictures;
mod probes;

use std::path::Path;

use registry_schema::manifest::Manifest;
use registry_schema::onnx::splice::Pieces;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, ModelPartKind, attribute, value_info,
};
use registry_schema::preprocess::Input;

use self::manifest::{card, manifest};
use self::opsets::{LEARNING, first_changed, learning_set};
use self::probes::Probes;
use super::assembly::{FREE_TENSORS, Needed};
use super::author::{About, MadeExtractor, NewFolder};
use super::cut::checked_dimension;
use super::rename::{Names, renamed};
use super::{ForgeError, GraphFile};
use crate::head::export::{Constants, Parts, lengths};
use crate::store::InstalledRelease;
use crate::worker::Worker;

/// The input of the new graph.
const PICTURES: &str = "pictures";

/// Its output.
const FEATURES: &str = "features";

/// What to combine.
#[derive(Debug, Clone, Copy)]
pub struct CombineRequest<'a> {
    /// The releases, in the order of their features.
    pub parts: &'a [InstalledRelease],
    /// Whether each part's vectors are scaled to length 1 first, so that all count alike.
    pub is_balanced: bool,
    /// How well each part must agree with its release: the least cosine on its probes. Where pictures are resized in the
    /// graph, features are not those of the part alone.
    pub least_cosine: f64,
    /// What the new extractor is.
    pub about: &'a About,
    /// The folder to make.
    pub folder: &'a Path,
}

/// What was made.
#[derive(Debug)]
pub struct Combined {
    /// The folder.
    pub made: MadeExtractor,
    /// Each part, as it is in the whole.
    pub parts: Vec<PartAgreement>,
}

/// A part within the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct PartAgreement {
    /// The release, `name@version`.
    pub release: String,
    /// Its first dimension, and how many there are.
    pub dimensions: (u32, u32),
    /// The least cosine with its own vectors on its probes.
    pub worst_cosine: f64,
}

/// Makes an author's folder for an extractor that gives the features of several releases side by side.
///
/// # Errors
/// [`ForgeError`]; then there is no folder.
pub fn combine(request: &CombineRequest<'_>, worker: &Worker) -> Result<Combined, ForgeError> {
    // 1. The parts, and one preprocessing for all.
    let parts = Part::all(request.parts)?;
    let inputs: Vec<(String, &Input)> = parts
        .iter()
        .map(|part| (part.name(), &part.manifest().input))
        .collect();
    let input = pictures::common(&inputs, PICTURES)?;
    // 2. One graph.
    let dimension: u64 = parts.iter().map(|part| u64::from(part.dimension())).sum();
    let dimension = checked_dimension(dimension)?;
    let whole = Whole::new(&parts)?;
    let graph = whole.file(&parts, &input, (dimension, request.is_balanced))?;
    // 3. What it says of itself.
    let manifest = manifest(request, &parts, input, dimension)?;
    let mut readers = Vec::new();
    for part in &parts {
        readers.push(part.graph.reader()?);
    }
    let probes = Probes::of(&parts)?;
    let folder = NewFolder {
        card: card(&manifest, &parts, request.is_balanced),
        manifest,
        probes: probes.pictures.clone(),
        graph,
        files: readers,
    };
    // 4. Each part must still say what it says alone.
    let staged = folder.stage(request.folder, worker)?;
    let agreements = probes.agreements(&parts, &staged, request.least_cosine)?;
    Ok(Combined {
        made: staged.commit()?,
        parts: agreements,
    })
}

/// A release that becomes part of another.
struct Part<'a> {
    release: &'a InstalledRelease,
    graph: GraphFile,
    /// Before every name of its graph.
    prefix: String,
    /// First of its dimensions in the whole.
    first: u32,
}

impl<'a> Part<'a> {
    fn all(releases: &'a [InstalledRelease]) -> Result<Vec<Self>, ForgeError> {
        let mut parts: Vec<Self> = Vec::new();
        let mut first = 0;
        for (number, release) in (1..).zip(releases) {
            let digest = release.release().statement_digest();
            if parts
                .iter()
                .any(|part| part.release.release().statement_digest() == digest)
            {
                return Err(ForgeError::Parts);
            }
            parts.push(Self {
                release,
                graph: GraphFile::open(&release.graph()?)?,
                prefix: format!("part{number}"),
                first,
            });
            first = first.saturating_add(release.manifest().output.dimension);
        }
        match parts.len() {
            0 | 1 => Err(ForgeError::Parts),
            _ => Ok(parts),
        }
    }

    fn manifest(&self) -> &'a Manifest {
        self.release.manifest()
    }

    fn name(&self) -> String {
        self.release.release().reference().to_string()
    }

    fn dimension(&self) -> u32 {
        self.manifest().output.dimension
    }

    /// Whether its graph takes one picture at a time.
    fn takes_one(&self) -> bool {
        let mut inputs = self.graph.anatomy().open_inputs();
        let input = inputs.find(|input| input.name == self.manifest().input.tensor);
        let batch = input.and_then(|input| input.shape.as_ref()?.first());
        batch == Some(&Dimension::Fixed(1))
    }

    fn needed(&self) -> Needed<'_> {
        let output = &self.manifest().output.tensor;
        Needed::new(self.graph.anatomy(), [output.as_str()])
    }
}

/// Versions of the new file.
struct Whole {
    ir_version: i64,
    opset: i64,
    learning: Option<i64>,
}

impl Whole {
    /// The highest of all parts, when every part means the same there.
    fn new(parts: &[Part<'_>]) -> Result<Self, ForgeError> {
        let highest = |of: fn(&GraphFile) -> i64| parts.iter().map(|part| of(&part.graph)).max();
        let opset = highest(|graph| graph.anatomy().opset).unwrap_or_default();
        let ir_version = highest(|graph| graph.anatomy().ir_version).unwrap_or_default();
        let mut learning = None;
        for part in parts {
            let (anatomy, needed) = (part.graph.anatomy(), part.needed());
            let is_function = |kind: &ModelPartKind| matches!(kind, ModelPartKind::Function { .. });
            if anatomy.model.iter().any(|field| is_function(&field.kind)) {
                return Err(ForgeError::Functions {
                    release: part.name(),
                });
            }
            let refused = |from: i64, to: i64, operator: String| ForgeError::Opset {
                release: part.name(),
                from,
                to,
                operator,
            };
            if let Some(operator) = first_changed(anatomy, &needed, opset) {
                return Err(refused(anatomy.opset, opset, format!("`{operator}`")));
            }
            let own = learning_set(anatomy, &needed);
            match (learning, own) {
                (Some(one), Some(other)) if one != other => {
                    return Err(refused(other, one, format!("the operators of {LEARNING}")));
                }
                (None, own) => learning = own,
                (Some(_), _) => {}
            }
        }
        Ok(Self {
            ir_version: ir_version.max(FREE_TENSORS),
            opset,
            learning,
        })
    }

    fn file(
        &self,
        parts: &[Part<'_>],
        input: &Input,
        (dimension, is_balanced): (u32, bool),
    ) -> Result<Pieces, ForgeError> {
        let mut graph = Pieces::new();
        let named = |size: u32| Dimension::Fixed(size.into());
        let takes_one = parts.iter().any(Part::takes_one);
        let batch = || match takes_one {
            true => Dimension::Fixed(1),
            false => Dimension::Named("batch".to_owned()),
        };
        let sides = [
            batch(),
            named(input.channels()),
            named(input.height),
            named(input.width),
        ];
        graph.push(Message::new().text(2, "combined").as_bytes());
        graph.message(11, &value_info(PICTURES, ElementType::Float32, &sides));
        let mut vectors = Vec::new();
        for (file, part) in parts.iter().enumerate() {
            let manifest = part.manifest();
            // Before it: its own preprocessing, as far as it differs.
            let mut front = Parts::new(&format!("before-{}", part.prefix));
            let prepared = pictures::prepared(input, &manifest.input, PICTURES, &mut front);
            graph.push(front.into_graph_fields(Constants::Initializers).as_bytes());
            // It.
            let names = Names {
                prefix: &part.prefix,
                special: (&manifest.input.tensor, &prepared),
            };
            let (path, size) = (part.graph.path(), part.graph.size_bytes());
            let own = renamed(part.graph.reader()?, size, &part.needed(), (names, file));
            graph.append(own.map_err(|source| ForgeError::Graph {
                path: path.to_owned(),
                source,
            })?);
            // After it.
            let features = names.renamed(&manifest.output.tensor);
            let mut tail = Parts::new(&format!("after-{}", part.prefix));
            vectors.push(match is_balanced {
                true => {
                    let length = lengths(&features, part.dimension() as usize, "length", &mut tail);
                    tail.step("Div", &[&features, &length])
                }
                false => features,
            });
            graph.push(tail.into_graph_fields(Constants::Initializers).as_bytes());
        }
        let mut end = Parts::new("hub");
        let vectors: Vec<&str> = vectors.iter().map(String::as_str).collect();
        let axis = attribute("axis", AttributeValue::Integer(1));
        end.output(FEATURES, "Concat", &vectors, &[axis]);
        graph.push(end.into_graph_fields(Constants::Initializers).as_bytes());
        let shape = [batch(), named(dimension)];
        graph.message(12, &value_info(FEATURES, ElementType::Float32, &shape));
        let set = |domain: &str, version| Message::new().text(1, domain).integer(2, version);
        let mut file = Pieces::new();
        file.push(
            Message::new()
                .integer(1, self.ir_version)
                .text(2, "hub")
                .as_bytes(),
        );
        file.message(8, &set("", self.opset));
        if let Some(version) = self.learning {
            file.message(8, &set(LEARNING, version));
        }
        file.field(7, graph);
        Ok(file)
    }
}
