//! Bringing the files of a release into the store.

use futures_util::{StreamExt, TryStreamExt, stream};
use registry_schema::limits;
use registry_schema::name::Name;
use registry_schema::statement::{ReleaseFile, ReleaseStatement};
use semver::Version;

use super::{PullError, PullRequest};
use crate::registry::{Moved, Progress, Registry, Wanted};
use crate::store::{Store, StoreError};

/// Small files that are brought at once; each may take a round trip only.
const SMALL_AT_ONCE: usize = 8;

/// Where the files of a release came from; the rest was here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Bytes that came from the hub.
    pub fetched_bytes: u64,
    /// Bytes that were taken from another release that is installed.
    pub reused_bytes: u64,
    /// Files of which such a release has another state, and that were fetched whole nevertheless.
    pub not_reused: Vec<NotReused>,
}

/// A file that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReused {
    /// Its path in the release.
    pub path: String,
    /// Why, in words.
    pub reason: String,
}

impl Fetched {
    fn add(&mut self, path: &str, moved: Moved) {
        self.fetched_bytes += moved.fetched_bytes;
        self.reused_bytes += moved.reused_bytes;
        self.not_reused
            .extend(moved.not_reused.map(|reason| NotReused {
                path: path.to_owned(),
                reason,
            }));
    }
}

/// Brings all files of a release: small ones together, then each large one, which comes in parallel
/// ranges itself.
pub(super) async fn fetch_files(
    request: &PullRequest<'_>,
    release: &ReleaseStatement,
) -> Result<Fetched, PullError> {
    let sizes = release.files().iter().map(|file| file.size_bytes);
    request.progress.expects(sizes.sum());
    let manifest = release.manifest();
    let fetch = async |file: &ReleaseFile| {
        let (store, registry, progress) = (request.store, request.registry, request.progress);
        let (name, version) = (&manifest.name, &manifest.version);
        let moved = fetch_blob(store, registry, progress, name, version, file).await?;
        Ok::<_, PullError>((file.path.clone(), moved))
    };
    let is_small = |file: &&ReleaseFile| file.size_bytes < limits::DELTA_BYTES;
    let (small, large): (Vec<_>, Vec<_>) = release.files().iter().partition(is_small);
    let mut fetched = Fetched::default();
    let mut coming = stream::iter(small)
        .map(&fetch)
        .buffer_unordered(SMALL_AT_ONCE);
    while let Some((path, moved)) = coming.try_next().await? {
        fetched.add(&path, moved);
    }
    for file in large {
        let (path, moved) = fetch(file).await?;
        fetched.add(&path, moved);
    }
    Ok(fetched)
}

/// Brings one file of a release into the store; nothing is moved when it is here and whole.
pub(crate) async fn fetch_blob(
    store: &Store,
    registry: &Registry,
    progress: &Progress,
    name: &Name,
    version: &Version,
    file: &ReleaseFile,
) -> Result<Moved, PullError> {
    let (store, name, version) = (store.clone(), name.clone(), version.clone());
    let wanted = file.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let lock = store.lock_blob(&wanted.digest)?;
        if store.check_blob(&wanted.digest, wanted.size_bytes)? {
            return Ok::<_, StoreError>(None);
        }
        let earlier = store.earlier_blob(&name, &version, &wanted)?;
        Ok(Some((lock, name, earlier)))
    });
    let Some((lock, name, earlier)) = looked.await.map_err(|_| PullError::Stopped)?? else {
        progress.moved(file.size_bytes)?;
        return Ok(Moved::default());
    };
    if let Some(mirror) = registry.mirror() {
        let (digest, partial) = (&file.digest, lock.partial());
        let fetched = mirror.fetch(&name, digest, file.size_bytes, partial, progress);
        if fetched.await? {
            lock.finish()?;
            return Ok(Moved::default());
        }
    }
    let wanted = Wanted {
        name: &name,
        digest: &file.digest,
        size_bytes: file.size_bytes,
        earlier: earlier.as_ref(),
    };
    let moved = registry.download(&wanted, lock.partial(), progress).await?;
    lock.finish()?;
    Ok(moved)
}
