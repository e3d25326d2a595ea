//! Withdrawing a release from resolution, and restoring it, by signed statements.

use std::sync::Arc;

use registry_schema::api::YankRecorded;
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::log::hash::leaf_hash;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::statement::{YankAction, YankStatement};
use registry_schema::threshold::Signer;
use registry_schema::verify::{VerifyError, check_signers, verify_recorded_yank, verify_yank};
use semver::Version;

use crate::app::Hub;
use crate::database::releases::{self, ReleaseRow};
use crate::database::yanks::{self, YankRow};
use crate::database::{Connection, DatabaseError, to_column};
use crate::log::{LogError, NewEntry, Place};
use crate::publish::{
    ATTEMPTS, Known, OwnerError, PublishError, Recorded, check_owner, stored_release,
};
use crate::resolve::{ResolveError, resolve};

/// Somebody wants this statement about a release to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct YankRequest {
    pub(crate) name: Name,
    pub(crate) version: Version,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records a yank or unyank.
///
/// # Errors
/// [`YankError`] names the step that refused; nothing is recorded then, except that
/// [`LogError::Unwitnessed`] says that it is recorded and witnesses are missing.
pub(crate) async fn yank(
    hub: Arc<Hub>,
    request: YankRequest,
) -> Result<Recorded<YankRecorded>, YankError> {
    let request = Arc::new(request);
    for _ in 0..ATTEMPTS {
        let checking = {
            let (hub, request) = (Arc::clone(&hub), Arc::clone(&request));
            tokio::task::spawn_blocking(move || check(&hub, &request))
        };
        let checked = checking.await.map_err(|_| DatabaseError::Interrupted)??;
        let (index, is_new) = match checked.state {
            State::Known { index } => (index, false),
            // 4. Recorded with its entry of the log, or not at all; at that place its keys must
            // count.
            State::New(draft) => {
                let entry = NewEntry::new(request.envelope.clone(), request.member.to_string());
                let (asked, name) = (Arc::clone(&hub), request.name.clone());
                let signers = checked.signers;
                let record = move |connection: &mut Connection, place: Place| {
                    let trust = asked.trust_root();
                    check_signers(&trust.root, &name, &signers, place.index)?;
                    draft.record(connection, place)
                };
                match hub.log.append(entry, record).await {
                    Ok((recorded, place)) => (place.index, recorded.is_some()),
                    // The name changed in the meantime: look again.
                    Err(YankError::Database(DatabaseError::Changed)) => continue,
                    Err(other) => return Err(other),
                }
            }
        };
        // 5. The reply leaves with the proof that the log shows it to everybody.
        let proof = hub.log.covered(index).await?;
        return Ok(Recorded {
            answer: YankRecorded {
                action: checked.action,
                statement: checked.statement,
                log_index: index,
                proof: proof.to_string(),
            },
            is_new,
        });
    }
    Err(DatabaseError::Changed.into())
}

/// A yank whose signatures and number are good.
struct Checked {
    action: YankAction,
    statement: Digest,
    signers: Vec<Signer>,
    state: State,
}

enum State {
    /// It was recorded before.
    Known { index: u64 },
    /// It can be recorded, unless the name changes in the meantime.
    New(Box<YankDraft>),
}

fn check(hub: &Hub, request: &YankRequest) -> Result<Checked, YankError> {
    // 1. Who asks owns the name.
    check_owner(hub, &request.name, &request.member)?;
    // 2. The release is there, and enough owners signed a statement about exactly it.
    let (known, row) = load(hub, request)?;
    let trust = hub.trust_root();
    let release = stored_release(&trust.root, &request.name, &row)
        .map_err(|error| YankError::Publish(Box::new(error)))?;
    // The count first: if the same comes between the two reads, it is found.
    let (count, earlier) = hub.database.with(|connection| {
        let count = yanks::count(connection, &row.statement)?;
        let earlier = Place::of_entry(connection, &leaf_hash(&request.envelope))?;
        Ok::<_, DatabaseError>((count, earlier))
    })?;
    let verified = match earlier {
        // What is recorded is, also when its key has been taken back since.
        Some(place) => verify_recorded_yank(&trust.root, &release, &request.envelope, place.index)?,
        None => {
            let next = hub.log.head().checkpoint.size;
            verify_yank(&trust.root, &release, &request.envelope, next)?
        }
    };
    let statement = verified.statement();
    let checked = |state| {
        let envelope = Envelope::parse(&request.envelope).map_err(VerifyError::from)?;
        Ok(Checked {
            action: statement.action,
            statement: envelope.payload_digest(),
            signers: verified.signers().to_vec(),
            state,
        })
    };
    // 3. The same again is fine; else its number comes next, so that no old one is played again.
    if let Some(Place { index, .. }) = earlier {
        return checked(State::Known { index });
    }
    let expected = count + 1;
    if statement.sequence != expected {
        return Err(YankError::Sequence {
            expected,
            found: statement.sequence,
        });
    }
    let draft = YankDraft::new(&known, row, statement, request)?;
    checked(State::New(Box::new(draft)))
}

fn load(hub: &Hub, request: &YankRequest) -> Result<(Known, ReleaseRow), YankError> {
    hub.database.with(|connection| {
        let known = Known::load(connection, &request.name)?;
        if let Some(row) = known.find(&request.version) {
            let row = row.clone();
            return Ok((known, row));
        }
        // There is none; this says so.
        let exact = Requirement::Exact(request.version.clone());
        let covered = hub.log.head().checkpoint.size;
        let row = resolve(connection, &request.name, &exact, covered)?;
        Ok((known, row))
    })
}

/// A checked yank or unyank with everything that will be written for it.
pub(crate) struct YankDraft {
    name: Name,
    revision: i64,
    yank: YankRow,
    /// The release as it will be.
    release: ReleaseRow,
    listed: Option<String>,
}

impl YankDraft {
    /// What a request says about a release of a name of which `known` is known.
    pub(crate) fn new(
        known: &Known,
        mut release: ReleaseRow,
        statement: &YankStatement,
        request: &YankRequest,
    ) -> Result<Self, DatabaseError> {
        release.is_yanked = statement.action == YankAction::Yank;
        release.yank_reason = release.is_yanked.then(|| statement.reason.clone());
        release.yank_replacement = match &statement.replacement {
            Some(replacement) if release.is_yanked => Some(replacement.to_string()),
            _ => None,
        };
        Ok(Self {
            name: request.name.clone(),
            revision: known.revision(),
            yank: YankRow {
                release_statement: release.statement.clone(),
                sequence: to_column(statement.sequence)?,
                envelope: request.envelope.clone(),
                recorded_at: 0,
                recorded_by: request.member.to_string(),
                log_index: None,
            },
            listed: known.listed_with(&release, &request.version),
            release,
        })
    }

    /// Writes the rows of the entry at a place.
    ///
    /// # Errors
    /// [`DatabaseError::Changed`] when the name is not as it was known any more.
    pub(crate) fn record(
        mut self,
        connection: &mut Connection,
        place: Place,
    ) -> Result<(), YankError> {
        self.yank.recorded_at = place.logged_at;
        self.yank.log_index = Some(place.column()?);
        let reason = self.release.yank_reason.as_deref().unwrap_or_default();
        let yanked =
            (self.release.is_yanked).then_some((reason, self.release.yank_replacement.as_deref()));
        releases::advance(connection, &self.name, self.revision)?;
        yanks::insert(connection, &self.yank)?;
        releases::set_yanked(connection, &self.release.statement, yanked)?;
        if let Some(listed) = &self.listed {
            releases::set_listed(connection, &self.name, listed)?;
        }
        Ok(())
    }
}

/// Why a yank is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum YankError {
    /// Not by this member.
    #[error(transparent)]
    Owner(#[from] OwnerError),
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
    /// No such release.
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
