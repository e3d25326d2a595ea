//! Uploads: begun, continued at the byte where they ended, and made blobs when their digest is
//! right. Several requests may speak of one upload; one at a time writes to it.

mod error;
mod kept;
mod writer;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use registry_schema::name::MemberName;

use crate::blobs::{Blobs, HashProgress};
use crate::cause::chain;
use crate::database::uploads::{self, UploadRow};
use crate::database::{Connection, Database};
use crate::quota;
use crate::repository::{AnyDigest, Repository};
use crate::tokens::random_id;
pub(crate) use error::UploadError;
pub(crate) use kept::bind;
use kept::keep;
pub(crate) use writer::UploadWriter;

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
            held_bytes: None,
        };
        let (blobs, database, member) = (self.blobs.clone(), self.database.clone(), member.clone());
        // No connection is held while the store takes its time.
        waiting(move || {
            database.with(|connection| check_begin(connection, &member))?;
            blobs.create_upload(&row.id)?;
            // Once more, in turn with all that are begun at the same time.
            let begun = database.transaction(|connection| {
                check_begin(connection, &member)?;
                Ok::<_, UploadError>(uploads::insert(connection, &row)?)
            });
            if begun.is_err()
                && let Err(error) = blobs.remove_upload(&row.id)
            {
                tracing::warn!(error = chain(&error), "an upload is left for later");
            }
            begun
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
        let has_limit = self
            .database
            .run(move |connection| quota::has_limit(connection, &member))
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
            _ => Ok(UploadWriter::new(
                (self.database.clone(), self.blobs.clone()),
                upload.clone(),
                (arriving, progress),
                has_limit,
            )),
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
        let arrived = writer.flush().await?.into_arrived()?;
        let (blobs, database) = (self.blobs.clone(), self.database.clone());
        let (digest, row) = (*digest, upload.clone());
        let finished = waiting(move || keep(&database, &blobs, &row, &digest, arrived)).await;
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
        let rows = self.database.with(uploads::list)?;
        self.forget_others(&rows);
        for row in rows {
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

    /// Forgets the sessions of uploads that another server of the same database has ended. What is in use stays:
    /// its upload may have been begun since.
    fn forget_others(&self, rows: &[UploadRow]) {
        let known: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions
            .retain(|id, session| known.contains(id.as_str()) || Arc::strong_count(session) > 1);
    }

    fn forget(&self, id: &str) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(id);
    }
}

/// Refuses one more upload of a member that has enough of them, or no room for a byte.
fn check_begin(connection: &mut Connection, member: &MemberName) -> Result<(), UploadError> {
    quota::check_begin(connection, member)?;
    match uploads::count_of(connection, member.as_str())? {
        ..OPEN_UPLOADS => Ok(()),
        _ => Err(UploadError::TooMany),
    }
}

/// Whether an upload was begun longer than a time ago.
fn is_begun_before(row: &UploadRow, time: Duration) -> bool {
    let age = Timestamp::now().as_second().saturating_sub(row.created_at);
    u64::try_from(age).is_ok_and(|age| age > time.as_secs())
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

#[cfg(test)]
mod tests;
