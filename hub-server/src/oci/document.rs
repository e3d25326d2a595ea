//! Manifests, indexes and descriptors as bytes (OCI image specification 1.1). The same content has
//! the same bytes each time, so that its digest never changes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_schema::digest::Digest;
use serde::Serialize;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Annotations, in order of keys.
pub(crate) type Annotations = BTreeMap<String, String>;

/// Some bytes with a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
}

impl Document {
    pub(super) fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(&bytes),
            bytes,
        }
    }

    /// # Panics
    /// Never: these types have text for keys, and no numbers but integers.
    pub(super) fn json(media_type: &str, value: &impl Serialize) -> Self {
        Self::new(media_type, serde_json::to_vec(value).unwrap_or_default())
    }

    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            &self.media_type,
            self.digest.to_string(),
            self.bytes.len() as u64,
        )
    }
}

/// Something by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: Annotations,
}

impl Descriptor {
    pub(super) fn new(media_type: &str, digest: String, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            data: None,
            artifact_type: None,
            annotations: Annotations::new(),
        }
    }

    pub(super) fn annotated(mut self, annotations: Annotations) -> Self {
        self.annotations = annotations;
        self
    }
}

/// An image manifest, the only kind in which artifacts come.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    pub(super) media_type: &'static str,
    pub(super) artifact_type: &'static str,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: Annotations,
}

/// What a list of referrers says of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Referrer {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size_bytes: u64,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Annotations,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

/// A list of referrers.
pub(super) fn index(referrers: &[Referrer]) -> Document {
    let manifests = referrers.iter().map(|one| {
        let descriptor = Descriptor::new(&one.media_type, one.digest.clone(), one.size_bytes);
        Descriptor {
            artifact_type: one.artifact_type.clone(),
            ..descriptor.annotated(one.annotations.clone())
        }
    });
    let index = Index {
        schema_version: 2,
        media_type: INDEX,
        manifests: manifests.collect(),
    };
    Document::json(INDEX, &index)
}

/// The configuration of what has none.
pub(super) fn empty() -> Document {
    Document::new(EMPTY, b"{}".to_vec())
}

/// It again, with its bytes in it, as the image specification has it.
pub(super) fn empty_descriptor() -> Descriptor {
    let empty = empty();
    Descriptor {
        data: Some(BASE64.encode(&empty.bytes)),
        ..empty.descriptor()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_empty_configuration_is_that_of_the_specification() {
        let descriptor = serde_json::to_value(empty_descriptor()).unwrap();
        let expected = serde_json::json!({
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
            "data": "e30=",
        });
        assert_eq!(descriptor, expected);
    }
}
