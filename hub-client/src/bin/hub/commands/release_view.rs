//! A verified release as it is shown.

use std::fmt;

use registry_schema::digest::Digest;
use registry_schema::keys::KeyId;
use registry_schema::log::policy::WitnessedCheckpoint;
use registry_schema::manifest::Manifest;
use registry_schema::name::MemberName;
use registry_schema::preprocess::Input;
use registry_schema::statement::{ReleaseFile, YankStatement};
use registry_schema::threshold::Signer;
use registry_schema::verify::{Draft, VerifiedRelease};
use semver::Version;
use serde::Serialize;

use crate::output::{Page, list, size};

/// What was signed, by whom.
#[derive(Serialize)]
pub(super) struct ReleaseView {
    reference: String,
    statement: Digest,
    log_index: u64,
    trust_root: Digest,
    signers: Vec<SignerView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yanked: Option<YankView>,
    size_bytes: u64,
    files: Vec<ReleaseFile>,
    manifest: Manifest,
}

/// Who signed, with which key.
#[derive(Serialize)]
pub(super) struct SignerView {
    pub(super) member: MemberName,
    pub(super) key_id: KeyId,
}

/// Why a release is withdrawn.
#[derive(Serialize)]
pub(super) struct YankView {
    pub(super) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replacement: Option<Version>,
}

impl From<&YankStatement> for YankView {
    fn from(yank: &YankStatement) -> Self {
        Self {
            reason: yank.reason.clone(),
            replacement: yank.replacement.clone(),
        }
    }
}

impl fmt::Display for YankView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.replacement
            .as_ref()
            .map_or(Ok(()), |version| write!(f, " (use {version})"))
    }
}

impl From<&Signer> for SignerView {
    fn from(signer: &Signer) -> Self {
        Self {
            member: signer.member.clone(),
            key_id: signer.key_id,
        }
    }
}

/// The state of the log that a proof leads to.
#[derive(Serialize)]
pub(super) struct LogProofView {
    origin: String,
    entries: u64,
    /// Witnesses that cosigned it.
    witnesses: Vec<String>,
}

impl From<&WitnessedCheckpoint> for LogProofView {
    fn from(witnessed: &WitnessedCheckpoint) -> Self {
        let checkpoint = witnessed.checkpoint();
        let names = witnessed.cosigned().iter().map(|(name, _)| name.clone());
        Self {
            origin: checkpoint.origin.to_string(),
            entries: checkpoint.size,
            witnesses: names.collect(),
        }
    }
}

impl fmt::Display for LogProofView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} entries", self.origin, self.entries)?;
        if self.witnesses.is_empty() {
            return f.write_str(", no witnesses");
        }
        write!(f, ", witnessed by {}", list(&self.witnesses))
    }
}

/// Who signed a release.
pub(super) fn signers(release: &VerifiedRelease) -> Vec<SignerView> {
    release.signers().iter().map(SignerView::from).collect()
}

/// Who signed a draft so far.
pub(super) fn draft_signers(draft: &Draft) -> Vec<SignerView> {
    draft.signers().iter().map(SignerView::from).collect()
}

/// Their names.
pub(super) fn signer_names(release: &VerifiedRelease) -> String {
    list(release.signers().iter().map(|signer| &signer.member))
}

/// Bytes of all files.
pub(super) fn size_bytes(release: &VerifiedRelease) -> u64 {
    release.files().iter().map(|file| file.size_bytes).sum()
}

impl ReleaseView {
    pub(super) fn new(release: &VerifiedRelease, yank: Option<&YankStatement>) -> Self {
        Self {
            reference: release.reference().to_string(),
            statement: release.statement_digest(),
            log_index: release.index(),
            trust_root: release.trust_root(),
            signers: signers(release),
            yanked: yank.map(YankView::from),
            size_bytes: size_bytes(release),
            files: release.files().to_vec(),
            manifest: release.manifest().clone(),
        }
    }

    pub(super) fn write_text(&self, page: &mut Page) -> fmt::Result {
        let manifest = &self.manifest;
        page.line(page.bold(&self.reference))?;
        page.line(&manifest.summary)?;
        page.line("")?;
        page.optional("YANKED", self.yanked.as_ref())?;
        page.field(
            "signed by",
            list(self.signers.iter().map(|signer| &signer.member)),
        )?;
        page.field("statement", self.statement)?;
        page.field("licence", &manifest.license)?;
        page.field("domain", &manifest.domain)?;
        if !manifest.tags.is_empty() {
            page.field("tags", list(&manifest.tags))?;
        }
        page.field("feature space", manifest.feature_space())?;
        page.field("features", features(manifest))?;
        page.field("input", input(&manifest.input))?;
        page.optional("changes", manifest.changes.as_ref())?;
        write_sources(manifest, page)?;
        page.optional(
            "predecessor",
            manifest.predecessor.as_ref().map(|one| &one.version),
        )?;
        page.field("size", size(self.size_bytes))?;
        page.line("")?;
        let row = |file: &ReleaseFile| {
            vec![
                file.path.clone(),
                size(file.size_bytes),
                file.digest.to_string(),
            ]
        };
        page.table(
            &["FILE", "SIZE", "DIGEST"],
            &self.files.iter().map(row).collect::<Vec<_>>(),
        )
    }
}

/// From what it was made, as its owners say.
pub(super) fn write_sources(manifest: &Manifest, page: &mut Page) -> fmt::Result {
    page.optional("made from", manifest.provenance.base.as_ref())?;
    for dataset in &manifest.provenance.datasets {
        page.field(
            "trained on",
            format!("{} ({})", dataset.name, dataset.license),
        )?;
    }
    for derivation in &manifest.derived_from {
        page.field(
            "derived from",
            format!("{} ({})", derivation.release, derivation.how),
        )?;
    }
    Ok(())
}

fn features(manifest: &Manifest) -> String {
    let output = &manifest.output;
    let length = if output.normalized {
        ", of length 1"
    } else {
        ""
    };
    format!(
        "{} numbers{length}, compared by {} distance",
        output.dimension,
        word(output.distance)
    )
}

fn input(input: &Input) -> String {
    format!(
        "{}×{} {} pixels",
        input.width,
        input.height,
        word(input.color)
    )
}

/// A closed word as the manifest writes it.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
