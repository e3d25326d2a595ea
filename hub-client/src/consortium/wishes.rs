//! What people type about a consortium.

use std::str::FromStr;

use registry_schema::log::note::VerifierKey;
use registry_schema::name::{MemberName, Name};
use registry_schema::tuf::files as tuf_files;

use super::ConsortiumError;

/// A member and the file of its public trust key, written `alpha=alpha.pub.pem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberKey {
    /// The member.
    pub member: MemberName,
    /// Path of an SPKI PEM file.
    pub key_path: String,
}

impl FromStr for MemberKey {
    type Err = ConsortiumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ConsortiumError::Member {
            text: text.to_owned(),
        };
        let (member, path) = text.split_once('=').ok_or_else(malformed)?;
        if path.is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            member: member.parse().map_err(|_| malformed())?,
            key_path: path.to_owned(),
        })
    }
}

/// A bare name and its owners, written `passport-extractor=alpha,beta:2`; without a number one
/// owner's signature is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameOwners {
    /// The bare name.
    pub name: Name,
    /// Its owners.
    pub owners: Vec<MemberName>,
    /// How many of them must sign.
    pub threshold: usize,
}

impl NameOwners {
    /// As an entry of the name's history.
    pub fn owners(&self, from: u64) -> tuf_files::NameOwners {
        tuf_files::NameOwners {
            from,
            owners: self.owners.clone(),
            threshold: self.threshold,
        }
    }
}

impl FromStr for NameOwners {
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
        Ok(Self {
            name: name.parse().map_err(|_| malformed())?,
            owners,
            threshold: threshold.parse().map_err(|_| malformed())?,
        })
    }
}

/// A witness, written `w1=witness.example.net/w1+63fbd762+BP0X…` and, after a comma, the address at
/// which it takes checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogWitness {
    /// What the policy calls it.
    pub name: String,
    /// Its key (C2SP vkey).
    pub key: VerifierKey,
    /// Where it takes checkpoints.
    pub url: Option<String>,
}

impl FromStr for LogWitness {
    type Err = ConsortiumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ConsortiumError::Witness {
            text: text.to_owned(),
        };
        let (name, rest) = text.split_once('=').ok_or_else(malformed)?;
        let (key, url) = match rest.split_once(',') {
            Some((key, url)) => (key, Some(url.to_owned())),
            None => (rest, None),
        };
        let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        if !is_word(name) || !url.as_deref().is_none_or(is_word) {
            return Err(malformed());
        }
        Ok(Self {
            name: name.to_owned(),
            key: key.parse().map_err(|_| malformed())?,
            url,
        })
    }
}
