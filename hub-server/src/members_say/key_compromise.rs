//! A member takes one of its keys back.

use jiff::Timestamp;
use registry_schema::api::StatementRecorded;
use registry_schema::name::MemberName;
use registry_schema::verify::verify_key_compromise;

use super::{SayError, check_room, check_speaker, recorded};
use crate::app::Hub;
use crate::database::key_compromises::{self, KeyCompromiseRow};
use crate::publish::Recorded;

/// Somebody wants this to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct KeyCompromiseRequest {
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records a key compromise. Waits for the database; call it on a thread that may.
///
/// # Errors
/// [`SayError`] names the step that refused; nothing is recorded then.
pub(crate) fn record_key_compromise(
    hub: &Hub,
    request: &KeyCompromiseRequest,
) -> Result<Recorded<StatementRecorded>, SayError> {
    // 1. The member whose token this is says so of a key of its own.
    let verified = verify_key_compromise(&hub.policy, &request.envelope)?;
    let said = verified.statement();
    check_speaker(&request.member, &said.member)?;
    let new = KeyCompromiseRow {
        statement: verified.statement_digest().to_string(),
        member: said.member.to_string(),
        key_id: said.key_id.to_string(),
        envelope: request.envelope.clone(),
        recorded_at: Timestamp::now().as_second(),
        recorded_by: request.member.to_string(),
    };
    // 2. Said again, also with another key, it is the same.
    let (recorded_at, is_new) = hub.database.transaction(|connection| {
        let earlier = key_compromises::of_member(connection, &new.member)?;
        if let Some(same) = earlier.iter().find(|one| one.statement == new.statement) {
            return Ok((same.recorded_at, false));
        }
        check_room(earlier.iter().map(|one| &one.envelope), &new.envelope)?;
        key_compromises::insert(connection, &new)?;
        Ok::<_, SayError>((new.recorded_at, true))
    })?;
    Ok(recorded(verified.statement_digest(), recorded_at, is_new)?)
}
