//! Everything that is installed here, held against what is known today.

use registry_schema::reference::Reference;
use registry_schema::verify::Asked;

use super::provenance::of_facts;
use super::{AuditError, Auditor};
use crate::causes::with_causes;
use crate::members_say::SayError;
use crate::registry::RegistryError;

/// One installed release.
#[derive(Clone, Debug)]
pub struct AuditedInstalled {
    /// Which.
    pub reference: Reference,
    /// How it is.
    pub state: InstalledState,
}

/// How an installed release is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstalledState {
    /// Nothing is known against it.
    Good,
    /// Its users have to look at something.
    Look {
        /// At what: yanked, advised against, signed with a key that counts no longer.
        concerns: Vec<String>,
    },
    /// It does not verify any more, its files were changed, or the hub has no answer for it that
    /// could be believed.
    Bad {
        /// Why.
        reason: String,
    },
}

impl Auditor<'_> {
    /// Looks at every installed release: its files, its signatures under the trust root of today, and
    /// what owners and members said since.
    ///
    /// # Errors
    /// [`AuditError`] when the store cannot be read, or the hub or its log cannot be asked at all. What
    /// is wrong with the answer for one release is said of that one.
    pub async fn installed(&self) -> Result<Vec<AuditedInstalled>, AuditError> {
        let mut audited = Vec::new();
        for (name, version) in self.store.list()? {
            let reference = Reference::exact(name, version);
            let state = match self.installed_state(&reference).await {
                Err(error) if is_about_one(&error) => InstalledState::Bad {
                    reason: with_causes(&error),
                },
                other => other?,
            };
            audited.push(AuditedInstalled { reference, state });
        }
        Ok(audited)
    }

    async fn installed_state(&self, reference: &Reference) -> Result<InstalledState, AuditError> {
        // 1. what is here
        let (store, root, exact) = (
            self.store.clone(),
            self.trust_root.clone(),
            reference.clone(),
        );
        let opened = tokio::task::spawn_blocking(move || {
            let installed = store.open_release(&exact, &root)?;
            installed.check_files()?;
            Ok::<_, crate::store::StoreError>(installed.release().statement_digest())
        });
        let statement = match opened.await.map_err(|_| AuditError::Stopped)? {
            Ok(statement) => statement,
            Err(error) => {
                return Ok(InstalledState::Bad {
                    reason: with_causes(&error),
                });
            }
        };
        // 2. what was said of it since
        let facts = self.facts(reference, &Asked::Reference(reference)).await?;
        if facts.release.statement_digest() != statement {
            let found = facts.release.statement_digest();
            return Ok(InstalledState::Bad {
                reason: format!(
                    "the hub shows statement {found} under this version: releases never change"
                ),
            });
        }
        let concerns = of_facts(&facts);
        if concerns.is_empty() {
            Ok(InstalledState::Good)
        } else {
            Ok(InstalledState::Look { concerns })
        }
    }
}

/// Whether an error is about one release, so that the others can be looked at all the same.
fn is_about_one(error: &AuditError) -> bool {
    match error {
        AuditError::Withheld { .. }
        | AuditError::Other { .. }
        | AuditError::Verify(_)
        | AuditError::Trust(_)
        | AuditError::Logged(_) => true,
        AuditError::Registry(error) | AuditError::Say(SayError::Registry(error)) => matches!(
            error,
            RegistryError::Problem { .. }
                | RegistryError::Status { .. }
                | RegistryError::Answer { .. }
                | RegistryError::Digest { .. }
        ),
        AuditError::Say(SayError::Verify(_) | SayError::Logged(_)) => true,
        _ => false,
    }
}
