//! Every way in which a command can fail, and what to say about it.

use std::io;
use std::path::PathBuf;

use hub_client::hint::{Advice, ErrorCode, Hint};
use registry_schema::name::Name;
use registry_schema::reference::Reference;

macro_rules! library_errors {
    ($($variant:ident($error:ty),)+) => {
        /// A command failed.
        #[derive(Debug, thiserror::Error)]
        pub(crate) enum CommandError {
            $(#[error(transparent)] $variant(#[from] $error),)+
            /// The tasks' runtime did not start.
            #[error("the program cannot start its tasks")]
            Start(#[source] io::Error),
            /// Standard output.
            #[error("cannot write to standard output")]
            Output(#[source] io::Error),
            /// Standard input.
            #[error("cannot read standard input")]
            Input(#[source] io::Error),
            /// An answer that is not to be had as JSON.
            #[error("the answer cannot be written as JSON")]
            Json(#[from] serde_json::Error),
            /// A line of CSV.
            #[error("the answer cannot be written as CSV")]
            Csv(#[from] csv::Error),
            /// A number of the environment.
            #[error("{name} is `{found}`, which is not a whole number above 0")]
            Number {
                /// The variable.
                name: &'static str,
                /// What it is set to.
                found: String,
            },
            /// No hub to ask.
            #[error("no hub is configured")]
            NoHub,
            /// The network is switched off.
            #[error("`hub {command}` needs the hub, and the network is switched off by --offline or HUB_OFFLINE")]
            Offline {
                /// Which command.
                command: &'static str,
            },
            /// No token.
            #[error("no token was given")]
            NoToken,
            /// A hub that wants a token was logged in to without one.
            #[error("the hub at {url} is not open for reading without a token")]
            NotPublic {
                /// Which hub.
                url: String,
            },
            /// Nothing to work on.
            #[error("no release is named")]
            NoReference,
            /// No trust root to start from.
            #[error("nothing says which first root to trust: none is pinned, and --root names none")]
            NoRoot,
            /// Nothing was pinned.
            #[error("nothing was pinned: compare the fingerprint {found} with the one the consortium gave you")]
            NotCompared {
                /// The hub's fingerprint.
                found: registry_schema::digest::Digest,
            },
            /// Something of the log that has to be known.
            #[error("the size of the log is not known: the hub could not be asked, and --from does not say it")]
            NoLogIndex,
            /// A reference that must be in the lock file.
            #[error("`{reference}` is not in `{}`", path.display())]
            NotLocked {
                /// Which.
                reference: Reference,
                /// The lock file.
                path: PathBuf,
            },
            /// Another release of that version is installed.
            #[error("the installed `{reference}` is not the one `{}` names", path.display())]
            OtherThanLocked {
                /// Which.
                reference: Reference,
                /// The lock file.
                path: PathBuf,
            },
            /// `hub pull` without a reference, and nothing is locked.
            #[error("`{}` names no release", path.display())]
            NothingLocked {
                /// The lock file.
                path: PathBuf,
            },
            /// No extractor to choose from.
            #[error("no extractor is installed that could be chosen")]
            NothingToChoose,
            /// The favourite is not among those that are compared.
            #[error("the favourite `{reference}` is none of the extractors that are compared")]
            StrangeFavourite {
                /// Which.
                reference: Reference,
            },
            /// Nobody's favourite domain.
            #[error("none of the extractors that are compared was made for `{domain}`, but for {found}")]
            StrangeDomain {
                /// What was asked for.
                domain: String,
                /// The domains there are.
                found: String,
            },
            /// A reference that must name one release.
            #[error("`{reference}` names no single release")]
            NotExact {
                /// What was given.
                reference: Reference,
            },
            /// An installed release does not fit a head.
            #[error("no installed release can run the head `{head}`: it was trained on {extractor}")]
            NoExtractor {
                /// The head.
                head: String,
                /// What it was trained on.
                extractor: String,
            },
            /// A head is made for another release of the same name and version.
            #[error("the installed {extractor} is another release than the {extractor} that the head `{head}` is made for")]
            AnotherExtractor {
                /// The head.
                head: String,
                /// Name and version of both.
                extractor: String,
            },
            /// No release to take a head to.
            #[error("no release of the extractor of `{head}` that is newer than {extractor} is installed")]
            NothingNewer {
                /// The head.
                head: String,
                /// What it is made for.
                extractor: String,
                /// The extractor.
                name: Name,
            },
            /// A head that has one version.
            #[error("the head `{head}` has no version before {before} to compare with")]
            NothingToCompare {
                /// The head.
                head: String,
                /// The version it would be compared with.
                before: u32,
            },
            /// None of a head's labelled images is at hand.
            #[error("none of the labelled images of the head `{head}` is at hand for {extractor}")]
            NoLabelledFeatures {
                /// The head.
                head: String,
                /// What would compute their features.
                extractor: String,
            },
            /// Nobody can agree.
            #[error("a new version is saved once you agree, and there is no terminal to ask on")]
            NobodyToAsk,
            /// With `--strict`, one bad image is the end.
            #[error("`{name}` cannot be used")]
            Image {
                /// Which image.
                name: String,
                /// Why.
                #[source]
                source: hub_client::worker::Failure,
            },
            /// With `--strict`, one skipped file is the end.
            #[error("`{}` cannot be used: {reason}", path.display())]
            SkippedFile {
                /// Which file.
                path: PathBuf,
                /// Why.
                reason: String,
            },
            /// The one image that was asked about.
            #[error("`{}` cannot be used, so nothing can be compared with it", path.display())]
            QueryImage {
                /// Which image.
                path: PathBuf,
            },
            /// What shall be removed is not there.
            #[error("`{reference}` is not installed")]
            NothingToRemove {
                /// What was asked for.
                reference: Reference,
            },
            /// A folder in the place of an image.
            #[error("`{}` is not one image, and others are compared with one", path.display())]
            NotOneImage {
                /// What was given.
                path: PathBuf,
            },
            /// Every single image failed.
            #[error("none of the {count} images can be used")]
            NoUsableImage {
                /// How many there were.
                count: usize,
            },
            /// None of the images a head was trained on is here.
            #[error("no image in `{}` is one that the head `{head}` was trained on", images.display())]
            NoTrainingImage {
                /// The head.
                head: String,
                /// The folder.
                images: PathBuf,
            },
            /// None of the labels is of an image that is here.
            #[error("no image in `{}` has a label in `{}`", images.display(), labels.display())]
            NoLabelledImage {
                /// The folder.
                images: PathBuf,
                /// Where labels were looked for.
                labels: PathBuf,
            },
            /// Nothing left to evaluate on.
            #[error("the head `{head}` was trained on all of the {count} images")]
            OnlyTrainingImages {
                /// How many.
                count: usize,
                /// The head.
                head: String,
            },
            /// Ctrl-C.
            #[error("interrupted")]
            Interrupted,
        }

        impl CommandError {
            fn advice_of_library(&self) -> Option<Advice> {
                match self {
                    $(Self::$variant(error) => Some(error.advice()),)+
                    _ => None,
                }
            }
        }
    };
}

library_errors! {
    Audit(hub_client::audit::AuditError),
    Bundle(hub_client::bundle::BundleError),
    BundleFault(hub_client::bundle::BundleFault),
    Choose(hub_client::choose::ChooseError),
    Config(hub_client::config::ConfigError),
    Cosign(hub_client::cosign::CosignError),
    Consortium(hub_client::consortium::ConsortiumError),
    Dataset(hub_client::dataset::DatasetError),
    Explore(hub_client::explore::ExploreError),
    Features(hub_client::features::FeatureError),
    File(hub_client::files::FileError),
    Head(hub_client::head::HeadError),
    Export(hub_client::head::export::ExportError),
    Disagreement(hub_client::head::export::Disagreement),
    Key(hub_client::keys::KeyFileError),
    Label(hub_client::label_app::LabelError),
    LockFile(hub_client::lockfile::LockFileError),
    Check(hub_client::publish::CheckError),
    Folder(hub_client::publish::FolderError),
    Forge(hub_client::forge::ForgeError),
    Predecessor(hub_client::publish::PredecessorError),
    Publish(hub_client::publish::PublishError),
    Scaffold(hub_client::publish::ScaffoldError),
    Import(hub_client::import::ImportError),
    Mirror(hub_client::mirror::MirrorError),
    Pull(hub_client::pull::PullError),
    Say(hub_client::members_say::SayError),
    Serve(hub_client::serve::ServeError),
    Registry(hub_client::registry::RegistryError),
    MirrorPlace(hub_client::registry::MirrorPlaceError),
    Credentials(hub_client::registry::CredentialsError),
    Store(hub_client::store::StoreError),
    Trust(hub_client::trust::TrustStoreError),
    Logged(hub_client::logged::LoggedError),
    Place(registry_schema::receipt::PlaceError),
    LogView(hub_client::log_view::LogViewError),
    Draft(registry_schema::tuf::draft::DraftError),
    Worker(hub_client::worker::WorkerError),
    Witness(hub_client::witness::WitnessError),
    ModelSigning(registry_schema::model_signing::ModelSigningError),
    Verify(registry_schema::verify::VerifyError),
    Compatibility(registry_schema::compatibility::CompatibilityError),
}

impl CommandError {
    /// The stable code and the hint.
    pub(crate) fn advice(&self) -> Advice {
        if let Some(advice) = self.advice_of_library() {
            return advice;
        }
        if let Some(hint) = self.hint_at_release() {
            return Advice::with_hint(ErrorCode::NotInstalled, hint);
        }
        let (code, hint) = match self {
            Self::NoHub => (
                ErrorCode::NoHub,
                "run `hub login URL`, or name one with --hub URL",
            ),
            Self::Offline { command: "audit" } => (
                ErrorCode::Offline,
                "leave out --offline and unset HUB_OFFLINE; without a network `hub verify REF` checks what is installed, and \
                 `hub show REF` says from what it was made",
            ),
            Self::Offline { .. } => (
                ErrorCode::Offline,
                "leave out --offline and unset HUB_OFFLINE",
            ),
            Self::NoToken => (
                ErrorCode::Unauthenticated,
                "get one from the hub's operator (`hub-server token create`) and give it by --token-file, HUB_TOKEN or standard \
                 input; --anonymous is for hubs that are open for reading",
            ),
            Self::NotPublic { .. } => (
                ErrorCode::Unauthenticated,
                "get a token from the hub's operator (`hub-server token create`)",
            ),
            Self::NotCompared { .. } => (
                ErrorCode::NotTrusted,
                "run `hub trust sha256:…` with that one",
            ),
            Self::NoReference => (ErrorCode::Usage, "name one, such as passport-extractor@2"),
            Self::NoRoot => (
                ErrorCode::NotTrusted,
                "ask the consortium for its fingerprint and give it with --root sha256:…",
            ),
            Self::NoLogIndex => (
                ErrorCode::Usage,
                "give the log index from which the change holds, such as --from 120",
            ),
            Self::Number { .. } => (ErrorCode::Usage, "correct or unset it"),
            Self::NotLocked { .. } => (
                ErrorCode::NotLocked,
                "leave out --locked to resolve and lock it",
            ),
            Self::OtherThanLocked { .. } => (
                ErrorCode::LockMismatch,
                "run `hub pull` to fetch what is locked",
            ),
            Self::NothingLocked { .. } => (
                ErrorCode::NotLocked,
                "name what to pull: `hub pull passport-extractor@2`",
            ),
            Self::NothingToChoose => (
                ErrorCode::NotInstalled,
                "run `hub search` and `hub pull` to get some",
            ),
            Self::StrangeFavourite { .. } => (
                ErrorCode::Usage,
                "name it among them, or leave out --favourite",
            ),
            Self::StrangeDomain { .. } => {
                (ErrorCode::Usage, "name one of these, or leave out --domain")
            }
            Self::NotExact { .. } => (
                ErrorCode::Usage,
                "write the whole version, such as passport-extractor@2.1.0",
            ),
            Self::NothingToCompare { .. } => (
                ErrorCode::NoHead,
                "training under the same name makes the next version",
            ),
            Self::NoLabelledFeatures { .. } => (
                ErrorCode::Labels,
                "give --images DIR, the folder in which they are now: they are found by their content",
            ),
            Self::NobodyToAsk => (
                ErrorCode::Usage,
                "--yes saves without asking, --dry-run only shows what would change",
            ),
            Self::Image { source, .. } => return source.advice(),
            Self::SkippedFile { .. } => (ErrorCode::Image, "leave out --strict to skip such files"),
            Self::QueryImage { .. } => (ErrorCode::Image, "it was named above with the reason"),
            Self::NothingToRemove { .. } => (ErrorCode::NotInstalled, "`hub list` names what is"),
            Self::NotOneImage { .. } => (ErrorCode::Usage, "name the file of an image"),
            Self::NoUsableImage { .. } => {
                (ErrorCode::Image, "each was named above with its reason")
            }
            Self::NoLabelledImage { .. } | Self::NoTrainingImage { .. } => (
                ErrorCode::Labels,
                "give the folder in which the labelled images are now",
            ),
            Self::OnlyTrainingImages { .. } => (ErrorCode::Labels, "give images it has not seen"),
            Self::Interrupted => return Advice::of(ErrorCode::Interrupted),
            _ => return Advice::of(ErrorCode::File),
        };
        Advice::with_hint(code, hint)
    }

    /// What to do about a release that a head needs.
    fn hint_at_release(&self) -> Option<String> {
        Some(match self {
            Self::NoExtractor { extractor, .. } => format!("run `hub pull {extractor}`"),
            Self::AnotherExtractor { extractor, .. } => format!(
                "they come from different hubs: `hub rm {extractor}`, then pull it from the hub the head was \
                 trained with, or train the head again"
            ),
            Self::NothingNewer { name, .. } => {
                format!("run `hub pull {name}`, or name a release with --extractor")
            }
            _ => return None,
        })
    }

    /// The program's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.advice().code.exit_code()
    }

    /// Whether whoever read standard output went away: no failure of ours.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Json(error) => error.io_error_kind() == Some(io::ErrorKind::BrokenPipe),
            Self::Csv(error) => {
                matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
            }
            _ => false,
        }
    }
}
