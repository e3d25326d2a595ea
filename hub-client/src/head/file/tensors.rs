//! The tensors of a file, taken one after another.

use ndarray::{Array1, Array2};

use super::malformed;
use crate::head::HeadError;
use crate::head::abstain::{Abstention, Limits};

/// The tensors of a file, taken one after another.
pub(super) struct Tensors<'a> {
    left: Vec<(&'a str, &'a [usize], &'a [u8])>,
}

impl<'a> Tensors<'a> {
    pub(super) fn read(
        declared: &'a [(String, Vec<usize>)],
        mut data: &'a [u8],
    ) -> Result<Self, HeadError> {
        let mut left = Vec::new();
        for (name, shape) in declared {
            let count = shape
                .iter()
                .try_fold(4_usize, |bytes, &size| bytes.checked_mul(size));
            let (values, rest) = count
                .and_then(|bytes| data.split_at_checked(bytes))
                .ok_or_else(|| malformed(&format!("the numbers of `{name}` are not all there")))?;
            left.push((name.as_str(), shape.as_slice(), values));
            data = rest;
        }
        if !data.is_empty() {
            return Err(malformed(
                "numbers that belong to nothing follow the last tensor",
            ));
        }
        // The next to take is the last.
        left.reverse();
        Ok(Self { left })
    }

    pub(super) fn matrix(&mut self, name: &str, rows: usize) -> Result<Array2<f32>, HeadError> {
        let (shape, values) = self.take(name)?;
        match *shape {
            [r, columns] if r == rows && columns > 0 => {
                Array2::from_shape_vec((rows, columns), values)
                    .map_err(|error| malformed(&error.to_string()))
            }
            _ => Err(malformed(&format!(
                "`{name}` has the shape {shape:?}, and there are {rows} classes"
            ))),
        }
    }

    pub(super) fn abstention(
        &mut self,
        limits: Limits,
        dimension: usize,
    ) -> Result<Abstention, HeadError> {
        let (shape, values) = self.take("references")?;
        match *shape {
            [rows, columns] if columns == dimension => {
                let references = Array2::from_shape_vec((rows, columns), values)
                    .map_err(|error| malformed(&error.to_string()))?;
                Ok(Abstention { limits, references })
            }
            _ => Err(malformed(&format!(
                "`references` has the shape {shape:?}, expected […, {dimension}]"
            ))),
        }
    }

    pub(super) fn vector(&mut self, name: &str, length: usize) -> Result<Array1<f32>, HeadError> {
        let (shape, values) = self.take(name)?;
        if *shape == [length] {
            Ok(Array1::from(values))
        } else {
            Err(malformed(&format!(
                "`{name}` has the shape {shape:?}, expected [{length}]"
            )))
        }
    }

    pub(super) fn positive(&mut self, name: &str, length: usize) -> Result<Array1<f32>, HeadError> {
        let vector = self.vector(name, length)?;
        if vector.iter().all(|&value| value > 0.0) {
            Ok(vector)
        } else {
            Err(malformed(&format!("`{name}` is not positive")))
        }
    }

    fn take(&mut self, name: &str) -> Result<(&'a [usize], Vec<f32>), HeadError> {
        let (found, shape, bytes) = self
            .left
            .pop()
            .ok_or_else(|| malformed(&format!("`{name}` is missing")))?;
        if found != name {
            return Err(malformed(&format!(
                "`{found}` stands where `{name}` should"
            )));
        }
        let (numbers, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = numbers
            .iter()
            .map(|number| f32::from_le_bytes(*number))
            .collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok((shape, values))
        } else {
            Err(malformed(&format!(
                "`{name}` holds values that are not finite"
            )))
        }
    }

    pub(super) fn finish(self) -> Result<(), HeadError> {
        match self.left.last() {
            None => Ok(()),
            Some((name, ..)) => Err(malformed(&format!("`{name}` is not expected"))),
        }
    }
}
