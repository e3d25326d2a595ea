//! The real server, started as a program, spoken to over TLS.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod access;
mod blobs;
#[path = "../../../registry-schema/tests/support/browser.rs"]
mod browser;
mod cluster;
mod consortium;
mod deltas;
mod draft;
mod hugging_face;
mod index;
mod key_taken_back;
mod killing;
mod log;
mod log_keeping;
mod members_say;
mod migrations;
mod model_signature;
mod oci;
mod operations;
mod pages;
mod publishing;
mod reading;
mod refusals;
mod replicas;
mod restoring;
mod retries;
mod trust;
mod watching;
mod witnesses;
mod world;
