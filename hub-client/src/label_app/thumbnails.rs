//! Small pictures, made once by a confined process and kept in the cache by the content of the image.
//!
//! A process for each picture would take longer than the picture: who asks puts it on a list, and one thread
//! has all that is on the list made at once, with some more that are likely to be asked for next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Pictures that are made together: nobody waits for more than these at a time.
const TOGETHER: usize = 24;

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
    /// The last that was wanted: what follows it is likely to be asked for next.
    ahead_of: Option<usize>,
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
        if let Some(made) = drawing.list().made.get(&image) {
            return made.as_ref().map(|jpeg| jpeg.to_vec());
        }
        drawing.want([image]);
        let is_done = || !drawing.list().wanted.contains(&image);
        if !drawing.errand.wait_until(PATIENCE, is_done) {
            return None;
        }
    }
}

/// Has pictures made that will be asked for at once.
pub(super) fn prepare(session: &Session, images: impl Iterator<Item = usize>) {
    let missing: Vec<usize> = images.filter(is_missing(session)).collect();
    session.drawing.want(missing);
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
    drawing.errand.run(
        || session.is_stopping(),
        || {
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
            let mut jpegs = Vec::with_capacity(images.len());
            for (image, picture) in images.into_iter().zip(made) {
                let jpeg = picture.map(|picture| Arc::new(picture.to_jpeg()));
                if let (Some(jpeg), Some(path)) = (&jpeg, place(session, image)) {
                    // What cannot be kept is made again.
                    let _ = files::write_remade(&path, jpeg);
                }
                jpegs.push((image, jpeg));
            }
            let mut list = drawing.list();
            if list.made.len() > AT_HAND {
                list.made.clear();
            }
            for (image, jpeg) in jpegs {
                list.wanted.remove(&image);
                list.made.insert(image, jpeg);
            }
            let is_more = !list.wanted.is_empty() || list.ahead_of.is_some();
            drop(list);
            if is_more {
                drawing.errand.ask();
            }
        },
    );
}

impl Drawing {
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn want(&self, images: impl IntoIterator<Item = usize>) {
        self.list().wanted.extend(images);
        self.errand.ask();
    }
}

/// What is wanted; when that is done, what follows it, once.
fn next(session: &Session) -> Vec<usize> {
    let last = {
        let mut list = session.drawing.list();
        let wanted: Vec<usize> = list.wanted.iter().copied().take(TOGETHER).collect();
        if let Some(&last) = wanted.last() {
            list.ahead_of = Some(last);
            return wanted;
        }
        list.ahead_of.take()
    };
    let Some(last) = last else {
        return Vec::new();
    };
    let later = (last + 1..session.total()).take(4 * TOGETHER);
    later.filter(is_missing(session)).take(TOGETHER).collect()
}

fn is_missing(session: &Session) -> impl Fn(&usize) -> bool {
    |&image| {
        session.rows().is_ready(image)
            && !session.drawing.list().made.contains_key(&image)
            && place(session, image).is_some_and(|path| !path.exists())
    }
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
