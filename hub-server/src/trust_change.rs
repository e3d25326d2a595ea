//! A change of the trust root, held against what the log has.

use jiff::Timestamp;
use registry_schema::api::TrustRootInfo;
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::TufError;

use crate::app::Hub;
use crate::database::{DatabaseError, log};
use crate::log::LogError;
use crate::trust::TrustError;
use crate::yank::{self, YankError};

/// Takes a change of the trust root that enough members have signed. The log follows its new policy
/// at once, and so do the rows that say which releases are yanked.
///
/// # Errors
/// [`ChangeError`] says who is missing or what is wrong; then nothing has changed.
pub(crate) fn change_trust_root(
    hub: &Hub,
    draft: &str,
    now: Timestamp,
) -> Result<TrustRootInfo, ChangeError> {
    // 1. what a client that knows the present state would follow
    let change = hub.trust.change();
    let next = change.accept(draft, now)?;
    hub.log.check_policy(next.state.root.log_policy())?;
    // 2. from here on nothing is logged by this server, and from the transaction on by no other
    let _pause = hub.log.pause();
    let present = hub.trust_root();
    // 3. on the disk, then for all to see; what was logged since it was drafted stays valid
    let policy = next.state.root.log_policy().clone();
    let info = change.put_with::<ChangeError>(next, |connection, root| {
        let size = log::count(connection)?;
        let continued = present.root.history();
        continued.check_continued_by(root.history(), size)?;
        Ok(yank::recount(connection, root)?)
    })?;
    hub.log.set_policy(policy);
    Ok(info)
}

/// Why the trust root is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The change, or what it would undo.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is said of releases.
    #[error(transparent)]
    Yank(#[from] YankError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<TufError> for ChangeError {
    fn from(error: TufError) -> Self {
        Self::Trust(error.into())
    }
}
