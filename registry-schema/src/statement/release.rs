//! A release: OpenSSF Model Signing's predicate, with our manifest in `predicate.hub`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::StatementError;
use super::wire::{self, Subject, Wire};
use crate::digest::{Digest, Hasher};
use crate::limits;
use crate::manifest::{self, CARD_FILE, GRAPH_FILE, Manifest, STATISTICS_FILE, VECTORS_FILE};
use crate::reference::Reference;

pub(super) const PREDICATE: &str = "https://model_signing/signature/v1.0";

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFile {
    /// Path inside the release.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
}

/// A release: its manifest and its files.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseStatement {
    manifest: Manifest,
    files: Vec<ReleaseFile>,
}

impl ReleaseStatement {
    /// A statement about these files. Their sizes go into the manifest.
    ///
    /// # Errors
    /// [`StatementError`] when the manifest or the set of files is not one of a release.
    pub fn new(
        mut manifest: Manifest,
        mut files: Vec<ReleaseFile>,
    ) -> Result<Self, StatementError> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        manifest.files = files
            .iter()
            .map(|file| (file.path.clone(), file.size_bytes))
            .collect();
        let statement = Self { manifest, files };
        statement.validate()?;
        Ok(statement)
    }

    /// The manifest, with sizes and predecessor.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[ReleaseFile] {
        &self.files
    }

    /// One file of the set.
    pub fn file(&self, path: &str) -> Option<&ReleaseFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The release as an exact reference.
    pub fn reference(&self) -> Reference {
        Reference::exact(self.manifest.name.clone(), self.manifest.version.clone())
    }

    /// SHA-256 over the raw digests of the files in order: the subject's digest of OpenSSF Model
    /// Signing.
    pub fn content_digest(&self) -> Digest {
        content_digest(&self.files)
    }

    /// The payload to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        let resources = self.files.iter().map(|file| Resource {
            algorithm: "sha256".to_owned(),
            digest: file.digest.to_hex(),
            name: file.path.clone(),
        });
        let subject = Subject::of(
            &self.manifest.name,
            &self.manifest.version,
            &self.content_digest(),
        );
        let predicate = ReleasePredicate {
            serialization: Serialization::ours(),
            resources: resources.collect(),
            hub: self.manifest.clone(),
        };
        Wire::new(PREDICATE, subject, predicate).to_json()
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<ReleasePredicate> = wire::read(payload)?;
        let (subject, predicate) = (wire.subject, wire.predicate);
        if predicate.serialization != Serialization::ours() {
            return Err(StatementError::Serialization);
        }
        if predicate.resources.len() != predicate.hub.files.len() {
            return Err(StatementError::FilesDiffer);
        }
        let mut files = Vec::with_capacity(predicate.resources.len());
        for resource in predicate.resources {
            let size_bytes = predicate
                .hub
                .files
                .get(&resource.name)
                .copied()
                .ok_or(StatementError::FilesDiffer)?;
            if resource.algorithm != "sha256" {
                return Err(StatementError::Algorithm {
                    path: resource.name,
                });
            }
            let digest =
                Digest::from_hex(&resource.digest).map_err(|_| StatementError::Algorithm {
                    path: resource.name.clone(),
                })?;
            files.push(ReleaseFile {
                path: resource.name,
                digest,
                size_bytes,
            });
        }
        let statement = Self {
            manifest: predicate.hub,
            files,
        };
        statement.validate()?;
        let Manifest { name, version, .. } = &statement.manifest;
        wire::check_subject(
            &subject,
            &Subject::of(name, version, &statement.content_digest()),
        )?;
        Ok(statement)
    }

    fn validate(&self) -> Result<(), StatementError> {
        self.manifest.validate()?;
        if self.files.len() > limits::FILES {
            return Err(StatementError::TooManyFiles {
                count: self.files.len(),
            });
        }
        let mut folded = BTreeSet::new();
        for file in &self.files {
            manifest::check_file_path(&file.path)?;
            if !folded.insert(file.path.to_ascii_lowercase()) {
                return Err(StatementError::SameName {
                    path: file.path.clone(),
                });
            }
            let limit = size_limit(&file.path);
            if file.size_bytes > limit {
                return Err(StatementError::FileTooLarge {
                    path: file.path.clone(),
                    size_bytes: file.size_bytes,
                    limit,
                });
            }
        }
        // Each size is at most 2^34 and there are at most 200, so the sum cannot overflow.
        let total: u64 = self.files.iter().map(|file| file.size_bytes).sum();
        if total > limits::RELEASE_BYTES {
            return Err(StatementError::TooLarge { size_bytes: total });
        }
        if !self.files.is_sorted_by(|a, b| a.path < b.path) {
            return Err(StatementError::NotSorted);
        }
        for path in [GRAPH_FILE, CARD_FILE, VECTORS_FILE] {
            if !self.files.iter().any(|file| file.path == path) {
                return Err(StatementError::FileMissing { path });
            }
        }
        let probes = self.probe_images().count();
        if !(limits::PROBES_MINIMUM..=limits::PROBES).contains(&probes) {
            return Err(StatementError::Probes { count: probes });
        }
        Ok(())
    }

    /// The probe images among the files.
    pub fn probe_images(&self) -> impl Iterator<Item = &ReleaseFile> {
        self.files.iter().filter(|file| is_probe_image(&file.path))
    }
}

/// Whether a path is that of a probe image: a PNG directly in `probes/`.
pub fn is_probe_image(path: &str) -> bool {
    path.strip_prefix("probes/")
        .is_some_and(|rest| !rest.contains('/') && rest.ends_with(".png"))
}

fn size_limit(path: &str) -> u64 {
    match path {
        CARD_FILE => limits::CARD_BYTES,
        VECTORS_FILE => limits::PROBE_VECTORS_BYTES,
        STATISTICS_FILE => limits::STATISTICS_BYTES,
        _ if is_probe_image(path) => limits::PROBE_IMAGE_BYTES,
        _ => limits::FILE_BYTES,
    }
}

fn content_digest(files: &[ReleaseFile]) -> Digest {
    let mut hasher = Hasher::new();
    for file in files {
        hasher.update(file.digest.as_bytes());
    }
    hasher.finish()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleasePredicate {
    serialization: Serialization,
    resources: Vec<Resource>,
    hub: Manifest,
}

/// How Model Signing's verifier walks a folder; only this way is allowed, so that nothing is left
/// out of what was signed.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Serialization {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    ignore_paths: Vec<String>,
}

impl Serialization {
    fn ours() -> Self {
        Self {
            method: "files".into(),
            hash_type: "sha256".into(),
            allow_symlinks: false,
            ignore_paths: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    algorithm: String,
    digest: String,
    name: String,
}
