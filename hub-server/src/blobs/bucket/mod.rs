//! Blobs in a bucket of an object store that speaks the S3 protocol.
//!
//! `<prefix>/sha256/ab/<hex>` holds whole blobs only; of what is being uploaded, `<prefix>/uploads/<id>/`
//! has the pieces. Nothing is kept on this machine, so any replica goes on with what another began.

mod open;
mod read;
mod upload;
mod write;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use registry_schema::digest::Digest;
use tokio::runtime::Runtime;

use super::{BlobError, StoredBlob};

pub(crate) use self::read::{Object, is_store_fault};
pub(crate) use self::upload::BucketUpload;

/// Whoever asks whether the store can be reached waits no longer than this.
const READY_PATIENCE: Duration = Duration::from_secs(5);

/// What failed is done again for so long; a store that is silent takes longer, and is not asked again.
const ASK_FOR: Duration = Duration::from_secs(5);

/// How long to wait before; longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// An object of another size than it should have is looked at again for so long.
const SETTLES_IN: Duration = Duration::from_secs(2);

/// A bucket; clones share its connections.
#[derive(Clone)]
pub(super) struct Bucket {
    shared: Arc<Shared>,
}

struct Shared {
    store: AmazonS3,
    /// Begins every name; empty, or with a slash at its end.
    prefix: String,
    /// As people know it.
    name: String,
    threads: Threads,
}

/// The threads that move bytes, whoever waits for them.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for them is not allowed everywhere where a hub may end.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    /// Size and age of a blob, if it is there.
    pub(super) fn stat(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        let path = self.blob_path(digest);
        let found = self.ask(&path, |store, path| async move { store.head(&path).await });
        match found {
            Ok(meta) => Ok(Some(stored(*digest, &meta))),
            Err(Refusal::Store(Error::NotFound { .. })) => Ok(None),
            Err(other) => Err(self.error("look for", &path, other)),
        }
    }

    /// The same of a blob that should have this size. Some stores write an object in its place, and show it shorter
    /// while another server writes the same; so another size counts only when it stays.
    pub(super) fn stat_of(
        &self,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<Option<StoredBlob>, BlobError> {
        let started = Instant::now();
        loop {
            let found = self.stat(digest)?;
            let is_other = found.is_some_and(|blob| blob.size_bytes != size_bytes);
            if !is_other || started.elapsed() >= SETTLES_IN {
                return Ok(found);
            }
            std::thread::sleep(FIRST_PAUSE);
        }
    }

    /// A blob that is there, to be read.
    pub(super) fn object(&self, blob: &StoredBlob) -> Object {
        let path = self.blob_path(&blob.digest);
        Object::new(self.clone(), path, blob.size_bytes)
    }

    /// All blobs, in no order.
    pub(super) fn list(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let listed = self.list_below(&self.path("sha256"))?;
        let blob = |meta: &ObjectMeta| {
            let digest = Digest::from_hex(meta.location.filename()?).ok()?;
            let is_its_place = meta.location == self.blob_path(&digest);
            is_its_place.then(|| stored(digest, meta))
        };
        Ok(listed.iter().filter_map(blob).collect())
    }

    /// Removes a blob, if it is there.
    pub(super) fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        self.delete(&self.blob_path(digest))
    }

    /// An address at which anybody gets a blob for this long.
    pub(super) fn signed_url(
        &self,
        digest: &Digest,
        validity: Duration,
    ) -> Result<String, BlobError> {
        let path = self.blob_path(digest);
        let signed = self.ask(&path, move |store, path| async move {
            // GET is the default.
            store.signed_url(Default::default(), &path, validity).await
        });
        match signed {
            Ok(url) => Ok(url.into()),
            Err(error) => Err(self.error("sign an address of", &path, error)),
        }
    }

    /// Fails unless the store answers.
    pub(super) fn check_ready(&self) -> Result<(), BlobError> {
        // Nothing has this name; who is told so may read.
        let path = self.path("sha256/ready");
        let asked = self.ask(&path, |store, path| async move {
            match tokio::time::timeout(READY_PATIENCE, store.head(&path)).await {
                Ok(Ok(_) | Err(Error::NotFound { .. })) => Ok(()),
                Ok(Err(error)) => Err(error),
                Err(late) => Err(Error::Generic {
                    store: "S3",
                    source: Box::new(late),
                }),
            }
        });
        asked.map_err(|error| self.error("look for", &path, error))
    }

    fn put(&self, path: &Path, bytes: Bytes) -> Result<(), BlobError> {
        let put = self.ask(path, |store, path| {
            let payload = PutPayload::from_bytes(bytes.clone());
            async move { store.put(&path, payload).await }
        });
        put.map(drop)
            .map_err(|error| self.error("write", path, error))
    }

    fn delete(&self, path: &Path) -> Result<(), BlobError> {
        let deleted = self.ask(path, |store, path| async move { store.delete(&path).await });
        match deleted {
            Ok(()) | Err(Refusal::Store(Error::NotFound { .. })) => Ok(()),
            Err(other) => Err(self.error("remove", path, other)),
        }
    }

    fn list_below(&self, path: &Path) -> Result<Vec<ObjectMeta>, BlobError> {
        let listed = self.ask(path, |store, path| async move {
            store.list(Some(&path)).try_collect::<Vec<_>>().await
        });
        listed.map_err(|error| self.error("list", path, error))
    }

    /// Has the bucket's threads do something to an object that may be done twice, and waits for it.
    /// The store's client asks again when it got no answer; this does so when the answer was cut.
    fn ask<T: Send + 'static, F>(
        &self,
        path: &Path,
        work: impl Fn(AmazonS3, Path) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let answer = self.ask_unless(path, || false, work)?;
        answer.ok_or(Refusal::Interrupted)
    }

    /// The same, which asks after each failure whether it is needed any more; `None` when it is not.
    fn ask_unless<T: Send + 'static, F>(
        &self,
        path: &Path,
        is_done: impl Fn() -> bool,
        work: impl Fn(AmazonS3, Path) -> F,
    ) -> Result<Option<T>, Refusal>
    where
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let done = self.start(work(self.shared.store.clone(), path.clone()));
            let refusal = match done.wait() {
                Ok(answer) => return Ok(Some(answer)),
                Err(refusal) => refusal,
            };
            if is_done() {
                return Ok(None);
            }
            if !refusal.may_pass() || started.elapsed() >= ASK_FOR {
                return Err(refusal);
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
    }

    /// Has the bucket's threads do something.
    fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Answer<T> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.spawn(async move {
            // Nobody is there to hear it when the program ends.
            let _ = sender.send(work.await);
        });
        Answer(receiver)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.shared.threads.0 {
            runtime.spawn(work);
        }
    }

    fn error(&self, action: &'static str, path: &Path, refusal: Refusal) -> BlobError {
        match refusal {
            Refusal::Store(error) => self.broken(action, path, error),
            Refusal::Interrupted => self.broken(action, path, "it was interrupted"),
        }
    }

    fn broken(
        &self,
        action: &'static str,
        path: &Path,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> BlobError {
        BlobError::Store {
            action,
            name: format!("{path} of {}", self.shared.name),
            source: source.into(),
        }
    }

    fn path(&self, below: &str) -> Path {
        Path::from(format!("{}{below}", self.shared.prefix))
    }

    fn blob_path(&self, digest: &Digest) -> Path {
        let hex = digest.to_hex();
        self.path(&format!("sha256/{}/{hex}", &hex[..2]))
    }
}

/// What the store will say.
struct Answer<T>(std::sync::mpsc::Receiver<object_store::Result<T>>);

impl<T> Answer<T> {
    fn wait(self) -> Result<T, Refusal> {
        let answer = self.0.recv().map_err(|_| Refusal::Interrupted)?;
        answer.map_err(Refusal::Store)
    }
}

/// Why the store did not do something.
enum Refusal {
    Store(Error),
    Interrupted,
}

impl Refusal {
    /// Whether it may go better later: the store was away, or is doing something else with the object (409).
    fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Store(Error::Generic { .. } | Error::AlreadyExists { .. })
        )
    }
}

fn stored(digest: Digest, meta: &ObjectMeta) -> StoredBlob {
    StoredBlob {
        digest,
        size_bytes: meta.size,
        written_at: written_at(meta),
    }
}

fn written_at(meta: &ObjectMeta) -> SystemTime {
    SystemTime::from(meta.last_modified)
}

/// Without keys.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.shared.name)
    }
}
