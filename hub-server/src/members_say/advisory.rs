//! A member's warning about the releases of a name, and its end.

use jiff::Timestamp;
use registry_schema::api::StatementRecorded;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::statement::AdvisoryAction;
use registry_schema::verify::{VerifyError, verify_advisory};

use super::{SayError, check_number, check_room, check_speaker, recorded};
use crate::app::Hub;
use crate::database::advisories::{self, AdvisoryRow};
use crate::database::to_column;
use crate::publish::{Recorded, stored_release};
use crate::resolve::resolve;

/// Somebody wants this warning to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct AdvisoryRequest {
    pub(crate) name: Name,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records a statement of an advisory. Waits for the database; call it on a thread that may.
///
/// # Errors
/// [`SayError`] names the step that refused; nothing is recorded then.
pub(crate) fn record_advisory(
    hub: &Hub,
    request: &AdvisoryRequest,
) -> Result<Recorded<StatementRecorded>, SayError> {
    // 1. The member whose token this is warns about this name.
    let verified = verify_advisory(&hub.policy, &request.name, &request.envelope)?;
    let said = verified.statement();
    check_speaker(&request.member, &said.by)?;
    // 2. The release it was seen on is there, with that content.
    let row = hub.database.with(|connection| {
        let exact = Requirement::Exact(said.version.clone());
        resolve(connection, &request.name, &exact)
    })?;
    let release = stored_release(hub, &request.name, &row)
        .map_err(|error| SayError::Publish(Box::new(error)))?;
    if release.content_digest() != said.content {
        return Err(SayError::Verify(VerifyError::NotAsked {
            asked: format!("{} ({})", release.reference(), release.content_digest()),
            found: release.reference(),
        }));
    }
    let new = AdvisoryRow {
        name: request.name.to_string(),
        member: said.by.to_string(),
        number: to_column(said.number)?,
        sequence: to_column(said.sequence)?,
        statement: verified.statement_digest().to_string(),
        envelope: request.envelope.clone(),
        recorded_at: Timestamp::now().as_second(),
        recorded_by: request.member.to_string(),
    };
    // 3. The same again is fine; else its numbers come next. Recorded at once or not at all.
    let (recorded_at, is_new) = hub.database.transaction(|connection| {
        let mut earlier = advisories::list(connection, &request.name)?;
        earlier.retain(|one| one.member == new.member);
        if let Some(same) = earlier.iter().find(|one| one.envelope == new.envelope) {
            return Ok((same.recorded_at, false));
        }
        check_place(&earlier, said.number, said.sequence)?;
        // Who has said too much can still take it back.
        if said.action == AdvisoryAction::Open {
            check_room(earlier.iter().map(|one| &one.envelope), &new.envelope)?;
        }
        advisories::insert(connection, &new)?;
        Ok::<_, SayError>((new.recorded_at, true))
    })?;
    Ok(recorded(verified.statement_digest(), recorded_at, is_new)?)
}

/// A new advisory has the member's next number; a statement about one that is there comes after
/// the last.
fn check_place(earlier: &[AdvisoryRow], number: u64, sequence: u64) -> Result<(), SayError> {
    let (wanted_number, of_number) = (to_column(number)?, |row: &&AdvisoryRow| {
        u64::try_from(row.number) == Ok(number)
    });
    let advisories = earlier.iter().map(|row| row.number).max().unwrap_or(0);
    if wanted_number > advisories {
        check_number(advisories.unsigned_abs() + 1, number)?;
    }
    check_number(
        earlier.iter().filter(of_number).count() as u64 + 1,
        sequence,
    )
}
