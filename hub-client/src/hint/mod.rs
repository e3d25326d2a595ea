//! What to make of an error: a code for programs, an exit code for shells, a hint for people.
//!
//! ```
//! use hub_client::hint::{ErrorCode, Hint};
//! use hub_client::store::StoreError;
//! let error = StoreError::NotInstalled { reference: "dots@2".parse().unwrap() };
//! assert_eq!(error.advice().code, ErrorCode::NotInstalled);
//! assert_eq!(error.advice().code.exit_code(), 3);
//! ```
//!
//! *Why not in the message?* The message says what happened. The hint says what to do next, and
//! programs that show errors in a window want the two apart.

mod bundles;
mod giving;
mod hub;
mod learning;
mod local;
mod log;
mod running;
mod signed;
mod taking;
mod trusting;

/// An error that can be explained.
pub trait Hint: std::error::Error {
    /// What to make of it.
    fn advice(&self) -> Advice;
}

/// What to make of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The kind of failure.
    pub code: ErrorCode,
    /// What to do next, when the message does not say so already.
    pub hint: Option<String>,
}

impl Advice {
    /// A code without a hint.
    pub fn of(code: ErrorCode) -> Self {
        Self { code, hint: None }
    }

    /// A code with a hint.
    pub fn with_hint(code: ErrorCode, hint: impl Into<String>) -> Self {
        Self {
            code,
            hint: Some(hint.into()),
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident, $code:literal, $exit:literal;)+) => {
        /// Every kind of failure the client reports. Codes are stable: they are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code as programs see it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The exit code of the `hub` command.
            pub fn exit_code(self) -> u8 {
                match self { $(Self::$variant => $exit),+ }
            }

            /// The kind in words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),+).trim()),+ }
            }
        }
    };
}

codes! {
    /// Something else failed; the message says what.
    Failed, "failed", 1;
    /// A file or folder cannot be read or written.
    File, "file", 1;
    /// The disk is full.
    DiskFull, "disk_full", 1;
    /// The settings, a lock file or a file of the store cannot be understood.
    Settings, "settings", 1;
    /// No hub is configured, so there is nothing to ask.
    NoHub, "no_hub", 1;
    /// The ONNX Runtime library is missing or unusable.
    RuntimeLibrary, "runtime_library", 1;
    /// The extractor does not run.
    Runtime, "runtime", 1;
    /// An author's folder, a manifest or a draft is not right.
    Invalid, "invalid", 1;
    /// An image cannot be used.
    Image, "image", 1;
    /// Images and labels cannot be trained on or evaluated.
    Labels, "labels", 1;
    /// The head and the extractor do not fit together.
    FeatureSpace, "feature_space", 1;
    /// The hub wants a token, or another one.
    Unauthenticated, "unauthenticated", 1;
    /// The token does not allow this.
    Forbidden, "forbidden", 1;
    /// That version is on the hub with other content.
    VersionExists, "version_exists", 1;
    /// The version breaks the order or the promise of version numbers.
    VersionPromise, "version_promise", 1;
    /// The hub refused the request; the message has its own code.
    Refused, "refused", 1;
    /// The hub failed.
    Hub, "hub", 1;
    /// The command line is not right.
    Usage, "usage", 2;
    /// There is no such thing.
    NotFound, "not_found", 3;
    /// No release satisfies the reference.
    NoSuchRelease, "no_such_release", 3;
    /// The release is not on this machine.
    NotInstalled, "not_installed", 3;
    /// The reference is not in the lock file.
    NotLocked, "not_locked", 1;
    /// There is no such key.
    NoKey, "no_key", 3;
    /// There is no such head.
    NoHead, "no_head", 3;
    /// A signature or statement does not verify.
    Signature, "signature", 4;
    /// Bytes are not those that were signed.
    Digest, "digest", 4;
    /// What was computed is not what was signed or promised.
    Probes, "probes", 4;
    /// An exported file computes something else than what was seen.
    Export, "export", 4;
    /// No trust root is pinned, or not this one.
    NotTrusted, "not_trusted", 4;
    /// The consortium's trust root is not one to follow.
    TrustRoot, "trust_root", 4;
    /// A statement is not shown to be in the log.
    Log, "log", 4;
    /// A file or graph is not one a release may hold.
    RefusedFile, "refused_file", 4;
    /// The extractor wanted more time or memory than it may have.
    Limit, "limit", 4;
    /// The release is withdrawn by its owners.
    Yanked, "yanked", 4;
    /// Too few other members have found the release fit.
    TooFewEvaluations, "too_few_evaluations", 4;
    /// The hub sent another statement than the lock file names.
    LockMismatch, "lock_mismatch", 4;
    /// The hub's certificate is not trusted.
    Certificate, "certificate", 4;
    /// The hub cannot be reached.
    Unreachable, "unreachable", 5;
    /// The network is needed and switched off.
    Offline, "offline", 5;
    /// The hub's answer cannot be understood.
    BadAnswer, "bad_answer", 5;
    /// The hub is busy, starting or stopping.
    Unavailable, "unavailable", 5;
    /// Some inputs were skipped.
    Skipped, "skipped", 6;
    /// Interrupted.
    Interrupted, "interrupted", 130;
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_leave_success_alone() {
        let codes: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!(matches!(code.exit_code(), 1..=6 | 130), "{code}");
            assert!(code.title().ends_with('.'), "{code}");
        }
    }
}
