//! Which installed release a command works with.

use std::collections::BTreeMap;

use hub_client::files::FileLock;
use hub_client::head::{ExtractorRelease, Head};
use hub_client::store::{InstalledRelease, Store};
use hub_client::trust::Kept;
use registry_schema::reference::{FeatureSpace, Reference};
use serde::Serialize;

use crate::context::Context;
use crate::error::CommandError;

/// An installed release, and why it was chosen.
pub(super) struct Chosen {
    pub(super) installed: InstalledRelease,
    pub(super) because: Because,
    /// Under which it was verified.
    pub(super) trust: Kept,
    /// While it lives, no other process removes files. A store that cannot be written to has no
    /// lock and needs none.
    _in_use: Option<FileLock>,
}

/// Whether the very release of a head is installed.
pub(super) enum Exactly {
    Here(Box<Chosen>),
    NotInstalled,
    /// Another one of the same name and version is.
    Another,
}

/// Why a release was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Because {
    /// hub.lock names it.
    Locked,
    /// It is the newest installed that satisfies the reference.
    Newest,
    /// The head was trained on it or moved to it.
    TrainedOn,
    /// It is the newest installed of the head's feature space; the one trained on is not here.
    NewerInSpace,
}

impl Because {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "named by hub.lock",
            Self::Newest => "the newest installed",
            Self::TrainedOn => "the one the head is made for",
            Self::NewerInSpace => {
                "a newer one of the same feature space; the one the head is made for is not installed"
            }
        }
    }
}

/// The newest installed release of each name and MAJOR, without pre-releases.
pub(super) fn newest_of_each(store: &Store) -> Result<Vec<Reference>, CommandError> {
    let mut newest = BTreeMap::new();
    for (name, version) in store.list()? {
        if version.pre.is_empty() {
            let kept = newest
                .entry((name, version.major))
                .or_insert_with(|| version.clone());
            *kept = version.max(kept.clone());
        }
    }
    let exact = |((name, _), version)| Reference::exact(name, version);
    Ok(newest.into_iter().map(exact).collect())
}

impl Chosen {
    /// What hub.lock names for a reference, else the newest installed that satisfies it.
    pub(super) fn find(reference: &Reference, context: &Context) -> Result<Self, CommandError> {
        let lock = context.lock_file()?;
        let Some(locked) = lock.get(reference) else {
            return Self::open(reference, Because::Newest, context)
                .map(|one| one.remarked(context));
        };
        let chosen = Self::open(&locked.exact(), Because::Locked, context)?;
        if chosen.installed.release().statement_digest() != locked.statement {
            let (reference, path) = (locked.exact(), lock.path().to_owned());
            return Err(CommandError::OtherThanLocked { reference, path });
        }
        Ok(chosen.remarked(context))
    }

    /// The release a head runs on: the one asked for, else the one it was trained on, else the
    /// newest installed of the same feature space that is not older.
    pub(super) fn for_head(
        head: &Head,
        asked: Option<&Reference>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        if let Some(reference) = asked {
            return Self::find(reference, context);
        }
        let (trained_on, space) = (head.extractor(), head.space());
        let is_another = match Self::exactly(trained_on, context)? {
            Exactly::Here(chosen) => return Ok(*chosen),
            Exactly::NotInstalled => false,
            Exactly::Another => true,
        };
        let mut versions: Vec<_> = context
            .store()
            .list()?
            .into_iter()
            .filter(|(name, version)| FeatureSpace::of(name, version) == space)
            .map(|(_, version)| version)
            .collect();
        let exact = |version| Reference::exact(trained_on.name.clone(), version);
        // A pre-release is taken only when it was trained on.
        versions.retain(|version| version.pre.is_empty() && *version > trained_on.version);
        let newest = versions.into_iter().max().ok_or_else(|| {
            let (head, extractor) = (head.name().to_string(), trained_on.to_string());
            match is_another {
                true => CommandError::AnotherExtractor { head, extractor },
                false => CommandError::NoExtractor { head, extractor },
            }
        })?;
        let chosen = Self::open(&exact(newest), Because::NewerInSpace, context)?;
        Ok(chosen.remarked(context))
    }

    /// The very release that a head was trained on or moved to.
    pub(super) fn exactly(
        release: &ExtractorRelease,
        context: &Context,
    ) -> Result<Exactly, CommandError> {
        let place = (release.name.clone(), release.version.clone());
        if !context.store().list()?.contains(&place) {
            return Ok(Exactly::NotInstalled);
        }
        let reference = Reference::exact(place.0, place.1);
        let chosen = Self::open(&reference, Because::TrainedOn, context)?;
        let is_same = chosen.installed.release().statement_digest() == release.digest;
        Ok(match is_same {
            true => Exactly::Here(Box::new(chosen.remarked(context))),
            false => Exactly::Another,
        })
    }

    /// Its reference.
    pub(super) fn reference(&self) -> Reference {
        self.installed.release().reference()
    }

    fn open(
        reference: &Reference,
        because: Because,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let store = context.store();
        let trust = context.kept_trust()?;
        let in_use = store.in_use().ok();
        let installed = store.open_release(reference, &trust.root)?;
        Ok(Self {
            installed,
            trust,
            because,
            _in_use: in_use,
        })
    }

    /// The same, after saying what a user should know about the choice.
    fn remarked(self, context: &Context) -> Self {
        let reference = self.reference();
        let text = format!("extractor: {reference}, {}", self.because.as_str());
        if self.because == Because::NewerInSpace {
            context.report().note(&text);
        } else {
            context.report().detail(&text);
        }
        if let Some(yank) = self.installed.yanked() {
            let reason = &yank.reason;
            context
                .report()
                .warn(&format!("`{reference}` is yanked: {reason}"));
        }
        self
    }
}
