//! Which installed release a command works with.

use hub_client::head::Head;
use hub_client::store::InstalledRelease;
use registry_schema::reference::{FeatureSpace, Reference};
use registry_schema::trust_root::TrustRoot;
use serde::Serialize;

use crate::context::Context;
use crate::error::CommandError;

/// An installed release, and why it was chosen.
pub(super) struct Chosen {
    pub(super) installed: InstalledRelease,
    pub(super) because: Because,
}

/// Why a release was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Because {
    /// hub.lock names it.
    Locked,
    /// It is the newest installed that satisfies the reference.
    Newest,
    /// The head was trained on it.
    TrainedOn,
    /// It is the newest installed of the head's feature space; the one trained on is not here.
    NewerInSpace,
}

impl Because {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "named by hub.lock",
            Self::Newest => "the newest installed",
            Self::TrainedOn => "the one the head was trained on",
            Self::NewerInSpace => {
                "a newer one of the same feature space; the one the head was trained on is not installed"
            }
        }
    }
}

impl Chosen {
    /// What hub.lock names for a reference, else the newest installed that satisfies it.
    pub(super) fn find(reference: &Reference, context: &Context) -> Result<Self, CommandError> {
        let policy = context.policy()?.digest();
        let lock = context.lock_file()?;
        let chosen = match lock.get(reference) {
            None => Self {
                installed: context.store().open_release(reference, &policy)?,
                because: Because::Newest,
            },
            Some(locked) => {
                let installed = context.store().open_release(&locked.exact(), &policy)?;
                if installed.release().statement_digest() != locked.statement {
                    return Err(CommandError::OtherThanLocked {
                        reference: locked.exact(),
                        path: lock.path().to_owned(),
                    });
                }
                Self {
                    installed,
                    because: Because::Locked,
                }
            }
        };
        chosen.remark(context);
        Ok(chosen)
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
        let (store, policy) = (context.store(), context.policy()?.digest());
        let trained_on = head.extractor();
        let space = head.space();
        let mut versions: Vec<_> = store
            .list()?
            .into_iter()
            .filter(|(name, version)| {
                FeatureSpace::of(name, version) == space && *version >= trained_on.version
            })
            .map(|(_, version)| version)
            .collect();
        let exact = |version| Reference::exact(trained_on.name.clone(), version);
        if versions.contains(&trained_on.version) {
            let installed = store.open_release(&exact(trained_on.version.clone()), &policy)?;
            if installed.release().statement_digest() == trained_on.digest {
                let chosen = Self {
                    installed,
                    because: Because::TrainedOn,
                };
                chosen.remark(context);
                return Ok(chosen);
            }
        }
        // A pre-release is taken only when it was trained on.
        versions.retain(|version| version.pre.is_empty() && *version > trained_on.version);
        let newest = versions
            .into_iter()
            .max()
            .ok_or_else(|| CommandError::NoExtractor {
                head: head.name().to_string(),
                extractor: trained_on.to_string(),
            })?;
        let chosen = Self {
            installed: store.open_release(&exact(newest), &policy)?,
            because: Because::NewerInSpace,
        };
        chosen.remark(context);
        Ok(chosen)
    }

    /// Its reference.
    pub(super) fn reference(&self) -> Reference {
        self.installed.release().reference()
    }

    fn remark(&self, context: &Context) {
        let reference = self.reference();
        let text = format!("extractor: {reference}, {}", self.because.as_str());
        if self.because == Because::NewerInSpace {
            context.report().note(&text)
        } else {
            context.report().detail(&text)
        }
        if let Some(yank) = self.installed.yanked() {
            context
                .report()
                .warn(&format!("`{reference}` is yanked: {}", yank.reason));
        }
    }
}
