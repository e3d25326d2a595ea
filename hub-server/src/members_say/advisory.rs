//! A member's warning about the releases of a name, and its end.

use std::sync::Arc;

use registry_schema::api::StatementRecorded;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::statement::AdvisoryAction;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{VerifyError, verify_advisory, verify_recorded_advisory};

use super::{Draft, Said, SayError, Standing, check_number, check_room, check_speaker, say};
use crate::app::Hub;
use crate::database::advisories::{self, AdvisoryRow};
use crate::database::{Connection, DatabaseError, from_column, to_column};
use crate::log::Place;
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
    let (envelope, member) = (request.envelope.clone(), request.member.clone());
    let draft = move |connection: &mut Connection, standing: Standing<'_>| {
        draft(connection, standing, &request)
    };
    say(hub, &envelope, &member, draft).await
}

/// A statement of an advisory about to be recorded.
pub(super) struct AdvisoryDraft {
    row: AdvisoryRow,
    name: Name,
    by: MemberName,
    number: u64,
    sequence: u64,
    action: AdvisoryAction,
}

/// The statement with its row, when the entries that are covered have the release it was
/// seen on, with that content.
pub(super) fn draft(
    connection: &mut Connection,
    standing: Standing<'_>,
    request: &AdvisoryRequest,
) -> Result<Said<AdvisoryDraft>, SayError> {
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
    let row = AdvisoryDraft {
        row,
        name: request.name.clone(),
        by: said.by.clone(),
        number: said.number,
        sequence: said.sequence,
        action: said.action,
    };
    Ok(Said {
        statement: verified.statement_digest(),
        signer: verified.signer().clone(),
        row,
    })
}

impl AdvisoryDraft {
    /// What this member said about the name before.
    fn earlier_of_member(
        &self,
        connection: &mut Connection,
    ) -> Result<Vec<AdvisoryRow>, DatabaseError> {
        let mut earlier = advisories::list(connection, &self.name)?;
        earlier.retain(|one| one.member == self.row.member);
        Ok(earlier)
    }
}

impl Draft for AdvisoryDraft {
    /// There is room for it, and what does not stand is not closed: or a member could go on closing for ever, past the limit
    /// of what it may say. What a stolen key has said leaves it as it was.
    fn check(
        &self,
        connection: &mut Connection,
        trust_root: &ConsortiumRoot,
    ) -> Result<(), SayError> {
        let all = advisories::list(connection, &self.name)?;
        let listed = all.iter().map(|row| (&*row.member, &*row.envelope));
        let is_closing = self.action == AdvisoryAction::Close;
        check_room(listed, &self.row.member, &self.row.envelope, is_closing)?;
        if !is_closing {
            return Ok(());
        }
        let mut last = None;
        for row in self.earlier_of_member(connection)? {
            let index = from_column(row.log_index)?;
            let earlier = verify_recorded_advisory(trust_root, &self.name, &row.envelope, index)?;
            if earlier.counts() && earlier.statement().number == self.number {
                last = Some(earlier.statement().action);
            }
        }
        if last == Some(AdvisoryAction::Open) {
            return Ok(());
        }
        Err(SayError::NotOpen {
            member: self.by.clone(),
            number: self.number,
        })
    }

    fn record(mut self, connection: &mut Connection, place: Place) -> Result<(), SayError> {
        let earlier = self.earlier_of_member(connection)?;
        check_place(&earlier, self.number, self.sequence)?;
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
