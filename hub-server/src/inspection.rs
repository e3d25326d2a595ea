//! What the hub looks at in a release's files before it lists them. Nothing is run.

use std::io::{self, BufReader, Read};

use registry_schema::graph::{RefusedFile, inspect_file};
use registry_schema::limits;
use registry_schema::manifest::{GRAPH_FILE, ProbeError, ProbeVectors, VECTORS_FILE};
use registry_schema::statement::ReleaseFile;
use registry_schema::verify::VerifiedRelease;

use crate::blobs::{Blob, BlobError, Blobs, PIECE_BYTES};

/// Looks into every file of a release, whose blobs must be there.
///
/// # Errors
/// [`InspectionError`] names the first file that is refused.
pub(crate) fn inspect_files(
    blobs: &Blobs,
    release: &VerifiedRelease,
) -> Result<(), InspectionError> {
    let manifest = release.manifest();
    let graph = release.file(GRAPH_FILE).map(|file| &file.digest);
    for file in release.files() {
        let reader = BufReader::with_capacity(PIECE_BYTES, open(blobs, file)?);
        inspect_file(&file.path, reader, file.size_bytes, manifest, graph)?;
    }
    Ok(())
}

/// Reads the probe vectors of a release: of the manifest's length, one for each probe image.
pub(crate) fn read_vectors(
    blobs: &Blobs,
    release: &VerifiedRelease,
) -> Result<ProbeVectors, InspectionError> {
    let file = release.file(VECTORS_FILE).ok_or(InspectionError::Vectors)?;
    let mut bytes = Vec::new();
    open(blobs, file)?
        .take(limits::PROBE_VECTORS_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|source| InspectionError::Read {
            path: file.path.clone(),
            source,
        })?;
    let vectors = ProbeVectors::parse(&bytes, release.manifest().output.dimension)?;
    let images = release.probe_images().map(|image| &image.path);
    if vectors.vectors.keys().eq(images) {
        Ok(vectors)
    } else {
        Err(InspectionError::Vectors)
    }
}

fn open(blobs: &Blobs, file: &ReleaseFile) -> Result<Blob, InspectionError> {
    let opened = blobs.open_of(&file.digest, file.size_bytes)?;
    opened.ok_or_else(|| InspectionError::Gone {
        path: file.path.clone(),
    })
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectionError {
    /// What is in a file.
    #[error(transparent)]
    Refused(#[from] RefusedFile),
    /// The probe vectors.
    #[error(transparent)]
    Probes(#[from] ProbeError),
    /// Vectors without image or images without vector.
    #[error(
        "`{VECTORS_FILE}` does not name exactly the probe images of the release: make it anew with `hub check`"
    )]
    Vectors,
    /// The blob went away between two steps.
    #[error("the blob of `{path}` is not there, or has another size: upload it again")]
    Gone {
        /// Which file.
        path: String,
    },
    /// The disk.
    #[error("cannot read the blob of `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
}
