#![allow(clippy::unwrap_used, reason = "tests")]
use registry_schema::digest::Digest;

use super::*;
use crate::blobs::create_private_folder;
use crate::config::DataFolder;
use crate::database::DatabaseError;
use crate::quota::QuotaError;

fn make(folder: &tempfile::TempDir) -> Uploads {
    let data = DataFolder::new(folder.path());
    create_private_folder(&data.uploads()).unwrap();
    let database = Database::open(data.database()).unwrap();
    Uploads::new(database, Blobs::new(&data, 0))
}

fn squares() -> Repository {
    Repository::Extractor("alpha/squares".parse().unwrap())
}

fn alpha() -> MemberName {
    "alpha".parse().unwrap()
}

#[tokio::test]
async fn no_session_outlives_its_upload() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = make(&folder);
    let sessions = || uploads.sessions.lock().unwrap().len();
    let upload = uploads.begin(&squares(), &alpha()).await.unwrap();
    let writer = uploads.writer(&upload, Some(0)).await.unwrap();
    let writer = writer.append(b"squares".to_vec()).await.unwrap();
    assert_eq!(sessions(), 1);
    let digest = AnyDigest::Sha256(Digest::of(b"squares"));
    uploads.finish(&upload, writer, &digest).await.unwrap();
    // One request more, which knew of the upload before.
    let late = uploads.writer(&upload, None).await;
    assert!(matches!(late, Err(UploadError::Unknown { .. })));
    assert_eq!(sessions(), 0);
    // Begun here, and finished by another server of the same database.
    let upload = uploads.begin(&squares(), &alpha()).await.unwrap();
    let writer = uploads.writer(&upload, Some(0)).await.unwrap();
    let finished = |connection: &mut _| uploads::delete(connection, &upload.id);
    uploads.database.with(finished).unwrap();
    uploads.sweep(Duration::from_secs(60)).unwrap();
    assert_eq!(sessions(), 1, "it is in use");
    drop(writer);
    uploads.sweep(Duration::from_secs(60)).unwrap();
    assert_eq!(sessions(), 0);
}

#[tokio::test]
async fn of_many_that_are_begun_at_once_no_more_are_open_than_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = make(&folder);
    let fill = |connection: &mut Connection| {
        for number in 1..OPEN_UPLOADS {
            let row = UploadRow {
                id: number.to_string(),
                repository: squares().to_string(),
                member: alpha().to_string(),
                created_at: 0,
                held_bytes: None,
            };
            uploads::insert(connection, &row)?;
        }
        Ok::<_, DatabaseError>(())
    };
    uploads.database.transaction(fill).unwrap();
    let (repository, member) = (squares(), alpha());
    let begin = || uploads.begin(&repository, &member);
    let begun = futures_util::future::join_all((0..32).map(|_| begin())).await;
    let refused = begun
        .iter()
        .filter(|begun| matches!(begun, Err(UploadError::TooMany)));
    assert_eq!(refused.count(), 31);
    assert_eq!(uploads.blobs.upload_ids().unwrap().len(), 1);
    let beta = "beta".parse().unwrap();
    uploads.begin(&repository, &beta).await.unwrap();
}

#[tokio::test]
async fn uploads_under_way_share_what_is_left_of_a_quota() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = make(&folder);
    let set =
        |connection: &mut Connection| quota::change(connection, &alpha(), Some(Some(1000)), None);
    uploads.database.with(set).unwrap();
    let one = uploads.begin(&squares(), &alpha()).await.unwrap();
    let other = uploads.begin(&squares(), &alpha()).await.unwrap();
    let is_refused = |error: UploadError, room: u64| {
        assert!(
            matches!(error, UploadError::Quota(QuotaError::Bytes { left, .. }) if left == room),
            "{error:?}"
        );
    };
    // 1. what one announces the other has no more
    let mut first = uploads.writer(&one, None).await.unwrap();
    first.announce(Some(700)).await.unwrap();
    let mut second = uploads.writer(&other, None).await.unwrap();
    is_refused(second.announce(Some(301)).await.unwrap_err(), 300);
    is_refused(second.append(vec![2; 301]).await.unwrap_err(), 300);
    // 2. without a length beforehand it takes what it needs, and more if that is there
    let second = uploads.writer(&other, None).await.unwrap();
    let second = second.append(vec![2; 200]).await.unwrap();
    let third = uploads.begin(&squares(), &alpha()).await;
    is_refused(third.unwrap_err(), 0);
    drop(second);
    // It has given back what it did not need, once another request may write to it.
    let second = uploads.writer(&other, None).await.unwrap();
    let third = uploads.begin(&squares(), &alpha()).await.unwrap();
    // 3. so does one that breaks off, with what it has announced
    let first = first.append(vec![1; 100]).await.unwrap();
    drop(first);
    let mut first = uploads.writer(&one, None).await.unwrap();
    is_refused(first.announce(Some(701)).await.unwrap_err(), 800);
    let digest = |bytes: &[u8]| AnyDigest::Sha256(Digest::of(bytes));
    uploads
        .finish(&one, first, &digest(&[1; 100]))
        .await
        .unwrap();
    // 4. what is whole counts as stored, and what is given up counts no more
    let mut last = uploads.writer(&third, None).await.unwrap();
    is_refused(last.announce(Some(701)).await.unwrap_err(), 700);
    drop(second);
    uploads.cancel(&other).await.unwrap();
    last.announce(Some(900)).await.unwrap();
    // 5. nobody else's, and none where there is no limit
    let beta: MemberName = "beta".parse().unwrap();
    let free = uploads.begin(&squares(), &beta).await.unwrap();
    let mut free = uploads.writer(&free, None).await.unwrap();
    free.announce(Some(1 << 20)).await.unwrap();
}
