//! What all parts of a session share, and who may change what.
//!
//! The journal decides what the labels are; everything else follows from it and from the features. Threads
//! keep up: one learns and scores ([`super::teaching`]), one suggests ([`super::suggesting`]), two look at the
//! whole ([`super::looking`]). Each puts its result here as a whole and raises the version.
//!
//! A session looks through one extractor. Another one is another session on the same journal ([`super::stage`]).

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use tokio::sync::watch;

use super::LabelError;
use super::book::Book;
use super::compare::Comparison;
use super::errand::Errand;
use super::looking::Looks;
use super::progress::{Problem, Progress, Work};
use super::rows::{Rows, SharedRows};
use super::secret;
use super::setup::{SessionExtractor, Setup};
use super::suggesting::Suggested;
use super::teaching::Lesson;
use super::thumbnails::Drawing;
use crate::dataset::{Deed, LabelState};
use crate::features::name_of_set;

/// A running session.
pub(super) struct Session {
    /// Its worker stops with the session too.
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
    pub(super) drawing: Arc<Drawing>,
    rows: SharedRows,
    book: Arc<Mutex<Book>>,
    lesson: RwLock<Option<Arc<Lesson>>>,
    suggestions: RwLock<Arc<Vec<Suggested>>>,
    steps: Mutex<Steps>,
    /// Images that were drawn at random and proposed.
    drawn: Arc<Mutex<BTreeSet<usize>>>,
    looks: RwLock<Arc<Looks>>,
    wishes: Arc<Mutex<Wishes>>,
    comparison: Mutex<Comparison>,
    progress: Mutex<Progress>,
    version: Arc<watch::Sender<u64>>,
    next: OnceLock<Next>,
    is_over: Arc<AtomicBool>,
}

/// What has taken a session's place.
struct Next {
    session: Arc<Session>,
    /// The last version of the session before: whoever reads that one still is asked to read again.
    last: u64,
}

/// What stays when another extractor is taken: all that is known of the images without one.
struct Shared {
    name: String,
    run: String,
    drawing: Arc<Drawing>,
    book: Arc<Mutex<Book>>,
    drawn: Arc<Mutex<BTreeSet<usize>>>,
    wishes: Arc<Mutex<Wishes>>,
    version: Arc<watch::Sender<u64>>,
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

impl Session {
    /// Opens the journal; nothing is computed yet.
    pub(super) fn open(setup: Setup) -> Result<Self, LabelError> {
        let rows = Rows::new(setup.images.images.len(), setup.extractor.origin.dimension);
        let shared = Shared {
            name: name_of_set(&setup.images.images),
            run: secret::random()?,
            drawing: Arc::default(),
            book: Arc::new(Mutex::new(Book::open(&setup.journal)?)),
            drawn: Arc::default(),
            wishes: Arc::new(Mutex::new(Wishes {
                coverage: crate::head::TrainingSettings::default().coverage,
                groups: None,
            })),
            version: Arc::new(watch::Sender::new(1)),
        };
        Ok(Self::with(setup, rows, shared, Comparison::default()))
    }

    /// One on the same images and labels through another extractor; nothing is computed yet.
    pub(super) fn through(&self, extractor: SessionExtractor) -> Self {
        let dimension = extractor.origin.dimension;
        let rows = Rows::of_known(&self.rows(), dimension);
        let comparison = self.comparison().seen_from(&extractor.release);
        let setup = Setup {
            extractor,
            ..self.setup.clone()
        };
        let shared = Shared {
            name: self.name.clone(),
            run: self.run.clone(),
            drawing: self.drawing.clone(),
            book: self.book.clone(),
            drawn: self.drawn.clone(),
            wishes: self.wishes.clone(),
            version: self.version.clone(),
        };
        Self::with(setup, rows, shared, comparison)
    }

    fn with(mut setup: Setup, rows: Rows, shared: Shared, comparison: Comparison) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let stops = vec![setup.stop.clone(), is_over.clone()];
        setup.worker = setup.worker.stopped_by_any(stops);
        Self {
            name: shared.name,
            run: shared.run,
            teaching: Errand::default(),
            suggesting: Errand::default(),
            looking: Errand::default(),
            grouping: Errand::default(),
            drawing: shared.drawing,
            rows: SharedRows::new(rows),
            book: shared.book,
            lesson: RwLock::default(),
            suggestions: RwLock::default(),
            steps: Mutex::default(),
            drawn: shared.drawn,
            looks: RwLock::default(),
            wishes: shared.wishes,
            comparison: Mutex::new(comparison),
            progress: Mutex::default(),
            version: shared.version,
            next: OnceLock::new(),
            is_over,
            setup,
        }
    }

    /// Another session takes this one's place: it hears of what is written down here from now on, and the threads
    /// of this one end.
    pub(super) fn give_way(&self, session: Arc<Self>) {
        let last = *self.version.borrow();
        // Only one can.
        let _ = self.next.set(Next { session, last });
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether its threads are to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.setup.stop.load(Ordering::Relaxed) || self.is_over.load(Ordering::Relaxed)
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
        let version = *self.version.borrow();
        let last = self.next.get().map(|next| next.last);
        last.map_or(version, |last| version.min(last))
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
        // What was asked of this session a moment ago is asked of the one in its place too.
        if let Some(next) = self.next.get() {
            next.session.learn();
        }
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
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = progress.tell(work, error.map(Problem::of));
        drop(progress);
        if is_news {
            self.changed();
        }
    }

    pub(super) fn put_progress(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed();
    }
}
