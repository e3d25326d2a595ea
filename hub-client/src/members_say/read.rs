//! What others said, verified: each statement at its proven place in the log.

use registry_schema::api::LoggedStatement;
use registry_schema::digest::Digest;
use registry_schema::name::MemberName;
use registry_schema::receipt::LoggedEnvelope;
use registry_schema::trust_root::{ConsortiumRoot, TrustError};
use registry_schema::verify::{
    VerifiedAdvisory, VerifiedEvaluation, VerifiedRelease, VerifyError, current_evaluations,
    open_advisories, verify_evaluation, verify_recorded_advisory,
};

use super::SayError;
use crate::log_view::LogView;
use crate::logged;
use crate::registry::Registry;

/// Statements of members, complete as far as their numbers tell.
///
/// A key that was stolen has said things, too. They stay in the log and keep their numbers, so the
/// next number depends on them, but nothing they say counts.
#[derive(Clone, Debug)]
pub struct Said<T> {
    recorded: Vec<T>,
    void: Vec<Digest>,
}

impl<T: Spoken> Said<T> {
    /// Those that count, each member's in order.
    pub fn counting(&self) -> impl Iterator<Item = &T> {
        let counts = |one: &&T| !self.void.contains(&one.digest());
        self.recorded.iter().filter(counts)
    }

    /// How many statements of a member are recorded, whether they count or not.
    pub(super) fn count_of(&self, member: &MemberName) -> u64 {
        let own = self.recorded.iter().filter(|one| one.by() == member);
        own.count() as u64
    }
}

/// A statement of a single member.
pub trait Spoken {
    /// Who says it.
    fn by(&self) -> &MemberName;

    /// SHA-256 of the statement.
    fn digest(&self) -> Digest;
}

impl Spoken for VerifiedEvaluation {
    fn by(&self) -> &MemberName {
        &self.statement().by
    }

    fn digest(&self) -> Digest {
        self.statement_digest()
    }
}

/// All evaluations of a release, each member's in order. Those of members whom the trust root does
/// not know, or whose keyring does not count, are left out.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify, or does not prove its place in the log.
pub async fn evaluations(
    release: &VerifiedRelease,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<Said<VerifiedEvaluation>, SayError> {
    let list = registry.evaluations(&release.reference()).await?;
    let retired = trust_root.including_retired_keys();
    let said = hear(
        &list.evaluations,
        log,
        |at| verify_evaluation(trust_root, release, at.envelope.as_bytes(), at.index),
        |at| verify_evaluation(&retired, release, at.envelope.as_bytes(), at.index),
    )
    .await?;
    current_evaluations(&said.recorded)?;
    Ok(said)
}

/// All statements of advisories about a release's name, each member's in order. Those of members
/// whom the trust root does not know, or whose keyring does not count, are left out.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify, or does not prove its place in the log.
pub(super) async fn advisories(
    release: &VerifiedRelease,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<Vec<VerifiedAdvisory>, SayError> {
    let name = &release.manifest().name;
    let list = registry.advisories(name).await?;
    let mut recorded = Vec::new();
    for one in &list.advisories {
        let at = logged::of_statement(log, one).await?;
        let envelope = at.envelope.as_bytes();
        let heard = verify_recorded_advisory(trust_root, name, envelope, at.index);
        recorded.extend(known(heard)?);
    }
    open_advisories(release, &recorded)?;
    Ok(recorded)
}

/// The advisories that stand and affect a release, worst first. What a stolen key has said of them
/// does not count.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify, or does not prove its place in the log.
pub async fn release_advisories(
    release: &VerifiedRelease,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<Vec<VerifiedAdvisory>, SayError> {
    let said = advisories(release, registry, trust_root, log).await?;
    let open = open_advisories(release, &said)?;
    Ok(open.into_iter().cloned().collect())
}

/// Verifies what a hub lists: `counts` with the keys that count there, `recorded` with all that a
/// member ever had.
async fn hear<T: Spoken>(
    list: &[LoggedStatement],
    log: &LogView,
    counts: impl Fn(&LoggedEnvelope) -> Result<T, VerifyError>,
    recorded: impl Fn(&LoggedEnvelope) -> Result<T, VerifyError>,
) -> Result<Said<T>, SayError> {
    let mut said = Said {
        recorded: Vec::new(),
        void: Vec::new(),
    };
    for one in list {
        let at = logged::of_statement(log, one).await?;
        let heard = match counts(&at) {
            Err(VerifyError::NotByMember { .. }) => {
                let heard = known(recorded(&at))?;
                said.void.extend(heard.as_ref().map(Spoken::digest));
                heard
            }
            checked => known(checked)?,
        };
        said.recorded.extend(heard);
    }
    Ok(said)
}

/// `None` for what a member said that is none, was none then, or has no keys that count: nobody but
/// the member itself is to suffer from that.
fn known<T>(checked: Result<T, VerifyError>) -> Result<Option<T>, VerifyError> {
    match checked {
        Err(VerifyError::Trust(
            TrustError::UnknownMember { .. }
            | TrustError::NotMemberThen { .. }
            | TrustError::Keyring { .. },
        )) => Ok(None),
        other => other.map(Some),
    }
}
