//! What single members say, signed by themselves alone: evaluations of a release, advisories about
//! a name, keys they take back. Whoever is a member may speak, owner of the name or not.

mod advisory;
mod evaluation;
mod key_compromise;
mod replay;

pub(crate) use advisory::{AdvisoryRequest, record_advisory};
pub(crate) use evaluation::{EvaluationRequest, record_evaluation};
pub(crate) use key_compromise::{KeyCompromiseRequest, record_key_compromise};
pub(crate) use replay::{clear, compare_keys, compare_name, compare_release, replay};

use std::sync::Arc;

use registry_schema::api::StatementRecorded;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::name::MemberName;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::VerifyError;

use crate::app::Hub;
use crate::database::{Connection, DatabaseError, from_column};
use crate::log::{LogError, NewEntry, Place};
use crate::publish::{PublishError, Recorded, time_text};
use crate::resolve::ResolveError;

/// A statement whose form and signature are good.
struct Checked<D> {
    statement: Digest,
    state: State<D>,
}

enum State<D> {
    /// It was recorded before.
    Known(Place),
    /// It can be recorded, unless its number is taken in the meantime.
    New(D),
}

/// What will be written for a statement.
trait Draft: Send + 'static {
    /// Writes the row of the entry at a place, when its number comes next.
    fn record(self, connection: &mut Connection, place: Place) -> Result<(), SayError>;
}

/// Checks on a thread that may wait, appends to the log with the row, waits for the proof.
async fn say<D: Draft>(
    hub: Arc<Hub>,
    entry: NewEntry,
    check: impl FnOnce(&Hub) -> Result<Checked<D>, SayError> + Send + 'static,
) -> Result<Recorded<StatementRecorded>, SayError> {
    let checked = {
        let hub = Arc::clone(&hub);
        tokio::task::spawn_blocking(move || check(&hub))
    };
    let checked = checked.await.map_err(|_| DatabaseError::Interrupted)??;
    let (place, is_new) = match checked.state {
        State::Known(place) => (place, false),
        State::New(draft) => {
            let record = move |connection: &mut Connection, place| draft.record(connection, place);
            let ((), place) = hub.log.append(entry, record).await?;
            (place, true)
        }
    };
    let proof = hub.log.covered(place.index).await?;
    Ok(Recorded {
        answer: StatementRecorded {
            statement: checked.statement,
            recorded_at: time_text(place.logged_at)?,
            log_index: place.index,
            proof: proof.to_string(),
        },
        is_new,
    })
}

/// What a statement is checked against.
#[derive(Clone, Copy)]
struct Standing<'a> {
    root: &'a ConsortiumRoot,
    /// Says whose keys count: the root itself for what is still to be recorded, and for what is
    /// recorded also with the keys that were taken back since.
    keys: &'a dyn TrustRoot,
    /// The first place of the log that the statement's entry can get, or the one it has.
    index: u64,
    /// How many entries of the log its release may be among.
    covered: u64,
}

impl<'a> Standing<'a> {
    /// Of a statement that somebody sends now.
    fn of_new(hub: &Hub, root: &'a ConsortiumRoot) -> Self {
        Self {
            root,
            keys: root,
            index: hub.log.head().checkpoint.size,
            covered: hub.log.published_size(),
        }
    }
}

/// Where a recorded statement is.
fn place(log_index: i64, logged_at: i64) -> Result<Place, DatabaseError> {
    Ok(Place {
        index: from_column(log_index)?,
        logged_at,
    })
}

/// The token's member is the one that speaks.
fn check_speaker(asking: &MemberName, speaker: &MemberName) -> Result<(), SayError> {
    if asking == speaker {
        return Ok(());
    }
    Err(SayError::AnotherMember {
        asking: asking.clone(),
        speaker: speaker.clone(),
    })
}

/// Nobody drowns the others: what one member says about one thing has a limit.
fn check_room<'a>(
    earlier: impl Iterator<Item = &'a Vec<u8>>,
    envelope: &[u8],
) -> Result<(), SayError> {
    let said: usize = earlier.map(Vec::len).sum();
    if said + envelope.len() > limits::MEMBER_STATEMENT_BYTES {
        return Err(SayError::TooMuch);
    }
    Ok(())
}

/// The number that comes next is the one the statement has.
fn check_number(expected: u64, found: u64) -> Result<(), SayError> {
    if expected == found {
        Ok(())
    } else {
        Err(SayError::Sequence { expected, found })
    }
}

/// Why what a member says is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SayError {
    /// One member's token, another member's statement.
    #[error("the statement is by `{speaker}`, but the token is that of `{asking}`")]
    AnotherMember {
        /// Whose token.
        asking: MemberName,
        /// Who speaks.
        speaker: MemberName,
    },
    /// Not signed as it must be.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The number does not come next.
    #[error("the statement has number {found}, but number {expected} comes next: sign it again")]
    Sequence {
        /// What comes next.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Past [`limits::MEMBER_STATEMENT_BYTES`].
    #[error(
        "this member has said as much about it as one may, {} bytes",
        limits::MEMBER_STATEMENT_BYTES
    )]
    TooMuch,
    /// No such release or name.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The release itself.
    #[error(transparent)]
    Publish(Box<PublishError>),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
