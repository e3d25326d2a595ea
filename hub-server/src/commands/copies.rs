//! All data, copied: a backup, what is made of one, and the rows in a database of another kind.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;

use super::error::CommandError;
use super::log::restore_log;
use super::tell_missing;
use crate::app::{HubError, check_made};
use crate::backup::{self, BackupError};
use crate::blobs::create_private_folder;
use crate::config::{
    BackupArgs, BlobsArgs, DataArgs, DataFolder, MigrateStoreArgs, RestoreArgs, RestoreBackupArgs,
};
use crate::database::Database;
use crate::log_folder::checkpoint;
use crate::migrate_store::migrate;
use crate::restore::RestoreError;
use crate::server::lock;

pub(super) fn back_up(args: &BackupArgs) -> Result<ExitCode, CommandError> {
    let data = whole_folder(&args.data, &args.blobs)?;
    check_made(&data)?;
    // As it is: the tables of a hub that runs are its server's to bring up to date. Those of the copy are this version's.
    let database = Database::connect(data.database())?;
    let wish = backup::Wish {
        with_keys: args.with_keys,
        is_copy: args.copy,
    };
    let (contents, missing) = backup::make(&data, &database, &args.to, wish)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "backed up into {}\nlog {} with {} entries\nblobs {}, {} MiB\nkeys {}",
        args.to.display(),
        contents.origin,
        contents.entries,
        contents.blobs,
        contents.blob_bytes >> 20,
        match contents.has_keys {
            true => "in it: keep it as safe as the hub itself",
            false => "not in it: keep a copy of `keys/` elsewhere",
        }
    )?;
    tell_missing(&mut out, &missing)
}

pub(super) fn restore_backup(args: &RestoreBackupArgs) -> Result<ExitCode, CommandError> {
    let data = whole_folder(&args.data, &args.blobs)?;
    // A copy that cannot be read is told before the folder is no longer empty.
    if let Some(log) = &args.log {
        checkpoint(log).map_err(RestoreError::from)?;
    }
    create_private_folder(data.root()).map_err(HubError::from)?;
    {
        let _lock = lock(&data)?;
        let restored = backup::restore(&data, &args.from, args.allow_missing, Timestamp::now())?;
        let contents = &restored.contents;
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "restored the backup of {}\nlog {} with {} entries\ngood: hashes, tiles, root, signatures and rows fit the entries\nblobs {}",
            contents.made_at, contents.origin, contents.entries, contents.blobs
        )?;
        let said = tell_missing(&mut out, &restored.missing)?;
        if !restored.has_key {
            writeln!(
                io::stderr(),
                "note: the backup holds no keys: copy the hub's `keys/` into {} before you go on",
                data.root().display()
            )?;
        }
        if args.log.is_none() {
            writeln!(
                io::stderr(),
                "note: clients may have seen more than this backup knows: before `serve`, bring it back with `hub-server log restore --from COPY`, also when it is nothing"
            )?;
            return Ok(said);
        }
    }
    let Some(log) = &args.log else {
        return Ok(ExitCode::SUCCESS);
    };
    restore_log(&RestoreArgs {
        data: args.data.clone(),
        blobs: args.blobs.clone(),
        from: log.clone(),
        drafts: args.drafts.clone(),
    })
}

/// The folder that a backup is made of, or restored into: with database and blobs in it.
fn whole_folder(data: &DataArgs, blobs: &BlobsArgs) -> Result<DataFolder, BackupError> {
    if data.database.is_some() || blobs.bucket.is_some() {
        return Err(BackupError::Elsewhere);
    }
    Ok(DataFolder::of(data))
}

pub(super) fn migrate_store(args: &MigrateStoreArgs) -> Result<ExitCode, CommandError> {
    let from = DataFolder::with_database(&args.folder, args.from.as_ref());
    let to = DataFolder::with_database(&args.folder, args.to.as_ref());
    check_made(&from)?;
    let _lock = lock(&from)?;
    let copied = migrate(&from, to.database(), Timestamp::now())?;
    let mut out = io::stdout().lock();
    for (table, count) in copied {
        writeln!(out, "{table:<20} {count}")?;
    }
    writeln!(
        out,
        "good: all rows are there, and hashes, tiles, root, signatures and rows fit the entries"
    )?;
    match (&args.to, args.from.is_some()) {
        (Some(_), false) => writeln!(
            io::stderr(),
            "from now on give `--database` to every command; what is in `{}` is not used then",
            args.folder.join("hub.sqlite").display()
        )?,
        _ => writeln!(io::stderr(), "the database that was copied is as it was")?,
    }
    Ok(ExitCode::SUCCESS)
}
