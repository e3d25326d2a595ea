//! Where a statement is in the log, proven: which keys count depends on it.

use registry_schema::api::ReleaseDetail;
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

/// A statement's place in the log is not proven.
#[derive(Debug, thiserror::Error)]
pub enum LoggedError {
    /// Not a proof.
    #[error("the proof that the statement is in the log cannot be read")]
    Form(#[from] ProofFileError),
    /// Not a proof of this statement, or not of the log that counts.
    #[error("the hub does not prove that the statement is in the log")]
    Proof(#[from] QuorumError),
    /// Fewer or more proofs than statements.
    #[error("the hub sent {proofs} proofs for {statements} yank statements")]
    Missing {
        /// Statements in the answer.
        statements: usize,
        /// Proofs in the answer.
        proofs: usize,
    },
}
