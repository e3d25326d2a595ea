//! Repositories in which members keep what is no extractor: any blobs, manifests and tags, by the
//! protocol in full. Nothing here is a release, is signed, or is an entry of the log.

use std::collections::BTreeSet;

use jiff::Timestamp;
use registry_schema::name::MemberName;
use serde::Deserialize;

use super::Found;
use super::document::{Annotations, Document, INDEX, MANIFEST, Referrer};
use super::error::OciError;
use crate::app::Hub;
use crate::database::oci::{self as rows, ManifestRow, ReferrerRow};
use crate::database::{Connection, DatabaseError, from_column, from_text, to_column};
use crate::repository::{AnyDigest, ForeignName};

/// Bytes of a manifest that is taken (OCI distribution 1.1: at least 4 MiB).
pub(crate) const MANIFEST_BYTES: usize = 4 << 20;

/// Descriptors of one manifest.
const DESCRIPTORS: usize = 10_000;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

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
    // 2. They are a manifest.
    let parsed = Parsed::of(&push.media_type, &push.bytes)?;
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
/// [`OciError`] when the database cannot be read.
pub(crate) fn tags(
    connection: &mut Connection,
    repository: &ForeignName,
) -> Result<BTreeSet<String>, OciError> {
    let tags = rows::tags(connection, repository.as_str())?;
    Ok(tags.into_iter().collect())
}

/// What refers to a manifest, which need not be here.
///
/// # Errors
/// [`OciError`] when the database cannot be read.
pub(crate) fn referrers(
    connection: &mut Connection,
    repository: &ForeignName,
    subject: &AnyDigest,
) -> Result<Vec<Referrer>, OciError> {
    let rows = rows::referrers(connection, repository.as_str(), &subject.to_string())?;
    Ok(rows.into_iter().map(listed).collect::<Result<_, _>>()?)
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

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution 1.1).
fn check_tag(tag: &str) -> Result<(), OciError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_tag = tag.len() <= 128
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    if is_tag {
        return Ok(());
    }
    Err(OciError::Tag {
        tag: tag.chars().take(140).collect(),
    })
}

/// What the hub needs to know of a manifest; the rest of its bytes is kept and not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parsed {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Named>,
    layers: Option<Vec<Named>>,
    manifests: Option<Vec<Named>>,
    subject: Option<Named>,
    annotations: Option<Annotations>,
}

/// A descriptor.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    media_type: String,
    digest: String,
    size: u64,
    urls: Option<Vec<String>>,
}

impl Parsed {
    fn of(media_type: &str, bytes: &[u8]) -> Result<Self, OciError> {
        let wrong = |reason: String| OciError::Manifest { reason };
        let parsed: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if parsed.schema_version != 2 {
            return Err(wrong("`schemaVersion` is not 2".to_owned()));
        }
        if let Some(inner) = &parsed.media_type
            && inner != media_type
        {
            let reason = format!("its `mediaType` is `{inner}`, it was sent as `{media_type}`");
            return Err(wrong(reason));
        }
        let has_its_parts = match media_type {
            MANIFEST | DOCKER_MANIFEST => parsed.config.is_some() && parsed.layers.is_some(),
            INDEX | DOCKER_LIST => parsed.manifests.is_some(),
            other => return Err(wrong(format!("its media type is `{other}`"))),
        };
        if !has_its_parts {
            return Err(wrong(
                "it lacks `config` and `layers`, or `manifests`".to_owned(),
            ));
        }
        if parsed.named().count() > DESCRIPTORS {
            return Err(wrong(format!("it names more than {DESCRIPTORS} things")));
        }
        for named in parsed.named() {
            named.digest.parse::<AnyDigest>()?;
        }
        Ok(parsed)
    }

    fn named(&self) -> impl Iterator<Item = &Named> {
        let lists = [&self.layers, &self.manifests];
        let listed = lists.into_iter().flatten().flatten();
        self.config.iter().chain(&self.subject).chain(listed)
    }

    /// The artifact type that a list of referrers shows (OCI distribution 1.1, "Listing Referrers").
    fn artifact_type(&self) -> Option<String> {
        let stated = self.artifact_type.clone().filter(|kind| !kind.is_empty());
        stated.or_else(|| Some(self.config.as_ref()?.media_type.clone()))
    }

    /// Everything but the subject was pushed before, and has the size it is said to have.
    fn check_content(
        &self,
        connection: &mut Connection,
        repository: &ForeignName,
    ) -> Result<(), OciError> {
        let name = repository.as_str();
        let missing = |named: &Named| OciError::Missing {
            repository: repository.to_string(),
            digest: named.digest.clone(),
        };
        let layers = self.layers.iter().flatten();
        for named in self
            .config
            .iter()
            .chain(layers.filter(|layer| !layer.is_elsewhere()))
        {
            let blob = rows::find_blob(connection, name, &named.digest)?;
            let blob = blob.ok_or_else(|| missing(named))?;
            if blob.size_bytes != named.size {
                let reason = format!(
                    "it says that {} has {} bytes, it has {}",
                    named.digest, named.size, blob.size_bytes
                );
                return Err(OciError::Manifest { reason });
            }
        }
        for named in self.manifests.iter().flatten() {
            if !rows::has_manifest(connection, name, &named.digest)? {
                return Err(missing(named));
            }
        }
        Ok(())
    }
}

impl Named {
    /// Layers that may not be passed on are fetched from where they are.
    fn is_elsewhere(&self) -> bool {
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
            || self.media_type.contains(".nondistributable.")
            || self.media_type.contains(".foreign.")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;
    use serde_json::json;

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

    #[test]
    fn manifests_are_what_they_are_sent_as() {
        let named = |media_type: &str| {
            let digest = Document::new("", Vec::new()).digest;
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": 0 })
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": named("application/x"),
            "layers": [named("application/y")], "subject": named(MANIFEST),
            "annotations": { "a": "b" }, "unknown": [1, 2.5],
        });
        let parse = |media_type: &str, value: &serde_json::Value| {
            Parsed::of(media_type, value.to_string().as_bytes())
        };
        let parsed = parse(MANIFEST, &manifest).unwrap();
        assert_eq!(parsed.artifact_type().as_deref(), Some("application/x"));
        assert_eq!(parsed.named().count(), 3);
        assert!(parse(INDEX, &manifest).is_err());
        assert!(parse("text/html", &manifest).is_err());
        let index =
            json!({ "schemaVersion": 2, "manifests": [named(MANIFEST)], "artifactType": "t" });
        assert_eq!(
            parse(INDEX, &index).unwrap().artifact_type().as_deref(),
            Some("t")
        );
        assert!(parse(MANIFEST, &index).is_err());
        for (key, value) in [
            ("schemaVersion", json!(1)),
            (
                "config",
                json!({ "mediaType": "x", "digest": "sha256:1", "size": 0 }),
            ),
            ("layers", json!(null)),
            ("annotations", json!({ "a": 1 })),
        ] {
            let mut wrong = manifest.clone();
            wrong[key] = value;
            assert!(parse(MANIFEST, &wrong).is_err(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = Parsed::of(MANIFEST, &bytes);
        }
    }
}
