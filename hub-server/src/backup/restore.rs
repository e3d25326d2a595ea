//! Making a data folder of a backup. It becomes a hub at the end, when all of it was verified.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::note::{Note, VerifierKey};
use registry_schema::trust_root::TrustRoot;

use super::place::{read, remove, write};
use super::{BackupError, CONTENTS, CONTENTS_BYTES, Contents, DATABASE, FORMAT};
use super::{Named, blob_path, named_blobs};
use crate::blobs::{create_private_folder, is_there, sync_folder};
use crate::config::{DataFolder, DatabasePlace};
use crate::database::{Database, log as rows};
use crate::index::{FilesShown, compare};
use crate::log::{key_of, load_key, recompute};
use crate::trust;

/// What may be in a data folder before.
const BEFORE: [&str; 5] = ["keys", "tls", "server.lock", "lost+found", STAGE];

/// Where things are until all of them are there.
const STAGE: &str = ".restoring";

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) contents: Contents,
    /// Whether the hub can be started: its log's key is there.
    pub(crate) has_key: bool,
    /// Files of releases that are not there or not whole, in words.
    pub(crate) missing: Vec<String>,
}

/// Makes an empty folder the data folder of a backed-up hub.
///
/// # Errors
/// [`BackupError`]; the folder holds no hub then. [`BackupError::Missing`] when files of releases lack, unless
/// `allow_missing`.
pub(crate) fn restore(
    data: &DataFolder,
    from: &Path,
    allow_missing: bool,
    now: Timestamp,
) -> Result<Restored, BackupError> {
    check_empty(data)?;
    let stage = data.root().join(STAGE);
    remove(&stage)?;
    create_private_folder(&stage)?;
    let restored = unpack(from, &stage).and_then(|unpacked| {
        let restored = verify(data, &stage, from, &unpacked, now)?;
        if !restored.missing.is_empty() && !allow_missing {
            return Err(BackupError::Missing {
                missing: restored.missing,
            });
        }
        settle(data, &stage)?;
        // The backup may be of an earlier version, and nobody else is here yet.
        Database::open(data.database())?;
        Ok(restored)
    });
    let removed = remove(&stage);
    let restored = restored?;
    removed?;
    Ok(restored)
}

/// Refuses a folder in which something is.
fn check_empty(data: &DataFolder) -> Result<(), BackupError> {
    let error = |source| BackupError::file("list", data.root())(source);
    for entry in fs::read_dir(data.root()).map_err(error)? {
        let entry = entry.map_err(error)?;
        if !BEFORE.contains(&&*entry.file_name().to_string_lossy()) {
            return Err(BackupError::NotEmpty { path: entry.path() });
        }
    }
    Ok(())
}

/// What was in the backup.
struct Unpacked {
    contents: Contents,
    database: Digest,
    /// The blobs that have the bytes of their name.
    whole: BTreeSet<Digest>,
}

/// Writes a backup's files into the stage, and leaves out what is no part of one.
fn unpack(from: &Path, stage: &Path) -> Result<Unpacked, BackupError> {
    let (mut contents, mut database, mut whole) = (None, None, BTreeSet::new());
    read(from, |path, file| {
        if path == CONTENTS {
            contents = Some(parse(from, file)?);
        } else if contents.is_none() {
            return Err(BackupError::no_backup(
                from,
                "it does not begin with `backup.json`",
            ));
        } else if path == DATABASE {
            database = Some(write(&stage.join(DATABASE), file)?);
        } else if let Some(digest) = blob_of(path) {
            if write(&stage.join(path), file)? == digest {
                whole.insert(digest);
            } else {
                remove(&stage.join(path))?;
            }
        } else if is_key(path) {
            write(&stage.join(path), file)?;
        }
        Ok(())
    })?;
    let lacks = |what: &str| BackupError::no_backup(from, format!("it has no `{what}`"));
    Ok(Unpacked {
        contents: contents.ok_or_else(|| lacks(CONTENTS))?,
        database: database.ok_or_else(|| lacks(DATABASE))?,
        whole,
    })
}

fn parse(from: &Path, file: &mut dyn Read) -> Result<Contents, BackupError> {
    let mut text = String::new();
    file.take(CONTENTS_BYTES)
        .read_to_string(&mut text)
        .map_err(BackupError::file("read", from))?;
    let contents: Contents = serde_json::from_str(&text)
        .map_err(|error| BackupError::no_backup(from, format!("`{CONTENTS}`: {error}")))?;
    if contents.format != FORMAT {
        let reason = format!("its format is `{}`, not `{FORMAT}`", contents.format);
        return Err(BackupError::no_backup(from, reason));
    }
    Ok(contents)
}

/// The digest in a blob's path.
fn blob_of(path: &str) -> Option<Digest> {
    let digest = Digest::from_hex(path.rsplit_once('/')?.1).ok()?;
    (blob_path(&digest) == path).then_some(digest)
}

/// Whether a path is one of the hub's own keys, or of the certificate made by `--dev-tls`.
fn is_key(path: &str) -> bool {
    match path.split_once('/') {
        Some(("keys" | "tls", name)) => !name.contains('/'),
        _ => false,
    }
}

/// Recomputes everything from the entries of the log, and looks for the files of all releases.
fn verify(
    data: &DataFolder,
    stage: &Path,
    from: &Path,
    unpacked: &Unpacked,
    now: Timestamp,
) -> Result<Restored, BackupError> {
    let contents = &unpacked.contents;
    if unpacked.database != contents.database {
        return Err(BackupError::no_backup(from, "the database has other bytes"));
    }
    let copy = open_copy(stage)?;
    let key = verify_log(&copy, contents, now)?;
    let mut missing = Vec::new();
    for (digest, why) in copy.with(named_blobs)? {
        if !unpacked.whole.contains(&digest) || !has_size(stage, &digest, &why)? {
            missing.extend(why.loss(&digest));
        }
    }
    let has_key = check_key(data, stage, &key)?;
    Ok(Restored {
        contents: contents.clone(),
        has_key,
        missing,
    })
}

fn has_size(stage: &Path, digest: &Digest, why: &Named) -> Result<bool, BackupError> {
    let Named::File { size_bytes, .. } = why else {
        return Ok(true);
    };
    let path = stage.join(blob_path(digest));
    let state = fs::metadata(&path).map_err(BackupError::file("read", &path))?;
    Ok(state.len() == *size_bytes)
}

/// A copy of the database to look at, with tables as this version has them.
fn open_copy(stage: &Path) -> Result<Database, BackupError> {
    let (from, copy) = (stage.join(DATABASE), stage.join("verified.sqlite"));
    let mut read = fs::File::open(&from).map_err(BackupError::file("read", &from))?;
    write(&copy, &mut read)?;
    Ok(Database::open(&DatabasePlace::File(copy))?)
}

/// What `log verify` does; the key of the log.
fn verify_log(
    database: &Database,
    contents: &Contents,
    now: Timestamp,
) -> Result<VerifierKey, BackupError> {
    let mut findings = Vec::new();
    let (is_whole, integrity) = database.integrity()?;
    if !is_whole {
        findings.push(integrity);
    }
    let trust = trust::load(database, now)?;
    let policy = trust.root.log_policy();
    let key = database.view(|connection| {
        let row = rows::checkpoint(connection, rows::HEAD)?.ok_or(BackupError::NoLog)?;
        let note = Note::parse(row.note.as_bytes())?;
        let signed = Checkpoint::of_note(&note)?;
        let key = key_of(policy, &note).ok_or_else(|| BackupError::Unsound {
            findings: vec!["the trust root does not name the key of its log".to_owned()],
        })?;
        let log = recompute(connection, &key, policy)?;
        findings.extend(log.findings);
        findings.extend(compare(connection, &trust.root, FilesShown::All)?);
        if (signed.size, signed.root) != (contents.entries, contents.root) {
            findings.push("`backup.json` is of another log".to_owned());
        }
        Ok::<_, BackupError>(key)
    })?;
    if findings.is_empty() {
        return Ok(key);
    }
    Err(BackupError::Unsound { findings })
}

/// Whether the log's key is in the backup or in the folder; another one is refused.
fn check_key(data: &DataFolder, stage: &Path, key: &VerifierKey) -> Result<bool, BackupError> {
    let mut is_there_somewhere = false;
    for folder in [data.clone(), DataFolder::new(stage)] {
        if !is_there(&folder.log_key())? {
            continue;
        }
        let found = load_key(&folder)?.verifier();
        if found != *key {
            return Err(BackupError::OtherKey {
                path: folder.log_key(),
                expected: key.to_string(),
                found: found.to_string(),
            });
        }
        is_there_somewhere = true;
    }
    Ok(is_there_somewhere)
}

/// Gives everything its place; the database, which makes the folder a hub, comes last.
fn settle(data: &DataFolder, stage: &Path) -> Result<(), BackupError> {
    let staged = DataFolder::new(stage);
    create_private_folder(&staged.blobs())?;
    rename(&staged.blobs(), &data.blobs())?;
    for (from, to) in [(staged.keys(), data.keys()), (staged.tls(), data.tls())] {
        if is_there(&from)? {
            move_files(&from, &to)?;
        }
    }
    create_private_folder(&data.uploads())?;
    sync_folder(data.root())?;
    rename(&stage.join(DATABASE), &data.root().join(DATABASE))?;
    Ok(sync_folder(data.root())?)
}

/// Moves files that are not there yet.
fn move_files(from: &Path, to: &Path) -> Result<(), BackupError> {
    create_private_folder(to)?;
    let error = |source| BackupError::file("list", from)(source);
    for entry in fs::read_dir(from).map_err(error)? {
        let entry = entry.map_err(error)?;
        let target: PathBuf = to.join(entry.file_name());
        if !is_there(&target)? {
            rename(&entry.path(), &target)?;
        }
    }
    Ok(sync_folder(to)?)
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(from, to).map_err(BackupError::file("move", from))
}
