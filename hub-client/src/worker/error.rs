//! What a worker cannot do, told across a pipe.

use std::error::Error;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::confine::Limits;
use crate::runtime::{ImageError, RuntimeError};

/// Longest text of a failure that is shown, in characters.
const SHOWN_CHARACTERS: usize = 1_000;

/// What a library says when memory is refused.
const OUT_OF_MEMORY: [&str; 4] = [
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "memory allocation of",
];

/// Why an extractor has not computed anything.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The process did not start.
    #[error("the process that runs extractors cannot be started")]
    Start(#[source] io::Error),
    /// It did not take its request.
    #[error("the process that runs extractors does not take its request")]
    Send(#[source] io::Error),
    /// Past its time.
    #[error(
        "the extractor was stopped at its time limit: its probes took longer than {seconds} seconds"
    )]
    TimeLimit {
        /// The limit.
        seconds: u64,
    },
    /// Past the time for pictures that were sent, or for loading.
    #[error(
        "the process that runs the extractor was stopped: it has not answered for {seconds} seconds"
    )]
    NoAnswer {
        /// The limit.
        seconds: u64,
    },
    /// Past its memory.
    #[error("the extractor was stopped at its memory limit of {} MiB", bytes >> 20)]
    MemoryLimit {
        /// The limit.
        bytes: u64,
    },
    /// It ended without a word.
    #[error("the process that ran the extractor ended unexpectedly: {how}")]
    Crashed {
        /// By which signal or code, and what it said on standard error.
        how: String,
    },
    /// It says what nobody asked.
    #[error("the process that ran the extractor gave a wrong answer: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// Another version of this program.
    #[error(
        "the process that runs extractors speaks version {found} of the answers: was this program replaced just now?"
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// What the runtime or the extractor says itself.
    #[error(transparent)]
    Extractor(#[from] Failure),
    /// Stopped from outside.
    #[error("interrupted")]
    Cancelled,
}

/// A failure inside the worker: its words, and those of its causes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    kind: FailureKind,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Box<Failure>>,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// There is no runtime library, or not a usable one.
    Library,
    /// The graph does not load, does not run, or is not what the manifest says.
    Graph,
    /// A picture cannot be read.
    Picture,
    /// The numbers are not finite, or not of the promised length.
    Features,
    /// They differ from run to run.
    NotDeterministic,
    /// Memory was refused.
    Memory,
}

impl Failure {
    /// What failed.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    pub(super) fn of_runtime(error: &RuntimeError) -> Self {
        let kind = match error {
            RuntimeError::Library(_) => FailureKind::Library,
            RuntimeError::Picture { source, .. } => kind_of_image(source),
            RuntimeError::NotDeterministic { .. } => FailureKind::NotDeterministic,
            RuntimeError::Session(error) if is_out_of_memory(&error.to_string()) => {
                FailureKind::Memory
            }
            RuntimeError::Session(_)
            | RuntimeError::Mismatch { .. }
            | RuntimeError::Cancelled
            | RuntimeError::ThreadStopped => FailureKind::Graph,
        };
        Self::new(kind, error)
    }

    /// Why one picture has no features.
    pub fn of_image(error: &ImageError) -> Self {
        Self::new(kind_of_image(error), error)
    }

    fn new(kind: FailureKind, error: &dyn Error) -> Self {
        Self {
            kind,
            message: error.to_string(),
            cause: error
                .source()
                .map(|source| Box::new(Self::new(kind, source))),
        }
    }

    /// The error of a whole run.
    pub(super) fn into_error(self, limits: &Limits) -> WorkerError {
        match (self.kind, limits.memory_bytes) {
            (FailureKind::Memory, Some(bytes)) => WorkerError::MemoryLimit { bytes },
            _ => WorkerError::Extractor(self),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.message))
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

fn kind_of_image(error: &ImageError) -> FailureKind {
    match error {
        ImageError::Decode(_) | ImageError::Prepare { .. } => FailureKind::Picture,
        ImageError::NotFinite { .. } | ImageError::NotNormalized { .. } => FailureKind::Features,
    }
}

/// Whether these are the words of a library that was refused memory.
pub(super) fn is_out_of_memory(text: &str) -> bool {
    OUT_OF_MEMORY.iter().any(|words| text.contains(words))
}

/// Text from a process that runs what a rival wrote: nothing in it may steer a terminal.
pub(super) fn printable(text: &str) -> String {
    let shown = text
        .chars()
        .take(SHOWN_CHARACTERS)
        .map(|c| if c.is_control() { ' ' } else { c });
    shown.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::runtime::session::SessionError;

    fn session(reason: &str) -> RuntimeError {
        RuntimeError::Session(SessionError::Run {
            path: "model.onnx".into(),
            reason: reason.to_owned(),
        })
    }

    #[test]
    fn a_chain_of_causes_survives_the_pipe() {
        let source = RuntimeError::Picture {
            index: 3,
            source: ImageError::NotFinite {
                name: "a.png".to_owned(),
                position: 1,
                value: f32::NAN,
            },
        };
        let failure = Failure::of_runtime(&source);
        let back: Failure =
            serde_json::from_str(&serde_json::to_string(&failure).unwrap()).unwrap();
        assert_eq!(back, failure);
        assert_eq!(back.to_string(), source.to_string());
        let (cause, expected) = (back.source().unwrap(), source.source().unwrap());
        assert_eq!(cause.to_string(), expected.to_string());
        assert_eq!(back.kind(), FailureKind::Features);
    }

    #[test]
    fn refused_memory_is_a_limit_only_where_there_is_one() {
        let failure = Failure::of_runtime(&session("std::bad_alloc"));
        let limits = Limits {
            memory_bytes: Some(64 << 20),
            processor_seconds: None,
        };
        let error = failure.clone().into_error(&limits);
        assert!(error.to_string().contains("64 MiB"), "{error}");
        let error = failure.into_error(&Limits::default());
        assert!(matches!(error, WorkerError::Extractor(_)));
        assert_eq!(
            Failure::of_runtime(&session("shape")).kind(),
            FailureKind::Graph
        );
    }

    #[test]
    fn what_steers_a_terminal_is_not_shown() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a [2Jb c");
        assert_eq!(printable(&"x".repeat(5_000)).len(), SHOWN_CHARACTERS);
    }
}
