//! Extractors: search, and one with its releases.

use actix_web::web;
use registry_schema::api::{
    ExtractorDetail, ExtractorPage, ExtractorSummary, Problem, ProblemCode, ReleaseSummary,
    SearchQuery, Yanked,
};
use registry_schema::limits;
use registry_schema::manifest::Distance;

use crate::app::Hub;
use crate::auth::Reader;
use crate::database::catalogue::{self, Filter};
use crate::database::releases::ReleaseRow;
use crate::database::{DatabaseError, from_column, from_text, to_digest, to_name};
use crate::error::Failure;
use crate::publish::{distance_text, time_text};
use crate::resolve::{ResolveError, shown, visible};
use crate::routes::name_of;
use crate::routes::parameters::OfName;

/// Most words of a search.
const SEARCH_WORDS: usize = 16;

/// Longest text of a search, in bytes.
const SEARCH_BYTES: usize = 400;

/// Rows of a page when the query does not say.
const PAGE_ROWS: u32 = 50;

/// Extractors that fit a query, in order of their names
#[utoipa::path(get, path = "/api/v1/extractors", tag = "extractors", operation_id = "search",
    params(SearchQuery),
    responses((status = 200, body = ExtractorPage), (status = 400, body = Problem),
        (status = 401, body = Problem)))]
pub(super) async fn search(
    _: Reader,
    hub: web::Data<Hub>,
    query: web::Query<SearchQuery>,
) -> Result<web::Json<ExtractorPage>, Failure> {
    let (found, next) = find(hub, query.into_inner()).await?;
    let extractors = found
        .iter()
        .map(extractor_summary)
        .collect::<Result<_, _>>()?;
    Ok(web::Json(ExtractorPage { extractors, next }))
}

/// A page of extractors that fit a query, each by its listed release, and after which name the next
/// page begins.
pub(super) async fn find(
    hub: web::Data<Hub>,
    query: SearchQuery,
) -> Result<(Vec<ReleaseRow>, Option<String>), Failure> {
    let rows = query.limit.unwrap_or(PAGE_ROWS);
    if !(1..=limits::PAGE_ROWS).contains(&rows) {
        let detail = format!(
            "`limit` is {rows}: it must be between 1 and {}",
            limits::PAGE_ROWS
        );
        return Err(Failure::new(ProblemCode::MalformedRequest, detail));
    }
    // Every word nests the query one deeper, and patterns have a limit of their own.
    let words = query.q.as_deref().unwrap_or_default();
    let tag = query.tag.as_deref().unwrap_or_default();
    let count = words.split_whitespace().count() + tag.split_whitespace().count();
    if words.len().max(tag.len()) > SEARCH_BYTES || count > SEARCH_WORDS {
        let detail = format!("a search has at most {SEARCH_WORDS} words and {SEARCH_BYTES} bytes");
        return Err(Failure::new(ProblemCode::MalformedRequest, detail));
    }
    let shown = shown(&hub);
    let mut found = hub
        .database
        .run(move |connection| {
            catalogue::find_releases(connection, &filter(query), i64::from(rows) + 1, shown)
        })
        .await?;
    let has_more = found.len() > rows as usize;
    found.truncate(rows as usize);
    let next = found
        .last()
        .filter(|_| has_more)
        .map(|row| row.name.clone());
    Ok((found, next))
}

fn filter(query: SearchQuery) -> Filter {
    let words = |text: Option<String>| {
        let text = text.unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    Filter {
        words: words(query.q),
        tags: words(query.tag),
        member: query.member,
        domain: query.domain,
        license: query.license,
        after: query.after,
        ..Filter::default()
    }
}

/// An extractor and its releases, newest first
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}", tag = "extractors",
    operation_id = "show",
    params(OfName),
    responses((status = 200, body = ExtractorDetail), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn show(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<ExtractorDetail>, Failure> {
    let name = name_of(&path.0, &path.1)?;
    let wanted = name.clone();
    let covered = hub.log.published_size();
    let rows = hub
        .database
        .run(move |connection| visible(connection, &wanted, covered))
        .await?;
    if rows.is_empty() {
        return Err(ResolveError::NoSuchExtractor { name }.into());
    }
    let mut releases = rows
        .iter()
        .map(release_summary)
        .collect::<Result<Vec<_>, _>>()?;
    releases.sort_by(|a, b| b.version.cmp(&a.version));
    let trust = hub.trust_root();
    let (owners, threshold) = trust.root.latest_owners(&name).unwrap_or_default();
    Ok(web::Json(ExtractorDetail {
        owners,
        threshold,
        name,
        releases,
    }))
}

fn extractor_summary(row: &ReleaseRow) -> Result<ExtractorSummary, DatabaseError> {
    Ok(ExtractorSummary {
        name: to_name(&row.name)?,
        version: row.version()?,
        summary: row.summary.clone(),
        license: row.license.clone(),
        domain: row.domain.clone(),
        tags: row.tags.split_whitespace().map(str::to_owned).collect(),
        dimension: dimension(row)?,
        size_bytes: from_column(row.size_bytes)?,
        published_at: time_text(row.published_at)?,
    })
}

/// A release as listings show it.
pub(super) fn release_summary(row: &ReleaseRow) -> Result<ReleaseSummary, DatabaseError> {
    let known = [Distance::Cosine, Distance::Euclidean, Distance::Dot];
    let distance = known
        .into_iter()
        .find(|distance| distance_text(*distance) == row.distance)
        .ok_or_else(|| corrupt("a distance that is none"))?;
    let signers = row.signers.split_whitespace();
    let replacement = row.yank_replacement.as_deref();
    let replacement = replacement.map(|text| from_text(text, "a version that is none"));
    Ok(ReleaseSummary {
        version: row.version()?,
        statement: to_digest(&row.statement)?,
        dimension: dimension(row)?,
        distance,
        size_bytes: from_column(row.size_bytes)?,
        published_at: time_text(row.published_at)?,
        signers: signers
            .map(|signer| from_text(signer, "a signer that is none"))
            .collect::<Result<_, _>>()?,
        changes: row.changes.clone(),
        yanked: row.is_yanked.then_some(Yanked {
            reason: row.yank_reason.clone().unwrap_or_default(),
            replacement: replacement.transpose()?,
        }),
    })
}

fn dimension(row: &ReleaseRow) -> Result<u32, DatabaseError> {
    u32::try_from(row.dimension).map_err(|_| corrupt("a dimension that is none"))
}

fn corrupt(what: &'static str) -> DatabaseError {
    DatabaseError::Corrupt { what }
}
