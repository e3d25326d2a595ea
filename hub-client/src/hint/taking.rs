//! Errors of taking releases: from a hub, from a file, into a mirror.

use registry_schema::reference::Requirement;

use super::{Advice, ErrorCode, Hint};
use crate::bundle::BundleFault;
use crate::import::ImportError;
use crate::mirror::MirrorError;
use crate::pull::PullError;

impl Hint for PullError {
    fn advice(&self) -> Advice {
        match self {
            Self::Logged { source, .. } => source.advice(),
            Self::Registry(error) => error.advice(),
            Self::Verify { source, .. } => source.advice(),
            Self::Locked { reference, .. } => Advice::with_hint(
                ErrorCode::LockMismatch,
                format!(
                    "releases never change, so one of the two is wrong: ask the publisher, then `hub pull --update {}`",
                    reference.name
                ),
            ),
            Self::Changed { .. } => Advice::of(ErrorCode::LockMismatch),
            Self::Yanked { reference, yank } => Advice::with_hint(
                ErrorCode::Yanked,
                yank_hint(reference, yank.replacement.as_ref()),
            ),
            Self::NoSuchFile { .. } | Self::ProbesWithoutVectors { .. } => {
                Advice::of(ErrorCode::RefusedFile)
            }
            Self::Vectors(error) => error.advice(),
            Self::Refused(error) => error.advice(),
            Self::Worker(error) => {
                let advice = error.advice();
                let without = "a machine that only keeps extractors can leave the probes out: --without-probes";
                if advice.code == ErrorCode::RuntimeLibrary {
                    Advice::with_hint(advice.code, without)
                } else {
                    advice
                }
            }
            Self::Probes { source, .. } => source.advice(),
            Self::Say(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for ImportError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotPinned => Advice::with_hint(
                ErrorCode::NotTrusted,
                "ask the consortium for its fingerprint and give it with --root sha256:…, which pins it, or pin it first with \
                 `hub trust sha256:… --metadata DIR`",
            ),
            Self::OtherRoot { .. } => Advice::with_hint(
                ErrorCode::NotTrusted,
                "leave out --root, or pin the other one with `hub trust sha256:… --metadata DIR`",
            ),
            Self::Pack(error) => error.advice(),
            // Nothing is missing on this machine: the pack lacks it.
            Self::Bundle(BundleFault::File(_)) => Advice::with_hint(
                ErrorCode::Digest,
                "it is not what `hub export REF -o FILE` wrote: ask for it again",
            ),
            Self::Bundle(error) => error.advice(),
            Self::Trust(error) => error.advice(),
            Self::Receipt(error) => error.advice(),
            Self::Verify(error) => error.advice(),
            Self::Place(_) => Advice::with_hint(
                ErrorCode::Log,
                "the consortium may have changed them since: have the pack written again after a `hub pull`",
            ),
            Self::Log(error) => error.advice(),
            Self::Pull(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::Config(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for MirrorError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotAMirror { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "name a folder that is empty, is not there yet, or was made by `hub mirror`",
            ),
            Self::Busy { .. } => Advice::of(ErrorCode::Failed),
            Self::OtherConsortium { .. } => Advice::with_hint(
                ErrorCode::NotTrusted,
                "name another folder, or the hub and trust root of that consortium",
            ),
            Self::OlderTrustRoot { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "a copy of a hub may be behind: try again in a moment, or name the hub itself with --hub",
            ),
            Self::Backwards { .. } => Advice::with_hint(
                ErrorCode::Log,
                "a copy of a hub may be behind: try again in a moment; if it stays so, ask the other members how long \
                 the log is for them",
            ),
            Self::NothingWanted => Advice::with_hint(
                ErrorCode::Usage,
                "name extractors such as passport-extractor or passport-extractor@2, or --all",
            ),
            Self::NoRelease { .. } => Advice::with_hint(
                ErrorCode::NoSuchRelease,
                "`hub search` lists what the hub has",
            ),
            Self::Entry { .. } => Advice::with_hint(
                ErrorCode::Log,
                "no honest hub logs that: tell its operator and the other members",
            ),
            Self::Release { source, .. } => source.advice(),
            Self::List { .. } => Advice::of(ErrorCode::Settings),
            Self::Checkpoint(_) => Advice::with_hint(
                ErrorCode::Log,
                "the folder is of another log, or was changed: begin a mirror in another folder",
            ),
            Self::Log(error) => error.advice(),
            Self::Tree(_) | Self::Bundle(_) => Advice::of(ErrorCode::Log),
            Self::Trust(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
        }
    }
}

fn yank_hint(
    reference: &registry_schema::reference::Reference,
    replacement: Option<&semver::Version>,
) -> String {
    match (replacement, &reference.requirement) {
        (Some(version), _) => format!("use `{}@{version}` instead", reference.name),
        (None, Requirement::Exact(version)) => format!(
            "name it exactly to get it all the same: `hub pull {}@{version}`",
            reference.name
        ),
        (None, _) => "name the exact version to get it all the same".to_owned(),
    }
}
