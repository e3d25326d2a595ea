//! What a monitor tells.

use std::fmt;

use registry_schema::digest::Digest;
use registry_schema::keys::KeyId;
use registry_schema::name::{MemberName, Name};
use registry_schema::statement::{AdvisoryAction, Severity};
use registry_schema::tuf::files::IndexRange;
use serde::{Deserialize, Serialize};

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// Said with one's own key, or about one's own name, and one did not sign it.
    NotSignedHere {
        /// The log index.
        index: u64,
        /// SHA-256 of the statement.
        statement: Digest,
        /// What it is.
        what: String,
        /// Who signed; empty when nobody can tell at present.
        signers: Vec<MemberName>,
    },
    /// An entry that no honest hub would have logged.
    Invalid {
        /// The log index.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The hub does not show what the log has, or shows what it has not.
    HubDiffers {
        /// What.
        what: String,
    },
    /// Signed with a key that does not count at this place, because it was taken back.
    Void {
        /// The log index.
        index: u64,
        /// What it is.
        what: String,
        /// Why it does not count.
        reason: String,
    },
    /// Whoever may have signed it has no keyring that counts at present: it is judged when there is
    /// one again.
    Unjudged {
        /// The log index.
        index: u64,
        /// What it is.
        what: String,
        /// Why nobody can tell.
        reason: String,
    },
    /// A member warns about a name of one's own, or ends a warning.
    Advisory {
        /// The log index.
        index: u64,
        /// Who warns.
        by: MemberName,
        /// About what.
        about: String,
        /// Whether it stands.
        action: AdvisoryAction,
        /// How bad it is.
        severity: Severity,
        /// One line.
        title: String,
    },
    /// A member has evaluated a release of one's own.
    Evaluated {
        /// The log index.
        index: u64,
        /// Who.
        by: MemberName,
        /// Which release.
        release: String,
    },
    /// A member took a key back.
    KeyTakenBack {
        /// The log index.
        index: u64,
        /// Whose.
        member: MemberName,
        /// Which.
        key_id: KeyId,
        /// The first log index at which it is not to be believed.
        from_index: u64,
        /// Why.
        reason: String,
    },
    /// A key came into a member's keyring.
    KeyAdded {
        /// Whose.
        member: MemberName,
        /// Which.
        key_id: KeyId,
        /// Where it counts.
        range: IndexRange,
    },
    /// The range of a member's key changed.
    KeyChanged {
        /// Whose.
        member: MemberName,
        /// Which.
        key_id: KeyId,
        /// Where it counts now.
        range: IndexRange,
    },
    /// A key is in its member's keyring no longer, or the keyring does not count.
    KeyGone {
        /// Whose.
        member: MemberName,
        /// Which.
        key_id: KeyId,
    },
    /// A member joined or left.
    Membership {
        /// Who.
        member: MemberName,
        /// Since when, and until when.
        range: IndexRange,
    },
    /// Other owners of a name, or another number of them that must sign.
    Owners {
        /// Which name.
        name: Name,
        /// From which log index on.
        from: u64,
        /// Its owners.
        owners: Vec<MemberName>,
        /// How many of them must sign.
        threshold: usize,
    },
    /// Other logs, witnesses or quorum.
    LogPolicy {
        /// The policy (C2SP `tlog-policy`).
        text: String,
    },
}

impl Finding {
    /// The entry it is about.
    pub fn index(&self) -> Option<u64> {
        match self {
            Self::NotSignedHere { index, .. }
            | Self::Invalid { index, .. }
            | Self::Void { index, .. }
            | Self::Unjudged { index, .. }
            | Self::Advisory { index, .. }
            | Self::Evaluated { index, .. }
            | Self::KeyTakenBack { index, .. } => Some(*index),
            _ => None,
        }
    }

    /// Whether it is told again until somebody has acknowledged it.
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::NotSignedHere { .. } | Self::Invalid { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSignedHere { what, signers, .. } if signers.is_empty() => {
                write!(f, "{what}, signed by nobody can tell whom: not by you")
            }
            Self::NotSignedHere { what, signers, .. } => {
                let signers: Vec<_> = signers.iter().map(MemberName::as_str).collect();
                write!(f, "{what}, signed by {}: not by you", signers.join(", "))
            }
            Self::Invalid { reason, .. } => write!(f, "should not be in the log: {reason}"),
            Self::HubDiffers { what } => {
                write!(f, "the hub does not show what the log has: {what}")
            }
            Self::Void { what, reason, .. } => write!(f, "{what} does not count: {reason}"),
            Self::Unjudged { what, reason, .. } => {
                write!(f, "{what} cannot be judged at present: {reason}")
            }
            Self::Advisory {
                by,
                about,
                action,
                severity,
                title,
                ..
            } => {
                let severity = severity.as_str();
                match action {
                    AdvisoryAction::Open => {
                        write!(f, "{by} warns about {about}: {severity}: {title}")
                    }
                    AdvisoryAction::Close => {
                        write!(f, "{by} ends a warning about {about}: {title}")
                    }
                }
            }
            Self::Evaluated { by, release, .. } => write!(f, "{by} has evaluated {release}"),
            Self::KeyTakenBack {
                member,
                key_id,
                from_index,
                reason,
                ..
            } => write!(
                f,
                "{member} takes back its key {key_id} from log index {from_index} on: {reason}"
            ),
            Self::KeyAdded {
                member,
                key_id,
                range,
            } => write!(f, "{member} has the new key {key_id}, which counts {range}"),
            Self::KeyChanged {
                member,
                key_id,
                range,
            } => write!(f, "key {key_id} of {member} now counts {range}"),
            Self::KeyGone { member, key_id } => {
                write!(f, "key {key_id} of {member} counts no longer")
            }
            Self::Membership { member, range } => match range.until {
                None => write!(f, "{member} is a member {range}"),
                Some(until) => write!(f, "{member} is no member from log index {until} on"),
            },
            Self::Owners {
                name,
                from,
                owners,
                threshold,
            } => {
                let owners: Vec<_> = owners.iter().map(MemberName::as_str).collect();
                let owners = owners.join(", ");
                write!(
                    f,
                    "{name} belongs to {owners} from log index {from} on, {threshold} must sign"
                )
            }
            Self::LogPolicy { .. } => {
                f.write_str("the policy of the log changed: see `hub consortium show`")
            }
        }
    }
}
