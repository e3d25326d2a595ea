//! Advisories: a member's warnings about the releases of a name, signed by that member alone.

use std::collections::{BTreeMap, BTreeSet};

use super::alone::{Sequences, check_recorded_alone, check_signed_alone};
use super::{VerifiedRelease, VerifyError};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::name::{MemberName, Name};
use crate::reference::Reference;
use crate::statement::{AdvisoryAction, AdvisoryStatement, Statement};
use crate::threshold::{Signer, ThresholdError};
use crate::trust_root::TrustRoot;

/// A warning that a member signed. Holding one proves that [`verify_advisory`] said yes.
#[derive(Clone, Debug)]
pub struct VerifiedAdvisory {
    statement: AdvisoryStatement,
    statement_digest: Digest,
    signer: Signer,
    counts: bool,
}

impl VerifiedAdvisory {
    /// What is said.
    pub fn statement(&self) -> &AdvisoryStatement {
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

    /// Whether its key counts at its place in the log. What a stolen key has said keeps its numbers,
    /// and changes nothing.
    pub fn counts(&self) -> bool {
        self.counts
    }
}

/// Checks an advisory's envelope, the log's entry at `index`: form, that it is about this name, and that the member who warns
/// signed it alone.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_advisory(
    trust_root: &dyn TrustRoot,
    name: &Name,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedAdvisory, VerifyError> {
    let (parsed, statement) = parse(name, envelope)?;
    let signer = check_signed_alone(trust_root, &statement.by, &parsed, index)?;
    Ok(VerifiedAdvisory {
        statement_digest: parsed.payload_digest(),
        statement,
        signer,
        counts: true,
    })
}

/// The same for an advisory that the log has: one whose key was taken back since does not count, and
/// is no error.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_recorded_advisory(
    trust_root: &dyn TrustRoot,
    name: &Name,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedAdvisory, VerifyError> {
    match verify_advisory(trust_root, name, envelope, index) {
        Err(VerifyError::NotByMember {
            source: ThresholdError::KeyOutOfRange { .. },
            ..
        }) => {}
        verified => return verified,
    }
    let (parsed, statement) = parse(name, envelope)?;
    let signer = check_recorded_alone(trust_root, &statement.by, &parsed, index)?;
    Ok(VerifiedAdvisory {
        statement_digest: parsed.payload_digest(),
        statement,
        signer,
        counts: false,
    })
}

fn parse(name: &Name, envelope: &[u8]) -> Result<(Envelope, AdvisoryStatement), VerifyError> {
    let parsed = Envelope::parse(envelope)?;
    let statement = match Statement::parse(parsed.payload())? {
        Statement::Advisory(advisory) => *advisory,
        other => {
            return Err(VerifyError::Kind {
                expected: "an advisory",
                found: other.kind(),
            });
        }
    };
    if statement.name != *name {
        return Err(VerifyError::NotAsked {
            asked: name.to_string(),
            found: Reference::exact(statement.name.clone(), statement.version.clone()),
        });
    }
    Ok((parsed, statement))
}

/// The advisories that stand and affect a release, worst first, from all statements of advisories
/// about its name. Each stands as the last of its statements says that counts: what a stolen key
/// opened does not stand, and what it closed still does.
///
/// # Errors
/// [`VerifyError::MemberSequence`] when a member's advisory, or a statement about one, is missing,
/// doubled or out of order; [`VerifyError::NotAsked`] when one is about other content under this
/// release's version.
pub fn open_advisories<'a>(
    release: &VerifiedRelease,
    advisories: &'a [VerifiedAdvisory],
) -> Result<Vec<&'a VerifiedAdvisory>, VerifyError> {
    open_advisories_with_gaps(release, advisories, &BTreeSet::new())
}

/// The same where some statements of the `incomplete` members cannot be judged and are not among
/// `advisories`: the numbers of those members may have gaps.
///
/// # Errors
/// As [`open_advisories`].
pub fn open_advisories_with_gaps<'a>(
    release: &VerifiedRelease,
    advisories: &'a [VerifiedAdvisory],
    incomplete: &BTreeSet<MemberName>,
) -> Result<Vec<&'a VerifiedAdvisory>, VerifyError> {
    let mut numbers = Sequences::new("advisories", incomplete);
    let mut sequences = Sequences::new("statements about an advisory", incomplete);
    let mut last = BTreeMap::new();
    for advisory in advisories {
        let statement = &advisory.statement;
        let version = &release.manifest().version;
        if statement.version == *version {
            release.check_subject(&statement.name, version, &statement.content)?;
        }
        let key = (&statement.by, statement.number);
        if statement.sequence == 1 {
            numbers.take(&statement.by, &statement.by, statement.number)?;
        }
        sequences.take(key, &statement.by, statement.sequence)?;
        if advisory.counts {
            last.insert(key, advisory);
        }
    }
    let version = &release.manifest().version;
    let stands = |advisory: &&VerifiedAdvisory| {
        let statement = &advisory.statement;
        statement.action == AdvisoryAction::Open && statement.affected.contains(version)
    };
    let mut open: Vec<_> = last.into_values().filter(stands).collect();
    open.sort_by_key(|advisory| std::cmp::Reverse(advisory.statement.severity));
    Ok(open)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::statement::tests::advisory;
    use crate::statement::{AffectedVersions, Severity};
    use crate::trust_root::tests::{founded, rekeyed, verified};
    use crate::verify::tests::{policy, released, signed};

    fn of(release: &VerifiedRelease, by: &str, number: u64, sequence: u64) -> AdvisoryStatement {
        AdvisoryStatement {
            by: by.parse().unwrap(),
            content: release.content_digest(),
            number,
            sequence,
            ..advisory()
        }
    }

    fn check(statement: &AdvisoryStatement, seed: u8) -> Result<VerifiedAdvisory, VerifyError> {
        let name = "acme/passport-extractor".parse().unwrap();
        verify_advisory(
            &policy(),
            &name,
            &signed(statement.to_payload(), &[seed]),
            6,
        )
    }

    #[test]
    fn a_rival_may_warn_but_not_in_another_name() {
        let release = released();
        let says = of(&release, "beta", 1, 1);
        assert_eq!(check(&says, 2).unwrap().signer().member.as_str(), "beta");
        assert!(matches!(
            check(&says, 1),
            Err(VerifyError::NotByMember { .. })
        ));
        let elsewhere = AdvisoryStatement {
            name: "acme/other".parse().unwrap(),
            ..says
        };
        assert!(matches!(
            check(&elsewhere, 2),
            Err(VerifyError::NotAsked { .. })
        ));
    }

    #[test]
    fn open_ones_count_until_their_signer_closes_them() {
        let release = released();
        let opens = check(&of(&release, "beta", 1, 1), 2).unwrap();
        let closes = AdvisoryStatement {
            action: AdvisoryAction::Close,
            ..of(&release, "beta", 1, 2)
        };
        let closes = check(&closes, 2).unwrap();
        // Acme cannot close what beta opened: its statement is about an advisory of its own.
        let by_acme = AdvisoryStatement {
            action: AdvisoryAction::Close,
            ..of(&release, "acme", 1, 1)
        };
        let by_acme = check(&by_acme, 1).unwrap();
        let critical = AdvisoryStatement {
            severity: Severity::Critical,
            ..of(&release, "beta", 2, 1)
        };
        let critical = check(&critical, 2).unwrap();
        let open = |list: &[&VerifiedAdvisory]| -> Result<Vec<u64>, VerifyError> {
            let list: Vec<_> = list.iter().copied().cloned().collect();
            open_advisories(&release, &list)
                .map(|open| open.iter().map(|one| one.statement.number).collect())
        };
        assert_eq!(open(&[&opens]).unwrap(), [1]);
        assert_eq!(open(&[&opens, &by_acme]).unwrap(), [1]);
        assert_eq!(open(&[&opens, &critical]).unwrap(), [2, 1], "worst first");
        assert_eq!(open(&[&opens, &closes, &critical]).unwrap(), [2]);
        for wrong in [
            &[&closes][..],
            &[&closes, &opens],
            &[&critical],
            &[&opens, &opens],
        ] {
            assert!(matches!(
                open(wrong),
                Err(VerifyError::MemberSequence { .. })
            ));
        }
    }

    #[test]
    fn what_a_stolen_key_opened_does_not_stand_and_what_it_closed_does() {
        let name = "acme/passport-extractor".parse().unwrap();
        let release = released();
        let says = |action, sequence, seed| {
            let statement = AdvisoryStatement {
                action,
                ..of(&release, "acme", 1, sequence)
            };
            signed(statement.to_payload(), &[seed])
        };
        // Acme's first key was not its own from entry 40 on.
        let bundle = rekeyed(&founded(&["acme"], &[]), "acme", 101, |keyring| {
            keyring.keys[0].until = Some(40);
        });
        let root = verified(&bundle);
        let heard = |bytes: &[u8], index| verify_recorded_advisory(&root, &name, bytes, index);
        let opens = says(AdvisoryAction::Open, 1, 1);
        let closes = says(AdvisoryAction::Close, 2, 1);
        let standing = |at: &[(&[u8], u64)]| -> Vec<u64> {
            let list: Vec<_> = at
                .iter()
                .map(|(bytes, index)| heard(bytes, *index).unwrap())
                .collect();
            let open = open_advisories(&release, &list).unwrap();
            open.iter().map(|one| one.statement.sequence).collect()
        };
        assert_eq!(standing(&[(&opens, 39)]), [1]);
        assert_eq!(standing(&[(&opens, 40)]), [0; 0]);
        assert_eq!(standing(&[(&opens, 38), (&closes, 39)]), [0; 0]);
        assert_eq!(standing(&[(&opens, 39), (&closes, 40)]), [1]);
        // Its own new key closes it all the same, with the number that comes next.
        let closes_again = says(AdvisoryAction::Close, 3, 11);
        let list = [(&opens[..], 39), (&closes, 40), (&closes_again, 41)];
        assert_eq!(standing(&list), [0; 0]);
        // A key that never was acme's says nothing.
        let stranger = says(AdvisoryAction::Open, 1, 2);
        assert!(heard(&stranger, 40).is_err());
    }

    #[test]
    fn only_affected_releases_are_warned_about_and_content_must_agree() {
        let release = released();
        let elsewhere = AdvisoryStatement {
            version: "1.0.0".parse().unwrap(),
            content: Digest::of(b"an older release"),
            affected: AffectedVersions {
                introduced: "1.0.0".parse().unwrap(),
                last_affected: None,
                fixed_in: Some("2.0.0".parse().unwrap()),
            },
            ..of(&release, "beta", 1, 1)
        };
        let verified = [check(&elsewhere, 2).unwrap()];
        assert!(open_advisories(&release, &verified).unwrap().is_empty());
        let ranged = AdvisoryStatement {
            affected: AffectedVersions {
                introduced: "1.0.0".parse().unwrap(),
                last_affected: None,
                fixed_in: None,
            },
            ..elsewhere
        };
        let verified = [check(&ranged, 2).unwrap()];
        assert_eq!(open_advisories(&release, &verified).unwrap().len(), 1);
        let other_content = AdvisoryStatement {
            content: Digest::of(b"other"),
            ..of(&release, "beta", 1, 1)
        };
        let verified = [check(&other_content, 2).unwrap()];
        assert!(matches!(
            open_advisories(&release, &verified),
            Err(VerifyError::NotAsked { .. })
        ));
    }
}
