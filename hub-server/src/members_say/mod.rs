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
use registry_schema::name::{MemberName, Name};
use registry_schema::threshold::Signer;
use registry_schema::trust_root::{ConsortiumRoot, Including, TrustRoot};
use registry_schema::verify::{VerifyError, check_signers};

use crate::app::Hub;
use crate::database::{Connection, DatabaseError};
use crate::log::{LogError, NewEntry, Place};
use crate::publish::{PublishError, Recorded, time_text};
use crate::resolve::ResolveError;

/// A statement whose form and signature are good.
struct Said<D> {
    statement: Digest,
    signer: Signer,
    row: D,
}

/// What will be written for a statement.
trait Draft: Send + 'static {
    /// Where the same was recorded before, in another envelope.
    fn earlier(&self, _: &mut Connection) -> Result<Option<Place>, SayError> {
        Ok(None)
    }

    /// Whether the state of now lets it follow, when its numbers do.
    fn check(&self, _: &mut Connection, _: &ConsortiumRoot) -> Result<(), SayError> {
        Ok(())
    }

    /// Writes the row of the entry at a place, when its number comes next.
    fn record(self, connection: &mut Connection, place: Place) -> Result<(), SayError>;
}

/// Checks on a thread that may wait, appends to the log with the row, waits for the proof.
async fn say<D: Draft>(
    hub: Arc<Hub>,
    envelope: &[u8],
    member: &MemberName,
    draft: impl FnOnce(&mut Connection, Standing<'_>) -> Result<Said<D>, SayError> + Send + 'static,
) -> Result<Recorded<StatementRecorded>, SayError> {
    let entry = NewEntry::new(envelope.to_vec(), member.to_string());
    let leaf_hash = entry.leaf_hash();
    // 1. The member whose token this is said it, of something that is there.
    let checking = {
        let hub = Arc::clone(&hub);
        tokio::task::spawn_blocking(move || check(&hub, &leaf_hash, draft))
    };
    let (said, known) = checking.await.map_err(|_| DatabaseError::Interrupted)??;
    let (statement, row) = (said.statement, said.row);
    let (place, is_new) = match known {
        // 2. The same again is fine.
        Some(place) => (place, false),
        // 3. Recorded with its entry of the log, or not at all; at that place its key must count.
        None => {
            let (signer, asked) = (said.signer, Arc::clone(&hub));
            let record = move |connection: &mut Connection, place: Place| {
                let trust = asked.trust_root();
                asked.check_same_trust(connection, &trust)?;
                let own = Name::of_member(signer.member.clone());
                check_signers(&trust.root, &own, &[signer], place.index)?;
                row.check(connection, &trust.root)?;
                row.record(connection, place)
            };
            let (recorded, place) = hub.log.append(entry, record).await?;
            (place, recorded.is_some())
        }
    };
    // 4. The reply leaves with the proof that the log shows it to everybody.
    let proof = hub.log.covered(place.index).await?;
    Ok(Recorded {
        answer: StatementRecorded {
            statement,
            recorded_at: time_text(place.logged_at)?,
            log_index: place.index,
            proof: proof.to_string(),
        },
        is_new,
    })
}

/// A statement, and where it was recorded before.
fn check<D: Draft>(
    hub: &Hub,
    leaf_hash: &Digest,
    draft: impl FnOnce(&mut Connection, Standing<'_>) -> Result<Said<D>, SayError>,
) -> Result<(Said<D>, Option<Place>), SayError> {
    let trust = hub.trust_root();
    let retired = trust.root.including_retired_keys();
    hub.database.with(|connection| {
        let known = Place::of_entry(connection, leaf_hash)?;
        let standing = match known {
            Some(place) => Standing::of_recorded(&trust.root, &retired, place),
            None => Standing::of_new(hub, &trust.root),
        };
        let said = draft(connection, standing)?;
        let known = match known {
            Some(place) => Some(place),
            None => said.row.earlier(connection)?,
        };
        Ok((said, known))
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

    /// Of a statement that is recorded; its key may have been taken back since.
    fn of_recorded(root: &'a ConsortiumRoot, retired: &'a Including<'a>, place: Place) -> Self {
        Self {
            root,
            keys: retired,
            index: place.index,
            covered: place.index,
        }
    }
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

/// Nobody drowns the others: what one member says about one thing has a limit. And what all say of
/// it fits one answer. `listed` is what the answer has, with the member of each; half of the room is
/// for taking back what stands, so that whoever has said too much still can.
fn check_room<'a>(
    listed: impl Iterator<Item = (&'a str, &'a [u8])>,
    member: &str,
    envelope: &[u8],
    is_closing: bool,
) -> Result<(), SayError> {
    let new = served_bytes(envelope);
    let (mut by_member, mut by_all) = (new, new);
    for (other, envelope) in listed {
        let size_bytes = served_bytes(envelope);
        by_all += size_bytes;
        if other == member {
            by_member += size_bytes;
        }
    }
    let part = if is_closing { 1 } else { 2 };
    if by_member > limits::MEMBER_STATEMENT_BYTES / part {
        return Err(SayError::TooMuch);
    }
    if by_all > limits::RESPONSE_BYTES / part {
        return Err(SayError::Full);
    }
    Ok(())
}

/// How many bytes of an answer an envelope takes at most: as a JSON text, with its proof.
fn served_bytes(envelope: &[u8]) -> usize {
    let text = String::from_utf8_lossy(envelope);
    let escaped = serde_json::to_string(&text).map_or(2 * text.len(), |text| text.len());
    escaped + limits::LISTED_PROOF_BYTES
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
    /// There is nothing to end.
    #[error("advisory {number} of `{member}` does not stand, so it cannot be closed")]
    NotOpen {
        /// Whose.
        member: MemberName,
        /// Which.
        number: u64,
    },
    /// Past [`limits::MEMBER_STATEMENT_BYTES`].
    #[error(
        "this member has said as much about it as one may, {} bytes with proofs, of which half is for taking back what stands",
        limits::MEMBER_STATEMENT_BYTES
    )]
    TooMuch,
    /// Past [`limits::RESPONSE_BYTES`].
    #[error(
        "members have said as much about it as fits one answer, {} bytes with proofs, of which half is for taking back what stands",
        limits::RESPONSE_BYTES
    )]
    Full,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use registry_schema::api::{AdvisoryList, LoggedStatement};

    use super::*;

    /// An envelope that takes this much of an answer; half of it is line ends, which JSON doubles.
    fn of(size_bytes: usize) -> Vec<u8> {
        let room = size_bytes - limits::LISTED_PROOF_BYTES - 2;
        let mut text = "\n".repeat(room / 3);
        text.push_str(&"x".repeat(room - 2 * (room / 3)));
        text.into_bytes()
    }

    #[test]
    fn half_of_the_room_is_for_taking_back_and_all_of_it_fits_an_answer() {
        let envelope = of(64 << 10);
        assert_eq!(served_bytes(&envelope), 64 << 10);
        let said = |members: usize, each: usize, is_closing| {
            let names: Vec<_> = (0..members).map(|number| format!("m{number}")).collect();
            let listed = names
                .iter()
                .flat_map(|name| vec![(&**name, &*envelope); each]);
            check_room(listed, "m0", &envelope, is_closing)
        };
        // 512 KiB each, 16 MiB all, half of each for new statements.
        said(1, 3, false).unwrap();
        assert!(matches!(said(1, 4, false), Err(SayError::TooMuch)));
        said(1, 7, true).unwrap();
        assert!(matches!(said(1, 8, true), Err(SayError::TooMuch)));
        said(127, 1, false).unwrap();
        assert!(matches!(said(128, 1, false), Err(SayError::Full)));
        said(255, 1, true).unwrap();
        assert!(matches!(said(256, 1, true), Err(SayError::Full)));
        // As served: the deepest proof, and thirty witnesses.
        let hash = format!("{}\n", "h".repeat(44));
        let signature = format!("\u{2014} witness.example.org/w17 {}\n", "s".repeat(104));
        let proof = format!(
            "c2sp.org/tlog-proof@v1\nindex {}\n{}\nhub.example.org/log\n{}\n{hash}\n{}",
            u64::MAX,
            hash.repeat(limits::PROOF_HASHES),
            u64::MAX,
            signature.repeat(31)
        );
        let one = LoggedStatement {
            envelope: String::from_utf8(envelope.clone()).unwrap(),
            log_index: u64::MAX,
            proof,
        };
        let advisories = vec![one; 256];
        let answer = serde_json::to_vec(&AdvisoryList { advisories }).unwrap();
        assert!(answer.len() <= limits::RESPONSE_BYTES, "{}", answer.len());
    }
}
