//! The full provenance of one release.

use std::collections::BTreeSet;

use registry_schema::keys::KeyId;
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::verify::{Asked, VerifiedEvaluation, VerifiedKeyCompromise, VerifiedRelease};

use super::facts::{Facts, Placed};
use super::lineage::{Ancestor, Found};
use super::monitor::Memory;
use super::{AuditError, Auditor, Coverage};
use crate::causes::with_causes;
use crate::members_say::{self, LeftOut};
use crate::store::StoreError;

/// Who published a release, from what, and who says what of it.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// The release, its yanks and the advisories about it.
    pub facts: Facts,
    /// Every evaluation, each member's in order.
    pub evaluations: Vec<Placed<VerifiedEvaluation>>,
    /// Keys that signed anything shown here and that their members took back.
    pub key_compromises: Vec<Placed<VerifiedKeyCompromise>>,
    /// Evaluations, and keys that its signers took back, that nobody can judge.
    pub left_out: Vec<LeftOut>,
    /// From what it was made.
    pub lineage: Vec<Ancestor>,
    /// What of it is installed here.
    pub installed: InstalledHere,
    /// How far one can be sure that nothing was left out.
    pub coverage: Coverage,
}

/// What of a release is installed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstalledHere {
    /// Nothing.
    No,
    /// The same bytes, every one compared.
    Same,
    /// Something else, or it is damaged.
    Different {
        /// What differs.
        reason: String,
    },
}

impl Auditor<'_> {
    /// The full provenance of the release that a reference leads to.
    ///
    /// # Errors
    /// [`AuditError`] when the hub shows what does not verify, or withholds what the monitor has read.
    pub async fn release(&self, reference: &Reference) -> Result<Provenance, AuditError> {
        // 1. the release, yanks, advisories
        let facts = self.facts(reference, &Asked::Reference(reference)).await?;
        let release = &facts.release;
        // 2. what members found out
        let said =
            members_say::evaluations(release, self.registry, self.trust_root, self.log).await?;
        let evaluations: Vec<_> = said.placed().map(placed).collect();
        // 3. keys that were taken back and that signed any of it
        let taken = members_say::key_compromises(self.registry, self.trust_root, self.log).await?;
        if let Some(memory) = self.memory {
            memory.check_evaluations(release, said.listed())?;
            memory.check_key_compromises(taken.listed())?;
        }
        let signed = signing_keys(&facts, &evaluations);
        let touches = |one: &Placed<VerifiedKeyCompromise>| {
            let says = one.said.statement();
            signed.contains(&(says.member.clone(), says.key_id))
        };
        let key_compromises = taken.placed().map(placed).filter(touches).collect();
        let signed_by = |one: &&LeftOut| signed.iter().any(|(member, _)| *member == one.member);
        let of_signers = taken.left_out().iter().filter(signed_by);
        let left_out = said.left_out().iter().chain(of_signers).cloned().collect();
        // 4. from what it was made
        let lineage = self.lineage(&facts, 0, &mut BTreeSet::new()).await?;
        Ok(Provenance {
            installed: self.installed_here(release).await?,
            evaluations,
            key_compromises,
            left_out,
            lineage,
            coverage: self.memory.map_or(Coverage::Unread, Memory::coverage),
            facts,
        })
    }

    /// Compares what is installed under the same name and version, to the last byte.
    async fn installed_here(&self, release: &VerifiedRelease) -> Result<InstalledHere, AuditError> {
        let (store, root) = (self.store.clone(), self.trust_root.clone());
        let (reference, expected) = (release.reference(), release.statement_digest());
        let compare = move || {
            let installed = match store.open_release(&reference, &root) {
                Err(StoreError::NotInstalled { .. }) => return InstalledHere::No,
                other => other,
            };
            let checked = installed.and_then(|one| one.check_files().map(|()| one));
            match checked {
                Ok(one) if one.release().statement_digest() == expected => InstalledHere::Same,
                Ok(one) => InstalledHere::Different {
                    reason: format!("statement {}", one.release().statement_digest()),
                },
                Err(error) => InstalledHere::Different {
                    reason: with_causes(&error),
                },
            }
        };
        let compared = tokio::task::spawn_blocking(compare).await;
        compared.map_err(|_| AuditError::Stopped)
    }
}

impl Provenance {
    /// What somebody who uses this release has to look at, in words; none when all is well.
    pub fn concerns(&self) -> Vec<String> {
        let mut concerns = of_facts(&self.facts);
        concerns.extend(self.left_out.iter().map(ToString::to_string));
        for one in &self.key_compromises {
            let says = one.said.statement();
            concerns.push(format!(
                "a key of {} that signed some of this was taken back from log index {} on: {}",
                says.member, says.from_index, says.reason
            ));
        }
        for ancestor in self.lineage.iter().flat_map(Ancestor::walk) {
            let reference = &ancestor.derivation.release;
            match &ancestor.found {
                Found::Release { facts, .. } => {
                    let found = of_facts(facts).into_iter();
                    concerns.extend(found.map(|what| format!("made from {reference}: {what}")));
                }
                Found::Refused { reason } => {
                    concerns.push(format!("made from {reference}, which is refused: {reason}"));
                }
                Found::Again | Found::NotHere | Found::TooFar => {}
            }
        }
        if let InstalledHere::Different { reason } = &self.installed {
            concerns.push(format!("what is installed here is not this: {reason}"));
        }
        concerns
    }
}

/// What a user of a release has to look at.
pub(super) fn of_facts(facts: &Facts) -> Vec<String> {
    let mut concerns = Vec::new();
    if let Some(yank) = facts.yanked() {
        concerns.push(format!("yanked: {}", yank.reason));
    }
    for one in facts.open() {
        let says = one.said.statement();
        concerns.push(format!(
            "advisory {} of {}, {}: {}",
            says.number,
            says.by,
            says.severity.as_str(),
            says.title
        ));
    }
    concerns.extend(facts.left_out.iter().map(ToString::to_string));
    for key in facts.retired_keys() {
        concerns.push(format!(
            "signed with key {} of {}, which counts {} only",
            key.key_id, key.member, key.range
        ));
    }
    concerns
}

fn placed<T: Clone>((said, index, counts): (&T, u64, bool)) -> Placed<T> {
    Placed {
        said: said.clone(),
        index,
        counts,
    }
}

/// Every key that signed something that is shown.
fn signing_keys(
    facts: &Facts,
    evaluations: &[Placed<VerifiedEvaluation>],
) -> BTreeSet<(MemberName, KeyId)> {
    let of_yanks = facts.yanks.iter().flat_map(|one| &one.said.signers);
    let of_advisories = facts.advisories.iter().map(|one| one.said.signer());
    let of_evaluations = evaluations.iter().map(|one| one.said.signer());
    let signers = facts.release.signers().iter().chain(of_yanks);
    signers
        .chain(of_advisories)
        .chain(of_evaluations)
        .map(|signer| (signer.member.clone(), signer.key_id))
        .collect()
}
