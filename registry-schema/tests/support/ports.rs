//! Ports of the loopback for servers that stop and come back at the same address.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// How many ports there are to choose from, below those that the system gives away.
const SPAN: u16 = 8_000;

/// Where the system says which ports it gives to whoever asks for any.
const GIVEN_AWAY: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// A port at which nobody listens, and which the system gives to nobody who asks for any: it is still free when the
/// one who listened there has ended and starts again.
pub(crate) fn own_port(address: &str) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = std::fs::read_to_string(GIVEN_AWAY).unwrap_or_default();
    let first: Option<u16> = range
        .split_whitespace()
        .next()
        .and_then(|first| first.parse().ok());
    // No other way but to take one that somebody else may be given in between.
    let Some(start) = first.filter(|first| *first > 10_000 + SPAN) else {
        let listener = TcpListener::bind((address, 0)).unwrap();
        return listener.local_addr().unwrap().port();
    };
    // Another program of tests begins elsewhere.
    let begin = u16::try_from(std::process::id() * 61 % u32::from(SPAN)).unwrap();
    for _ in 0..SPAN {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = start - 1 - (begin + number % SPAN) % SPAN;
        if TcpListener::bind((address, port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {SPAN} is free");
}
