//! Metadata with its signatures: sign, merge, and say who has signed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TufError;
use super::canonical::canonical;
use super::metadata::{Role, RoleKeys, TufKey, TufKeyId, listed_key};
use crate::hex;
use crate::keys::SecretKey;

/// Metadata and the signatures over its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// One for each key at most, sorted by key.
    signatures: Vec<RoleSignature>,
    /// What is signed.
    signed: T,
}

/// One key's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSignature {
    /// Which key.
    pub keyid: TufKeyId,
    /// 128 lower-case hex digits.
    pub sig: String,
}

impl<T: Role> Signed<T> {
    /// Metadata that nobody has signed yet.
    pub fn new(signed: T) -> Self {
        Self {
            signatures: Vec::new(),
            signed,
        }
    }

    /// Reads a file. Only the form is checked, not the signatures.
    ///
    /// # Errors
    /// [`TufError::Malformed`].
    pub fn parse(file: &str, text: &str) -> Result<Self, TufError> {
        let malformed = |reason: String| TufError::Malformed {
            file: file.to_owned(),
            reason,
        };
        let parsed: Self =
            serde_json::from_str(text).map_err(|source| malformed(source.to_string()))?;
        parsed.checked(file)
    }

    /// What was read as a part of something else, in the form that [`Self::parse`] gives.
    pub(super) fn checked(mut self, file: &str) -> Result<Self, TufError> {
        if self.signed.kind() != T::TYPE {
            return Err(TufError::Malformed {
                file: file.to_owned(),
                reason: format!("it is `{}`, not `{}`", self.signed.kind(), T::TYPE),
            });
        }
        self.signatures.sort_by_key(|one| one.keyid);
        self.signatures.dedup_by_key(|one| one.keyid);
        Ok(self)
    }

    /// The file: one text for one content and set of signatures.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn to_text(&self) -> Result<String, TufError> {
        serde_json::to_string(self).map_err(|source| TufError::NotCanonical {
            reason: source.to_string(),
        })
    }

    /// What is signed.
    pub fn content(&self) -> &T {
        &self.signed
    }

    /// Whether there is no signature at all.
    pub fn is_unsigned(&self) -> bool {
        self.signatures.is_empty()
    }

    /// What is signed, to be changed: all signatures are gone then.
    pub fn change(&mut self) -> &mut T {
        self.signatures.clear();
        &mut self.signed
    }

    /// Adds a key's signature, in place of an earlier one of the same key.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), TufError> {
        let signature = RoleSignature {
            keyid: TufKeyId::of(&key.public()),
            sig: hex::encode(&key.sign(&canonical(&self.signed)?)),
        };
        self.put(signature);
        Ok(())
    }

    /// Takes the signatures of another copy over the same content.
    ///
    /// # Errors
    /// [`TufError::Mixed`] when the content differs.
    pub fn merge(&mut self, other: &Self) -> Result<(), TufError> {
        if canonical(&self.signed)? != canonical(&other.signed)? {
            return Err(TufError::Mixed {
                what: format!("two different versions of a proposed `{}`", T::TYPE),
            });
        }
        for signature in &other.signatures {
            self.put(signature.clone());
        }
        Ok(())
    }

    /// The keys of a role whose good signatures are here, for telling people who is missing. What
    /// suffices is decided by the verifier alone.
    ///
    /// # Errors
    /// [`TufError`] when a key of the role is not listed or the content has no canonical form.
    pub fn signers(
        &self,
        role: &RoleKeys,
        keys: &BTreeMap<TufKeyId, TufKey>,
    ) -> Result<Vec<TufKeyId>, TufError> {
        let message = canonical(&self.signed)?;
        let mut found = Vec::new();
        for id in &role.keyids {
            let key = listed_key(keys, id)?;
            let is_signed = self
                .signatures
                .iter()
                .filter(|signature| signature.keyid == *id)
                .filter_map(|signature| hex::decode(&signature.sig)?.try_into().ok())
                .any(|signature| key.verifies(&message, &signature));
            if is_signed {
                found.push(*id);
            }
        }
        Ok(found)
    }

    fn put(&mut self, signature: RoleSignature) {
        match self
            .signatures
            .binary_search_by_key(&signature.keyid, |one| one.keyid)
        {
            Ok(at) => self.signatures[at] = signature,
            Err(at) => self.signatures.insert(at, signature),
        }
    }
}
