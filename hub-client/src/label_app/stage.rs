//! Which session is on, and how one through another extractor takes its place while pages are open.
//!
//! Labels belong to pictures. So the journal, what may be undone and done again, the images and their numbers, the
//! small pictures and the versions that pages follow stay as they are; features, the head and everything that follows
//! from them begin anew, labelled images first. Nothing is written for it: whoever kills the program meanwhile finds the
//! journal as it was.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use super::session::Session;
use super::setup::SessionExtractor;
use super::{LabelError, loading, looking, suggesting, teaching, thumbnails};

/// The session that is on.
pub(super) struct Stage {
    on: RwLock<Arc<Session>>,
    /// The thread that brings its features; held by who puts another session on.
    loader: Mutex<Option<JoinHandle<()>>>,
}

impl Stage {
    /// A session begins.
    pub(super) fn new(session: Arc<Session>) -> Self {
        let loader = begin(&session, None);
        Self {
            on: RwLock::new(session),
            loader: Mutex::new(Some(loader)),
        }
    }

    /// The one that is on now.
    pub(super) fn session(&self) -> Arc<Session> {
        let on = self.on.read().unwrap_or_else(PoisonError::into_inner);
        on.clone()
    }

    /// Goes on through the installed extractor of this exact name and version. When it does not load, everything stays
    /// as it is.
    ///
    /// # Errors
    /// [`LabelError::NoSuchExtractor`], [`LabelError::Rivals`], [`LabelError::Worker`].
    pub(super) fn take(&self, release: &str) -> Result<(), LabelError> {
        // One after the other: who presses twice gets it once.
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.session();
        if before.setup.extractor.release.to_string() == release {
            return Ok(());
        }
        let rivals = (before.setup.rivals)().map_err(|reason| LabelError::Rivals { reason })?;
        let mut extractors = rivals.into_iter().map(|rival| rival.extractor);
        let extractor = extractors
            .find(|one| one.release.to_string() == release)
            .ok_or_else(|| LabelError::NoSuchExtractor {
                release: release.chars().take(200).collect(),
            })?;
        try_out(&before, &extractor)?;
        let session = Arc::new(before.through(extractor));
        // From here on the one before tells this one what is written into the journal, so nothing is missed by both.
        before.give_way(session.clone());
        *self.on.write().unwrap_or_else(PoisonError::into_inner) = session.clone();
        *loader = Some(begin(&session, loader.take()));
        session.changed();
        (session.setup.taken)(&session.setup.extractor.release);
        Ok(())
    }
}

/// Has an extractor look at one image; whatever it says of that one, it can be run.
fn try_out(session: &Session, extractor: &SessionExtractor) -> Result<(), LabelError> {
    let setup = &session.setup;
    let first = setup.images.images.iter().take(1);
    let first: Vec<PathBuf> = first.map(|image| image.path.clone()).collect();
    let told = |_, _| Ok::<(), LabelError>(());
    setup
        .worker
        .embed(&extractor.files, &first, None, told)
        .map(drop)
}

/// Starts the threads of a session; features are brought when the thread that brought those of the session before has
/// ended, and has written down what it knew.
fn begin(session: &Arc<Session>, before: Option<JoinHandle<()>>) -> JoinHandle<()> {
    let threads: [fn(&Session); 5] = [
        teaching::teach,
        suggesting::propose,
        looking::look,
        looking::group,
        thumbnails::draw,
    ];
    for thread in threads {
        let session = session.clone();
        std::thread::spawn(move || thread(&session));
    }
    let session = session.clone();
    std::thread::spawn(move || {
        if let Some(before) = before {
            // A thread that broke off has nothing to write down.
            let _ = before.join();
        }
        loading::load(&session);
    })
}
