//! A member's warning about the releases of a name, and its end.

use std::sync::Arc;

use registry_schema::api::StatementRecorded;
use registry_schema::digest::Digest;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::statement::AdvisoryAction;
use registry_schema::verify::{VerifyError, verify_advisory};

use super::{
    Checked, Draft, SayError, Standing, State, check_number, check_room, check_speaker, place, say,
};
use crate::app::Hub;
use crate::database::advisories::{self, AdvisoryRow};
use crate::database::{Connection, from_column, to_column};
use crate::log::{NewEntry, Place};
use crate::publish::{Recorded, stored_release};
use crate::resolve::resolve;

/// Somebody wants this warning to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct AdvisoryRequest {
    pub(crate) name: Name,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: MemberName,
}

/// Records a statement of an advisory.
///
/// # Errors
/// [`SayError`] names the step that refused; nothing is recorded then, except that
/// [`crate::log::LogError::Unwitnessed`] says that it is recorded and witnesses are missing.
pub(crate) async fn record_advisory(
    hub: Arc<Hub>,
    request: AdvisoryRequest,
) -> Result<Recorded<StatementRecorded>, SayError> {
    let entry = NewEntry::new(request.envelope.clone(), request.member.to_string());
    say(hub, entry, move |hub| check(hub, &request)).await
}

/// A statement of an advisory about to be recorded.
pub(super) struct AdvisoryDraft {
    row: AdvisoryRow,
    name: Name,
    action: AdvisoryAction,
}

fn check(hub: &Hub, request: &AdvisoryRequest) -> Result<Checked<AdvisoryDraft>, SayError> {
    let trust = hub.trust_root();
    let standing = Standing::of_new(hub, &trust.root);
    hub.database.with(|connection| {
        // 1. The member whose token this is warns about a release that is there.
        let (statement, new) = draft(connection, standing, request)?;
        // 2. The same again is fine.
        let earlier = advisories::list(connection, &request.name)?;
        let same = earlier.iter().find(|one| one.envelope == new.row.envelope);
        let state = match same {
            Some(same) => State::Known(place(same.log_index, same.recorded_at)?),
            None => State::New(new),
        };
        Ok(Checked { statement, state })
    })
}

/// The statement's digest and its row, when the entries that are covered have the release it was
/// seen on, with that content.
pub(super) fn draft(
    connection: &mut Connection,
    standing: Standing<'_>,
    request: &AdvisoryRequest,
) -> Result<(Digest, AdvisoryDraft), SayError> {
    let verified = verify_advisory(
        standing.keys,
        &request.name,
        &request.envelope,
        standing.index,
    )?;
    let said = verified.statement();
    check_speaker(&request.member, &said.by)?;
    let exact = Requirement::Exact(said.version.clone());
    let row = resolve(connection, &request.name, &exact, standing.covered)?;
    let release = stored_release(standing.root, &request.name, &row)
        .map_err(|error| SayError::Publish(Box::new(error)))?;
    if release.content_digest() != said.content {
        return Err(SayError::Verify(VerifyError::NotAsked {
            asked: format!("{} ({})", release.reference(), release.content_digest()),
            found: release.reference(),
        }));
    }
    let row = AdvisoryRow {
        name: request.name.to_string(),
        member: said.by.to_string(),
        number: to_column(said.number)?,
        sequence: to_column(said.sequence)?,
        statement: verified.statement_digest().to_string(),
        envelope: request.envelope.clone(),
        recorded_at: 0,
        recorded_by: request.member.to_string(),
        log_index: 0,
    };
    let new = AdvisoryDraft {
        row,
        name: request.name.clone(),
        action: said.action,
    };
    Ok((verified.statement_digest(), new))
}

impl Draft for AdvisoryDraft {
    fn record(mut self, connection: &mut Connection, place: Place) -> Result<(), SayError> {
        let mut earlier = advisories::list(connection, &self.name)?;
        earlier.retain(|one| one.member == self.row.member);
        let (number, sequence) = (
            from_column(self.row.number)?,
            from_column(self.row.sequence)?,
        );
        check_place(&earlier, number, sequence)?;
        // Who has said too much can still take it back.
        if self.action == AdvisoryAction::Open {
            check_room(earlier.iter().map(|one| &one.envelope), &self.row.envelope)?;
        }
        self.row.recorded_at = place.logged_at;
        self.row.log_index = place.column()?;
        Ok(advisories::insert(connection, &self.row)?)
    }
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
