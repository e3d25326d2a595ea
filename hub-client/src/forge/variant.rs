//! The same extractor in a smaller file: weights in fewer bits, arithmetic as before.
//!
//! A weight is stored in fewer bits and made float32 again by nodes that a runtime computes once, when it loads the
//! graph: `Cast`, and `Mul` with a scale for each channel. So it runs as fast as before, on any machine, in any operator
//! set. `DequantizeLinear` would be computed for every picture: ONNX Runtime does not fold it.

use std::ops::Range;
use std::path::Path;

use half::f16;
use registry_schema::compatibility::{CompatibilityError, ProbeAgreement, compare_probes};
use registry_schema::manifest::{GRAPH_FILE, Manifest, ProbeTolerance, ProbeVectors};
use registry_schema::name::Name;
use registry_schema::onnx::splice::{Pieces, numbers_at};
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{AttributeValue, ElementType, TensorPart, attribute};
use semver::Version;

use super::assembly::{Assembly, Needed, Replaced};
use super::author::{Card, MadeExtractor, NewFolder, Staged, derivation, probes_of};
use super::{ForgeError, GraphFile};
use crate::files::FileError;
use crate::head::export::{Constants, Parts, free_prefix};
use crate::store::InstalledRelease;
use crate::worker::Worker;

/// Tensors of fewer numbers stay as they are: they weigh nothing, and some operators want them as they are.
const LEAST_NUMBERS: u64 = 1024;

/// The largest number of float16.
const LARGEST_HALF: f32 = 65_504.0;

/// The largest whole number of 8 bits that has a negative.
const LARGEST_BYTE: f32 = 127.0;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariantKind {
    /// As float16, half the bytes.
    Fp16,
    /// As whole numbers of 8 bits and a scale for each channel, a quarter of the bytes.
    Int8,
}

/// What to make smaller.
#[derive(Debug, Clone, Copy)]
pub struct VariantRequest<'a> {
    /// The release.
    pub from: &'a InstalledRelease,
    /// How.
    pub kind: VariantKind,
    /// A name for an extractor of one's own; else it is the next version of the release.
    pub name: Option<&'a Name>,
    /// The folder to make.
    pub folder: &'a Path,
}

/// What was made.
#[derive(Debug)]
pub struct Variant {
    /// The folder.
    pub made: MadeExtractor,
    /// Bytes of the graph before and after.
    pub size_bytes: (u64, u64),
    /// Tensors that are stored in fewer bits.
    pub tensors: usize,
    /// How it agrees with the release on the release's probes: the worst cosine and the largest difference of lengths.
    pub agreement: (f64, f64),
    /// Whether that keeps the promise of a PATCH; else it is a MAJOR.
    pub agrees: bool,
}

/// Makes an author's folder for a smaller variant. Its probes decide the version: a PATCH when they agree with those of
/// the release, else a MAJOR.
///
/// # Errors
/// [`ForgeError`]; then there is no folder.
pub fn make_variant(request: &VariantRequest<'_>, worker: &Worker) -> Result<Variant, ForgeError> {
    let (from, source) = (request.from, request.from.manifest());
    // 1. The graph.
    let graph = GraphFile::open(&from.graph()?)?;
    let needed = Needed::new(graph.anatomy(), [source.output.tensor.as_str()]);
    let shrunk = Shrunk::of(&graph, &needed, request.kind)?;
    if shrunk.replaced.names.is_empty() {
        let release = from.release().reference().to_string();
        return Err(ForgeError::NothingToShrink { release });
    }
    let tensors = shrunk.replaced.names.len();
    let outputs = graph.anatomy().outputs.iter();
    let mut outputs = outputs.filter(|output| output.name == source.output.tensor);
    let assembly = Assembly {
        inputs_as_they_are: true,
        output_as_it_is: outputs.next().map(|output| output.at.clone()),
        front: shrunk.front,
        states_values: true,
        replaced: shrunk.replaced,
        ..Assembly::default()
    };
    // 2. As if it were a PATCH.
    let pieces = assembly.file(graph.anatomy(), &needed);
    let size_bytes = (graph.size_bytes(), pieces.length());
    let manifest = manifest(request, true, size_bytes);
    let folder = NewFolder {
        card: card(&manifest, request, size_bytes),
        manifest,
        probes: probes_of(from)?,
        graph: pieces,
        files: vec![graph.reader()?],
    };
    let mut staged = folder.stage(request.folder, worker)?;
    // 3. The probes decide.
    let expected = from.probe_vectors()?;
    let agrees = keeps_the_promise(&expected, &staged, source.probes)?;
    if !agrees {
        let manifest = self::manifest(request, false, size_bytes);
        let card = card(&manifest, request, size_bytes);
        staged.say(manifest, &card)?;
    }
    let agreement = agreement(&expected, &staged)?;
    Ok(Variant {
        made: staged.commit()?,
        size_bytes,
        tensors,
        agreement,
        agrees,
    })
}

fn keeps_the_promise(
    expected: &ProbeVectors,
    staged: &Staged,
    tolerance: ProbeTolerance,
) -> Result<bool, ForgeError> {
    match compare_probes(expected, &staged.vectors, tolerance) {
        Ok(_) => Ok(true),
        Err(CompatibilityError::ProbeDisagrees { .. }) => Ok(false),
        Err(other) => Err(crate::publish::CheckError::from(other).into()),
    }
}

/// The worst of all probes.
fn agreement(expected: &ProbeVectors, staged: &Staged) -> Result<(f64, f64), ForgeError> {
    let anything = ProbeTolerance {
        cosine: -1.0,
        length: f64::INFINITY,
    };
    let all = compare_probes(expected, &staged.vectors, anything);
    let all: Vec<ProbeAgreement> = all.map_err(crate::publish::CheckError::from)?;
    let cosine = all.iter().map(|one| one.cosine).fold(1.0, f64::min);
    let length = all
        .iter()
        .map(|one| one.length_difference)
        .fold(0.0, f64::max);
    Ok((cosine, length))
}

impl VariantKind {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fp16 => "weights stored as float16",
            Self::Int8 => "weights stored in 8 bits",
        }
    }
}

/// Tensors in fewer bits, and the nodes that make float32 of them.
struct Shrunk {
    replaced: Replaced,
    front: Message,
}

impl Shrunk {
    fn of(graph: &GraphFile, needed: &Needed<'_>, kind: VariantKind) -> Result<Self, ForgeError> {
        let prefix = free_prefix("stored", &graph.names()?);
        let mut parts = Parts::new(&prefix);
        let mut replaced = Replaced::default();
        let large = needed.stored().filter(|tensor| is_large(tensor));
        for (number, tensor) in large.enumerate() {
            let stored = format!("{prefix}/{number}");
            let field = match kind {
                VariantKind::Fp16 => half(graph, tensor, &stored, &mut parts)?,
                VariantKind::Int8 => {
                    let Some(axis) = channel_axis(tensor, needed) else {
                        continue;
                    };
                    Some(bytes(graph, (tensor, axis), &stored, &mut parts)?)
                }
            };
            if let Some(field) = field {
                replaced.names.insert(tensor.name.clone());
                replaced.fields.field(5, field);
            }
        }
        Ok(Self {
            replaced,
            front: parts.into_graph_fields(Constants::Initializers),
        })
    }
}

fn is_large(tensor: &TensorPart) -> bool {
    let numbers: u64 = tensor.dimensions.iter().product();
    tensor.element == ElementType::Float32 && tensor.data.is_some() && numbers >= LEAST_NUMBERS
}

/// Along which side a weight has its channels: the sides of one filter of a convolution, one column of a product. Other
/// weights are no candidates for so few bits.
fn channel_axis(tensor: &TensorPart, needed: &Needed<'_>) -> Option<usize> {
    let readers = needed
        .nodes
        .iter()
        .filter(|node| node.reads.contains(&tensor.name));
    let mut operators: Vec<&str> = readers.map(|node| node.operator.as_str()).collect();
    operators.sort_unstable();
    operators.dedup();
    let rank = tensor.dimensions.len();
    match (operators.as_slice(), rank) {
        (["Conv" | "Gemm"], 2..) => Some(0),
        (["ConvTranspose"], 3..) => Some(1),
        (["MatMul"], 2..) => Some(rank - 1),
        _ => None,
    }
}

/// A tensor as float16; none when a number is too large for that.
fn half(
    graph: &GraphFile,
    tensor: &TensorPart,
    stored: &str,
    parts: &mut Parts,
) -> Result<Option<Pieces>, ForgeError> {
    let Some(data) = tensor.data.clone() else {
        return Ok(None);
    };
    let mut fits = true;
    look_at(graph, &data, |numbers, _| {
        fits &= numbers.iter().all(|number| number.abs() <= LARGEST_HALF);
    })?;
    if !fits {
        return Ok(None);
    }
    cast(stored, &tensor.name, parts);
    let mut numbers = Pieces::new();
    numbers.turned(0, data, 2, |numbers, _, bytes| {
        bytes.extend(
            numbers
                .iter()
                .flat_map(|&number| f16::from_f32(number).to_le_bytes()),
        );
    });
    Ok(Some(tensor_of(
        tensor,
        ElementType::Float16,
        stored,
        numbers,
    )))
}

/// A tensor as whole numbers from −127 to 127, which stand for so many times the scale of their channel.
fn bytes(
    graph: &GraphFile,
    (tensor, axis): (&TensorPart, usize),
    stored: &str,
    parts: &mut Parts,
) -> Result<Pieces, ForgeError> {
    let data = tensor.data.clone().unwrap_or_default();
    let channels = tensor.dimensions.get(axis).copied().unwrap_or(1).max(1);
    let each: u64 = tensor.dimensions.iter().skip(axis + 1).product();
    let channel = move |place: u64| usize::try_from(place / each.max(1) % channels).unwrap_or(0);
    let mut largest = vec![0.0_f32; usize::try_from(channels).unwrap_or(1)];
    look_at(graph, &data, |numbers, first| {
        for (place, number) in (first..).zip(numbers) {
            let slot = &mut largest[channel(place)];
            *slot = slot.max(number.abs());
        }
    })?;
    let scales: Vec<f32> = largest
        .iter()
        .map(|&most| if most > 0.0 { most / LARGEST_BYTE } else { 1.0 })
        .collect();
    // The scales, along their side alone.
    let mut sides = vec![1_u64; tensor.dimensions.len()];
    if let Some(side) = sides.get_mut(axis) {
        *side = channels;
    }
    let name = stored.rsplit('/').next().unwrap_or_default();
    let scale = parts.floats(&format!("{name}_scale"), &sides, scales.iter().copied());
    let whole = parts.cast(stored, ElementType::Float32);
    parts.output(&tensor.name, "Mul", &[&whole, &scale], &[]);
    let mut numbers = Pieces::new();
    numbers.turned(0, data, 1, move |numbers, first, bytes| {
        let rounded = (first..).zip(numbers).map(|(place, number)| {
            let times = (number / scales[channel(place)]).round();
            #[expect(clippy::cast_possible_truncation, reason = "clamped to 8 bits")]
            let whole = times.clamp(-LARGEST_BYTE, LARGEST_BYTE) as i8;
            whole.to_le_bytes()
        });
        bytes.extend(rounded.flatten());
    });
    Ok(tensor_of(tensor, ElementType::Int8, stored, numbers))
}

fn cast(stored: &str, name: &str, parts: &mut Parts) {
    let to = attribute("to", AttributeValue::Integer(ElementType::Float32.code()));
    parts.output(name, "Cast", &[stored], &[to]);
}

/// TensorProto of the same sides.
fn tensor_of(like: &TensorPart, element: ElementType, name: &str, numbers: Pieces) -> Pieces {
    let sides = like.dimensions.iter();
    let head = sides.fold(Message::new(), |head, &side| {
        head.integer(1, side.cast_signed())
    });
    let head = head.integer(2, element.code()).text(8, name);
    let mut tensor = Pieces::new();
    tensor.push(head.as_bytes());
    tensor.field(9, numbers);
    tensor
}

fn look_at(
    graph: &GraphFile,
    data: &Range<u64>,
    each: impl FnMut(&[f32], u64),
) -> Result<(), ForgeError> {
    let mut reader = graph.reader()?;
    let looked = numbers_at(&mut reader, data, each);
    Ok(looked.map_err(|source| FileError::new("cannot read", graph.path(), source))?)
}

fn manifest(request: &VariantRequest<'_>, agrees: bool, (before, after): (u64, u64)) -> Manifest {
    let source = request.from.manifest();
    let mut manifest = source.clone();
    manifest.version = match request.name {
        Some(_) => Version::new(1, 0, 0),
        None if agrees => {
            let Version {
                major,
                minor,
                patch,
                ..
            } = source.version;
            Version::new(major, minor, patch + 1)
        }
        None => Version::new(source.version.major + 1, 0, 0),
    };
    if let Some(name) = request.name {
        manifest.name = name.clone();
    }
    let words = request.kind.words();
    manifest.changes = Some(format!(
        "{words}: `{GRAPH_FILE}` has {after} bytes instead of {before}{}",
        match (agrees, request.name) {
            (true, _) => "",
            (false, Some(_)) => "; its features differ",
            (false, None) => "; its features differ, so heads must be retrained",
        }
    ));
    manifest
        .derived_from
        .push(derivation(request.from, words.to_owned()));
    manifest.predecessor = None;
    manifest.files.clear();
    manifest
}

fn card(manifest: &Manifest, request: &VariantRequest<'_>, (before, after): (u64, u64)) -> String {
    let mut card = match request.from.card() {
        Ok(text) => Card::of_text(text),
        Err(_) => Card::new(manifest),
    };
    let release = request.from.release().reference();
    card.gap();
    card.line(&format!(
        "`{release}` with {}: {after} bytes instead of {before}. It is computed in float32, as before.",
        request.kind.words()
    ));
    card.into_text()
}
