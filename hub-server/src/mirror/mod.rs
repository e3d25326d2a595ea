//! A mirror: a hub that shows what `hub mirror` has copied of another one into a folder, and takes nothing.
//!
//! Its data folder holds its own tokens and certificate, and rows made of the folder's entries, which are checked
//! as the hub checked them. It has no key of the log and none of the trust root, so that it can prove what the hub
//! could, and sign nothing.

mod follow;

pub(crate) use follow::Follower;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::limits;
use registry_schema::log::note::Note;
use registry_schema::log::policy::QuorumError;
use registry_schema::log::tile::BundleId;
use registry_schema::log::tree::Tree;
use registry_schema::manifest::VECTORS_FILE;
use registry_schema::mirror::{LIST_FILE, LOG_FOLDER, MirrorList, MirroredRelease, TRUST_FOLDER};
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::TufError;
use registry_schema::tuf::bundle::Bundle;

use crate::app::{HubError, open_folders};
use crate::attach::{self, AttachError};
use crate::blobs::{BlobError, Blobs};
use crate::config::DataFolder;
use crate::database::releases::{FileRow, ReleaseRow};
use crate::database::{
    Connection, Database, DatabaseError, blobs, from_column, log as entries, model_signatures,
    releases, settings, to_digest, to_name, trust as states,
};
use crate::index::{IndexError, clear_rows, replay_from};
use crate::log::{Head, LogError, copied, copied_notes, first_root, write_copy};
use crate::log_folder::{CopyError, checkpoint, entries_beyond, read};
use crate::trust::{self, State, TrustError};
use crate::yank::{YankError, recount};

/// What was taken of a folder.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) state: State,
    pub(crate) head: Head,
    /// Releases whose files are shown.
    pub(crate) releases: usize,
    /// Files that the folder's list promises and the folder does not hold, in words.
    pub(crate) missing: Vec<String>,
}

/// Makes the data folder of a mirror, or lets one show another folder.
///
/// # Errors
/// [`MirrorError`]; then it shows what it showed before.
pub(crate) fn init(data: &DataFolder, folder: &Path, now: Timestamp) -> Result<Taken, MirrorError> {
    let error = |source| CopyError::Read {
        path: folder.to_owned(),
        source,
    };
    let folder = fs::canonicalize(folder).map_err(error)?;
    let database = open_folders(data)?;
    let blobs = Blobs::of_mirror(&folder, data);
    database.transaction(|connection| {
        let before = settings::find(connection, settings::MIRROR)?;
        if before.is_none() && states::state(connection)?.is_some() {
            let folder = data.root().to_owned();
            return Err(HubError::Exists { folder }.into());
        }
        settings::remove(connection, settings::MIRROR)?;
        settings::insert(connection, settings::MIRROR, &folder.to_string_lossy())?;
        take(connection, &folder, &blobs, now)
    })
}

/// Makes every row anew from the folder's entries, which must be those that were shown, and may be more.
///
/// # Errors
/// [`MirrorError`]; then nothing has changed.
pub(crate) fn rebuild(
    database: &Database,
    folder: &Path,
    data: &DataFolder,
    now: Timestamp,
) -> Result<Taken, MirrorError> {
    let blobs = Blobs::of_mirror(folder, data);
    database.transaction(|connection| {
        let shown = copied_notes(connection)?;
        clear_rows(connection)?;
        entries::clear(connection)?;
        let taken = take(connection, folder, &blobs, now)?;
        check_goes_on(connection, &shown, &taken)?;
        Ok(taken)
    })
}

/// Fails unless what was taken goes on from what was shown.
fn check_goes_on(
    connection: &mut Connection,
    shown: &[Note],
    taken: &Taken,
) -> Result<(), MirrorError> {
    // Its witnesses may be others by now. What the log has not signed was not shown.
    let policy = taken.state.root.log_policy().without_witnesses();
    let found = taken.head.checkpoint.size;
    for before in shown.iter().filter_map(|note| policy.check(note).ok()) {
        let before = before.checkpoint();
        if found < before.size {
            return Err(MirrorError::Backwards {
                shown: before.size,
                found,
            });
        }
        if first_root(connection, before.size)? != Some(before.root) {
            return Err(MirrorError::OtherHistory { size: found });
        }
    }
    Ok(())
}

/// Takes what the folder has beyond the database, in a transaction of the caller's.
fn take(
    connection: &mut Connection,
    folder: &Path,
    store: &Blobs,
    now: Timestamp,
) -> Result<Taken, MirrorError> {
    // 1. the checkpoint, which is written last: what it is about is there
    let copy = folder.join(LOG_FOLDER);
    let note = checkpoint(&copy)?;
    // 2. whose word counts: the same consortium, and no older state than the one shown
    let state = take_trust_root(connection, &folder.join(TRUST_FOLDER), now)?;
    let policy = state.root.log_policy();
    let shown = policy.check(&note)?;
    // 3. the log goes on to what was signed, or nothing is taken
    let before = copied(connection, policy)?.map(|(tree, _)| tree);
    let mut tree = before.unwrap_or_else(Tree::new);
    let (known, size) = (tree.size(), shown.checkpoint().size);
    if size < known {
        return Err(MirrorError::Backwards {
            shown: known,
            found: size,
        });
    }
    let mut of_nobody = None;
    for number in known / 256..=size / 256 {
        let bundle = BundleId::of_tree(number, size).filter(|_| size > known);
        let Some(bundle) = bundle else { continue };
        let beyond = entries_beyond(&copy, &bundle, known, &state.root)?;
        for row in &beyond.rows {
            entries::insert_entry(connection, row)?;
        }
        write_copy(connection, &mut tree, &beyond.leaves)?;
        of_nobody = of_nobody.or(beyond.of_nobody);
    }
    let head = Head::of_copy(&tree, &shown).ok_or(MirrorError::OtherHistory { size })?;
    if let Some(error) = of_nobody {
        return Err(error.into());
    }
    head.keep_copy(connection)?;
    // 4. the rows of yanks by keys that were taken back, and every row that follows from new entries
    recount(connection, &state.root)?;
    replay_from(connection, &state.root, known)?;
    // 5. the files that are shown
    let list = read_list(folder)?;
    let missing = bind_files(connection, &list, store)?;
    Ok(Taken {
        state,
        head,
        releases: list.releases.len(),
        missing,
    })
}

fn take_trust_root(
    connection: &mut Connection,
    folder: &Path,
    now: Timestamp,
) -> Result<State, MirrorError> {
    let bundle = Bundle::of_served_files(|path| read_text(&folder.join(path)))?;
    let before = states::state(connection)?;
    let before = before.map(|text| Bundle::parse(&text)).transpose()?;
    let version = before.as_ref().map(Bundle::version).transpose()?;
    if let Some(before) = &before {
        let (pinned, found) = (before.anchor(), bundle.anchor());
        if pinned != found {
            return Err(TufError::Anchor { pinned, found }.into());
        }
        if bundle.is_older_than(before)? {
            return Err(MirrorError::OlderTrustRoot);
        }
    }
    let state = State::verified(bundle, now)?;
    trust::put(connection, version, &state.bundle)?;
    Ok(state)
}

fn read_text(path: &Path) -> Result<Option<String>, MirrorError> {
    let bytes = match read(path, limits::TUF_TARGETS_BYTES) {
        Err(error) if error.is_missing() => return Ok(None),
        other => other?,
    };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| MirrorError::NotText {
        path: path.to_owned(),
    })
}

fn read_list(folder: &Path) -> Result<MirrorList, MirrorError> {
    let path = folder.join(LIST_FILE);
    let bytes = read(&path, limits::MIRROR_LIST_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|source| MirrorError::List { path, source })
}

/// Lets the files of the listed releases be read, and no others; what the list promises and is not there.
fn bind_files(
    connection: &mut Connection,
    list: &MirrorList,
    store: &Blobs,
) -> Result<Vec<String>, MirrorError> {
    blobs::clear(connection)?;
    model_signatures::clear(connection)?;
    let mut missing = BTreeSet::new();
    let mut bind = |connection: &mut Connection, row: &ReleaseRow, files: Vec<FileRow>| {
        let name = &to_name(&row.name)?;
        for file in files {
            let digest = to_digest(&file.digest)?;
            let size_bytes = from_column(file.size_bytes)?;
            if store.size_bytes(&digest)? == Some(size_bytes) {
                blobs::bind(connection, name, &digest, size_bytes)?;
            } else {
                missing.insert(format!("`{}` of `{name}@{}`", file.path, row.version));
            }
        }
        Ok::<_, MirrorError>(())
    };
    for MirroredRelease {
        release,
        statement,
        model_signature,
    } in &list.releases
    {
        // What is listed before its entry is here comes with the next checkpoint.
        let Some(row) = releases::find(connection, &statement.to_string())? else {
            continue;
        };
        let name = to_name(&row.name)?;
        if name != release.name {
            continue;
        }
        let files = releases::files(connection, &row.statement)?;
        bind(connection, &row, files)?;
        if let Some(attached) = model_signature {
            let digest = &attached.digest;
            attach::keep_fitting(connection, store, (&name, statement), digest)?;
        }
    }
    for statement in &list.predecessors {
        let Some(row) = releases::find(connection, &statement.to_string())? else {
            continue;
        };
        let mut files = releases::files(connection, &row.statement)?;
        files.retain(|file| file.path == VECTORS_FILE);
        bind(connection, &row, files)?;
    }
    Ok(missing.into_iter().collect())
}

/// Why a folder is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    /// What is said of its releases.
    #[error(transparent)]
    Yank(#[from] YankError),
    /// A file of it.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A file of the trust root that is none.
    #[error("`{path}` is not UTF-8")]
    NotText {
        /// Which.
        path: PathBuf,
    },
    /// The list.
    #[error("`{path}` is no list of what a mirror holds: run `hub mirror` again")]
    List {
        /// Which file.
        path: PathBuf,
        /// What the parser met.
        source: serde_json::Error,
    },
    /// A trust root of another time.
    #[error("the folder's trust root is older than the one shown: a mirror never goes back")]
    OlderTrustRoot,
    /// Fewer entries than shown.
    #[error("the folder's log has {found} entries, {shown} were shown: a mirror never goes back")]
    Backwards {
        /// How many there are.
        found: u64,
        /// How many were shown.
        shown: u64,
    },
    /// Entries that were changed.
    #[error(
        "the {size} entries of the folder do not come to the root that the log has signed: they were changed, or do not continue those that were shown. Copy the folder again"
    )]
    OtherHistory {
        /// How many were signed.
        size: u64,
    },
    /// The checkpoint.
    #[error("the folder's checkpoint does not count under its trust root")]
    Quorum(#[from] QuorumError),
    /// The trust root.
    #[error(transparent)]
    Tuf(#[from] TufError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A `model.sig`.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The data folder.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
