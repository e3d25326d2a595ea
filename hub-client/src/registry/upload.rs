//! Blobs go up in pieces that can be continued after a broken connection (OCI distribution 1.1,
//! `POST`, `PATCH`, `PUT`).

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use registry_schema::api::{self, ProblemCode};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use reqwest::{Body, Method};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::transport::UploadBody;
use super::{Progress, Registry, RegistryError};
use crate::files::FileError;

/// Bytes of one `PATCH`: what a broken connection repeats at most.
const PIECE_BYTES: u64 = 16 << 20;

/// Bytes read from the file at a time.
const READ_BYTES: u64 = 256 << 10;

/// Failures in a row, without a byte moved, before an upload is given up.
const ATTEMPTS: u32 = 5;

/// What an upload had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// The hub had the blob.
    AlreadyThere,
    /// The bytes were sent.
    Sent,
}

/// A blob on its way up.
struct Upload<'a> {
    registry: &'a Registry,
    name: &'a Name,
    digest: &'a Digest,
    size_bytes: u64,
    path: &'a Path,
    progress: &'a Progress,
    session: Option<Session>,
}

/// What a step of an upload did.
enum Step {
    Begun,
    Moved,
    Done,
}

/// What the hub knows of an upload.
struct Session {
    /// Where it goes on.
    location: String,
    /// Bytes the hub has.
    sent: u64,
}

impl Registry {
    /// Sends a file as a blob, unless the hub has it. The file must have this digest and size. A
    /// broken connection, or a hub that is started again, is waited for; the upload goes on where
    /// the hub says it is.
    ///
    /// # Errors
    /// [`RegistryError`], after several failures in a row that moved nothing.
    pub async fn upload(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
        path: &Path,
        progress: &Progress,
    ) -> Result<UploadOutcome, RegistryError> {
        let session = None;
        let mut upload = Upload {
            registry: self,
            name,
            digest,
            size_bytes,
            path,
            progress,
            session,
        };
        if upload.is_there().await? {
            progress.moved(size_bytes)?;
            return Ok(UploadOutcome::AlreadyThere);
        }
        let mut failures = 0;
        loop {
            let before = upload.sent();
            let error = match upload.step().await {
                Ok(Step::Done) => return Ok(UploadOutcome::Sent),
                Ok(Step::Begun) => continue,
                Ok(Step::Moved) if upload.sent() > before => {
                    failures = 0;
                    continue;
                }
                Ok(Step::Moved) => upload.stuck(),
                Err(error) if !may_go_on(&error) => return Err(error),
                Err(error) => error,
            };
            failures += 1;
            if failures > ATTEMPTS {
                return Err(error);
            }
            progress.moved(0)?;
            tokio::time::sleep(Duration::from_millis(200 << failures)).await;
            upload.ask().await;
            if upload.sent() > before {
                failures = 0;
            }
        }
    }
}

impl Upload<'_> {
    fn sent(&self) -> u64 {
        self.session.as_ref().map_or(0, |session| session.sent)
    }

    async fn is_there(&self) -> Result<bool, RegistryError> {
        let answer = self
            .registry
            .transport
            .head(&api::blob_path(self.name, self.digest))
            .await?;
        Ok(answer.is_some_and(|answer| answer.content_length() == Some(self.size_bytes)))
    }

    /// Begins, sends one piece, or ends the upload.
    async fn step(&mut self) -> Result<Step, RegistryError> {
        let transport = &self.registry.transport;
        let Some(session) = &mut self.session else {
            let started = transport
                .upload(Method::POST, &api::upload_path(self.name), None)
                .await?;
            let location =
                started
                    .location()
                    .map(str::to_owned)
                    .ok_or_else(|| RegistryError::Answer {
                        what: "the start of an upload".into(),
                        reason: "it has no `Location`".into(),
                    })?;
            self.session = Some(Session { location, sent: 0 });
            return Ok(Step::Begun);
        };
        if session.sent < self.size_bytes {
            let length = PIECE_BYTES.min(self.size_bytes - session.sent);
            let body = piece(self.path, session.sent, length, self.progress.clone()).await?;
            let answer = transport
                .upload(Method::PATCH, &session.location, Some(body))
                .await?;
            session.sent = answer.uploaded();
            if let Some(location) = answer.location() {
                location.clone_into(&mut session.location);
            }
            return Ok(Step::Moved);
        }
        let separator = if session.location.contains('?') {
            '&'
        } else {
            '?'
        };
        let end = format!("{}{separator}digest={}", session.location, self.digest);
        match transport.upload(Method::PUT, &end, None).await {
            Ok(_) => Ok(Step::Done),
            // The answer may have been lost after the blob was in place.
            Err(error) if may_go_on(&error) && self.is_there().await.unwrap_or(false) => {
                Ok(Step::Done)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the hub how far the upload is; one it no longer knows begins anew.
    async fn ask(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        match self.registry.transport.get(&session.location, &[]).await {
            Ok(answer) => session.sent = answer.uploaded(),
            Err(error) if error.code() == Some(ProblemCode::NotFound) => self.session = None,
            // Not reachable yet: the next step shows.
            Err(_) => {}
        }
    }

    fn stuck(&self) -> RegistryError {
        let reason = format!(
            "it takes bytes but stays at {} of {}",
            self.sent(),
            self.size_bytes
        );
        RegistryError::Answer {
            what: "an upload".into(),
            reason,
        }
    }
}

/// Whether asking for the state of the upload and going on can help: the connection broke, the hub
/// stopped or lost patience, or our idea of the offset is not its.
fn may_go_on(error: &RegistryError) -> bool {
    let status = match error {
        RegistryError::Problem { problem } => problem.status,
        RegistryError::Status { status, .. } => *status,
        _ => 0,
    };
    error.is_passing() || matches!(status, 404 | 408 | 416 | 500)
}

/// A part of a file as a request body, read as it is sent.
async fn piece(
    path: &Path,
    first: u64,
    size_bytes: u64,
    progress: Progress,
) -> Result<UploadBody, RegistryError> {
    let error = |source| RegistryError::File(FileError::new("cannot read", path, source));
    let mut file = tokio::fs::File::open(path).await.map_err(error)?;
    file.seek(std::io::SeekFrom::Start(first))
        .await
        .map_err(error)?;
    let reader = file.take(size_bytes);
    let chunks = stream::try_unfold((reader, progress), |(mut reader, progress)| async move {
        let length = usize::try_from(reader.limit().min(READ_BYTES)).unwrap_or(0);
        let mut buffer = vec![0; length];
        let read = reader.read(&mut buffer).await?;
        if read == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        buffer.truncate(read);
        progress
            .moved(read as u64)
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::Interrupted))?;
        Ok(Some((Bytes::from(buffer), (reader, progress))))
    });
    Ok(UploadBody {
        first,
        size_bytes,
        body: Body::wrap_stream(chunks),
    })
}
