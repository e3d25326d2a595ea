//! One request's hold on an upload.

use registry_schema::limits;
use tokio::sync::OwnedMutexGuard;

use super::{UploadError, waiting};
use crate::blobs::{Arriving, BlobError, Blobs, HashProgress};
use crate::cause::chain;
use crate::quota::check_bytes;

/// What has arrived, and the turn to write to it.
pub(super) type Arrived = (Arriving, OwnedMutexGuard<HashProgress>);

/// An upload that one request writes to. The lock travels into the thread that writes, so a request
/// that is dropped lets nobody in before its last piece is written.
#[derive(Debug)]
pub(crate) struct UploadWriter {
    blobs: Blobs,
    state: Option<Arrived>,
    size_bytes: u64,
    /// What the member's quota has room for, this upload included.
    left_bytes: Option<u64>,
}

impl UploadWriter {
    /// `left_bytes` is what the member's quota has room for, this upload included.
    pub(super) fn new(blobs: Blobs, arrived: Arrived, left_bytes: Option<u64>) -> Self {
        Self {
            blobs,
            size_bytes: arrived.0.size_bytes(),
            state: Some(arrived),
            left_bytes,
        }
    }

    /// What has arrived; this request writes no more of it.
    pub(super) fn into_arrived(mut self) -> Result<Arrived, UploadError> {
        self.state.take().ok_or(UploadError::Interrupted)
    }

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
