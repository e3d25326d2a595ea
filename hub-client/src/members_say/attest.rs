//! A member signs its figures of a release.

use registry_schema::api::StatementRecorded;
use registry_schema::reference::Reference;
use registry_schema::statement::{Comparison, EvaluationStatement, Verdict};
use registry_schema::trust_root::{ConsortiumRoot, NOT_LOGGED};
use registry_schema::verify::{VerifiedEvaluation, verify_evaluation};

use super::{EvalFile, SayError, evaluations, find_release, speaker};
use crate::journal::Pen;
use crate::log_view::LogView;
use crate::logged;
use crate::registry::Registry;

/// What is to be signed about a release.
#[derive(Clone, Debug)]
pub struct AttestRequest {
    /// The release; what the hub has for it must be the one that was evaluated.
    pub reference: Reference,
    /// The figures.
    pub evaluation: EvalFile,
    /// What was to be told apart, on what kind of images.
    pub task: String,
    /// Whether the member would use it for that.
    pub verdict: Verdict,
    /// How another release did on the same images.
    pub compared_with: Option<EvalFile>,
}

/// Signs figures of a release; with a registry to `send` to, they are recorded.
///
/// # Errors
/// [`SayError`]; nothing is recorded then.
pub async fn attest(
    request: &AttestRequest,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    is_dry_run: bool,
) -> Result<(VerifiedEvaluation, Option<StatementRecorded>), SayError> {
    // 1. who speaks, about which release
    let by = speaker(pen, trust_root)?;
    let release = find_release(&request.reference, registry, trust_root, log).await?;
    let evaluation = &request.evaluation;
    if release.statement_digest() != evaluation.statement {
        return Err(SayError::OtherRelease {
            asked: release.reference(),
            found: evaluation.release.clone(),
        });
    }
    let comparison = request
        .compared_with
        .as_ref()
        .map(|other| compare(evaluation, other))
        .transpose()?;
    // 2. after what it has said before
    let earlier = evaluations(&release, registry, trust_root, log).await?;
    let manifest = release.manifest();
    let statement = EvaluationStatement {
        sequence: earlier.count_of(&by) + 1,
        by,
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        content: release.content_digest(),
        statement: release.statement_digest(),
        verdict: request.verdict,
        task: request.task.clone(),
        figures: evaluation.figures.clone(),
        comparison,
    };
    // 3. sign, verify as everybody will, send
    let envelope = pen.sign(statement.to_payload())?.to_bytes();
    let verified = verify_evaluation(trust_root, &release, &envelope, NOT_LOGGED)?;
    let recorded = if is_dry_run {
        None
    } else {
        let recorded = registry.evaluate(&release.reference(), &envelope).await?;
        logged::recorded(log, &envelope, recorded.log_index, &recorded.proof).await?;
        Some(recorded)
    };
    Ok((verified, recorded))
}

/// The other release's figures, when they are of the same images as far as counts tell.
fn compare(evaluation: &EvalFile, other: &EvalFile) -> Result<Comparison, SayError> {
    let counts = |file: &EvalFile| -> Vec<(String, u32)> {
        let classes = file.figures.classes().iter();
        classes.map(|one| (one.class.clone(), one.images)).collect()
    };
    if counts(evaluation) != counts(other) {
        return Err(SayError::OtherImages);
    }
    let comparison = Comparison::new(other.release.clone(), other.statement, &other.figures);
    Ok(comparison.map_err(registry_schema::verify::VerifyError::from)?)
}
