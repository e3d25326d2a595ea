//! What every request needs: the trust root, the database, the log, the blobs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use registry_schema::limits;
use registry_schema::log::note::VerifierKey;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::Draft;
use registry_schema::verify::{Asked, VerifyError, verify_release};
use tokio::sync::Semaphore;

use crate::answers::Answers;
use crate::attempts::Attempts;
use crate::blobs::{BlobError, Blobs, create_private_folder, is_there, sync_folder};
use crate::bucket_address::BucketAddress;
use crate::cause::chain;
use crate::config::{DataFolder, DatabasePlace};
use crate::database::{
    Connection, Database, DatabaseError, Hold, Tables, collection, releases, settings,
};
use crate::deltas::Deltas;
use crate::log::{self, Head, Log, LogError};
use crate::repository::{MadeDigests, Namespace};
use crate::trust::{self, State, Trust, TrustError};
use crate::uploads::Uploads;

/// Publishes that are looked into at once; others wait for their turn.
const PUBLISHES: usize = 2;

/// A hub that is open.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) trust: Trust,
    pub(crate) database: Database,
    pub(crate) log: Log,
    pub(crate) blobs: Blobs,
    pub(crate) uploads: Uploads,
    pub(crate) deltas: Deltas,
    /// Turns of publishes, each of which may hold a large graph's structure in memory.
    pub(crate) publishing: Arc<Semaphore>,
    /// Wrong tokens that were typed into the login page of late.
    pub(crate) attempts: Attempts,
    /// What references mean, and what the catalogue's filters offer.
    pub(crate) answers: Answers,
    /// Where members may keep what is no extractor.
    pub(crate) namespaces: Vec<Namespace>,
    /// Which releases the manifests for OCI clients come from.
    pub(crate) made: MadeDigests,
    /// Whether reading needs no token.
    pub(crate) is_public: bool,
    /// For how long an address in the object store is good that takes the place of a blob's bytes.
    pub(crate) redirect_blobs: Option<Duration>,
    /// The folder that is shown, when this is a mirror of another hub, which takes nothing.
    pub(crate) mirror: Option<PathBuf>,
}

impl Hub {
    /// Makes the data folder of a new hub, or gives a hub of the time of policy files its trust
    /// root. The hub's keys were made before, and are named in the draft.
    pub(crate) fn init(
        data: &DataFolder,
        root: &Path,
        now: Timestamp,
    ) -> Result<(State, VerifierKey), HubError> {
        let draft = read_draft(root)?;
        if is_made(data)? {
            return Err(HubError::Exists {
                folder: data.root().to_owned(),
            });
        }
        // 1. what enough members signed names this hub's keys
        let bundle =
            Bundle::found(&draft, &trust::load_key(data)?, now).map_err(TrustError::from)?;
        let root =
            ConsortiumRoot::verify(&bundle, &bundle.anchor(), now).map_err(TrustError::from)?;
        let key = log::load_key(data)?;
        log::check_policy(root.log_policy(), &key.verifier())?;
        // 2. the folder, and in the end the state that makes it a hub
        create_private_folder(&data.blobs())?;
        let database = open_folders(data)?;
        check_recorded(&database, &root)?;
        trust::save(&database, None, &bundle)?;
        remove_policy_file(data)?;
        sync_folder(data.root())?;
        let state = State {
            bundle,
            root,
            expired: Vec::new(),
        };
        Ok((state, key.verifier()))
    }

    /// Opens a hub.
    pub(crate) fn open(
        data: &DataFolder,
        bucket: Option<&BucketAddress>,
        reserve_bytes: u64,
        is_public: bool,
        now: Timestamp,
    ) -> Result<Self, HubError> {
        let database = open_database(data)?;
        let mirror = mirror_of(&database)?;
        if let Some(folder) = mirror {
            if bucket.is_some() {
                return Err(HubError::MirrorInBucket);
            }
            return Self::open_mirror(data, database, folder, is_public, now);
        }
        let trust = Trust::open(database.clone(), data, now)?;
        let policy = trust.state().root.log_policy().clone();
        let log = Log::open(database.clone(), log::load_key(data)?, policy)?;
        create_private_folder(&data.uploads())?;
        let blobs = Blobs::at(bucket, data, reserve_bytes)?;
        database.with(collection::prepare)?;
        Ok(Self {
            is_public,
            ..Self::of(data, database, trust, log, blobs)
        })
    }

    /// Opens a mirror, with what was taken of its folder so far.
    fn open_mirror(
        data: &DataFolder,
        database: Database,
        folder: PathBuf,
        is_public: bool,
        now: Timestamp,
    ) -> Result<Self, HubError> {
        let trust = Trust::open_copy(database.clone(), now)?;
        let policy = trust.state().root.log_policy().clone();
        let log = Log::open_copy(database.clone(), policy)?;
        create_private_folder(&data.uploads())?;
        let blobs = Blobs::of_mirror(&folder, data);
        Ok(Self {
            is_public,
            mirror: Some(folder),
            ..Self::of(data, database, trust, log, blobs)
        })
    }

    /// Of what is kept; as private as can be, and with nothing that an operator may add.
    fn of(data: &DataFolder, database: Database, trust: Trust, log: Log, blobs: Blobs) -> Self {
        Self {
            trust,
            uploads: Uploads::new(database.clone(), blobs.clone()),
            deltas: Deltas::new(data, blobs.clone()),
            database,
            log,
            blobs,
            publishing: Arc::new(Semaphore::new(PUBLISHES)),
            attempts: Attempts::default(),
            answers: Answers::default(),
            namespaces: Vec::new(),
            made: MadeDigests::default(),
            is_public: false,
            redirect_blobs: None,
            mirror: None,
        }
    }

    /// Refuses to go on with what was checked under another state of the trust root than the present
    /// one: what is recorded follows from one state. In the transaction that records it, since another
    /// server of the same database may have changed it.
    ///
    /// # Errors
    /// [`DatabaseError::Changed`]: look again.
    pub(crate) fn check_same_trust(
        &self,
        connection: &mut Connection,
        checked: &Arc<State>,
    ) -> Result<(), DatabaseError> {
        if self.database.is_shared() {
            if Trust::is_newest(connection, checked)? {
                return Ok(());
            }
            if let Err(error) = self.trust.follow(connection, Timestamp::now()) {
                tracing::error!(error = chain(&error), "cannot read the trust root anew");
            }
        } else if Arc::ptr_eq(checked, &self.trust_root()) {
            return Ok(());
        }
        Err(DatabaseError::Changed)
    }

    /// Shows what other servers of the same database have written. Nothing is looked for where there
    /// are no others. A mirror's folder is followed by its server alone.
    ///
    /// # Errors
    /// [`HubError`], also when it does not continue what was shown.
    pub(crate) fn follow(&self, now: Timestamp) -> Result<(), HubError> {
        if !self.is_followed() {
            return Ok(());
        }
        self.database.with(|connection| {
            self.trust.follow(connection, now)?;
            let policy = self.trust_root().root.log_policy().clone();
            self.log.set_policy(policy);
            self.log.follow(connection)?;
            let attached = settings::find(connection, settings::ATTACHED)?;
            self.answers.follow(attached);
            Ok(())
        })
    }

    /// Whether there may be other servers to be followed.
    pub(crate) fn is_followed(&self) -> bool {
        self.database.is_shared() && self.mirror.is_none()
    }

    /// Shows the newest state of a mirror, which was checked and is on the disk.
    pub(crate) fn show_copy(&self, state: State, head: Head) {
        let policy = state.root.log_policy().clone();
        self.trust.show_copy(state);
        self.log.show_copy(policy, head);
    }

    /// The present trust root.
    pub(crate) fn trust_root(&self) -> Arc<State> {
        self.trust.state()
    }
}

/// Whether `init` came to its end here; what an interrupted one left is made anew, and what an
/// earlier version of this program made is moved over.
fn is_made(data: &DataFolder) -> Result<bool, HubError> {
    if !has_database(data)? {
        return Ok(false);
    }
    let database = Database::connect(data.database())?;
    if database.tables()? == Tables::Missing {
        return Ok(false);
    }
    let _alone = bring_up_to_date_alone(&database)?;
    Ok(trust::is_there(&database)?)
}

/// What is recorded already must still count: a hub that is moved over keeps all its releases.
fn check_recorded(database: &Database, root: &ConsortiumRoot) -> Result<(), HubError> {
    for row in database.with(releases::all)? {
        let asked = Asked::Anything;
        let index = row.index().unwrap_or(0);
        verify_release(root, &asked, &row.envelope, index).map_err(|source| {
            HubError::LosesRelease {
                release: format!("{}@{}", row.name, row.version),
                source: Box::new(source),
            }
        })?;
    }
    Ok(())
}

/// The policy file of the first version has done its service.
fn remove_policy_file(data: &DataFolder) -> Result<(), HubError> {
    let path = data.root().join("policy.toml");
    match fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(BlobError::new("remove", &path, source).into())
        }
        _ => Ok(()),
    }
}

/// The folder that a hub shows, when it is a mirror.
pub(crate) fn mirror_of(database: &Database) -> Result<Option<PathBuf>, DatabaseError> {
    let folder = database.with(|connection| settings::find(connection, settings::MIRROR))?;
    Ok(folder.map(PathBuf::from))
}

/// Brings the tables up to date, if they are not: no server runs on a shared database then, nor as long as the answer
/// lives. Of a file the caller holds the lock.
fn bring_up_to_date_alone(database: &Database) -> Result<Option<Hold>, HubError> {
    if database.tables()? == Tables::UpToDate {
        return Ok(None);
    }
    let alone = database.alone()?;
    database.bring_up_to_date()?;
    Ok(alone)
}

/// Makes the folders and the database of a hub, where they are not there yet.
pub(crate) fn open_folders(data: &DataFolder) -> Result<Database, HubError> {
    for folder in [data.root(), &data.uploads(), &data.tls()] {
        create_private_folder(folder)?;
    }
    Ok(Database::open(data.database())?)
}

/// Refuses a folder in which no hub is; nothing is changed there.
pub(crate) fn check_made(data: &DataFolder) -> Result<(), HubError> {
    if is_there(data.root())? && has_database(data)? {
        return Ok(());
    }
    Err(HubError::NotInitialised {
        folder: data.root().to_owned(),
    })
}

/// Whether there may be tables: a file that is there, or a PostgreSQL server to be asked.
fn has_database(data: &DataFolder) -> Result<bool, HubError> {
    match data.database() {
        DatabasePlace::File(path) => Ok(is_there(path)?),
        DatabasePlace::Postgres { .. } => Ok(true),
    }
}

/// Opens the database of a hub, for its server.
fn open_database(data: &DataFolder) -> Result<Database, HubError> {
    check_made(data)?;
    let database = Database::open(data.database())?;
    check_database(data, &database)?;
    Ok(database)
}

/// Refuses a database in which no hub is, or one of another version: its tables are those of the server that may run
/// on it, which no other command changes.
pub(crate) fn check_database(data: &DataFolder, database: &Database) -> Result<(), HubError> {
    match database.tables()? {
        Tables::UpToDate => {}
        Tables::Behind(steps) => return Err(HubError::OldTables { steps }),
        Tables::Missing => {
            let folder = data.root().to_owned();
            return Err(HubError::NotInitialised { folder });
        }
    }
    if trust::is_there(database)? {
        return Ok(());
    }
    let old = database.with(|connection| settings::find(connection, settings::POLICY_DIGEST))?;
    Err(match old {
        Some(_) => HubError::OldPolicy {
            folder: data.root().to_owned(),
        },
        None => HubError::NotInitialised {
            folder: data.root().to_owned(),
        },
    })
}

/// Opens the database and the trust root in it, as they are: for commands beside which a server may run.
pub(crate) fn open_trust(data: &DataFolder, now: Timestamp) -> Result<(State, Database), HubError> {
    check_made(data)?;
    let database = Database::connect(data.database())?;
    check_database(data, &database)?;
    let state = trust::load(&database, now)?;
    Ok((state, database))
}

/// The same for a command that has the hub to itself, which brings the tables up to date: no server runs on a shared
/// database as long as the answer lives. Of a file the caller holds the lock.
pub(crate) fn open_alone(data: &DataFolder) -> Result<(Database, Option<Hold>), HubError> {
    check_made(data)?;
    let database = Database::connect(data.database())?;
    let alone = database.alone()?;
    if database.tables()? != Tables::Missing {
        database.bring_up_to_date()?;
    }
    check_database(data, &database)?;
    Ok((database, alone))
}

/// Reads a draft of the trust root.
pub(crate) fn read_draft(path: &Path) -> Result<Draft, HubError> {
    let read = |source| HubError::Read {
        path: path.to_owned(),
        source,
    };
    let size_bytes = fs::metadata(path).map_err(read)?.len();
    if size_bytes > limits::DRAFT_BYTES {
        return Err(read(std::io::ErrorKind::FileTooLarge.into()));
    }
    let text = fs::read_to_string(path).map_err(read)?;
    Draft::parse(&text).map_err(|source| HubError::Draft {
        path: path.to_owned(),
        source: Box::new(source.into()),
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
    #[error(
        "`{folder}` holds no hub: make its keys with `hub-server keys`, have the consortium sign a draft that names them, then `hub-server init --data DIR --root DRAFT`; if it is a hub over PostgreSQL, name that with `--database`"
    )]
    NotInitialised {
        /// Which folder.
        folder: PathBuf,
    },
    /// A hub of the first version.
    #[error(
        "`{folder}` holds a hub with a policy file, the form of the first version: move it over with `hub consortium init --from-policy {folder}/policy.toml`, have the members sign, then `hub-server init --data DIR --root DRAFT`"
    )]
    OldPolicy {
        /// Which folder.
        folder: PathBuf,
    },
    /// Tables of an earlier version of this program.
    #[error(
        "the tables of this hub are those of an earlier version, {steps} steps behind this one: run the command with the program of the version that serves, or start this version's `hub-server serve`, which brings them up to date"
    )]
    OldTables {
        /// How many steps are missing.
        steps: usize,
    },
    /// A file that cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A draft that is none.
    #[error("`{path}` is no draft of a trust root")]
    Draft {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<TrustError>,
    },
    /// A recorded release would no longer count.
    #[error("under this trust root the recorded release {release} would no longer count")]
    LosesRelease {
        /// Which.
        release: String,
        /// Why.
        source: Box<VerifyError>,
    },
    /// A mirror and a bucket.
    #[error("a mirror shows the blobs in its folder: leave `--blobs` and HUB_SERVER_BLOBS away")]
    MirrorInBucket,
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
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
