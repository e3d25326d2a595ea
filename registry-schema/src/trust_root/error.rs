use super::NOT_LOGGED;
use crate::keys::KeyId;
use crate::name::{MemberName, Name};
use crate::tuf::files::IndexRange;

/// Why nobody may sign for a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// `member/name` of somebody who never was a member.
    #[error("`{member}` is not a member of the consortium")]
    UnknownMember {
        /// Who.
        member: MemberName,
    },
    /// `member/name` of somebody who was no member at that log index.
    #[error(
        "`{member}` is a member of the consortium {range}, and this {}",
        at(*index)
    )]
    NotMemberThen {
        /// Who.
        member: MemberName,
        /// The last time it was a member.
        range: IndexRange,
        /// The index asked about.
        index: u64,
    },
    /// A bare name that had no owners at that log index.
    #[error(
        "the consortium's trust root does not list the name `{name}`: publish under `<member>/{name}`, or have the consortium name its owners"
    )]
    UnknownName {
        /// Which.
        name: Name,
    },
    /// The owner has no keys that could count.
    #[error("the keyring of `{member}` does not count: {reason}")]
    Keyring {
        /// Whose.
        member: MemberName,
        /// Why.
        reason: String,
    },
    /// Two owners of one name list the same key.
    #[error("`{one}` and `{other}` both list key {key_id}: no name can belong to them together")]
    SharedKey {
        /// The key.
        key_id: KeyId,
        /// Who lists it.
        one: MemberName,
        /// Who lists it too.
        other: MemberName,
    },
}

/// A log index in the middle of a sentence.
pub(crate) fn at(index: u64) -> String {
    if index == NOT_LOGGED {
        "is not logged yet".to_owned()
    } else {
        format!("is entry {index} of the log")
    }
}
