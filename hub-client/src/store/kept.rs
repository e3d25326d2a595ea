//! What members had said of an installed release when its hub was asked last.

use std::collections::BTreeSet;

use registry_schema::limits;
use registry_schema::name::MemberName;
use registry_schema::receipt::LoggedEnvelope;
use registry_schema::reference::{Reference, Requirement};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::files;

/// Evaluations, each with its proof that the log has it. They lie beside the receipt and are verified
/// anew by whoever reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptEvaluations {
    /// Format version, 1.
    pub v: u32,
    /// When the hub was asked (RFC 3339, UTC).
    pub heard_at: String,
    /// What it said, in the order of the log.
    pub evaluations: Vec<LoggedEnvelope>,
    /// Members who had said more than that, which nobody could judge.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub incomplete: BTreeSet<MemberName>,
}

impl Store {
    /// Keeps evaluations of an installed release, named exactly; those kept before are replaced. Nothing
    /// is kept of a release that is not installed.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn keep_evaluations(
        &self,
        release: &Reference,
        kept: &KeptEvaluations,
    ) -> Result<(), StoreError> {
        let Requirement::Exact(version) = &release.requirement else {
            return Ok(());
        };
        if !self.receipt_path(&release.name, version).is_file() {
            return Ok(());
        }
        let path = self.release_dir(&release.name, version).join(FILE);
        let bytes = serde_json::to_vec(kept).map_err(|source| StoreError::Malformed {
            path: path.clone(),
            source,
        })?;
        files::write_atomic(path, &bytes)?;
        Ok(())
    }

    /// What was kept; none when nothing was, or it cannot be understood: the next `hub show` brings it.
    pub fn kept_evaluations(&self, release: &Reference) -> Option<KeptEvaluations> {
        let Requirement::Exact(version) = &release.requirement else {
            return None;
        };
        let path = self.release_dir(&release.name, version).join(FILE);
        let bytes = files::read_limited(&path, limits::RESPONSE_BYTES as u64).ok()?;
        let kept: KeptEvaluations = serde_json::from_slice(&bytes).ok()?;
        (kept.v == 1).then_some(kept)
    }
}

const FILE: &str = "evaluations.json";
