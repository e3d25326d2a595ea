//! Lists: tags of a repository, what refers to a manifest, repositories of the hub.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::ProblemCode;
use serde::Deserialize;

use crate::app::Hub;
use crate::auth::Reader;
use crate::database::oci::Referring;
use crate::error::Failure;
use crate::oci::{self, Referrer, catalog, foreign, referrers_of};
use crate::pages::catalogue::encoded;
use crate::repository::Repository;
use crate::routes::blocking;
use crate::routes::oci::{digest_of, repository_of};
use crate::routes::parameters::OfRepository;

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
    params(OfRepository,
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

/// Which referrers are listed.
#[derive(Debug, Deserialize)]
pub(in crate::routes) struct ReferrersQuery {
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    #[serde(default)]
    last: String,
}

/// What refers to a manifest. To a release's: its envelope, the proof that the log has it, `model.sig`,
/// what members found out about it, and its yanks. `Link` leads to the next page
#[utoipa::path(get, path = "/v2/{name}/referrers/{digest}", tag = "blobs", operation_id = "referrers",
    params(OfRepository,
        ("digest" = String, Path, description = "Digest of the manifest, which need not be here"),
        ("artifactType" = Option<String>, Query, description = "Only those of this type"),
        ("last" = Option<String>, Query, description = "Referrers after this digest, as `Link` gives it")),
    responses((status = 200, body = serde_json::Value, content_type = "application/vnd.oci.image.index.v1+json"),
        (status = 400, description = "OCI error `DIGEST_INVALID`"),
        (status = 401, description = "OCI error `UNAUTHORIZED`")))]
pub(in crate::routes) async fn referrers(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    query: web::Query<ReferrersQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (repository, subject) = (repository_of(&hub, &path.0)?, digest_of(&path.1)?);
    let ReferrersQuery {
        artifact_type,
        last,
    } = query.into_inner();
    let wanted_type = artifact_type.clone();
    let found = blocking(move || {
        hub.database.with(|connection| match &repository {
            Repository::Extractor(name) => {
                let all = referrers_of(&hub, connection, name, &subject)?;
                let is_wanted = |one: &Referrer| match &artifact_type {
                    Some(wanted) => one.artifact_type.as_ref() == Some(wanted),
                    None => true,
                };
                Ok((all.into_iter().filter(is_wanted).collect(), None))
            }
            Repository::Foreign(name) => {
                let wanted = Referring {
                    subject: &subject.to_string(),
                    artifact_type: artifact_type.as_deref(),
                    after: &last,
                };
                foreign::referrers(connection, name, &wanted)
            }
        })
    });
    let (found, next): (Vec<Referrer>, Option<String>) = found.await?;
    let mut response = HttpResponse::Ok();
    if wanted_type.is_some() {
        response.insert_header(("oci-filters-applied", "artifactType"));
    }
    if let Some(next) = next {
        let kind = wanted_type.map(|kind| format!("&artifactType={}", encoded(&kind)));
        let kind = kind.unwrap_or_default();
        let link = format!("<{}?last={next}{kind}>; rel=\"next\"", request.path());
        response.insert_header((header::LINK, link));
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
