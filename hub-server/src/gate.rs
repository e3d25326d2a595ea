//! Before a request is looked into: whose it is by its address, and whether that one asks too often.
//!
//! Requests from this machine itself are not limited, unless a proxy that was named brings them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};
use ipnet::IpNet;
use registry_schema::api::ProblemCode;

use crate::attempts::{Attempts, neighbourhood};
use crate::config::{ForwardedBy, ServeArgs};
use crate::error::Failure;
use crate::rate::Rate;

/// How long a token that was good is known to be nobody's guess.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// Good tokens that are known at most; past them all are forgotten.
const KNOWN: usize = 10_000;

/// Who may ask how often.
#[derive(Debug)]
pub(crate) struct Gate {
    proxies: Vec<IpNet>,
    header: ForwardedBy,
    by_address: Option<Rate>,
    by_token: Option<Rate>,
    guesses: Attempts,
    /// Tokens that were good of late, by their hash.
    known: Mutex<HashMap<u64, Instant>>,
    hashes: RandomState,
}

impl Gate {
    pub(crate) fn new(args: &ServeArgs, now: Instant) -> Self {
        Self {
            proxies: args.trusted_proxies.clone(),
            header: args.forwarded_by,
            by_address: Rate::per_minute(args.rate_per_address, now),
            by_token: Rate::per_minute(args.rate_per_token, now),
            guesses: Attempts::default(),
            known: Mutex::default(),
            hashes: RandomState::new(),
        }
    }

    /// The address that a request comes from, as far as the proxies that are trusted say it.
    pub(crate) fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        self.client(peer, request.headers())
    }

    /// Whose hop is the last that no trusted proxy made: addresses are appended, so what comes before may be
    /// anybody's invention.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.is_proxy(client) {
            return client;
        }
        let hops: Vec<&str> = headers
            .get_all(self.header.name())
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for hop in hops.iter().rev() {
            let address = match self.header {
                ForwardedBy::XForwardedFor => address_of(hop),
                ForwardedBy::Forwarded => forwarded_for(hop),
            };
            // An address that cannot be read is not believed, and neither is what was before it.
            let Some(address) = address else { break };
            client = address.to_canonical();
            if !self.is_proxy(client) {
                break;
            }
        }
        client
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(&address))
    }

    /// Takes a request from its address.
    fn take(&self, request: &HttpRequest) -> Result<(), Failure> {
        let address = self.address(request);
        match &self.by_address {
            Some(rate) if !address.is_loopback() => rate
                .take(neighbourhood(address), Instant::now())
                .map_err(|wait| too_many("this address asks too often", wait)),
            _ => Ok(()),
        }
    }

    /// Takes a request with a token, before that is looked up.
    ///
    /// # Errors
    /// [`Failure`] when the token asks too often, or comes from where tokens are guessed and is not known.
    pub(crate) fn take_token(&self, request: &HttpRequest, token: &str) -> Result<(), Failure> {
        let (address, now) = (self.address(request), Instant::now());
        if let Some(wait) = self.guesses.wait(address, now)
            && !self.is_known(token, now)
        {
            return Err(too_many(
                "too many unknown tokens came from this address",
                wait,
            ));
        }
        match &self.by_token {
            Some(rate) if !address.is_loopback() => rate
                .take(token, now)
                .map_err(|wait| too_many("this token asks too often", wait)),
            _ => Ok(()),
        }
    }

    /// Remembers that a token was good.
    pub(crate) fn was_good(&self, token: &str) {
        let (hash, now) = (self.hashes.hash_one(token), Instant::now());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN && !known.contains_key(&hash) {
            known.clear();
        }
        known.insert(hash, now);
    }

    /// Remembers that a token was unknown to the hub.
    pub(crate) fn was_guessed(&self, request: &HttpRequest) {
        self.guesses
            .was_wrong(self.address(request), Instant::now());
    }

    fn is_known(&self, token: &str, now: Instant) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.get(&self.hashes.hash_one(token));
        at.is_some_and(|at| now.saturating_duration_since(*at) < KNOWN_FOR)
    }
}

/// The middleware: refuses before anything is looked up.
pub(crate) async fn limit(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let gate = request.app_data::<web::Data<Gate>>();
    match gate.map_or(Ok(()), |gate| gate.take(request.request())) {
        Ok(()) => next.call(request).await,
        Err(failure) => Ok(request.error_response(failure)),
    }
}

/// The address that a request comes from.
pub(crate) fn client_address(request: &HttpRequest) -> IpAddr {
    match request.app_data::<web::Data<Gate>>() {
        Some(gate) => gate.address(request),
        None => request
            .peer_addr()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()),
    }
}

/// A refusal that says when to come again.
pub(crate) fn too_many(why: &str, wait: Duration) -> Failure {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let detail = format!("{why}: try again in {seconds} seconds");
    Failure::new(ProblemCode::TooManyRequests, detail)
        .header(header::RETRY_AFTER, &seconds.to_string())
}

/// An address, perhaps with a port or in brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.split(']').next());
    bare.unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()))
}

/// The address in one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for")
            .then(|| address_of(value))?
    })
}

/// As the command line says it.
#[cfg(any(test, fuzzing))]
fn gate(args: &[&str]) -> Gate {
    use clap::Parser as _;
    let line = ["hub-server", "serve", "--data", "x"];
    let cli = crate::config::Cli::parse_from(line.iter().chain(args));
    let crate::config::Command::Serve(args) = cli.command else {
        unreachable!()
    };
    Gate::new(&args, Instant::now())
}

/// Reads lines as values of both headers that say whose request it is; for `fuzz/` alone.
#[cfg(fuzzing)]
pub(crate) fn fuzz_forwarded(said: &[u8]) {
    use std::sync::LazyLock;
    static GATES: LazyLock<[Gate; 2]> = LazyLock::new(|| {
        ["x-forwarded-for", "forwarded"]
            .map(|header| gate(&["--trusted-proxy", "10.0.0.0/8", "--forwarded-by", header]))
    });
    let (stranger, proxy) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([10, 0, 0, 1]));
    for gate in &*GATES {
        let name = header::HeaderName::from_static(gate.header.name());
        let invented = match gate.header {
            ForwardedBy::XForwardedFor => "203.0.113.9",
            ForwardedBy::Forwarded => "for=203.0.113.9",
        };
        let (mut headers, mut more) = (HeaderMap::new(), HeaderMap::new());
        more.append(name.clone(), header::HeaderValue::from_static(invented));
        let values = said.split(|byte| *byte == b'\n');
        for value in values.filter_map(|value| header::HeaderValue::from_bytes(value).ok()) {
            headers.append(name.clone(), value.clone());
            more.append(name.clone(), value);
        }
        assert_eq!(gate.client(stranger, &headers), stranger);
        let client = gate.client(proxy, &headers);
        // What is invented comes before what proxies add, and changes nothing.
        assert!(gate.is_proxy(client) || gate.client(proxy, &more) == client);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(gate: &Gate, peer: &str, header: &'static str, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(header), value);
        }
        gate.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn proxies_are_believed_as_far_as_they_are_trusted() {
        let proxied = gate(&["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1"]);
        let of = |peer: &str, values: &[&str]| client(&proxied, peer, "x-forwarded-for", values);
        assert_eq!(
            of("192.0.2.1", &["198.51.100.7"]),
            "192.0.2.1",
            "not from a proxy"
        );
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(of("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(of("::1", &["[2001:db8::1]:443"]), "2001:db8::1");
        // Invented ones come first.
        let hops = ["203.0.113.9, 198.51.100.7", "10.1.1.1"];
        assert_eq!(of("10.0.0.1", &hops), "198.51.100.7");
        assert_eq!(
            of("10.0.0.1", &["198.51.100.7, unknown, 10.1.1.1"]),
            "10.1.1.1"
        );
        let standard = gate(&["--trusted-proxy", "10.0.0.1", "--forwarded-by", "forwarded"]);
        let of = |values: &[&str]| client(&standard, "10.0.0.1", "forwarded", values);
        assert_eq!(
            of(&["for=203.0.113.9, proto=https;For=\"[2001:db8::1]:80\""]),
            "2001:db8::1"
        );
        assert_eq!(of(&["for=_hidden"]), "10.0.0.1");
    }

    #[test]
    fn waits_are_whole_seconds() {
        let failure = too_many("x", Duration::from_millis(1200));
        assert!(failure.problem.detail.contains("2 seconds"));
    }
}
