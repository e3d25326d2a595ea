//! The log looked at, brought back, and its rows made anew.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use registry_schema::trust_root::TrustRoot;

use super::error::CommandError;
use super::init::tell_taken;
use super::tell_missing;
use crate::app::{check_made, mirror_of, open_alone, open_trust, read_draft};
use crate::blobs::Blobs;
use crate::config::{DataArgs, DataFolder, RebuildArgs, RestoreArgs};
use crate::index::{FilesShown, Rebuilt, compare, rebuild};
use crate::log::{LogError, copied, key_of, load_key, recompute};
use crate::mirror;
use crate::restore::restore;
use crate::server::lock;
use crate::trust::{self, State, TrustError};

pub(super) fn verify_log(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(args);
    let (trust, database) = open_trust(&data, Timestamp::now())?;
    warn_of_lapsed(&trust)?;
    let policy = trust.root.log_policy();
    let (key, shown) = match mirror_of(&database)? {
        None => (load_key(&data)?.verifier(), FilesShown::All),
        Some(_) => {
            let copy = database.view(|connection| copied(connection, policy))?;
            let (_, head) = copy.ok_or(LogError::NoCopy)?;
            let key = key_of(policy, &head.note).ok_or(LogError::NoCopy)?;
            (key, FilesShown::Some)
        }
    };
    // One view of the database, however long it takes and whatever is published meanwhile.
    let log = database.view(|connection| {
        let mut log = recompute(connection, &key, policy)?;
        log.findings
            .extend(compare(connection, &trust.root, shown)?);
        Ok::<_, CommandError>(log)
    })?;
    let mut out = io::stdout().lock();
    writeln!(out, "log {key}")?;
    writeln!(out, "entries {}\nroot {}", log.size, log.root)?;
    if log.findings.is_empty() {
        writeln!(
            out,
            "good: hashes, tiles, root, signatures and rows fit the entries"
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &log.findings {
        writeln!(out, "BAD: {finding}")?;
    }
    Ok(ExitCode::FAILURE)
}

/// Says which keyrings have lapsed, which does not make wrong what is recorded.
fn warn_of_lapsed(trust: &State) -> Result<(), CommandError> {
    for member in trust.root.members() {
        if let Some(reason) = trust.root.keyring(member).trouble() {
            writeln!(
                io::stderr(),
                "warning: the keyring of `{member}` does not count, and clients refuse its statements: {reason}"
            )?;
        }
    }
    Ok(())
}

pub(super) fn rebuild_index(args: &RebuildArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let _lock = lock(&data)?;
    let (database, _alone) = open_alone(&data)?;
    let trust = trust::load(&database, Timestamp::now())?;
    warn_of_lapsed(&trust)?;
    if let Some(folder) = mirror_of(&database)? {
        let taken = mirror::rebuild(&database, &folder, &data, Timestamp::now())?;
        return tell_taken(&taken);
    }
    let key = load_key(&data)?;
    let blobs = Blobs::at(args.blobs.bucket.as_ref(), &data, 0)?;
    let rebuilt =
        database.long_transaction(|connection| rebuild(connection, &trust.root, &key, &blobs))?;
    tell_rebuilt(&rebuilt)
}

pub(super) fn restore_log(args: &RestoreArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let _lock = lock(&data)?;
    let (database, _alone) = open_alone(&data)?;
    let now = Timestamp::now();
    let backup = trust::load(&database, now)?;
    warn_of_lapsed(&backup)?;
    if mirror_of(&database)?.is_some() {
        return Err(CommandError::IsMirror);
    }
    let key = load_key(&data)?;
    let drafts = args.drafts.iter().map(|path| read_draft(path));
    let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
    let before = backup.bundle.version().map_err(TrustError::from)?;
    let next = trust::brought_back(&backup, &drafts, &data, now)?;
    let blobs = Blobs::at(args.blobs.bucket.as_ref(), &data, 0)?;
    let restored = database.long_transaction(|connection| {
        trust::put(connection, Some(before), &next.bundle)?;
        let restored = restore(connection, &next.root, &key, &blobs, &args.from)?;
        Ok::<_, CommandError>(restored)
    })?;
    let count = restored.rebuilt.entries - restored.before;
    writeln!(
        io::stdout(),
        "brought back {count} entries\ntrust root {}, targets {}, signed again under higher versions",
        next.root.version(),
        next.root.targets_version()
    )?;
    tell_rebuilt(&restored.rebuilt)
}

/// Says what was made, and which files of releases are to be sent again.
fn tell_rebuilt(rebuilt: &Rebuilt) -> Result<ExitCode, CommandError> {
    let mut out = io::stdout().lock();
    writeln!(out, "made the rows of {} entries anew", rebuilt.entries)?;
    tell_missing(&mut out, &rebuilt.missing)
}
