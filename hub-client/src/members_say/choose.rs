//! A member's own rule for floating references: a release is taken when enough others have found
//! it fit.

use std::collections::{BTreeMap, BTreeSet};

use registry_schema::name::MemberName;
use registry_schema::reference::{Reference, Requirement};
use registry_schema::statement::Verdict;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{VerifiedEvaluation, VerifiedRelease};
use semver::Version;

use super::{Said, SayError, evaluations, find_release};
use crate::log_view::LogView;
use crate::registry::Registry;
use crate::store::Store;

/// The newest release that satisfies a floating reference and that `required` members have found
/// fit for their tasks, other than `own` and those who signed the release. One that is installed
/// here has been taken before and stands too, so that a reference does not move to a release
/// nobody has tried, and does not lose the one it has. Which releases are yanked is the hub's word:
/// who pulls the one that is chosen holds it to what was asked for.
///
/// # Errors
/// [`SayError::TooFewEvaluations`] when there is none.
pub async fn choose_evaluated(
    reference: &Reference,
    required: u32,
    own: Option<&MemberName>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    store: &Store,
) -> Result<Reference, SayError> {
    if matches!(reference.requirement, Requirement::Exact(_)) {
        return Ok(reference.clone());
    }
    let detail = registry.extractor(&reference.name).await?;
    let mut versions: Vec<Version> = detail
        .releases
        .into_iter()
        .filter(|one| one.yanked.is_none() && reference.requirement.matches(&one.version))
        .map(|one| one.version)
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    let installed: BTreeSet<Version> = store
        .list()?
        .into_iter()
        .filter(|(name, _)| *name == reference.name)
        .map(|(_, version)| version)
        .collect();
    let mut newest = None;
    for version in versions {
        let exact = Reference::exact(reference.name.clone(), version.clone());
        if installed.contains(&version) {
            return Ok(exact);
        }
        let release = find_release(&exact, registry, trust_root, log).await?;
        let said = evaluations(&release, registry, trust_root, log).await?;
        let found = count_fit(&release, &said, own);
        if found >= required as usize {
            return Ok(exact);
        }
        newest.get_or_insert((version, found));
    }
    match newest {
        Some((newest, found)) => Err(SayError::TooFewEvaluations {
            reference: reference.clone(),
            required,
            newest,
            found,
        }),
        // Nothing satisfies the reference: the hub says so best.
        None => Ok(find_release(reference, registry, trust_root, log)
            .await?
            .reference()),
    }
}

/// How many members, by their last word, found the release fit, other than oneself.
fn count_fit(
    release: &VerifiedRelease,
    said: &Said<VerifiedEvaluation>,
    own: Option<&MemberName>,
) -> usize {
    let last = last_words(release, said.counting(), &said.incomplete());
    let fit = last
        .iter()
        .filter(|&(member, verdict)| Some(*member) != own && *verdict == Verdict::Passed);
    fit.count()
}

/// What each member said of a release last, by evaluations in each member's order: without its signers, and
/// without the `incomplete`, whose last word may be among what nobody can judge.
pub fn last_words<'a>(
    release: &VerifiedRelease,
    evaluations: impl Iterator<Item = &'a VerifiedEvaluation>,
    incomplete: &BTreeSet<MemberName>,
) -> BTreeMap<&'a MemberName, Verdict> {
    let is_signer = |member: &MemberName| {
        let mut signers = release.signers().iter();
        signers.any(|signer| signer.member == *member)
    };
    evaluations
        .map(VerifiedEvaluation::statement)
        .filter(|said| !is_signer(&said.by) && !incomplete.contains(&said.by))
        .map(|said| (&said.by, said.verdict))
        .collect()
}
