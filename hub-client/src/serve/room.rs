//! Room in memory: what there is none for is refused before it is read, or before it is computed.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a permit.
const PERMIT_BYTES: usize = 1 << 10;

/// Bytes for a class in an answer about one picture: its probability and whether it is plausible, as they are
/// computed, as tensors, and as text.
const CLASS_BYTES: usize = 32;

/// Bytes for all else in an answer about one picture: the name of a class has 200 at most.
const PICTURE_BYTES: usize = 512;

/// Bytes that an answer about one picture may take.
pub(super) fn bytes_of_answer(classes: usize) -> usize {
    PICTURE_BYTES + CLASS_BYTES * classes
}

/// All the room there is for bodies of requests and for answers.
pub(super) struct Rooms(Arc<Semaphore>);

impl Rooms {
    pub(super) fn new(bytes: usize) -> Self {
        let permits = bytes.div_ceil(PERMIT_BYTES);
        Self(Arc::new(Semaphore::new(
            permits.min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Room of this size, when there is as much.
    pub(super) fn take(&self, bytes: usize) -> Option<Room> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let permit = self.0.clone().try_acquire_many_owned(permits);
        permit.ok().map(|permit| Room { _permit: permit })
    }
}

/// Room that is given back when it is dropped.
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Room {
    /// The same bytes, which keep the room as long as there is a copy of them.
    pub(super) fn keep(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let room = self.clone();
        Bytes::from_owner(Kept { bytes, _room: room })
    }
}

struct Kept {
    bytes: Bytes,
    _room: Arc<Room>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn room_is_given_back_with_the_last_picture() {
        let rooms = Rooms::new(8 * PERMIT_BYTES);
        let room = Arc::new(rooms.take(7 * PERMIT_BYTES + 1).unwrap());
        let body = Bytes::from_static(b"onetwo");
        let pictures = [body.slice(..3), body.slice(3..)].map(|one| room.keep(one));
        drop(room);
        let [one, two] = pictures;
        drop(one);
        let copy = two.clone();
        drop(two);
        assert_eq!(copy, b"two"[..]);
        assert!(rooms.take(1).is_none());
        drop(copy);
        assert!(rooms.take(8 * PERMIT_BYTES).is_some());
        assert!(rooms.take(8 * PERMIT_BYTES + 1).is_none());
    }

    #[test]
    fn a_thousand_pictures_of_a_thousand_classes_are_answered() {
        assert!(1_024 * bytes_of_answer(1_000) <= 32 << 20);
        assert!(1_024 * bytes_of_answer(5_000) > 32 << 20);
    }
}
