//! Blobs go up in pieces that can be continued after a broken connection (OCI distribution 1.1,
//! `POST`, `PATCH`, `PUT`).

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use registry_schema::api;
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use reqwest::{Body, Method};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::transport::UploadBody;
use super::{Progress, Registry, RegistryError};
use crate::files::FileError;

/// Bytes of one `PATCH`; a broken one is repeated from where the hub says it is.
const PIECE_BYTES: u64 = 64 << 20;

/// Bytes read from the file at a time.
const READ_BYTES: u64 = 256 << 10;

/// Attempts in a row that may fail without moving a byte.
const ATTEMPTS: u32 = 5;

/// What an upload had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// The hub had the blob.
    AlreadyThere,
    /// The bytes were sent.
    Sent,
}

impl Registry {
    /// Sends a file as a blob, unless the hub has it. The file must have this digest and size.
    ///
    /// # Errors
    /// [`RegistryError`]; sent again, only what is missing moves.
    pub async fn upload(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
        path: &Path,
        progress: &Progress,
    ) -> Result<UploadOutcome, RegistryError> {
        let blob = api::blob_path(name, digest);
        if self
            .transport
            .head(&blob)
            .await?
            .is_some_and(|answer| answer.content_length() == Some(size_bytes))
        {
            progress.moved(size_bytes)?;
            return Ok(UploadOutcome::AlreadyThere);
        }
        let started = self
            .transport
            .upload(Method::POST, &api::upload_path(name), None)
            .await?;
        let location = |answer: &super::transport::Answer| answer.location().map(str::to_owned);
        let missing = || RegistryError::Answer {
            what: "an upload".into(),
            reason: "no `Location`".into(),
        };
        let mut at = location(&started).ok_or_else(missing)?;
        let mut sent = 0;
        let mut failures = 0;
        while sent < size_bytes {
            let piece = piece(
                path,
                sent,
                PIECE_BYTES.min(size_bytes - sent),
                progress.clone(),
            )
            .await?;
            match self.transport.upload(Method::PATCH, &at, Some(piece)).await {
                Ok(answer) => {
                    at = location(&answer).unwrap_or(at);
                    sent = answer.uploaded();
                    failures = 0;
                }
                Err(error) if error.is_passing() && failures < ATTEMPTS => {
                    failures += 1;
                    progress.moved(0)?;
                    tokio::time::sleep(Duration::from_millis(200 << failures)).await;
                    if let Ok(answer) = self.transport.get(&at, &[]).await {
                        sent = answer.uploaded();
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let separator = if at.contains('?') { '&' } else { '?' };
        self.transport
            .upload(
                Method::PUT,
                &format!("{at}{separator}digest={digest}"),
                None,
            )
            .await?;
        Ok(UploadOutcome::Sent)
    }
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
