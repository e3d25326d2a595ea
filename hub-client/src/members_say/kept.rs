//! Evaluations that were heard once, for commands that open no connection.

use std::collections::BTreeSet;

use registry_schema::envelope::Envelope;
use registry_schema::name::MemberName;
use registry_schema::statement::Statement;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::{
    VerifiedEvaluation, VerifiedRelease, VerifyError, verify_evaluation,
};

use super::Said;
use crate::store::{KeptEvaluations, Store, StoreError};

/// What members had said of a release when its hub was asked last, verified again.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// When the hub was asked (RFC 3339, UTC).
    pub heard_at: String,
    /// Those that count today, each member's in order.
    pub evaluations: Vec<VerifiedEvaluation>,
    /// Members who said more than that, which nobody could judge then or can today: their last word is
    /// not known.
    pub incomplete: BTreeSet<MemberName>,
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
        incomplete: said.incomplete(),
    };
    store.keep_evaluations(&reference, &kept)
}

/// What was kept of a release. Signatures, places in the log and the keys that count there are checked
/// under the trust root of today; what does not hold any more is left out, and who said it is named. No
/// network is used.
pub fn remembered_evaluations(
    store: &Store,
    release: &VerifiedRelease,
    trust_root: &ConsortiumRoot,
) -> Option<Remembered> {
    let kept = store.kept_evaluations(&release.reference())?;
    // As for receipts: the witnesses of that day may be others by now.
    let log = trust_root.log_policy().without_witnesses();
    let retired = trust_root.including_retired_keys();
    let (mut evaluations, mut incomplete) = (Vec::new(), kept.incomplete);
    for one in &kept.evaluations {
        let envelope = one.envelope.as_bytes();
        let has_place = one.check_place(&log).is_ok();
        match verify_evaluation(trust_root, release, envelope, one.index) {
            Ok(heard) if has_place => evaluations.push(heard),
            // Said with a key that was taken back: it does not count, and nothing is missing.
            Err(VerifyError::NotByMember { .. })
                if has_place
                    && verify_evaluation(&retired, release, envelope, one.index).is_ok() => {}
            _ => incomplete.extend(said_to_be_by(envelope)),
        }
    }
    Some(Remembered {
        heard_at: kept.heard_at,
        evaluations,
        incomplete,
    })
}

/// Who is said to say what nobody can judge.
fn said_to_be_by(envelope: &[u8]) -> Option<MemberName> {
    let envelope = Envelope::parse(envelope).ok()?;
    match Statement::parse(envelope.payload()).ok()? {
        Statement::Evaluation(said) => Some(said.by),
        _ => None,
    }
}
