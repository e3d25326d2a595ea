//! The real server (TLS, SQLite) and the real `hub`, in temporary folders.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "tests"
)]

mod adversary;
mod audit;
mod bad_graphs;
mod bad_input;
#[path = "../../../registry-schema/tests/support/browser.rs"]
mod browser;
mod bundles;
mod client_certificates;
mod confinement;
mod delta;
mod doctor;
#[path = "../../../registry-schema/tests/support/documents.rs"]
mod documents;
mod domain;
mod drills;
mod endless;
mod exploring;
mod exports;
mod forging;
mod head_versions;
mod history;
mod hostile_hub;
mod http;
mod interruptions;
mod joint;
mod judges;
mod label;
mod log_files;
mod log_judges;
mod log_lies;
mod lying_log;
mod members;
mod mirrors;
mod mirrors_harmed;
#[path = "../../../registry-schema/tests/support/missing.rs"]
mod missing;
mod offline;
mod other_registry;
mod packs;
#[path = "../../../registry-schema/tests/support/ports.rs"]
mod ports;
mod pull_mirror;
mod recipes;
mod refusals;
mod reports;
#[path = "../../../registry-schema/tests/support/s3.rs"]
mod s3;
mod serve;
mod serve_client;
mod serve_harmed;
mod stores;
mod story;
mod trust_root;
mod weak_kernel;
mod witnesses;
mod world;
