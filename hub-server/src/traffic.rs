//! What travels, counted: bodies on their way, and which route a request took.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::metrics::Metrics;

/// Counts the body of a request while it is read.
pub(crate) fn count_received(request: &mut ServiceRequest, metrics: &Arc<Metrics>) {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return;
    }
    let metrics = Arc::clone(metrics);
    let counted = payload.inspect(move |piece| {
        if let Ok(piece) = piece {
            metrics.received().inc_by(piece.len() as u64);
        }
    });
    request.set_payload(Payload::Stream {
        payload: Box::pin(counted),
    });
}

/// Counts the body of an answer while it is sent. The answer to HEAD has none.
pub(crate) fn count_sent(
    response: ServiceResponse<BoxBody>,
    metrics: &Arc<Metrics>,
) -> ServiceResponse<BoxBody> {
    if response.request().method() == Method::HEAD {
        return response;
    }
    let metrics = Arc::clone(metrics);
    response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => {
            metrics.sent().inc_by(bytes.len() as u64);
            BoxBody::new(bytes)
        }
        Err(body) => BoxBody::new(Counted { body, metrics }),
    })
}

struct Counted {
    body: BoxBody,
    metrics: Arc<Metrics>,
}

impl MessageBody for Counted {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let polled = self.body.as_pin_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            self.metrics.sent().inc_by(piece.len() as u64);
        }
        polled
    }
}

/// The template of the path that a request matched, such as `/api/v1/extractors/{namespace}/{name}`;
/// `none` where nothing is. What a client makes up is no part of it.
pub(crate) fn route(response: &ServiceResponse<BoxBody>) -> String {
    match response.request().match_pattern() {
        Some(pattern) => without_expressions(&pattern),
        None => "none".to_owned(),
    }
}

/// A method by its name; `other` for one that a client made up.
pub(crate) fn method_text(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// `/v2/{name:[^/]+}/blobs` → `/v2/{name}/blobs`.
fn without_expressions(pattern: &str) -> String {
    let mut parts = pattern.split('{');
    let mut template = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, after) = part.split_once('}').unwrap_or((part, ""));
        let name = variable.split(':').next().unwrap_or_default();
        template.push_str(&format!("{{{name}}}{after}"));
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_hold_names_only() {
        for (pattern, template) in [
            ("/log/checkpoint", "/log/checkpoint"),
            ("/tuf/{path:.*}", "/tuf/{path}"),
            (
                "/v2/{name:[^/]+(?:/[^/]+)?}/blobs/{digest}",
                "/v2/{name}/blobs/{digest}",
            ),
            ("/v2/{kind:manifests|tags}/{rest:.*}", "/v2/{kind}/{rest}"),
        ] {
            assert_eq!(without_expressions(pattern), template);
        }
    }
}
