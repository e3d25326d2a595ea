//! Where the files of a trust root come from: a hub, or a folder on a machine without a network.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::name::MemberName;
use registry_schema::tuf::bundle::{Bundle, served_path};
use registry_schema::tuf::metadata::{Snapshot, TargetFile, Targets};
use registry_schema::tuf::{CONSORTIUM_PATH, LOG_POLICY_PATH, Signed, TufError, keyring_path};
use sigstore_tuf::Repository;
use sigstore_tuf::transport::FetchFuture;

use super::TrustStoreError;
use super::seen::{Seen, version_of};
use crate::files::{self, FileError};
use crate::registry::Registry;

type Fetched<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, TrustStoreError>> + Send + 'a>>;

/// Files by the paths of a TUF repository, such as `metadata/2.root.json`.
pub trait TrustSource: Send + Sync {
    /// A file of at most `limit_bytes`; `None` when it is not there.
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: u64) -> Fetched<'a>;

    /// Another handle on the same source.
    fn share(&self) -> Box<dyn TrustSource>;
}

/// A hub.
#[derive(Clone, Debug)]
pub struct HubSource(pub Registry);

impl TrustSource for HubSource {
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: u64) -> Fetched<'a> {
        Box::pin(async move { Ok(self.0.trust_file(path, limit_bytes).await?) })
    }

    fn share(&self) -> Box<dyn TrustSource> {
        Box::new(self.clone())
    }
}

/// A copy of a hub's `/tuf/`: a folder with `metadata` and `targets` in it.
#[derive(Clone, Debug)]
pub struct FolderSource(pub PathBuf);

impl TrustSource for FolderSource {
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: u64) -> Fetched<'a> {
        let found = match files::read_limited(&self.0.join(path), limit_bytes) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::into(error)),
        };
        Box::pin(async move { found })
    }

    fn share(&self) -> Box<dyn TrustSource> {
        Box::new(self.clone())
    }
}

/// A source in the form that `sigstore-tuf` wants, which remembers what went wrong.
#[derive(Clone)]
pub(super) struct Reported {
    source: Arc<dyn TrustSource>,
    faults: Faults,
}

/// The first fault of a source.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Option<TrustStoreError>>>);

impl Faults {
    pub(super) fn take(&self) -> Result<(), TrustStoreError> {
        match self.0.lock().map(|mut fault| fault.take()) {
            Ok(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Reported {
    pub(super) fn new(source: &dyn TrustSource) -> (Self, Faults) {
        let faults = Faults::default();
        let reported = Self {
            source: Arc::from(source.share()),
            faults: faults.clone(),
        };
        (reported, faults)
    }

    async fn get(&self, path: &str, limit: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        self.source.fetch(path, limit).await.map_err(|error| {
            let words = error.to_string();
            if let Ok(mut fault) = self.faults.0.lock() {
                fault.get_or_insert(error);
            }
            sigstore_tuf::Error::transport(words)
        })
    }

    /// A file that must be there, as text.
    async fn text(&self, path: &str, limit: u64) -> Result<String, TrustStoreError> {
        let bytes = self.source.fetch(path, limit).await?;
        let bytes = bytes.ok_or_else(|| TufError::Missing {
            file: path.to_owned(),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| TufError::Malformed {
            file: path.to_owned(),
            reason: "it is not UTF-8".to_owned(),
        })?;
        Ok(text)
    }
}

impl Repository for Reported {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.get(&format!("metadata/{name}"), max_length).await })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.get(&format!("targets/{path}"), max_length).await })
    }
}

/// Brings together what belongs to the snapshot that was just verified; what is kept already is not
/// fetched again. The bytes are verified by whoever gets the bundle.
pub(super) async fn gather(
    source: &Reported,
    seen: &Seen,
    first_root: &str,
    before: Option<&Bundle>,
) -> Result<Bundle, TrustStoreError> {
    let missing = |file: &str| TufError::Missing {
        file: file.to_owned(),
    };
    let text = |name: &str| seen.text(name).ok_or_else(|| missing(name));
    let (timestamp, snapshot) = (text("timestamp.json")?, text("snapshot.json")?);
    let targets = text("targets.json")?;
    let mut roots = vec![first_root.to_owned()];
    let first = version_of(first_root).ok_or_else(|| missing("root.json"))?;
    while let Some(root) = seen.text(&format!(
        "root_history/{}.root.json",
        first + roots.len() as u64
    )) {
        roots.push(root);
    }
    let pins = Signed::<Snapshot>::parse("snapshot.json", &snapshot)?;
    let top = Signed::<Targets>::parse("targets.json", &targets)?;
    let mut gathering = Gathering {
        source,
        before,
        files: BTreeMap::new(),
    };
    for path in [CONSORTIUM_PATH, LOG_POLICY_PATH] {
        gathering.file(path, top.content()).await?;
    }
    let mut keyrings: BTreeMap<MemberName, String> = BTreeMap::new();
    let members = top.content().delegations.iter().flat_map(|all| &all.roles);
    for member in members.map(|role| &role.name) {
        let Some(pin) = pins.content().meta.get(&format!("{member}.json")) else {
            continue;
        };
        let is_same = |text: &&String| {
            pin.length == text.len() as u64
                && pin.hashes.sha256 == Digest::of(text.as_bytes()).to_hex()
        };
        let known = before.and_then(|bundle| bundle.keyrings.get(member));
        let role = match known.filter(is_same) {
            Some(text) => text.clone(),
            None => {
                let path = format!("metadata/{}.{member}.json", pin.version);
                source.text(&path, limits::TUF_TARGETS_BYTES).await?
            }
        };
        let signed = Signed::<Targets>::parse(&format!("{member}.json"), &role)?;
        gathering
            .file(&keyring_path(member), signed.content())
            .await?;
        keyrings.insert(member.clone(), role);
    }
    Ok(Bundle::assemble(
        roots,
        (timestamp, snapshot, targets),
        keyrings,
        gathering.files,
    ))
}

struct Gathering<'a> {
    source: &'a Reported,
    before: Option<&'a Bundle>,
    files: BTreeMap<String, String>,
}

impl Gathering<'_> {
    async fn file(&mut self, path: &str, targets: &Targets) -> Result<(), TrustStoreError> {
        let Some(pin) = targets.targets.get(path) else {
            return Ok(());
        };
        let known = self.before.and_then(|bundle| bundle.files.get(path));
        let text = match known.filter(|text| TargetFile::of(text.as_bytes()) == *pin) {
            Some(text) => text.clone(),
            None => {
                let at = served_path(path, &pin.hashes.sha256);
                self.source.text(&at, limits::TUF_FILE_BYTES).await?
            }
        };
        self.files.insert(path.to_owned(), text);
        Ok(())
    }
}
