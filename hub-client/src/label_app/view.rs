//! The state of a session as the page reads it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::accuracy::{AccuracyView, needs};
use super::cells::{ClassNumbers, NONE, label_column};
use super::looking::{Looks, Ranking};
use super::progress::Problem;
use super::rows::Rows;
use super::session::Session;
use super::suggesting::Suggested;
use super::teaching::Lesson;
use crate::dataset::{LabelState, Mark};
use crate::explore::MEDOIDS;

/// Images that cannot be used, as many as are named.
const FAILED_SHOWN: usize = 100;

/// Odd images of each ranking.
const OUTLIERS_SHOWN: usize = 100;

/// Groups of copies.
const COPIES_SHOWN: usize = 500;

/// Images of a group of copies.
const COPIES_EACH: usize = 48;

/// Least typical images of a group.
const ODD_SHOWN: usize = 4;

/// `GET /api/state`, and the answer to everything that changes it.
#[derive(Debug, Serialize)]
pub(super) struct StateView {
    version: u64,
    /// What changes name, so that none is made by a page that counts other images.
    session: String,
    folder: String,
    journal: String,
    extractor: String,
    /// Whether it is the demo's own, on which no head is kept.
    demo: bool,
    head: Option<String>,
    images: ImagesView,
    classes: Vec<ClassView>,
    skipped: usize,
    excluded: usize,
    labels: usize,
    undo: bool,
    redo: bool,
    coverage: f64,
    accuracy: Option<AccuracyView>,
    needs: Option<String>,
    suggestions: Vec<SuggestionView>,
    suspects: Vec<SuspectView>,
    groups: Vec<GroupView>,
    outliers: OutliersView,
    copies: Vec<CopiesView>,
    /// What is there, for a page that waits for it.
    done: DoneView,
    problem: Option<Problem>,
}

#[derive(Debug, Serialize)]
struct ImagesView {
    total: usize,
    embedded: usize,
    failed: Vec<FailedView>,
    failed_total: usize,
    seconds_left: Option<u64>,
}

#[derive(Debug, Serialize)]
struct FailedView {
    path: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct ClassView {
    name: String,
    labels: usize,
}

#[derive(Debug, Serialize)]
struct SuggestionView {
    image: usize,
    reason: &'static str,
    words: String,
    answer: Option<u8>,
}

#[derive(Debug, Serialize)]
struct SuspectView {
    image: usize,
    label: u8,
    answer: u8,
    probability: f64,
}

#[derive(Debug, Serialize)]
struct GroupView {
    id: usize,
    name: Option<String>,
    size: usize,
    /// Labels in it, and how many of them are the name.
    labels: usize,
    named: usize,
    medoids: Vec<usize>,
    odd: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct OutliersView {
    unlike: Vec<usize>,
    far: Vec<usize>,
}

/// Images that are the same or nearly.
#[derive(Debug, Serialize)]
struct CopiesView {
    size: usize,
    /// The first of them.
    images: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct DoneView {
    /// The head has learnt from all labels.
    labels: bool,
    /// So have the suggestions.
    suggestions: bool,
    images: bool,
    groups: bool,
    outliers: bool,
    copies: bool,
    map: bool,
}

/// The state as it is now.
pub(super) fn state(session: &Session) -> StateView {
    // The version first: what changes meanwhile is asked for again.
    let version = session.version();
    let steps = session.steps();
    let (labels, undo, redo) = {
        let book = session.book();
        (book.state(), book.can_undo(), book.can_redo())
    };
    let (lesson, looks) = (session.lesson(), session.looks());
    let suggestions = session.suggestions();
    let progress = session.progress();
    let rows = session.rows();
    let lesson = lesson.as_deref();
    let numbers = ClassNumbers::new(labels.classes());
    let column = label_column(&labels, &numbers, &rows);
    let counts = Counts::new(&labels, &rows);
    let accuracy = lesson.and_then(|lesson| AccuracyView::new(lesson, &labels, &numbers));
    let class = |name: &String| ClassView {
        name: name.clone(),
        labels: counts.of_class.get(name.as_str()).copied().unwrap_or(0),
    };
    StateView {
        version,
        session: session.run.clone(),
        folder: session
            .setup
            .images
            .folder
            .as_ref()
            .map(|folder| folder.display().to_string())
            .unwrap_or_default(),
        journal: session.setup.journal.display().to_string(),
        extractor: session.setup.extractor.release.to_string(),
        demo: session.setup.extractor.is_demo,
        head: session.setup.head.as_ref().map(ToString::to_string),
        images: images(session, &rows, progress.seconds_left),
        classes: labels.classes().iter().map(class).collect(),
        skipped: counts.skipped,
        excluded: counts.excluded,
        labels: counts.labels,
        undo,
        redo,
        coverage: session.wishes().coverage,
        needs: accuracy
            .is_none()
            .then(|| needs(labels.classes(), &counts.of_class)),
        accuracy,
        suggestions: suggested(&suggestions, &column, lesson, &numbers),
        suspects: suspects(lesson, &labels, &numbers, &rows),
        groups: groups(&looks, &column, &labels),
        outliers: OutliersView {
            unlike: oddest(looks.unlike.as_deref()),
            far: oddest(looks.far.as_deref()),
        },
        copies: looks
            .copies
            .iter()
            .flat_map(|copies| copies.iter().take(COPIES_SHOWN))
            .map(|images| CopiesView {
                size: images.len(),
                images: images.iter().take(COPIES_EACH).copied().collect(),
            })
            .collect(),
        done: DoneView {
            labels: steps.is_learnt(),
            suggestions: steps.is_suggested(),
            images: rows.is_complete(),
            groups: looks.groups.is_some(),
            outliers: looks.far.is_some(),
            copies: looks.copies.is_some(),
            map: looks.places.is_some(),
        },
        problem: progress.problem(),
    }
}

/// Labels and marks of contents that are among the images, each content once.
struct Counts<'a> {
    of_class: BTreeMap<&'a str, usize>,
    labels: usize,
    skipped: usize,
    excluded: usize,
}

impl<'a> Counts<'a> {
    fn new(labels: &'a LabelState, rows: &Rows) -> Self {
        let mut counts = Self {
            of_class: BTreeMap::new(),
            labels: 0,
            skipped: 0,
            excluded: 0,
        };
        for (digest, known) in labels.images() {
            if rows.images_of(digest).is_empty() {
                continue;
            }
            match (&known.label, known.mark) {
                (Some(label), _) => {
                    counts.labels += 1;
                    *counts.of_class.entry(label).or_default() += 1;
                }
                (None, Some(Mark::Skip)) => counts.skipped += 1,
                (None, Some(Mark::Exclude)) => counts.excluded += 1,
                (None, None) => {}
            }
        }
        counts
    }
}

fn images(session: &Session, rows: &Rows, seconds_left: Option<u64>) -> ImagesView {
    let skipped = session.setup.images.skipped.iter();
    // A file whose name does not claim to be an image is nobody's loss.
    let skipped = skipped.filter(|one| one.reason != crate::dataset::SkipReason::NotAnImage);
    let folder = session.setup.images.folder.as_deref();
    let mut failed: Vec<FailedView> = skipped
        .map(|one| FailedView {
            path: folder
                .and_then(|folder| one.path.strip_prefix(folder).ok())
                .unwrap_or(&one.path)
                .display()
                .to_string(),
            reason: one.reason.to_string(),
        })
        .collect();
    failed.extend(rows.failures().iter().map(|(&image, reason)| FailedView {
        path: session.setup.images.images[image].name.clone(),
        reason: reason.clone(),
    }));
    let failed_total = failed.len();
    failed.truncate(FAILED_SHOWN);
    ImagesView {
        total: rows.len(),
        embedded: rows.ready(),
        failed,
        failed_total,
        seconds_left,
    }
}

/// Suggestions that have not been followed yet.
fn suggested(
    suggestions: &[Suggested],
    column: &[u8],
    lesson: Option<&Lesson>,
    numbers: &ClassNumbers<'_>,
) -> Vec<SuggestionView> {
    let free = suggestions.iter().filter(|one| column[one.image] == NONE);
    let answer = |image: usize| {
        let lesson = lesson.filter(|lesson| lesson.scores.is_about(image))?;
        let number = numbers.of(&lesson.head.classes()[lesson.scores.best[image]]);
        (number != NONE).then_some(number)
    };
    free.map(|one| SuggestionView {
        image: one.image,
        reason: one.kind(),
        words: one.words(),
        answer: answer(one.image),
    })
    .collect()
}

fn suspects(
    lesson: Option<&Lesson>,
    labels: &LabelState,
    numbers: &ClassNumbers<'_>,
    rows: &Rows,
) -> Vec<SuspectView> {
    let Some(lesson) = lesson else {
        return Vec::new();
    };
    let classes = lesson.head.classes();
    let view = |one: &crate::head::Suspect| {
        let label = labels.images().get(&one.image)?.label.as_deref()?;
        // The label was corrected since.
        let is_current = label == classes[one.labelled];
        is_current.then_some(SuspectView {
            image: *rows.images_of(&one.image).first()?,
            label: numbers.of(label),
            answer: numbers.of(&classes[one.likely]),
            probability: one.likely_probability,
        })
    };
    lesson
        .head
        .training()
        .suspects
        .iter()
        .filter_map(view)
        .collect()
}

fn groups(looks: &Looks, column: &[u8], labels: &LabelState) -> Vec<GroupView> {
    let Some(groups) = &looks.groups else {
        return Vec::new();
    };
    let group = |(id, members): (usize, &Vec<usize>)| {
        let mut counts = BTreeMap::<u8, usize>::new();
        for &image in members {
            if usize::from(column[image]) < labels.classes().len() {
                *counts.entry(column[image]).or_default() += 1;
            }
        }
        let most = counts
            .iter()
            .max_by_key(|&(class, &count)| (count, std::cmp::Reverse(*class)));
        GroupView {
            id,
            name: most.map(|(&class, _)| labels.classes()[usize::from(class)].clone()),
            size: members.len(),
            labels: counts.values().sum(),
            named: most.map_or(0, |(_, &count)| count),
            medoids: members.iter().take(MEDOIDS).copied().collect(),
            odd: members
                .iter()
                .skip(MEDOIDS)
                .rev()
                .take(ODD_SHOWN)
                .copied()
                .collect(),
        }
    };
    groups.members.iter().enumerate().map(group).collect()
}

fn oddest(ranking: Option<&Ranking>) -> Vec<usize> {
    let images = ranking
        .map(|ranking| ranking.images.as_slice())
        .unwrap_or_default();
    images.iter().take(OUTLIERS_SHOWN).copied().collect()
}
