//! All addresses on one screen, and what is answered there.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER,
};
use actix_web::web::{self, Bytes, BytesMut, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use registry_schema::digest::Digest;
use serde_json::json;
use tokio::time::timeout_at;

use super::answers::{Said, answers, outputs, tensors};
use super::catalogue::Served;
use super::error::RequestError;
use super::held::Held;
use super::protocol::{Asked, BYTES, Body, EXTENSION, HEADER_LENGTH, INPUT, parse, respond};
use super::queue::{Embedded, NotTaken};
use super::room::{Room, bytes_of_answer};
use super::{Service, metrics};
use crate::causes::with_causes;

/// What a client should wait when too much is asked.
const RETRY_SECONDS: &str = "1";

/// Media type of bodies with a binary part.
const BINARY: &str = "application/octet-stream";

/// What is served, and by whom.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .route("/v2", web::get().to(server))
        .route("/v2/", web::get().to(server))
        .route("/v2/health/live", web::get().to(live))
        .route("/v2/health/ready", web::get().to(ready))
        .route("/metrics", web::get().to(counted));
    for head in ["/v2/models/{name}", "/v2/models/{name}/versions/{version}"] {
        config
            .route(head, web::get().to(metadata))
            .route(&format!("{head}/ready"), web::get().to(head_ready))
            .route(&format!("{head}/infer"), web::post().to(infer));
    }
    config.default_service(web::to(nothing));
}

/// Which head is meant.
#[derive(serde::Deserialize)]
struct Place {
    name: String,
    version: Option<String>,
}

impl Place {
    fn find(&self, service: &Service) -> Result<Arc<Served>, RequestError> {
        service.find(&self.name, self.version.as_deref())
    }
}

async fn server() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "extractor-hub",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": [EXTENSION],
    }))
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "live": true }))
}

/// The protocol's answer has the field `live`, programs that speak it look for `ready`.
async fn ready(service: Data<Service>) -> HttpResponse {
    let is_ready = service.is_ready();
    readiness(is_ready).json(json!({ "live": is_ready, "ready": is_ready }))
}

fn readiness(is_ready: bool) -> actix_web::HttpResponseBuilder {
    match is_ready {
        true => HttpResponse::Ok(),
        false => HttpResponse::ServiceUnavailable(),
    }
}

async fn head_ready(service: Data<Service>, place: web::Path<Place>) -> HttpResponse {
    match place.find(&service) {
        Ok(served) => {
            let is_ready = served.engine.is_ready();
            readiness(is_ready).json(json!({ "name": place.name, "ready": is_ready }))
        }
        Err(error) => refuse(&error),
    }
}

async fn metadata(service: Data<Service>, place: web::Path<Place>) -> HttpResponse {
    let served = match place.find(&service) {
        Ok(served) => served,
        Err(error) => return refuse(&error),
    };
    let catalogue = service.catalogue();
    let versions = catalogue.versions(&place.name);
    let versions: Vec<String> = versions.iter().map(|one| one.version.to_string()).collect();
    let outputs = outputs(&served.head).into_iter();
    let outputs = outputs.map(
        |(name, datatype, shape)| json!({ "name": name, "datatype": datatype, "shape": shape }),
    );
    HttpResponse::Ok().json(json!({
        "name": place.name,
        "versions": versions,
        "platform": "hub_head",
        "inputs": [{ "name": INPUT, "datatype": BYTES, "shape": [-1] }],
        "outputs": outputs.collect::<Vec<_>>(),
    }))
}

async fn counted(service: Data<Service>) -> HttpResponse {
    let text = service.metrics.text(&service.catalogue());
    HttpResponse::Ok()
        .content_type(metrics::MEDIA_TYPE)
        .body(text)
}

async fn nothing() -> HttpResponse {
    refuse(&RequestError::NoSuchAddress)
}

async fn infer(
    service: Data<Service>,
    place: web::Path<Place>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let started = Instant::now();
    let found = place.find(&service);
    let served = found.as_ref().ok().cloned();
    let response = match found {
        Ok(served) => match infer_with(&service, served, &request, payload, started).await {
            Ok((body, room)) => send(body, room),
            Err(error) => refuse(&error),
        },
        Err(error) => refuse(&error),
    };
    let code = response.status().as_u16();
    let served = served.as_deref();
    service.metrics.answered(served, code, started.elapsed());
    response
}

async fn infer_with(
    service: &Data<Service>,
    served: Arc<Served>,
    request: &HttpRequest,
    payload: Payload,
    started: Instant,
) -> Result<(Body, Room), RequestError> {
    // 1. the body, when there is room for it
    if !served.engine.is_ready() {
        return Err(RequestError::Loading);
    }
    let until = started + service.settings.timeout;
    let seconds = service.settings.timeout.as_secs();
    let room = room(service, request)?;
    let body = read(payload, service.settings.request_bytes);
    let body = timeout_at(until.into(), body).await;
    let body = body.map_err(|_| RequestError::Slow { seconds })??;
    // 2. the pictures in it, to the extractor
    let header_length = header_length(request)?;
    let json_wanted = is_json_wanted(request);
    let parsed = web::block(move || {
        let mut asked = parse(&body, header_length, json_wanted)?;
        let pictures = std::mem::take(&mut asked.pictures).into_iter();
        // They may wait for the extractor when whoever sent them is gone.
        let room = Arc::new(room);
        let pictures = pictures.map(|picture| (Digest::of(&picture), room.keep(picture)));
        let pictures: Vec<(Digest, Bytes)> = pictures.collect();
        Ok::<_, RequestError>((asked, pictures))
    });
    let (asked, pictures) = parsed.await.map_err(|_| RequestError::Thread)??;
    let room = room_to_answer(service, &served, &asked, pictures.len())?;
    let told = served.engine.embed(pictures).map_err(|why| match why {
        NotTaken::Full => RequestError::Full,
        NotTaken::Closed => RequestError::Loading,
    })?;
    let told = timeout_at(until.into(), futures_util::future::join_all(told)).await;
    let told = told.map_err(|_| RequestError::Timeout { seconds })?;
    let mut rows = Vec::with_capacity(told.len());
    for (index, embedded) in told.into_iter().enumerate() {
        let embedded: Embedded = embedded.map_err(|_| RequestError::Loading)?;
        rows.push(embedded.map_err(|refusal| RequestError::of(index, refusal))?);
    }
    // 3. what the head says of their features
    let of_head = served.clone();
    let said = web::block(move || -> Result<(Body, Room, Vec<Said>), RequestError> {
        let said = answers(&of_head, &rows)?;
        Ok((write(&of_head, &asked, &said)?, room, said))
    });
    let (body, room, said) = said.await.map_err(|_| RequestError::Thread)??;
    service.metrics.said(&served, &said);
    Ok((body, room))
}

fn write(served: &Served, asked: &Asked, said: &[Said]) -> Result<Body, RequestError> {
    let name = served.head.name().as_str();
    respond((name, served.version), asked, &tensors(&served.head, said))
}

/// Room for a body of the size that is announced; of the largest where none is.
fn room(service: &Service, request: &HttpRequest) -> Result<Room, RequestError> {
    let headers = request.headers();
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(RequestError::Encoded);
    }
    let limit = service.settings.request_bytes;
    let announced = headers.get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes: usize = announced.unwrap_or(limit);
    if bytes > limit {
        return Err(RequestError::TooLarge { limit });
    }
    service.memory.take(bytes).ok_or(RequestError::Full)
}

/// Room for an answer about so many pictures.
fn room_to_answer(
    service: &Service,
    served: &Served,
    asked: &Asked,
    pictures: usize,
) -> Result<Room, RequestError> {
    let classes = served.head.classes().len();
    let bytes = bytes_of_answer(classes);
    // One picture is always taken: there are at most some thousand classes.
    let most = (service.settings.request_bytes / bytes).max(1);
    if pictures > most {
        return Err(RequestError::TooLargeAnswer { classes, most });
    }
    let repeated = asked.id.as_ref().map_or(0, String::len);
    let room = service.memory.take(pictures * bytes + repeated);
    room.ok_or(RequestError::Full)
}

async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, RequestError> {
    let mut body = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| RequestError::BrokenOff)?;
        if body.len() + piece.len() > limit {
            return Err(RequestError::TooLarge { limit });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn header_length(request: &HttpRequest) -> Result<Option<usize>, RequestError> {
    let Some(length) = request.headers().get(HEADER_LENGTH) else {
        return Ok(None);
    };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.map(Some).ok_or(RequestError::HeaderLength)
}

/// Whether a raw request wants JSON, in which there is no other place to say so.
fn is_json_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.trim().starts_with("application/json"))
}

fn send(body: Body, room: Room) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match body.header_length {
        Some(length) => response
            .content_type(BINARY)
            .insert_header((HeaderName::from_static(HEADER_LENGTH), length.to_string())),
        None => response.insert_header((CONTENT_TYPE, "application/json")),
    };
    let response = response.body(body.bytes);
    let response = response.map_body(|_, body| Held::new(body, room));
    response.map_into_boxed_body()
}

/// The protocol's answer to what goes wrong.
pub(super) fn refuse(error: &RequestError) -> HttpResponse {
    let status = match error {
        RequestError::NoSuchAddress
        | RequestError::NoSuchHead { .. }
        | RequestError::NoSuchVersion { .. } => StatusCode::NOT_FOUND,
        RequestError::TooLarge { .. }
        | RequestError::TooManyPictures { .. }
        | RequestError::TooLargeAnswer { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        RequestError::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        RequestError::Slow { .. } => StatusCode::REQUEST_TIMEOUT,
        RequestError::Host => StatusCode::MISDIRECTED_REQUEST,
        RequestError::Loading | RequestError::Full => StatusCode::SERVICE_UNAVAILABLE,
        RequestError::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        error if error.is_of_the_request() => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = HttpResponse::build(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, RETRY_SECONDS));
    }
    response.json(json!({ "error": with_causes(error) }))
}
