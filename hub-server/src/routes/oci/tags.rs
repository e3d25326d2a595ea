//! Lists: tags of a repository, what refers to a manifest, repositories of the hub.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::ProblemCode;
use serde::Deserialize;

use crate::app::Hub;
use crate::auth::Reader;
use crate::error::Failure;
use crate::oci::{self, Referrer, catalog, foreign, referrers_of};
use crate::repository::Repository;
use crate::routes::blocking;
use crate::routes::oci::{digest_of, repository_of};

/// Rows of a page when the client does not say, and the most it gets.
const PAGE: usize = 1000;

/// Which page of a list.
#[derive(Debug, Deserialize)]
pub(in crate::routes) struct PageQuery {
    n: Option<String>,
    last: Option<String>,
}

impl PageQuery {
    /// Rows of the page.
    fn limit(&self) -> Result<usize, Failure> {
        let Some(text) = &self.n else {
            return Ok(PAGE);
        };
        let limit: usize = text.parse().map_err(|_| {
            let detail = format!("`n` is a number of rows, not `{text}`");
            Failure::new(ProblemCode::MalformedRequest, detail).oci("PAGINATION_NUMBER_INVALID")
        })?;
        Ok(limit.min(PAGE))
    }
}

/// The tags of a repository, in order; `Link` leads to the next page
#[utoipa::path(get, path = "/v2/{name}/tags/list", tag = "blobs", operation_id = "tags",
    params(("name" = String, Path, description = "The repository: an extractor's name, with its slash if it has one"),
        ("n" = Option<u32>, Query, description = "Rows of a page, at most 1000"),
        ("last" = Option<String>, Query, description = "Tags after this one")),
    responses((status = 200, body = serde_json::Value),
        (status = 401, description = "OCI error `UNAUTHORIZED`"),
        (status = 404, description = "OCI error `NAME_UNKNOWN`")))]
pub(in crate::routes) async fn list(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<String>,
    query: web::Query<PageQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let repository = repository_of(&hub, &path)?;
    let name = repository.to_string();
    let tags = blocking(move || {
        hub.database.with(|connection| match &repository {
            Repository::Extractor(name) => oci::tags(&hub, connection, name),
            Repository::Foreign(name) => foreign::tags(connection, name),
        })
    });
    let mut tags: Vec<String> = tags.await?.into_iter().collect();
    if let Some(last) = &query.last {
        tags.retain(|tag| tag > last);
    }
    let limit = query.limit()?;
    let has_more = tags.len() > limit;
    tags.truncate(limit);
    let next = tags.last().filter(|_| has_more);
    let mut response = with_next(&request, limit, next.map(String::as_str));
    Ok(response.json(serde_json::json!({ "name": name, "tags": tags })))
}

/// The hub's repositories, in order of their names; `Link` leads to the next page
#[utoipa::path(get, path = "/v2/_catalog", tag = "blobs", operation_id = "catalog",
    params(("n" = Option<u32>, Query, description = "Rows of a page, at most 1000"),
        ("last" = Option<String>, Query, description = "Repositories after this one")),
    responses((status = 200, body = serde_json::Value),
        (status = 401, description = "OCI error `UNAUTHORIZED`")))]
pub(in crate::routes) async fn repositories(
    _: Reader,
    hub: web::Data<Hub>,
    query: web::Query<PageQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let limit = query.limit()?;
    let last = query.last.clone().unwrap_or_default();
    let repositories = blocking(move || {
        let more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        hub.database
            .with(|connection| catalog(&hub, connection, &last, more))
    });
    let mut repositories = repositories.await?;
    let has_more = repositories.len() > limit;
    repositories.truncate(limit);
    let next = repositories.last().filter(|_| has_more);
    let mut response = with_next(&request, limit, next.map(String::as_str));
    Ok(response.json(serde_json::json!({ "repositories": repositories })))
}

/// Which kind of referrers are listed.
#[derive(Debug, Deserialize)]
pub(in crate::routes) struct ReferrersQuery {
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
}

/// What refers to a manifest. To a release's: its envelope, the proof that the log has it, `model.sig`,
/// what members found out about it, and its yanks
#[utoipa::path(get, path = "/v2/{name}/referrers/{digest}", tag = "blobs", operation_id = "referrers",
    params(("name" = String, Path, description = "The repository: an extractor's name, with its slash if it has one"),
        ("digest" = String, Path, description = "Digest of the manifest, which need not be here"),
        ("artifactType" = Option<String>, Query, description = "Only those of this type")),
    responses((status = 200, body = serde_json::Value, content_type = "application/vnd.oci.image.index.v1+json"),
        (status = 400, description = "OCI error `DIGEST_INVALID`"),
        (status = 401, description = "OCI error `UNAUTHORIZED`")))]
pub(in crate::routes) async fn referrers(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    query: web::Query<ReferrersQuery>,
) -> Result<HttpResponse, Failure> {
    let (repository, subject) = (repository_of(&hub, &path.0)?, digest_of(&path.1)?);
    let found = blocking(move || {
        hub.database.with(|connection| match &repository {
            Repository::Extractor(name) => referrers_of(&hub, connection, name, &subject),
            Repository::Foreign(name) => foreign::referrers(connection, name, &subject),
        })
    });
    let mut found: Vec<Referrer> = found.await?;
    let mut response = HttpResponse::Ok();
    if let Some(wanted) = &query.artifact_type {
        found.retain(|one| one.artifact_type.as_ref() == Some(wanted));
        response.insert_header(("oci-filters-applied", "artifactType"));
    }
    let index = oci::referrers_index(&found);
    Ok(response
        .content_type(index.media_type)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(index.bytes))
}

/// An answer whose `Link` leads to the page after `next` (RFC 8288).
fn with_next(
    request: &HttpRequest,
    limit: usize,
    next: Option<&str>,
) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(next) = next {
        // Names and tags have no character that a query would have to escape.
        let link = format!("<{}?n={limit}&last={next}>; rel=\"next\"", request.path());
        response.insert_header((header::LINK, link));
    }
    response
}
