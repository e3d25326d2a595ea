//! What every request goes through: to whom it is addressed, and the line that is written of it.
//!
//! *Why compare `Host`?* A page on the internet can make a browser on this machine ask here under a name of
//! its own (DNS rebinding), and read the answer. Browsers send that name as `Host`; addresses and
//! `localhost` cannot be used in that way.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONNECTION, HOST, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use jiff::Timestamp;

use super::Service;
use super::error::RequestError;
use super::routes::refuse;

/// Longest path in a line, in characters.
const PATH: usize = 120;

/// Addresses that are asked all the time, of which no line is written.
const QUIET: [&str; 3] = ["/metrics", "/v2/health/live", "/v2/health/ready"];

pub(super) async fn gate<B: MessageBody>(
    service: Data<Service>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let under_way = UnderWay::new(&service);
    let mut response = if is_addressed(&request, &service.settings.hosts) {
        next.call(request).await?.map_into_left_body()
    } else {
        let refusal = refuse(&RequestError::Host);
        request.into_response(refusal).map_into_right_body()
    };
    drop(under_way);
    if service.is_closing.load(Ordering::Relaxed) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let status = response.status();
    if !QUIET.contains(&path.as_str()) {
        let path: String = path.chars().take(PATH).collect();
        let now = Timestamp::now().strftime("%FT%TZ");
        let took = started.elapsed().as_millis();
        (service.log)(&format!(
            "{now} {method} {path} {} {took} ms",
            status.as_u16()
        ));
    }
    Ok(response)
}

/// Counts a request as long as it is under way.
struct UnderWay<'a>(&'a Service);

impl<'a> UnderWay<'a> {
    fn new(service: &'a Service) -> Self {
        service.under_way.fetch_add(1, Ordering::SeqCst);
        Self(service)
    }
}

impl Drop for UnderWay<'_> {
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
    use super::*;

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
