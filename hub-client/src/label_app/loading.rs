//! Features of the images, while the page is open already: known ones from the cache, the others through the
//! worker, in an order of chance so that the first ones say something of all.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use registry_schema::digest::Digest;

use super::LabelError;
use super::progress::Work;
use super::rows::Presence;
use super::session::Session;
use crate::causes::with_causes;
use crate::dataset::ImageFile;
use crate::explore::{SplitMix64, over_blocks};
use crate::features::{FeatureCache, FileState, SeenFiles};
use crate::worker::WorkerError;

/// Images whose features are put in their places together.
const BATCH: usize = 64;

/// How often the page hears of progress.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// How often a head scores what has come meanwhile.
const SCORE_EVERY: Duration = Duration::from_secs(2);

/// Images with features from which on there is something to suggest.
pub(super) const ENOUGH: usize = 32;

/// Images that are known when what was seen of files is written down.
const SAVE_EVERY: usize = 2_000;

/// Brings the features of all images.
pub(super) fn load(session: &Session) {
    let folder = session.setup.images.folder.clone().unwrap_or_default();
    let mut seen = SeenFiles::of_folder(&session.setup.cache, &folder);
    // 1. files that were read before, as far as their features are kept
    from_cache(session, &seen);
    told(session);
    // 2. the others
    let is_complete = session.rows().is_complete();
    let ended = match is_complete {
        true => Ok(()),
        false => through_worker(session, &mut seen),
    };
    // 3. that was all; what cannot be kept is read again
    let _ = seen.save();
    if let Err(LabelError::Worker(WorkerError::Cancelled)) = ended {
        return;
    }
    session.put_progress(|progress| progress.seconds_left = None);
    session.tell(Work::Loading, ended.as_ref().err());
    told(session);
    session.looking.ask();
}

/// Has everybody look at what has come.
fn told(session: &Session) {
    session.changed();
    session.teaching.ask();
    session.suggesting.ask();
}

fn from_cache(session: &Session, seen: &SeenFiles) {
    let images = &session.setup.images.images;
    let folder = session.setup.cache.join("features");
    let origin = &session.setup.extractor.origin;
    let reader = || Reader {
        cache: FeatureCache::open(&folder, origin).ok(),
        found: Vec::new(),
        named: Vec::new(),
    };
    let read = |reader: &mut Reader, block: usize| {
        let start = block * BATCH;
        for (image, file) in images.iter().enumerate().skip(start).take(BATCH) {
            let Some(digest) = seen.digest(file) else {
                continue;
            };
            match reader.cache.as_ref().and_then(|cache| cache.get(&digest)) {
                Some(features) => reader.found.push((image, digest, features)),
                None => reader.named.push((image, digest)),
            }
        }
        let mut rows = session.rows_mut();
        for (image, digest, features) in reader.found.drain(..) {
            rows.put(image, digest, &features);
        }
        for (image, digest) in reader.named.drain(..) {
            rows.name(image, digest);
        }
    };
    over_blocks(
        images.len().div_ceil(BATCH),
        session.setup.threads,
        reader,
        read,
    );
}

/// A thread that looks features up.
struct Reader {
    cache: Option<FeatureCache>,
    found: Vec<(usize, Digest, Vec<f32>)>,
    /// Known by content, without features.
    named: Vec<(usize, Digest)>,
}

fn through_worker(session: &Session, seen: &mut SeenFiles) -> Result<(), LabelError> {
    let setup = &session.setup;
    let order = order(session);
    let image = |place: usize| &setup.images.images[order[place]];
    let paths: Vec<PathBuf> = (0..order.len())
        .map(|place| image(place).path.clone())
        .collect();
    let states: Vec<Option<FileState>> = paths.iter().map(|path| FileState::of(path)).collect();
    let cache = FeatureCache::open(&setup.cache.join("features"), &setup.extractor.origin)?;
    let mut arrivals = Arrivals::new(session, order.len());
    let files = &setup.extractor.files;
    let ended = setup
        .worker
        .embed(files, &paths, Some(&cache), |place, result| {
            match result {
                Ok(row) => {
                    if !row.is_cached {
                        cache.insert(&row.sha256, &row.features)?;
                    }
                    if let Some(state) = states[place] {
                        seen.note(image(place), state, row.sha256);
                    }
                    arrivals.come(order[place], Ok((row.sha256, row.features)));
                }
                Err(failure) => arrivals.come(order[place], Err(with_causes(&failure))),
            }
            if (place + 1) % SAVE_EVERY == 0 {
                // Reading files again is all that is lost.
                let _ = seen.save();
            }
            Ok::<(), LabelError>(())
        });
    arrivals.settle();
    cache.flush()?;
    ended.map(|_| ())
}

/// The images that wait, those of the journal first, the others shuffled.
fn order(session: &Session) -> Vec<usize> {
    let rows = session.rows();
    let images = &session.setup.images.images;
    let mut order: Vec<usize> = (0..rows.len())
        .filter(|&image| rows.presence(image) == Presence::Waiting)
        .collect();
    SplitMix64::new(0).shuffle(&mut order);
    let labels = session.labels();
    let known: std::collections::BTreeSet<&str> = labels
        .images()
        .values()
        .map(|known| known.path.as_str())
        .collect();
    let is_known = |image: usize| known.contains(images[image].name.as_str());
    order.sort_by_key(|&image| !is_known(image));
    order
}

/// What becomes of an image: its content and features, or why there are none.
type Arrival = Result<(Digest, Vec<f32>), String>;

/// What the worker has sent and is not in its place yet.
struct Arrivals<'a> {
    session: &'a Session,
    waiting: Vec<(usize, Arrival)>,
    expected: usize,
    come: usize,
    started: Instant,
    told: Instant,
    scored: Instant,
}

impl<'a> Arrivals<'a> {
    fn new(session: &'a Session, expected: usize) -> Self {
        let now = Instant::now();
        Self {
            session,
            waiting: Vec::new(),
            expected,
            come: 0,
            started: now,
            told: now,
            scored: now,
        }
    }

    fn come(&mut self, image: usize, arrival: Arrival) {
        self.waiting.push((image, arrival));
        self.come += 1;
        if self.waiting.len() >= BATCH || self.come == ENOUGH || self.told.elapsed() >= TELL_EVERY {
            self.settle();
        }
    }

    /// Puts what has come in its place, and says so.
    fn settle(&mut self) {
        let mut rows = self.session.rows_mut();
        for (image, arrival) in self.waiting.drain(..) {
            match arrival {
                Ok((digest, features)) => rows.put(image, digest, &features),
                Err(reason) => rows.fail(image, reason),
            }
        }
        let is_first = rows.ready() >= ENOUGH && self.come <= ENOUGH;
        drop(rows);
        let left = (self.expected - self.come) as f64;
        let seconds = self.started.elapsed().as_secs_f64() / self.come.max(1) as f64 * left;
        let seconds = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or_default();
        self.session
            .put_progress(|progress| progress.seconds_left = Some(seconds.as_secs()));
        self.told = Instant::now();
        if is_first || self.scored.elapsed() >= SCORE_EVERY {
            self.scored = Instant::now();
            told(self.session);
        }
    }
}

/// The features of one picture that is no image of the session, and its content.
pub(super) fn of_picture(
    session: &Session,
    picture: &[u8],
) -> Result<(Digest, Vec<f32>), LabelError> {
    let folder = crate::files::scratch_dir()?;
    let path = folder.path().join("picture");
    crate::files::write_atomic(&path, picture)?;
    let mut found = None;
    let setup = &session.setup;
    // A person waits for it: one thread loads faster than two.
    let worker = setup.worker.clone().with_batch(NonZeroUsize::new(1));
    worker.embed(&setup.extractor.files, &[path], None, |_, result| {
        let row = result.map_err(LabelError::Picture)?;
        found = Some((row.sha256, row.features));
        Ok::<(), LabelError>(())
    })?;
    found.ok_or_else(|| LabelError::Request {
        problem: "it holds no picture".to_owned(),
    })
}

/// The content of an image, read when it is not known yet.
pub(super) fn digest_of(session: &Session, image: usize) -> Result<Digest, LabelError> {
    if let Some(digest) = session.rows().digest(image) {
        return Ok(digest);
    }
    let file: &ImageFile = &session.setup.images.images[image];
    let digest = crate::files::digest_of_file(&file.path)?;
    session.rows_mut().name(image, digest);
    Ok(digest)
}
