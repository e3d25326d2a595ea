//! What others said, verified.

use registry_schema::trust_root::{ConsortiumPolicy, TrustError};
use registry_schema::verify::{
    VerifiedAdvisory, VerifiedEvaluation, VerifiedRelease, VerifyError, current_evaluations,
    open_advisories, verify_advisory, verify_evaluation,
};

use super::SayError;
use crate::registry::Registry;

/// All evaluations of a release, each member's in order, complete as far as their numbers tell.
/// Those of members the pinned policy does not know are left out.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify.
pub async fn evaluations(
    release: &VerifiedRelease,
    registry: &Registry,
    policy: &ConsortiumPolicy,
) -> Result<Vec<VerifiedEvaluation>, SayError> {
    let list = registry.evaluations(&release.reference()).await?;
    let mut verified = Vec::new();
    for one in list.evaluations {
        let checked = verify_evaluation(policy, release, one.envelope.as_bytes());
        verified.extend(known(checked)?);
    }
    current_evaluations(&verified)?;
    Ok(verified)
}

/// All statements of advisories about a release's name, each member's in order. Those of members
/// the pinned policy does not know are left out.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify.
pub(super) async fn advisories(
    release: &VerifiedRelease,
    registry: &Registry,
    policy: &ConsortiumPolicy,
) -> Result<Vec<VerifiedAdvisory>, SayError> {
    let name = &release.manifest().name;
    let list = registry.advisories(name).await?;
    let mut verified = Vec::new();
    for one in list.advisories {
        let checked = verify_advisory(policy, name, one.envelope.as_bytes());
        verified.extend(known(checked)?);
    }
    open_advisories(release, &verified)?;
    Ok(verified)
}

/// The advisories that stand and affect a release, worst first.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify.
pub async fn release_advisories(
    release: &VerifiedRelease,
    registry: &Registry,
    policy: &ConsortiumPolicy,
) -> Result<Vec<VerifiedAdvisory>, SayError> {
    let all = advisories(release, registry, policy).await?;
    Ok(open_advisories(release, &all)?
        .into_iter()
        .cloned()
        .collect())
}

/// `None` for what a member said that is none, or no longer one, under the pinned policy.
fn known<T>(checked: Result<T, VerifyError>) -> Result<Option<T>, VerifyError> {
    match checked {
        Err(VerifyError::Trust(TrustError::UnknownMember { .. })) => Ok(None),
        other => other.map(Some),
    }
}
