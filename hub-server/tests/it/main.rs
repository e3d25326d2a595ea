//! The real server, started as a program, spoken to over TLS.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod access;
mod backups;
mod blobs;
#[path = "../../../registry-schema/tests/support/browser.rs"]
mod browser;
mod bucket;
mod certificates;
mod cluster;
mod connections;
mod consortium;
mod deltas;
mod disk;
#[path = "../../../registry-schema/tests/support/documents.rs"]
mod documents;
mod draft;
mod faults;
mod garbage;
mod hugging_face;
mod index;
mod kept;
mod key_taken_back;
mod killing;
mod limits;
mod log;
mod log_keeping;
mod malformed;
mod matrix;
mod members_say;
mod migrations;
#[path = "../../../registry-schema/tests/support/missing.rs"]
mod missing;
mod model_signature;
mod oci;
mod openapi;
mod operations;
mod pages;
mod plain;
#[path = "../../../registry-schema/tests/support/ports.rs"]
mod ports;
mod publishing;
mod python;
mod reading;
mod refusals;
mod replicas;
mod restoring;
mod retries;
#[path = "../../../registry-schema/tests/support/s3.rs"]
mod s3;
mod settings;
mod shared_database;
mod trust;
mod watching;
mod witnesses;
mod world;
