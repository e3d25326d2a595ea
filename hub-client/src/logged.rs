//! Where a statement is in the log, proven: which keys count depends on it.

use registry_schema::api::{LoggedStatement, ReleaseDetail};
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::proof::{LogProof, ProofFileError};
use registry_schema::receipt::LoggedEnvelope;

use crate::log_view::{LogView, LogViewError};

/// An envelope with the index that its proof shows, under the log policy of the trust root and on the
/// history that this machine has seen.
///
/// # Errors
/// [`LoggedError`] when the proof cannot be read, is of another entry, or its checkpoint does not
/// count.
pub async fn proven(
    log: &LogView,
    envelope: &str,
    proof: &str,
) -> Result<LoggedEnvelope, LoggedError> {
    let parsed = LogProof::parse(proof.as_bytes())?;
    let leaf = leaf_hash(envelope.as_bytes());
    log.check_proof(&parsed, &leaf).await.map_err(Box::new)?;
    Ok(LoggedEnvelope {
        index: parsed.index,
        envelope: envelope.to_owned(),
        proof: proof.to_owned(),
    })
}

/// A hub's answer about a release: its statement, and the yanks about it, each with its place.
///
/// # Errors
/// [`LoggedError`], also when a proof is missing.
pub async fn of_release(
    log: &LogView,
    answer: &ReleaseDetail,
) -> Result<(LoggedEnvelope, Vec<LoggedEnvelope>), LoggedError> {
    if answer.yanks.len() != answer.yank_proofs.len() {
        return Err(LoggedError::Missing {
            statements: answer.yanks.len(),
            proofs: answer.yank_proofs.len(),
        });
    }
    let statement = proven(log, &answer.envelope, &answer.proof).await?;
    let mut yanks = Vec::new();
    for (envelope, proof) in answer.yanks.iter().zip(&answer.yank_proofs) {
        yanks.push(proven(log, envelope, proof).await?);
    }
    Ok((statement, yanks))
}

/// One of a list of statements, at the place where the hub says it is.
///
/// # Errors
/// [`LoggedError`], also when the proof is of another place.
pub async fn of_statement(
    log: &LogView,
    statement: &LoggedStatement,
) -> Result<LoggedEnvelope, LoggedError> {
    let found = proven(log, &statement.envelope, &statement.proof).await?;
    check_place(found, statement.log_index)
}

/// What the hub says it has just recorded, where it says it is: sent is not logged.
///
/// # Errors
/// [`LoggedError`], also when the proof is of another place.
pub async fn recorded(
    log: &LogView,
    envelope: &[u8],
    log_index: u64,
    proof: &str,
) -> Result<LoggedEnvelope, LoggedError> {
    let envelope = String::from_utf8_lossy(envelope);
    check_place(proven(log, &envelope, proof).await?, log_index)
}

fn check_place(found: LoggedEnvelope, said: u64) -> Result<LoggedEnvelope, LoggedError> {
    if found.index == said {
        return Ok(found);
    }
    Err(LoggedError::OtherPlace {
        said,
        proven: found.index,
    })
}

/// A statement's place in the log is not proven.
#[derive(Debug, thiserror::Error)]
pub enum LoggedError {
    /// Not a proof.
    #[error("the proof that the statement is in the log cannot be read")]
    Form(#[from] ProofFileError),
    /// Not a proof of this statement, or not of the log that counts.
    #[error("the hub does not prove that the statement is in the log")]
    Proof(#[from] Box<LogViewError>),
    /// A proof of another place than the hub says.
    #[error("the hub says that the statement is entry {said} of the log and proves entry {proven}")]
    OtherPlace {
        /// What it says.
        said: u64,
        /// What it proves.
        proven: u64,
    },
    /// Fewer or more proofs than statements.
    #[error("the hub sent {proofs} proofs for {statements} yank statements")]
    Missing {
        /// Statements in the answer.
        statements: usize,
        /// Proofs in the answer.
        proofs: usize,
    },
}
