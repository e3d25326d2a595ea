//! Everything that is installed here, held against what is known today.

use registry_schema::reference::Reference;
use registry_schema::verify::Asked;

use super::provenance::of_facts;
use super::{AuditError, Auditor};

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
    /// It does not verify any more, or its files were changed.
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
    /// [`AuditError`] when the store or the hub cannot be read, or the hub shows what does not verify.
    pub async fn installed(&self) -> Result<Vec<AuditedInstalled>, AuditError> {
        let mut audited = Vec::new();
        for (name, version) in self.store.list()? {
            let reference = Reference::exact(name, version);
            let state = self.installed_state(&reference).await?;
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
                let mut reason = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(next) = cause {
                    reason = format!("{reason}: {next}");
                    cause = next.source();
                }
                return Ok(InstalledState::Bad { reason });
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
