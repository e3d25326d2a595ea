//! What every request needs: the policy, the database, the blobs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry_schema::digest::Digest;
use registry_schema::trust_root::{ConsortiumPolicy, PolicyError, TrustRoot};
use tokio::sync::Semaphore;

use crate::blobs::{BlobError, Blobs, create_private_folder, sync_folder};
use crate::config::DataFolder;
use crate::database::{Database, DatabaseError, settings};
use crate::uploads::Uploads;

/// Publishes that are looked into at once; others wait for their turn.
const PUBLISHES: usize = 2;

/// A hub that is open.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) policy: ConsortiumPolicy,
    pub(crate) database: Database,
    pub(crate) blobs: Blobs,
    pub(crate) uploads: Uploads,
    /// Turns of publishes, each of which may hold a large graph's structure in memory.
    pub(crate) publishing: Arc<Semaphore>,
    /// Whether reading needs no token.
    pub(crate) is_public: bool,
}

impl Hub {
    /// Makes the data folder of a new hub.
    pub(crate) fn init(
        data: &DataFolder,
        policy_file: &Path,
    ) -> Result<ConsortiumPolicy, HubError> {
        let policy = read_policy(policy_file)?;
        if is_made(data)? {
            return Err(HubError::Exists {
                folder: data.root().to_owned(),
            });
        }
        for folder in [data.root(), &data.blobs(), &data.uploads(), &data.tls()] {
            create_private_folder(folder)?;
        }
        write_file(&data.policy(), policy.text().as_bytes())?;
        let database = Database::open(&data.database())?;
        database.with(|connection| {
            settings::insert(
                connection,
                settings::POLICY_DIGEST,
                &policy.digest().to_string(),
            )
        })?;
        sync_folder(data.root())?;
        Ok(policy)
    }

    /// Opens a hub; refuses one whose policy is not the one it was made with.
    pub(crate) fn open(
        data: &DataFolder,
        reserve_bytes: u64,
        is_public: bool,
    ) -> Result<Self, HubError> {
        let (policy, database) = open_policy(data)?;
        create_private_folder(&data.uploads())?;
        let blobs = Blobs::new(data, reserve_bytes);
        let uploads = Uploads::new(database.clone(), blobs.clone());
        Ok(Self {
            policy,
            database,
            blobs,
            uploads,
            publishing: Arc::new(Semaphore::new(PUBLISHES)),
            is_public,
        })
    }
}

/// Whether `init` came to its end here; what an interrupted one left is made anew.
fn is_made(data: &DataFolder) -> Result<bool, HubError> {
    if !data.database().exists() {
        return Ok(false);
    }
    let database = Database::open(&data.database())?;
    let digest = database.with(|connection| settings::find(connection, settings::POLICY_DIGEST))?;
    Ok(digest.is_some())
}

/// Opens the database and the policy it was made with.
pub(crate) fn open_policy(data: &DataFolder) -> Result<(ConsortiumPolicy, Database), HubError> {
    if !data.database().exists() {
        return Err(HubError::NotInitialised {
            folder: data.root().to_owned(),
        });
    }
    let database = Database::open(&data.database())?;
    let policy = check_policy(data, &database)?;
    Ok((policy, database))
}

/// Reads the policy and compares it with the one the database was made with.
pub(crate) fn check_policy(
    data: &DataFolder,
    database: &Database,
) -> Result<ConsortiumPolicy, HubError> {
    let policy = read_policy(&data.policy())?;
    let expected = database
        .with(|connection| settings::find(connection, settings::POLICY_DIGEST))?
        .ok_or(DatabaseError::Corrupt {
            what: "no policy digest",
        })?;
    if policy.digest().to_string() != expected {
        return Err(HubError::PolicyChanged {
            path: data.policy(),
            expected,
            found: policy.digest(),
        });
    }
    Ok(policy)
}

fn read_policy(path: &Path) -> Result<ConsortiumPolicy, HubError> {
    let text = fs::read_to_string(path).map_err(|source| HubError::Read {
        path: path.to_owned(),
        source,
    })?;
    ConsortiumPolicy::parse(&text).map_err(|source| HubError::Policy {
        path: path.to_owned(),
        source,
    })
}

/// Writes a small file that only its owner can read, and waits until it is on the disk.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|source| BlobError::new("write", path, source))
}

/// Why a hub cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubError {
    /// `init` where a hub is.
    #[error("`{folder}` holds a hub already: choose another folder, or start it with `serve`")]
    Exists {
        /// Which folder.
        folder: PathBuf,
    },
    /// `serve` where no hub is.
    #[error("`{folder}` holds no hub: make one with `hub-server init --data DIR --policy FILE`")]
    NotInitialised {
        /// Which folder.
        folder: PathBuf,
    },
    /// A policy that is not there.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A policy that is none.
    #[error("`{path}` is no consortium policy")]
    Policy {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: PolicyError,
    },
    /// The policy was edited after `init`; every client has pinned the old one.
    #[error(
        "`{path}` was changed: its digest is {found}, this hub was made with {expected}, which its clients have pinned. Put the original back"
    )]
    PolicyChanged {
        /// Which file.
        path: PathBuf,
        /// As recorded.
        expected: String,
        /// As it is.
        found: Digest,
    },
    /// The file system.
    #[error(transparent)]
    File(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
