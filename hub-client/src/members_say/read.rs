//! What others said, verified: each statement at its proven place in the log.

use std::collections::BTreeSet;

use registry_schema::api::LoggedStatement;
use registry_schema::digest::Digest;
use registry_schema::name::MemberName;
use registry_schema::receipt::LoggedEnvelope;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{
    VerifiedAdvisory, VerifiedEvaluation, VerifiedKeyCompromise, VerifiedRelease, VerifyError,
    current_evaluations_with_gaps, open_advisories_with_gaps, verify_evaluation,
    verify_key_compromise, verify_recorded_advisory,
};

use super::SayError;
use super::left_out::{LeftOut, unheard};
use crate::log_view::LogView;
use crate::logged;
use crate::registry::Registry;

/// Statements of members, complete as far as their numbers tell, but for those that nobody can
/// judge: these are left out and told.
///
/// A key that was stolen has said things, too. They stay in the log and keep their numbers, so the
/// next number depends on them, but nothing they say counts.
#[derive(Clone, Debug)]
pub struct Said<T> {
    recorded: Vec<T>,
    /// The envelope of each, at its proven place.
    at: Vec<LoggedEnvelope>,
    void: Vec<Digest>,
    left_out: Vec<LeftOut>,
    /// The log indexes of all that the hub listed, also of what is left out.
    listed: Vec<u64>,
}

impl<T: Spoken> Said<T> {
    /// Those that count, each member's in order.
    pub fn counting(&self) -> impl Iterator<Item = &T> {
        let counts = |one: &&T| !self.void.contains(&one.digest());
        self.recorded.iter().filter(counts)
    }

    /// All of them, each with its log index and whether it counts.
    pub fn placed(&self) -> impl Iterator<Item = (&T, u64, bool)> {
        let counts = |one: &T| !self.void.contains(&one.digest());
        let placed = self.recorded.iter().zip(&self.at);
        placed.map(move |(one, at)| (one, at.index, counts(one)))
    }

    /// The envelopes of all of them, each at its proven place.
    pub fn proven(&self) -> impl Iterator<Item = &LoggedEnvelope> {
        self.at.iter()
    }

    /// What is not among these statements, since nobody can judge it at present.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The members some of whose statements are left out.
    pub fn incomplete(&self) -> BTreeSet<MemberName> {
        let members = self.left_out.iter().map(|one| one.member.clone());
        members.collect()
    }

    /// The proven log indexes of everything the hub listed.
    pub fn listed(&self) -> &[u64] {
        &self.listed
    }

    /// A member's statements in order, whether they count or not.
    pub(super) fn recorded_by(self, member: &MemberName) -> Vec<T> {
        let own = self.recorded.into_iter().filter(|one| one.by() == member);
        own.collect()
    }

    /// How many statements of a member are recorded, whether they count or not.
    pub(super) fn count_of(&self, member: &MemberName) -> u64 {
        let own = self.recorded.iter().filter(|one| one.by() == member);
        let left_out = self.left_out.iter().filter(|one| one.member == *member);
        let left_out: usize = left_out.map(|one| one.indexes.len()).sum();
        (own.count() + left_out) as u64
    }
}

/// A statement of a single member.
pub trait Spoken {
    /// What several of them are called.
    const KIND: &'static str;

    /// Who says it.
    fn by(&self) -> &MemberName;

    /// SHA-256 of the statement.
    fn digest(&self) -> Digest;
}

impl Spoken for VerifiedEvaluation {
    const KIND: &'static str = "evaluations";

    fn by(&self) -> &MemberName {
        &self.statement().by
    }

    fn digest(&self) -> Digest {
        self.statement_digest()
    }
}

impl Spoken for VerifiedKeyCompromise {
    const KIND: &'static str = "key compromises";

    fn by(&self) -> &MemberName {
        &self.statement().member
    }

    fn digest(&self) -> Digest {
        self.statement_digest()
    }
}

impl Spoken for VerifiedAdvisory {
    const KIND: &'static str = "advisories";

    fn by(&self) -> &MemberName {
        &self.statement().by
    }

    fn digest(&self) -> Digest {
        self.statement_digest()
    }
}

/// All evaluations of a release, each member's in order. What nobody can judge is left
/// out and told ([`LeftOut`]).
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
        trust_root,
        |at| verify_evaluation(trust_root, release, at.envelope.as_bytes(), at.index),
        |at| verify_evaluation(&retired, release, at.envelope.as_bytes(), at.index),
    )
    .await?;
    current_evaluations_with_gaps(&said.recorded, &said.incomplete())?;
    Ok(said)
}

/// All statements of advisories about a release's name, each member's in order. What
/// nobody can judge is left out and told ([`LeftOut`]).
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify, or does not prove its place in the log.
pub async fn advisories(
    release: &VerifiedRelease,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<Said<VerifiedAdvisory>, SayError> {
    let name = &release.manifest().name;
    let list = registry.advisories(name).await?;
    let verify = |at: &LoggedEnvelope| {
        verify_recorded_advisory(trust_root, name, at.envelope.as_bytes(), at.index)
    };
    let mut said = hear(&list.advisories, log, trust_root, verify, verify).await?;
    open_advisories_with_gaps(release, &said.recorded, &said.incomplete())?;
    // These know themselves whether their keys count.
    let void = said.recorded.iter().filter(|one| !one.counts());
    said.void = void.map(Spoken::digest).collect();
    Ok(said)
}

/// All keys that members took back, in the order of the log.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify, or does not prove its place in the log.
pub async fn key_compromises(
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<Said<VerifiedKeyCompromise>, SayError> {
    let list = registry.key_compromises().await?;
    let retired = trust_root.including_retired_keys();
    hear(
        &list.key_compromises,
        log,
        trust_root,
        |at| verify_key_compromise(trust_root, at.envelope.as_bytes(), at.index),
        |at| verify_key_compromise(&retired, at.envelope.as_bytes(), at.index),
    )
    .await
}

/// The advisories that stand and affect a release.
#[derive(Clone, Debug)]
pub struct OpenAdvisories {
    /// Worst first.
    pub open: Vec<VerifiedAdvisory>,
    /// What else was said of the name and nobody can judge.
    pub left_out: Vec<LeftOut>,
}

/// The advisories that stand and affect a release. What a stolen key has said of them does not
/// count.
///
/// # Errors
/// [`SayError`] when the hub sends one that does not verify, or does not prove its place in the log.
pub async fn release_advisories(
    release: &VerifiedRelease,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<OpenAdvisories, SayError> {
    let said = advisories(release, registry, trust_root, log).await?;
    let open = open_advisories_with_gaps(release, &said.recorded, &said.incomplete())?;
    Ok(OpenAdvisories {
        open: open.into_iter().cloned().collect(),
        left_out: said.left_out,
    })
}

/// Verifies what a hub lists: `counts` with the keys that count there, `recorded` with all that a
/// member ever had.
async fn hear<T: Spoken>(
    list: &[LoggedStatement],
    log: &LogView,
    trust_root: &ConsortiumRoot,
    counts: impl Fn(&LoggedEnvelope) -> Result<T, VerifyError>,
    recorded: impl Fn(&LoggedEnvelope) -> Result<T, VerifyError>,
) -> Result<Said<T>, SayError> {
    let mut said = Said {
        recorded: Vec::new(),
        at: Vec::new(),
        void: Vec::new(),
        left_out: Vec::new(),
        listed: Vec::new(),
    };
    for one in list {
        let at = logged::of_statement(log, one).await?;
        said.listed.push(at.index);
        let (checked, is_void) = match counts(&at) {
            Err(VerifyError::NotByMember { .. }) => (recorded(&at), true),
            checked => (checked, false),
        };
        match checked {
            Ok(heard) => {
                said.void.extend(is_void.then(|| heard.digest()));
                said.recorded.push(heard);
                said.at.push(at);
            }
            Err(error) => {
                let unheard = unheard(error, trust_root)?;
                unheard.leave_out(T::KIND, at.index, &mut said.left_out);
            }
        }
    }
    Ok(said)
}
