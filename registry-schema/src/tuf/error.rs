//! Why a trust root is not believed, in words that say which.

use jiff::Timestamp;

use crate::digest::Digest;
use crate::keys::KeyError;
use crate::name::MemberName;

/// Why metadata of the trust root is refused.
#[derive(Debug, thiserror::Error)]
pub enum TufError {
    /// Older than its makers allow: the hub is not maintained, or somebody shows an old state.
    #[error(
        "the trust root has expired: its `{role}` was valid until {expires}, and the time is taken as {as_of}. Somebody may be hiding a newer one. Refresh it from the hub; where there is no network, say `--as-of TIME` to verify it as of a time you know"
    )]
    Expired {
        /// Which role.
        role: String,
        /// Until when it was valid.
        expires: Timestamp,
        /// The time it was compared with.
        as_of: Timestamp,
    },
    /// A root that does not come next.
    #[error(
        "the trust root skips a version: root {trusted} is trusted and root {} must come next, but the hub serves root {found}",
        trusted + 1
    )]
    SkippedVersion {
        /// What is trusted.
        trusted: u64,
        /// What came.
        found: u64,
    },
    /// Older than what was seen before.
    #[error(
        "the trust root was rolled back: `{role}` {trusted} was seen here before, now the hub serves {found}"
    )]
    RolledBack {
        /// Which role.
        role: String,
        /// What was seen.
        trusted: u64,
        /// What came.
        found: u64,
    },
    /// Files that do not belong together.
    #[error(
        "the trust root is mixed from files that do not belong together ({what}): the hub or somebody in between exchanged one"
    )]
    Mixed {
        /// What does not fit.
        what: String,
    },
    /// Too few signatures of those who may sign.
    #[error("`{role}` of the trust root is signed by {found} of the {needed} keys it needs")]
    UnderSigned {
        /// Which role.
        role: String,
        /// Good signatures.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Another first root than the pinned one.
    #[error("the trust root does not start with the pinned root: expected {pinned}, found {found}")]
    Anchor {
        /// What is pinned.
        pinned: Digest,
        /// What is there.
        found: Digest,
    },
    /// A file is not there.
    #[error("`{file}` of the trust root is missing")]
    Missing {
        /// Which.
        file: String,
    },
    /// Not metadata as this consortium writes it.
    #[error("`{file}` of the trust root cannot be read: {reason}")]
    Malformed {
        /// Which.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Correct TUF, but against the rules of a consortium.
    #[error("the trust root breaks a rule of this program: {rule}")]
    Rule {
        /// Which.
        rule: String,
    },
    /// Cannot be signed.
    #[error("metadata cannot be written as canonical JSON: {reason}")]
    NotCanonical {
        /// Why.
        reason: String,
    },
    /// A keyring that its own member wrote wrongly.
    #[error("the keyring of `{member}` cannot be used: {reason}")]
    Keyring {
        /// Whose.
        member: MemberName,
        /// Why.
        reason: String,
    },
    /// A key.
    #[error("a key of the trust root cannot be used")]
    Key(#[from] KeyError),
    /// A change that is based on another state.
    #[error(
        "the change is based on `{role}` {based_on}, but the hub is at {current} meanwhile: propose it again on the newest"
    )]
    Outdated {
        /// Which role.
        role: String,
        /// What it is based on.
        based_on: u64,
        /// Where the hub is.
        current: u64,
    },
    /// A change that would undo what was logged while it went round.
    #[error(
        "{what} would change from log index {from} on, but the log has {size} entries, and what was logged stays valid: say `--from {size}` or a later index, which leaves time to sign, and sign again"
    )]
    Backdated {
        /// Whose membership, or which name's owners.
        what: String,
        /// The first index at which it would.
        from: u64,
        /// The entries there are.
        size: u64,
    },
    /// The hub's key is not the one that members put into the root.
    #[error(
        "the hub's online key is not the one in the root: the root expects another key for `snapshot` and `timestamp`"
    )]
    OnlineKey,
}

impl TufError {
    /// What the verifying crate says, in our words.
    pub(super) fn from_verifier(error: sigstore_tuf::Error, file: &str, as_of: Timestamp) -> Self {
        use sigstore_tuf::Error;
        match error {
            Error::Expired { role, expires } => Self::Expired {
                role,
                expires,
                as_of,
            },
            Error::BadRootVersion { trusted, new } if new > trusted => Self::SkippedVersion {
                trusted,
                found: new,
            },
            Error::BadRootVersion { trusted, new } => Self::RolledBack {
                role: "root".into(),
                trusted,
                found: new,
            },
            Error::Rollback { role, trusted, new } => Self::RolledBack {
                role,
                trusted,
                found: new,
            },
            Error::ThresholdNotMet {
                role,
                found,
                threshold,
            } => Self::UnderSigned {
                role,
                found,
                needed: threshold,
            },
            Error::IntegrityMismatch(what) => Self::Mixed { what },
            Error::TargetNotFound(file) => Self::Missing { file },
            other => Self::Malformed {
                file: file.to_owned(),
                reason: chain(&other),
            },
        }
    }

    /// What the crate's client says, in our words.
    pub fn from_client(error: sigstore_tuf::Error, as_of: Timestamp) -> Self {
        Self::from_verifier(error, "metadata", as_of)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
