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
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{
    VerifiedRelease, VerifiedYank, VerifyError, check_signers, current_yank, verify_recorded_yank,
    verify_yank,
};
use semver::Version;

use crate::app::Hub;
use crate::cause::chain;
use crate::database::releases::{self, ReleaseRow};
use crate::database::yanks::{self, YankRow};
use crate::database::{Connection, DatabaseError, to_column, to_name};
use crate::log::{LogError, NewEntry, Place};
use crate::publish::{
    ATTEMPTS, Known, OwnerError, PublishError, Recorded, check_owner, stored_release,
};
use crate::resolve::{ResolveError, resolve};
use crate::trust;

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
        let trust = hub.trust_root();
        let checking = {
            let (hub, request) = (Arc::clone(&hub), Arc::clone(&request));
            let trust = Arc::clone(&trust);
            tokio::task::spawn_blocking(move || check(&hub, &trust, &request))
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
                    asked.check_same_trust(connection, &trust)?;
                    check_signers(&trust.root, &name, &signers, place.index)?;
                    draft.record(connection, place)
                };
                match hub.log.append(entry, record).await {
                    Ok((recorded, place)) => (place.index, recorded.is_some()),
                    // The name or the trust root changed in the meantime: look again.
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

fn check(hub: &Hub, trust: &trust::State, request: &YankRequest) -> Result<Checked, YankError> {
    // 1. Who asks owns the name.
    check_owner(hub, &request.name, &request.member)?;
    // 2. The release is there, and enough owners signed a statement about exactly it.
    let (known, row) = load(hub, request)?;
    let release = stored_release(&trust.root, &request.name, &row)
        .map_err(|error| YankError::Publish(Box::new(error)))?;
    // The others first: if the same comes between the two reads, it is found.
    let (others, earlier) = hub.database.with(|connection| {
        let others = yanks::list(connection, &row.statement)?;
        let earlier = Place::of_entry(connection, &leaf_hash(&request.envelope))?;
        Ok::<_, DatabaseError>((others, earlier))
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
    let expected = others.len() as u64 + 1;
    if statement.sequence != expected {
        return Err(YankError::Sequence {
            expected,
            found: statement.sequence,
        });
    }
    let yanked = standing(&trust.root, &release, &others, Some(verified.clone()))?;
    let draft = YankDraft::new(&known, row, yanked.as_ref(), statement, request)?;
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
    /// What a request says about a release of a name of which `known` is known, and what all that
    /// is said of the release comes to with it, by [`standing`].
    pub(crate) fn new(
        known: &Known,
        mut release: ReleaseRow,
        yanked: Option<&YankStatement>,
        statement: &YankStatement,
        request: &YankRequest,
    ) -> Result<Self, DatabaseError> {
        set_yanked(&mut release, yanked);
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
        releases::advance(connection, &self.name, self.revision)?;
        yanks::insert(connection, &self.yank)?;
        releases::set_yanked(connection, &self.release)?;
        if let Some(listed) = &self.listed {
            releases::set_listed(connection, &self.name, listed)?;
        }
        Ok(())
    }
}

/// What the yanks and unyanks of a release come to: the last one that counts, if it is a yank. What
/// a stolen key has said does not count, as for clients; what was said with a keyring that has
/// lapsed does, so that rows do not change as time passes.
pub(crate) fn standing(
    trust_root: &ConsortiumRoot,
    release: &VerifiedRelease,
    recorded: &[YankRow],
    last: Option<VerifiedYank>,
) -> Result<Option<YankStatement>, YankError> {
    let keys = trust_root.including_lapsed_keyrings();
    let mut yanks = Vec::new();
    for row in recorded {
        let index = row.index()?;
        yanks.push(verify_recorded_yank(&keys, release, &row.envelope, index)?);
    }
    yanks.extend(last);
    Ok(current_yank(&yanks)?.cloned())
}

fn set_yanked(row: &mut ReleaseRow, yanked: Option<&YankStatement>) {
    let replacement = yanked.and_then(|yank| yank.replacement.as_ref());
    row.is_yanked = yanked.is_some();
    row.yank_reason = yanked.map(|yank| yank.reason.clone());
    row.yank_replacement = replacement.map(ToString::to_string);
}

/// Records anew which releases are yanked, under a trust root by which other keys count than before.
/// To be called in a transaction in which nothing is logged.
///
/// # Errors
/// [`YankError`] when what is recorded cannot be read.
pub(crate) fn recount(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
) -> Result<(), YankError> {
    for statement in yanks::releases(connection)? {
        let row = releases::find(connection, &statement)?.ok_or(DatabaseError::Corrupt {
            what: "a yank of no release",
        })?;
        let name = to_name(&row.name)?;
        let release = match stored_release(trust_root, &name, &row) {
            Ok(release) => release,
            // It was broken before, and must not keep members from changing the root.
            Err(error) => {
                tracing::error!(%statement, error = chain(&error), "cannot count its yanks");
                continue;
            }
        };
        let recorded = yanks::list(connection, &statement)?;
        let yanked = standing(trust_root, &release, &recorded, None)?;
        let mut changed = row.clone();
        set_yanked(&mut changed, yanked.as_ref());
        if changed == row {
            continue;
        }
        releases::set_yanked(connection, &changed)?;
        let known = Known::load(connection, &name)?;
        if let Some(listed) = known.listed_with(&changed, &changed.version()?) {
            releases::set_listed(connection, &name, &listed)?;
        }
    }
    Ok(())
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
