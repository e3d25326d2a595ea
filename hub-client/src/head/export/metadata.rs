//! What an exported file says about itself.

use serde_json::Value;

use registry_schema::preprocess::Input;
use registry_schema::reference::Reference;

use super::{ExportError, ExportTransform, LinearHead};

/// Before every key, so that other people's remarks keep their names.
pub(super) const PREFIX: &str = "hub.";

/// What an exported file says about itself, as metadata any tool can show. Keys are `hub.head`, `hub.head_version`,
/// `hub.classes` (a JSON list), `hub.extractor`, `hub.extractor_digest`, `hub.feature_space`, `hub.transform`,
/// `hub.temperature`, `hub.coverage`, `hub.plausible_from` (a JSON list, one of each class) and `hub.unlike_above`, the
/// last two where the head has them.
#[derive(Debug, Clone, Copy)]
pub struct ExportMetadata<'a> {
    /// Name of the head.
    pub head: &'a str,
    /// Its version, where it has one.
    pub head_version: Option<u32>,
    /// The release it was trained with, `name@version`.
    pub extractor: &'a str,
    /// Digest of that release.
    pub extractor_digest: &'a str,
    /// The feature space, `name@major`.
    pub feature_space: &'a str,
    /// Length of the extractor's vectors; at least the head's D, of longer ones the head reads the first D.
    pub feature_dimension: usize,
    /// More keys and values, such as the preprocessing the image input expects; `hub.` is put before the keys.
    pub extra: &'a [(String, String)],
}

/// What a file says in [`ExportMetadata::extra`] that has the extractor in it: `preprocessing`, how a picture becomes the
/// tensor, as the manifest has it in JSON; `graph_release`, whose graph it is, which may be a newer one than the head was
/// trained with.
///
/// # Errors
/// [`ExportError::Io`] when the preprocessing cannot be written down.
pub fn extractor_texts(
    preprocessing: &Input,
    release: &Reference,
) -> Result<Vec<(String, String)>, ExportError> {
    let preprocessing = serde_json::to_string(preprocessing).map_err(|error| ExportError::Io {
        action: "write the preprocessing down",
        source: error.into(),
    })?;
    Ok(vec![
        ("preprocessing".to_owned(), preprocessing),
        ("graph_release".to_owned(), release.to_string()),
    ])
}

impl ExportMetadata<'_> {
    /// Keys and values as they are written.
    pub(super) fn entries(&self, head: &LinearHead<'_>) -> Vec<(String, String)> {
        let abstention = &head.abstention;
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let own = [
            ("head", Some(self.head.to_owned())),
            (
                "head_version",
                self.head_version.map(|version| version.to_string()),
            ),
            ("classes", Some(Value::from(head.classes).to_string())),
            ("extractor", Some(self.extractor.to_owned())),
            ("extractor_digest", Some(self.extractor_digest.to_owned())),
            ("feature_space", Some(self.feature_space.to_owned())),
            ("transform", Some(head.transform.name().to_owned())),
            ("temperature", Some(head.temperature.to_string())),
            ("coverage", Some(abstention.coverage.to_string())),
            (
                "plausible_from",
                abstention
                    .plausible_from
                    .map(|limits| Value::from(limits).to_string()),
            ),
            (
                "unlike_above",
                number(abstention.unlike.map(|unlike| unlike.above)),
            ),
        ];
        let extra = self
            .extra
            .iter()
            .filter(|(key, _)| own.iter().all(|(own, _)| own != key))
            .cloned();
        own.iter()
            .filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)))
            .chain(extra)
            .map(|(key, value)| (format!("{PREFIX}{key}"), value))
            .collect()
    }
}

impl ExportTransform<'_> {
    /// As `hub train --transform` calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Standardise { .. } => "standardise",
            Self::CentredL2 { .. } => "centred-l2",
            Self::L2 => "l2",
            Self::None => "none",
        }
    }
}
