//! The file of a head, `hub-head/3`:
//!
//! ```text
//! hub-head/3⏎
//! sha256:<of everything after this line>⏎
//! {"name":"border", …, "tensors":[["weights",[2,1280]],["bias",[2]],["temperature",[1]],["mean",[1280]]]}⏎
//! <the tensors one after another, f32, little-endian, in C order>
//! ```
//!
//! The numbers that predict are binary, so that they come back bit for bit; everything else is one
//! line of JSON. In Python: `magic, digest, header, data = raw.split(b"\n", 3)`, then
//! `numpy.frombuffer(data, "<f4")`. The digest finds damage and edits, it is no signature. A reader
//! refuses fields it does not know, so whatever changes what a head means gets a new number.
//!
//! The second format added `abstention` and the tensor `references`, without which a head always answers,
//! and facts of the training; the third a limit for each class where there was one for all, and `origin`
//! of a version that comes from an earlier one. Files of the first, `hub-head/1`, and the second,
//! `hub-head/2`, are still read.

mod limits;
mod tensors;

use std::io::{self, Read, Write};

use jiff::Timestamp;
use ndarray::{Array1, Array2};
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use self::limits::StoredLimits;
use self::tensors::Tensors;
use super::abstain::Abstention;
use super::origin::Origin;
use super::train::TrainingFacts;
use super::transform::{Transform, TransformKind};
use super::{ExtractorRelease, Head, HeadError, check_names};

/// The name of the format.
pub const FORMAT: &str = "hub-head/3";

/// The formats by their first lines.
const FORMATS: [(&str, Format); 3] = [
    ("hub-head/1", Format::First),
    ("hub-head/2", Format::Second),
    (FORMAT, Format::Third),
];

/// Which format a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Before there was [`Abstention`].
    First,
    /// With one limit for all classes.
    Second,
    /// With a limit for each class.
    Third,
}

/// Largest head file: 65,536 dimensions × 1,000 classes × 4 bytes are 250 MiB, and as much again for the
/// digests of labelled images.
pub const HEAD_BYTES: u64 = 512 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Header {
    name: String,
    created_at: String,
    extractor: ExtractorRelease,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    classes: Vec<String>,
    transform: TransformKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    abstention: Option<StoredLimits>,
    training: TrainingFacts,
    tensors: Vec<(String, Vec<usize>)>,
}

impl Head {
    /// Writes the file.
    ///
    /// # Errors
    /// [`HeadError::Write`] when the writer fails; [`HeadError::TooLarge`] when nobody could read the file.
    pub fn write_to(&self, writer: &mut impl Write) -> Result<(), HeadError> {
        let body = self.body().map_err(HeadError::Write)?;
        let lines = format!("{FORMAT}\n{}\n", Digest::of(&body));
        if (lines.len() + body.len()) as u64 > HEAD_BYTES {
            return Err(HeadError::TooLarge {
                limit_bytes: HEAD_BYTES,
            });
        }
        let written = writer.write_all(lines.as_bytes());
        let written = written.and_then(|()| writer.write_all(&body));
        written.map_err(HeadError::Write)
    }

    /// Reads a file and checks its digest and shapes.
    ///
    /// # Errors
    /// [`HeadError::NotAHead`], [`HeadError::NewerFormat`], [`HeadError::Damaged`],
    /// [`HeadError::Malformed`], [`HeadError::TooLarge`], [`HeadError::Read`].
    pub fn read_from(reader: impl Read) -> Result<Self, HeadError> {
        let mut bytes = Vec::new();
        reader
            .take(HEAD_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(HeadError::Read)?;
        if bytes.len() as u64 > HEAD_BYTES {
            return Err(HeadError::TooLarge {
                limit_bytes: HEAD_BYTES,
            });
        }
        Self::parse(&bytes)
    }

    /// The header and, behind it, the numbers.
    fn body(&self) -> io::Result<Vec<u8>> {
        let tensors = self.tensors();
        let header = Header {
            name: self.name.to_string(),
            created_at: self.created_at.to_string(),
            extractor: self.extractor.clone(),
            origin: self.origin.clone(),
            classes: self.classes.clone(),
            transform: self.transform.kind(),
            abstention: Some(StoredLimits::from(&self.abstention.limits)),
            training: self.training.clone(),
            tensors: tensors
                .iter()
                .map(|tensor| (tensor.name.to_owned(), tensor.shape.clone()))
                .collect(),
        };
        let mut body = serde_json::to_vec(&header)?;
        body.push(b'\n');
        for value in tensors.iter().flat_map(|tensor| &tensor.values) {
            body.extend_from_slice(&value.to_le_bytes());
        }
        Ok(body)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let matrix = |name, matrix: &Array2<f32>| Tensor {
            name,
            shape: matrix.shape().to_vec(),
            values: matrix.iter().copied().collect(),
        };
        let vector = |name, vector: &Array1<f32>| Tensor {
            name,
            shape: vec![vector.len()],
            values: vector.to_vec(),
        };
        let mut tensors = vec![
            matrix("weights", &self.weights),
            vector("bias", &self.bias),
            Tensor {
                name: "temperature",
                shape: vec![1],
                values: vec![self.temperature],
            },
        ];
        match &self.transform {
            Transform::Standardise { mean, scale } => {
                tensors.extend([vector("mean", mean), vector("scale", scale)]);
            }
            Transform::CentredL2 { mean } => tensors.push(vector("mean", mean)),
            Transform::L2 | Transform::None => {}
        }
        tensors.push(matrix("references", &self.abstention.references));
        tensors
    }

    fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let (format, body) = checked_body(bytes)?;
        let (header, data) = split_line(body).ok_or_else(|| malformed("the header has no end"))?;
        let header: Header =
            serde_json::from_slice(header).map_err(|error| malformed(&error.to_string()))?;
        if header.origin.is_some() && format != Format::Third {
            return Err(malformed("its format knows no earlier versions"));
        }
        // How many there are is no matter here: a head that was made is read.
        check_names(&header.classes).map_err(|error| malformed(&error.to_string()))?;
        check_facts(&header.training, header.classes.len())?;
        let mut tensors = Tensors::read(&header.tensors, data)?;
        let classes = header.classes.len();
        let weights = tensors.matrix("weights", classes)?;
        let dimension = weights.ncols();
        let head = Self {
            name: header
                .name
                .parse()
                .map_err(|error: HeadError| malformed(&error.to_string()))?,
            created_at: header
                .created_at
                .parse::<Timestamp>()
                .map_err(|error| malformed(&error.to_string()))?,
            extractor: header.extractor,
            origin: header.origin,
            bias: tensors.vector("bias", classes)?,
            temperature: tensors.positive("temperature", 1)?[0],
            transform: match header.transform {
                TransformKind::Standardise => Transform::Standardise {
                    mean: tensors.vector("mean", dimension)?,
                    scale: tensors.positive("scale", dimension)?,
                },
                TransformKind::CentredL2 => Transform::CentredL2 {
                    mean: tensors.vector("mean", dimension)?,
                },
                TransformKind::L2 => Transform::L2,
                TransformKind::None => Transform::None,
            },
            abstention: match limits::read(header.abstention, format, classes)? {
                Some(limits) => tensors.abstention(limits, dimension)?,
                None => Abstention::never(dimension),
            },
            classes: header.classes,
            weights,
            training: header.training,
        };
        tensors.finish()?;
        Ok(head)
    }
}

/// That what was written down of the training speaks of these classes and no others.
fn check_facts(facts: &TrainingFacts, classes: usize) -> Result<(), HeadError> {
    let confusion = facts.held_out.iter().map(|held_out| &held_out.confusion);
    let square = |rows: &Vec<Vec<usize>>| {
        rows.is_empty() || (rows.len() == classes && rows.iter().all(|row| row.len() == classes))
    };
    let fits = facts.images_per_class.len() == classes
        && facts.labels.iter().all(|&(_, class)| class < classes)
        && (facts.suspects.iter()).all(|one| one.labelled.max(one.likely) < classes)
        && (facts.near_copies.iter()).all(|pair| pair.classes.iter().all(|&class| class < classes))
        && confusion.into_iter().all(square);
    if fits {
        Ok(())
    } else {
        Err(malformed("its labels and its classes do not line up"))
    }
}

/// The format, and what follows the two first lines, after checking them.
fn checked_body(bytes: &[u8]) -> Result<(Format, &[u8]), HeadError> {
    let family = FORMAT
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .as_bytes();
    if !bytes.starts_with(family) {
        return Err(HeadError::NotAHead);
    }
    let (first, rest) = split_line(bytes).ok_or(HeadError::Damaged)?;
    let known = FORMATS.iter().find(|(line, _)| line.as_bytes() == first);
    let Some(&(_, format)) = known else {
        let format: String = String::from_utf8_lossy(first).chars().take(40).collect();
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return match format.strip_prefix("hub-head/") {
            Some(number) if is_number(number) => Err(HeadError::NewerFormat { format }),
            _ => Err(HeadError::Damaged),
        };
    };
    let (digest, body) = split_line(rest).ok_or(HeadError::Damaged)?;
    let stated = str::from_utf8(digest)
        .ok()
        .and_then(|text| text.parse::<Digest>().ok());
    if stated == Some(Digest::of(body)) {
        Ok((format, body))
    } else {
        Err(HeadError::Damaged)
    }
}

struct Tensor {
    name: &'static str,
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn malformed(problem: &str) -> HeadError {
    HeadError::Malformed {
        problem: problem.chars().take(300).collect(),
    }
}

#[cfg(test)]
mod tests;
