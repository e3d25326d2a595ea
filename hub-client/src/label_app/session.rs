//! What all parts of a session share, and who may change what.
//!
//! The journal decides what the labels are; everything else follows from it and from the features. Threads
//! keep up: one learns and scores ([`super::teaching`]), one suggests ([`super::suggesting`]), two look at the
//! whole ([`super::looking`]). Each puts its result here as a whole and raises the version.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use registry_schema::manifest::Distance;
use tokio::sync::watch;

use super::LabelError;
use super::book::Book;
use super::compare::{Comparison, Rival};
use super::errand::Errand;
use super::looking::Looks;
use super::rows::{Rows, SharedRows};
use super::secret;
use super::suggesting::Suggested;
use super::teaching::Lesson;
use super::thumbnails::Drawing;
use crate::dataset::{Deed, ImageSet, LabelState};
use crate::features::{Origin, name_of_set};
use crate::head::{ExtractorRelease, HeadName, HeadStore, TransformKind};
use crate::runtime::ExtractorFiles;
use crate::worker::Worker;

/// What a session is about.
pub struct Setup {
    /// The images of one folder.
    pub images: ImageSet,
    /// The journal of labels, made when it is not there.
    pub journal: PathBuf,
    /// What computes the features.
    pub extractor: SessionExtractor,
    /// Runs it.
    pub worker: Worker,
    /// The folder of caches.
    pub cache: PathBuf,
    /// Where heads are kept.
    pub heads: HeadStore,
    /// What the head is called, when that is known.
    pub head: Option<HeadName>,
    /// The installed extractors, asked for when they are to be compared.
    pub rivals: Box<dyn Fn() -> Result<Vec<Rival>, String> + Send + Sync>,
    /// Threads for what is computed here.
    pub threads: NonZeroUsize,
    /// Ends everything when it is set.
    pub stop: Arc<AtomicBool>,
}

/// An installed extractor, as a session needs it.
#[derive(Clone, Debug)]
pub struct SessionExtractor {
    /// The exact release.
    pub release: ExtractorRelease,
    /// What its features are bound to.
    pub origin: Origin,
    /// What runs it.
    pub files: ExtractorFiles,
}

impl SessionExtractor {
    /// How its manifest compares vectors.
    pub(super) fn distance(&self) -> Distance {
        self.files.spec.output.distance
    }

    /// What heads on its features begin with.
    pub(super) fn transform(&self) -> TransformKind {
        self.files.spec.output.head_transform.into()
    }
}

/// A running session.
pub(super) struct Session {
    pub(super) setup: Setup,
    /// Another one when images come, go or change: names pictures that may be kept.
    pub(super) name: String,
    /// Another one at each start: images are counted anew then, so a page of before is told to load itself
    /// again.
    pub(super) run: String,
    pub(super) teaching: Errand,
    pub(super) suggesting: Errand,
    pub(super) looking: Errand,
    pub(super) grouping: Errand,
    pub(super) drawing: Drawing,
    rows: SharedRows,
    book: Mutex<Book>,
    lesson: RwLock<Option<Arc<Lesson>>>,
    suggestions: RwLock<Arc<Vec<Suggested>>>,
    steps: Mutex<Steps>,
    /// Images that were drawn at random and proposed.
    drawn: Mutex<BTreeSet<usize>>,
    looks: RwLock<Arc<Looks>>,
    wishes: Mutex<Wishes>,
    comparison: Mutex<Comparison>,
    progress: Mutex<Progress>,
    version: watch::Sender<u64>,
}

/// What was chosen on the page and is no label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wishes {
    /// Share of new images whose class is to be among the plausible ones.
    pub(super) coverage: f64,
    /// How many groups; a rule of thumb when absent.
    pub(super) groups: Option<NonZeroUsize>,
}

/// How far the work on the labels is: changes are counted, and each step says how many it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    changes: u64,
    learnt: u64,
    suggested: u64,
}

impl Steps {
    /// Whether the head has learnt from all labels.
    pub(super) fn is_learnt(self) -> bool {
        self.learnt >= self.changes
    }

    /// Whether the suggestions follow from all labels too.
    pub(super) fn is_suggested(self) -> bool {
        self.suggested >= self.changes
    }

    /// The changes that the head has learnt from.
    pub(super) fn learnt(self) -> u64 {
        self.learnt
    }
}

/// How far the features are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    /// Seconds until all images are looked at, when that can be said.
    pub(super) seconds_left: Option<u64>,
    /// Why something does not go on.
    problems: BTreeMap<Work, Problem>,
}

impl Progress {
    /// Why something does not go on, the most serious.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.problems.values().next().cloned()
    }
}

/// What is done in the background; who cannot do without which, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// The features.
    Loading,
    /// The head and its scores.
    Learning,
    /// What to label next.
    Suggesting,
    /// Odd ones, copies, the map.
    Looking,
    /// The groups.
    Grouping,
}

/// What a person has to know.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Session {
    /// Opens the journal; nothing is computed yet.
    pub(super) fn open(setup: Setup) -> Result<Self, LabelError> {
        let book = Book::open(&setup.journal)?;
        let rows = Rows::new(setup.images.images.len(), setup.extractor.origin.dimension);
        Ok(Self {
            name: name_of_set(&setup.images.images),
            run: secret::random()?,
            teaching: Errand::default(),
            suggesting: Errand::default(),
            looking: Errand::default(),
            grouping: Errand::default(),
            drawing: Drawing::default(),
            rows: SharedRows::new(rows),
            book: Mutex::new(book),
            lesson: RwLock::default(),
            suggestions: RwLock::default(),
            steps: Mutex::default(),
            drawn: Mutex::default(),
            looks: RwLock::default(),
            wishes: Mutex::new(Wishes {
                coverage: crate::head::TrainingSettings::default().coverage,
                groups: None,
            }),
            comparison: Mutex::default(),
            progress: Mutex::default(),
            version: watch::Sender::new(1),
            setup,
        })
    }

    /// Whether everything is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.setup.stop.load(Ordering::Relaxed)
    }

    /// How many images there are.
    pub(super) fn total(&self) -> usize {
        self.setup.images.images.len()
    }

    /// Refuses a number that is no image's.
    pub(super) fn check(&self, image: usize) -> Result<(), LabelError> {
        let total = self.total();
        if image < total {
            Ok(())
        } else {
            Err(LabelError::NoSuchImage { image, total })
        }
    }

    /// The version now, and the ones to come.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(super) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Something has changed.
    pub(super) fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Writes an action down that follows from what the journal says then, and has a head learn from it.
    pub(super) fn record(
        &self,
        deed: impl FnOnce(&LabelState) -> Result<Deed, LabelError>,
    ) -> Result<(), LabelError> {
        self.write(|book| {
            let deed = deed(&book.state())?;
            Ok(book.record(deed)?)
        })
    }

    /// Changes the journal, then has a head learn from what it says. Nobody waits for that: the change is on
    /// the disk.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, LabelError>,
    ) -> Result<T, LabelError> {
        let done = change(&mut self.book())?;
        self.learn();
        Ok(done)
    }

    /// Has a head learn anew.
    pub(super) fn learn(&self) {
        self.steps_mut().changes += 1;
        self.changed();
        self.teaching.ask();
    }

    /// How far the work on the labels is.
    pub(super) fn steps(&self) -> Steps {
        *self.steps_mut()
    }

    fn steps_mut(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes there were.
    pub(super) fn changes(&self) -> u64 {
        self.steps().changes
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the journal says.
    pub(super) fn labels(&self) -> Arc<LabelState> {
        self.book().state()
    }

    pub(super) fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read()
    }

    pub(super) fn rows_mut(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write()
    }

    /// The rows, to be read a part at a time.
    pub(super) fn all_rows(&self) -> &SharedRows {
        &self.rows
    }

    /// What a head says of all images.
    pub(super) fn lesson(&self) -> Option<Arc<Lesson>> {
        let lesson = self.lesson.read();
        lesson.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was learnt from the labels after so many changes.
    pub(super) fn put_lesson(&self, lesson: Option<Arc<Lesson>>, changes: u64) {
        *self.lesson.write().unwrap_or_else(PoisonError::into_inner) = lesson;
        self.steps_mut().learnt = changes;
        self.changed();
    }

    pub(super) fn suggestions(&self) -> Arc<Vec<Suggested>> {
        let suggestions = self.suggestions.read();
        suggestions.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What follows from the labels after so many changes: another list, or the one there is.
    pub(super) fn put_suggestions(&self, suggestions: Option<Vec<Suggested>>, changes: u64) {
        let is_other = suggestions.is_some();
        if let Some(suggestions) = suggestions {
            let random = suggestions.iter().filter(|one| one.is_random());
            self.drawn().extend(random.map(|one| one.image));
            let place = self.suggestions.write();
            *place.unwrap_or_else(PoisonError::into_inner) = Arc::new(suggestions);
        }
        let before = std::mem::replace(&mut self.steps_mut().suggested, changes);
        if is_other || before != changes {
            self.changed();
        }
    }

    /// Images that were drawn at random and proposed.
    pub(super) fn drawn(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn looks(&self) -> Arc<Looks> {
        self.looks
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes what is known of the whole.
    pub(super) fn update_looks(&self, change: impl FnOnce(&mut Looks)) {
        let mut looks = self.looks.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut looks));
        drop(looks);
        self.changed();
    }

    pub(super) fn wishes(&self) -> Wishes {
        *self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wish(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed();
    }

    pub(super) fn comparison(&self) -> MutexGuard<'_, Comparison> {
        self.comparison
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Some work has a problem, or has it no more.
    pub(super) fn tell(&self, work: Work, error: Option<&LabelError>) {
        let problem = error.map(Problem::of);
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.problems.get(&work) == problem.as_ref() {
            return;
        }
        progress.problems.remove(&work);
        progress
            .problems
            .extend(problem.map(|problem| (work, problem)));
        drop(progress);
        self.changed();
    }

    pub(super) fn put_progress(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed();
    }
}
