//! Provenance, held against everybody who could lie about it: who signed a release, where it is in the
//! log, what was said about it since, and from what it was made.
//!
//! [`Auditor::release`] answers for one release, [`Auditor::installed`] for all that is installed here.
//! Everything in an answer is verified: each statement by its signatures under the trust root and by
//! its proven place in the log. What no proof can show is that nothing was left out: a hub may keep an
//! advisory or a yank to itself. That is known for the part of the log that [`monitor`] has read on
//! this machine, and [`Coverage`] says how far it reaches.

mod coverage;
mod error;
mod facts;
mod installed;
mod lineage;
pub mod monitor;
mod provenance;

pub use coverage::Coverage;
pub use error::AuditError;
pub use facts::{Facts, Placed, SignerKey, YankWord};
pub use installed::{AuditedInstalled, InstalledState};
pub use lineage::{Ancestor, Found, LINEAGE_DEPTH, LINEAGE_RELEASES};
pub use provenance::{InstalledHere, Provenance};

use registry_schema::trust_root::ConsortiumRoot;

use crate::log_view::LogView;
use crate::registry::Registry;
use crate::store::Store;
use monitor::Memory;

/// What an audit is made with.
#[derive(Clone, Copy, Debug)]
pub struct Auditor<'a> {
    /// The hub.
    pub registry: &'a Registry,
    /// The newest state of the trust root.
    pub trust_root: &'a ConsortiumRoot,
    /// The log, whose newest checkpoint was checked on this contact.
    pub log: &'a LogView,
    /// The local store.
    pub store: &'a Store,
    /// What the monitor of this machine has read of the log.
    pub memory: Option<&'a Memory>,
}
