//! A member's figures of a release.

use std::sync::Arc;

use registry_schema::api::StatementRecorded;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::verify_evaluation;
use semver::Version;

use super::{Draft, Said, SayError, Standing, check_number, check_room, check_speaker, say};
use crate::app::Hub;
use crate::database::evaluations::{self, EvaluationRow};
use crate::database::{Connection, from_column, to_column};
use crate::log::Place;
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

/// Records an evaluation.
///
/// # Errors
/// [`SayError`] names the step that refused; nothing is recorded then, except that
/// [`crate::log::LogError::Unwitnessed`] says that it is recorded and witnesses are missing.
pub(crate) async fn record_evaluation(
    hub: Arc<Hub>,
    request: EvaluationRequest,
) -> Result<Recorded<StatementRecorded>, SayError> {
    let (envelope, member) = (request.envelope.clone(), request.member.clone());
    let draft = move |connection: &mut Connection, standing: Standing<'_>| {
        draft(connection, standing, &request)
    };
    say(hub, &envelope, &member, draft).await
}

/// The statement with its row, when the entries that are covered have its release.
pub(super) fn draft(
    connection: &mut Connection,
    standing: Standing<'_>,
    request: &EvaluationRequest,
) -> Result<Said<EvaluationRow>, SayError> {
    let exact = Requirement::Exact(request.version.clone());
    let row = resolve(connection, &request.name, &exact, standing.covered)?;
    let release = stored_release(standing.root, &request.name, &row)
        .map_err(|error| SayError::Publish(Box::new(error)))?;
    let verified = verify_evaluation(standing.keys, &release, &request.envelope, standing.index)?;
    let said = verified.statement();
    check_speaker(&request.member, &said.by)?;
    let row = EvaluationRow {
        release_statement: row.statement,
        member: said.by.to_string(),
        sequence: to_column(said.sequence)?,
        statement: verified.statement_digest().to_string(),
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

impl Draft for EvaluationRow {
    /// There is room for it.
    fn check(&self, connection: &mut Connection, _: &ConsortiumRoot) -> Result<(), SayError> {
        let all = evaluations::list(connection, &self.release_statement)?;
        let listed = all.iter().map(|row| (&*row.member, &*row.envelope));
        check_room(listed, &self.member, &self.envelope, false)
    }

    fn record(mut self, connection: &mut Connection, place: Place) -> Result<(), SayError> {
        let mut earlier = evaluations::list(connection, &self.release_statement)?;
        earlier.retain(|one| one.member == self.member);
        check_number(earlier.len() as u64 + 1, from_column(self.sequence)?)?;
        self.recorded_at = place.logged_at;
        self.log_index = place.column()?;
        Ok(evaluations::insert(connection, &self)?)
    }
}
