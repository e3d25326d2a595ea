//! Uploads: begun, continued at the byte where they ended, and made blobs when their digest is
//! right. Several requests may speak of one upload; one at a time writes to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::name::MemberName;
use tokio::sync::OwnedMutexGuard;

use crate::blobs::{Arriving, BlobError, Blobs, Finished, HashProgress};
use crate::cause::chain;
use crate::database::oci::{KeptBlob, bind_blob};
use crate::database::uploads::{self, UploadRow};
use crate::database::{Connection, Database, DatabaseError, blobs, collection};
use crate::quota::{self, QuotaError, check_bytes};
use crate::repository::{AnyDigest, Repository, Sha512, sha512_of};
use crate::tokens::{TokenError, random_id};

/// Uploads a member may have open at once.
const OPEN_UPLOADS: i64 = 256;

/// How long a request waits for another one that writes to the same upload.
const PATIENCE: Duration = Duration::from_secs(15);

type Session = Arc<tokio::sync::Mutex<HashProgress>>;

/// All uploads that are under way.
#[derive(Debug)]
pub(crate) struct Uploads {
    database: Database,
    blobs: Blobs,
    sessions: Mutex<HashMap<String, Session>>,
}

/// One upload, which belongs to a name and to the member that began it.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) repository: Repository,
    pub(crate) member: MemberName,
}

impl Uploads {
    pub(crate) fn new(database: Database, blobs: Blobs) -> Self {
        Self {
            database,
            blobs,
            sessions: Mutex::default(),
        }
    }

    /// Begins an upload under a name.
    pub(crate) async fn begin(
        &self,
        repository: &Repository,
        member: &MemberName,
    ) -> Result<Upload, UploadError> {
        let upload = Upload {
            id: random_id()?,
            repository: repository.clone(),
            member: member.clone(),
        };
        let row = UploadRow {
            id: upload.id.clone(),
            repository: repository.to_string(),
            member: member.to_string(),
            created_at: Timestamp::now().as_second(),
        };
        let (blobs, database, member) = (self.blobs.clone(), self.database.clone(), member.clone());
        // No connection is held while the store takes its time.
        waiting(move || {
            let open = database.with(|connection| {
                // Nothing fits, not even a byte.
                check_bytes(quota::left_bytes(connection, &member)?, 1)?;
                Ok::<_, UploadError>(uploads::count_of(connection, &row.member)?)
            })?;
            if open >= OPEN_UPLOADS {
                return Err(UploadError::TooMany);
            }
            blobs.create_upload(&row.id)?;
            Ok(database.with(|connection| uploads::insert(connection, &row))?)
        })
        .await?;
        Ok(upload)
    }

    /// An upload that this member began under this name.
    pub(crate) async fn find(
        &self,
        repository: &Repository,
        id: &str,
        member: &MemberName,
    ) -> Result<Upload, UploadError> {
        let (wanted, repository, member) = (id.to_owned(), repository.clone(), member.clone());
        let row = self
            .database
            .run(move |connection| uploads::find(connection, &wanted))
            .await?
            .filter(|row| row.repository == repository.to_string() && row.member == member.as_str())
            .ok_or_else(|| UploadError::unknown(id))?;
        Ok(Upload {
            id: row.id,
            repository,
            member,
        })
    }

    /// How many bytes have arrived.
    pub(crate) async fn size_bytes(&self, upload: &Upload) -> Result<u64, UploadError> {
        let (blobs, id) = (self.blobs.clone(), upload.id.clone());
        waiting(move || blobs.upload_state(&id))
            .await?
            .map(|(size_bytes, _)| size_bytes)
            .ok_or_else(|| UploadError::unknown(&upload.id))
    }

    /// Takes an upload for writing, for this request alone. `first`, when the client says it, must
    /// be where the upload ended.
    pub(crate) async fn writer(
        &self,
        upload: &Upload,
        first: Option<u64>,
    ) -> Result<UploadWriter, UploadError> {
        let member = upload.member.clone();
        let left_bytes = self
            .database
            .run(move |connection| quota::left_bytes(connection, &member))
            .await?;
        let session = Arc::clone(
            self.sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(upload.id.clone())
                .or_default(),
        );
        let progress = tokio::time::timeout(PATIENCE, session.lock_owned())
            .await
            .map_err(|_| UploadError::Busy)?;
        let (blobs, id) = (self.blobs.clone(), upload.id.clone());
        let Some(arriving) = waiting(move || blobs.open_upload(&id)).await? else {
            // It was finished or given up while this request looked or waited, or its bytes are lost.
            drop(progress);
            self.forget(&upload.id);
            return Err(UploadError::unknown(&upload.id));
        };
        let expected = arriving.size_bytes();
        match first {
            Some(first) if first != expected => Err(UploadError::Gap {
                upload: upload.clone(),
                expected,
                found: first,
            }),
            _ => Ok(UploadWriter {
                blobs: self.blobs.clone(),
                state: Some((arriving, progress)),
                size_bytes: expected,
                left_bytes,
            }),
        }
    }

    /// Makes an upload a blob that can be read under the upload's name.
    pub(crate) async fn finish(
        &self,
        upload: &Upload,
        writer: UploadWriter,
        digest: &AnyDigest,
    ) -> Result<(), UploadError> {
        // What `pour` left is in the store already.
        let mut writer = writer.flush().await?;
        let (mut arriving, progress) = writer.state.take().ok_or(UploadError::Interrupted)?;
        let (blobs, database) = (self.blobs.clone(), self.database.clone());
        let (digest, row) = (*digest, upload.clone());
        let finished = waiting(move || {
            // Nobody else writes to it before the end.
            let progress = progress;
            let before = database.with(collection::look)?;
            let check_doomed = |content: &Digest| match before.doomed.contains(content) {
                true => Err(UploadError::BeingRemoved),
                false => Ok(()),
            };
            let refuse = |found| {
                discard(&database, &blobs, &row.id)?;
                Err(UploadError::Digest {
                    expected: digest,
                    found,
                })
            };
            let expected = match &digest {
                AnyDigest::Sha256(content) => Some(content),
                AnyDigest::Sha512(_) => None,
            };
            expected.map_or(Ok(()), check_doomed)?;
            let content = match arriving.finish(&progress, expected)? {
                Finished::Kept(content) => content,
                Finished::Other(found) => return refuse(AnyDigest::Sha256(found)),
            };
            // What is kept under its SHA-256 and found to be something else belongs to no repository.
            if let AnyDigest::Sha512(expected) = digest {
                check_doomed(&content)?;
                let found = kept_sha512(&blobs, &content)?;
                if found != expected {
                    return refuse(AnyDigest::Sha512(found));
                }
            }
            let kept = KeptBlob {
                content,
                size_bytes: arriving.size_bytes(),
            };
            take(&database, &blobs, &row, (&digest, kept), before.round)?;
            if let Err(error) = blobs.remove_upload(&row.id) {
                tracing::warn!(
                    error = chain(&error),
                    "pieces of an upload are left for later"
                );
            }
            Ok(())
        })
        .await;
        if !matches!(finished, Err(UploadError::Blob(_))) {
            self.forget(&upload.id);
        }
        finished
    }

    /// Gives an upload up.
    pub(crate) async fn cancel(&self, upload: &Upload) -> Result<(), UploadError> {
        let (blobs, database, id) = (self.blobs.clone(), self.database.clone(), upload.id.clone());
        waiting(move || discard(&database, &blobs, &id)).await?;
        self.forget(&upload.id);
        Ok(())
    }

    /// Removes uploads on which nothing happened for `lifetime`, and what a crash left of others.
    /// How many those were.
    pub(crate) fn sweep(&self, lifetime: Duration) -> Result<usize, UploadError> {
        let is_old = |at: SystemTime| at.elapsed().is_ok_and(|age| age > lifetime);
        let mut removed = 0;
        for row in self.database.with(uploads::list)? {
            let state = self.blobs.upload_state(&row.id)?;
            // Its bytes may be at another server of the same database.
            let is_elsewhere = state.is_none()
                && self.database.is_shared()
                && !is_begun_before(&row, lifetime * 2);
            if !is_elsewhere && state.is_none_or(|(_, at)| is_old(at)) {
                discard(&self.database, &self.blobs, &row.id)?;
                self.forget(&row.id);
                removed += 1;
            }
        }
        for id in self.blobs.upload_ids()? {
            let is_known = self.database.with(|c| uploads::find(c, &id))?.is_some();
            let state = self.blobs.upload_state(&id)?;
            if !is_known && state.is_some_and(|(_, at)| is_old(at)) {
                self.blobs.remove_upload(&id)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn forget(&self, id: &str) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(id);
    }
}

/// Whether an upload was begun longer than a time ago.
fn is_begun_before(row: &UploadRow, time: Duration) -> bool {
    let age = Timestamp::now().as_second().saturating_sub(row.created_at);
    u64::try_from(age).is_ok_and(|age| age > time.as_secs())
}

/// Lets a blob that has just been stored be read in the upload's repository. When `gc` has begun a round since the
/// blob was stored, the store is asked again whether it is there.
fn take(
    database: &Database,
    store: &Blobs,
    upload: &Upload,
    (digest, kept): (&AnyDigest, KeptBlob),
    mut round: u64,
) -> Result<(), UploadError> {
    let KeptBlob {
        content,
        size_bytes,
    } = kept;
    loop {
        let taken = database.transaction(|connection| {
            let now = collection::hold(connection)?;
            if now.doomed.contains(&content) {
                return Err(UploadError::BeingRemoved);
            }
            if now.round != round {
                return Ok(Err(now.round));
            }
            quota::take_blob(connection, &upload.member, &content, size_bytes)?;
            bind(connection, &upload.repository, digest, kept)?;
            uploads::delete(connection, &upload.id)?;
            Ok(Ok(()))
        })?;
        match taken {
            Ok(()) => return Ok(()),
            Err(now) if store.size_bytes(&content)? == Some(size_bytes) => round = now,
            Err(_) => return Err(UploadError::BeingRemoved),
        }
    }
}

/// Makes a blob readable in a repository; does nothing when it is.
pub(crate) fn bind(
    connection: &mut Connection,
    repository: &Repository,
    digest: &AnyDigest,
    kept: KeptBlob,
) -> Result<(), DatabaseError> {
    match repository {
        Repository::Extractor(name) => {
            blobs::bind(connection, name, &kept.content, kept.size_bytes)
        }
        Repository::Foreign(name) => {
            bind_blob(connection, name.as_str(), &digest.to_string(), kept)
        }
    }
}

/// Reads a blob that was kept a moment ago.
fn kept_sha512(blobs: &Blobs, content: &Digest) -> Result<Sha512, UploadError> {
    let (blob, _) = blobs.open(content)?.ok_or(UploadError::Interrupted)?;
    sha512_of(blob).map_err(|source| UploadError::Read { source })
}

/// Does what may wait for disk or network on a thread that may wait.
async fn waiting<T: Send + 'static, E: Into<UploadError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, UploadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| UploadError::Interrupted)?
        .map_err(Into::into)
}

fn discard(database: &Database, blobs: &Blobs, id: &str) -> Result<(), UploadError> {
    blobs.remove_upload(id)?;
    Ok(database.with(|connection| uploads::delete(connection, id))?)
}

/// An upload that one request writes to. The lock travels into the thread that writes, so a request
/// that is dropped lets nobody in before its last piece is written.
#[derive(Debug)]
pub(crate) struct UploadWriter {
    blobs: Blobs,
    state: Option<(Arriving, OwnedMutexGuard<HashProgress>)>,
    size_bytes: u64,
    /// What the member's quota has room for, this upload included.
    left_bytes: Option<u64>,
}

impl UploadWriter {
    /// How many bytes have arrived.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Refuses what is announced to be too large, before it is sent.
    pub(crate) fn check_announced(&self, added: Option<u64>) -> Result<(), UploadError> {
        // Without bytes to come there is nothing to refuse: a full disk keeps no upload from its end.
        let Some(added) = added.filter(|added| *added > 0) else {
            return Ok(());
        };
        if self.size_bytes.saturating_add(added) > limits::FILE_BYTES {
            return Err(BlobError::TooLarge.into());
        }
        check_bytes(self.left_bytes, self.size_bytes.saturating_add(added))?;
        Ok(self.blobs.check_room(added)?)
    }

    /// Appends a piece.
    pub(crate) async fn append(mut self, piece: Vec<u8>) -> Result<Self, UploadError> {
        if piece.is_empty() {
            return Ok(self);
        }
        check_bytes(self.left_bytes, self.size_bytes + piece.len() as u64)?;
        self.change(move |arriving, progress| arriving.append(progress, &piece))
            .await?;
        Ok(self)
    }

    /// Brings all that was appended into the store.
    pub(crate) async fn flush(mut self) -> Result<Self, UploadError> {
        if self.is_ahead() {
            self.change(Arriving::flush).await?;
        }
        Ok(self)
    }

    fn is_ahead(&self) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|(arriving, _)| arriving.is_ahead())
    }

    async fn change(
        &mut self,
        change: impl FnOnce(&mut Arriving, &mut HashProgress) -> Result<(), BlobError> + Send + 'static,
    ) -> Result<(), UploadError> {
        let (mut arriving, mut progress) = self.state.take().ok_or(UploadError::Interrupted)?;
        let changed = waiting(move || {
            change(&mut arriving, &mut progress)?;
            Ok::<_, BlobError>((arriving, progress))
        });
        let (arriving, progress) = changed.await?;
        self.size_bytes = arriving.size_bytes();
        self.state = Some((arriving, progress));
        Ok(())
    }
}

impl Drop for UploadWriter {
    /// What came of a request that was dropped is kept, too.
    fn drop(&mut self) {
        if !self.is_ahead() {
            return;
        }
        let Some((mut arriving, mut progress)) = self.state.take() else {
            return;
        };
        std::thread::spawn(move || {
            if let Err(error) = arriving.flush(&mut progress) {
                tracing::warn!(
                    error = chain(&error),
                    "the last bytes of a request are lost"
                );
            }
        });
    }
}

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// No such upload, or somebody else's.
    #[error("there is no upload `{id}`: begin a new one")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// Bytes that do not follow the ones that are there.
    #[error("the upload has {expected} bytes, so the next piece starts there, not at {found}")]
    Gap {
        /// Which.
        upload: Upload,
        /// Where it ended.
        expected: u64,
        /// Where the piece starts.
        found: u64,
    },
    /// Other bytes than were announced.
    #[error("the uploaded bytes have the digest {found}, not {expected}: send the blob again")]
    Digest {
        /// As announced.
        expected: AnyDigest,
        /// As arrived.
        found: AnyDigest,
    },
    /// What was kept cannot be read back.
    #[error("the uploaded bytes cannot be read back")]
    Read {
        /// What the system said.
        source: std::io::Error,
    },
    /// The piece ended before its announced length, or its sender fell silent.
    #[error("the upload was interrupted: ask how much arrived, and go on from there")]
    Interrupted,
    /// Another request is writing.
    #[error("another request is writing to this upload: try again")]
    Busy,
    /// Past [`OPEN_UPLOADS`].
    #[error("more than {OPEN_UPLOADS} uploads are open: finish or cancel some")]
    TooMany,
    /// Garbage collection was faster.
    #[error("the hub is removing this blob, which nothing named: send it again in a minute")]
    BeingRemoved,
    /// More than the member may store.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] TokenError),
}

impl UploadError {
    fn unknown(id: &str) -> Self {
        Self::Unknown {
            id: id.chars().take(64).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::blobs::create_private_folder;
    use crate::config::DataFolder;

    #[tokio::test]
    async fn no_session_outlives_its_upload() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        create_private_folder(&data.uploads()).unwrap();
        let database = Database::open(data.database()).unwrap();
        let uploads = Uploads::new(database, Blobs::new(&data, 0));
        let sessions = || uploads.sessions.lock().unwrap().len();
        let name = Repository::Extractor("alpha/squares".parse().unwrap());
        let member = "alpha".parse().unwrap();
        let upload = uploads.begin(&name, &member).await.unwrap();
        let writer = uploads.writer(&upload, Some(0)).await.unwrap();
        let writer = writer.append(b"squares".to_vec()).await.unwrap();
        assert_eq!(sessions(), 1);
        let digest = AnyDigest::Sha256(Digest::of(b"squares"));
        uploads.finish(&upload, writer, &digest).await.unwrap();
        // One request more, which knew of the upload before.
        let late = uploads.writer(&upload, None).await;
        assert!(matches!(late, Err(UploadError::Unknown { .. })));
        assert_eq!(sessions(), 0);
    }
}
