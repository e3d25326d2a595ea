//! What every request needs: the policy, the database, the log, the blobs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry_schema::digest::Digest;
use registry_schema::log::note::{SignerKey, VerifierKey};
use registry_schema::trust_root::{ConsortiumPolicy, PolicyError, TrustRoot};
use tokio::sync::Semaphore;

use crate::blobs::{BlobError, Blobs, create_private_folder, sync_folder, write_file};
use crate::config::{DataFolder, InitArgs};
use crate::database::{Database, DatabaseError, log as rows, settings};
use crate::log::{self, Log, LogError};
use crate::uploads::Uploads;

/// Publishes that are looked into at once; others wait for their turn.
const PUBLISHES: usize = 2;

/// A hub that is open.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) policy: ConsortiumPolicy,
    pub(crate) database: Database,
    pub(crate) log: Log,
    pub(crate) blobs: Blobs,
    pub(crate) uploads: Uploads,
    /// Turns of publishes, each of which may hold a large graph's structure in memory.
    pub(crate) publishing: Arc<Semaphore>,
    /// Whether reading needs no token.
    pub(crate) is_public: bool,
}

impl Hub {
    /// Makes the data folder of a new hub; its policy and the key of its log.
    pub(crate) fn init(
        data: &DataFolder,
        wish: &InitArgs,
    ) -> Result<(ConsortiumPolicy, VerifierKey), HubError> {
        let policy = read_policy(&wish.policy)?;
        if is_made(data)? {
            return Err(HubError::Exists {
                folder: data.root().to_owned(),
            });
        }
        let log_policy = match &wish.log_policy {
            // It names the log's key, so that was made before.
            Some(path) => Some(log::check_policy(
                log::read_policy(path)?,
                &log::load_key(data)?,
            )?),
            None => None,
        };
        for folder in [data.root(), &data.blobs(), &data.uploads(), &data.tls()] {
            create_private_folder(folder)?;
        }
        write_file(&data.policy(), policy.text().as_bytes())?;
        if let Some(log_policy) = log_policy {
            write_file(&data.log_policy(), log_policy.text().as_bytes())?;
        }
        let key = log::load_or_make_key(data, wish.origin.as_ref())?;
        let database = Database::open(&data.database())?;
        database.with(|connection| {
            settings::insert(
                connection,
                settings::POLICY_DIGEST,
                &policy.digest().to_string(),
            )
        })?;
        sync_folder(data.root())?;
        Ok((policy, key.verifier()))
    }

    /// Opens a hub; refuses one whose policy is not the one it was made with.
    pub(crate) fn open(
        data: &DataFolder,
        reserve_bytes: u64,
        is_public: bool,
    ) -> Result<Self, HubError> {
        let (policy, database) = open_policy(data)?;
        let key = log_key(data, &database)?;
        let log = Log::open(database.clone(), key.clone(), log::load_policy(data, &key)?)?;
        create_private_folder(&data.uploads())?;
        let blobs = Blobs::new(data, reserve_bytes);
        let uploads = Uploads::new(database.clone(), blobs.clone());
        Ok(Self {
            policy,
            database,
            log,
            blobs,
            uploads,
            publishing: Arc::new(Semaphore::new(PUBLISHES)),
            is_public,
        })
    }
}

/// The log's key. A hub of a time before there was a log gets one; a log that is there needs its own.
fn log_key(data: &DataFolder, database: &Database) -> Result<SignerKey, HubError> {
    let head = database.with(|connection| rows::checkpoint(connection, rows::HEAD))?;
    Ok(match head {
        Some(_) => log::load_key(data)?,
        None => log::load_or_make_key(data, None)?,
    })
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
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file system.
    #[error(transparent)]
    File(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
