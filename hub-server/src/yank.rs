//! Withdrawing a release from resolution, and restoring it, by signed statements.

use jiff::Timestamp;
use registry_schema::api::YankRecorded;
use registry_schema::envelope::Envelope;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::statement::{YankAction, YankStatement};
use registry_schema::verify::{VerifyError, verify_yank};
use semver::Version;

use crate::app::Hub;
use crate::database::releases::{self, ReleaseRow};
use crate::database::yanks::{self, YankRow};
use crate::database::{DatabaseError, to_column};
use crate::publish::{OwnerError, PublishError, Recorded, check_owner, relist, stored_release};
use crate::resolve::{ResolveError, resolve};

/// Somebody wants this statement about a release to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct YankRequest {
    pub(crate) name: Name,
    pub(crate) version: Version,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records a yank or unyank. Waits for the database; call it on a thread that may.
///
/// # Errors
/// [`YankError`] names the step that refused; nothing is recorded then.
pub(crate) fn yank(hub: &Hub, request: &YankRequest) -> Result<Recorded<YankRecorded>, YankError> {
    // 1. Who asks owns the name.
    check_owner(hub, &request.name, &request.member)?;
    // 2. The release is there, and enough owners signed a statement about exactly it.
    let (revision, row, earlier) = load(hub, request)?;
    let release = stored_release(hub, &request.name, &row)
        .map_err(|error| YankError::Publish(Box::new(error)))?;
    let verified = verify_yank(&hub.policy, &release, &request.envelope)?;
    let statement = verified.statement();
    let answer = YankRecorded {
        action: statement.action,
        statement: Envelope::parse(&request.envelope)
            .map_err(VerifyError::from)?
            .payload_digest(),
    };
    // 3. The same again is fine; else its number comes next, so that no old one is played again.
    if earlier.iter().any(|one| one.envelope == request.envelope) {
        return Ok(Recorded {
            answer,
            is_new: false,
        });
    }
    let expected = earlier.len() as u64 + 1;
    if statement.sequence != expected {
        return Err(YankError::Sequence {
            expected,
            found: statement.sequence,
        });
    }
    // 4. Recorded at once or not at all.
    record(hub, request, revision, &row, statement)?;
    Ok(Recorded {
        answer,
        is_new: true,
    })
}

fn load(hub: &Hub, request: &YankRequest) -> Result<(i64, ReleaseRow, Vec<YankRow>), YankError> {
    hub.database.with(|connection| {
        let revision = releases::revision(connection, &request.name)?;
        let exact = Requirement::Exact(request.version.clone());
        let row = resolve(connection, &request.name, &exact)?;
        let earlier = yanks::list(connection, &row.statement)?;
        Ok((revision, row, earlier))
    })
}

fn record(
    hub: &Hub,
    request: &YankRequest,
    revision: i64,
    row: &ReleaseRow,
    statement: &YankStatement,
) -> Result<(), YankError> {
    let yank = YankRow {
        release_statement: row.statement.clone(),
        sequence: to_column(statement.sequence)?,
        envelope: request.envelope.clone(),
        recorded_at: Timestamp::now().as_second(),
        recorded_by: request.member.to_string(),
    };
    let replacement = statement.replacement.as_ref().map(ToString::to_string);
    let yanked = match statement.action {
        YankAction::Yank => Some((statement.reason.as_str(), replacement.as_deref())),
        YankAction::Unyank => None,
    };
    hub.database.transaction(|connection| {
        releases::advance(connection, &request.name, revision)?;
        yanks::insert(connection, &yank)?;
        releases::set_yanked(connection, &row.statement, yanked)?;
        Ok(relist(connection, &request.name)?)
    })
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
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
