//! What the entries of a log say of releases.

use std::collections::BTreeMap;

use registry_schema::digest::Digest;
use registry_schema::manifest::VECTORS_FILE;
use registry_schema::mirror::Wanted;
use registry_schema::name::Name;
use registry_schema::statement::{ReleaseFile, Statement, YankAction};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::verify_entry;
use semver::Version;

use super::MirrorError;

/// The releases of a log, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<Name, BTreeMap<Version, KnownRelease>>);

/// A release, as its entry has it.
#[derive(Debug)]
pub(super) struct KnownRelease {
    pub(super) statement: Digest,
    /// Whether its signatures count; they do not when a key was taken back for its place.
    pub(super) counts: bool,
    is_yanked: bool,
    /// The file of its probe vectors.
    pub(super) vectors: Option<ReleaseFile>,
}

impl Known {
    /// Reads the next entry of the log.
    ///
    /// # Errors
    /// [`MirrorError::Entry`] when nobody could have signed it.
    pub(super) fn take(
        &mut self,
        trust_root: &ConsortiumRoot,
        index: u64,
        envelope: &[u8],
    ) -> Result<(), MirrorError> {
        let (entry, counts) = match verify_entry(trust_root, envelope, index) {
            Ok(entry) => (entry, true),
            Err(error) => {
                let retired = trust_root.including_retired_keys();
                let entry = verify_entry(&retired, envelope, index).map_err(|_| {
                    let source = Box::new(error);
                    MirrorError::Entry { index, source }
                })?;
                (entry, false)
            }
        };
        match entry.statement() {
            Statement::Release(release) => {
                let manifest = release.manifest();
                let of_name = self.0.entry(manifest.name.clone()).or_default();
                // A version released twice is for monitors to tell of; the first one is the release.
                of_name
                    .entry(manifest.version.clone())
                    .or_insert_with(|| KnownRelease {
                        statement: entry.statement_digest(),
                        counts,
                        is_yanked: false,
                        vectors: release.file(VECTORS_FILE).cloned(),
                    });
            }
            Statement::Yank(yank) if counts => {
                let of_name = self.0.get_mut(&yank.name);
                if let Some(release) = of_name.and_then(|all| all.get_mut(&yank.version)) {
                    release.is_yanked = yank.action == YankAction::Yank;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The releases that are wanted, in order of names and versions.
    pub(super) fn chosen(&self, wanted: &Wanted) -> Vec<(&Name, &Version, &KnownRelease)> {
        let mut chosen = Vec::new();
        for (name, all) in &self.0 {
            let releases = all.iter().map(|(version, one)| (version, one.is_yanked));
            let versions = wanted.of_name(name, releases);
            let wanted = all.iter().filter(|(version, _)| versions.contains(version));
            chosen.extend(wanted.map(|(version, release)| (name, version, release)));
        }
        chosen
    }

    /// A release.
    pub(super) fn find(&self, name: &Name, version: &Version) -> Option<&KnownRelease> {
        self.0.get(name)?.get(version)
    }
}
