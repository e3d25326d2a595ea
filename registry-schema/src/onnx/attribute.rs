//! AttributeProto: one value of the stated type.

use std::io::{Read, Seek};

use super::OnnxError;
use super::graph::{Graph, read_graph};
use super::messages::ATTRIBUTE;
use super::tensor::{SparseTensor, Tensor, read_sparse_tensor, read_tensor};
use super::wire::{Field, WireReader};

/// Longest text attribute that is kept; operators' modes are a few letters, label lists are passed over.
const MAX_ATTRIBUTE_TEXT_BYTES: u64 = 256;

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: AttributeValue,
}

#[derive(Debug)]
pub(super) enum AttributeValue {
    Float(f32),
    Integer(i64),
    /// Cut to [`MAX_ATTRIBUTE_TEXT_BYTES`].
    Text(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Tensors(Vec<Tensor>),
    SparseTensors(Vec<SparseTensor>),
    Graphs(Vec<Graph>),
    /// Text lists and types, which no check needs.
    Other,
    /// In a function: the caller's attribute of another name.
    Reference,
}

/// All value fields of an attribute, of which its type admits one.
#[derive(Default)]
struct AttributeParts {
    type_code: i32,
    is_reference: bool,
    /// Numbers of the value fields that occurred.
    present: Vec<u32>,
    float: f32,
    integer: i64,
    text: Vec<u8>,
    integers: Vec<i64>,
    floats: Vec<f32>,
    tensors: Vec<Tensor>,
    sparse_tensors: Vec<SparseTensor>,
    graphs: Vec<Graph>,
}

/// Reads the attribute in `field`, subgraphs and tensors inside it included.
pub(super) fn read_attribute<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<Attribute, OnnxError> {
    let at = field.at;
    reader.keep(size_of::<Attribute>() as u64)?;
    reader.enter(field, &ATTRIBUTE)?;
    let mut name = String::new();
    let mut parts = AttributeParts::default();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => name = reader.text(field)?,
            13 => reader.skip(field)?,
            20 => parts.type_code = reader.int32(field)?,
            21 => parts.is_reference = !reader.text(field)?.is_empty(),
            _ => parts.read(reader, field)?,
        }
    }
    let value = parts.value().map_err(|reason| OnnxError::Malformed {
        message: ATTRIBUTE.name,
        at,
        reason,
    })?;
    Ok(Attribute { name, value })
}

impl AttributeParts {
    fn read<R: Read + Seek>(
        &mut self,
        reader: &mut WireReader<R>,
        field: Field,
    ) -> Result<(), OnnxError> {
        if self.present.last() != Some(&field.number) {
            reader.keep(4)?;
            self.present.push(field.number);
        }
        match field.number {
            2 => self.float = reader.float(field)?,
            3 => self.integer = reader.int64(field)?,
            4 => self.text = reader.prefix(field, MAX_ATTRIBUTE_TEXT_BYTES)?.0,
            5 | 10 => self.tensors.push(read_tensor(reader, field)?),
            6 | 11 => self.graphs.push(read_graph(reader, field)?),
            7 => reader.floats(field, &mut self.floats)?,
            8 => reader.integers(field, &mut self.integers)?,
            22 | 23 => self.sparse_tensors.push(read_sparse_tensor(reader, field)?),
            _ => reader.skip(field)?,
        }
        Ok(())
    }

    /// The value its type names; data of any other type beside it is refused, because readers disagree about it.
    fn value(self) -> Result<AttributeValue, &'static str> {
        let (number, value) = match self.type_code {
            1 => (2, AttributeValue::Float(self.float)),
            2 => (3, AttributeValue::Integer(self.integer)),
            3 => (4, AttributeValue::Text(self.text)),
            4 => (5, AttributeValue::Tensors(self.tensors)),
            5 => (6, AttributeValue::Graphs(self.graphs)),
            6 => (7, AttributeValue::Floats(self.floats)),
            7 => (8, AttributeValue::Integers(self.integers)),
            8 => (9, AttributeValue::Other),
            9 => (10, AttributeValue::Tensors(self.tensors)),
            10 => (11, AttributeValue::Graphs(self.graphs)),
            11 => (22, AttributeValue::SparseTensors(self.sparse_tensors)),
            12 => (23, AttributeValue::SparseTensors(self.sparse_tensors)),
            13 => (14, AttributeValue::Other),
            14 => (15, AttributeValue::Other),
            _ => return Err("the attribute has no known type"),
        };
        if self.present.iter().any(|&present| present != number) {
            return Err("the attribute holds data of another type than it states");
        }
        if self.is_reference {
            return if self.present.is_empty() {
                Ok(AttributeValue::Reference)
            } else {
                Err("the attribute refers to another one and has a value of its own")
            };
        }
        Ok(value)
    }
}
