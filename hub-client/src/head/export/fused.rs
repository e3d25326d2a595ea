//! An extractor's graph with a head behind it: image in, probabilities out.
//!
//! The extractor's file is copied through, weights untouched; only the graph's outputs are replaced, nodes and their
//! constants appended, and remarks added.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

use registry_schema::onnx::messages::{GRAPH, MODEL, TEXT_ENTRY, VALUE_INFO};
use registry_schema::onnx::splice::Pieces;
use registry_schema::onnx::wire::{Field, MessageKind, WireReader};
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    ControlFlow, Dimension, ElementType, Inspection, InspectionPolicy, OnnxError, inspect,
    metadata_entry, names_in,
};
use registry_schema::preprocess::Input;

use super::metadata::PREFIX;
use super::nodes::{Source, head_nodes};
use super::parts::Constants;
use super::{ExportError, ExportMetadata, IMAGE, LinearHead, OutputNames, image};
use crate::files::FileError;

/// An extractor's graph file.
#[derive(Debug)]
pub struct ExtractorGraph<'a, R> {
    /// The file, `size_bytes` long, from position 0; it is read several times and never held in memory.
    pub file: R,
    /// Its length.
    pub size_bytes: u64,
    /// Name of the output with the features.
    pub features: &'a str,
}

impl<'a> ExtractorGraph<'a, BufReader<File>> {
    /// The graph at `path`, whose output with the features is called `features`.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be opened.
    pub fn open(path: &Path, features: &'a str) -> Result<Self, FileError> {
        let error = |source| FileError::new("cannot read", path, source);
        let graph = File::open(path).map_err(error)?;
        Ok(Self {
            size_bytes: graph.metadata().map_err(error)?.len(),
            file: BufReader::new(graph),
            features,
        })
    }
}

/// What [`write_fused_onnx`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fused {
    /// Name of the input that takes a decoded image, where it was asked for: [`IMAGE`], or `head/image` where the
    /// extractor uses that name itself.
    pub image: Option<String>,
    /// Names of the outputs.
    pub outputs: OutputNames,
    /// Bytes written.
    pub size_bytes: u64,
}

/// Writes the extractor's graph file with `head` behind it: the same input, the outputs of a head. With `preprocessing`
/// that goes in front, and the input is a decoded image, RGB uint8 `[height, width, 3]`, with a batch of one.
///
/// # Errors
/// [`ExportError`] when the file is no sound graph, its input or output is not what is expected, its operators are too
/// old for an image input, or reading or writing fails.
pub fn write_fused_onnx<R: Read + Seek>(
    extractor: ExtractorGraph<'_, R>,
    preprocessing: Option<&Input>,
    head: &LinearHead<'_>,
    metadata: &ExportMetadata<'_>,
    writer: &mut impl Write,
) -> Result<Fused, ExportError> {
    let ExtractorGraph {
        file: mut model,
        size_bytes,
        features,
    } = extractor;
    // 1. The graph is sound and gives the vectors the head reads.
    rewind(&mut model)?;
    let inspection = inspect(&mut model, size_bytes, &trusting())?;
    let source = FeatureSource::find(&inspection, features, metadata.feature_dimension)?;
    head.check(source.dimension)?;
    // 2. Names that the graph does not use.
    rewind(&mut model)?;
    let taken = names_in(&mut model, size_bytes)?;
    let prefix = free_prefix("head", &taken);
    let free = |name: &str| match taken.contains(name) {
        true => format!("{prefix}/{name}"),
        false => name.to_owned(),
    };
    let outputs = OutputNames::of(head, free);
    // 3. What is added to the graph and to the file.
    let opset = opset(&inspection);
    let constants = Constants::of(inspection.ir_version);
    let front = preprocessing
        .map(|input| Front::new(input, &free(IMAGE), &prefix, &inspection))
        .transpose()?;
    let source_of_head = Source {
        features,
        dimension: source.dimension,
        opset,
    };
    let tail = head_nodes(head, source_of_head, &prefix, &outputs).into_graph_fields(constants);
    let batch = match front {
        Some(_) => Dimension::Fixed(1),
        None => source.batch,
    };
    let tail = outputs.declared(tail, head, &batch);
    let entries = metadata.entries(head);
    let file_tail = entries.iter().fold(Message::new(), |tail, (key, value)| {
        tail.message(14, &metadata_entry(key, value))
    });
    // 4. What is kept of the file, between what is added.
    let (image, front) = match front {
        Some(front) => (Some(front.image), front.fields),
        None => (None, Message::new()),
    };
    rewind(&mut model)?;
    let mut added = Added { front, tail }.into_file(&mut model, size_bytes, preprocessing)?;
    added.push(file_tail.as_bytes());
    // 5. Copy.
    let written = added.write(&mut [model], writer);
    written.map_err(|source| ExportError::Io {
        action: "write the fused graph",
        source,
    })?;
    Ok(Fused {
        image,
        outputs,
        size_bytes: added.length(),
    })
}

/// Version of the standard operators.
fn opset(inspection: &Inspection) -> i64 {
    let version = inspection.opset_imports.get("ai.onnx").copied();
    version.unwrap_or_default()
}

/// The preprocessing before the extractor's nodes.
struct Front {
    /// Name of the input.
    image: String,
    /// Fields of the graph.
    fields: Message,
}

impl Front {
    fn new(
        input: &Input,
        name: &str,
        prefix: &str,
        inspection: &Inspection,
    ) -> Result<Self, ExportError> {
        let found = opset(inspection);
        if found < image::OPSET {
            return Err(ExportError::Opset {
                needed: image::OPSET,
                found,
            });
        }
        if !inspection.inputs.iter().any(|one| one.name == input.tensor) {
            let inputs = inspection.inputs.iter().take(8).map(ToString::to_string);
            return Err(ExportError::Input {
                expected: input.tensor.clone(),
                found: inputs.collect::<Vec<_>>().join("; "),
            });
        }
        let constants = Constants::of(inspection.ir_version);
        let nodes = image::image_nodes(input, name, &format!("{prefix}/image"), constants);
        Ok(Self {
            image: name.to_owned(),
            fields: nodes
                .into_graph_fields(constants)
                .message(11, &image::image_info(name)),
        })
    }
}

/// Whoever exports has the release verified already, by a policy of their own: here only soundness counts.
fn trusting() -> InspectionPolicy {
    InspectionPolicy {
        control_flow: ControlFlow::Allowed,
        max_intermediate_bytes: u64::MAX,
        ..InspectionPolicy::default()
    }
}

/// The output whose vectors the head reads.
struct FeatureSource {
    batch: Dimension,
    dimension: usize,
}

impl FeatureSource {
    /// The dimension stands in the graph, or is `stated` where the graph leaves it open.
    fn find(inspection: &Inspection, name: &str, stated: usize) -> Result<Self, ExportError> {
        let found = inspection.outputs.iter().find(|output| output.name == name);
        let batch = Dimension::Named("batch".to_owned());
        match found.map(|output| (output.element_type, output.shape.as_deref())) {
            Some((Some(ElementType::Float32), None)) => Ok(Self {
                batch,
                dimension: stated,
            }),
            Some((Some(ElementType::Float32), Some([batch, dimension]))) => {
                let dimension = dimension
                    .fixed()
                    .and_then(|size| usize::try_from(size).ok())
                    .unwrap_or(stated);
                Ok(Self {
                    batch: batch.clone(),
                    dimension,
                })
            }
            _ => {
                let outputs: Vec<String> = inspection
                    .outputs
                    .iter()
                    .take(8)
                    .map(ToString::to_string)
                    .collect();
                Err(ExportError::Output {
                    expected: name.to_owned(),
                    found: outputs.join("; "),
                })
            }
        }
    }
}

/// `stem`, or `stem2` and so on: the first that begins no name in the graph.
pub(crate) fn free_prefix(stem: &str, taken: &HashSet<String>) -> String {
    let is_free = |prefix: &String| {
        let start = format!("{prefix}/");
        !taken.iter().any(|name| name.starts_with(&start))
    };
    let numbered = (2_u64..).map(|number| format!("{stem}{number}"));
    let mut candidates = std::iter::once(stem.to_owned()).chain(numbered);
    // A graph has finitely many names, so some number is free.
    candidates.find(is_free).unwrap_or_default()
}

/// What is put before and behind the fields of the graph.
struct Added {
    front: Message,
    tail: Message,
}

impl Added {
    /// Everything but the graph's outputs, the input that `preprocessing` computes, and remarks of our own.
    fn into_file<R: Read + Seek>(
        self,
        model: R,
        size_bytes: u64,
        preprocessing: Option<&Input>,
    ) -> Result<Pieces, OnnxError> {
        let mut reader = WireReader::new(model, size_bytes, &MODEL);
        let mut file = Pieces::new();
        while let Some(field) = reader.next_field()? {
            let start = field.at;
            if field.number == 7 {
                let mut graph = Pieces::new();
                graph.push(self.front.as_bytes());
                reader.enter(field, &GRAPH)?;
                while let Some(field) = reader.next_field()? {
                    let is_replaced = match (field.number, preprocessing) {
                        (11, Some(input)) => {
                            text_of(&mut reader, field, &VALUE_INFO)? == input.tensor
                        }
                        (number, _) => {
                            reader.skip(field)?;
                            number == 12
                        }
                    };
                    if !is_replaced {
                        graph.copy(0, field.at..reader.position());
                    }
                }
                graph.push(self.tail.as_bytes());
                file.field(7, graph);
                continue;
            }
            let is_replaced = if field.number == 14 {
                text_of(&mut reader, field, &TEXT_ENTRY)?.starts_with(PREFIX)
            } else {
                reader.skip(field)?;
                false
            };
            if !is_replaced {
                file.copy(0, start..reader.position());
            }
        }
        Ok(file)
    }
}

/// The first field of a message, a name or key; the message is read to its end.
fn text_of<R: Read + Seek>(
    reader: &mut WireReader<R>,
    message: Field,
    kind: &'static MessageKind,
) -> Result<String, OnnxError> {
    let mut text = String::new();
    reader.enter(message, kind)?;
    while let Some(field) = reader.next_field()? {
        if field.number == 1 {
            text = reader.text(field)?;
        } else {
            reader.skip(field)?;
        }
    }
    Ok(text)
}

fn rewind(model: &mut impl Seek) -> Result<(), ExportError> {
    model.rewind().map_err(|source| ExportError::Io {
        action: "read the extractor's graph",
        source,
    })
}
