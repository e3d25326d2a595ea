//! When a draft was proposed, and until when what it establishes is valid.

use jiff::Timestamp;

use super::Draft;
use crate::tuf::files::rule;
use crate::tuf::metadata::expiry;
use crate::tuf::{TufError, lifetimes};

/// How far the clocks of those who propose and of those who sign may be apart.
const CLOCK_DAYS: i64 = 1;

impl Draft {
    /// When it was proposed.
    pub fn proposed_at(&self) -> Timestamp {
        self.proposed_at
    }

    /// What it would have signed, and until when each is valid.
    pub fn expiries(&self) -> Vec<(String, Timestamp)> {
        let mut expiries = Vec::new();
        if let Some(root) = &self.root {
            expiries.push(("root".to_owned(), root.content().expires));
        }
        if let Some(targets) = &self.targets {
            expiries.push(("targets".to_owned(), targets.content().expires));
        }
        for (member, role) in self.signed_keyrings() {
            expiries.push((format!("keyring of {member}"), role.content().expires));
        }
        expiries
    }

    /// Refuses a draft that says it was proposed later than now: what it establishes would be valid
    /// for longer than it may be.
    ///
    /// # Errors
    /// [`TufError::Rule`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), TufError> {
        rule(self.proposed_at <= expiry(now, CLOCK_DAYS), || {
            format!(
                "a draft is proposed before it is signed; this one says that it was at {}, and it is {now}",
                self.proposed_at
            )
        })
    }

    /// Nothing is to be valid for longer than its kind of metadata is.
    pub(super) fn check_lifetimes(&self) -> Result<(), TufError> {
        let kept = |what: &str, expires: Timestamp, days: i64| {
            rule(expires <= expiry(self.proposed_at, days), || {
                format!(
                    "{what} is valid for {days} days at most, and this draft, proposed at {}, says until {expires}",
                    self.proposed_at
                )
            })
        };
        if let Some(root) = &self.root {
            kept("`root`", root.content().expires, lifetimes::ROOT_DAYS)?;
        }
        if let Some(targets) = &self.targets {
            let expires = targets.content().expires;
            kept("`targets`", expires, lifetimes::TARGETS_DAYS)?;
        }
        for (member, role) in &self.keyrings {
            let what = format!("the keyring of `{member}`");
            kept(&what, role.content().expires, lifetimes::KEYRING_DAYS)?;
        }
        Ok(())
    }
}
