//! The release that a MINOR or PATCH must agree with, fetched and verified like any other.

use registry_schema::api::ProblemCode;
use registry_schema::compatibility::{
    CompatibilityError, ProbeAgreement, check_order, check_successor, compare_probes, predecessor,
};
use registry_schema::digest::Digest;
use registry_schema::manifest::{
    self, Manifest, ProbeError, ProbeTolerance, ProbeVectors, VECTORS_FILE,
};
use registry_schema::name::Name;
use registry_schema::reference::Reference;
use registry_schema::statement::ReleaseFile;
use registry_schema::trust_root::TrustRoot;
use registry_schema::verify::{Asked, VerifiedRelease, VerifyError, verify_release};
use semver::Version;

use crate::log_view::LogView;
use crate::logged::{self, LoggedError};
use crate::registry::{Registry, RegistryError};
use crate::store::{InstalledRelease, StoreError};

/// A verified earlier release with its probe vectors.
#[derive(Clone, Debug)]
pub struct PredecessorRelease {
    release: VerifiedRelease,
    vectors: ProbeVectors,
}

impl PredecessorRelease {
    /// The release a new version of an extractor must agree with, as the hub's list has it; `None`
    /// for the first release of a MAJOR.
    ///
    /// # Errors
    /// [`PredecessorError`], also when the version does not come after what is there.
    pub async fn find(
        registry: &Registry,
        trust_root: &dyn TrustRoot,
        log: &LogView,
        manifest: &Manifest,
    ) -> Result<Option<Self>, PredecessorError> {
        let detail = match registry.extractor(&manifest.name).await {
            Err(error) if error.code() == Some(ProblemCode::NotFound) => return Ok(None),
            other => other?,
        };
        // The same version again is for the hub to judge: the same bytes are welcome twice.
        let others = detail
            .releases
            .iter()
            .filter(|release| release.version != manifest.version);
        check_order(
            &manifest.version,
            others.clone().map(|release| &release.version),
        )?;
        let standing = others
            .filter(|release| release.yanked.is_none())
            .map(|release| &release.version);
        let Some(version) = predecessor(&manifest.version, standing) else {
            return Ok(None);
        };
        Self::fetch(registry, trust_root, log, &manifest.name, version, None)
            .await
            .map(Some)
    }

    /// Fetches and verifies one release; with `statement`, it must be exactly that one.
    ///
    /// # Errors
    /// [`PredecessorError`].
    pub async fn fetch(
        registry: &Registry,
        trust_root: &dyn TrustRoot,
        log: &LogView,
        name: &Name,
        version: &Version,
        statement: Option<&Digest>,
    ) -> Result<Self, PredecessorError> {
        let reference = Reference::exact(name.clone(), version.clone());
        let answer = registry.release(&reference).await?;
        let asked = match statement {
            Some(digest) => Asked::Statement(name, digest),
            None => Asked::Reference(&reference),
        };
        let (statement, _) = logged::of_release(log, &answer).await?;
        let release = verify_release(
            trust_root,
            &asked,
            statement.envelope.as_bytes(),
            statement.index,
        )
        .map_err(|source| PredecessorError::Verify {
            reference: reference.clone(),
            source: Box::new(source),
        })?;
        let file = release
            .file(VECTORS_FILE)
            .ok_or_else(|| PredecessorError::NoVectors {
                reference: reference.clone(),
            })?;
        let bytes = registry
            .small_blob(name, &file.digest, file.size_bytes)
            .await?;
        let vectors = ProbeVectors::parse(&bytes, release.manifest().output.dimension)?;
        Ok(Self { release, vectors })
    }

    /// One that is installed here, verified when it was opened.
    ///
    /// # Errors
    /// [`StoreError`] when its vectors are gone or were changed.
    pub fn installed(installed: &InstalledRelease) -> Result<Self, StoreError> {
        Ok(Self {
            release: installed.release().clone(),
            vectors: installed.probe_vectors()?,
        })
    }

    /// What a successor's manifest says about it.
    pub fn to_manifest_entry(&self) -> manifest::Predecessor {
        let version = self.release.manifest().version.clone();
        manifest::Predecessor {
            version,
            statement: self.release.statement_digest(),
        }
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.release.manifest().version
    }

    /// Checks the promise of the version number: what the manifests say, that the probe images
    /// were carried over unchanged, and that the vectors agree within the tighter tolerance.
    ///
    /// # Errors
    /// [`CompatibilityError`].
    pub fn check(
        &self,
        successor: &Manifest,
        files: &[ReleaseFile],
        vectors: &ProbeVectors,
    ) -> Result<Vec<ProbeAgreement>, CompatibilityError> {
        check_successor(self.release.manifest(), successor)?;
        for image in self.release.probe_images() {
            let carried = files
                .iter()
                .any(|file| file.path == image.path && file.digest == image.digest);
            if !carried {
                return Err(CompatibilityError::ProbeMissing {
                    path: image.path.clone(),
                });
            }
        }
        let (old, new) = (self.release.manifest().probes, successor.probes);
        let tolerance = ProbeTolerance {
            cosine: old.cosine.max(new.cosine),
            length: old.length.min(new.length),
        };
        compare_probes(&self.vectors, vectors, tolerance)
    }
}

/// There is no verified predecessor to compare with.
#[derive(Debug, thiserror::Error)]
pub enum PredecessorError {
    /// Its place in the log.
    #[error(transparent)]
    Logged(#[from] LoggedError),
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Its statement does not verify.
    #[error("the predecessor `{reference}` does not verify")]
    Verify {
        /// Which release.
        reference: Reference,
        /// The check that failed.
        #[source]
        source: Box<VerifyError>,
    },
    /// No vectors in it.
    #[error("the predecessor `{reference}` carries no probe vectors")]
    NoVectors {
        /// Which release.
        reference: Reference,
    },
    /// Its vectors.
    #[error(transparent)]
    Probes(#[from] ProbeError),
    /// The promise of versions.
    #[error(transparent)]
    Promise(#[from] CompatibilityError),
}
