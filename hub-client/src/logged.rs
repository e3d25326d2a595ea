//! Where a statement is in the log, proven: which keys count depends on it.

use registry_schema::api::{LoggedStatement, ReleaseDetail};
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::policy::QuorumError;
use registry_schema::log::proof::{LogProof, ProofFileError};
use registry_schema::receipt::LoggedEnvelope;
use registry_schema::trust_root::TrustRoot;

/// An envelope with the index that its proof shows, under the log policy of the trust root.
///
/// # Errors
/// [`LoggedError`] when the proof cannot be read, is of another entry, or its checkpoint does not
/// count.
pub fn proven(
    trust_root: &dyn TrustRoot,
    envelope: &str,
    proof: &str,
) -> Result<LoggedEnvelope, LoggedError> {
    let proof = LogProof::parse(proof.as_bytes())?;
    let leaf = leaf_hash(envelope.as_bytes());
    trust_root.log_policy().check_proof(&proof, &leaf)?;
    Ok(LoggedEnvelope {
        index: proof.index,
        envelope: envelope.to_owned(),
    })
}

/// A hub's answer about a release: its statement, and the yanks about it, each with its place.
///
/// # Errors
/// [`LoggedError`], also when a proof is missing.
pub fn of_release(
    trust_root: &dyn TrustRoot,
    answer: &ReleaseDetail,
) -> Result<(LoggedEnvelope, Vec<LoggedEnvelope>), LoggedError> {
    if answer.yanks.len() != answer.yank_proofs.len() {
        return Err(LoggedError::Missing {
            statements: answer.yanks.len(),
            proofs: answer.yank_proofs.len(),
        });
    }
    let statement = proven(trust_root, &answer.envelope, &answer.proof)?;
    let yanks = answer.yanks.iter().zip(&answer.yank_proofs);
    let yanks = yanks.map(|(envelope, proof)| proven(trust_root, envelope, proof));
    Ok((statement, yanks.collect::<Result<_, _>>()?))
}

/// One of a list of statements, at the place where the hub says it is.
///
/// # Errors
/// [`LoggedError`], also when the proof is of another place.
pub fn of_statement(
    trust_root: &dyn TrustRoot,
    statement: &LoggedStatement,
) -> Result<LoggedEnvelope, LoggedError> {
    let found = proven(trust_root, &statement.envelope, &statement.proof)?;
    if found.index == statement.log_index {
        return Ok(found);
    }
    Err(LoggedError::OtherPlace {
        said: statement.log_index,
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
    Proof(#[from] QuorumError),
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
