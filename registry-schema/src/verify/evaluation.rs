//! Evaluations: a member's figures of a release, signed by that member alone.

use std::collections::{BTreeMap, BTreeSet};

use super::alone::{Sequences, check_signed_alone};
use super::{VerifiedRelease, VerifyError};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::name::MemberName;
use crate::reference::Reference;
use crate::statement::{EvaluationStatement, Statement};
use crate::threshold::Signer;
use crate::trust_root::TrustRoot;

/// Figures that a member signed about a verified release. Holding one proves that
/// [`verify_evaluation`] said yes.
#[derive(Clone, Debug)]
pub struct VerifiedEvaluation {
    statement: EvaluationStatement,
    statement_digest: Digest,
    signer: Signer,
}

impl VerifiedEvaluation {
    /// What is said.
    pub fn statement(&self) -> &EvaluationStatement {
        &self.statement
    }

    /// SHA-256 of the signed statement.
    pub fn statement_digest(&self) -> Digest {
        self.statement_digest
    }

    /// Who signed.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}

/// Checks an evaluation's envelope, the log's entry at `index`, against the release it is about: form, that it is about exactly
/// this statement, and that the member who says it signed it alone.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_evaluation(
    trust_root: &dyn TrustRoot,
    release: &VerifiedRelease,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedEvaluation, VerifyError> {
    let parsed = Envelope::parse(envelope)?;
    let statement = match Statement::parse(parsed.payload())? {
        Statement::Evaluation(evaluation) => *evaluation,
        other => {
            return Err(VerifyError::Kind {
                expected: "an evaluation",
                found: other.kind(),
            });
        }
    };
    release.check_subject(&statement.name, &statement.version, &statement.content)?;
    if statement.statement != release.statement_digest() {
        return Err(VerifyError::NotAsked {
            asked: format!("{} ({})", release.reference(), release.statement_digest()),
            found: Reference::exact(statement.name.clone(), statement.version.clone()),
        });
    }
    let signer = check_signed_alone(trust_root, &statement.by, &parsed, index)?;
    Ok(VerifiedEvaluation {
        statement_digest: parsed.payload_digest(),
        statement,
        signer,
    })
}

/// What each member says today of one release: its last evaluation, in order of members.
///
/// # Errors
/// [`VerifyError::MemberSequence`] when one of a member is missing, doubled or out of order.
pub fn current_evaluations(
    evaluations: &[VerifiedEvaluation],
) -> Result<Vec<&VerifiedEvaluation>, VerifyError> {
    current_evaluations_with_gaps(evaluations, &BTreeSet::new())
}

/// The same where some evaluations of the `incomplete` members cannot be judged and are not among
/// `evaluations`: the numbers of those members may have gaps.
///
/// # Errors
/// As [`current_evaluations`].
pub fn current_evaluations_with_gaps<'a>(
    evaluations: &'a [VerifiedEvaluation],
    incomplete: &BTreeSet<MemberName>,
) -> Result<Vec<&'a VerifiedEvaluation>, VerifyError> {
    let mut sequences = Sequences::new("evaluations", incomplete);
    let mut last = BTreeMap::new();
    for evaluation in evaluations {
        let statement = &evaluation.statement;
        sequences.take(&statement.by, &statement.by, statement.sequence)?;
        last.insert(&statement.by, evaluation);
    }
    Ok(last.into_values().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::statement::tests::evaluation;
    use crate::threshold::ThresholdError;
    use crate::trust_root::NOT_LOGGED;
    use crate::trust_root::tests::{founded, key, rekeyed, verified};
    use crate::verify::tests::{policy, released, signed};

    fn of(release: &VerifiedRelease, by: &str, sequence: u64) -> EvaluationStatement {
        EvaluationStatement {
            by: by.parse().unwrap(),
            content: release.content_digest(),
            statement: release.statement_digest(),
            sequence,
            ..evaluation()
        }
    }

    #[test]
    fn any_member_speaks_for_itself_and_only_for_itself() {
        let release = released();
        let says = of(&release, "beta", 1);
        let check = |seeds: &[u8]| {
            let bytes = signed(says.to_payload(), seeds);
            verify_evaluation(&policy(), &release, &bytes, 6)
        };
        let said = check(&[2]).unwrap();
        assert_eq!(said.signer().member.as_str(), "beta");
        assert_eq!(said.signer().key_id, key(2).public().id());
        for seeds in [&[1][..], &[1, 2], &[], &[9]] {
            assert!(
                matches!(check(seeds), Err(VerifyError::NotByMember { .. })),
                "{seeds:?}"
            );
        }
        let stranger = signed(of(&release, "stranger", 1).to_payload(), &[2]);
        assert!(matches!(
            verify_evaluation(&policy(), &release, &stranger, 6),
            Err(VerifyError::Trust(_))
        ));
    }

    #[test]
    fn what_a_stolen_key_said_before_stays_valid_and_nothing_after() {
        let root = verified(&rekeyed(
            &founded(&["acme", "beta"], &[]),
            "beta",
            102,
            |keyring| keyring.keys[0].until = Some(40),
        ));
        let release = released();
        let bytes = signed(of(&release, "beta", 1).to_payload(), &[2]);
        let at = |index| verify_evaluation(&root, &release, &bytes, index);
        assert!(at(39).is_ok());
        for index in [40, NOT_LOGGED] {
            let source = match at(index) {
                Err(VerifyError::NotByMember { source, .. }) => source,
                other => panic!("{other:?}"),
            };
            assert!(matches!(source, ThresholdError::KeyOutOfRange { .. }));
        }
    }

    #[test]
    fn figures_of_another_release_are_not_figures_of_this_one() {
        let release = released();
        let good = of(&release, "beta", 1);
        for other in [
            EvaluationStatement {
                version: "2.1.1".parse().unwrap(),
                ..good.clone()
            },
            EvaluationStatement {
                content: Digest::of(b"other"),
                ..good.clone()
            },
            EvaluationStatement {
                statement: Digest::of(b"same files, other preprocessing"),
                ..good.clone()
            },
        ] {
            let bytes = signed(other.to_payload(), &[2]);
            assert!(matches!(
                verify_evaluation(&policy(), &release, &bytes, 6),
                Err(VerifyError::NotAsked { .. })
            ));
        }
        let another_kind = signed(release.statement.to_payload(), &[1]);
        assert!(matches!(
            verify_evaluation(&policy(), &release, &another_kind, 6),
            Err(VerifyError::Kind { .. })
        ));
    }

    #[test]
    fn the_last_of_each_member_counts_and_gaps_are_noticed() {
        let release = released();
        let says = |by: &str, seed, sequence| {
            let bytes = signed(of(&release, by, sequence).to_payload(), &[seed]);
            verify_evaluation(&policy(), &release, &bytes, 6).unwrap()
        };
        let (a1, a2) = (says("acme", 1, 1), says("acme", 1, 2));
        let b1 = says("beta", 2, 1);
        let all = [a1.clone(), b1.clone(), a2.clone()];
        let current = current_evaluations(&all).unwrap();
        assert_eq!(current.len(), 2);
        assert_eq!(current[0].statement_digest(), a2.statement_digest());
        assert!(current_evaluations(&[]).unwrap().is_empty());
        for wrong in [&[a2.clone()][..], &[a2, a1.clone()], &[b1.clone(), b1]] {
            assert!(matches!(
                current_evaluations(wrong),
                Err(VerifyError::MemberSequence { .. })
            ));
        }
    }
}
