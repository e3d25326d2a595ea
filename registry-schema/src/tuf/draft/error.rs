//! Why a change cannot be proposed or signed.

use crate::keys::KeyId;
use crate::name::{MemberName, Name};
use crate::tuf::TufError;

/// Why a change cannot be proposed or signed.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The rules, or the form.
    #[error(transparent)]
    Tuf(#[from] TufError),
    /// A key that signs nothing here.
    #[error(
        "key {key} has no part in this draft: it is no trust key of a member, neither of now nor as proposed"
    )]
    NotYours {
        /// Its id, as `hub keygen` shows it.
        key: KeyId,
    },
    /// Nobody of that name.
    #[error("`{member}` is not a member of the consortium")]
    UnknownMember {
        /// Who.
        member: MemberName,
    },
    /// There already.
    #[error("`{member}` is a member already; to give it another trust key, replace the key")]
    AlreadyMember {
        /// Who.
        member: MemberName,
    },
    /// Cannot go yet.
    #[error("`{member}` owns `{name}`: give the name other owners first")]
    StillOwner {
        /// Who.
        member: MemberName,
        /// What it owns.
        name: Name,
    },
    /// Ownership would change in the past.
    #[error(
        "the owners of `{name}` changed at log index {latest}: another change cannot start earlier, at {from}"
    )]
    PastOwners {
        /// Which name.
        name: Name,
        /// The wish.
        from: u64,
        /// The latest change.
        latest: u64,
    },
    /// No such key in the keyring.
    #[error("the keyring of `{member}` holds no key {key}")]
    UnknownKey {
        /// Whose keyring.
        member: MemberName,
        /// Which key.
        key: String,
    },
}
