//! Making a backup while the hub serves.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::note::Note;

use super::place::{self, Writing};
use super::{BackupError, CONTENTS, Contents, DATABASE, FORMAT, blob_path, named_blobs};
use crate::app::mirror_of;
use crate::blobs::{Blobs, is_there};
use crate::config::DataFolder;
use crate::database::{Connection, Database, log, open_snapshot};

/// How a backup is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// With the hub's secret keys and the certificate of `--dev-tls`.
    pub(crate) with_keys: bool,
    /// Blobs are copied and their digests compared, also where a second name would do.
    pub(crate) is_copy: bool,
}

/// Writes a backup to a folder, or to one tar file when the name ends so.
///
/// The snapshot of the database comes first: what is published later is not in it, and no blob that it names
/// goes away. What lacks of files that releases name is returned, in words.
///
/// # Errors
/// [`BackupError`]; nothing is left then.
pub(crate) fn make(
    data: &DataFolder,
    database: &Database,
    to: &Path,
    wish: Wish,
) -> Result<(Contents, Vec<String>), BackupError> {
    if mirror_of(database)?.is_some() {
        return Err(BackupError::IsMirror);
    }
    let mut writing = Writing::begin(to)?;
    let snapshot = writing.beside();
    let made = write(data, database, &mut writing, wish);
    let removed = place::remove(&snapshot);
    match made.and_then(|made| removed.map(|()| made)) {
        Ok(made) => writing.finish().map(|()| made),
        Err(error) => {
            writing.give_up();
            Err(error)
        }
    }
}

fn write(
    data: &DataFolder,
    database: &Database,
    writing: &mut Writing,
    wish: Wish,
) -> Result<(Contents, Vec<String>), BackupError> {
    // 1. the database, as it is at one moment
    let made_at = Timestamp::now();
    let snapshot = writing.beside();
    place::remove(&snapshot)?;
    // Its owner alone can read it from the beginning on.
    drop(place::create(&snapshot)?);
    database.copy_to(&snapshot)?;
    let mut connection = open_snapshot(&snapshot)?;
    let checkpoint = newest(&mut connection)?;
    let named = named_blobs(&mut connection)?;
    drop(connection);
    // 2. what blobs there are
    let store = Blobs::new(data, 0);
    let (mut there, mut missing, mut blob_bytes) = (Vec::new(), Vec::new(), 0);
    for (digest, why) in &named {
        match store.size_bytes(digest)? {
            Some(size_bytes) => {
                there.push((digest, why));
                blob_bytes += size_bytes;
            }
            None => missing.extend(why.loss(digest)),
        }
    }
    let contents = Contents {
        format: FORMAT.to_owned(),
        made_at: made_at.to_string(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        origin: checkpoint.origin.to_string(),
        entries: checkpoint.size,
        root: checkpoint.root,
        database: place::digest_of(&snapshot)?,
        has_keys: wish.with_keys,
        blobs: there.len() as u64,
        blob_bytes,
    };
    // 3. in the order in which they are read
    let text = serde_json::to_string_pretty(&contents).unwrap_or_default();
    writing.add_bytes(CONTENTS, text.as_bytes())?;
    writing.add_file(DATABASE, &snapshot)?;
    if wish.with_keys {
        for (name, folder) in [("keys", data.keys()), ("tls", data.tls())] {
            add_folder(writing, name, &folder)?;
        }
    }
    for (digest, why) in there {
        let path = blob_path(digest);
        let from = store.file(digest).ok_or(BackupError::Elsewhere)?;
        if !wish.is_copy && writing.link(&path, &from)? {
            continue;
        }
        if writing.add_file(&path, &from)? != *digest {
            missing.extend(why.loss(digest).map(|loss| format!("{loss}: other bytes")));
        }
    }
    Ok((contents, missing))
}

/// The newest checkpoint that the log signed.
fn newest(connection: &mut Connection) -> Result<Checkpoint, BackupError> {
    let row = log::checkpoint(connection, log::HEAD)?.ok_or(BackupError::NoLog)?;
    Ok(Checkpoint::of_note(&Note::parse(row.note.as_bytes())?)?)
}

/// The files of a flat folder, if it is there.
fn add_folder(writing: &mut Writing, name: &str, folder: &Path) -> Result<(), BackupError> {
    if !is_there(folder)? {
        return Ok(());
    }
    let error = |source| BackupError::file("list", folder)(source);
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().map_err(error)?.is_file() {
            writing.add_file(&format!("{name}/{file}"), &entry.path())?;
        }
    }
    Ok(())
}
