//! Running the probes: does this machine compute the function its publisher signed?

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::ArrayView1;
use registry_schema::limits;
use registry_schema::manifest::ProbeVectors;

use super::decode::{DecodeLimits, Picture};
use super::{Extractor, ImageError, RuntimeError};

/// Largest difference between two runs on one picture, relative to the vector's largest value. A
/// batch is cut into other blocks than a single picture, which rounds f32 sums differently: about
/// 1e-6; random numbers in a graph give far more.
const REPEATABLE: f32 = 1e-3;

/// Features of the probe pictures: from the name in the release to the file. They are computed
/// three times, twice in a batch and once one by one, which must agree.
///
/// # Errors
/// [`RuntimeError::Picture`] for a probe that does not decode or whose features are not finite (by
/// its place in the map), [`RuntimeError::NotDeterministic`] when runs differ.
pub fn probe_vectors(
    extractor: &mut Extractor,
    probes: &BTreeMap<String, PathBuf>,
) -> Result<ProbeVectors, RuntimeError> {
    // A hostile release must not unfold its probes into gigabytes: all are held at once.
    let limits = DecodeLimits {
        pixels: limits::PROBE_IMAGE_PIXELS,
        file_bytes: limits::PROBE_IMAGE_BYTES,
    };
    let decode = |(index, path): (usize, &PathBuf)| {
        Picture::open(path, &limits).map_err(|error| RuntimeError::Picture {
            index,
            source: ImageError::Decode(error),
        })
    };
    let pictures: Vec<Picture> = probes
        .values()
        .enumerate()
        .map(decode)
        .collect::<Result<_, _>>()?;
    let first = extractor.embed(&pictures)?;
    let again = extractor.embed(&pictures)?;
    let mut vectors = BTreeMap::new();
    for (index, name) in probes.keys().enumerate() {
        let alone = extractor.embed(&pictures[index..=index])?;
        let row = first.row(index);
        compare(name, "the same batch twice", row, again.row(index))?;
        compare(name, "in a batch and alone", row, alone.row(0))?;
        vectors.insert(name.clone(), row.to_vec());
    }
    Ok(ProbeVectors::new(vectors))
}

fn compare(
    probe: &str,
    what: &str,
    one: ArrayView1<'_, f32>,
    other: ArrayView1<'_, f32>,
) -> Result<(), RuntimeError> {
    let largest = one
        .iter()
        .fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let pairs = one.iter().zip(other);
    let difference = pairs.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    if difference <= REPEATABLE * largest {
        return Ok(());
    }
    let how = format!("{what}, values up to {largest:.3e} differ by {difference:.3e}");
    Err(RuntimeError::NotDeterministic {
        probe: probe.to_owned(),
        how,
    })
}
