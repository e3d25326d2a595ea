//! An extractor's graph with a head behind it: image in, probabilities out.
//!
//! The extractor's file is copied through, weights untouched; only the graph's outputs are replaced, nodes and their
//! constants appended, and remarks added.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use registry_schema::onnx::wire::{MessageKind, WireReader};
use registry_schema::onnx::write::{Message, length_prefix};
use registry_schema::onnx::{
    ControlFlow, Dimension, ElementType, GRAPH, Inspection, InspectionPolicy, MODEL, OnnxError,
    inspect, metadata_entry, names_in,
};

use super::nodes::{Constants, head_nodes};
use super::{ExportError, ExportMetadata, LinearHead, PROBABILITIES, probabilities_info};

static METADATA_ENTRY: MessageKind = MessageKind {
    name: "StringStringEntryProto",
    single: &[1, 2],
    repeated: &[],
};

/// What [`write_fused_onnx`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fused {
    /// Name of the output: [`PROBABILITIES`], or `head/probabilities` where the extractor uses that name itself.
    pub output: String,
    /// Bytes written.
    pub size_bytes: u64,
}

/// Writes the extractor's graph file with `head` behind its output `features`: the same image input, the output
/// [`PROBABILITIES`] `[batch, K]`. The extractor's file (`size_bytes` long, from position 0) is read several times and
/// never held in memory.
///
/// # Errors
/// [`ExportError`] when the file is no sound graph, the output is not what the head reads, or reading or writing
/// fails.
pub fn write_fused_onnx<R: Read + Seek>(
    mut model: R,
    size_bytes: u64,
    features: &str,
    head: &LinearHead<'_>,
    metadata: &ExportMetadata<'_>,
    writer: &mut impl Write,
) -> Result<Fused, ExportError> {
    // 1. The graph is sound and gives the vectors the head reads.
    rewind(&mut model)?;
    let inspection = inspect(&mut model, size_bytes, &trusting())?;
    let source = FeatureSource::find(&inspection, features, metadata.feature_dimension)?;
    head.check(source.dimension)?;
    // 2. Names that the graph does not use.
    rewind(&mut model)?;
    let taken = names_in(&mut model, size_bytes)?;
    let prefix = free_prefix(&taken);
    let output = if taken.contains(PROBABILITIES) {
        format!("{prefix}/{PROBABILITIES}")
    } else {
        PROBABILITIES.to_owned()
    };
    // 3. What is appended to the graph and to the file.
    let constants = if inspection.ir_version < 4 {
        Constants::Nodes
    } else {
        Constants::Initializers
    };
    let graph_tail = head_nodes(head, features, source.dimension, &prefix, &output)
        .into_graph_fields(constants)
        .message(12, &probabilities_info(head, &output, source.batch));
    let entries = metadata.entries(head);
    let file_tail = entries.iter().fold(Message::new(), |tail, (key, value)| {
        tail.message(14, &metadata_entry(key, value))
    });
    // 4. What is kept of the file.
    rewind(&mut model)?;
    let keys: HashSet<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    let kept = Kept::read(&mut model, size_bytes, &keys)?;
    // 5. Copy.
    let mut copy = Copy {
        model,
        writer,
        written_bytes: 0,
    };
    copy.ranges(&kept.before_graph)?;
    let graph_bytes: u64 = kept.graph.iter().map(|range| range.end - range.start).sum();
    copy.bytes(&length_prefix(
        7,
        graph_bytes + graph_tail.as_bytes().len() as u64,
    ))?;
    copy.ranges(&kept.graph)?;
    copy.bytes(graph_tail.as_bytes())?;
    copy.ranges(&kept.after_graph)?;
    copy.bytes(file_tail.as_bytes())?;
    Ok(Fused {
        output,
        size_bytes: copy.written_bytes,
    })
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

/// `head`, or `head2` and so on: the first that begins no name in the graph.
fn free_prefix(taken: &HashSet<String>) -> String {
    let is_free = |prefix: &String| {
        let start = format!("{prefix}/");
        !taken.iter().any(|name| name.starts_with(&start))
    };
    let numbered = (2_u64..).map(|number| format!("head{number}"));
    let mut candidates = std::iter::once("head".to_owned()).chain(numbered);
    // A graph has finitely many names, so some number is free.
    candidates.find(is_free).unwrap_or_default()
}

/// Byte ranges of the extractor's file that are copied.
#[derive(Debug, Default)]
struct Kept {
    before_graph: Vec<Range<u64>>,
    graph: Vec<Range<u64>>,
    after_graph: Vec<Range<u64>>,
}

impl Kept {
    /// Everything but the graph's outputs and remarks under one of `keys`.
    fn read<R: Read + Seek>(
        model: R,
        size_bytes: u64,
        keys: &HashSet<&str>,
    ) -> Result<Self, OnnxError> {
        let mut reader = WireReader::new(model, size_bytes, &MODEL);
        let mut kept = Self::default();
        let mut has_graph = false;
        while let Some(field) = reader.next_field()? {
            let start = field.at;
            if field.number == 7 {
                has_graph = true;
                reader.enter(field, &GRAPH)?;
                while let Some(field) = reader.next_field()? {
                    reader.skip(field)?;
                    if field.number != 12 {
                        push(&mut kept.graph, field.at..reader.position());
                    }
                }
                continue;
            }
            let mut is_replaced = false;
            if field.number == 14 {
                reader.enter(field, &METADATA_ENTRY)?;
                while let Some(field) = reader.next_field()? {
                    if field.number == 1 {
                        is_replaced = keys.contains(reader.text(field)?.as_str());
                    } else {
                        reader.skip(field)?;
                    }
                }
            } else {
                reader.skip(field)?;
            }
            if !is_replaced {
                let ranges = if has_graph {
                    &mut kept.after_graph
                } else {
                    &mut kept.before_graph
                };
                push(ranges, start..reader.position());
            }
        }
        Ok(kept)
    }
}

/// Appends a range, to the last one where it continues it.
fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

fn rewind(model: &mut impl Seek) -> Result<(), ExportError> {
    model.rewind().map_err(|source| ExportError::Io {
        action: "read the extractor's graph",
        source,
    })
}

/// Writes parts of the extractor's file and new bytes one after the other.
struct Copy<'a, R, W> {
    model: R,
    writer: &'a mut W,
    written_bytes: u64,
}

impl<R: Read + Seek, W: Write> Copy<'_, R, W> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.writer
            .write_all(bytes)
            .map_err(|source| ExportError::Io {
                action: "write the fused graph",
                source,
            })?;
        self.written_bytes += bytes.len() as u64;
        Ok(())
    }

    fn ranges(&mut self, ranges: &[Range<u64>]) -> Result<(), ExportError> {
        for range in ranges {
            let length = range.end - range.start;
            let copy = |copy: &mut Self| -> io::Result<()> {
                copy.model.seek(SeekFrom::Start(range.start))?;
                let copied = io::copy(&mut (&mut copy.model).take(length), copy.writer)?;
                // The file was longer a moment ago.
                if copied == length {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            };
            copy(self).map_err(|source| ExportError::Io {
                action: "copy the extractor's graph",
                source,
            })?;
            self.written_bytes += length;
        }
        Ok(())
    }
}
