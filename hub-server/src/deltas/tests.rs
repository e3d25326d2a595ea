#![allow(clippy::unwrap_used, reason = "tests")]
use registry_schema::api::DeltaPart;

use super::*;
use crate::blobs::Finished;

/// Bytes without any order, the same for the same seed.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    });
    words.flatten().take(length).collect()
}

fn hub() -> (tempfile::TempDir, DataFolder, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::new(folder.path());
    create_private_folder(&data.uploads()).unwrap();
    let blobs = Blobs::new(&data, 0);
    (folder, data, blobs)
}

fn keep(blobs: &Blobs, bytes: &[u8]) -> Digest {
    let digest = Digest::of(bytes);
    let size_bytes = bytes.len() as u64;
    let kept = blobs.write(&mut &bytes[..], &digest, size_bytes).unwrap();
    assert_eq!(kept, Finished::Kept(digest));
    digest
}

#[tokio::test]
async fn two_blobs_are_compared_and_the_lists_are_kept() {
    let (_folder, data, blobs) = hub();
    let earlier = noise(1, 2_000_000);
    let later = [&earlier[..], b"and more"].concat();
    let (before, after) = (keep(&blobs, &earlier), keep(&blobs, &later));
    let deltas = Deltas::new(&data, blobs.clone());
    let delta = deltas.between(after, before).await.unwrap();
    delta
        .check(later.len() as u64, earlier.len() as u64)
        .unwrap();
    let first = delta.parts[0];
    assert!(
        first.at == Some(0) && first.size_bytes > 1_700_000,
        "{delta:?}"
    );

    // From another process, with lists that were kept; then with one that was harmed.
    let list = deltas.path(&after);
    let kept = fs::read(&list).unwrap();
    let again = Deltas::new(&data, blobs);
    assert_eq!(again.between(after, before).await.unwrap(), delta);
    for harm in [&kept[..kept.len() - 40], b"", b"nonsense"] {
        fs::write(&list, harm).unwrap();
        assert_eq!(again.between(after, before).await.unwrap(), delta);
        assert_eq!(fs::read(&list).unwrap(), kept);
    }
    fs::remove_dir_all(data.chunks()).unwrap();
    assert_eq!(again.between(after, before).await.unwrap(), delta);
}

#[tokio::test]
async fn lists_are_made_before_anybody_asks() {
    let (_folder, data, blobs) = hub();
    let (large, small) = (noise(1, 2 << 20), noise(2, 1000));
    let digests = [&large, &small].map(|bytes| (keep(&blobs, bytes), bytes.len() as u64));
    let deltas = Deltas::new(&data, blobs);
    deltas.prepare(digests);
    // The one that is being made has its turn; after it comes this one.
    let _turn = loop {
        let turn = Arc::clone(&deltas.turn).acquire_owned().await.unwrap();
        if deltas.waiting.available_permits() == WAITING {
            break turn;
        }
        drop(turn);
        tokio::task::yield_now().await;
    };
    assert!(deltas.kept(&digests[0].0).unwrap().is_some());
    assert_eq!(
        deltas.kept(&digests[1].0).unwrap(),
        None,
        "small ones are not cut"
    );
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let (_folder, data, blobs) = hub();
    let digest = keep(&blobs, &noise(1, 2 << 20));
    let deltas = Deltas::new(&data, blobs);
    let turn = Arc::clone(&deltas.turn).acquire_owned().await.unwrap();
    let making = deltas.begin(digest).unwrap();
    let soon = Duration::from_millis(1);
    let tired = deltas.between_within(soon, digest, digest).await;
    assert!(matches!(tired, Err(DeltasError::Busy)));
    let place = || Arc::clone(&deltas.waiting).try_acquire_owned().ok();
    let held: Vec<_> = std::iter::from_fn(place).collect();
    assert!(
        held.len() < WAITING,
        "who does not wait any more has a place"
    );
    let refused = deltas.between(digest, digest).await;
    assert!(matches!(refused, Err(DeltasError::Busy)));
    drop((turn, held));
    making.await.unwrap().unwrap();
    let whole = DeltaPart {
        size_bytes: 2 << 20,
        at: Some(0),
    };
    assert_eq!(deltas.between(digest, digest).await.unwrap().parts, [whole]);
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_said_to_be_none() {
    let (_folder, data, blobs) = hub();
    let here = keep(&blobs, &noise(1, 1000));
    let gone = Digest::of(b"gone");
    let deltas = Deltas::new(&data, blobs);
    for (blob, earlier) in [(here, gone), (gone, here)] {
        let error = deltas.between(blob, earlier).await.unwrap_err();
        assert!(matches!(error, DeltasError::NoBlob { digest } if digest == gone));
    }
}
