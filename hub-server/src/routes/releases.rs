//! Releases: resolve, publish, yank, card, files.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::{
    AttachedBlob, Problem, ProblemCode, Published, ReleaseDetail, YankRecorded,
};
use registry_schema::digest::Digest;
use registry_schema::manifest::CARD_FILE;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;
use registry_schema::{envelope, limits};

use crate::answers::Answer;
use crate::app::Hub;
use crate::auth::{Publisher, Reader};
use crate::database::model_signatures::{self, ModelSignatureRow};
use crate::database::releases::{ReleaseRow, find_file};
use crate::database::yanks;
use crate::database::{Connection, DatabaseError, from_column, to_digest};
use crate::error::Failure;
use crate::log::Log;
use crate::publish::{self, PublishRequest};
use crate::resolve::{ResolveError, check_mirrored, resolve};
use crate::routes::conditional;
use crate::routes::download::{Download, OCTETS, elsewhere, send};
use crate::routes::extractors::release_summary;
use crate::routes::parameters::{OfRelease, OfResolved};
use crate::routes::{blocking, body, name_of, requirement_of, version_of};
use crate::yank::{self, YankRequest};

type ReleasePath = web::Path<(String, String, String)>;

/// The newest release that satisfies a requirement, with everything needed to verify it
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/releases/{requirement}",
    tag = "releases", operation_id = "resolve",
    params(OfResolved),
    responses((status = 200, body = ReleaseDetail),
        (status = 304, description = "The client has it, as `If-None-Match` says"),
        (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn show(
    _: Reader,
    hub: web::Data<Hub>,
    path: ReleasePath,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let question = (name_of(&path.0, &path.1)?, requirement_of(&path.2)?);
    let basis = hub.answers.basis(hub.log.published(), hub.trust_root());
    let answer = match hub.answers.find(&basis, &question) {
        Some(answer) => answer,
        None => {
            let database = hub.database.clone();
            database
                .run(move |connection| {
                    let (name, requirement) = question.clone();
                    let detail = detail(connection, &hub.log, name, &requirement)?;
                    let json = serde_json::to_vec(&detail);
                    let answer = Answer::new(json.map_err(|error| Failure::internal(&error))?);
                    hub.answers.keep(basis, question, &answer);
                    Ok::<_, Failure>(answer)
                })
                .await?
        }
    };
    let (mut response, is_known) = conditional::begin(&request, &answer.etag);
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.content_type("application/json").body(answer.json))
}

fn detail(
    connection: &mut Connection,
    log: &Log,
    name: Name,
    requirement: &Requirement,
) -> Result<ReleaseDetail, Failure> {
    let covered = log.published_size();
    let row = resolve(connection, &name, requirement, covered)?;
    let (mut yanks, mut yank_proofs) = (Vec::new(), Vec::new());
    for yank in yanks::list(connection, &row.statement)? {
        let index = yank.index()?;
        if index < covered {
            yank_proofs.push(log.proof(connection, index)?.to_string());
            yanks.push(text(yank.envelope)?);
        }
    }
    let log_index = row.index()?;
    let attached = model_signatures::find(connection, &row.statement)?;
    Ok(ReleaseDetail {
        summary: release_summary(&row)?,
        name,
        model_signature: attached.as_ref().map(attached_blob).transpose()?,
        log_index,
        proof: log.proof(connection, log_index)?.to_string(),
        envelope: text(row.envelope)?,
        yanks,
        yank_proofs,
    })
}

fn attached_blob(row: &ModelSignatureRow) -> Result<AttachedBlob, DatabaseError> {
    Ok(AttachedBlob {
        digest: to_digest(&row.digest)?,
        size_bytes: from_column(row.size_bytes)?,
    })
}

pub(super) fn text(envelope: Vec<u8>) -> Result<String, DatabaseError> {
    String::from_utf8(envelope).map_err(|_| DatabaseError::Corrupt {
        what: "an envelope that is not text",
    })
}

/// Publish a release: its signed envelope, after its blobs were uploaded
#[utoipa::path(put, path = "/api/v1/extractors/{namespace}/{name}/releases/{version}",
    tag = "releases", operation_id = "publish",
    params(OfRelease),
    request_body(content = String, content_type = "application/vnd.dsse.envelope.v1+json"),
    responses((status = 201, description = "Recorded", body = Published),
        (status = 200, description = "Was recorded before, with the same bytes", body = Published),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, description = "Recorded, but not witnessed yet", body = Problem)))]
pub(super) async fn publish(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: ReleasePath,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let wish = PublishRequest {
        name: name_of(&path.0, &path.1)?,
        version: version_of(&path.2)?,
        envelope: read_envelope(&request, payload).await?,
        member: publisher.member,
    };
    let recorded = publish::publish(hub.into_inner(), wish).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}

/// Yank or unyank a release: a signed statement
#[utoipa::path(post, path = "/api/v1/extractors/{namespace}/{name}/releases/{version}/yanks",
    tag = "releases", operation_id = "yank",
    params(OfRelease),
    request_body(content = String, content_type = "application/vnd.dsse.envelope.v1+json"),
    responses((status = 201, description = "Recorded", body = YankRecorded),
        (status = 200, description = "Was recorded before, with the same bytes", body = YankRecorded),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem),
        (status = 503, description = "Recorded, but not witnessed yet", body = Problem)))]
pub(super) async fn yank(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: ReleasePath,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let wish = YankRequest {
        name: name_of(&path.0, &path.1)?,
        version: version_of(&path.2)?,
        envelope: read_envelope(&request, payload).await?,
        member: publisher.member,
    };
    let recorded = yank::yank(hub.into_inner(), wish).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}

pub(super) fn created(is_new: bool) -> actix_web::HttpResponseBuilder {
    if is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    }
}

pub(super) async fn read_envelope(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Vec<u8>, Failure> {
    let found = request.headers().get(header::CONTENT_TYPE);
    if found.is_none_or(|value| value.as_bytes() != envelope::MEDIA_TYPE.as_bytes()) {
        let detail = format!("the body must be an envelope, `{}`", envelope::MEDIA_TYPE);
        return Err(Failure::new(ProblemCode::MediaType, detail));
    }
    body::read(request, payload, limits::ENVELOPE_BYTES).await
}

/// The card of a release
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/releases/{requirement}/readme",
    tag = "releases", operation_id = "readme",
    params(OfResolved),
    responses((status = 200, body = String, content_type = "text/markdown"),
        (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn readme(
    _: Reader,
    hub: web::Data<Hub>,
    path: ReleasePath,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (namespace, name, requirement) = path.into_inner();
    send_file(hub, &request, (&namespace, &name), &requirement, CARD_FILE).await
}

/// One file of a release
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/releases/{requirement}/files/{path}",
    tag = "releases", operation_id = "file",
    params(OfResolved,
        ("path" = String, Path, description = "The file's path in the release, slashes included"),
        ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 307, description = "It is to be had at `Location`, in the object store, for a while; a hub that is told to does so for large ones"),
        (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 416, body = Problem)))]
pub(super) async fn file(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (namespace, name, requirement, file) = path.into_inner();
    send_file(hub, &request, (&namespace, &name), &requirement, &file).await
}

pub(super) async fn send_file(
    hub: web::Data<Hub>,
    request: &HttpRequest,
    (namespace, name): (&str, &str),
    requirement: &str,
    path: &str,
) -> Result<HttpResponse, Failure> {
    let (name, requirement) = (name_of(namespace, name)?, requirement_of(requirement)?);
    let is_exact = matches!(requirement, Requirement::Exact(_));
    let find = move |connection: &mut Connection, name: &Name, covered| {
        resolve(connection, name, &requirement, covered)
    };
    let (_, download) = open_file(hub, name, path, is_exact, find).await?;
    send(request, download)
}

/// Opens a file of the release that `find` finds under a name, among the covered entries of the log.
/// `is_forever` says that it will always be found in the same way.
pub(super) async fn open_file(
    hub: web::Data<Hub>,
    name: Name,
    path: &str,
    is_forever: bool,
    find: impl FnOnce(&mut Connection, &Name, u64) -> Result<ReleaseRow, ResolveError> + Send + 'static,
) -> Result<(ReleaseRow, Download), Failure> {
    let is_public = hub.is_public;
    let media_type = media_type(path);
    let path = path.to_owned();
    let (release, (digest, size_bytes), opened) = blocking(move || {
        let covered = hub.log.published_size();
        let (release, (digest, size_bytes)) = hub.database.with(|connection| {
            let release = find(connection, &name, covered)?;
            let file = find_blob(connection, &name, &release, &path)?;
            if hub.mirror.is_some() {
                check_mirrored(connection, &name, &file.0)?;
            }
            Ok::<_, ResolveError>((release, file))
        })?;
        let opened = match hub.blobs.open_of(&digest, size_bytes)? {
            Some(blob) => Some((blob, elsewhere(&hub, &digest, size_bytes, media_type)?)),
            None => None,
        };
        Ok::<_, Failure>((release, (digest, size_bytes), opened))
    })
    .await?;
    let (blob, elsewhere) = opened.ok_or_else(|| {
        let corrupt = DatabaseError::Corrupt {
            what: "a release whose blob is gone",
        };
        Failure::internal(&corrupt)
    })?;
    let download = Download {
        blob,
        elsewhere,
        size_bytes,
        digest,
        media_type,
        is_forever,
        is_public,
    };
    Ok((release, download))
}

/// Digest and size of a file.
fn find_blob(
    connection: &mut Connection,
    name: &Name,
    release: &ReleaseRow,
    path: &str,
) -> Result<(Digest, u64), ResolveError> {
    let file = find_file(connection, &release.statement, path)?.ok_or_else(|| {
        ResolveError::NoSuchFile {
            name: name.clone(),
            version: release.version.clone(),
            path: path.chars().take(limits::FILE_NAME_BYTES).collect(),
        }
    })?;
    Ok((to_digest(&file.digest)?, from_column(file.size_bytes)?))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "md" => "text/markdown; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        _ => OCTETS,
    }
}
