//! What the page may ask to be written into the journal, and what it becomes there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use registry_schema::digest::Digest;
use serde::Deserialize;

use super::LabelError;
use super::cells::MOST_CLASSES;
use super::loading::digest_of;
use super::rows::Presence;
use super::session::Session;
use super::teaching::Lesson;
use crate::dataset::labels::LABEL_BYTES;
use crate::dataset::{
    Deed, ImageFile, JournalEntry, LabelState, Mark, RandomCheck, partly_known_labels,
};
use crate::files::digest_of_file;

/// `POST /api/labels`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelsAsked {
    set: Vec<LabelAsked>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelAsked {
    image: usize,
    /// None takes the label away.
    #[serde(default)]
    class: Option<String>,
    #[serde(default)]
    mark: Option<Mark>,
    /// Whether it was labelled because it was proposed as a random check.
    #[serde(default)]
    audit: bool,
}

/// `POST /api/classes`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ClassesAsked {
    /// A class without a label.
    Add(String),
    /// Another name for a class.
    Rename([String; 2]),
    /// A class that has no label goes.
    Remove(String),
    /// Another order of the classes.
    Order(Vec<String>),
}

/// Labels that were read and may be given: each content once.
#[derive(Debug, Default)]
pub(super) struct NewLabels(BTreeMap<Digest, JournalEntry>);

impl NewLabels {
    /// How many images get one, or lose it.
    pub(super) fn images(&self) -> usize {
        self.0.len()
    }

    /// The action that gives them.
    pub(super) fn deed(self, labels: &LabelState) -> Result<Deed, LabelError> {
        let mut classes: BTreeSet<&str> = labels.classes().iter().map(String::as_str).collect();
        classes.extend(self.0.values().filter_map(|entry| entry.label.as_deref()));
        check_count(classes.len())?;
        Ok(Deed::labels(self.0.into_values().collect()))
    }
}

impl LabelsAsked {
    /// The labels, with the contents of their images.
    pub(super) fn read(self, session: &Session) -> Result<NewLabels, LabelError> {
        let mut entries: BTreeMap<Digest, JournalEntry> = BTreeMap::new();
        for asked in self.set {
            session.check(asked.image)?;
            let label = match (asked.class, asked.mark) {
                (Some(name), None) => Some(class_name(&name)?),
                (Some(_), Some(_)) => {
                    return Err(LabelError::Request {
                        problem: "an image gets a class or a mark, not both".to_owned(),
                    });
                }
                (None, _) => None,
            };
            if label.is_some() {
                check_usable(session, asked.image)?;
            }
            let digest = digest_of(session, asked.image)?;
            let name = session.setup.images.images[asked.image].name.clone();
            let mut entry = JournalEntry::new(digest, name, label);
            entry.mark = asked.mark;
            if asked.audit && entry.label.is_some() {
                entry.check = random_check(session, asked.image);
            }
            entries.insert(digest, entry);
        }
        Ok(NewLabels(entries))
    }
}

/// An image that cannot be read cannot be learnt from.
fn check_usable(session: &Session, image: usize) -> Result<(), LabelError> {
    let rows = session.rows();
    if rows.presence(image) != Presence::Failed {
        return Ok(());
    }
    Err(LabelError::UnusableImage {
        name: session.setup.images.images[image].name.clone(),
        reason: rows.failures().get(&image).cloned().unwrap_or_default(),
    })
}

/// What the head says of an image now, when it was drawn at random and proposed.
fn random_check(session: &Session, image: usize) -> Option<RandomCheck> {
    if !session.drawn().contains(&image) {
        return None;
    }
    let lesson = session.lesson();
    let lesson = lesson.filter(|lesson| lesson.scores.is_about(image));
    let answer = |lesson: &Lesson| lesson.head.classes()[lesson.scores.best[image]].clone();
    Some(RandomCheck {
        answer: lesson.as_deref().map(answer),
        space: lesson.map(|lesson| lesson.head.space()),
    })
}

impl ClassesAsked {
    /// The action that changes the classes so.
    pub(super) fn deed(self, labels: &LabelState) -> Result<Deed, LabelError> {
        let mut classes = labels.classes().to_vec();
        let place = |name: &str| classes.iter().position(|class| class == name);
        let there = |name: &str| {
            place(name).ok_or_else(|| LabelError::NoSuchClass {
                name: name.to_owned(),
            })
        };
        let new = |name: &str| match (class_name(name)?, place(name.trim())) {
            (name, None) => Ok(name),
            (name, Some(_)) => Err(LabelError::ClassThere { name }),
        };
        match self {
            Self::Add(name) => {
                let name = new(&name)?;
                classes.push(name);
                check_count(classes.len())?;
                Ok(Deed::classes(classes))
            }
            Self::Rename([from, to]) => {
                let (place, to) = (there(&from)?, new(&to)?);
                classes[place].clone_from(&to);
                Ok(Deed {
                    set: Some(renamed(labels, &from, &to)),
                    classes: Some(classes),
                })
            }
            Self::Remove(name) => {
                let place = there(&name)?;
                let known = labels.images().values();
                let labels = known
                    .filter(|known| known.label.as_ref() == Some(&name))
                    .count();
                if labels > 0 {
                    return Err(LabelError::ClassInUse { name, labels });
                }
                classes.remove(place);
                Ok(Deed::classes(classes))
            }
            Self::Order(order) => {
                let (mut wanted, mut present) = (order.clone(), classes);
                wanted.sort_unstable();
                present.sort_unstable();
                if wanted != present {
                    return Err(LabelError::Order);
                }
                Ok(Deed::classes(order))
            }
        }
    }
}

/// The entries in which a class has another name.
fn renamed(labels: &LabelState, from: &str, to: &str) -> Vec<JournalEntry> {
    let rename = |name: &Option<String>| match name.as_deref() {
        Some(name) if name == from => Some(to.to_owned()),
        other => other.map(str::to_owned),
    };
    let entry = |(image, known): (&Digest, &crate::dataset::Known)| {
        let check = known.check.as_ref().map(|check| RandomCheck {
            answer: rename(&check.answer),
            space: check.space.clone(),
        });
        let label = rename(&known.label);
        let is_other = label != known.label || check != known.check;
        is_other.then(|| JournalEntry {
            image: *image,
            path: known.path.clone(),
            label,
            mark: known.mark,
            check,
        })
    };
    labels.images().iter().filter_map(entry).collect()
}

/// The labels of a file, and what the file names that is not here.
pub(super) fn imported(
    session: &Session,
    file: &Path,
) -> Result<(NewLabels, Vec<String>), LabelError> {
    let content = |image: usize, file: &ImageFile| match session.rows().digest(image) {
        Some(known) => Ok(known),
        None => digest_of_file(&file.path),
    };
    let found = partly_known_labels(&session.setup.images, file, &content)?;
    let mut entries: BTreeMap<Digest, JournalEntry> = BTreeMap::new();
    for (image, label) in found.labels.into_iter().enumerate() {
        let Some(label) = label else { continue };
        let label = class_name(&label)?;
        let digest = digest_of(session, image)?;
        let name = session.setup.images.images[image].name.clone();
        if let Some(first) = entries.get(&digest)
            && first.label.as_ref() != Some(&label)
        {
            return Err(crate::dataset::DatasetError::SameImage {
                first: first.path.clone(),
                second: name,
            }
            .into());
        }
        entries.insert(digest, JournalEntry::new(digest, name, Some(label)));
    }
    Ok((NewLabels(entries), found.unknown))
}

/// The name of a class without the spaces around it.
fn class_name(name: &str) -> Result<String, LabelError> {
    let trimmed = name.trim();
    let problem = if trimmed.is_empty() {
        "empty"
    } else if trimmed.len() > LABEL_BYTES {
        "longer than 200 bytes"
    } else if trimmed.chars().any(char::is_control) {
        "not plain text: it has a line break or control character"
    } else {
        return Ok(trimmed.to_owned());
    };
    Err(LabelError::ClassName {
        name: trimmed.chars().take(80).collect(),
        problem,
    })
}

fn check_count(classes: usize) -> Result<(), LabelError> {
    match classes {
        0..=MOST_CLASSES => Ok(()),
        _ => Err(LabelError::TooManyClasses { most: MOST_CLASSES }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn with(labels: &[(&str, &str)]) -> LabelState {
        let mut state = LabelState::default();
        let entry = |(image, label): &(&str, &str)| {
            let digest = Digest::of(image.as_bytes());
            JournalEntry::new(digest, *image, Some((*label).to_owned()))
        };
        state.apply(&Deed::labels(labels.iter().map(entry).collect()));
        state
    }

    fn asked(json: &str) -> ClassesAsked {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn classes_are_added_renamed_ordered_and_removed() {
        let mut state = with(&[("a", "visa"), ("b", "passport")]);
        let mut change = |json: &str| {
            let deed = asked(json).deed(&state)?;
            state.apply(&deed);
            Ok::<_, LabelError>(state.classes().to_vec())
        };
        assert_eq!(
            change(r#"{"add": " card "}"#).unwrap(),
            ["passport", "visa", "card"]
        );
        assert!(matches!(
            change(r#"{"add": "card"}"#),
            Err(LabelError::ClassThere { .. })
        ));
        assert!(matches!(
            change(r#"{"add": " "}"#),
            Err(LabelError::ClassName { .. })
        ));
        let order = r#"{"order": ["card", "visa", "passport"]}"#;
        assert_eq!(change(order).unwrap(), ["card", "visa", "passport"]);
        assert!(matches!(
            change(r#"{"order": ["card"]}"#),
            Err(LabelError::Order)
        ));
        let refused = change(r#"{"remove": "visa"}"#);
        assert!(matches!(
            refused,
            Err(LabelError::ClassInUse { labels: 1, .. })
        ));
        assert_eq!(
            change(r#"{"remove": "card"}"#).unwrap(),
            ["visa", "passport"]
        );
        assert_eq!(
            change(r#"{"rename": ["visa", "visas"]}"#).unwrap(),
            ["visas", "passport"]
        );
        assert_eq!(
            state
                .labelled()
                .values()
                .filter(|(_, label)| label == "visas")
                .count(),
            1
        );
        let gone = asked(r#"{"remove": "visa"}"#).deed(&state);
        assert!(matches!(gone, Err(LabelError::NoSuchClass { .. })));
    }

    #[test]
    fn a_random_check_is_renamed_with_its_class() {
        let mut state = LabelState::default();
        let mut entry = JournalEntry::new(Digest::of(b"a"), "a", Some("visa".into()));
        entry.check = Some(RandomCheck {
            answer: Some("passport".into()),
            space: "dots@1".parse().ok(),
        });
        state.apply(&Deed::labels(vec![entry]));
        state.apply(&Deed::classes(vec!["visa".into(), "passport".into()]));
        let deed = asked(r#"{"rename": ["passport", "pass"]}"#)
            .deed(&state)
            .unwrap();
        state.apply(&deed);
        let known = state.images().values().next().unwrap();
        let answer = known.check.clone().unwrap().answer;
        assert_eq!(
            (known.label.as_deref(), answer.as_deref()),
            (Some("visa"), Some("pass"))
        );
        assert_eq!(state.classes(), ["visa", "pass"]);
    }
}
