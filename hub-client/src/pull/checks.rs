//! What a release is held to before it is installed, wherever its bytes came from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use registry_schema::compatibility::compare_probes;
use registry_schema::graph::inspect_file;
use registry_schema::limits;
use registry_schema::manifest::{GRAPH_FILE, ProbeVectors, VECTORS_FILE};
use registry_schema::model_signing::ModelSigningError;
use registry_schema::statement::ReleaseStatement;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{VerifiedRelease, check_model_signature};

use super::{ProbeCheck, PullError};
use crate::files::{self, FileError};
use crate::runtime::{ExtractorFiles, ExtractorSpec};
use crate::store::Store;

/// A release never changes: one that is installed here under the same version was another. What is
/// installed is not asked whether it still verifies, since a thief's key may have signed it.
pub(crate) fn refuse_another_history(
    store: &Store,
    release: &VerifiedRelease,
) -> Result<(), PullError> {
    let (reference, found) = (release.reference(), release.statement_digest());
    match store.recorded_statement(&reference)? {
        Some(known) if known != found => Err(PullError::Changed {
            reference,
            known,
            found,
        }),
        _ => Ok(()),
    }
}

/// The text of a `model.sig` that may be passed on: it is of this very statement, and by a model-signing key of one of its signers when
/// their keyrings list any that counts at the release's place in the log.
pub(crate) fn checked_model_signature(
    bytes: &[u8],
    release: &VerifiedRelease,
    trust_root: &ConsortiumRoot,
) -> Result<String, ModelSigningError> {
    check_model_signature(bytes, release, trust_root)?;
    // JSON is UTF-8, or it would not have been read.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// What running the probes showed.
pub(crate) struct Conformance {
    /// The vectors the publisher signed.
    pub(crate) signed: ProbeVectors,
    /// The smallest cosine with those computed here, when they were.
    pub(crate) cosine: Option<f64>,
}

/// Inspects the files, then runs the probes.
pub(crate) fn run_checks(
    store: &Store,
    release: &ReleaseStatement,
    probes: &ProbeCheck,
) -> Result<Conformance, PullError> {
    let manifest = release.manifest();
    let blob = |path: &str| {
        let file = release.file(path).map(|file| store.blob_path(&file.digest));
        file.ok_or_else(|| PullError::NoSuchFile {
            reference: release.reference(),
            path: path.to_owned(),
        })
    };
    let digest = release.file(GRAPH_FILE).map(|file| &file.digest);
    for file in release.files() {
        let path = store.blob_path(&file.digest);
        let opened = File::open(&path);
        let opened = opened.map_err(|source| FileError::new("cannot read", &path, source))?;
        inspect_file(
            &file.path,
            BufReader::new(opened),
            file.size_bytes,
            manifest,
            digest,
        )?;
    }
    let graph = blob(GRAPH_FILE)?;
    let bytes = files::read_limited(&blob(VECTORS_FILE)?, limits::PROBE_VECTORS_BYTES)?;
    let signed = ProbeVectors::parse(&bytes, manifest.output.dimension)?;
    let images: BTreeMap<String, PathBuf> = release
        .probe_images()
        .map(|file| (file.path.clone(), store.blob_path(&file.digest)))
        .collect();
    if !images.keys().eq(signed.vectors.keys()) {
        return Err(PullError::ProbesWithoutVectors {
            reference: release.reference(),
        });
    }
    let ProbeCheck::Run(worker) = probes else {
        return Ok(Conformance {
            signed,
            cosine: None,
        });
    };
    let spec = ExtractorSpec {
        input: manifest.input.clone(),
        output: manifest.output.clone(),
    };
    let computed = worker.probe(&ExtractorFiles { graph, spec }, &images)?;
    let agreements = compare_probes(&signed, &computed, manifest.probes).map_err(|source| {
        PullError::Probes {
            reference: release.reference(),
            source,
        }
    })?;
    let cosine = agreements
        .iter()
        .map(|one| one.cosine)
        .min_by(f64::total_cmp);
    Ok(Conformance { signed, cosine })
}
