//! What single members say: evaluations, advisories, key compromises.

use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::{
    AdvisoryList, EvaluationList, KeyCompromiseList, Problem, StatementRecorded,
};

use super::releases::{created, read_envelope, text};
use super::{blocking, name_of, requirement_of, version_of};
use crate::app::Hub;
use crate::auth::{Publisher, Reader};
use crate::database::{advisories, evaluations, key_compromises, releases};
use crate::error::Failure;
use crate::members_say::{
    AdvisoryRequest, EvaluationRequest, KeyCompromiseRequest, record_advisory, record_evaluation,
    record_key_compromise,
};
use crate::resolve::{ResolveError, resolve};

type ReleasePath = web::Path<(String, String, String)>;

/// Members' evaluations of a release, each member's in order
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/releases/{requirement}/evaluations",
    tag = "members say", operation_id = "evaluations",
    params(("namespace" = String, Path, description = "The member, or `_` for a bare name"),
        ("name" = String, Path, description = "The name without its member"),
        ("requirement" = String, Path, description = "`latest`, `2`, `2.3` or `2.3.1`")),
    responses((status = 200, body = EvaluationList), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn evaluations(
    _: Reader,
    hub: web::Data<Hub>,
    path: ReleasePath,
) -> Result<web::Json<EvaluationList>, Failure> {
    let (name, requirement) = (name_of(&path.0, &path.1)?, requirement_of(&path.2)?);
    let rows = hub
        .database
        .run(move |connection| {
            let row = resolve(connection, &name, &requirement)?;
            Ok::<_, ResolveError>(evaluations::list(connection, &row.statement)?)
        })
        .await?;
    let evaluations = rows.into_iter().map(|row| text(row.envelope));
    Ok(web::Json(EvaluationList {
        evaluations: evaluations.collect::<Result<_, _>>()?,
    }))
}

/// Evaluate a release: a member's signed figures
#[utoipa::path(post, path = "/api/v1/extractors/{namespace}/{name}/releases/{version}/evaluations",
    tag = "members say", operation_id = "evaluate",
    params(("namespace" = String, Path, description = "The member, or `_` for a bare name"),
        ("name" = String, Path, description = "The name without its member"),
        ("version" = String, Path, description = "The version, such as `2.3.1`")),
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
    let recorded = blocking(move || record_evaluation(&hub, &wish)).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}

/// All statements of advisories about a name, each member's in order
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/advisories",
    tag = "members say", operation_id = "advisories",
    params(("namespace" = String, Path, description = "The member, or `_` for a bare name"),
        ("name" = String, Path, description = "The name without its member")),
    responses((status = 200, body = AdvisoryList), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn advisories(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<AdvisoryList>, Failure> {
    let name = name_of(&path.0, &path.1)?;
    let rows = hub
        .database
        .run(move |connection| {
            if releases::revision(connection, &name)? == 0 {
                return Err(ResolveError::NoSuchExtractor { name });
            }
            Ok(advisories::list(connection, &name)?)
        })
        .await?;
    let advisories = rows.into_iter().map(|row| text(row.envelope));
    Ok(web::Json(AdvisoryList {
        advisories: advisories.collect::<Result<_, _>>()?,
    }))
}

/// Warn about releases of a name, or end a warning: a member's signed statement
#[utoipa::path(post, path = "/api/v1/extractors/{namespace}/{name}/advisories",
    tag = "members say", operation_id = "warn",
    params(("namespace" = String, Path, description = "The member, or `_` for a bare name"),
        ("name" = String, Path, description = "The name without its member")),
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
    let recorded = blocking(move || record_advisory(&hub, &wish)).await?;
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
    let rows = hub.database.run(key_compromises::list).await?;
    let envelopes = rows.into_iter().map(|row| text(row.envelope));
    Ok(web::Json(KeyCompromiseList {
        key_compromises: envelopes.collect::<Result<_, _>>()?,
    }))
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
    let recorded = blocking(move || record_key_compromise(&hub, &wish)).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}
