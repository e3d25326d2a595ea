//! Sending a blob, or a range of it: read a piece ahead of the network, never more.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

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
use crate::routes::conditional::is_known;
use crate::routes::range::{Wanted, parse};

/// The media type of what no browser shows.
pub(super) const OCTETS: &str = "application/octet-stream";

/// A blob smaller than this comes from the hub itself: another connection would take longer.
const REDIRECTED_BYTES: u64 = 1 << 20;

/// Most bytes taken from the system's memory at once.
const AT_ONCE_BYTES: usize = 128 << 10;

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
    if is_known(request, &etag) {
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

/// The bytes of a range, a piece at a time. What the system has in memory is taken at once: handing it from one
/// thread to another would cost more than reading it. What must come from the disk is read by a thread that may
/// wait, and the next piece while one is sent.
fn pieces(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    let reading = Reading {
        file: Arc::new(file),
        left: range,
        ahead: None,
    };
    stream::try_unfold(reading, |mut reading| async move {
        let piece = reading.piece().await?;
        Ok((!piece.is_empty()).then_some((Bytes::from(piece), reading)))
    })
}

struct Reading {
    file: Arc<File>,
    left: Range<u64>,
    /// The next piece, on its way from the disk.
    ahead: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl Reading {
    /// The next piece; an empty one at the end.
    async fn piece(&mut self) -> io::Result<Vec<u8>> {
        if self.left.is_empty() {
            return Ok(Vec::new());
        }
        let ahead = self.ahead.take();
        if ahead.is_none()
            && let Some(piece) = self.take_cached()
        {
            self.left.start += piece.len() as u64;
            return Ok(piece);
        }
        let read = ahead.unwrap_or_else(|| self.read_ahead());
        let piece = read.await.map_err(io::Error::other)??;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left.start += piece.len() as u64;
        if !self.left.is_empty() {
            self.ahead = Some(self.read_ahead());
        }
        Ok(piece)
    }

    /// What can be read without waiting, if anything.
    #[cfg(target_os = "linux")]
    fn take_cached(&self) -> Option<Vec<u8>> {
        use rustix::io::{ReadWriteFlags, preadv2};

        let mut piece = vec![0; self.at_most(AT_ONCE_BYTES)];
        let mut places = [io::IoSliceMut::new(&mut piece)];
        // An error tells itself again when the piece is read from the disk.
        let read = preadv2(
            &self.file,
            &mut places,
            self.left.start,
            ReadWriteFlags::NOWAIT,
        )
        .ok()?;
        piece.truncate(read);
        (read > 0).then_some(piece)
    }

    /// Elsewhere nobody tells.
    #[cfg(not(target_os = "linux"))]
    fn take_cached(&self) -> Option<Vec<u8>> {
        None
    }

    fn read_ahead(&self) -> JoinHandle<io::Result<Vec<u8>>> {
        let (file, offset, length) = (
            Arc::clone(&self.file),
            self.left.start,
            self.at_most(PIECE_BYTES),
        );
        tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; length];
            let mut read = 0;
            while read < length {
                match file.read_at(&mut piece[read..], offset + read as u64)? {
                    0 => break,
                    more => read += more,
                }
            }
            piece.truncate(read);
            Ok(piece)
        })
    }

    fn at_most(&self, bytes: usize) -> usize {
        let left = self.left.end - self.left.start;
        usize::try_from(left).map_or(bytes, |left| left.min(bytes))
    }
}
