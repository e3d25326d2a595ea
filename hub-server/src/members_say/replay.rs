//! The rows of what members said, made anew from the entries of the log.

use registry_schema::name::{MemberName, Name};
use registry_schema::statement::Statement;
use registry_schema::trust_root::ConsortiumRoot;

use super::{
    AdvisoryRequest, Draft, EvaluationRequest, KeyCompromiseRequest, SayError, Standing, advisory,
    evaluation, key_compromise,
};
use crate::database::{Connection, DatabaseError, advisories, evaluations, key_compromises};
use crate::log::Place;

/// Writes the row of an entry; a statement of owners has none here.
pub(crate) fn replay(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    statement: &Statement,
    envelope: &[u8],
    member: &MemberName,
    place: Place,
) -> Result<(), SayError> {
    // The key of an entry may have been taken back since.
    let retired = trust_root.including_retired_keys();
    let standing = Standing::of_recorded(trust_root, &retired, place);
    let (envelope, member) = (envelope.to_vec(), member.clone());
    match statement {
        Statement::Release(_) | Statement::Yank(_) => Ok(()),
        Statement::Evaluation(said) => {
            let request = EvaluationRequest {
                name: said.name.clone(),
                version: said.version.clone(),
                envelope,
                member,
            };
            let said = evaluation::draft(connection, standing, &request)?;
            said.row.record(connection, place)
        }
        Statement::Advisory(said) => {
            let request = AdvisoryRequest {
                name: said.name.clone(),
                envelope,
                member,
            };
            let said = advisory::draft(connection, standing, &request)?;
            said.row.record(connection, place)
        }
        Statement::KeyCompromise(_) => {
            let request = KeyCompromiseRequest { envelope, member };
            let said = key_compromise::draft(standing, &request)?;
            said.row.record(connection, place)
        }
    }
}

/// Removes all rows that [`replay`] makes.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    evaluations::clear(connection)?;
    advisories::clear(connection)?;
    key_compromises::clear(connection)
}

/// What is said about a release and is not as the log has it, in words.
pub(crate) fn compare_release(
    connection: &mut Connection,
    expected: &mut Connection,
    release_statement: &str,
    label: &str,
) -> Result<Option<String>, DatabaseError> {
    let there = evaluations::list(connection, release_statement)?;
    let differ = there != evaluations::list(expected, release_statement)?;
    Ok(differ.then(|| format!("{label} does not have the evaluations that the log says")))
}

/// What is said about a name and is not as the log has it, in words.
pub(crate) fn compare_name(
    connection: &mut Connection,
    expected: &mut Connection,
    name: &Name,
) -> Result<Option<String>, DatabaseError> {
    let there = advisories::list(connection, name)?;
    let differ = there != advisories::list(expected, name)?;
    Ok(differ.then(|| format!("`{name}` does not have the advisories that the log says")))
}

/// Whether the keys that were taken back are those the log has, in words if not.
pub(crate) fn compare_keys(
    connection: &mut Connection,
    expected: &mut Connection,
) -> Result<Option<String>, DatabaseError> {
    let there = key_compromises::list(connection)?;
    let differ = there != key_compromises::list(expected)?;
    Ok(differ.then(|| "the keys taken back are not those that the log says".to_owned()))
}
