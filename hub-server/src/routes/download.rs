//! Sending a blob, or a range of it: read a piece ahead of the network, never more.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::{Stream, stream};
use registry_schema::api::ProblemCode;
use registry_schema::digest::Digest;
use tokio::task::JoinHandle;

use crate::app::Hub;
use crate::blobs::{Blob, BlobError, PIECE_BYTES};
use crate::error::Failure;
use crate::routes::range::{Wanted, parse};

/// The media type of what no browser shows.
pub(super) const OCTETS: &str = "application/octet-stream";

/// A blob smaller than this comes from the hub itself: another connection would take longer.
const REDIRECTED_BYTES: u64 = 1 << 20;

/// A blob to be sent.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) blob: Blob,
    /// Where it is to be fetched instead, if the hub does not send it itself.
    pub(super) elsewhere: Option<String>,
    pub(super) size_bytes: u64,
    pub(super) digest: Digest,
    pub(super) media_type: &'static str,
    /// Whether this address will always answer with these bytes.
    pub(super) is_forever: bool,
    /// Whether caches between may keep it.
    pub(super) is_public: bool,
}

/// Answers a GET or HEAD with a blob: 200, 206 for a range, 304 when the client has it.
pub(super) fn send(request: &HttpRequest, download: Download) -> Result<HttpResponse, Failure> {
    let caching = cache_control(&download);
    let Download {
        blob,
        elsewhere,
        size_bytes,
        digest,
        media_type,
        ..
    } = download;
    let etag = format!("\"{digest}\"");
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, etag.clone()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header(("docker-content-digest", digest.to_string()))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ));
    if text(request, &header::IF_NONE_MATCH).is_some_and(|known| known.contains(&etag)) {
        return Ok(response
            .status(actix_web::http::StatusCode::NOT_MODIFIED)
            .finish());
    }
    let is_current = text(request, &header::IF_RANGE).is_none_or(|known| known == etag);
    let wanted = match text(request, &header::RANGE) {
        Some(range) if is_current && request.method() == Method::GET => parse(range, size_bytes),
        _ => Wanted::Whole,
    };
    let range = match wanted {
        Wanted::Whole => 0..size_bytes,
        Wanted::Part(range) => {
            let shown = format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1);
            response
                .status(actix_web::http::StatusCode::PARTIAL_CONTENT)
                .insert_header((header::CONTENT_RANGE, shown));
            range
        }
        Wanted::Unsatisfiable => {
            let detail = format!("the range begins past the end: there are {size_bytes} bytes");
            return Err(Failure::new(ProblemCode::RangeNotSatisfiable, detail)
                .oci("SIZE_INVALID")
                .header(header::CONTENT_RANGE, &format!("bytes */{size_bytes}")));
        }
    };
    if let Some(address) = elsewhere.filter(|_| request.method() == Method::GET) {
        return Ok(redirected(&address, &etag));
    }
    response.content_type(media_type);
    let length = range.end - range.start;
    if request.method() == Method::HEAD {
        return Ok(response.body(SizedStream::new(
            length,
            stream::empty::<io::Result<Bytes>>(),
        )));
    }
    Ok(match blob {
        Blob::File(file) => response.body(SizedStream::new(length, Box::pin(pieces(file, range)))),
        Blob::Object(object) => response.body(SizedStream::new(length, object.pieces(range))),
    })
}

/// Where a blob is to be fetched instead of from this hub, when its operator wants that: only what is
/// large, and nothing that browsers show, which may load from the hub alone.
pub(super) fn elsewhere(
    hub: &Hub,
    digest: &Digest,
    size_bytes: u64,
    media_type: &str,
) -> Result<Option<String>, BlobError> {
    match hub.redirect_blobs {
        Some(validity) if size_bytes >= REDIRECTED_BYTES && media_type == OCTETS => {
            hub.blobs.signed_url(digest, validity)
        }
        _ => Ok(None),
    }
}

/// The way to the store, which is good for some time only. A client asks there for the range that it
/// asked for here.
fn redirected(address: &str, etag: &str) -> HttpResponse {
    HttpResponse::TemporaryRedirect()
        .insert_header((header::LOCATION, address))
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

fn cache_control(download: &Download) -> &'static str {
    if download.is_forever {
        forever(download.is_public)
    } else {
        "no-cache"
    }
}

/// `Cache-Control` of what an address will always answer with.
pub(super) fn forever(is_public: bool) -> &'static str {
    if is_public {
        "public, max-age=31536000, immutable"
    } else {
        "private, max-age=31536000, immutable"
    }
}

fn text<'a>(request: &'a HttpRequest, name: &header::HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The bytes of a range, a piece at a time; the next piece is read while one is sent.
fn pieces(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    let state = Reading {
        next: Some(read_ahead(file, range.start)),
        left_bytes: range.end - range.start,
    };
    stream::try_unfold(state, |mut state| async move {
        let Some(next) = state.next.take() else {
            return Ok(None);
        };
        let (file, offset, mut piece) = next.await.map_err(io::Error::other)??;
        let wanted = usize::try_from(state.left_bytes).unwrap_or(usize::MAX);
        piece.truncate(wanted);
        if piece.is_empty() && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        state.left_bytes -= piece.len() as u64;
        if state.left_bytes > 0 {
            state.next = Some(read_ahead(file, offset));
        }
        Ok((!piece.is_empty()).then_some((Bytes::from(piece), state)))
    })
}

/// The file, the offset after the piece, and the piece.
type Piece = (File, u64, Vec<u8>);

struct Reading {
    next: Option<JoinHandle<io::Result<Piece>>>,
    left_bytes: u64,
}

/// Reads the piece at an offset on a thread that may wait; gives the file back with the offset
/// after it.
fn read_ahead(mut file: File, offset: u64) -> JoinHandle<io::Result<Piece>> {
    tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(offset))?;
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        (&mut file)
            .take(PIECE_BYTES as u64)
            .read_to_end(&mut piece)?;
        let after = offset + piece.len() as u64;
        Ok((file, after, piece))
    })
}
