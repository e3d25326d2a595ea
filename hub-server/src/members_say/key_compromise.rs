//! A member takes one of its keys back.

use std::sync::Arc;

use registry_schema::api::StatementRecorded;
use registry_schema::digest::Digest;
use registry_schema::name::MemberName;
use registry_schema::verify::verify_key_compromise;

use super::{Checked, Draft, SayError, Standing, State, check_room, check_speaker, place, say};
use crate::app::Hub;
use crate::database::Connection;
use crate::database::key_compromises::{self, KeyCompromiseRow};
use crate::log::{NewEntry, Place};
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
    let entry = NewEntry::new(request.envelope.clone(), request.member.to_string());
    say(hub, entry, move |hub| check(hub, &request)).await
}

fn check(hub: &Hub, request: &KeyCompromiseRequest) -> Result<Checked<KeyCompromiseRow>, SayError> {
    let trust = hub.trust_root();
    // 1. The member whose token this is says so of a key of its own.
    let (statement, new) = draft(Standing::of_new(hub, &trust.root), request)?;
    // 2. Said again, also with another key, it is the same.
    let earlier = hub
        .database
        .with(|connection| key_compromises::of_member(connection, &new.member))?;
    let same = earlier.iter().find(|one| one.statement == new.statement);
    let state = match same {
        Some(same) => State::Known(place(same.log_index, same.recorded_at)?),
        None => State::New(new),
    };
    Ok(Checked { statement, state })
}

/// The statement's digest and its row.
pub(super) fn draft(
    standing: Standing<'_>,
    request: &KeyCompromiseRequest,
) -> Result<(Digest, KeyCompromiseRow), SayError> {
    let verified = verify_key_compromise(standing.keys, &request.envelope, standing.index)?;
    let said = verified.statement();
    check_speaker(&request.member, &said.member)?;
    let new = KeyCompromiseRow {
        statement: verified.statement_digest().to_string(),
        member: said.member.to_string(),
        key_id: said.key_id.to_string(),
        envelope: request.envelope.clone(),
        recorded_at: 0,
        recorded_by: request.member.to_string(),
        log_index: 0,
    };
    Ok((verified.statement_digest(), new))
}

impl Draft for KeyCompromiseRow {
    fn record(mut self, connection: &mut Connection, place: Place) -> Result<(), SayError> {
        let earlier = key_compromises::of_member(connection, &self.member)?;
        check_room(earlier.iter().map(|one| &one.envelope), &self.envelope)?;
        self.recorded_at = place.logged_at;
        self.log_index = place.column()?;
        Ok(key_compromises::insert(connection, &self)?)
    }
}
