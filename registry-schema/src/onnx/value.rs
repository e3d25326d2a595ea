//! ValueInfoProto: name, element type and shape of a value.

use std::io::{Read, Seek};
use std::ops::Range;

use super::OnnxError;
use super::element::ElementType;
use super::error::quoted;
use super::inspection::Dimension;
use super::messages::{DIMENSION, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO};
use super::tensor::{MAX_DIMENSION, MAX_RANK};
use super::wire::{Field, WireReader};

#[derive(Debug)]
pub(super) struct ValueInfo {
    pub(super) name: String,
    /// `None` when the value is no tensor, or its type is not stated.
    pub(super) element: Option<ElementType>,
    pub(super) shape: Option<Vec<Dimension>>,
    /// Where it is in the file.
    pub(super) at: Range<u64>,
}

/// Reads the value description in `field`.
pub(super) fn read_value_info<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<ValueInfo, OnnxError> {
    let start = field.at;
    reader.keep(size_of::<ValueInfo>() as u64)?;
    reader.enter(field, &VALUE_INFO)?;
    let mut name = String::new();
    let mut kind = TypeParts::default();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => name = reader.text(field)?,
            2 => read_type(reader, field, &mut kind)?,
            _ => reader.skip(field)?,
        }
    }
    let what = || format!("value {}", quoted(&name));
    if let Some(dimension) = kind.negative {
        return Err(OnnxError::NegativeDimension {
            what: what(),
            dimension,
        });
    }
    let element = match kind.element_code {
        None | Some(0) => None,
        Some(code) => Some(
            ElementType::from_code(code)
                .ok_or_else(|| OnnxError::ElementType { what: what(), code })?,
        ),
    };
    if let Some(shape) = &kind.shape {
        let sizes: Vec<u64> = shape.iter().filter_map(Dimension::fixed).collect();
        let product = sizes
            .iter()
            .try_fold(1_u64, |product, &size| product.checked_mul(size));
        if shape.len() > MAX_RANK
            || product.is_none()
            || sizes.iter().any(|&size| size > MAX_DIMENSION)
        {
            return Err(OnnxError::AbsurdDimensions {
                what: what(),
                dimensions: format!("{sizes:?}"),
            });
        }
    }
    Ok(ValueInfo {
        name,
        element,
        shape: kind.shape,
        at: start..reader.position(),
    })
}

#[derive(Default)]
struct TypeParts {
    element_code: Option<i32>,
    shape: Option<Vec<Dimension>>,
    negative: Option<i64>,
}

fn read_type<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
    kind: &mut TypeParts,
) -> Result<(), OnnxError> {
    let at = field.at;
    reader.enter(field, &TYPE)?;
    let mut kinds = 0;
    while let Some(field) = reader.next_field()? {
        kinds += u32::from(field.number != 6);
        if field.number == 1 {
            reader.enter(field, &TENSOR_TYPE)?;
            while let Some(field) = reader.next_field()? {
                match field.number {
                    1 => kind.element_code = Some(reader.int32(field)?),
                    _ => kind.shape = Some(read_shape(reader, field, &mut kind.negative)?),
                }
            }
        } else {
            reader.skip(field)?;
        }
    }
    if kinds > 1 {
        return Err(OnnxError::Malformed {
            message: TYPE.name,
            at,
            reason: "the value has two types",
        });
    }
    Ok(())
}

fn read_shape<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
    negative: &mut Option<i64>,
) -> Result<Vec<Dimension>, OnnxError> {
    reader.enter(field, &SHAPE)?;
    let mut shape = Vec::new();
    while let Some(field) = reader.next_field()? {
        let at = field.at;
        reader.keep(size_of::<Dimension>() as u64)?;
        reader.enter(field, &DIMENSION)?;
        let mut dimension = None;
        let mut is_ambiguous = false;
        while let Some(field) = reader.next_field()? {
            let next = match field.number {
                1 => {
                    let size = reader.int64(field)?;
                    if size < 0 {
                        *negative = Some(size);
                    }
                    Dimension::Fixed(size.max(0).cast_unsigned())
                }
                2 => Dimension::from_name(reader.text(field)?),
                _ => {
                    reader.skip(field)?;
                    continue;
                }
            };
            is_ambiguous |= dimension.replace(next).is_some();
        }
        if is_ambiguous {
            let reason = "the dimension is a number and a name at once";
            return Err(OnnxError::Malformed {
                message: DIMENSION.name,
                at,
                reason,
            });
        }
        shape.push(dimension.unwrap_or(Dimension::Unknown));
    }
    Ok(shape)
}
