//! How far one can be sure that nothing was left out.

use registry_schema::name::Name;
use registry_schema::reference::Reference;
use registry_schema::verify::VerifiedRelease;
use semver::Version;

use super::AuditError;
use super::monitor::{Memory, NameMemory, ReleaseMemory};

/// How far one can be sure that a hub has left nothing out of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The monitor of this machine has read the log up to here: nothing that was logged before is
    /// missing.
    Read {
        /// Entries that were read.
        entries: u64,
    },
    /// No monitor has run here: a yank, an advisory or an evaluation may be withheld.
    Unread,
}

impl Memory {
    /// How far this reaches.
    pub fn coverage(&self) -> Coverage {
        Coverage::Read {
            entries: self.size(),
        }
    }

    /// A release is the one that the log has, and all yanks about it are shown.
    pub(super) fn check_release(
        &self,
        release: &VerifiedRelease,
        yanks: &[u64],
    ) -> Result<(), AuditError> {
        let manifest = release.manifest();
        let known = self.name(&manifest.name);
        let Some(known) = known.and_then(|name| name.releases.get(&manifest.version)) else {
            // Read up to there, and it was not among what counts.
            return Ok(());
        };
        if known.index != release.index() {
            return Err(AuditError::Other {
                what: release.reference().to_string(),
                shown: release.index(),
                known: known.index,
            });
        }
        let what = || format!("a yank statement of {}", release.reference());
        all_shown(&known.yanks, yanks, what)
    }

    /// A hub's answer to a reference is not older than the newest release that the log has.
    pub(super) fn check_newest(
        &self,
        reference: &Reference,
        answer: &VerifiedRelease,
    ) -> Result<(), AuditError> {
        let Some(name) = self.name(&reference.name) else {
            return Ok(());
        };
        let stands = |one: &ReleaseMemory| one.counts && !one.is_yanked;
        let standing = name.releases.iter().filter(|(_, one)| stands(one));
        let newest: Option<&Version> = reference
            .requirement
            .newest(standing.map(|(version, _)| version));
        match newest {
            Some(version) if *version > answer.manifest().version => Err(AuditError::Withheld {
                what: Reference::exact(reference.name.clone(), version.clone()).to_string(),
                index: name.releases.get(version).map_or(0, |one| one.index),
            }),
            _ => Ok(()),
        }
    }

    /// All statements of advisories about a name are shown.
    pub(super) fn check_advisories(&self, name: &Name, listed: &[u64]) -> Result<(), AuditError> {
        let known = self.name(name).map_or(&[][..], |name| &name.advisories);
        all_shown(known, listed, || format!("an advisory about {name}"))
    }

    /// All evaluations of a release are shown.
    pub(super) fn check_evaluations(
        &self,
        release: &VerifiedRelease,
        listed: &[u64],
    ) -> Result<(), AuditError> {
        let manifest = release.manifest();
        let known = self
            .name(&manifest.name)
            .and_then(|name: &NameMemory| name.releases.get(&manifest.version));
        let known = known.map_or(&[][..], |one| &one.evaluations);
        let what = || format!("an evaluation of {}", release.reference());
        all_shown(known, listed, what)
    }

    /// All keys that members took back are shown.
    pub(super) fn check_key_compromises(&self, listed: &[u64]) -> Result<(), AuditError> {
        let what = || "a key that a member took back".to_owned();
        all_shown(self.key_compromises(), listed, what)
    }
}

fn all_shown(known: &[u64], shown: &[u64], what: impl Fn() -> String) -> Result<(), AuditError> {
    match known.iter().find(|index| !shown.contains(index)) {
        None => Ok(()),
        Some(index) => Err(AuditError::Withheld {
            what: what(),
            index: *index,
        }),
    }
}
