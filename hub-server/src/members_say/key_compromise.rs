//! A member takes one of its keys back.

use std::sync::Arc;

use registry_schema::api::StatementRecorded;
use registry_schema::name::MemberName;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::verify_key_compromise;

use super::{Draft, Said, SayError, Standing, check_room, check_speaker, say};
use crate::app::Hub;
use crate::database::key_compromises::{self, KeyCompromiseRow};
use crate::database::{Connection, from_column};
use crate::log::Place;
use crate::publish::Recorded;

/// Somebody wants this to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct KeyCompromiseRequest {
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records a key compromise.
///
/// # Errors
/// [`SayError`] names the step that refused; nothing is recorded then, except that
/// [`crate::log::LogError::Unwitnessed`] says that it is recorded and witnesses are missing.
pub(crate) async fn record_key_compromise(
    hub: Arc<Hub>,
    request: KeyCompromiseRequest,
) -> Result<Recorded<StatementRecorded>, SayError> {
    let (envelope, member) = (request.envelope.clone(), request.member.clone());
    say(hub, &envelope, &member, move |_, standing| {
        draft(standing, &request)
    })
    .await
}

/// The statement with its row.
pub(super) fn draft(
    standing: Standing<'_>,
    request: &KeyCompromiseRequest,
) -> Result<Said<KeyCompromiseRow>, SayError> {
    let verified = verify_key_compromise(standing.keys, &request.envelope, standing.index)?;
    let said = verified.statement();
    check_speaker(&request.member, &said.member)?;
    let row = KeyCompromiseRow {
        statement: verified.statement_digest().to_string(),
        member: said.member.to_string(),
        key_id: said.key_id.to_string(),
        envelope: request.envelope.clone(),
        recorded_at: 0,
        recorded_by: request.member.to_string(),
        log_index: 0,
    };
    Ok(Said {
        statement: verified.statement_digest(),
        signer: verified.signer().clone(),
        row,
    })
}

impl Draft for KeyCompromiseRow {
    /// Said again, also with another key, it is the same.
    fn earlier(&self, connection: &mut Connection) -> Result<Option<Place>, SayError> {
        let earlier = key_compromises::of_member(connection, &self.member)?;
        let same = earlier
            .into_iter()
            .find(|one| one.statement == self.statement);
        let place = |one: KeyCompromiseRow| {
            Ok(Place {
                index: from_column(one.log_index)?,
                logged_at: one.recorded_at,
            })
        };
        same.map(place).transpose()
    }

    /// There is room for it.
    fn check(&self, connection: &mut Connection, _: &ConsortiumRoot) -> Result<(), SayError> {
        let all = key_compromises::list(connection)?;
        let listed = all.iter().map(|row| (&*row.member, &*row.envelope));
        check_room(listed, &self.member, &self.envelope, false)
    }

    fn record(mut self, connection: &mut Connection, place: Place) -> Result<(), SayError> {
        self.recorded_at = place.logged_at;
        self.log_index = place.column()?;
        Ok(key_compromises::insert(connection, &self)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::database::{DatabaseError, temporary};

    #[test]
    fn what_another_one_recorded_at_the_same_time_is_no_fault() {
        let row = KeyCompromiseRow {
            statement: "sha256:1".to_owned(),
            member: "alpha".to_owned(),
            key_id: "1".to_owned(),
            envelope: Vec::new(),
            recorded_at: 0,
            recorded_by: "alpha".to_owned(),
            log_index: 0,
        };
        let connection = &mut temporary().unwrap();
        let place = |index| Place {
            index,
            logged_at: 1,
        };
        row.clone().record(connection, place(0)).unwrap();
        let again = row.record(connection, place(1));
        assert!(matches!(
            again,
            Err(SayError::Database(DatabaseError::Changed))
        ));
    }
}
