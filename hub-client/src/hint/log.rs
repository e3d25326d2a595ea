//! Errors of the log and what it shows: proofs, checkpoints, the monitor.

use registry_schema::receipt::PlaceError;

use super::{Advice, ErrorCode, Hint};
use crate::audit::AuditError;
use crate::log_view::{LogSourceError, LogViewError};
use crate::logged::LoggedError;

impl Hint for LoggedError {
    fn advice(&self) -> Advice {
        match self {
            Self::Proof(error) if !matches!(**error, LogViewError::Quorum(_)) => error.advice(),
            _ => Advice::with_hint(
                ErrorCode::Log,
                "the hub answers with something that its log does not show to everybody: tell its operator and the other members",
            ),
        }
    }
}

impl Hint for LogViewError {
    fn advice(&self) -> Advice {
        let hint = match self {
            Self::Source(LogSourceError::Registry(error)) => return error.advice(),
            Self::Source(LogSourceError::File(error)) | Self::File(error) => return error.advice(),
            Self::Stopped => return Advice::of(ErrorCode::Interrupted),
            Self::Seen { .. } => return Advice::of(ErrorCode::Settings),
            Self::Beyond { .. } => return Advice::of(ErrorCode::Usage),
            Self::Forked { .. } | Self::Distrusted { .. } => {
                "show the folder to the other members: it proves to anybody that the hub told them and you different \
                 things. Once it is known what happened, `hub trust --forget-log` begins anew"
            }
            Self::RolledBack { .. } => {
                "try again in a moment, a copy of a hub may be behind; if it stays so, ask the other members how long \
                 the log is for them, and the operator whether it was restored from an old copy"
            }
            Self::Stale { .. } => {
                "try again later; if it stays so, ask the operator which witnesses are away, and the other members what \
                 they see"
            }
            Self::Quorum(_) => {
                "the trust root says which witnesses must have cosigned: ask the hub's operator which are away"
            }
            _ => {
                "tell the hub's operator and the other members: an honest log always shows how it grew"
            }
        };
        Advice::with_hint(ErrorCode::Log, hint)
    }
}

impl Hint for PlaceError {
    fn advice(&self) -> Advice {
        Advice::with_hint(
            ErrorCode::Log,
            "the log or its witnesses may have been replaced since: pull the release again to get a proof of today",
        )
    }
}

impl Hint for AuditError {
    fn advice(&self) -> Advice {
        match self {
            Self::Withheld { .. } | Self::Other { .. } => Advice::with_hint(
                ErrorCode::Log,
                "show the entry to the other members: the hub shows its readers other things than its log has",
            ),
            Self::Forgotten { .. } => Advice::of(ErrorCode::Log),
            Self::Memory { .. } | Self::MemoryFormat { .. } => Advice::of(ErrorCode::Settings),
            Self::Busy { .. } => Advice::of(ErrorCode::Failed),
            Self::Verify(error) => error.advice(),
            Self::Trust(_) => Advice::of(ErrorCode::TrustRoot),
            Self::Log(error) => error.advice(),
            Self::Tree(_) => Advice::of(ErrorCode::Log),
            Self::Logged(error) => error.advice(),
            Self::Say(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}
