//! The transparency log as files (C2SP `tlog-tiles`): checkpoint, tiles, entry bundles. Whoever may
//! read releases may read it.

use std::io::Write;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use registry_schema::api::ProblemCode;
use registry_schema::log::checkpoint;
use registry_schema::log::entry::{BundleWriter, EntryError};
use registry_schema::log::tile::LogFile;

use crate::app::Hub;
use crate::auth::Reader;
use crate::database::{Connection, DatabaseError, log as rows};
use crate::error::Failure;
use crate::routes::malformed;

/// The newest checkpoint that enough witnesses have cosigned, as a signed note
#[utoipa::path(get, path = "/log/checkpoint", tag = "log", operation_id = "checkpoint",
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 401, body = registry_schema::api::Problem),
        (status = 503, description = "No checkpoint has been cosigned yet",
            body = registry_schema::api::Problem)))]
pub(super) async fn checkpoint(_: Reader, hub: web::Data<Hub>) -> Result<HttpResponse, Failure> {
    let head = hub.log.published().ok_or_else(|| {
        let detail = "too few witnesses have cosigned the log so far";
        Failure::new(ProblemCode::Unwitnessed, detail).header(header::RETRY_AFTER, "5")
    })?;
    Ok(HttpResponse::Ok()
        .content_type(checkpoint::MEDIA_TYPE)
        .insert_header((header::CACHE_CONTROL, caching(&hub, "max-age=2")))
        .body(head.note.to_string()))
}

/// A tile of hashes (`tile/<L>/<N>[.p/<W>]`) or a bundle of entries (`tile/entries/<N>[.p/<W>]`)
#[utoipa::path(get, path = "/log/tile/{path}", tag = "log", operation_id = "tile",
    params(("path" = String, Path, description = "Level or `entries`, number, and width if partial, such as `0/x001/067.p/5`")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, body = registry_schema::api::Problem),
        (status = 401, body = registry_schema::api::Problem),
        (status = 404, body = registry_schema::api::Problem)))]
pub(super) async fn tile(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let file: LogFile = format!("tile/{path}")
        .parse()
        .map_err(|error| malformed(&error))?;
    let takes_gzip = takes_gzip(request.headers()) && matches!(file, LogFile::Bundle(_));
    let read = move |connection: &mut Connection| {
        let bytes = read(connection, file)?;
        match bytes {
            Some(bytes) if takes_gzip => gzip(&bytes).map(Some),
            other => Ok(other),
        }
    };
    let bytes = hub.database.run(read).await?;
    let bytes = bytes.ok_or_else(|| {
        Failure::new(
            ProblemCode::NotFound,
            format!("the log has no `{file}` yet"),
        )
    })?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/octet-stream")
        .insert_header((
            header::CACHE_CONTROL,
            caching(&hub, "max-age=31536000, immutable"),
        ));
    if matches!(file, LogFile::Bundle(_)) {
        response.insert_header((header::VARY, "accept-encoding"));
    }
    if takes_gzip {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(bytes))
}

fn read(connection: &mut Connection, file: LogFile) -> Result<Option<Vec<u8>>, DatabaseError> {
    match file {
        LogFile::Tile(id) => Ok(rows::find_tile(connection, id)?.map(|tile| tile.to_bytes())),
        LogFile::Bundle(id) => {
            let envelopes = rows::bundle(connection, id)?;
            let bundle = envelopes.map(|envelopes| {
                let mut bundle = BundleWriter::new();
                for envelope in envelopes {
                    bundle.push(&envelope)?;
                }
                Ok(bundle.finish())
            });
            bundle
                .transpose()
                .map_err(|_: EntryError| DatabaseError::Corrupt {
                    what: "an entry of the log past its limit",
                })
        }
    }
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, DatabaseError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        // Writing to memory does not fail.
        .map_err(|_| DatabaseError::Interrupted)
}

/// Whether `Accept-Encoding` names gzip without forbidding it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused = matches!(
                weight.trim().strip_prefix("q="),
                Some("0" | "0." | "0.0" | "0.00" | "0.000")
            );
            name.trim().eq_ignore_ascii_case("gzip") && !is_refused
        })
}

/// Only a public hub's answers may be kept by caches between.
fn caching(hub: &Hub, age: &str) -> String {
    let who = if hub.is_public { "public" } else { "private" };
    format!("{who}, {age}")
}
