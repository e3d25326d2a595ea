//! What single members say: evaluations, advisories, key compromises.

use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::{
    AdvisoryList, EvaluationList, KeyCompromiseList, LoggedStatement, Problem, StatementRecorded,
};

use super::releases::{created, read_envelope, text};
use super::{name_of, requirement_of, version_of};
use crate::app::Hub;
use crate::auth::{Publisher, Reader};
use crate::database::{
    Connection, advisories, evaluations, from_column, key_compromises, releases,
};
use crate::error::Failure;
use crate::log::Log;
use crate::members_say::{
    AdvisoryRequest, EvaluationRequest, KeyCompromiseRequest, record_advisory, record_evaluation,
    record_key_compromise,
};
use crate::resolve::{ResolveError, resolve};
use crate::routes::parameters::{OfName, OfRelease, OfResolved};

/// Statements that the published checkpoint covers, each with its proof.
fn logged(
    connection: &mut Connection,
    log: &Log,
    said: impl Iterator<Item = (i64, Vec<u8>)>,
) -> Result<Vec<LoggedStatement>, Failure> {
    let covered = log.published_size();
    let mut statements = Vec::new();
    for (log_index, envelope) in said {
        let log_index = from_column(log_index)?;
        if log_index < covered {
            statements.push(LoggedStatement {
                envelope: text(envelope)?,
                log_index,
                proof: log.proof(connection, log_index)?.to_string(),
            });
        }
    }
    Ok(statements)
}

type ReleasePath = web::Path<(String, String, String)>;

/// Members' evaluations of a release, each member's in order
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/releases/{requirement}/evaluations",
    tag = "members say", operation_id = "evaluations",
    params(OfResolved),
    responses((status = 200, body = EvaluationList), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn evaluations(
    _: Reader,
    hub: web::Data<Hub>,
    path: ReleasePath,
) -> Result<web::Json<EvaluationList>, Failure> {
    let (name, requirement) = (name_of(&path.0, &path.1)?, requirement_of(&path.2)?);
    let log = hub.log.clone();
    let evaluations = hub
        .database
        .run(move |connection| {
            let row = resolve(connection, &name, &requirement, log.published_size())?;
            let rows = evaluations::list(connection, &row.statement)?;
            let said = rows.into_iter().map(|row| (row.log_index, row.envelope));
            logged(connection, &log, said)
        })
        .await?;
    Ok(web::Json(EvaluationList { evaluations }))
}

/// Evaluate a release: a member's signed figures
#[utoipa::path(post, path = "/api/v1/extractors/{namespace}/{name}/releases/{version}/evaluations",
    tag = "members say", operation_id = "evaluate",
    params(OfRelease),
    request_body(content = String, content_type = "application/vnd.dsse.envelope.v1+json"),
    responses((status = 201, description = "Recorded", body = StatementRecorded),
        (status = 200, description = "Was recorded before, with the same bytes", body = StatementRecorded),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn evaluate(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: ReleasePath,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let wish = EvaluationRequest {
        name: name_of(&path.0, &path.1)?,
        version: version_of(&path.2)?,
        envelope: read_envelope(&request, payload).await?,
        member: publisher.member,
    };
    let recorded = record_evaluation(hub.into_inner(), wish).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}

/// All statements of advisories about a name, each member's in order
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/advisories",
    tag = "members say", operation_id = "advisories",
    params(OfName),
    responses((status = 200, body = AdvisoryList), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn advisories(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<AdvisoryList>, Failure> {
    let name = name_of(&path.0, &path.1)?;
    let log = hub.log.clone();
    let advisories = hub
        .database
        .run(move |connection| {
            if releases::revision(connection, &name)? == 0 {
                return Err(ResolveError::NoSuchExtractor { name }.into());
            }
            let rows = advisories::list(connection, &name)?;
            let said = rows.into_iter().map(|row| (row.log_index, row.envelope));
            logged(connection, &log, said)
        })
        .await?;
    Ok(web::Json(AdvisoryList { advisories }))
}

/// Warn about releases of a name, or end a warning: a member's signed statement
#[utoipa::path(post, path = "/api/v1/extractors/{namespace}/{name}/advisories",
    tag = "members say", operation_id = "warn",
    params(OfName),
    request_body(content = String, content_type = "application/vnd.dsse.envelope.v1+json"),
    responses((status = 201, description = "Recorded", body = StatementRecorded),
        (status = 200, description = "Was recorded before, with the same bytes", body = StatementRecorded),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn warn(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let wish = AdvisoryRequest {
        name: name_of(&path.0, &path.1)?,
        envelope: read_envelope(&request, payload).await?,
        member: publisher.member,
    };
    let recorded = record_advisory(hub.into_inner(), wish).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}

/// All keys that members took back, oldest first
#[utoipa::path(get, path = "/api/v1/key-compromises", tag = "members say",
    operation_id = "key_compromises",
    responses((status = 200, body = KeyCompromiseList), (status = 401, body = Problem)))]
pub(super) async fn key_compromises(
    _: Reader,
    hub: web::Data<Hub>,
) -> Result<web::Json<KeyCompromiseList>, Failure> {
    let log = hub.log.clone();
    let key_compromises = hub
        .database
        .run(move |connection| {
            let rows = key_compromises::list(connection)?;
            let said = rows.into_iter().map(|row| (row.log_index, row.envelope));
            logged(connection, &log, said)
        })
        .await?;
    Ok(web::Json(KeyCompromiseList { key_compromises }))
}

/// Take a key back: a member's signed statement about a key of its own
#[utoipa::path(post, path = "/api/v1/key-compromises", tag = "members say",
    operation_id = "take_key_back",
    request_body(content = String, content_type = "application/vnd.dsse.envelope.v1+json"),
    responses((status = 201, description = "Recorded", body = StatementRecorded),
        (status = 200, description = "Was recorded before", body = StatementRecorded),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn take_key_back(
    publisher: Publisher,
    hub: web::Data<Hub>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let wish = KeyCompromiseRequest {
        envelope: read_envelope(&request, payload).await?,
        member: publisher.member,
    };
    let recorded = record_key_compromise(hub.into_inner(), wish).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}
