//! TensorProto and SparseTensorProto: element type, dimensions, and whether the stored data is exactly as long as
//! both say. Weights are passed over; only constants of a few numbers are kept, to follow shapes with.

use std::io::{Read, Seek};
use std::ops::Range;

use super::OnnxError;
use super::element::ElementType;
use super::error::quoted;
use super::messages::{SPARSE_TENSOR, TENSOR};
use super::wire::{Field, WireReader};

/// Largest single dimension. 2^31 is past every index type an operator uses.
pub const MAX_DIMENSION: u64 = 1 << 31;
/// Largest number of dimensions; the runtime's own kernels stop at 8 or 16.
pub const MAX_RANK: usize = 32;
/// Constants of at most this many elements are kept, to follow shapes with.
pub(super) const MAX_KEPT_ELEMENTS: u64 = 64;

/// Values of a small constant, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    /// From any integer or boolean type.
    Integers(Vec<i64>),
    /// From float32 or float64.
    Floats(Vec<f64>),
}

/// What is known of a stored tensor.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) element: ElementType,
    pub(super) dimensions: Vec<u64>,
    pub(super) elements: u64,
    /// Bytes the tensor takes in memory.
    pub(super) bytes: u64,
    /// Present for small constants of integer or floating-point types.
    pub(super) values: Option<Values>,
    /// Where it is in the file.
    pub(super) at: Range<u64>,
    /// Where its numbers are, when they lie in one piece, little-endian.
    pub(super) data: Option<Range<u64>>,
}

/// A tensor stored as its non-zero values.
#[derive(Debug, Clone)]
pub(super) struct SparseTensor {
    pub(super) values: Tensor,
    /// Dimensions of the dense tensor it stands for.
    pub(super) dimensions: Vec<u64>,
    /// Bytes of the dense tensor.
    pub(super) dense_bytes: u64,
    /// Where it is in the file.
    pub(super) at: Range<u64>,
}

/// Reads the tensor in `field` and checks data against dimensions.
pub(super) fn read_tensor<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<Tensor, OnnxError> {
    let start = field.at;
    reader.keep(size_of::<Tensor>() as u64)?;
    reader.enter(field, &TENSOR)?;
    let mut name = String::new();
    let mut code = 0;
    let mut dimensions = Vec::new();
    let mut stored = Stored::default();
    let mut is_external = false;
    let mut is_segmented = false;
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => read_dimensions(reader, field, &mut dimensions)?,
            2 => code = reader.int32(field)?,
            3 => {
                is_segmented = true;
                reader.skip(field)?;
            }
            8 => name = reader.text(field)?,
            13 => {
                is_external = true;
                reader.skip(field)?;
            }
            14 => is_external |= reader.int32(field)? != 0,
            12 | 16 => reader.skip(field)?,
            _ => stored.read(reader, field)?,
        }
    }
    let shown = if name.is_empty() {
        format!("at byte {start}")
    } else {
        quoted(&name)
    };
    if is_external {
        return Err(OnnxError::ExternalData { tensor: shown });
    }
    if is_segmented {
        return Err(OnnxError::SegmentedTensor { tensor: shown });
    }
    let what = || format!("tensor {shown}");
    let element = ElementType::from_code(code)
        .ok_or_else(|| OnnxError::ElementType { what: what(), code })?;
    let (dimensions, elements) = checked_dimensions(&dimensions, what)?;
    let bytes = bytes_of(&dimensions, element).ok_or_else(|| absurd(what(), &dimensions))?;
    stored.check(&shown, element, &dimensions, elements, bytes)?;
    let values = stored.values(element, elements);
    let data = stored.pieces.first().filter(|_| stored.pieces.len() == 1);
    Ok(Tensor {
        name,
        element,
        dimensions,
        elements,
        bytes,
        values,
        at: start..reader.position(),
        data: data.cloned(),
    })
}

/// Reads the sparse tensor in `field`; one index, or one row of indices, for each value.
pub(super) fn read_sparse_tensor<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<SparseTensor, OnnxError> {
    let start = field.at;
    reader.keep(size_of::<SparseTensor>() as u64)?;
    reader.enter(field, &SPARSE_TENSOR)?;
    let (mut values, mut indices) = (None, None);
    let mut dimensions = Vec::new();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => values = Some(read_tensor(reader, field)?),
            2 => indices = Some(read_tensor(reader, field)?),
            _ => read_dimensions(reader, field, &mut dimensions)?,
        }
    }
    let malformed = |reason| OnnxError::Malformed {
        message: SPARSE_TENSOR.name,
        at: start,
        reason,
    };
    let (Some(values), Some(indices)) = (values, indices) else {
        return Err(malformed("values or indices are missing"));
    };
    let what = || format!("sparse tensor {}", quoted(&values.name));
    let (dimensions, _) = checked_dimensions(&dimensions, what)?;
    let rows = [values.elements];
    let full = [values.elements, dimensions.len() as u64];
    if values.dimensions != rows || !(indices.dimensions == rows || indices.dimensions == full) {
        return Err(malformed("there is not one index for each value"));
    }
    let dense_bytes =
        bytes_of(&dimensions, values.element).ok_or_else(|| absurd(what(), &dimensions))?;
    Ok(SparseTensor {
        values,
        dimensions,
        dense_bytes,
        at: start..reader.position(),
    })
}

/// Appends the dimensions in `field`, up to one more than [`MAX_RANK`] of them, so that excess is seen later.
fn read_dimensions<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
    dimensions: &mut Vec<i64>,
) -> Result<(), OnnxError> {
    reader.varints(field, |value| {
        if dimensions.len() <= MAX_RANK {
            dimensions.push(value.cast_signed());
        }
    })?;
    Ok(())
}

/// Dimensions as unsigned numbers and their product.
pub(super) fn checked_dimensions(
    dimensions: &[i64],
    what: impl Fn() -> String,
) -> Result<(Vec<u64>, u64), OnnxError> {
    let mut checked = Vec::with_capacity(dimensions.len());
    for &dimension in dimensions {
        let size = u64::try_from(dimension).map_err(|_| OnnxError::NegativeDimension {
            what: what(),
            dimension,
        })?;
        checked.push(size);
    }
    let is_absurd = checked.len() > MAX_RANK || checked.iter().any(|&size| size > MAX_DIMENSION);
    match checked
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size))
    {
        Some(elements) if !is_absurd => Ok((checked, elements)),
        _ => Err(absurd(what(), &checked)),
    }
}

/// Bytes of a dense tensor; `None` when the number overflows.
pub(super) fn bytes_of(dimensions: &[u64], element: ElementType) -> Option<u64> {
    let bits = dimensions
        .iter()
        .try_fold(element.bits(), |product, &size| product.checked_mul(size))?;
    Some(bits.div_ceil(8))
}

fn absurd(what: String, dimensions: &[u64]) -> OnnxError {
    OnnxError::AbsurdDimensions {
        what,
        dimensions: format!("{dimensions:?}"),
    }
}

/// How much data each field of a tensor held, and the first few values of it.
#[derive(Debug, Default)]
struct Stored {
    raw: Option<(Vec<u8>, u64)>,
    /// Field number and number of entries.
    counts: Vec<(u32, u64)>,
    integers: Vec<i64>,
    floats: Vec<f64>,
    /// Where there are fixed-width numbers; of many pieces the first two.
    pieces: Vec<Range<u64>>,
}

impl Stored {
    fn read<R: Read + Seek>(
        &mut self,
        reader: &mut WireReader<R>,
        field: Field,
    ) -> Result<(), OnnxError> {
        let limit = MAX_KEPT_ELEMENTS;
        let (integers, floats) = (&mut self.integers, &mut self.floats);
        let keep_integer = |value: u64| {
            if integers.len() < 64 {
                integers.push(value.cast_signed());
            }
        };
        let mut keep_float = |value: f64| {
            if floats.len() < 64 {
                floats.push(value);
            }
        };
        let count = match field.number {
            4 => reader.fixed::<4>(field, limit, |bytes| {
                keep_float(f32::from_le_bytes(bytes).into());
            })?,
            10 => reader.fixed::<8>(field, limit, |bytes| keep_float(f64::from_le_bytes(bytes)))?,
            5 | 7 | 11 => reader.varints(field, keep_integer)?,
            9 => {
                let (prefix, length) = reader.prefix(field, limit * 8)?;
                self.piece(reader.position(), length);
                self.raw = Some((prefix, length));
                return Ok(());
            }
            _ => {
                reader.skip(field)?;
                1
            }
        };
        if field.number == 4 {
            self.piece(reader.position(), count.saturating_mul(4));
        }
        match self
            .counts
            .iter_mut()
            .find(|(number, _)| *number == field.number)
        {
            Some((_, total)) => *total = total.saturating_add(count),
            None => self.counts.push((field.number, count)),
        }
        Ok(())
    }

    /// Numbers of so many bytes end at `end`.
    fn piece(&mut self, end: u64, bytes: u64) {
        if bytes > 0 && self.pieces.len() < 2 {
            self.pieces.push(end.saturating_sub(bytes)..end);
        }
    }

    fn check(
        &self,
        tensor: &str,
        element: ElementType,
        dimensions: &[u64],
        elements: u64,
        bytes: u64,
    ) -> Result<(), OnnxError> {
        let (number, entries) = element.typed_storage(elements);
        let typed = |wanted: u32| {
            self.counts
                .iter()
                .filter(|(n, _)| *n == wanted)
                .map(|(_, count)| count)
                .sum()
        };
        let total: u64 = self.counts.iter().map(|(_, count)| count).sum();
        let found: u64 = typed(number);
        let raw_bytes = self.raw.as_ref().map_or(0, |(_, length)| *length);
        if total != found || (raw_bytes > 0 && (found > 0 || element == ElementType::String)) {
            return Err(OnnxError::TensorField {
                tensor: tensor.to_owned(),
                element,
            });
        }
        let (expected, found, unit) = if found > 0 || raw_bytes == 0 {
            (entries, found, "stored values")
        } else {
            (bytes, raw_bytes, "bytes")
        };
        if expected == found {
            return Ok(());
        }
        let dimensions = format!("{dimensions:?}");
        Err(OnnxError::TensorData {
            tensor: tensor.to_owned(),
            element,
            dimensions,
            expected,
            found,
            unit,
        })
    }

    /// The values of a small tensor whose data has been checked.
    fn values(&self, element: ElementType, elements: u64) -> Option<Values> {
        if elements > MAX_KEPT_ELEMENTS {
            return None;
        }
        let raw = self
            .raw
            .as_ref()
            .map(|(bytes, _)| bytes.as_slice())
            .filter(|bytes| !bytes.is_empty());
        let Some(raw) = raw else {
            return match element {
                ElementType::Float32 | ElementType::Float64 => {
                    Some(Values::Floats(self.floats.clone()))
                }
                ElementType::Int32 | ElementType::Int64 | ElementType::Bool => {
                    Some(Values::Integers(self.integers.clone()))
                }
                _ => None,
            };
        };
        match element {
            ElementType::Float32 => Some(Values::Floats(
                words::<4>(raw)
                    .map(|word| f32::from_le_bytes(word).into())
                    .collect(),
            )),
            ElementType::Float64 => Some(Values::Floats(
                words::<8>(raw).map(f64::from_le_bytes).collect(),
            )),
            ElementType::Int32 => Some(Values::Integers(
                words::<4>(raw)
                    .map(|word| i32::from_le_bytes(word).into())
                    .collect(),
            )),
            ElementType::Int64 => Some(Values::Integers(
                words::<8>(raw).map(i64::from_le_bytes).collect(),
            )),
            ElementType::Bool => Some(Values::Integers(
                raw.iter().map(|&byte| byte.into()).collect(),
            )),
            _ => None,
        }
    }
}

fn words<const WIDTH: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; WIDTH]> {
    bytes.as_chunks::<WIDTH>().0.iter().copied()
}
