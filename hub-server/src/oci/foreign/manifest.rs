//! What a member's manifest must be: of a kind that is known, and of what was pushed before.

use serde::Deserialize;

use crate::database::Connection;
use crate::database::oci as rows;
use crate::oci::document::{Annotations, INDEX, MANIFEST};
use crate::oci::error::OciError;
use crate::repository::{AnyDigest, ForeignName};

/// Descriptors of one manifest.
const DESCRIPTORS: usize = 10_000;

/// Bytes of what a list of referrers repeats of a manifest: its artifact type and annotations.
const LISTED_BYTES: usize = 64 << 10;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What the hub needs to know of a manifest; the rest of its bytes is kept and not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parsed {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Named>,
    layers: Option<Vec<Named>>,
    manifests: Option<Vec<Named>>,
    pub(super) subject: Option<Named>,
    pub(super) annotations: Option<Annotations>,
}

/// A descriptor.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    media_type: String,
    pub(super) digest: String,
    size: u64,
    urls: Option<Vec<String>>,
}

impl Parsed {
    /// Reads a manifest that was sent as one of a kind.
    ///
    /// # Errors
    /// [`OciError`] says what is wrong with it.
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Result<Self, OciError> {
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
    pub(super) fn artifact_type(&self) -> Option<String> {
        let stated = self.artifact_type.clone().filter(|kind| !kind.is_empty());
        stated.or_else(|| Some(self.config.as_ref()?.media_type.clone()))
    }

    /// What a list of referrers would repeat of it has a bound, so that whoever asks for one gets it.
    pub(super) fn check_listed(&self) -> Result<(), OciError> {
        let kind = self.artifact_type().map_or(0, |kind| kind.len());
        let annotations = self.annotations.iter().flatten();
        let size = annotations.fold(kind, |size, (key, value)| size + key.len() + value.len());
        if self.subject.is_none() || size <= LISTED_BYTES {
            return Ok(());
        }
        Err(OciError::Manifest {
            reason: format!(
                "it has a subject, and {size} bytes of artifact type and annotations: a list of referrers takes {LISTED_BYTES} of each"
            ),
        })
    }

    /// Everything but the subject was pushed before, and has the size it is said to have.
    pub(super) fn check_content(
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
        let layers = layers.filter(|layer| !layer.is_elsewhere());
        let blobs: Vec<&Named> = self.config.iter().chain(layers).collect();
        // All in one query: no other writer gets its turn before this one is over.
        let digests = blobs.iter().map(|named| named.digest.as_str()).collect();
        let sizes = rows::sizes_of(connection, name, digests)?;
        for named in blobs {
            let size_bytes = sizes.get(&named.digest).ok_or_else(|| missing(named))?;
            if *size_bytes != named.size {
                let reason = format!(
                    "it says that {} has {} bytes, it has {size_bytes}",
                    named.digest, named.size
                );
                return Err(OciError::Manifest { reason });
            }
        }
        let manifests = self.manifests.iter().flatten();
        let digests = manifests.clone().map(|named| named.digest.as_str());
        let there = rows::manifests_among(connection, name, digests.collect())?;
        let mut manifests = manifests;
        match manifests.find(|named| !there.contains(&named.digest)) {
            Some(named) => Err(missing(named)),
            None => Ok(()),
        }
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

/// Reads what is pushed as each of the kinds that there are; for `fuzz/` alone.
#[cfg(fuzzing)]
pub(super) fn fuzz_manifest(pushed: &[u8]) {
    for media_type in [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST] {
        let Ok(parsed) = Parsed::of(media_type, pushed) else {
            continue;
        };
        assert!(parsed.named().count() <= DESCRIPTORS);
        let mut digests = parsed
            .named()
            .map(|named| named.digest.parse::<AnyDigest>());
        assert!(digests.all(|digest| digest.is_ok()));
        if let (Some(annotations), true) = (&parsed.annotations, parsed.check_listed().is_ok()) {
            // As a row keeps them, for lists of referrers.
            let kept = serde_json::to_string(annotations).unwrap_or_default();
            assert!(
                serde_json::from_str::<Annotations>(&kept).is_ok_and(|read| read == *annotations)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::oci::document::Document;

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
