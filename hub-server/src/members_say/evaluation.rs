//! A member's figures of a release.

use jiff::Timestamp;
use registry_schema::api::StatementRecorded;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::verify::verify_evaluation;
use semver::Version;

use super::{SayError, check_number, check_room, check_speaker, recorded};
use crate::app::Hub;
use crate::database::evaluations::{self, EvaluationRow};
use crate::database::to_column;
use crate::publish::{Recorded, stored_release};
use crate::resolve::resolve;

/// Somebody wants these figures to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct EvaluationRequest {
    pub(crate) name: Name,
    pub(crate) version: Version,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records an evaluation. Waits for the database; call it on a thread that may.
///
/// # Errors
/// [`SayError`] names the step that refused; nothing is recorded then.
pub(crate) fn record_evaluation(
    hub: &Hub,
    request: &EvaluationRequest,
) -> Result<Recorded<StatementRecorded>, SayError> {
    // 1. The release is there, and the member whose token this is signed figures of exactly it.
    let row = hub.database.with(|connection| {
        let exact = Requirement::Exact(request.version.clone());
        resolve(connection, &request.name, &exact)
    })?;
    let release = stored_release(hub, &request.name, &row)
        .map_err(|error| SayError::Publish(Box::new(error)))?;
    let verified = verify_evaluation(&hub.policy, &release, &request.envelope)?;
    let said = verified.statement();
    check_speaker(&request.member, &said.by)?;
    let new = EvaluationRow {
        release_statement: row.statement,
        member: said.by.to_string(),
        sequence: to_column(said.sequence)?,
        statement: verified.statement_digest().to_string(),
        envelope: request.envelope.clone(),
        recorded_at: Timestamp::now().as_second(),
        recorded_by: request.member.to_string(),
    };
    // 2. The same again is fine; else its number comes next. Recorded at once or not at all.
    let (recorded_at, is_new) = hub.database.transaction(|connection| {
        let mut earlier = evaluations::list(connection, &new.release_statement)?;
        earlier.retain(|one| one.member == new.member);
        if let Some(same) = earlier.iter().find(|one| one.envelope == new.envelope) {
            return Ok((same.recorded_at, false));
        }
        check_number(earlier.len() as u64 + 1, said.sequence)?;
        check_room(earlier.iter().map(|one| &one.envelope), &new.envelope)?;
        evaluations::insert(connection, &new)?;
        Ok::<_, SayError>((new.recorded_at, true))
    })?;
    Ok(recorded(verified.statement_digest(), recorded_at, is_new)?)
}
