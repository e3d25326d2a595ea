//! Founding a consortium: the policy file that says who the members are.

use std::collections::BTreeMap;
use std::path::Path;

use registry_schema::name::{MemberName, Name};
use registry_schema::trust_root::{ConsortiumPolicy, NamePolicy, PolicyError};

use crate::files::{self, FileError};
use crate::keys::{self, KeyFileError};

/// A member and the files of its public keys, written `alpha=alpha.pub.pem[,second.pub.pem]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberKeys {
    /// The member.
    pub member: MemberName,
    /// Paths of SPKI PEM files.
    pub key_paths: Vec<String>,
}

impl std::str::FromStr for MemberKeys {
    type Err = ConsortiumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ConsortiumError::Member {
            text: text.to_owned(),
        };
        let (member, paths) = text.split_once('=').ok_or_else(malformed)?;
        let key_paths: Vec<String> = paths.split(',').map(str::to_owned).collect();
        if key_paths.iter().any(String::is_empty) {
            return Err(malformed());
        }
        Ok(Self {
            member: member.parse().map_err(|_| malformed())?,
            key_paths,
        })
    }
}

/// A bare name and its owners, written `passport-extractor=alpha,beta:2`; without a number one
/// owner's signature is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameOwners {
    /// The bare name.
    pub name: Name,
    /// Its owners and how many must sign.
    pub policy: NamePolicy,
}

impl std::str::FromStr for NameOwners {
    type Err = ConsortiumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ConsortiumError::Name {
            text: text.to_owned(),
        };
        let (name, owners) = text.split_once('=').ok_or_else(malformed)?;
        let (owners, threshold) = owners.split_once(':').unwrap_or((owners, "1"));
        let owners = owners
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| malformed())?;
        let threshold = threshold.parse().map_err(|_| malformed())?;
        Ok(Self {
            name: name.parse().map_err(|_| malformed())?,
            policy: NamePolicy { owners, threshold },
        })
    }
}

/// Writes a new policy file; one that is there is not replaced.
///
/// # Errors
/// [`ConsortiumError`] names the member, name or key that is wrong.
pub fn init(
    consortium: &str,
    members: &[MemberKeys],
    names: &[NameOwners],
    path: &Path,
) -> Result<ConsortiumPolicy, ConsortiumError> {
    let mut keys = BTreeMap::new();
    for entry in members {
        let public = entry
            .key_paths
            .iter()
            .map(|path| keys::load_public(Path::new(path)));
        if keys
            .insert(entry.member.clone(), public.collect::<Result<Vec<_>, _>>()?)
            .is_some()
        {
            return Err(ConsortiumError::Twice {
                what: entry.member.to_string(),
            });
        }
    }
    let mut owned = BTreeMap::new();
    for entry in names {
        if owned
            .insert(entry.name.clone(), entry.policy.clone())
            .is_some()
        {
            return Err(ConsortiumError::Twice {
                what: entry.name.to_string(),
            });
        }
    }
    let policy = ConsortiumPolicy::create(consortium, &keys, &owned)?;
    files::write_new(path, policy.text().as_bytes())?;
    Ok(policy)
}

/// A consortium cannot be founded like this.
#[derive(Debug, thiserror::Error)]
pub enum ConsortiumError {
    /// Not a member with keys.
    #[error("`{text}` is no member with a key: write `alpha=alpha.pub.pem`")]
    Member {
        /// What was given.
        text: String,
    },
    /// Not a name with owners.
    #[error("`{text}` is no name with owners: write `passport-extractor=alpha,beta:2`")]
    Name {
        /// What was given.
        text: String,
    },
    /// Given twice.
    #[error("`{what}` is given twice")]
    Twice {
        /// Which member or name.
        what: String,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The policy as a whole.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn members_and_owners_are_read_as_written() {
        let member: MemberKeys = "alpha=a.pem,b.pem".parse().unwrap();
        assert_eq!(member.key_paths, ["a.pem", "b.pem"]);
        let name: NameOwners = "passport-extractor=alpha,beta:2".parse().unwrap();
        assert_eq!((name.policy.owners.len(), name.policy.threshold), (2, 2));
        for bad in ["alpha", "alpha=", "Al=a.pem", "=a.pem"] {
            assert!(bad.parse::<MemberKeys>().is_err(), "{bad}");
        }
        for bad in ["x1", "x1=", "x1=alpha:two", "X=alpha", "x1=alpha,,beta"] {
            assert!(bad.parse::<NameOwners>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_policy_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let key = keys::generate(&crate::config::Folders::under(folder.path()), "k").unwrap();
        let members = [format!("alpha={}", key.public_path.display())
            .parse()
            .unwrap()];
        let names = ["dots=alpha".parse().unwrap()];
        let path = folder.path().join("consortium.toml");
        let policy = init("test", &members, &names, &path).unwrap();
        assert_eq!(policy.members().len(), 1);
        assert!(
            init("test", &members, &names, &path).is_err(),
            "never replaced"
        );
        let twice = [members[0].clone(), members[0].clone()];
        assert!(matches!(
            init("t", &twice, &[], &folder.path().join("x")),
            Err(ConsortiumError::Twice { .. })
        ));
    }
}
