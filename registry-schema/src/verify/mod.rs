//! One definition of "valid": one pure function for each kind of statement, the only maker of its
//! `Verified…` type, used by publisher, server and client alike. Bytes in, verdict out.

mod advisory;
mod alone;
mod draft;
mod entry;
mod evaluation;
mod key_compromise;
mod model_signature;

pub use advisory::{
    VerifiedAdvisory, open_advisories, open_advisories_with_gaps, verify_advisory,
    verify_recorded_advisory,
};
pub use draft::{Draft, verify_draft};
pub use entry::{VerifiedEntry, verify_entry};
pub use evaluation::{
    VerifiedEvaluation, current_evaluations, current_evaluations_with_gaps, verify_evaluation,
};
pub use key_compromise::{VerifiedKeyCompromise, verify_key_compromise};
pub use model_signature::check_model_signature;

use semver::Version;

use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError};
use crate::manifest::Manifest;
use crate::name::{MemberName, Name};
use crate::reference::{Reference, Requirement};
use crate::statement::{
    ReleaseFile, ReleaseStatement, Statement, StatementError, YankAction, YankStatement,
};
use crate::threshold::{Signer, ThresholdError, count_signatures, recount};
use crate::trust_root::{TrustError, TrustRoot};

/// A release whose statement was signed by enough of its owners. Holding one proves that
/// [`verify_release`] said yes; there is no other way to make one.
#[derive(Clone, Debug)]
pub struct VerifiedRelease {
    statement: ReleaseStatement,
    statement_digest: Digest,
    signers: Vec<Signer>,
    trust_root: Digest,
    envelope: Vec<u8>,
    index: u64,
}

impl VerifiedRelease {
    /// What was signed.
    pub fn statement(&self) -> &ReleaseStatement {
        &self.statement
    }

    /// What the release says about itself.
    pub fn manifest(&self) -> &Manifest {
        self.statement.manifest()
    }

    /// The signed set of files, sorted by path: these and no others.
    pub fn files(&self) -> &[ReleaseFile] {
        self.statement.files()
    }

    /// One file of the set.
    pub fn file(&self, path: &str) -> Option<&ReleaseFile> {
        self.statement.file(path)
    }

    /// The probe images among the files.
    pub fn probe_images(&self) -> impl Iterator<Item = &ReleaseFile> {
        self.statement.probe_images()
    }

    /// SHA-256 of the signed statement: what names this release exactly, its preprocessing
    /// included.
    pub fn statement_digest(&self) -> Digest {
        self.statement_digest
    }

    /// SHA-256 over the files' digests, as yanks and other tools name the content.
    pub fn content_digest(&self) -> Digest {
        self.statement.content_digest()
    }

    /// Who signed.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The trust root under which it was verified.
    pub fn trust_root(&self) -> Digest {
        self.trust_root
    }

    /// The log index at which its signatures count; [`crate::trust_root::NOT_LOGGED`] before it is
    /// logged.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The envelope's exact bytes.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// The release as an exact reference.
    pub fn reference(&self) -> Reference {
        self.statement.reference()
    }

    /// Whether another statement is about exactly this release.
    fn check_subject(
        &self,
        name: &Name,
        version: &Version,
        content: &Digest,
    ) -> Result<(), VerifyError> {
        let found = Reference::exact(name.clone(), version.clone());
        if found == self.reference() && *content == self.content_digest() {
            return Ok(());
        }
        Err(VerifyError::NotAsked {
            asked: self.reference().to_string(),
            found,
        })
    }
}

/// Checks a release's envelope: form, statement, that it answers what was asked, and that enough
/// owners of its name signed it, with keys that count at its log index. That the envelope is the
/// log's entry at `index` is for the caller to prove; [`crate::trust_root::NOT_LOGGED`] stands for
/// an envelope that is still to be logged.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_release(
    trust_root: &dyn TrustRoot,
    asked: &Asked<'_>,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedRelease, VerifyError> {
    // 1. the form of the envelope and of the statement in it
    let parsed = Envelope::parse(envelope)?;
    let statement = match Statement::parse(parsed.payload())? {
        Statement::Release(release) => *release,
        other => {
            return Err(VerifyError::Kind {
                expected: "a release",
                found: other.kind(),
            });
        }
    };
    // 2. the answer fits the question
    let manifest = statement.manifest();
    let found = Reference::exact(manifest.name.clone(), manifest.version.clone());
    asked.check(&found, &parsed.payload_digest())?;
    // 3. enough owners signed
    let ownership = trust_root.ownership(&manifest.name, index)?;
    let signers = count_signatures(&parsed, &ownership)?;
    Ok(VerifiedRelease {
        statement_digest: parsed.payload_digest(),
        statement,
        signers,
        trust_root: trust_root.digest(),
        envelope: envelope.to_vec(),
        index,
    })
}

/// What a release must be to answer a question.
#[derive(Clone, Debug)]
pub enum Asked<'a> {
    /// Whatever it says it is: for publishing, where there is no question yet.
    Anything,
    /// A release that satisfies a reference.
    Reference(&'a Reference),
    /// A release named by its statement.
    Statement(&'a Name, &'a Digest),
}

impl Asked<'_> {
    fn check(&self, found: &Reference, statement: &Digest) -> Result<(), VerifyError> {
        let fits = match (self, &found.requirement) {
            (Self::Anything, _) => true,
            (Self::Reference(asked), Requirement::Exact(version)) => {
                asked.name == found.name && asked.requirement.matches(version)
            }
            (Self::Statement(name, digest), _) => **name == found.name && *digest == statement,
            (Self::Reference(_), _) => false,
        };
        let asked = match self {
            Self::Anything => String::new(),
            Self::Reference(reference) => reference.to_string(),
            Self::Statement(name, digest) => format!("{name} ({digest})"),
        };
        if fits {
            Ok(())
        } else {
            Err(VerifyError::NotAsked {
                asked,
                found: found.clone(),
            })
        }
    }
}

/// A yank or unyank signed by enough owners of the release's name.
#[derive(Clone, Debug)]
pub struct VerifiedYank {
    statement: YankStatement,
    signers: Vec<Signer>,
    counts: bool,
}

impl VerifiedYank {
    /// What is said.
    pub fn statement(&self) -> &YankStatement {
        &self.statement
    }

    /// Who signed.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Whether its keys count at its place in the log. What a stolen key has said keeps its number,
    /// and changes nothing.
    pub fn counts(&self) -> bool {
        self.counts
    }
}

/// Checks a yank's envelope, the log's entry at `index`, against the release it is about.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_yank(
    trust_root: &dyn TrustRoot,
    release: &VerifiedRelease,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedYank, VerifyError> {
    let (parsed, statement) = parse_yank(release, envelope)?;
    let ownership = trust_root.ownership(&release.manifest().name, index)?;
    Ok(VerifiedYank {
        signers: count_signatures(&parsed, &ownership)?,
        statement,
        counts: true,
    })
}

/// The same for a yank that the log has: one whose keys were taken back since does not count, nor one
/// by an owner whose keyring has lapsed, and neither is an error.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_recorded_yank(
    trust_root: &dyn TrustRoot,
    release: &VerifiedRelease,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedYank, VerifyError> {
    match verify_yank(trust_root, release, envelope, index) {
        Err(
            VerifyError::Threshold(
                ThresholdError::KeyOutOfRange { .. } | ThresholdError::NotAnOwner { .. },
            )
            | VerifyError::Trust(TrustError::Keyring { .. }),
        ) => {}
        verified => return verified,
    }
    let (parsed, statement) = parse_yank(release, envelope)?;
    let name = &release.manifest().name;
    let ownership = trust_root.ownership_including_retired_keys(name, index)?;
    Ok(VerifiedYank {
        signers: count_signatures(&parsed, &ownership)?,
        statement,
        counts: false,
    })
}

fn parse_yank(
    release: &VerifiedRelease,
    envelope: &[u8],
) -> Result<(Envelope, YankStatement), VerifyError> {
    let parsed = Envelope::parse(envelope)?;
    let statement = match Statement::parse(parsed.payload())? {
        Statement::Yank(yank) => yank,
        other => {
            return Err(VerifyError::Kind {
                expected: "a yank",
                found: other.kind(),
            });
        }
    };
    release.check_subject(&statement.name, &statement.version, &statement.content)?;
    Ok((parsed, statement))
}

/// Whether signatures that were verified before still suffice: under the trust root of now, at the
/// place in the log that an entry gets.
///
/// # Errors
/// [`VerifyError::Trust`] or [`VerifyError::Threshold`] when they do not.
pub fn check_signers(
    trust_root: &dyn TrustRoot,
    name: &Name,
    signers: &[Signer],
    index: u64,
) -> Result<(), VerifyError> {
    Ok(recount(signers, &trust_root.ownership(name, index)?)?)
}

/// The state of a release after all yanks and unyanks about it: what the last of those says that
/// count.
///
/// # Errors
/// [`VerifyError::YankSequence`] when one is missing, doubled or out of order.
pub fn current_yank(yanks: &[VerifiedYank]) -> Result<Option<&YankStatement>, VerifyError> {
    for (index, yank) in yanks.iter().enumerate() {
        let expected = index as u64 + 1;
        if yank.statement.sequence != expected {
            return Err(VerifyError::YankSequence {
                expected,
                found: yank.statement.sequence,
            });
        }
    }
    Ok(yanks
        .iter()
        .rfind(|yank| yank.counts)
        .map(VerifiedYank::statement)
        .filter(|yank| yank.action == YankAction::Yank))
}

/// Which check a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The envelope's form.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The statement's form.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Another kind of statement.
    #[error("expected {expected}, but the statement is {found}")]
    Kind {
        /// What was expected.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A good statement about something else.
    #[error("asked for `{asked}`, but the statement is about `{found}`")]
    NotAsked {
        /// The question.
        asked: String,
        /// The answer.
        found: Reference,
    },
    /// Nobody may sign for the name.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The signatures do not suffice.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// Not signed by the member that is said to say it, and by nobody else.
    #[error("`{member}` has not signed this statement, or not alone")]
    NotByMember {
        /// Who is said to say it.
        member: MemberName,
        /// What is wrong with the signatures.
        #[source]
        source: ThresholdError,
    },
    /// A member's evaluation or advisory is missing, doubled or out of order.
    #[error("the {kind} of `{member}` are not complete: expected number {expected}, found {found}")]
    MemberSequence {
        /// Which kind of statements.
        kind: &'static str,
        /// Whose.
        member: MemberName,
        /// The number that comes next.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// A yank is missing, doubled or out of order.
    #[error(
        "the yank statements of this release are not complete: expected number {expected}, found {found}"
    )]
    YankSequence {
        /// The number that comes next.
        expected: u64,
        /// The number found.
        found: u64,
    },
}

#[cfg(test)]
mod tests;
