//! What every request goes through: to whom it is addressed, and the line that is written of it.
//!
//! *Why compare `Host`?* A page on the internet can make a browser on this machine ask here under a name of
//! its own (DNS rebinding), and read the answer. Browsers send that name as `Host`; addresses and
//! `localhost` cannot be used in that way.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONNECTION, HOST, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use jiff::Timestamp;

use super::error::RequestError;
use super::held::Held;
use super::routes::refuse;
use super::{Service, Told};

/// Longest path in a line, in characters.
const PATH: usize = 120;

/// Addresses that are asked all the time, of which no line is written.
const QUIET: [&str; 3] = ["/metrics", "/v2/health/live", "/v2/health/ready"];

pub(super) async fn gate<B: MessageBody + 'static>(
    service: Data<Service>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Held<UnderWay>>, Error> {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let under_way = UnderWay::new(service.clone());
    let response = if is_addressed(&request, &service.settings.hosts) {
        next.call(request).await?.map_into_boxed_body()
    } else {
        let refusal = refuse(&RequestError::Host);
        request.into_response(refusal)
    };
    let mut response = response.map_body(|_, body| Held::new(body, under_way));
    if service.is_closing.load(Ordering::Relaxed) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let status = response.status();
    if !QUIET.contains(&path.as_str()) {
        let path: String = path.chars().take(PATH).collect();
        let now = Timestamp::now().strftime("%FT%TZ");
        let took = started.elapsed().as_millis();
        let line = format!("{now} {method} {path} {} {took} ms", status.as_u16());
        (service.log)(Told::Request(&line));
    }
    Ok(response)
}

/// Counts a request as long as it is under way: until its answer is written.
pub(super) struct UnderWay(Data<Service>);

impl UnderWay {
    fn new(service: Data<Service>) -> Self {
        service.under_way.fetch_add(1, Ordering::SeqCst);
        Self(service)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_addressed(request: &ServiceRequest, hosts: &[String]) -> bool {
    // Only programs that are no browsers leave it out.
    let Some(host) = request.headers().get(HOST) else {
        return true;
    };
    host.to_str().is_ok_and(|host| is_known(host, hosts))
}

/// Whether `Host` is an address, `localhost`, or one of the names.
fn is_known(host: &str, hosts: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|host| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use actix_web::App;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;
    use crate::runtime::RuntimeOptions;
    use crate::serve::{Settings, routes};
    use crate::worker::Worker;

    #[actix_web::test]
    async fn a_request_is_under_way_until_its_answer_is_written() {
        let settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            allow_remote: false,
            hosts: Vec::new(),
            max_batch: NonZeroUsize::MIN,
            max_wait: Duration::ZERO,
            max_queue: NonZeroUsize::MIN,
            request_bytes: 1 << 20,
            timeout: Duration::from_secs(1),
            shutdown: Duration::ZERO,
        };
        let worker = Worker::new(RuntimeOptions::default());
        let service = Service::new(settings, worker, |_| {}).unwrap();
        let desk = Data::from(service.clone());
        let at_the_gate = desk.clone();
        let app = App::new()
            .app_data(desk)
            .wrap(from_fn(move |request, next| {
                gate(at_the_gate.clone(), request, next)
            }))
            .configure(routes::configure);
        let app = init_service(app).await;
        let under_way = || service.under_way.load(Ordering::SeqCst);
        for path in ["/v2", "/v2/models/none/ready"] {
            let request = TestRequest::get().uri(path).to_request();
            let response = call_service(&app, request).await;
            assert_eq!(under_way(), 1, "{path}");
            drop(response);
            assert_eq!(under_way(), 0, "{path}");
        }
    }

    #[test]
    fn names_that_anybody_can_point_here_are_not_known() {
        let hosts = ["heads.alpha.example".to_owned()];
        for host in [
            "127.0.0.1:8500",
            "10.1.2.3",
            "[::1]:8500",
            "localhost",
            "LOCALHOST:1",
            "heads.alpha.example:443",
            "Heads.Alpha.Example",
        ] {
            assert!(is_known(host, &hosts), "{host}");
        }
        for host in [
            "evil.example",
            "",
            "127.0.0.1.evil.example",
            "alpha.example",
        ] {
            assert!(!is_known(host, &hosts), "{host}");
        }
    }
}
