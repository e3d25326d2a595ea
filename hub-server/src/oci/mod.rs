//! The OCI distribution protocol's view of a hub: releases as artifacts in CNCF ModelPack form, made
//! from what is recorded, and repositories in which members keep what is no extractor.

mod document;
mod error;
pub(crate) mod foreign;
mod referrers;
mod release;

pub(crate) use document::{Document, Referrer};
pub(crate) use error::OciError;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use registry_schema::digest::Digest;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::trust_root::TrustRoot;

use crate::app::Hub;
use crate::database::releases::{self, ReleaseRow};
use crate::database::{Connection, blobs, model_signatures, oci as rows, to_digest};
use crate::repository::{self, AnyDigest, MadeOf, Namespace, Repository, Sha512};
use crate::resolve::{ResolveError, check_mirrored, newest, resolve, visible};

/// What a tag or a digest leads to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) document: Document,
    /// Its digest in the words of the request.
    pub(crate) digest: AnyDigest,
    /// Whether the same request will always have this answer.
    pub(crate) is_forever: bool,
}

/// The repository that a path names.
///
/// # Errors
/// [`OciError::Name`] when there can be none.
pub(crate) fn repository_of(hub: &Hub, text: &str) -> Result<Repository, OciError> {
    let trust = hub.trust_root();
    // A member's names are its own, whatever the operator said before it joined.
    let is_member = |namespace: &Namespace| {
        let name = namespace.name().parse::<MemberName>();
        name.is_ok_and(|name| trust.root.has_member(&name))
    };
    let namespaces = hub.namespaces.iter();
    let open = namespaces.filter(|namespace| !is_member(namespace));
    Ok(repository::parse(text, open)?)
}

/// The manifest of a release, by its tag (`latest`, `2`, `2.3`, `2.3.1`); or by the tag that a digest
/// has where there is no list of referrers, that list (OCI distribution 1.1, "Referrers Tag Schema").
///
/// # Errors
/// [`OciError::NoManifest`], [`OciError::Resolve`].
pub(crate) fn by_tag(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    tag: &str,
) -> Result<Found, OciError> {
    if let Some(subject) = subject_of_tag(tag) {
        let referrers = referrers_of(hub, connection, name, &subject)?;
        if referrers.is_empty() {
            return Err(OciError::no_manifest(name, &tag));
        }
        return Ok(found(document::index(&referrers), false));
    }
    let requirement: Requirement = tag.parse().map_err(|_| OciError::no_manifest(name, &tag))?;
    let row = resolve(connection, name, &requirement, hub.log.published_size())?;
    check_shown(hub, connection, name, &row)?;
    let document = release::of(connection, &row)?.manifest;
    Ok(found(
        document,
        matches!(requirement, Requirement::Exact(_)),
    ))
}

/// A manifest of a name by its digest: of a release, or of what refers to one.
///
/// # Errors
/// [`OciError::NoManifest`].
pub(crate) fn by_digest(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    digest: &AnyDigest,
) -> Result<Found, OciError> {
    let none = || OciError::no_manifest(name, digest);
    let row = locate(hub, connection, name, digest)?.ok_or_else(none)?;
    let manifest = release::of(connection, &row)?.manifest;
    let mut all = vec![manifest];
    if !is_named(&all[0], digest) {
        let referrers = referrers::of(&hub.log, connection, &row)?;
        all.extend(referrers.into_iter().map(|one| one.manifest));
    }
    let document = all.into_iter().find(|document| is_named(document, digest));
    Ok(Found {
        document: document.ok_or_else(none)?,
        digest: *digest,
        is_forever: true,
    })
}

/// A blob that is not a file but follows from what is recorded: a configuration, or what a referrer
/// holds.
///
/// # Errors
/// [`OciError`] when the database cannot be read.
pub(crate) fn made_blob(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    digest: &Digest,
) -> Result<Option<Document>, OciError> {
    let empty = document::empty();
    if *digest == empty.digest {
        return Ok(Some(empty));
    }
    let Some(row) = locate(hub, connection, name, &AnyDigest::Sha256(*digest))? else {
        return Ok(None);
    };
    let config = release::of(connection, &row)?.config;
    if config.digest == *digest {
        return Ok(Some(config));
    }
    let referrers = referrers::of(&hub.log, connection, &row)?;
    let mut contents = referrers.into_iter().filter_map(|one| one.content);
    Ok(contents.find(|content| content.digest == *digest))
}

/// What refers to a manifest of a release; nothing refers to others.
///
/// # Errors
/// [`OciError`] when the database cannot be read.
pub(crate) fn referrers_of(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    subject: &AnyDigest,
) -> Result<Vec<Referrer>, OciError> {
    let Some(row) = locate(hub, connection, name, subject)? else {
        return Ok(Vec::new());
    };
    if !is_named(&release::of(connection, &row)?.manifest, subject) {
        return Ok(Vec::new());
    }
    let referrers = referrers::of(&hub.log, connection, &row)?;
    Ok(referrers.into_iter().map(|one| one.listed).collect())
}

/// The release from which something with this digest is made.
fn locate(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    digest: &AnyDigest,
) -> Result<Option<ReleaseRow>, OciError> {
    let covered = hub.log.published_size();
    let digest = match digest {
        AnyDigest::Sha256(digest) => digest,
        // Rare enough to look at all releases.
        AnyDigest::Sha512(_) => {
            for row in visible(connection, name, covered)? {
                if is_named(&release::of(connection, &row)?.manifest, digest) {
                    return Ok(Some(row));
                }
            }
            return Ok(None);
        }
    };
    let attached = model_signatures::digests_of(connection, name)?;
    let made = match hub.made.find(name, covered, &attached) {
        Some(made) => made,
        None => {
            let (statements, is_whole) = make_all(hub, connection, name, covered)?;
            let made = MadeOf {
                covered,
                attached,
                statements,
            };
            match is_whole {
                true => hub.made.keep(name, made),
                false => Arc::new(made),
            }
        }
    };
    let Some(statement) = made.statements.get(digest) else {
        return Ok(None);
    };
    Ok(releases::find(connection, statement)?)
}

/// The release from which each thing of a name is made; and whether that is all, which it is not as long as a
/// proof cannot be kept.
fn make_all(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    covered: u64,
) -> Result<(HashMap<Digest, String>, bool), OciError> {
    let (mut statements, mut is_whole) = (HashMap::new(), true);
    for row in visible(connection, name, covered)? {
        let documents = release::of(connection, &row)?;
        let mut digests = vec![documents.manifest.digest, documents.config.digest];
        for referrer in referrers::of(&hub.log, connection, &row)? {
            digests.push(referrer.manifest.digest);
            digests.extend(referrer.content.map(|content| content.digest));
        }
        for digest in digests {
            statements.insert(digest, row.statement.clone());
        }
        is_whole &= rows::find_proof(connection, &row.statement)?.is_some();
    }
    Ok((statements, is_whole))
}

/// The list of referrers as a client reads it.
pub(crate) fn referrers_index(referrers: &[Referrer]) -> Document {
    document::index(referrers)
}

/// The tags of a name, in order: versions that are not yanked, and what they are the newest of. A
/// yanked release is found by its version, and not offered to anybody anew.
///
/// # Errors
/// [`OciError::Resolve`] when nothing was published under the name.
pub(crate) fn tags(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
) -> Result<BTreeSet<String>, OciError> {
    let mut rows = visible(connection, name, hub.log.published_size())?;
    if rows.is_empty() {
        return Err(ResolveError::NoSuchExtractor { name: name.clone() }.into());
    }
    if hub.mirror.is_some() {
        let mut shown = Vec::new();
        for row in rows {
            if check_shown(hub, connection, name, &row).is_ok() {
                shown.push(row);
            }
        }
        rows = shown;
    }
    let mut tags = BTreeSet::new();
    let mut floating = vec![Requirement::Latest];
    for row in rows.iter().filter(|row| !row.is_yanked) {
        let version = row.version()?;
        floating.push(Requirement::Major(version.major));
        floating.push(Requirement::Minor(version.major, version.minor));
        tags.insert(row.version.clone());
    }
    for requirement in floating {
        if newest(&rows, &requirement)?.is_some() {
            tags.insert(requirement.to_string());
        }
    }
    Ok(tags)
}

/// Repositories of this hub: at most `limit` after `last`, in order.
///
/// # Errors
/// [`OciError`] when the database cannot be read.
pub(crate) fn catalog(
    hub: &Hub,
    connection: &mut Connection,
    last: &str,
    limit: i64,
) -> Result<Vec<String>, OciError> {
    let covered = hub.log.published_size();
    Ok(rows::repositories(connection, covered, last, limit)?)
}

/// Refuses a release whose files a mirror does not have.
fn check_shown(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    row: &ReleaseRow,
) -> Result<(), OciError> {
    if hub.mirror.is_none() {
        return Ok(());
    }
    for file in releases::files(connection, &row.statement)? {
        check_mirrored(connection, name, &to_digest(&file.digest)?)?;
    }
    Ok(())
}

fn found(document: Document, is_forever: bool) -> Found {
    let digest = AnyDigest::Sha256(document.digest);
    Found {
        document,
        digest,
        is_forever,
    }
}

fn is_named(document: &Document, digest: &AnyDigest) -> bool {
    match digest {
        AnyDigest::Sha256(digest) => document.digest == *digest,
        AnyDigest::Sha512(digest) => Sha512::of(&document.bytes) == *digest,
    }
}

/// `sha256-<hex>` → `sha256:<hex>`.
fn subject_of_tag(tag: &str) -> Option<AnyDigest> {
    let (algorithm, hex) = tag.split_once('-')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// The size of a blob that an extractor's repository holds as a file.
///
/// # Errors
/// [`OciError`] when it is not in this mirror, or the database cannot be read.
pub(crate) fn bound_size(
    hub: &Hub,
    connection: &mut Connection,
    name: &Name,
    digest: &Digest,
) -> Result<Option<u64>, OciError> {
    if hub.mirror.is_some() {
        check_mirrored(connection, name, digest)?;
    }
    Ok(blobs::size_bytes(connection, name, digest)?)
}
