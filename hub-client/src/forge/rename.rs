//! The nodes and weights of a graph with a prefix before every name, so that several fit into one file.

use std::collections::HashSet;
use std::io::{Read, Seek};

use registry_schema::onnx::OnnxError;
use registry_schema::onnx::messages::{
    ATTRIBUTE, GRAPH, MODEL, NODE, SPARSE_TENSOR, TENSOR, VALUE_INFO,
};
use registry_schema::onnx::splice::Pieces;
use registry_schema::onnx::wire::{Field, MessageKind, WireReader};
use registry_schema::onnx::write::Message;

use super::assembly::Needed;

/// Which names become which.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    /// Before every other name.
    pub(super) prefix: &'a str,
    /// The one name that becomes another one.
    pub(super) special: (&'a str, &'a str),
}

impl Names<'_> {
    /// The new name of a value. An empty name is a value that is not given, and stays.
    pub(super) fn renamed(self, name: &str) -> String {
        match name {
            "" => String::new(),
            name if name == self.special.0 => self.special.1.to_owned(),
            name => format!("{}/{name}", self.prefix),
        }
    }
}

/// Fields of a graph: the nodes and stored tensors of `needed`, renamed; bytes of weights are of the file number `file`,
/// which `reader` reads from its position 0.
pub(super) fn renamed<R: Read + Seek>(
    reader: R,
    size_bytes: u64,
    needed: &Needed<'_>,
    (names, file): (Names<'_>, usize),
) -> Result<Pieces, OnnxError> {
    let nodes = needed.nodes.iter().map(|node| node.at.start);
    let tensors = needed.tensors.iter().map(|tensor| tensor.at.start);
    let kept: HashSet<u64> = nodes.chain(tensors).collect();
    let mut walk = Walk {
        reader: WireReader::new(reader, size_bytes, &MODEL),
        names,
        file,
    };
    let mut graph = Pieces::new();
    while let Some(field) = walk.reader.next_field()? {
        if field.number != 7 {
            walk.reader.skip(field)?;
            continue;
        }
        walk.reader.enter(field, &GRAPH)?;
        while let Some(field) = walk.reader.next_field()? {
            match kept.contains(&field.at) {
                true => walk.part_of_graph(field, &mut graph)?,
                false => walk.reader.skip(field)?,
            }
        }
    }
    Ok(graph)
}

/// A walk over a file that writes what it sees with other names.
struct Walk<'a, R> {
    reader: WireReader<R>,
    names: Names<'a>,
    file: usize,
}

impl<R: Read + Seek> Walk<'_, R> {
    fn copied(&mut self, field: Field, into: &mut Pieces) -> Result<(), OnnxError> {
        self.reader.skip(field)?;
        into.copy(self.file, field.at..self.reader.position());
        Ok(())
    }

    fn name(&mut self, field: Field, into: &mut Pieces) -> Result<(), OnnxError> {
        let name = self.reader.text(field)?;
        let renamed = self.names.renamed(&name);
        into.push(Message::new().text(field.number, &renamed).as_bytes());
        Ok(())
    }

    /// Field `number` holds a name; others are copied.
    fn renaming(&mut self, number: u32, field: Field, into: &mut Pieces) -> Result<(), OnnxError> {
        match field.number == number {
            true => self.name(field, into),
            false => self.copied(field, into),
        }
    }

    /// A message of which `each` field is looked at, written behind its own length.
    fn message(
        &mut self,
        field: Field,
        kind: &'static MessageKind,
        into: &mut Pieces,
        mut each: impl FnMut(&mut Self, Field, &mut Pieces) -> Result<(), OnnxError>,
    ) -> Result<(), OnnxError> {
        let mut message = Pieces::new();
        self.reader.enter(field, kind)?;
        while let Some(inner) = self.reader.next_field()? {
            each(self, inner, &mut message)?;
        }
        into.field(field.number, message);
        Ok(())
    }

    fn part_of_graph(&mut self, field: Field, into: &mut Pieces) -> Result<(), OnnxError> {
        match field.number {
            1 => self.message(field, &NODE, into, Self::part_of_node),
            5 => self.message(field, &TENSOR, into, |walk, inner, into| {
                walk.renaming(8, inner, into)
            }),
            11..=13 => self.message(field, &VALUE_INFO, into, |walk, inner, into| {
                walk.renaming(1, inner, into)
            }),
            15 => self.message(
                field,
                &SPARSE_TENSOR,
                into,
                |walk, inner, into| match inner.number {
                    1 => walk.message(inner, &TENSOR, into, |walk, inner, into| {
                        walk.renaming(8, inner, into)
                    }),
                    _ => walk.copied(inner, into),
                },
            ),
            // Remarks on quantisation name values, and nothing needs them.
            14 => self.reader.skip(field),
            _ => self.copied(field, into),
        }
    }

    fn part_of_node(&mut self, field: Field, into: &mut Pieces) -> Result<(), OnnxError> {
        match field.number {
            1..=3 => self.name(field, into),
            5 => self.message(field, &ATTRIBUTE, into, |walk, inner, into| {
                match inner.number {
                    6 | 11 => walk.message(inner, &GRAPH, into, Self::part_of_graph),
                    _ => walk.copied(inner, into),
                }
            }),
            _ => self.copied(field, into),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Cursor;

    use super::*;
    use registry_schema::onnx::{
        Dimension, ElementType, ModelHeader, anatomy, float_tensor, graph_attribute, names_in,
        node, value_info,
    };

    fn header(graph: &Message) -> Vec<u8> {
        let header = ModelHeader {
            ir_version: 8,
            opset: 13,
            producer: "tests",
            metadata: &[],
        };
        header.with_graph(graph).into_bytes()
    }

    #[test]
    fn every_name_is_another_one_also_in_inner_graphs() {
        let info = |name: &str| value_info(name, ElementType::Float32, &[Dimension::Unknown]);
        let inner = Message::new()
            .message(1, &node("Add", &["x", "own"], &["sum"], &[]))
            .message(5, &float_tensor("own", &[1], std::iter::once(1.0)))
            .message(12, &info("sum"));
        let branches = ["then_branch", "else_branch"].map(|name| graph_attribute(name, &inner));
        let graph = Message::new()
            .message(1, &node("If", &["yes"], &["y"], &branches))
            .message(1, &node("Clip", &["y", "", "w"], &["z"], &[]))
            .message(1, &node("Relu", &["z"], &["unused"], &[]))
            .message(5, &float_tensor("w", &[1], std::iter::once(2.0)))
            .message(11, &info("x"))
            .message(11, &value_info("yes", ElementType::Bool, &[]))
            .message(12, &info("z"));
        let bytes = header(&graph);
        let size = bytes.len() as u64;
        let parts = anatomy(Cursor::new(&bytes), size).unwrap();
        let needed = Needed::new(&parts, ["z"]);
        let names = Names {
            prefix: "part",
            special: ("x", "pictures"),
        };
        let pieces = renamed(Cursor::new(&bytes), size, &needed, (names, 0)).unwrap();
        let mut fields = Vec::new();
        pieces
            .write(&mut [Cursor::new(&bytes)], &mut fields)
            .unwrap();
        let written = header(&Message::from_bytes(fields));
        let mut found: Vec<String> = names_in(Cursor::new(&written), written.len() as u64)
            .unwrap()
            .into_iter()
            .collect();
        found.sort();
        let expected = [
            "", "part/own", "part/sum", "part/w", "part/y", "part/yes", "part/z", "pictures",
        ];
        assert_eq!(found, expected);
    }
}
