//! Small pictures, made once by a confined process and kept in the cache by the content of the image.
//!
//! A process for each picture would take longer than the picture: who asks puts it on a list, and one thread
//! has all that is on the list made at once, with some more that are likely to be asked for next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::errand::Errand;
use super::loading::digest_of;
use super::rows::Presence;
use super::session::Session;
use crate::files;

/// Longer side of a small picture, in pixels.
const SMALL: u32 = 224;

/// Longer side of a large one.
const LARGE: u32 = 2048;

/// Largest kept file that is believed.
const BYTES: u64 = 1 << 20;

/// Pictures that are made together.
const TOGETHER: usize = 48;

/// Pictures that are at hand without the cache.
const AT_HAND: usize = 512;

/// How long a picture is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The list of what is to be made.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    errand: Errand,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    wanted: BTreeSet<usize>,
    /// None for what cannot be made.
    made: BTreeMap<usize, Option<Arc<Vec<u8>>>>,
}

/// A JPEG at most 224 pixels a side, upright and on white; none when the image cannot be read.
pub(super) fn small(session: &Session, image: usize) -> Option<Vec<u8>> {
    if session.rows().presence(image) == Presence::Failed {
        return None;
    }
    if let Some(bytes) = kept(session, image) {
        return Some(bytes);
    }
    let drawing = &session.drawing;
    loop {
        {
            let mut list = drawing.list.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(made) = list.made.get(&image) {
                return made.as_ref().map(|jpeg| jpeg.to_vec());
            }
            list.wanted.insert(image);
        }
        let ticket = drawing.errand.ask();
        if !drawing.errand.wait(ticket, PATIENCE) {
            return None;
        }
    }
}

/// The same at most 2048 pixels a side; not kept.
pub(super) fn large(session: &Session, image: usize) -> Option<Vec<u8>> {
    let path = &session.setup.images.images[image].path;
    let mut made = session.setup.worker.pictures(&[path], LARGE).ok()?;
    Some(made.pop()??.to_jpeg())
}

/// Makes what is on the list whenever it is asked to, until the session stops.
pub(super) fn draw(session: &Session) {
    let drawing = &session.drawing;
    drawing.errand.run(&session.setup.stop, || {
        let images = next(session);
        let path = |&image: &usize| session.setup.images.images[image].path.as_path();
        let paths: Vec<_> = images.iter().map(path).collect();
        let made = session.setup.worker.pictures(&paths, SMALL);
        // One picture may have ended the process that drew all: each on its own then.
        let made = made.unwrap_or_else(|_| {
            let alone = |path: &&Path| {
                let mut made = session.setup.worker.pictures(&[*path], SMALL).ok()?;
                made.pop()?
            };
            paths.iter().map(alone).collect()
        });
        for (&image, picture) in images.iter().zip(&made) {
            if let (Some(picture), Some(path)) = (picture, place(session, image)) {
                // What cannot be kept is made again.
                let _ = files::write_remade(&path, &picture.to_jpeg());
            }
        }
        let mut list = drawing.list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.made.len() > AT_HAND {
            list.made.clear();
        }
        for (image, picture) in images.into_iter().zip(made) {
            list.wanted.remove(&image);
            let jpeg = picture.map(|picture| Arc::new(picture.to_jpeg()));
            list.made.insert(image, jpeg);
        }
    });
}

/// What is wanted, and what follows it.
fn next(session: &Session) -> Vec<usize> {
    let wanted: Vec<usize> = {
        let list = session
            .drawing
            .list
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        list.wanted.iter().copied().take(TOGETHER).collect()
    };
    let last = wanted.last().copied().unwrap_or_default();
    let room = TOGETHER - wanted.len();
    let later = (last + 1..session.total()).take(2 * TOGETHER);
    let is_missing = |&image: &usize| {
        session.rows().is_ready(image) && place(session, image).is_some_and(|path| !path.exists())
    };
    let mut images = wanted;
    if !images.is_empty() {
        images.extend(later.filter(is_missing).take(room));
    }
    images
}

fn kept(session: &Session, image: usize) -> Option<Vec<u8>> {
    let bytes = files::read_limited(&place(session, image)?, BYTES).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// Where a small picture is kept.
fn place(session: &Session, image: usize) -> Option<PathBuf> {
    let digest = digest_of(session, image).ok()?.to_hex();
    let folder = session.setup.cache.join("thumbnails").join(&digest[..2]);
    Some(folder.join(format!("{digest}-{SMALL}.jpg")))
}
