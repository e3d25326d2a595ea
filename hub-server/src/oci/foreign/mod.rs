//! Repositories in which members keep what is no extractor: any blobs, manifests and tags, by the
//! protocol in full. Nothing here is a release, is signed, or is an entry of the log.

mod manifest;

use std::collections::BTreeSet;

use jiff::Timestamp;
use registry_schema::name::MemberName;

use super::Found;
use super::document::{Document, Referrer};
use super::error::OciError;
use crate::app::Hub;
use crate::database::oci::{self as rows, ManifestRow, ReferrerRow};
use crate::database::{Connection, DatabaseError, from_column, from_text, to_column};
use crate::quota;
use crate::repository::{AnyDigest, ForeignName};
use manifest::Parsed;

#[cfg(fuzzing)]
pub(crate) fn fuzz_manifest(pushed: &[u8]) {
    manifest::fuzz_manifest(pushed);
}

/// Bytes of a manifest that is taken (OCI distribution 1.1: at least 4 MiB).
pub(crate) const MANIFEST_BYTES: usize = 4 << 20;

/// Referrers of a page, some megabytes at most.
const PAGE: usize = 100;

/// A manifest as it comes.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) repository: ForeignName,
    pub(crate) member: MemberName,
    /// A tag or a digest.
    pub(crate) reference: String,
    /// More tags for it.
    pub(crate) tags: Vec<String>,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// A manifest that is kept.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) digest: AnyDigest,
    pub(crate) subject: Option<String>,
}

/// Refuses members whom the operator does not let push here.
///
/// # Errors
/// [`OciError::Denied`].
pub(crate) fn check_push(
    hub: &Hub,
    repository: &ForeignName,
    member: &MemberName,
) -> Result<(), OciError> {
    let first = repository.as_str().split('/').next();
    let mut namespaces = hub.namespaces.iter();
    let is_open =
        namespaces.any(|namespace| Some(namespace.name()) == first && namespace.lets_push(member));
    if is_open {
        return Ok(());
    }
    Err(OciError::Denied {
        repository: repository.to_string(),
        member: member.clone(),
    })
}

/// Keeps a manifest, and lets tags lead to it. Waits for the database; call it on a thread that may.
///
/// # Errors
/// [`OciError`] names what is wrong with it; nothing is kept then.
pub(crate) fn push(hub: &Hub, push: &Push, now: Timestamp) -> Result<Pushed, OciError> {
    check_push(hub, &push.repository, &push.member)?;
    // 1. The bytes are those of the digest.
    let (digest, tag) = match push.reference.contains(':') {
        true => (push.reference.parse::<AnyDigest>()?, None),
        false => (
            AnyDigest::Sha256(Document::new("", push.bytes.clone()).digest),
            Some(&push.reference),
        ),
    };
    let found = digest.same_algorithm(&push.bytes);
    if found != digest {
        return Err(OciError::OtherBytes {
            expected: digest,
            found,
        });
    }
    let tags: Vec<&String> = tag.into_iter().chain(&push.tags).collect();
    tags.iter().try_for_each(|tag| check_tag(tag))?;
    // 2. They are a manifest, which a list can hold.
    let parsed = Parsed::of(&push.media_type, &push.bytes)?;
    parsed.check_listed()?;
    let subject = parsed
        .subject
        .as_ref()
        .map(|subject| subject.digest.clone());
    let annotations = parsed.annotations.as_ref().filter(|all| !all.is_empty());
    let row = ManifestRow {
        repository: push.repository.to_string(),
        digest: digest.to_string(),
        media_type: push.media_type.clone(),
        artifact_type: parsed.artifact_type(),
        annotations: annotations.and_then(|all| serde_json::to_string(all).ok()),
        subject: subject.clone(),
        size_bytes: to_column(push.bytes.len() as u64)?,
        content: push.bytes.clone(),
        pushed_at: now.as_second(),
        pushed_by: push.member.to_string(),
    };
    hub.blobs.check_room(push.bytes.len() as u64)?;
    // 3. What it names is here, and it appears with its tags or not at all.
    hub.database.transaction(|connection| {
        parsed.check_content(connection, &push.repository)?;
        quota::take_manifest(connection, &row, &push.member)?;
        rows::put_manifest(connection, &row)?;
        for tag in tags {
            rows::set_tag(connection, &row.repository, tag, &row.digest)?;
        }
        Ok::<_, OciError>(())
    })?;
    Ok(Pushed { digest, subject })
}

/// A manifest by tag or digest.
///
/// # Errors
/// [`OciError::NoManifest`].
pub(crate) fn find(
    connection: &mut Connection,
    repository: &ForeignName,
    reference: &str,
) -> Result<Found, OciError> {
    let name = repository.as_str();
    let none = || OciError::no_manifest(repository, &reference);
    let (digest, is_forever) = match reference.parse::<AnyDigest>() {
        Ok(digest) => (digest, true),
        Err(_) => {
            let tagged = rows::find_tag(connection, name, reference)?.ok_or_else(none)?;
            (from_text(&tagged, "a digest that is none")?, false)
        }
    };
    let row = rows::find_manifest(connection, name, &digest.to_string())?.ok_or_else(none)?;
    Ok(Found {
        document: Document::new(&row.media_type, row.content),
        digest,
        is_forever,
    })
}

/// Removes a tag, or a manifest with all its tags.
///
/// # Errors
/// [`OciError::NoManifest`].
pub(crate) fn delete(
    hub: &Hub,
    repository: &ForeignName,
    member: &MemberName,
    reference: &str,
) -> Result<(), OciError> {
    check_push(hub, repository, member)?;
    let name = repository.as_str();
    let deleted = hub
        .database
        .transaction(|connection| match reference.contains(':') {
            true => rows::delete_manifest(connection, name, reference),
            false => rows::delete_tag(connection, name, reference),
        })?;
    match deleted {
        true => Ok(()),
        false => Err(OciError::no_manifest(repository, &reference)),
    }
}

/// Removes a blob from a repository. Its bytes go when nothing else needs them.
///
/// # Errors
/// [`OciError::NoBlob`].
pub(crate) fn delete_blob(
    hub: &Hub,
    repository: &ForeignName,
    member: &MemberName,
    digest: &AnyDigest,
) -> Result<(), OciError> {
    check_push(hub, repository, member)?;
    let digest = digest.to_string();
    let deleted = hub
        .database
        .transaction(|connection| rows::delete_blob(connection, repository.as_str(), &digest))?;
    match deleted {
        true => Ok(()),
        false => Err(OciError::NoBlob {
            repository: repository.to_string(),
            digest,
        }),
    }
}

/// The tags of a repository, in order.
///
/// # Errors
/// [`OciError::NoRepository`] when nothing was ever pushed to it.
pub(crate) fn tags(
    connection: &mut Connection,
    repository: &ForeignName,
) -> Result<BTreeSet<String>, OciError> {
    let tags = rows::tags(connection, repository.as_str())?;
    if tags.is_empty() && !rows::holds_something(connection, repository.as_str())? {
        return Err(OciError::NoRepository {
            repository: repository.to_string(),
        });
    }
    Ok(tags.into_iter().collect())
}

/// What refers to a manifest, which need not be here: a page of it, in order of digests, and after which
/// digest the next one begins.
///
/// # Errors
/// [`OciError`] when the database cannot be read.
pub(crate) fn referrers(
    connection: &mut Connection,
    repository: &ForeignName,
    wanted: &rows::Referring<'_>,
) -> Result<(Vec<Referrer>, Option<String>), OciError> {
    let mut rows = rows::referrers(connection, repository.as_str(), wanted, PAGE + 1)?;
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| has_more);
    let next = next.map(|row| row.digest.clone());
    let listed = rows.into_iter().map(listed).collect::<Result<_, _>>()?;
    Ok((listed, next))
}

fn listed(row: ReferrerRow) -> Result<Referrer, DatabaseError> {
    let corrupt = |_| DatabaseError::Corrupt {
        what: "annotations that are none",
    };
    let annotations = row.annotations.as_deref().map(serde_json::from_str);
    Ok(Referrer {
        media_type: row.media_type,
        digest: row.digest,
        size_bytes: from_column(row.size_bytes)?,
        artifact_type: row.artifact_type,
        annotations: annotations
            .transpose()
            .map_err(corrupt)?
            .unwrap_or_default(),
    })
}

/// Whether a text is `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution 1.1).
pub(crate) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn check_tag(tag: &str) -> Result<(), OciError> {
    if is_tag(tag) {
        return Ok(());
    }
    Err(OciError::Tag {
        tag: tag.chars().take(140).collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn tags_have_the_form_of_the_specification() {
        for good in ["latest", "2.1.0", "_x", "A-b.c", &"x".repeat(128)] {
            assert!(check_tag(good).is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "a/b", "a:b", "ä", &"x".repeat(129)] {
            assert!(check_tag(bad).is_err(), "{bad}");
        }
    }
}
