//! The real server, started as a program, spoken to over TLS.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod access;
mod blobs;
mod consortium;
mod draft;
mod index;
mod killing;
mod log;
mod log_keeping;
mod operations;
mod publishing;
mod reading;
mod refusals;
mod trust;
mod world;
