//! Who the members are, which keys are theirs, and who owns which name: for each log index, since
//! what was logged before a change stays valid.
//!
//! [`TrustRoot`] is what the rest of the code asks. [`ConsortiumRoot`] answers it from a
//! [`Bundle`](crate::tuf::bundle::Bundle) of TUF metadata that was verified from the pinned first root on.

mod consortium;
mod error;
mod ownership;

pub use consortium::{ConsortiumRoot, Including};
pub use error::TrustError;
pub(crate) use error::at;
pub use ownership::{Ownership, RetiredKey};

use crate::digest::Digest;
use crate::log::policy::Policy;
use crate::name::{MemberName, Name};

/// The log index of a statement that is not logged yet: only what has no end counts.
pub const NOT_LOGGED: u64 = u64::MAX;

/// What says which signatures count.
pub trait TrustRoot {
    /// Names the state of the root that answers, for receipts and messages: SHA-256 of the top
    /// `targets.json`.
    fn digest(&self) -> Digest;

    /// Version of `root.json`, for receipts and messages.
    fn version(&self) -> u64;

    /// The owners of a name, their keys, and how many of them must sign, for a statement at a log
    /// index; [`NOT_LOGGED`] for one that is still to be logged.
    ///
    /// # Errors
    /// [`TrustError`] when the name belonged to nobody then.
    fn ownership(&self, name: &Name, index: u64) -> Result<Ownership, TrustError>;

    /// The same with every key that an owner ever had: for what is recorded and does not count any
    /// more. What it says yes to is not to be believed.
    ///
    /// # Errors
    /// [`TrustError`] when the name belonged to nobody then.
    fn ownership_including_retired_keys(
        &self,
        name: &Name,
        index: u64,
    ) -> Result<Ownership, TrustError> {
        self.ownership(name, index)
    }

    /// Whether there is such a member now.
    fn has_member(&self, member: &MemberName) -> bool;

    /// Which log and which witnesses count.
    fn log_policy(&self) -> &Policy;
}

#[cfg(test)]
pub(crate) mod tests;
