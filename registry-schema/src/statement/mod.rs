//! In-toto Statements v1: what envelopes carry.
//!
//! A release uses OpenSSF Model Signing's predicate, with our manifest in `predicate.hub`, so that
//! other people's verifiers read the same statement. Yank and unyank have a predicate of ours.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::limits;
use crate::manifest::{self, CARD_FILE, GRAPH_FILE, Manifest, ManifestError, VECTORS_FILE};
use crate::name::Name;
use crate::reference::{ReferenceError, parse_version};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const RELEASE_PREDICATE: &str = "https://model_signing/signature/v1.0";
const YANK_PREDICATE: &str = "urn:extractor-hub:yank:v1";

/// A statement that has been read and is consistent in itself. Whether anybody with a right to
/// signed it, `verify` tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// A new release.
    Release(Box<ReleaseStatement>),
    /// A release is withdrawn, or restored.
    Yank(YankStatement),
}

impl Statement {
    /// Reads the payload of an envelope.
    ///
    /// # Errors
    /// [`StatementError`] names what is missing, unknown or contradictory.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let head: Head = serde_json::from_slice(payload)
            .map_err(|source| StatementError::Malformed { source })?;
        match head.predicate_type.as_str() {
            RELEASE_PREDICATE => ReleaseStatement::parse(payload)
                .map(Box::new)
                .map(Self::Release),
            YANK_PREDICATE => YankStatement::parse(payload).map(Self::Yank),
            other => Err(StatementError::PredicateType {
                found: other.chars().take(120).collect(),
            }),
        }
    }

    /// The extractor the statement is about.
    pub fn name(&self) -> &Name {
        match self {
            Self::Release(release) => &release.manifest.name,
            Self::Yank(yank) => &yank.name,
        }
    }

    /// The release the statement is about.
    pub fn version(&self) -> &Version {
        match self {
            Self::Release(release) => &release.manifest.version,
            Self::Yank(yank) => &yank.version,
        }
    }
}

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
        let wire = Wire {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject::of(
                &self.manifest.name,
                &self.manifest.version,
                &self.content_digest(),
            )],
            predicate_type: RELEASE_PREDICATE.to_owned(),
            predicate: ReleasePredicate {
                serialization: Serialization::ours(),
                resources: resources.collect(),
                hub: self.manifest.clone(),
            },
        };
        to_json(&wire)
    }

    fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<ReleasePredicate> = read(payload)?;
        let predicate = wire.predicate;
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
        check_subject(
            &wire.subject,
            &statement.manifest.name,
            &statement.manifest.version,
            &statement.content_digest(),
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

/// Withdraws a release from resolution, or restores it. Nothing is ever deleted by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YankStatement {
    /// Which extractor.
    pub name: Name,
    /// Which release.
    pub version: Version,
    /// The release's content digest.
    pub content: Digest,
    /// What happens to it.
    pub action: YankAction,
    /// Why, for everybody who locked it.
    pub reason: String,
    /// What to use instead.
    pub replacement: Option<Version>,
    /// 1 for the first statement of this kind about the release, then one more each time, so that
    /// an old statement cannot be played again.
    pub sequence: u64,
}

/// What a [`YankStatement`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum YankAction {
    /// No longer chosen by requirements; still there for those who locked it.
    Yank,
    /// Chosen again.
    Unyank,
}

impl YankStatement {
    /// The payload to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        let wire = Wire {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject::of(&self.name, &self.version, &self.content)],
            predicate_type: YANK_PREDICATE.to_owned(),
            predicate: YankPredicate {
                action: self.action,
                name: self.name.clone(),
                reason: self.reason.clone(),
                replacement: self.replacement.clone(),
                sequence: self.sequence,
                version: self.version.clone(),
            },
        };
        to_json(&wire)
    }

    fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<YankPredicate> = read(payload)?;
        let predicate = wire.predicate;
        let characters = predicate.reason.chars().count();
        let is_prose =
            !predicate.reason.trim().is_empty() && !predicate.reason.contains(char::is_control);
        if !is_prose || characters > limits::REASON_CHARACTERS {
            return Err(StatementError::Reason { characters });
        }
        let content = match wire.subject.as_slice() {
            [subject] => subject
                .digest
                .get("sha256")
                .and_then(|hex| Digest::from_hex(hex).ok()),
            _ => None,
        };
        let content = content.ok_or(StatementError::Subject)?;
        parse_version(&predicate.version.to_string())?;
        check_subject(&wire.subject, &predicate.name, &predicate.version, &content)?;
        Ok(Self {
            name: predicate.name,
            version: predicate.version,
            content,
            action: predicate.action,
            reason: predicate.reason,
            replacement: predicate.replacement,
            sequence: predicate.sequence,
        })
    }
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<P> {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: P,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

impl Subject {
    fn of(name: &Name, version: &Version, content: &Digest) -> Self {
        Self {
            name: format!("{name}@{version}"),
            digest: [("sha256".to_owned(), content.to_hex())].into(),
        }
    }
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct YankPredicate {
    action: YankAction,
    name: Name,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replacement: Option<Version>,
    sequence: u64,
    version: Version,
}

fn read<P: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<Wire<P>, StatementError> {
    let wire: Wire<P> =
        serde_json::from_slice(payload).map_err(|source| StatementError::Malformed { source })?;
    if wire.statement_type == STATEMENT_TYPE {
        Ok(wire)
    } else {
        Err(StatementError::Type)
    }
}

fn check_subject(
    subject: &[Subject],
    name: &Name,
    version: &Version,
    content: &Digest,
) -> Result<(), StatementError> {
    match subject {
        [only] if *only == Subject::of(name, version, content) => Ok(()),
        _ => Err(StatementError::Subject),
    }
}

fn to_json<P: Serialize>(wire: &Wire<P>) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "statements hold strings, numbers and lists only"
    )]
    serde_json::to_vec(wire).expect("a statement serialises")
}

/// Why a payload is no statement of ours.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, an unknown key, or a value of the wrong kind.
    #[error("the statement cannot be read")]
    Malformed {
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// Not an in-toto Statement v1.
    #[error("not an in-toto Statement v1")]
    Type,
    /// A kind of statement this program does not know.
    #[error("`{found}` is no kind of statement this program knows: update it")]
    PredicateType {
        /// What it says.
        found: String,
    },
    /// Another way to walk a folder, or ignored paths.
    #[error(
        "only the serialization `files` with `sha256`, no symlinks and no ignored paths is allowed"
    )]
    Serialization,
    /// The manifest and the resources list different files.
    #[error("the statement's resources and the manifest's `files` differ")]
    FilesDiffer,
    /// A digest of another kind.
    #[error("the digest of `{path}` is not SHA-256")]
    Algorithm {
        /// Which file.
        path: String,
    },
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Past [`limits::FILES`].
    #[error("{count} files, past the limit of {}", limits::FILES)]
    TooManyFiles {
        /// How many.
        count: usize,
    },
    /// Two paths that are one on some file systems.
    #[error("`{path}` differs from another file in upper and lower case only: rename one")]
    SameName {
        /// Which.
        path: String,
    },
    /// Past the limit of its kind.
    #[error("`{path}` has {size_bytes} bytes, past the limit of {limit}")]
    FileTooLarge {
        /// Which.
        path: String,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Past [`limits::RELEASE_BYTES`].
    #[error(
        "the files have {size_bytes} bytes together, past the limit of {}",
        limits::RELEASE_BYTES
    )]
    TooLarge {
        /// Their sum.
        size_bytes: u64,
    },
    /// Resources out of order or twice.
    #[error("the statement's resources are not in order of their names")]
    NotSorted,
    /// A file every release has.
    #[error("`{path}` is missing: every release has one")]
    FileMissing {
        /// Which.
        path: &'static str,
    },
    /// Too few or too many probe images.
    #[error(
        "{count} probe images: put between {} and {} PNG pictures into `probes/`",
        limits::PROBES_MINIMUM,
        limits::PROBES
    )]
    Probes {
        /// How many.
        count: usize,
    },
    /// The subject is not the name, version and content of the predicate.
    #[error("the statement's subject does not fit its content")]
    Subject,
    /// Nothing, or too much.
    #[error(
        "the reason has {characters} characters: say why in 1 to {}",
        limits::REASON_CHARACTERS
    )]
    Reason {
        /// Its length.
        characters: usize,
    },
    /// The version.
    #[error(transparent)]
    Version(#[from] ReferenceError),
}

#[cfg(test)]
pub(crate) mod tests;
