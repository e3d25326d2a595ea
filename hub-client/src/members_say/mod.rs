//! What single members say: figures of a release, warnings about a name. Each signs for itself,
//! whoever owns the name; everybody verifies.

mod advise;
mod attest;
mod choose;
mod disown;
mod eval_file;
mod kept;
mod left_out;
mod read;

pub use advise::{AdvisoryChange, AdvisoryRequest, advise};
pub use attest::{AttestRequest, attest};
pub use choose::{choose_evaluated, last_words};
pub use disown::disown;
pub use eval_file::EvalFile;
pub use kept::{Remembered, keep_evaluations, remembered_evaluations};
pub use left_out::LeftOut;
pub use read::{
    OpenAdvisories, Said, Spoken, advisories, evaluations, key_compromises, release_advisories,
};

use std::path::PathBuf;

use registry_schema::keys::KeyId;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Reference;
use registry_schema::statement::StatementError;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{Asked, VerifiedRelease, VerifyError, verify_release};
use semver::Version;

use crate::files::FileError;
use crate::journal::Pen;
use crate::log_view::LogView;
use crate::logged::{self, LoggedError};
use crate::registry::{Registry, RegistryError};
use crate::store::StoreError;

/// The member whose key this is.
fn speaker(pen: &Pen<'_>, trust_root: &ConsortiumRoot) -> Result<MemberName, SayError> {
    let key_id = pen.key().ok_or(SayError::NoKey)?.public().id();
    let member = trust_root.member_of(&key_id);
    member.cloned().ok_or(SayError::NotAMember { key_id })
}

/// The release a reference leads to on the hub, verified.
async fn find_release(
    reference: &Reference,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<VerifiedRelease, SayError> {
    let answer = registry.release(reference).await?;
    let (statement, _) = logged::of_release(log, &answer).await?;
    let asked = Asked::Reference(reference);
    let envelope = statement.envelope.as_bytes();
    Ok(verify_release(
        trust_root,
        &asked,
        envelope,
        statement.index,
    )?)
}

/// A member's statement is not made, or not to be had.
#[derive(Debug, thiserror::Error)]
pub enum SayError {
    /// Nothing to sign with.
    #[error("a member signs what it says with a key, and none was given")]
    NoKey,
    /// A key of nobody.
    #[error("key {key_id} is no key of a member under the trust root")]
    NotAMember {
        /// Which key.
        key_id: KeyId,
    },
    /// Somebody else's key.
    #[error(
        "key {key_id} is no key of `{member}` under the trust root: a member takes back its own keys only"
    )]
    NotItsKey {
        /// Which key.
        key_id: KeyId,
        /// Who wants to take it back.
        member: MemberName,
    },
    /// Not what `hub eval --json` writes.
    #[error("`{}` does not hold what `hub eval --json` writes", path.display())]
    EvalFile {
        /// Which file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// Figures that contradict themselves.
    #[error("the figures in `{}` cannot be", path.display())]
    Figures {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: StatementError,
    },
    /// Figures on what the head has seen.
    #[error(
        "{count} of the images in `{}` are among those the head was trained on",
        path.display()
    )]
    TrainingImages {
        /// Which file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// Figures of another release.
    #[error("the figures are of `{found}`, not of `{asked}`")]
    OtherRelease {
        /// What is to be attested.
        asked: Reference,
        /// What was evaluated.
        found: Reference,
    },
    /// Two evaluations on different images.
    #[error("the two evaluations are not of the same images: their classes and counts differ")]
    OtherImages,
    /// A word about a word that was never said.
    #[error("`{member}` has no advisory number {number} about `{name}`")]
    NoAdvisory {
        /// Whose.
        member: MemberName,
        /// About which name.
        name: Name,
        /// Which.
        number: u64,
    },
    /// An advisory that is over.
    #[error("advisory number {number} about `{name}` is closed")]
    Closed {
        /// About which name.
        name: Name,
        /// Which.
        number: u64,
    },
    /// The user's own settings ask for more.
    #[error(
        "no release that satisfies `{reference}` has been evaluated by {required} other members: the newest, {newest}, by {found}"
    )]
    TooFewEvaluations {
        /// What was asked for.
        reference: Reference,
        /// `evaluations_required` of the settings.
        required: u32,
        /// The newest release there is.
        newest: Version,
        /// How many found it fit for their task.
        found: usize,
    },
    /// Nobody would believe the statement, or the hub sent one nobody can believe.
    #[error("a statement of a member does not verify")]
    Verify(#[from] VerifyError),
    /// A statement's place in the log.
    #[error(transparent)]
    Logged(#[from] LoggedError),
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
