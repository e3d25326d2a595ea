//! How a blob is put together from an earlier one, of which the client has the bytes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits;

/// `GET /api/v1/extractors/{namespace}/{name}/blobs/{digest}/delta?from={digest}`: what of a blob is in
/// an earlier one. Nothing of it is to be believed: what is put together by it must have the digest
/// that was signed.
///
/// ```
/// use registry_schema::api::Delta;
/// let delta: Delta = serde_json::from_str(r#"{"parts":[{"size_bytes":9,"at":4},{"size_bytes":1}]}"#)?;
/// assert!(delta.check(10, 13).is_ok());
/// assert_eq!((delta.fetched_bytes(), delta.reused_bytes()), (1, 9));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// In the order of the blob, and as long as it together.
    pub parts: Vec<DeltaPart>,
}

/// Some bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeltaPart {
    /// How many.
    pub size_bytes: u64,
    /// Where they are in the earlier blob, in bytes from its start; absent when they are not there
    /// and must be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
}

impl Delta {
    /// Of a blob that has nothing in common with the earlier one.
    pub fn whole(size_bytes: u64) -> Self {
        let all = DeltaPart {
            size_bytes,
            at: None,
        };
        Self {
            parts: if size_bytes == 0 { vec![] } else { vec![all] },
        }
    }

    /// Bytes that must be fetched.
    pub fn fetched_bytes(&self) -> u64 {
        self.sum(|part| part.at.is_none())
    }

    /// Bytes that are in the earlier blob.
    pub fn reused_bytes(&self) -> u64 {
        self.sum(|part| part.at.is_some())
    }

    fn sum(&self, which: impl Fn(&DeltaPart) -> bool) -> u64 {
        let sizes = self.parts.iter().filter(|part| which(part));
        sizes.fold(0, |sum, part| sum.saturating_add(part.size_bytes))
    }

    /// Checks that it makes a blob of `size_bytes` from bytes that one of `earlier_bytes` has.
    ///
    /// # Errors
    /// [`DeltaError`] names the first fault.
    pub fn check(&self, size_bytes: u64, earlier_bytes: u64) -> Result<(), DeltaError> {
        if self.parts.len() > limits::DELTA_PARTS {
            return Err(DeltaError::Long {
                found: self.parts.len(),
            });
        }
        let mut end = 0_u64;
        for (index, part) in self.parts.iter().enumerate() {
            if part.size_bytes == 0 {
                return Err(DeltaError::Empty { index });
            }
            let last = part.at.unwrap_or(0).checked_add(part.size_bytes);
            if part.at.is_some() && last.is_none_or(|last| last > earlier_bytes) {
                return Err(DeltaError::Outside {
                    index,
                    earlier_bytes,
                });
            }
            end = end.saturating_add(part.size_bytes);
        }
        if end == size_bytes {
            Ok(())
        } else {
            Err(DeltaError::Size {
                expected: size_bytes,
                found: end,
            })
        }
    }
}

/// A list of parts from which no blob can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// Past [`limits::DELTA_PARTS`].
    #[error("it has {found} parts, more than {}", limits::DELTA_PARTS)]
    Long {
        /// How many.
        found: usize,
    },
    /// A part without bytes.
    #[error("part {index} is empty")]
    Empty {
        /// Which, from 0.
        index: usize,
    },
    /// Bytes the earlier blob does not have.
    #[error("part {index} is not within the {earlier_bytes} bytes of the earlier blob")]
    Outside {
        /// Which, from 0.
        index: usize,
        /// How long that blob is.
        earlier_bytes: u64,
    },
    /// Of another length than the blob.
    #[error("its parts make {found} bytes, the blob has {expected}")]
    Size {
        /// The blob's length.
        expected: u64,
        /// The length of all parts.
        found: u64,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(size_bytes: u64, at: Option<u64>) -> DeltaPart {
        DeltaPart { size_bytes, at }
    }

    fn delta(parts: &[DeltaPart]) -> Delta {
        Delta {
            parts: parts.to_vec(),
        }
    }

    #[test]
    fn odd_parts_are_refused() {
        let check = |parts: &[DeltaPart]| delta(parts).check(10, 8);
        assert_eq!(check(&[part(2, None), part(8, Some(0))]), Ok(()));
        assert_eq!(check(&[part(5, Some(3)), part(5, Some(3))]), Ok(()));
        let outside = DeltaError::Outside {
            index: 1,
            earlier_bytes: 8,
        };
        for at in [3, 8, u64::MAX] {
            let parts = [part(4, None), part(6, Some(at))];
            assert_eq!(check(&parts), Err(outside.clone()));
        }
        assert_eq!(
            check(&[part(10, None), part(0, None)]),
            Err(DeltaError::Empty { index: 1 })
        );
        for (parts, found) in [
            (vec![], 0),
            (vec![part(9, None)], 9),
            (vec![part(11, None)], 11),
            (vec![part(u64::MAX, None), part(11, None)], u64::MAX),
        ] {
            let expected = 10;
            assert_eq!(check(&parts), Err(DeltaError::Size { expected, found }));
        }
        let many = vec![part(1, None); limits::DELTA_PARTS + 1];
        let found = many.len();
        assert_eq!(
            delta(&many).check(found as u64, 0),
            Err(DeltaError::Long { found })
        );
        assert_eq!(Delta::whole(0).check(0, 0), Ok(()));
        assert_eq!(Delta::whole(7).check(7, 0), Ok(()));
    }

    proptest! {
        /// Whatever arrives: what passes the check can be put together without leaving either blob.
        #[test]
        fn what_passes_makes_the_blob(
            parts in prop::collection::vec((0_u64..40, prop::option::of(0_u64..80)), 0..12),
            earlier in 0_u64..80,
            size in 0_u64..300,
        ) {
            let parts: Vec<_> = parts.into_iter().map(|(size, at)| part(size, at)).collect();
            let delta = delta(&parts);
            let sum: u64 = parts.iter().map(|part| part.size_bytes).sum();
            let is_inside = parts.iter().all(|part| part.at.is_none_or(|at| at + part.size_bytes <= earlier));
            let is_good = is_inside && parts.iter().all(|part| part.size_bytes > 0);
            prop_assert_eq!(delta.check(sum, earlier).is_ok(), is_good);
            prop_assert_eq!(delta.check(size, earlier).is_ok(), is_good && size == sum);
            prop_assert_eq!(delta.fetched_bytes() + delta.reused_bytes(), sum);
        }

        #[test]
        fn numbers_of_any_size_do_not_overflow(
            parts in prop::collection::vec((any::<u64>(), prop::option::of(any::<u64>())), 0..6),
            size in any::<u64>(),
            earlier in any::<u64>(),
        ) {
            let parts: Vec<_> = parts.into_iter().map(|(size, at)| part(size, at)).collect();
            let _ = delta(&parts).check(size, earlier);
        }

        #[test]
        fn arbitrary_texts_never_panic(text in ".{0,200}") {
            if let Ok(delta) = serde_json::from_str::<Delta>(&text) {
                let _ = delta.check(10, 10);
            }
        }
    }
}
