//! One request's hold on an upload.

use registry_schema::limits;
use tokio::sync::OwnedMutexGuard;

use super::{Upload, UploadError, waiting};
use crate::blobs::{Arriving, BlobError, Blobs, HashProgress};
use crate::cause::chain;
use crate::database::uploads::set_held_bytes;
use crate::database::{Connection, Database};
use crate::quota;

/// Room that is held beyond the bytes of a request that did not say how many will come: asked for so seldom.
const AHEAD_BYTES: u64 = 64 << 20;

/// What has arrived, and the turn to write to it.
pub(super) type Arrived = (Arriving, OwnedMutexGuard<HashProgress>);

/// An upload that one request writes to. The lock travels into the thread that writes, so a request
/// that is dropped lets nobody in before its last piece is written.
#[derive(Debug)]
pub(crate) struct UploadWriter {
    database: Database,
    blobs: Blobs,
    upload: Upload,
    state: Option<Arrived>,
    size_bytes: u64,
    room: Room,
}

/// How much an upload may take of its member's quota.
#[derive(Clone, Copy, Debug)]
enum Room {
    Unlimited,
    /// So many bytes in all, which are held for it.
    Held(u64),
}

impl UploadWriter {
    pub(super) fn new(
        (database, blobs): (Database, Blobs),
        upload: Upload,
        arrived: Arrived,
        has_limit: bool,
    ) -> Self {
        Self {
            database,
            blobs,
            upload,
            size_bytes: arrived.0.size_bytes(),
            state: Some(arrived),
            room: match has_limit {
                // It is asked before the first byte.
                true => Room::Held(0),
                false => Room::Unlimited,
            },
        }
    }

    /// What has arrived; this request writes no more of it.
    pub(super) fn into_arrived(mut self) -> Result<Arrived, UploadError> {
        // What is held goes with the upload.
        self.room = Room::Unlimited;
        self.state.take().ok_or(UploadError::Interrupted)
    }

    /// How many bytes have arrived.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Holds room for what is announced, or refuses it before it is sent.
    pub(crate) async fn announce(&mut self, added: Option<u64>) -> Result<(), UploadError> {
        // Without bytes to come there is nothing to refuse: a full disk keeps no upload from its end.
        let Some(added) = added.filter(|added| *added > 0) else {
            return Ok(());
        };
        let size_bytes = self.size_bytes.saturating_add(added);
        if size_bytes > limits::FILE_BYTES {
            return Err(BlobError::TooLarge.into());
        }
        self.hold(size_bytes, size_bytes).await?;
        Ok(self.blobs.check_room(added)?)
    }

    /// Appends a piece.
    pub(crate) async fn append(mut self, piece: Vec<u8>) -> Result<Self, UploadError> {
        if piece.is_empty() {
            return Ok(self);
        }
        let size_bytes = self.size_bytes + piece.len() as u64;
        self.hold(size_bytes, size_bytes + AHEAD_BYTES).await?;
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

    /// Holds room for so many bytes in all, unless it is held already.
    async fn hold(&mut self, needed: u64, wanted: u64) -> Result<(), UploadError> {
        let before = self.room;
        match before {
            Room::Held(held) if held < needed => {}
            _ => return Ok(()),
        }
        // Whoever gives this up in the middle gives it back.
        self.room = Room::Held(wanted);
        let (database, upload) = (self.database.clone(), self.upload.clone());
        let hold = move |connection: &mut Connection| {
            quota::hold(connection, &upload.member, &upload.id, needed, wanted)
        };
        let held = waiting(move || database.transaction(hold)).await;
        self.room = match &held {
            Ok(held) => held.map_or(Room::Unlimited, Room::Held),
            Err(_) => before,
        };
        held.map(drop)
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
    /// What came of a request that was dropped is kept, too, and room that is not needed is given back.
    fn drop(&mut self) {
        let has_room_left = matches!(self.room, Room::Held(held) if held > self.size_bytes);
        if !self.is_ahead() && !has_room_left {
            return;
        }
        let (database, id) = (self.database.clone(), self.upload.id.clone());
        // Nobody else writes to the upload before this is done.
        let (state, mut size_bytes) = (self.state.take(), self.size_bytes);
        std::thread::spawn(move || {
            let mut state = state;
            if let Some((arriving, progress)) = &mut state {
                if let Err(error) = arriving.flush(progress) {
                    tracing::warn!(
                        error = chain(&error),
                        "the last bytes of a request are lost"
                    );
                }
                size_bytes = arriving.size_bytes();
            }
            if has_room_left
                && let Err(error) =
                    database.transaction(|connection| set_held_bytes(connection, &id, size_bytes))
            {
                tracing::warn!(
                    error = chain(&error),
                    "an upload holds more of its member's quota than it needs"
                );
            }
        });
    }
}
