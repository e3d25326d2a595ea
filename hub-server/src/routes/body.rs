//! Request bodies: read with a limit, or poured into an upload. A sender that falls silent is given
//! up.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use futures_util::StreamExt;
use registry_schema::api::ProblemCode;

use crate::error::Failure;
use crate::uploads::{UploadError, UploadWriter};

/// A body of which nothing arrives for this long is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// Bytes of an upload written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The whole body, which has at most `limit_bytes`.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    limit_bytes: usize,
) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        let detail = format!("the body is larger than {limit_bytes} bytes");
        Failure::new(ProblemCode::TooLarge, detail)
    };
    if announced(request).is_some_and(|length| length > limit_bytes as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = next(&mut payload).await.transpose() {
        let chunk = chunk.map_err(|_| {
            Failure::new(ProblemCode::RequestTimeout, "the body did not arrive whole")
        })?;
        if body.len() + chunk.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Appends the body to an upload. What arrived before an interruption is kept.
pub(super) async fn pour(
    request: &HttpRequest,
    mut payload: web::Payload,
    mut writer: UploadWriter,
) -> Result<UploadWriter, UploadError> {
    writer.announce(announced(request)).await?;
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    loop {
        match next(&mut payload).await {
            Ok(Some(chunk)) => {
                piece.extend_from_slice(&chunk);
                if piece.len() >= PIECE_BYTES {
                    let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE_BYTES));
                    writer = writer.append(full).await?;
                }
            }
            Ok(None) => return writer.append(piece).await?.flush().await,
            Err(Silent) => {
                writer.append(piece).await?.flush().await?;
                return Err(UploadError::Interrupted);
            }
        }
    }
}

/// The length the request states for its body.
pub(super) fn announced(request: &HttpRequest) -> Option<u64> {
    let value = request.headers().get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// The connection broke, or nothing came for too long.
struct Silent;

async fn next(payload: &mut web::Payload) -> Result<Option<Bytes>, Silent> {
    match tokio::time::timeout(SILENCE, payload.next()).await {
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) | Err(_) => Err(Silent),
    }
}
