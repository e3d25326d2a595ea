//! `hub-server doctor`: what is wrong with a data folder, and what to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::trust_root::TrustRoot;

use crate::app::{HubError, check_database, mirror_of};
use crate::blobs::{BlobError, Blobs, is_there};
use crate::cause::chain;
use crate::config::{DataFolder, DatabasePlace, DoctorArgs};
use crate::database::{
    Database, DatabaseError, Tables, alarms, blobs as rows, from_column, oci, releases,
};
use crate::log::{LogError, check_policy, copied, load_key, stored};
use crate::{tls, trust};

/// Less free disk than this is worth a warning.
const LOW_DISK_BYTES: u64 = 1 << 30;

/// A certificate that ends sooner than this is worth a warning.
const CERTIFICATE_DAYS: i64 = 30;

/// Members who have less than this to sign the trust root again are worth a warning.
const MEMBERS_DAYS: i64 = 30;

/// One thing that was looked at.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) verdict: Verdict,
    pub(crate) what: &'static str,
    pub(crate) found: String,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Warning,
    Bad,
}

/// Looks at everything. Nothing is changed.
pub(crate) fn examine(args: &DoctorArgs) -> Vec<Check> {
    let data = DataFolder::of(&args.data);
    let mut checks = vec![disk(&data), certificate(args, &data)];
    if let DatabasePlace::File(path) = data.database() {
        match is_there(path) {
            Ok(true) => {}
            Ok(false) => {
                let found = format!(
                    "`{}` is not there: `hub-server init` makes it",
                    path.display()
                );
                checks.push(Check::new(Verdict::Bad, "database", found));
                return checks;
            }
            Err(error) => {
                checks.push(Check::new(Verdict::Bad, "database", chain(&error)));
                return checks;
            }
        }
    }
    match Database::connect(data.database()) {
        Ok(database) => {
            checks.push(integrity(&database));
            let tables = tables(&database);
            let is_up_to_date = tables.verdict == Verdict::Good;
            checks.push(tables);
            // The tables of a hub that runs are its server's to bring up to date, and the rest is as this version
            // knows it.
            if !is_up_to_date {
                return checks;
            }
            let mirror = mirror_of(&database).ok().flatten();
            checks.push(trust_root(&data, &database, mirror.is_none()));
            match &mirror {
                None => {
                    checks.push(log(&data, &database));
                    checks.push(witnesses(&database));
                }
                Some(folder) => checks.push(copy(&database, folder)),
            }
            checks.push(clock(&database));
            let blobs = match &mirror {
                None => Blobs::at(args.blobs.bucket.as_ref(), &data, 0),
                Some(folder) => Ok(Blobs::of_mirror(folder, &data)),
            };
            checks.push(match blobs {
                Ok(blobs) => release_blobs(&database, &blobs, mirror.is_some(), args.deep),
                Err(error) => Check::new(Verdict::Bad, "blobs", chain(&error)),
            });
        }
        Err(error) => checks.push(Check::new(Verdict::Bad, "database", chain(&error))),
    }
    checks
}

impl Check {
    pub(crate) fn new(verdict: Verdict, what: &'static str, found: String) -> Self {
        Self {
            verdict,
            what,
            found,
        }
    }

    fn of<E: std::error::Error + 'static>(
        what: &'static str,
        result: Result<(Verdict, String), E>,
    ) -> Self {
        match result {
            Ok((verdict, found)) => Self::new(verdict, what, found),
            Err(error) => Self::new(Verdict::Bad, what, chain(&error)),
        }
    }
}

fn disk(data: &DataFolder) -> Check {
    let free = Blobs::new(data, 0).free_bytes().map(|free| {
        let verdict = if free < LOW_DISK_BYTES {
            Verdict::Warning
        } else {
            Verdict::Good
        };
        (verdict, format!("{} MiB free", free >> 20))
    });
    Check::of("disk", free)
}

fn certificate(args: &DoctorArgs, data: &DataFolder) -> Check {
    let own: PathBuf = tls::dev_files(data).0;
    let path = match &args.tls_cert {
        Some(path) => path.clone(),
        // One that cannot be looked at is reported as such below.
        None if is_there(&own).unwrap_or(true) => own,
        None => {
            let found = "none made here; name yours with `--tls-cert` to check it".to_owned();
            return Check::new(Verdict::Good, "certificate", found);
        }
    };
    certificate_check(&path, Timestamp::now())
}

/// Until when a certificate is good.
pub(crate) fn certificate_check(path: &Path, now: Timestamp) -> Check {
    let state = tls::expires_at(path).map(|end| {
        let days = (end - now.as_second()).div_euclid(24 * 3600);
        let verdict = match days {
            ..0 => Verdict::Bad,
            0..CERTIFICATE_DAYS => Verdict::Warning,
            _ => Verdict::Good,
        };
        (verdict, format!("`{}` ends in {days} days", path.display()))
    });
    Check::of("certificate", state)
}

/// Members have to sign root and targets again before they end; the hub renews the rest by itself.
fn trust_root(data: &DataFolder, database: &Database, has_key: bool) -> Check {
    let open = || {
        check_database(data, database)?;
        let state = trust::load(database, Timestamp::now())?;
        if !has_key {
            return Ok(state);
        }
        check_policy(state.root.log_policy(), &load_key(data)?.verifier())?;
        Ok::<_, HubError>(state)
    };
    let state = open().map(|state| {
        let expires = state.root.expires();
        let end = expires.root.min(expires.targets);
        let days = (end.as_second() - Timestamp::now().as_second()).div_euclid(24 * 3600);
        let verdict = match days {
            ..0 => Verdict::Bad,
            0..MEMBERS_DAYS => Verdict::Warning,
            _ => Verdict::Good,
        };
        let found = format!(
            "`{}`, root {}, targets {}, to be signed again by its members in {days} days",
            state.root.consortium(),
            state.root.version(),
            state.root.targets_version()
        );
        (verdict, found)
    });
    Check::of("trust root", state)
}

fn integrity(database: &Database) -> Check {
    let found = database.integrity().map(|(is_good, found)| {
        let verdict = match is_good {
            true => Verdict::Good,
            false => Verdict::Bad,
        };
        (verdict, found)
    });
    Check::of("database", found)
}

fn tables(database: &Database) -> Check {
    let state = database.tables().map(|tables| match tables {
        Tables::UpToDate => (Verdict::Good, "up to date".to_owned()),
        Tables::Behind(steps) => (
            Verdict::Warning,
            format!("{steps} steps to run: `serve` runs them; look again after that"),
        ),
        Tables::Missing => (
            Verdict::Bad,
            "there are none: `hub-server init` makes them".to_owned(),
        ),
    });
    Check::of("tables", state)
}

/// Entries, the tiles at the edge and the signed checkpoint fit each other; `log verify` looks at all.
fn log(data: &DataFolder, database: &Database) -> Check {
    let look = || {
        let key = load_key(data)?;
        let stored = database.view(|connection| stored(connection, &key.verifier()))?;
        let size = stored.map_or(0, |(tree, _)| tree.size());
        let found = format!("`{}` has {size} entries", key.verifier().name());
        Ok::<_, LogError>((Verdict::Good, found))
    };
    Check::of("log", look())
}

/// What a mirror shows, and until when clients take it if it is not brought up to date.
fn copy(database: &Database, folder: &Path) -> Check {
    let look = || {
        let state = trust::load(database, Timestamp::now())?;
        let policy = state.root.log_policy();
        let copy = database.view(|connection| copied(connection, policy))?;
        let (_, head) = copy.ok_or(LogError::NoCopy)?;
        let seen = policy.check(&head.note).map_err(|_| LogError::NoCopy)?;
        let witnessed = seen.witnessed_at().and_then(|at| i64::try_from(at).ok());
        let age = i64::try_from(limits::CHECKPOINT_AGE_SECONDS).unwrap_or(i64::MAX);
        let ends = witnessed.and_then(|at| Timestamp::from_second(at.saturating_add(age)).ok());
        let trusted = state.root.expires().timestamp;
        let until = ends.map_or(trusted, |ends| ends.min(trusted));
        let verdict = match until < Timestamp::now() {
            true => Verdict::Bad,
            false => Verdict::Good,
        };
        let found = format!(
            "`{}` with {} entries, of `{}`; clients take it until {until}, then run `hub mirror` again",
            head.checkpoint.origin,
            head.checkpoint.size,
            folder.display()
        );
        Ok::<_, HubError>((verdict, found))
    };
    Check::of("mirror", look())
}

/// Whether a witness of the policy has seen another history of this log.
fn witnesses(database: &Database) -> Check {
    let look = || {
        let trust = trust::load(database, Timestamp::now())?;
        let alarms = database.with(alarms::list)?;
        let mut said = Vec::new();
        for witness in trust.root.log_policy().witnesses() {
            let key = witness.key.to_string();
            let own = alarms.iter().filter(|(of, _)| *of == key);
            said.extend(own.map(|(_, alarm)| format!("`{}`: {alarm}", witness.name)));
        }
        if said.is_empty() {
            return Ok((Verdict::Good, "none contradicts this log".to_owned()));
        }
        Ok::<_, HubError>((Verdict::Bad, said.join("; ")))
    };
    Check::of("witnesses", look())
}

/// Times in answers and the ends of tokens come from this machine's clock.
fn clock(database: &Database) -> Check {
    let now = Timestamp::now();
    let state = database.with(releases::newest_time).map(|newest| {
        if newest.is_some_and(|newest| newest > now.as_second() + 60) {
            let found = format!("it is {now}, but a release was published later than that");
            (Verdict::Bad, found)
        } else {
            (Verdict::Good, now.to_string())
        }
    });
    Check::of("clock", state)
}

fn release_blobs(database: &Database, blobs: &Blobs, is_mirror: bool, is_deep: bool) -> Check {
    let state = wrong_blobs(database, blobs, is_mirror, is_deep).map(|(count, wrong)| {
        if wrong.is_empty() {
            let how = if is_deep { "digests" } else { "sizes" };
            (Verdict::Good, format!("{count} blobs have their {how}"))
        } else {
            let found = format!("{} of {count} are wrong: {}", wrong.len(), wrong.join("; "));
            (Verdict::Bad, found)
        }
    });
    Check::of("blobs", state)
}

#[derive(Debug, thiserror::Error)]
enum BlobsError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// How many blobs releases and other repositories name, and what is wrong with some.
fn wrong_blobs(
    database: &Database,
    blobs: &Blobs,
    is_mirror: bool,
    is_deep: bool,
) -> Result<(usize, Vec<String>), BlobsError> {
    let mut expected = BTreeMap::new();
    for file in database.with(releases::all_files)? {
        let size_bytes = from_column(file.size_bytes)?;
        expected.insert(file.digest, (size_bytes, file.path));
    }
    if is_mirror {
        let shown = database.with(rows::all)?;
        expected.retain(|digest, _| shown.contains(digest));
    }
    for (digest, size_bytes) in database.with(oci::contents)? {
        let what = (
            size_bytes,
            "in a repository that is no extractor".to_owned(),
        );
        expected.entry(digest).or_insert(what);
    }
    let mut wrong = Vec::new();
    for (text, (size_bytes, path)) in &expected {
        let Ok(digest) = text.parse::<Digest>() else {
            wrong.push(format!("`{path}`: `{text}` is no digest"));
            continue;
        };
        match blobs.size_bytes(&digest)? {
            None => wrong.push(format!("`{path}` ({digest}) is not there")),
            Some(found) if found != *size_bytes => {
                wrong.push(format!(
                    "`{path}` ({digest}) has {found} bytes, not {size_bytes}"
                ));
            }
            Some(_) if is_deep && blobs.rehash(&digest)? != Some(digest) => {
                wrong.push(format!("`{path}` ({digest}) has other bytes"));
            }
            Some(_) => {}
        }
    }
    Ok((expected.len(), wrong))
}
