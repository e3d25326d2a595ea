//! What is known of images after a row of actions: labels, marks, random checks, and the classes.

use std::collections::{BTreeMap, BTreeSet};

use registry_schema::digest::Digest;
use registry_schema::reference::FeatureSpace;
use serde::{Deserialize, Serialize};

/// What one action does; undone and done again as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// Images that get a label or a mark, or lose it.
    pub set: Option<Vec<JournalEntry>>,
    /// The classes afterwards, in their order, when that is what it is about.
    pub classes: Option<Vec<String>>,
}

/// An image that gets a label, or loses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// SHA-256 of the image's bytes.
    pub image: Digest,
    /// Where it was seen.
    pub path: String,
    /// Its label; none takes the label away.
    pub label: Option<String>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// What was answered before it was labelled, when it was drawn at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<RandomCheck>,
}

/// What an image has in the place of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Its class is not certain.
    Skip,
    /// It does not belong here.
    Exclude,
}

/// An honest check: the image was drawn at random, and the head answered before it knew the label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCheck {
    /// The class that was answered; none when there was no head yet.
    pub answer: Option<String>,
    /// The feature space of the head that answered; none when there was no head yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<FeatureSpace>,
}

/// What is known of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Where it was last seen.
    pub path: String,
    /// Its class.
    pub label: Option<String>,
    /// What it has instead.
    pub mark: Option<Mark>,
    /// The check it was part of.
    pub check: Option<RandomCheck>,
}

/// What is known of all images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelState {
    images: BTreeMap<Digest, Known>,
    classes: Vec<String>,
}

impl Deed {
    /// Images are labelled.
    pub fn labels(entries: Vec<JournalEntry>) -> Self {
        Self {
            set: Some(entries),
            classes: None,
        }
    }

    /// The classes are these from now on, in this order.
    pub fn classes(classes: Vec<String>) -> Self {
        Self {
            set: None,
            classes: Some(classes),
        }
    }

    /// How many images it is about.
    pub fn images(&self) -> usize {
        self.set.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.set.is_none() && self.classes.is_none()
    }
}

impl JournalEntry {
    /// An image that gets a label, or loses it.
    pub fn new(image: Digest, path: impl Into<String>, label: Option<String>) -> Self {
        Self {
            image,
            path: path.into(),
            label,
            mark: None,
            check: None,
        }
    }
}

impl LabelState {
    /// What is known of each image of which something is.
    pub fn images(&self) -> &BTreeMap<Digest, Known> {
        &self.images
    }

    /// The classes in their order, those without a label too.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of each image that has one, with the path it was last seen at.
    pub fn labelled(&self) -> BTreeMap<Digest, (String, String)> {
        let label = |(image, known): (&Digest, &Known)| {
            Some((*image, (known.path.clone(), known.label.clone()?)))
        };
        self.images.iter().filter_map(label).collect()
    }

    /// Does what an action says.
    ///
    /// A correction of a label leaves the check it was part of: what was answered before is still what
    /// was answered. A class that is new comes last, several in alphabetical order. No
    /// label is without its class, whatever the action says the classes are.
    pub fn apply(&mut self, deed: &Deed) {
        let mut new = BTreeSet::new();
        for entry in deed.set.iter().flatten() {
            let before = self.images.remove(&entry.image);
            if entry.label.is_none() && entry.mark.is_none() {
                continue;
            }
            if let Some(label) = &entry.label
                && !self.classes.contains(label)
            {
                new.insert(label.clone());
            }
            let kept = before.and_then(|before| before.check);
            let check = entry.label.as_ref().and(entry.check.clone().or(kept));
            let known = Known {
                path: entry.path.clone(),
                label: entry.label.clone(),
                mark: entry.mark,
                check,
            };
            self.images.insert(entry.image, known);
        }
        self.classes.extend(new);
        if let Some(classes) = &deed.classes {
            let listed: BTreeSet<&str> = classes.iter().map(String::as_str).collect();
            let used = self
                .images
                .values()
                .filter_map(|known| known.label.as_deref());
            let missing: BTreeSet<&str> = used.filter(|used| !listed.contains(used)).collect();
            self.classes.clone_from(classes);
            self.classes.extend(missing.into_iter().map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_without_its_class() {
        let entry = |image: &str, label: &str| {
            JournalEntry::new(Digest::of(image.as_bytes()), image, Some(label.to_owned()))
        };
        let mut state = LabelState::default();
        let labels = vec![entry("a", "visa"), entry("b", "card"), entry("c", "pass")];
        state.apply(&Deed::labels(labels));
        // A list that was made before the last labels were given.
        state.apply(&Deed::classes(vec!["visa".to_owned(), "stamp".to_owned()]));
        assert_eq!(state.classes(), ["visa", "stamp", "card", "pass"]);
    }
}
