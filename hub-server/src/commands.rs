//! The commands. Data goes to standard output, talk and the log to standard error.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use registry_schema::name::MemberName;
use registry_schema::trust_root::TrustRoot;
use tracing_subscriber::EnvFilter;

use crate::app::{Hub, HubError, check_made, mirror_of, open_trust, read_draft};
use crate::backup::{self, BackupError};
use crate::blobs::{BlobError, Blobs, create_private_folder, is_there, try_lock};
use crate::cause::chain;
use crate::check_config::{check, write_settings};
use crate::config::{
    BackupArgs, BlobsArgs, BlobsPlace, Cli, Command, CopyBlobsArgs, DataArgs, DataFolder,
    DoctorArgs, GcArgs, InitArgs, JournalCommand, JournalExportArgs, KeysArgs, Limit, LogCommand,
    MigrateStoreArgs, QuotaCommand, QuotaSetArgs, RebuildArgs, RestoreArgs, RestoreBackupArgs,
    ServeArgs, TokenCommand, TokenCreateArgs, TokenRevokeArgs,
};
use crate::copy_blobs::copy;
use crate::database::{Database, DatabaseError, tokens as rows};
use crate::doctor::{Check, Verdict, examine};
use crate::gc::{Count, GcError, collect, written_before};
use crate::index::{FilesShown, IndexError, Rebuilt, compare, rebuild};
use crate::journal_file::{ExportError, Wanted, export};
use crate::log::{LogError, copied, key_of, load_key, load_or_make_key, recompute};
use crate::migrate_store::{MigrateError, migrate};
use crate::mirror::{self, MirrorError, Taken};
use crate::publish::time_text;
use crate::quota;
use crate::restore::{RestoreError, restore};
use crate::server::{ServeError, lock, serve};
use crate::settings_file::ParseError;
use crate::tokens::{self, TokenError, TokenWish};
use crate::trust::{self, State, TrustError};

/// Does what the command line says; the exit code is 0 when it was done.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Init(args) => init(&args),
        Command::Keys(args) => keys(&args),
        Command::Log(LogCommand::Verify(args)) => verify_log(&args),
        Command::Log(LogCommand::Restore(args)) => restore_log(&args),
        Command::RebuildIndex(args) => rebuild_index(&args),
        Command::Gc(args) => gc(&args),
        Command::CopyBlobs(args) => copy_blobs(&args),
        Command::Serve(args) => start(&args),
        Command::MigrateStore(args) => migrate_store(&args),
        Command::Token(TokenCommand::Create(args)) => create_token(&args),
        Command::Token(TokenCommand::List(args)) => list_tokens(&args),
        Command::Token(TokenCommand::Revoke(args)) => revoke_token(&args),
        Command::Quota(QuotaCommand::Set(args)) => set_quota(&args),
        Command::Quota(QuotaCommand::List(args)) => list_quotas(&args),
        Command::Journal(JournalCommand::Export(args)) => export_journal(&args),
        Command::Doctor(args) => doctor(&args),
        Command::Backup(args) => back_up(&args),
        Command::Restore(args) => restore_backup(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Nowhere is left to complain to when this fails.
            let _ = writeln!(io::stderr(), "error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Says why the command line was not taken; `--help` is no mistake.
pub fn refuse(error: &ParseError) -> ExitCode {
    match error {
        ParseError::Words(error) => {
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        ParseError::File(error) => {
            let _ = writeln!(io::stderr(), "error: {}", chain(error));
            ExitCode::from(2)
        }
    }
}

fn init(args: &InitArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    if let Some(folder) = &args.mirror {
        return init_mirror(&data, folder);
    }
    // The command line has one of the two.
    let root = args.root.as_deref().unwrap_or(Path::new(""));
    let (trust, log_key) = Hub::init(&data, root, Timestamp::now())?;
    let members: Vec<&str> = trust.root.members().map(MemberName::as_str).collect();
    writeln!(
        io::stdout(),
        "made a hub for `{}` in {}\nfirst root {}\nmembers {}\nlog {log_key}",
        trust.root.consortium(),
        data.root().display(),
        trust.bundle.anchor(),
        members.join(", ")
    )?;
    Ok(ExitCode::SUCCESS)
}

fn init_mirror(data: &DataFolder, folder: &Path) -> Result<ExitCode, CommandError> {
    create_private_folder(data.root()).map_err(HubError::from)?;
    let _lock = lock(data)?;
    let taken = mirror::init(data, folder, Timestamp::now())?;
    writeln!(
        io::stdout(),
        "made a mirror for `{}` in {}\nfirst root {}",
        taken.state.root.consortium(),
        data.root().display(),
        taken.state.bundle.anchor(),
    )?;
    tell_taken(&taken)
}

/// Says what a mirror shows, and which files its folder should hold and does not.
fn tell_taken(taken: &Taken) -> Result<ExitCode, CommandError> {
    let mut out = io::stdout().lock();
    let checkpoint = &taken.head.checkpoint;
    writeln!(
        out,
        "log {} with {} entries\nreleases {}",
        checkpoint.origin, checkpoint.size, taken.releases
    )?;
    tell_missing(&mut out, &taken.missing)
}

fn keys(args: &KeysArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    let key = load_or_make_key(&data, args.origin.as_ref())?;
    let online = trust::load_or_make_key(&data)?.public();
    writeln!(
        io::stdout(),
        "log {}\nonline {}",
        key.verifier(),
        trust::public_text(&online)
    )?;
    if args.next_online {
        if args.anew {
            trust::put_next_key_aside(&data)?;
        }
        let (next, since) = trust::load_or_make_next_key(&data)?;
        let next = trust::public_text(&next.public());
        writeln!(io::stdout(), "next-online {next}")?;
        if let Some(since) = since {
            writeln!(
                io::stderr(),
                "note: this next online key has been there since {}: when it may have been stolen, too, make another one with `--next-online --anew`",
                time_text(since.as_second())?
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify_log(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(args);
    let (trust, database) = open_recorded(&data)?;
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

/// The trust root for what is recorded. A keyring that has lapsed does not make that wrong.
fn open_recorded(data: &DataFolder) -> Result<(State, Database), CommandError> {
    let (trust, database) = open_trust(data, Timestamp::now())?;
    for member in trust.root.members() {
        if let Some(reason) = trust.root.keyring(member).trouble() {
            writeln!(
                io::stderr(),
                "warning: the keyring of `{member}` does not count, and clients refuse its statements: {reason}"
            )?;
        }
    }
    Ok((trust, database))
}

fn rebuild_index(args: &RebuildArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let _lock = lock(&data)?;
    let (trust, database) = open_recorded(&data)?;
    let _alone = database.alone()?;
    if let Some(folder) = mirror_of(&database)? {
        let taken = mirror::rebuild(&database, &folder, &data, Timestamp::now())?;
        return tell_taken(&taken);
    }
    let key = load_key(&data)?;
    let blobs = Blobs::at(args.blobs.bucket.as_ref(), &data, 0)?;
    let rebuilt =
        database.transaction(|connection| rebuild(connection, &trust.root, &key, &blobs))?;
    tell_rebuilt(&rebuilt)
}

fn restore_log(args: &RestoreArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let _lock = lock(&data)?;
    let (backup, database) = open_recorded(&data)?;
    let _alone = database.alone()?;
    if mirror_of(&database)?.is_some() {
        return Err(CommandError::IsMirror);
    }
    let key = load_key(&data)?;
    let drafts = args.drafts.iter().map(|path| read_draft(path));
    let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
    let before = backup.bundle.version().map_err(TrustError::from)?;
    let now = Timestamp::now();
    let next = trust::brought_back(&backup, &drafts, &data, now)?;
    let blobs = Blobs::at(args.blobs.bucket.as_ref(), &data, 0)?;
    let restored = database.transaction(|connection| {
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

fn tell_missing(out: &mut impl Write, missing: &[String]) -> Result<ExitCode, CommandError> {
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for file in missing {
        writeln!(out, "MISSING: {file}")?;
    }
    Ok(ExitCode::FAILURE)
}

fn gc(args: &GcArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let Some(_lock) = try_lock(&data.gc_lock())? else {
        return Err(CommandError::GcRuns);
    };
    let (_, database) = open_trust(&data, Timestamp::now())?;
    if mirror_of(&database)?.is_some() {
        return Err(CommandError::GcOfMirror);
    }
    let blobs = Blobs::at(args.blobs.bucket.as_ref(), &data, 0)?;
    let grace = args.grace.unsigned_abs();
    let before = written_before(SystemTime::now(), grace);
    let collected = collect(&database, &blobs, before, args.dry_run)?;
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

fn copy_blobs(args: &CopyBlobsArgs) -> Result<ExitCode, CommandError> {
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

fn start(args: &ServeArgs) -> Result<ExitCode, CommandError> {
    if args.check_config {
        let checks = check(args);
        let mut out = io::stdout().lock();
        write_settings(args, &mut out)?;
        return tell(&mut out, &checks);
    }
    let filter =
        EnvFilter::try_from_env("HUB_SERVER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    serve(args)?;
    Ok(ExitCode::SUCCESS)
}

fn migrate_store(args: &MigrateStoreArgs) -> Result<ExitCode, CommandError> {
    let from = DataFolder::with_database(&args.folder, args.from.as_ref());
    let to = DataFolder::with_database(&args.folder, args.to.as_ref());
    check_made(&from)?;
    let _lock = lock(&from)?;
    let copied = migrate(&from, from.database(), to.database(), Timestamp::now())?;
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

fn create_token(args: &TokenCreateArgs) -> Result<ExitCode, CommandError> {
    let (trust, database) = open_trust(&DataFolder::of(&args.data), Timestamp::now())?;
    let wish = TokenWish {
        member: &args.member,
        scope: args.scope.into(),
        lifetime: args.lifetime,
        label: args.label.as_deref(),
    };
    let (text, row) = database
        .with(|connection| tokens::create(connection, &trust.root, &wish, Timestamp::now()))?;
    writeln!(
        io::stderr(),
        "token {} of `{}`: {} until {}; it is shown this once",
        row.id,
        row.member,
        row.scope,
        time_text(row.expires_at)?
    )?;
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn list_tokens(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let (_, database) = open_trust(&DataFolder::of(args), Timestamp::now())?;
    let now = Timestamp::now().as_second();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<12}  {:<20}  {:<7}  {:<20}  {:<8}  label",
        "id", "member", "scope", "expires", "state"
    )?;
    for row in database.with(rows::list)? {
        let state = match row.revoked_at {
            Some(_) => "revoked",
            None if row.expires_at <= now => "expired",
            None => "good",
        };
        let (expires, label) = (time_text(row.expires_at)?, row.label.unwrap_or_default());
        writeln!(
            out,
            "{:<12}  {:<20}  {:<7}  {expires:<20}  {state:<8}  {label}",
            row.id, row.member, row.scope
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke_token(args: &TokenRevokeArgs) -> Result<ExitCode, CommandError> {
    let (_, database) = open_trust(&DataFolder::of(&args.data), Timestamp::now())?;
    let now = Timestamp::now().as_second();
    if database.with(|connection| rows::revoke(connection, &args.id, now))? {
        writeln!(io::stdout(), "revoked {}", args.id)?;
        Ok(ExitCode::SUCCESS)
    } else {
        Err(CommandError::NoToken {
            id: args.id.clone(),
        })
    }
}

fn set_quota(args: &QuotaSetArgs) -> Result<ExitCode, CommandError> {
    let (trust, database) = open_trust(&DataFolder::of(&args.data), Timestamp::now())?;
    if !trust.root.has_member(&args.member) {
        return Err(TokenError::of_stranger(&args.member, &trust.root).into());
    }
    let (bytes, releases) = (args.bytes, args.releases_per_day);
    database.transaction(|connection| {
        let value = |limit: Option<Limit>| limit.map(|Limit(limit)| limit);
        quota::change(connection, &args.member, value(bytes), value(releases))
    })?;
    list_quotas(&args.data)
}

fn list_quotas(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let (trust, database) = open_trust(&DataFolder::of(args), Timestamp::now())?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<20}  {:>18}  {:>18}  {:>15}  {:>12}",
        "member", "stored bytes", "at most", "releases of 24h", "at most"
    )?;
    let limit =
        |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
    for member in trust.root.members() {
        let used =
            database.with(|connection| quota::usage(connection, member, Timestamp::now()))?;
        writeln!(
            out,
            "{:<20}  {:>18}  {:>18}  {:>15}  {:>12}",
            member.as_str(),
            used.stored_bytes,
            limit(used.stored_limit),
            used.releases,
            limit(used.releases_limit)
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn export_journal(args: &JournalExportArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let wanted = Wanted {
        from: args.from,
        to: args.to,
        member: args.member.as_ref().map(MemberName::to_string),
        is_table: false,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let unread = export(&data, &wanted.format(args.format), &mut out)?;
    out.flush()?;
    if unread > 0 {
        writeln!(
            io::stderr(),
            "warning: {unread} lines cannot be read, and were left out"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn doctor(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    tell(&mut io::stdout().lock(), &examine(args))
}

/// Says what was looked at; whether nothing of it is bad.
fn tell(out: &mut impl Write, checks: &[Check]) -> Result<ExitCode, CommandError> {
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Good => "good",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD",
        };
        writeln!(out, "{verdict:<8} {:<12} {}", check.what, check.found)?;
    }
    if checks.iter().any(|check| check.verdict == Verdict::Bad) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder that a backup is made of, or restored into: with database and blobs in it.
fn whole_folder(data: &DataArgs, blobs: &BlobsArgs) -> Result<DataFolder, BackupError> {
    if data.database.is_some() || blobs.bucket.is_some() {
        return Err(BackupError::Elsewhere);
    }
    Ok(DataFolder::of(data))
}

fn back_up(args: &BackupArgs) -> Result<ExitCode, CommandError> {
    let data = whole_folder(&args.data, &args.blobs)?;
    check_made(&data)?;
    // As it is: the tables of a hub that runs are its server's to bring up to date.
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

fn restore_backup(args: &RestoreBackupArgs) -> Result<ExitCode, CommandError> {
    let data = whole_folder(&args.data, &args.blobs)?;
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

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// The data folder.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The rows that follow from the log.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A copy of the log.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Rows that were to be moved.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The access journal.
    #[error(transparent)]
    Journal(#[from] ExportError),
    /// A mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// What only the hub itself can do.
    #[error(
        "this is a mirror, whose log the hub writes: `hub mirror` and `hub-server serve` bring it up to date"
    )]
    IsMirror,
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Garbage collection.
    #[error("not all that nothing names could be removed")]
    Gc(#[from] GcError),
    /// Two of them would each undo what the other one says.
    #[error("another `hub-server gc` runs on this data folder: wait until it has ended")]
    GcRuns,
    /// A mirror.
    #[error("this is a mirror, whose folder `hub mirror` keeps: nothing is removed")]
    GcOfMirror,
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// `token revoke` of nothing.
    #[error("there is no token `{id}` that could be revoked: `hub-server token list` shows all")]
    NoToken {
        /// Which.
        id: String,
    },
    /// Standard output is closed.
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
}
