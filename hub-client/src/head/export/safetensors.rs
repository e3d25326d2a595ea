//! The numbers of a head as safetensors (<https://github.com/huggingface/safetensors>): eight bytes with the length of a
//! JSON header, the header, then the tensors.
//!
//! Tensors are `weight` `[K, D]`, `bias` `[K]`, `mean` and `scale` `[D]` where the transform has them, and `references`
//! `[m, D]`; all float32. Remarks are those of [`ExportMetadata`].
//!
//! *Why not the crate of that name?* It keeps remarks in a hash map, so that the same head would be other bytes each
//! time.

use std::collections::BTreeMap;
use std::io::Write;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::{ExportError, ExportMetadata, ExportTransform, HeadNumbers, LinearHead, write_bytes};

/// Longest header that is read.
const HEADER_BYTES: usize = 16 << 20;

/// The type of all tensors.
const FLOAT: &str = "F32";

/// Everything but the numbers.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    remarks: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

/// Where a tensor is.
#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    /// First byte and end, counted from behind the header.
    data_offsets: [usize; 2],
}

/// Writes the numbers of a head and what they are.
///
/// # Errors
/// [`ExportError`] when the head's parts do not fit together, or writing fails.
pub fn write_safetensors(
    head: &LinearHead<'_>,
    metadata: &ExportMetadata<'_>,
    writer: &mut impl Write,
) -> Result<(), ExportError> {
    head.check(metadata.feature_dimension)?;
    let mut header = Header {
        remarks: metadata.entries(head).into_iter().collect(),
        tensors: BTreeMap::new(),
    };
    let mut data = Vec::new();
    for (name, shape, values) in tensors(head) {
        let start = data.len();
        data.extend(values.into_iter().flat_map(f32::to_le_bytes));
        let entry = Entry {
            dtype: FLOAT.to_owned(),
            shape,
            data_offsets: [start, data.len()],
        };
        header.tensors.insert(name.to_owned(), entry);
    }
    let mut text = serde_json::to_vec(&header).map_err(|source| ExportError::Io {
        action: "write the header",
        source: source.into(),
    })?;
    // Numbers begin at a multiple of eight.
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = (text.len() as u64).to_le_bytes();
    write_bytes(&[&length[..], &text, &data].concat(), writer)
}

/// Names, sides and values, in the order in which they are written.
fn tensors<'a>(head: &LinearHead<'a>) -> Vec<(&'static str, Vec<usize>, Vec<f32>)> {
    let vector =
        |name, values: &ndarray::ArrayView1<'a, f32>| (name, vec![values.len()], values.to_vec());
    let matrix = |name, values: &ndarray::ArrayView2<'a, f32>| {
        (
            name,
            values.shape().to_vec(),
            values.iter().copied().collect(),
        )
    };
    let mut tensors = vec![matrix("weight", &head.weights), vector("bias", &head.bias)];
    if let ExportTransform::Standardise { mean, .. } | ExportTransform::CentredL2 { mean } =
        &head.transform
    {
        tensors.push(vector("mean", mean));
    }
    if let ExportTransform::Standardise { scale, .. } = &head.transform {
        tensors.push(vector("scale", scale));
    }
    if let Some(unlike) = &head.abstention.unlike {
        tensors.push(matrix("references", &unlike.references));
    }
    tensors
}

/// Reads what [`write_safetensors`] wrote.
///
/// # Errors
/// [`ExportError::ReadBack`] with what is wrong.
pub fn read_safetensors(bytes: &[u8]) -> Result<HeadNumbers, ExportError> {
    let cut = || read_back("it is cut off");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > HEADER_BYTES {
        return Err(read_back("its header is too long"));
    }
    let (text, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header: Header =
        serde_json::from_slice(text).map_err(|error| read_back(&error.to_string()))?;
    HeadNumbers::of(Stored {
        remarks: header.remarks,
        tensors: header.tensors,
        data,
    })
}

/// Remarks and tensors of a file.
pub(super) struct Stored<'a> {
    remarks: BTreeMap<String, String>,
    tensors: BTreeMap<String, Entry>,
    data: &'a [u8],
}

impl Stored<'_> {
    /// A remark; `hub.` is put before its name.
    pub(super) fn remark(&self, name: &str) -> Option<&str> {
        let key = format!("{}{name}", super::metadata::PREFIX);
        self.remarks.get(&key).map(String::as_str)
    }

    pub(super) fn vector(&self, name: &str) -> Result<Array1<f32>, ExportError> {
        let (_, values) = self.tensor(name)?;
        Ok(Array1::from(values))
    }

    pub(super) fn matrix(&self, name: &str) -> Result<Array2<f32>, ExportError> {
        let (shape, values) = self.tensor(name)?;
        let problem = || read_back(&format!("`{name}` is no matrix"));
        let &[rows, columns] = shape else {
            return Err(problem());
        };
        Array2::from_shape_vec((rows, columns), values).map_err(|_| problem())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn tensor(&self, name: &str) -> Result<(&[usize], Vec<f32>), ExportError> {
        let problem = |problem: &str| read_back(&format!("`{name}` {problem}"));
        let entry = self
            .tensors
            .get(name)
            .ok_or_else(|| problem("is missing"))?;
        let [start, end] = entry.data_offsets;
        let bytes = self.data.get(start..end).filter(|_| entry.dtype == FLOAT);
        let (values, rest) = bytes
            .ok_or_else(|| problem("is not there"))?
            .as_chunks::<4>();
        let count = entry
            .shape
            .iter()
            .try_fold(1_usize, |count, &side| count.checked_mul(side));
        if count != Some(values.len()) || !rest.is_empty() {
            return Err(problem("has another size than its sides say"));
        }
        let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes));
        Ok((&entry.shape, values.collect()))
    }
}

pub(super) fn read_back(problem: &str) -> ExportError {
    ExportError::ReadBack {
        problem: problem.chars().take(300).collect(),
    }
}
