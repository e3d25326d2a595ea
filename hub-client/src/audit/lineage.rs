//! From what a release was made: `derived_from`, and what that was made from.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use registry_schema::digest::Digest;
use registry_schema::manifest::Derivation;
use registry_schema::verify::Asked;

use super::facts::Facts;
use super::{AuditError, Auditor};
use crate::registry::RegistryError;

/// How many generations are followed.
pub const LINEAGE_DEPTH: usize = 16;

/// How many releases are looked at in all: each is some requests.
pub const LINEAGE_RELEASES: usize = 64;

/// Something that a release says it was made from.
#[derive(Clone, Debug)]
pub struct Ancestor {
    /// What the release says.
    pub derivation: Derivation,
    /// What there is.
    pub found: Found,
}

/// What is known of an ancestor.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is on this hub and verifies.
    Release {
        /// What is known of it.
        facts: Box<Facts>,
        /// What it was made from.
        lineage: Vec<Ancestor>,
    },
    /// It was shown before.
    Again,
    /// The hub has no such release: the word of those who signed is all there is.
    NotHere,
    /// What the hub has does not verify, or is not what the release names.
    Refused {
        /// Why.
        reason: String,
    },
    /// Past [`LINEAGE_DEPTH`] or [`LINEAGE_RELEASES`].
    TooFar,
}

type Followed<'a> = Pin<Box<dyn Future<Output = Result<Vec<Ancestor>, AuditError>> + Send + 'a>>;

impl Auditor<'_> {
    /// Follows `derived_from` of a release, generation by generation.
    pub(super) fn lineage<'a>(
        &'a self,
        of: &'a Facts,
        depth: usize,
        seen: &'a mut BTreeSet<Digest>,
    ) -> Followed<'a> {
        Box::pin(async move {
            seen.insert(of.release.statement_digest());
            let mut ancestors = Vec::new();
            for derivation in &of.release.manifest().derived_from {
                let found = self.ancestor(derivation, depth, seen).await?;
                ancestors.push(Ancestor {
                    derivation: derivation.clone(),
                    found,
                });
            }
            Ok(ancestors)
        })
    }

    async fn ancestor(
        &self,
        derivation: &Derivation,
        depth: usize,
        seen: &mut BTreeSet<Digest>,
    ) -> Result<Found, AuditError> {
        if derivation.statement.is_some_and(|it| seen.contains(&it)) {
            return Ok(Found::Again);
        }
        if depth >= LINEAGE_DEPTH || seen.len() > LINEAGE_RELEASES {
            return Ok(Found::TooFar);
        }
        let reference = &derivation.release;
        let asked = match &derivation.statement {
            Some(statement) => Asked::Statement(&reference.name, statement),
            None => Asked::Reference(reference),
        };
        let facts = match self.facts(reference, &asked).await {
            Err(AuditError::Registry(RegistryError::Problem { problem }))
                if problem.status == 404 =>
            {
                return Ok(Found::NotHere);
            }
            Err(AuditError::Verify(error)) => {
                return Ok(Found::Refused {
                    reason: error.to_string(),
                });
            }
            other => Box::new(other?),
        };
        if seen.contains(&facts.release.statement_digest()) {
            return Ok(Found::Again);
        }
        let lineage = self.lineage(&facts, depth + 1, seen).await?;
        Ok(Found::Release { facts, lineage })
    }
}

impl Ancestor {
    /// This one and all before it.
    pub fn walk(&self) -> Vec<&Self> {
        let mut all = vec![self];
        if let Found::Release { lineage, .. } = &self.found {
            all.extend(lineage.iter().flat_map(Self::walk));
        }
        all
    }
}
