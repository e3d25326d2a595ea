//! The trust root as TUF 1.0 metadata (The Update Framework, specification 1.0.34): keys and policy
//! only, never releases.
//!
//! ```text
//! metadata/N.root.json        which keys sign what                 m of n members   365 days
//! metadata/N.targets.json     consortium.json, log.policy and      m of n members   180 days
//!                             one terminating role for each member
//! metadata/N.<member>.json    keyring/<member>.json                that member      365 days
//! metadata/N.snapshot.json    the versions that belong together    the hub            7 days
//! metadata/timestamp.json     the newest snapshot                  the hub            3 days
//! targets/<sha256>.consortium.json, targets/keyring/<sha256>.<member>.json, …
//! ```
//!
//! [`draft`] is the signing side: a proposal that passes from member to member until enough have
//! signed. [`bundle`] is the whole state in one value: what a hub serves, what a client keeps, and
//! the one place where it is verified, with the crate `sigstore-tuf`.

pub mod bundle;
mod canonical;
pub mod draft;
mod error;
pub mod files;
pub mod metadata;
mod provider;
mod rules;
mod signed;

pub use error::TufError;
pub use provider::install_provider;
pub use signed::{RoleSignature, Signed};

/// The version of the specification that our metadata names; clients compare its first number.
pub const SPEC_VERSION: &str = "1.0.31";

/// Path of the target that lists members and the owners of bare names.
pub const CONSORTIUM_PATH: &str = "consortium.json";

/// Path of the target that names the log, its witnesses and their quorum (C2SP tlog-policy).
pub const LOG_POLICY_PATH: &str = "log.policy";

/// Path of the target that lists a member's keys.
pub fn keyring_path(member: &crate::name::MemberName) -> String {
    format!("keyring/{member}.json")
}

/// How long each role's metadata is valid.
pub mod lifetimes {
    /// `root.json`: 365 days.
    pub const ROOT_DAYS: i64 = 365;
    /// `targets.json`: 180 days.
    pub const TARGETS_DAYS: i64 = 180;
    /// A member's keyring: 365 days. A member who forgets stops nobody but itself.
    pub const KEYRING_DAYS: i64 = 365;
    /// `snapshot.json`: 7 days.
    pub const SNAPSHOT_DAYS: i64 = 7;
    /// `timestamp.json`: 3 days, which is how long a hub can hide a change.
    pub const TIMESTAMP_DAYS: i64 = 3;
}

#[cfg(test)]
mod tests;
