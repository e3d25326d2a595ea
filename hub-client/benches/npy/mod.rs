//! Arrays as `numpy.save` writes them (NumPy format 1.0, C order).

use std::error::Error;
use std::path::Path;

use ndarray::Array2;

type Failure = Box<dyn Error>;

/// Numbers of four bytes, one column when the file has one side.
pub(crate) fn floats(path: &Path) -> Result<Array2<f32>, Failure> {
    read(path, "<f4", f32::from_le_bytes)
}

/// Whole numbers of four bytes, none negative.
#[allow(dead_code, reason = "not every benchmark reads them")]
pub(crate) fn indices(path: &Path) -> Result<Array2<usize>, Failure> {
    let numbers = read(path, "<i4", i32::from_le_bytes)?;
    let checked = numbers.iter().map(|&number| usize::try_from(number));
    let checked = checked.collect::<Result<Vec<_>, _>>()?;
    Ok(Array2::from_shape_vec(numbers.dim(), checked)?)
}

fn read<T>(path: &Path, kind: &str, number: fn([u8; 4]) -> T) -> Result<Array2<T>, Failure> {
    let bytes = std::fs::read(path)?;
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..start]).into_owned();
    if !header.contains(kind) {
        return Err(format!("{}: expected {kind}, found {header}", path.display()).into());
    }
    let shape = header
        .split_once("'shape': (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .ok_or("no shape")?
        .0;
    let sides = shape
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty());
    let sides = sides.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let (numbers, _) = bytes[start..].as_chunks::<4>();
    let numbers = numbers.iter().map(|&bytes| number(bytes)).collect();
    Ok(Array2::from_shape_vec(
        (sides[0], sides.get(1).copied().unwrap_or(1)),
        numbers,
    )?)
}
