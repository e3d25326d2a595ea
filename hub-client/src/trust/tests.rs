#![allow(clippy::unwrap_used, reason = "tests")]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use jiff::ToSpan;
use registry_schema::keys::SecretKey;
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::draft::{Draft, Plan};

use super::*;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const LOG_POLICY: &str =
    "log hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs
quorum none
";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn days(count: i64) -> Timestamp {
    NOW.checked_add((24 * count).hours()).unwrap()
}

/// A hub's state of three members whose trust keys have the seeds 1 to 3.
fn founded() -> Bundle {
    founded_by(9)
}

/// The same by a hub whose online key has this seed.
fn founded_by(online: u8) -> Bundle {
    let members = [("alpha", 1), ("beta", 2), ("gamma", 3)]
        .map(|(name, seed)| (name.parse().unwrap(), key(seed).public()));
    let plan = Plan::new(
        "test",
        members.into(),
        std::collections::BTreeMap::new(),
        LOG_POLICY.to_owned(),
        key(online).public(),
    )
    .unwrap();
    let mut draft = Draft::found(&plan, NOW).unwrap();
    for seed in 1..=3 {
        draft.sign(&key(seed), &[]).unwrap();
    }
    Bundle::found(&draft, &key(online), NOW).unwrap()
}

/// The state after a change of how many must sign.
fn rotated(bundle: &Bundle, threshold: usize) -> Bundle {
    rotated_by(9, bundle, threshold)
}

fn rotated_by(online: u8, bundle: &Bundle, threshold: usize) -> Bundle {
    let draft = Draft::propose(bundle, NOW).unwrap();
    let mut plan = draft.plan().unwrap();
    plan.threshold = threshold;
    let mut draft = draft.planned(&plan).unwrap();
    for seed in 1..=2 {
        draft.sign(&key(seed), &[]).unwrap();
    }
    bundle.accept(&draft, &key(online), NOW).unwrap()
}

/// A hub's `/tuf/` as a folder.
fn serve(bundle: &Bundle, folder: &Path) {
    for (path, text) in bundle.served_files().unwrap() {
        files::write_atomic(folder.join(path), text.as_bytes()).unwrap();
    }
}

struct Client {
    home: tempfile::TempDir,
    hub: tempfile::TempDir,
}

impl Client {
    async fn of(bundle: &Bundle) -> Self {
        let client = Self {
            home: tempfile::tempdir().unwrap(),
            hub: tempfile::tempdir().unwrap(),
        };
        serve(bundle, client.hub.path());
        let anchor = bundle.anchor();
        let source = FolderSource(client.hub.path().to_owned());
        pin(&client.folders(), &bundle.roots[0], &anchor, &source, NOW)
            .await
            .unwrap();
        client
    }

    fn folders(&self) -> Folders {
        Folders::under(self.home.path())
    }

    async fn refresh(&self, as_of: Timestamp) -> Result<Kept, TrustStoreError> {
        let source = FolderSource(self.hub.path().to_owned());
        refresh(&self.folders(), &source, as_of).await
    }

    async fn refused(&self, as_of: Timestamp) -> TufError {
        let before = kept(&self.folders()).unwrap().root.digest();
        let error = self.refresh(as_of).await.unwrap_err();
        assert_eq!(kept(&self.folders()).unwrap().root.digest(), before);
        match error {
            TrustStoreError::Tuf(error) => error,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn only_the_expected_root_is_pinned() {
    let bundle = founded();
    let hub = tempfile::tempdir().unwrap();
    serve(&bundle, hub.path());
    let home = tempfile::tempdir().unwrap();
    let folders = Folders::under(home.path());
    let source = FolderSource(hub.path().to_owned());
    assert!(matches!(kept(&folders), Err(TrustStoreError::NotPinned)));
    assert!(matches!(
        refresh(&folders, &source, NOW).await,
        Err(TrustStoreError::NotPinned)
    ));
    let other = Digest::of(b"other");
    assert!(matches!(
        pin(&folders, &bundle.roots[0], &other, &source, NOW).await,
        Err(TrustStoreError::Fingerprint { .. })
    ));
    assert!(matches!(kept(&folders), Err(TrustStoreError::NotPinned)));
    pin(&folders, &bundle.roots[0], &bundle.anchor(), &source, NOW)
        .await
        .unwrap();
    assert_eq!(kept(&folders).unwrap().root.version(), 1);
    // What is kept is verified on every use.
    let path = folders.trust().join("kept.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("quorum none", "quorum  none")).unwrap();
    assert!(matches!(kept(&folders), Err(TrustStoreError::Tuf(_))));
}

#[tokio::test]
async fn another_root_takes_the_place_of_the_first_when_it_can_be_followed() {
    let first = founded();
    let client = Client::of(&first).await;
    let state = client.refresh(NOW).await.unwrap().root.digest();
    let other = founded_by(8);
    let hub = tempfile::tempdir().unwrap();
    serve(&other, hub.path());
    let source = FolderSource(hub.path().to_owned());
    let folders = client.folders();
    let anchor = other.anchor();
    let pin_other = || pin(&folders, &other.roots[0], &anchor, &source, NOW);
    // The hub breaks off half way, and the first one goes on as if nothing had been.
    let snapshot = hub.path().join("metadata/1.snapshot.json");
    std::fs::remove_file(&snapshot).unwrap();
    pin_other().await.unwrap_err();
    assert_eq!(kept(&folders).unwrap().root.digest(), state);
    assert_eq!(client.refresh(NOW).await.unwrap().anchor, first.anchor());
    serve(&other, hub.path());
    let pinned = pin_other().await.unwrap();
    assert_eq!(pinned.bundle, other);
    assert_eq!(kept(&folders).unwrap().anchor, other.anchor());
    // It is the floor now.
    let later = rotated_by(8, &other, 1);
    serve(&later, hub.path());
    refresh(&folders, &source, NOW).await.unwrap();
    std::fs::write(hub.path().join("metadata/timestamp.json"), &other.timestamp).unwrap();
    assert!(matches!(
        refresh(&folders, &source, NOW).await,
        Err(TrustStoreError::Tuf(TufError::RolledBack { .. }))
    ));
}

#[tokio::test]
async fn the_root_is_followed_forward_one_version_after_the_other() {
    let first = founded();
    let client = Client::of(&first).await;
    let third = rotated(&rotated(&first, 1), 2);
    serve(&third, client.hub.path());
    let kept_now = client.refresh(NOW).await.unwrap();
    assert_eq!(kept_now.root.version(), 3);
    assert_eq!(kept_now.bundle, third);
    // A client that comes late walks the same way.
    assert_eq!(
        Client::of(&third).await.refresh(NOW).await.unwrap().bundle,
        third
    );
    // A hub without the version between.
    let late = Client::of(&first).await;
    serve(&third, late.hub.path());
    let root = late.hub.path().join("metadata/2.root.json");
    std::fs::copy(late.hub.path().join("metadata/3.root.json"), &root).unwrap();
    assert!(matches!(
        late.refused(NOW).await,
        TufError::SkippedVersion {
            trusted: 1,
            found: 3
        }
    ));
}

#[tokio::test]
async fn nobody_is_taken_back() {
    let first = founded();
    let second = rotated(&first, 1);
    let client = Client::of(&second).await;
    let path = client.hub.path().join("metadata/timestamp.json");
    std::fs::write(&path, &first.timestamp).unwrap();
    assert!(matches!(
        client.refused(NOW).await,
        TufError::RolledBack {
            trusted: 2,
            found: 1,
            ..
        }
    ));
    // Also when what was seen is gone, and only the whole state is kept.
    files::remove_dir(&client.folders().trust().join("seen")).unwrap();
    assert!(matches!(
        client.refused(NOW).await,
        TufError::RolledBack { .. }
    ));
    // And when a refresh broke off after the new timestamp.
    let broken = Client::of(&first).await;
    let timestamp = broken.hub.path().join("metadata/timestamp.json");
    std::fs::write(&timestamp, &second.timestamp).unwrap();
    std::fs::write(
        broken.hub.path().join("metadata/2.root.json"),
        &second.roots[1],
    )
    .unwrap();
    broken.refresh(NOW).await.unwrap_err();
    assert_eq!(kept(&broken.folders()).unwrap().root.version(), 1);
    std::fs::write(&timestamp, &first.timestamp).unwrap();
    assert!(matches!(
        broken.refused(NOW).await,
        TufError::RolledBack { .. }
    ));
    // The whole new state is taken then.
    serve(&second, broken.hub.path());
    assert_eq!(broken.refresh(NOW).await.unwrap().root.version(), 2);
}

#[tokio::test]
async fn expired_mixed_and_under_signed_states_are_named() {
    let first = founded();
    let client = Client::of(&first).await;
    let refused = client.refused(days(4)).await;
    assert!(
        matches!(&refused, TufError::Expired { role, .. } if role == "timestamp"),
        "{refused}"
    );
    // What is kept can still be used, and says that it is old.
    let state = kept(&client.folders()).unwrap();
    assert_eq!(state.expired_at(days(2)), None);
    assert_eq!(state.expired_at(days(4)).unwrap().0, "timestamp");
    client.refresh(days(2)).await.unwrap();

    let second = rotated(&first, 1);
    serve(&second, client.hub.path());
    let snapshot = client.hub.path().join("metadata/2.snapshot.json");
    std::fs::write(&snapshot, &first.snapshot).unwrap();
    assert!(matches!(client.refused(NOW).await, TufError::Mixed { .. }));
    let root = client.hub.path().join("metadata/2.root.json");
    let mut signed: serde_json::Value = serde_json::from_str(&second.roots[1]).unwrap();
    signed["signatures"].as_array_mut().unwrap().pop();
    std::fs::write(&root, signed.to_string()).unwrap();
    let other = Client::of(&first).await;
    serve(&second, other.hub.path());
    std::fs::copy(&root, other.hub.path().join("metadata/2.root.json")).unwrap();
    assert!(matches!(
        other.refused(NOW).await,
        TufError::UnderSigned {
            found: 1,
            needed: 2,
            ..
        }
    ));
}

#[tokio::test]
async fn files_that_are_gone_or_too_large_are_named() {
    let first = founded();
    let client = Client::of(&first).await;
    let second = rotated(&first, 1);
    serve(&second, client.hub.path());
    let targets = client.hub.path().join("metadata/2.targets.json");
    std::fs::write(&targets, vec![b' '; 6 << 20]).unwrap();
    let error = client.refresh(NOW).await.unwrap_err();
    assert!(matches!(error, TrustStoreError::File(_)), "{error}");
    files::remove(&targets).unwrap();
    client.refresh(NOW).await.unwrap_err();
    serve(&second, client.hub.path());
    client.refresh(NOW).await.unwrap();
}

/// A hub beside which, while it is asked, somebody else changes the settings.
#[derive(Clone)]
struct Meanwhile {
    hub: FolderSource,
    home: Folders,
}

impl TrustSource for Meanwhile {
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        limit_bytes: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, TrustStoreError>> + Send + 'a>> {
        UserConfig::change(&self.home, |config| config.threads = Some(3)).unwrap();
        self.hub.fetch(path, limit_bytes)
    }

    fn share(&self) -> Box<dyn TrustSource> {
        Box::new(self.clone())
    }
}

#[tokio::test]
async fn settings_that_are_written_meanwhile_stay() {
    let bundle = founded();
    let (hub, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    serve(&bundle, hub.path());
    let folders = Folders::under(home.path());
    let source = Meanwhile {
        hub: FolderSource(hub.path().to_owned()),
        home: folders.clone(),
    };
    pin(&folders, &bundle.roots[0], &bundle.anchor(), &source, NOW)
        .await
        .unwrap();
    let config = UserConfig::load(&folders).unwrap();
    assert_eq!(config.first_root, Some(bundle.anchor()));
    assert_eq!(config.threads, Some(3));
}
