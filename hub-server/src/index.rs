//! The rows that follow from the log, made anew from its entries: to check those that are there, and
//! to replace them.

use std::collections::BTreeSet;

use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::log::note::{Note, SignerKey};
use registry_schema::log::tree::Tree;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::statement::Statement;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::verify_recorded_yank;

use crate::attach::{self, AttachError};
use crate::blobs::{BlobError, Blobs};
use crate::database::log::{self as rows, EntryRow, HEAD, entries};
use crate::database::{
    Connection, DatabaseError, blobs, from_column, model_signatures, releases, temporary,
    to_column, to_digest, to_name, yanks,
};
use crate::log::{LogError, Place, leaf_hashes, recompute, write_tree};
use crate::members_say;
use crate::publish::{Known, PublishError, ReleaseDraft, logged_release, stored_release};
use crate::resolve::resolve;
use crate::yank::{YankDraft, YankError, YankRequest, standing};

/// Entries read at a time.
const PAGE: u64 = 256;

/// Writes the rows that follow from an entry, whose signatures are checked again.
///
/// # Errors
/// [`IndexError::Entry`] when the entry is none that the hub would have logged.
fn replay(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    row: &EntryRow,
) -> Result<(), IndexError> {
    let wrong = |source: Box<dyn std::error::Error + Send + Sync>| IndexError::Entry {
        index: row.idx,
        source,
    };
    let place = Place {
        index: from_column(row.idx)?,
        logged_at: row.logged_at,
    };
    let member: MemberName = row
        .submitted_by
        .parse()
        .map_err(|error| wrong(Box::new(error)))?;
    let envelope = Envelope::parse(&row.envelope).map_err(|error| wrong(Box::new(error)))?;
    let statement = Statement::parse(envelope.payload()).map_err(|error| wrong(Box::new(error)))?;
    match statement {
        Statement::Release(_) => replay_release(connection, trust_root, row, &member, place)
            .map_err(|e| wrong(Box::new(e))),
        Statement::Yank(statement) => {
            let request = YankRequest {
                name: statement.name,
                version: statement.version,
                envelope: row.envelope.clone(),
                member,
            };
            replay_yank(connection, trust_root, &request, place)
                .map_err(|error| wrong(Box::new(error)))
        }
        said => members_say::replay(connection, trust_root, &said, &row.envelope, &member, place)
            .map_err(|error| wrong(Box::new(error))),
    }
}

fn replay_release(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    row: &EntryRow,
    member: &MemberName,
    place: Place,
) -> Result<(), PublishError> {
    let release = logged_release(trust_root, &row.envelope, place.index)?;
    let known = Known::load(connection, &release.manifest().name)?;
    ReleaseDraft::new(&known, release, member)?.record(connection, place)?;
    Ok(())
}

fn replay_yank(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    request: &YankRequest,
    place: Place,
) -> Result<(), YankError> {
    let known = Known::load(connection, &request.name)?;
    let exact = Requirement::Exact(request.version.clone());
    let row = resolve(connection, &request.name, &exact, place.index)?;
    let release = stored_release(trust_root, &request.name, &row)
        .map_err(|error| YankError::Publish(Box::new(error)))?;
    let keys = trust_root.including_lapsed_keyrings();
    let yank = verify_recorded_yank(&keys, &release, &request.envelope, place.index)?;
    let earlier = yanks::list(connection, &row.statement)?;
    let yanked = standing(trust_root, &release, &earlier, Some(yank.clone()))?;
    let draft = YankDraft::new(&known, row, yanked.as_ref(), yank.statement(), request)?;
    draft.record(connection, place)
}

/// Writes the rows that follow from the entries of an index and after it.
///
/// # Errors
/// [`IndexError`]; the caller's transaction is to be undone then.
pub(crate) fn replay_from(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    mut first: u64,
) -> Result<(), IndexError> {
    loop {
        let page = entries(connection, first, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        first = from_column(last.idx)? + 1;
        for row in &page {
            replay(connection, trust_root, row)?;
        }
    }
}

/// Whether every release's files can be read under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilesShown {
    /// They can.
    All,
    /// A mirror has those of some releases.
    Some,
}

/// Compares every row with what the entries of the log say. What differs is a finding, in words.
///
/// # Errors
/// [`IndexError`] when the database cannot be read.
pub(crate) fn compare(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    shown: FilesShown,
) -> Result<Vec<String>, IndexError> {
    let mut expected = temporary()?;
    let mut findings = Vec::new();
    let mut first = 0;
    loop {
        let page = entries(connection, first, PAGE)?;
        let Some(last) = page.last() else { break };
        first = from_column(last.idx)? + 1;
        for row in &page {
            if let Err(error) = replay(&mut expected, trust_root, row) {
                findings.push(crate::cause::chain(&error));
            }
        }
    }
    let there = BTreeSet::from_iter(releases::revisions(connection)?);
    let logged = BTreeSet::from_iter(releases::revisions(&mut expected)?);
    for (name, revision) in there.difference(&logged) {
        findings.push(format!(
            "`{name}` is at revision {revision}, which the log does not say"
        ));
    }
    let names: BTreeSet<&str> = there
        .union(&logged)
        .map(|(name, _)| name.as_str())
        .collect();
    for name in names {
        compare_name(connection, &mut expected, name, shown, &mut findings)?;
    }
    findings.extend(members_say::compare_keys(connection, &mut expected)?);
    Ok(findings)
}

fn compare_name(
    connection: &mut Connection,
    expected: &mut Connection,
    name: &str,
    shown: FilesShown,
    findings: &mut Vec<String>,
) -> Result<(), IndexError> {
    let name = to_name(name)?;
    findings.extend(members_say::compare_name(connection, expected, &name)?);
    let there = releases::list(connection, &name)?;
    let logged = releases::list(expected, &name)?;
    for row in &there {
        let label = format!("`{name}` {}", row.version);
        match logged.iter().find(|one| one.statement == row.statement) {
            None => findings.push(format!("{label} is in no entry of the log")),
            Some(one) if one != row => {
                findings.push(format!("{label} is not recorded as its entries say"));
            }
            Some(_) => {}
        }
    }
    for row in &logged {
        let (label, index) = (format!("`{name}` {}", row.version), row.index()?);
        if !there.iter().any(|one| one.statement == row.statement) {
            findings.push(format!("{label}, entry {index}, is not recorded"));
            continue;
        }
        let files = releases::files(expected, &row.statement)?;
        if releases::files(connection, &row.statement)? != files {
            findings.push(format!(
                "{label} does not have the files that entry {index} says"
            ));
        }
        if yanks::list(connection, &row.statement)? != yanks::list(expected, &row.statement)? {
            findings.push(format!("{label} does not have the yanks that the log says"));
        }
        let said = members_say::compare_release(connection, expected, &row.statement, &label)?;
        findings.extend(said);
        for file in files {
            let digest = to_digest(&file.digest)?;
            let bound = blobs::size_bytes(connection, &name, &digest)?;
            let is_shown = bound.map(to_column).transpose()? == Some(file.size_bytes);
            if !is_shown && (shown == FilesShown::All || bound.is_some()) {
                findings.push(format!("{label} cannot show its file `{}`", file.path));
            }
        }
    }
    Ok(())
}

/// What a rebuild made.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    pub(crate) entries: u64,
    /// Files of releases that are not among the blobs, in words.
    pub(crate) missing: Vec<String>,
}

/// Makes every row that follows from the log anew: extractors, releases, files, yanks, which blobs
/// can be read under which names, tiles, and the log's own checkpoint.
///
/// # Errors
/// [`IndexError`]; the caller's transaction is to be undone then. Entries that were changed since a
/// checkpoint was signed over them are refused: another root for the same size is never signed.
pub(crate) fn rebuild(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    key: &SignerKey,
    store: &Blobs,
) -> Result<Rebuilt, IndexError> {
    let signed = rows::checkpoint(connection, HEAD)?;
    let attached = model_signatures::list(connection)?;
    clear_rows(connection)?;
    rows::clear_derived(connection)?;
    let mut tree = Tree::new();
    write_tree(connection, &mut tree, &[], None, key)?;
    loop {
        let page = entries(connection, tree.size(), PAGE)?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            replay(connection, trust_root, row)?;
        }
        let before = Some(tree.size());
        write_tree(connection, &mut tree, &leaf_hashes(&page), before, key)?;
    }
    if let Some(signed) = signed {
        check_signed(connection, &signed, key)?;
    }
    let log = recompute(connection, &key.verifier(), trust_root.log_policy())?;
    if let Some(finding) = log.findings.into_iter().next() {
        return Err(IndexError::Finding { finding });
    }
    let missing = bind_blobs(connection, store)?;
    let releases = statements(connection)?;
    attach::rebuild(connection, &attached, &releases, store)?;
    Ok(Rebuilt {
        entries: log.size,
        missing,
    })
}

/// Forgets all rows that follow from entries.
///
/// # Errors
/// [`IndexError`] when the database cannot be written.
pub(crate) fn clear_rows(connection: &mut Connection) -> Result<(), IndexError> {
    model_signatures::clear(connection)?;
    members_say::clear(connection)?;
    releases::clear(connection)?;
    Ok(())
}

/// All releases by name and statement.
fn statements(connection: &mut Connection) -> Result<Vec<(Name, Digest)>, IndexError> {
    let mut found = Vec::new();
    for (name, _) in releases::revisions(connection)? {
        let name = to_name(&name)?;
        for row in releases::list(connection, &name)? {
            found.push((name.clone(), to_digest(&row.statement)?));
        }
    }
    Ok(found)
}

/// What the log signed before is what it signs now.
fn check_signed(
    connection: &mut Connection,
    signed: &rows::CheckpointRow,
    key: &SignerKey,
) -> Result<(), IndexError> {
    let changed = || IndexError::Finding {
        finding: format!(
            "the entries are not those that the log has signed as {} entries",
            signed.size
        ),
    };
    let is_own = |note: &Note| note.verify(&[&key.verifier()]).is_ok();
    if !Note::parse(signed.note.as_bytes()).is_ok_and(|note| is_own(&note)) {
        // Nothing that this log has signed.
        return Ok(());
    }
    let now = rows::checkpoint(connection, HEAD)?.ok_or_else(changed)?;
    if now == *signed {
        Ok(())
    } else {
        Err(changed())
    }
}

/// Lets every blob of a release be read under its name, if it is there; what is not.
fn bind_blobs(connection: &mut Connection, store: &Blobs) -> Result<Vec<String>, IndexError> {
    let mut missing = Vec::new();
    for (name, _) in releases::revisions(connection)? {
        let name = to_name(&name)?;
        for release in releases::list(connection, &name)? {
            for file in releases::files(connection, &release.statement)? {
                let digest = to_digest(&file.digest)?;
                let size_bytes = from_column(file.size_bytes)?;
                if store.size_bytes(&digest)? == Some(size_bytes) {
                    blobs::bind(connection, &name, &digest, size_bytes)?;
                } else {
                    missing.push(format!(
                        "`{name}` {}: `{}` ({digest})",
                        release.version, file.path
                    ));
                }
            }
        }
    }
    Ok(missing)
}

/// Why rows cannot be made of the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// An entry that is none.
    #[error("entry {index} of the log is not one of this hub")]
    Entry {
        /// Which entry.
        index: i64,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What does not fit.
    #[error("{finding}. Nothing was changed")]
    Finding {
        /// In words.
        finding: String,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A `model.sig`.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
