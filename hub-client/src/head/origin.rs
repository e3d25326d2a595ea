//! Versions that come from an earlier one: the same again, moved to a newer release, or retrained.
//!
//! *Why is going back a new version?* Nothing in a head's history is ever taken away or pointed at: the
//! newest version is the one in use, whatever happened before. A version that is an earlier one again
//! says so, and going back can itself be undone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ExtractorRelease, Head, HeadError, HeadName, HeadStore};

/// Where a version comes from that was not simply trained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Origin {
    /// What was done.
    pub how: Derivation,
    /// The version of the same head it was done with.
    pub version: u32,
    /// The release whose features the weights were learnt on.
    pub trained_on: ExtractorRelease,
    /// When the weights were learnt.
    pub trained_at: Timestamp,
}

/// What was done with an earlier version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Derivation {
    /// It is that version again.
    Again,
    /// Its weights were kept for a newer release of the same feature space.
    Moved,
    /// Its labels and settings were learnt from again.
    Retrained,
}

/// What going back did.
#[derive(Clone, Debug, PartialEq)]
pub struct RolledBack {
    /// The version that was in use.
    pub from: u32,
    /// The version that is in use again.
    pub to: u32,
    /// As what it was saved; none when it was in use already.
    pub saved_as: Option<u32>,
    /// The head that is in use now.
    pub head: Head,
}

impl Head {
    /// This head as a later version of its name: `version` is its number, or of what it is again.
    #[must_use]
    pub fn again(mut self, version: u32, now: Timestamp) -> Self {
        self.origin = Some(self.derived(Derivation::Again, version));
        self.created_at = now;
        self
    }

    /// The same weights for a newer release of the same feature space; `version` is this head's number.
    ///
    /// # Errors
    /// [`HeadError::OtherSpace`]; [`HeadError::NotNewer`] for a release that is not newer.
    pub fn moved_to(
        mut self,
        version: u32,
        extractor: ExtractorRelease,
        now: Timestamp,
    ) -> Result<Self, HeadError> {
        let (expected, found) = (self.space(), extractor.space());
        if expected != found {
            return Err(HeadError::OtherSpace {
                head: self.name.to_string(),
                expected: Box::new(expected),
                found: Box::new(found),
            });
        }
        if extractor.version <= self.extractor.version {
            return Err(HeadError::NotNewer {
                head: self.name.to_string(),
                current: self.extractor.to_string(),
                asked: extractor.to_string(),
            });
        }
        self.origin = Some(self.derived(Derivation::Moved, version));
        self.extractor = extractor;
        self.created_at = now;
        Ok(self)
    }

    /// Says that this head was trained from the labels and settings of a version of its name.
    #[must_use]
    pub fn retrained_from(mut self, version: u32) -> Self {
        let origin = self.derived(Derivation::Retrained, version);
        self.origin = Some(origin);
        self
    }

    /// Where it comes from, when it was not simply trained.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Whether both answer alike and were made alike, whenever that was and wherever they come from.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let dated = |head: &Self| Self {
            created_at: self.created_at,
            origin: None,
            ..head.clone()
        };
        dated(self) == dated(other)
    }

    fn derived(&self, how: Derivation, version: u32) -> Origin {
        let (trained_on, trained_at) = match &self.origin {
            Some(origin) => (origin.trained_on.clone(), origin.trained_at),
            None => (self.extractor.clone(), self.created_at),
        };
        Origin {
            how,
            version,
            trained_on,
            trained_at,
        }
    }
}

impl HeadStore {
    /// Brings an earlier version back by saving it again as the newest: the one named, else the last
    /// one before what is in use that can be read and differs. Nothing is removed.
    ///
    /// # Errors
    /// [`HeadError::NotFound`], [`HeadError::NothingEarlier`], what [`HeadStore::load`] says of the
    /// version named, what [`HeadStore::save`] refuses.
    pub fn roll_back(
        &self,
        name: &HeadName,
        to: Option<u32>,
        now: Timestamp,
    ) -> Result<RolledBack, HeadError> {
        let versions = self.versions(name)?;
        let from = *versions.last().ok_or_else(|| HeadError::NotFound {
            name: name.to_string(),
            version: None,
        })?;
        // A damaged one is a reason to go back.
        let in_use = self.load(name, Some(from)).ok();
        let is_in_use = |head: &Head| in_use.as_ref().is_some_and(|now| now.is_same_as(head));
        let (to, head) = match to {
            Some(to) => (to, self.load(name, Some(to))?),
            None => {
                let root = in_use.as_ref().map_or(from, |head| root(from, head));
                let earlier = versions.iter().rev().filter(|&&version| version < root);
                earlier
                    .filter_map(|&version| Some((version, self.load(name, Some(version)).ok()?)))
                    .find(|(_, head)| !is_in_use(head))
                    .ok_or_else(|| HeadError::NothingEarlier {
                        name: name.to_string(),
                        version: from,
                    })?
            }
        };
        let to = root(to, &head);
        if is_in_use(&head) {
            let saved_as = None;
            return Ok(RolledBack {
                from,
                to,
                saved_as,
                head,
            });
        }
        let head = head.again(to, now);
        let saved_as = Some(self.save(&head)?);
        Ok(RolledBack {
            from,
            to,
            saved_as,
            head,
        })
    }
}

/// The number of what a version is: its own, or of the one it is again.
fn root(version: u32, head: &Head) -> u32 {
    match head.origin() {
        Some(origin) if origin.how == Derivation::Again => origin.version,
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::TransformKind;
    use super::super::tests::{head_with, small_head};
    use super::*;

    fn later() -> Timestamp {
        "2026-05-06T07:08:09Z".parse().unwrap()
    }

    fn release(version: &str) -> ExtractorRelease {
        ExtractorRelease {
            version: version.parse().unwrap(),
            ..small_head().extractor().clone()
        }
    }

    /// Three versions that differ.
    fn store() -> (tempfile::TempDir, HeadStore) {
        let home = tempfile::tempdir().unwrap();
        let store = HeadStore::new(home.path());
        for kind in [
            TransformKind::CentredL2,
            TransformKind::L2,
            TransformKind::None,
        ] {
            store.save(&head_with(kind)).unwrap();
        }
        (home, store)
    }

    #[test]
    fn going_back_again_and_again_ends_at_the_first() {
        let (_home, store) = store();
        let name = small_head().name().clone();
        let back = || {
            let done = store.roll_back(&name, None, later()).unwrap();
            (done.from, done.to, done.saved_as)
        };
        assert_eq!(back(), (3, 2, Some(4)));
        assert_eq!(back(), (4, 1, Some(5)));
        let error = store.roll_back(&name, None, later()).unwrap_err();
        assert!(matches!(
            error,
            HeadError::NothingEarlier { version: 5, .. }
        ));
        let newest = store.load(&name, None).unwrap();
        assert!(newest.is_same_as(&small_head()));
        assert_eq!(newest.created_at(), later());
        let origin = newest.origin().unwrap();
        assert_eq!((origin.how, origin.version), (Derivation::Again, 1));
        assert_eq!(origin.trained_at, small_head().created_at());
    }

    #[test]
    fn a_copy_of_a_copy_names_the_first_and_what_is_in_use_is_not_saved_twice() {
        let (_home, store) = store();
        let name = small_head().name().clone();
        let back = |to| store.roll_back(&name, Some(to), later()).unwrap();
        assert_eq!(back(3).saved_as, None);
        assert_eq!((back(1).saved_as, back(1).saved_as), (Some(4), None));
        assert_eq!((back(3).to, back(4).to), (3, 1));
        assert_eq!(store.versions(&name).unwrap().len(), 6);
        assert!(matches!(
            store.roll_back(&name, Some(9), later()),
            Err(HeadError::NotFound {
                version: Some(9),
                ..
            })
        ));
    }

    #[test]
    fn a_damaged_version_is_gone_back_from_and_passed_over() {
        let (_home, store) = store();
        let name = small_head().name().clone();
        for version in [2, 3] {
            std::fs::write(store.path(&name, version), b"hub-head/3\nnothing").unwrap();
        }
        assert!(store.load(&name, None).is_err());
        let done = store.roll_back(&name, None, later()).unwrap();
        assert_eq!((done.to, done.saved_as), (1, Some(4)));
        assert!(store.load(&name, None).is_ok());
        assert!(matches!(
            store.roll_back(&name, Some(2), later()),
            Err(HeadError::Load { .. })
        ));
    }

    #[test]
    fn a_head_moves_to_newer_releases_of_its_space_only() {
        let head = small_head();
        let moved = head.clone().moved_to(4, release("2.2.0"), later()).unwrap();
        assert_eq!(moved.extractor().version, release("2.2.0").version);
        assert_eq!(moved.weights(), head.weights());
        let origin = moved.origin().unwrap();
        assert_eq!(&origin.trained_on, head.extractor());
        // What was learnt from stays known through further moves.
        let again = moved.again(5, later());
        assert_eq!(&again.origin().unwrap().trained_on, head.extractor());
        let refused = |version| head.clone().moved_to(1, release(version), later());
        assert!(matches!(refused("2.1.0"), Err(HeadError::NotNewer { .. })));
        assert!(matches!(
            refused("3.0.0"),
            Err(HeadError::OtherSpace { .. })
        ));
    }
}
