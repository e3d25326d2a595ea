//! What is known of one release: its statement, yanks, advisories, and the keys that signed it.

use registry_schema::keys::KeyId;
use registry_schema::name::MemberName;
use registry_schema::statement::{YankAction, YankStatement};
use registry_schema::threshold::Signer;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::files::IndexRange;
use registry_schema::verify::{
    Asked, VerifiedAdvisory, VerifiedRelease, VerifyError, current_yank, open_advisories_with_gaps,
    verify_recorded_yank, verify_release,
};

use super::{AuditError, Auditor};
use crate::logged;
use crate::members_say::{self, LeftOut};

/// A statement at its proven place in the log.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// What is said.
    pub said: T,
    /// Its log index.
    pub index: u64,
    /// Whether it counts: a key that was taken back later may have signed it.
    pub counts: bool,
}

/// A yank or unyank.
#[derive(Clone, Debug)]
pub struct YankWord {
    /// What is said.
    pub statement: YankStatement,
    /// Who signed.
    pub signers: Vec<Signer>,
}

/// A key that signed, and where the trust root lets it count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerKey {
    /// Whose.
    pub member: MemberName,
    /// Which.
    pub key_id: KeyId,
    /// The log indexes for which it counts.
    pub range: IndexRange,
}

/// What is known of one release.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The release.
    pub release: VerifiedRelease,
    /// When it was recorded; the hub's word.
    pub recorded_at: String,
    /// The owners of its name when it was logged.
    pub owners: Vec<MemberName>,
    /// How many of them had to sign.
    pub threshold: usize,
    /// The keys that signed it.
    pub keys: Vec<SignerKey>,
    /// Yanks and unyanks, oldest first.
    pub yanks: Vec<Placed<YankWord>>,
    /// Every statement of advisories that affect or affected it, each member's in order.
    pub advisories: Vec<Placed<VerifiedAdvisory>>,
    /// Positions in `advisories` of those that stand, worst first.
    pub open_advisories: Vec<usize>,
    /// Statements of advisories about its name that nobody can judge.
    pub left_out: Vec<LeftOut>,
}

impl Facts {
    /// The yank that holds, if one does.
    pub fn yanked(&self) -> Option<&YankStatement> {
        let mut counting = self.yanks.iter().filter(|word| word.counts);
        let last = &counting.next_back()?.said.statement;
        (last.action == YankAction::Yank).then_some(last)
    }

    /// The advisories that stand, worst first.
    pub fn open(&self) -> impl Iterator<Item = &Placed<VerifiedAdvisory>> {
        let one = |at: &usize| self.advisories.get(*at);
        self.open_advisories.iter().filter_map(one)
    }

    /// Keys that signed it and count no longer.
    pub fn retired_keys(&self) -> impl Iterator<Item = &SignerKey> {
        self.keys.iter().filter(|key| key.range.until.is_some())
    }
}

impl Auditor<'_> {
    /// What is known of a release.
    ///
    /// # Errors
    /// [`AuditError`] when the hub shows what does not verify, or withholds what the monitor has read.
    pub(super) async fn facts(
        &self,
        reference: &registry_schema::reference::Reference,
        asked: &Asked<'_>,
    ) -> Result<Facts, AuditError> {
        // 1. the statement, at its proven place
        let answer = self.registry.release(reference).await?;
        let (statement, yanks) = logged::of_release(self.log, &answer).await?;
        let envelope = statement.envelope.as_bytes();
        let release = verify_release(self.trust_root, asked, envelope, statement.index)?;
        // 2. what its owners said since
        let mut words = Vec::new();
        for yank in &yanks {
            let envelope = yank.envelope.as_bytes();
            let verified = verify_recorded_yank(self.trust_root, &release, envelope, yank.index)?;
            words.push((verified, yank.index));
        }
        let verified: Vec<_> = words.iter().map(|(yank, _)| yank.clone()).collect();
        current_yank(&verified)?;
        let yanks: Vec<_> = words
            .iter()
            .map(|(yank, index)| Placed {
                said: YankWord {
                    statement: yank.statement().clone(),
                    signers: yank.signers().to_vec(),
                },
                index: *index,
                counts: yank.counts(),
            })
            .collect();
        // 3. what members warn of
        let said =
            members_say::advisories(&release, self.registry, self.trust_root, self.log).await?;
        if let Some(memory) = self.memory {
            let places: Vec<u64> = yanks.iter().map(|yank| yank.index).collect();
            memory.check_release(&release, &places)?;
            memory.check_newest(reference, &release)?;
            memory.check_advisories(&release.manifest().name, said.listed())?;
        }
        let (advisories, open_advisories) = affecting(&release, &said)?;
        let name = &release.manifest().name;
        let ownership = self.trust_root.ownership(name, release.index())?;
        Ok(Facts {
            owners: ownership.members().cloned().collect(),
            threshold: ownership.threshold(),
            keys: keys_of(self.trust_root, release.signers()),
            recorded_at: answer.summary.published_at,
            release,
            yanks,
            advisories,
            open_advisories,
            left_out: said.left_out().to_vec(),
        })
    }
}

/// The statements of advisories that ever affected a release, and which of them stand.
fn affecting(
    release: &VerifiedRelease,
    said: &members_say::Said<VerifiedAdvisory>,
) -> Result<(Vec<Placed<VerifiedAdvisory>>, Vec<usize>), VerifyError> {
    let version = &release.manifest().version;
    let all: Vec<_> = said.placed().collect();
    let key = |one: &VerifiedAdvisory| (one.statement().by.clone(), one.statement().number);
    let touched: Vec<_> = all
        .iter()
        .filter(|(one, _, _)| one.statement().affected.contains(version))
        .map(|(one, _, _)| key(one))
        .collect();
    let advisories: Vec<_> = all
        .iter()
        .filter(|(one, _, _)| touched.contains(&key(one)))
        .map(|(one, index, counts)| Placed {
            said: (*one).clone(),
            index: *index,
            counts: *counts,
        })
        .collect();
    let statements: Vec<VerifiedAdvisory> = all.iter().map(|(one, _, _)| (*one).clone()).collect();
    let open = open_advisories_with_gaps(release, &statements, &said.incomplete())?;
    let place = |stands: &&VerifiedAdvisory| {
        let is_it = |one: &Placed<VerifiedAdvisory>| {
            one.counts && one.said.statement_digest() == stands.statement_digest()
        };
        advisories.iter().position(is_it)
    };
    let open = open.iter().filter_map(place).collect();
    Ok((advisories, open))
}

/// The keys of signers, with the ranges that their members' keyrings give them.
pub(super) fn keys_of(trust_root: &ConsortiumRoot, signers: &[Signer]) -> Vec<SignerKey> {
    let key_of = |signer: &Signer| {
        let mut keys = trust_root.statement_keys(&signer.member).iter();
        let (_, range) = keys.find(|(key, _)| key.id() == signer.key_id)?;
        Some(SignerKey {
            member: signer.member.clone(),
            key_id: signer.key_id,
            range: *range,
        })
    };
    signers.iter().filter_map(key_of).collect()
}
