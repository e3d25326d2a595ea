//! What a member said and nobody can judge: the trust root shows no keys of it that could have
//! signed. Nobody but the member is to suffer from that, so it is left out; and it is told, since a
//! hub that passes on an old or spoilt keyring could silence a member otherwise.

use std::fmt;

use registry_schema::name::MemberName;
use registry_schema::threshold::ThresholdError;
use registry_schema::trust_root::{ConsortiumRoot, TrustError};
use registry_schema::verify::VerifyError;

/// Statements of one member that are left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Who is said to say it.
    pub member: MemberName,
    /// What such statements are called.
    pub kind: &'static str,
    /// Where they are in the log.
    pub indexes: Vec<u64>,
    /// Why nobody can judge them.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indexes: Vec<String> = self.indexes.iter().map(u64::to_string).collect();
        write!(
            f,
            "{} by {} are left out (log index {}): {}",
            self.kind,
            self.member,
            indexes.join(", "),
            self.reason
        )
    }
}

/// Why a statement is left out.
#[derive(Debug)]
pub(super) struct Unheard {
    member: MemberName,
    reason: String,
}

impl Unheard {
    /// Adds the statement at a log index to those that are left out.
    pub(super) fn leave_out(self, kind: &'static str, index: u64, all: &mut Vec<LeftOut>) {
        let is_alike = |one: &&mut LeftOut| one.member == self.member && one.reason == self.reason;
        match all.iter_mut().find(is_alike) {
            Some(alike) => alike.indexes.push(index),
            None => all.push(LeftOut {
                member: self.member,
                kind,
                indexes: vec![index],
                reason: self.reason,
            }),
        }
    }
}

/// The reason to leave out a statement that did not verify: its member is none, was none then, has
/// no keyring that counts, or signed with a key that is in nobody's keyring (any more).
///
/// # Errors
/// The same error when it is something else.
pub(super) fn unheard(
    error: VerifyError,
    trust_root: &ConsortiumRoot,
) -> Result<Unheard, VerifyError> {
    let member = match &error {
        VerifyError::Trust(
            TrustError::UnknownMember { member }
            | TrustError::NotMemberThen { member, .. }
            | TrustError::Keyring { member, .. },
        ) => member.clone(),
        VerifyError::NotByMember {
            member,
            source: ThresholdError::NotAnOwner { key_id, .. },
        } if trust_root.member_of(key_id).is_none() => {
            return Ok(Unheard {
                member: member.clone(),
                reason: format!("key {key_id}, which signed, is in no keyring"),
            });
        }
        _ => return Err(error),
    };
    Ok(Unheard {
        member,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use registry_schema::digest::Digest;
    use registry_schema::envelope::Envelope;
    use registry_schema::keys::SecretKey;
    use registry_schema::name::Name;
    use registry_schema::statement::{
        AdvisoryAction, AdvisoryStatement, AffectedVersions, Severity,
    };
    use registry_schema::tuf::bundle::Bundle;
    use registry_schema::tuf::draft::{Draft, Plan};
    use registry_schema::verify::verify_recorded_advisory;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    /// Alpha and beta with the statement keys 1 and 2; gamma has joined and signed no keyring.
    fn root() -> ConsortiumRoot {
        let member = |name: &str, seed| (name.parse().unwrap(), key(seed).public());
        let log = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
        let plan = Plan::new(
            "test",
            [member("alpha", 101), member("beta", 102)].into(),
            BTreeMap::new(),
            format!("log {log}\nquorum none\n"),
            key(9).public(),
        )
        .unwrap();
        let mut draft = Draft::found(&plan, NOW).unwrap();
        draft.sign(&key(101), &[key(1).public()]).unwrap();
        draft.sign(&key(102), &[key(2).public()]).unwrap();
        let bundle = Bundle::found(&draft, &key(9), NOW).unwrap();
        let draft = Draft::propose(&bundle, NOW).unwrap();
        let mut plan = draft.plan().unwrap();
        let (gamma, trust_key) = member("gamma", 103);
        plan.add_member(&gamma, trust_key, 0).unwrap();
        let mut draft = draft.planned(&plan).unwrap();
        draft.sign(&key(101), &[]).unwrap();
        draft.sign(&key(102), &[]).unwrap();
        let bundle = bundle.accept(&draft, &key(9), NOW).unwrap();
        ConsortiumRoot::verify(&bundle, &bundle.anchor(), NOW).unwrap()
    }

    fn said_by(member: &str, seed: u8, root: &ConsortiumRoot) -> VerifyError {
        let name: Name = "alpha/dots".parse().unwrap();
        let says = AdvisoryStatement {
            by: member.parse().unwrap(),
            name: name.clone(),
            version: "1.0.0".parse().unwrap(),
            content: Digest::of(b"content"),
            number: 1,
            sequence: 1,
            action: AdvisoryAction::Open,
            severity: Severity::High,
            title: "Blind".to_owned(),
            text: "To orange.".to_owned(),
            affected: AffectedVersions::only("1.0.0".parse().unwrap()),
        };
        let envelope = Envelope::sign(says.to_payload(), &[&key(seed)]).to_bytes();
        verify_recorded_advisory(root, &name, &envelope, 5).unwrap_err()
    }

    #[test]
    fn who_has_no_keys_is_left_out_and_named() {
        let root = root();
        let mut all = Vec::new();
        for (member, seed, index) in [
            ("gamma", 3, 5),
            ("gamma", 3, 7),
            ("beta", 33, 8),
            ("delta", 4, 9),
        ] {
            let unheard = unheard(said_by(member, seed, &root), &root).unwrap();
            unheard.leave_out("advisories", index, &mut all);
        }
        let shown: Vec<String> = all.iter().map(LeftOut::to_string).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        let (gamma, beta) = (&shown[0], &shown[1]);
        assert!(
            gamma.starts_with("advisories by gamma are left out (log index 5, 7): the keyring"),
            "{gamma}"
        );
        assert!(beta.ends_with("is in no keyring"), "{beta}");
    }

    #[test]
    fn what_another_member_signed_is_no_word_of_this_one() {
        let root = root();
        let error = unheard(said_by("beta", 1, &root), &root).unwrap_err();
        assert!(matches!(error, VerifyError::NotByMember { .. }), "{error}");
    }
}
