//! Blobs that nothing names, and blobs in another place.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;

use super::error::CommandError;
use crate::app::{check_made, mirror_of, open_trust};
use crate::blobs::{Blobs, is_there, try_lock};
use crate::config::{BlobsPlace, CopyBlobsArgs, DataFolder, GcArgs};
use crate::copy_blobs::copy;
use crate::database::Hold;
use crate::gc::{Count, collect, written_before};

pub(super) fn gc(args: &GcArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let Some(_lock) = try_lock(&data.gc_lock())? else {
        return Err(CommandError::GcRuns);
    };
    let (_, database) = open_trust(&data, Timestamp::now())?;
    if mirror_of(&database)?.is_some() {
        return Err(CommandError::GcOfMirror);
    }
    // Another machine may have another folder of the same hub.
    let mut turn = database.hold_collection()?;
    if database.is_shared() && turn.is_none() {
        return Err(CommandError::GcRuns);
    }
    let mut has_turn = || turn.as_mut().is_none_or(Hold::is_held);
    let blobs = Blobs::at(args.blobs.bucket.as_ref(), &data, 0)?;
    let grace = args.grace.unsigned_abs();
    let before = written_before(SystemTime::now(), grace);
    let collected = collect(&database, &blobs, before, args.dry_run, &mut has_turn)?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &collected).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let line = |out: &mut io::StdoutLock, what: &str, count: &Count| {
        let (blobs, mebibytes) = (count.blobs, count.size_bytes >> 20);
        writeln!(out, "{what:<10} {blobs} blobs, {mebibytes} MiB")
    };
    line(&mut out, "named", &collected.named)?;
    line(&mut out, "young", &collected.young)?;
    let removed = if args.dry_run { "to remove" } else { "removed" };
    line(&mut out, removed, &collected.removed)?;
    for digest in &collected.digests {
        writeln!(out, "{digest}")?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn copy_blobs(args: &CopyBlobsArgs) -> Result<ExitCode, CommandError> {
    let (from, to) = (blobs_at(&args.from)?, blobs_at(&args.to)?);
    let copied = copy(&from, &to)?;
    let mut out = io::stdout().lock();
    let mebibytes = copied.size_bytes >> 20;
    writeln!(out, "copied {} blobs, {mebibytes} MiB", copied.blobs)?;
    writeln!(out, "there {} blobs", copied.there)?;
    for (digest, found) in &copied.wrong {
        writeln!(
            out,
            "BAD: {digest} has the bytes of {found}, and was not copied"
        )?;
    }
    if copied.wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn blobs_at(place: &BlobsPlace) -> Result<Blobs, CommandError> {
    let (folder, bucket) = match place {
        BlobsPlace::Folder(folder) => (folder.as_path(), None),
        // Nothing is kept on this machine.
        BlobsPlace::Bucket(address) => (Path::new("."), Some(address)),
    };
    let data = DataFolder::new(folder);
    // Its database may be elsewhere.
    if bucket.is_none() && !is_there(&data.keys())? {
        check_made(&data)?;
    }
    Ok(Blobs::at(bucket, &data, 0)?)
}
