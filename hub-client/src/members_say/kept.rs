//! Evaluations that were heard once, for commands that open no connection.

use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::{VerifiedEvaluation, VerifiedRelease, verify_evaluation};

use super::Said;
use crate::store::{KeptEvaluations, Store, StoreError};

/// What members had said of a release when its hub was asked last, verified again.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// When the hub was asked (RFC 3339, UTC).
    pub heard_at: String,
    /// Those that count today, each member's in order.
    pub evaluations: Vec<VerifiedEvaluation>,
}

/// Keeps what members say of a release beside it, when that very release is installed.
///
/// # Errors
/// [`StoreError`] when it cannot be written.
pub fn keep_evaluations(
    store: &Store,
    release: &VerifiedRelease,
    said: &Said<VerifiedEvaluation>,
) -> Result<(), StoreError> {
    let reference = release.reference();
    if store.recorded_statement(&reference)? != Some(release.statement_digest()) {
        return Ok(());
    }
    let kept = KeptEvaluations {
        v: 1,
        heard_at: jiff::Timestamp::now().to_string(),
        evaluations: said.proven().cloned().collect(),
    };
    store.keep_evaluations(&reference, &kept)
}

/// What was kept of a release. Signatures, places in the log and the keys that count there are checked
/// under the trust root of today; what does not hold any more is left out. No network is used.
pub fn remembered_evaluations(
    store: &Store,
    release: &VerifiedRelease,
    trust_root: &ConsortiumRoot,
) -> Option<Remembered> {
    let kept = store.kept_evaluations(&release.reference())?;
    // As for receipts: the witnesses of that day may be others by now.
    let log = trust_root.log_policy().without_witnesses();
    let counting = kept.evaluations.iter().filter_map(|one| {
        one.check_place(&log).ok()?;
        verify_evaluation(trust_root, release, one.envelope.as_bytes(), one.index).ok()
    });
    Some(Remembered {
        evaluations: counting.collect(),
        heard_at: kept.heard_at,
    })
}
