//! Publish, pull, verify and run extractors; train private linear heads on them.

pub mod audit;
pub mod bundle;
pub mod config;
pub mod confine;
pub mod consortium;
pub mod cosign;
pub mod dataset;
pub mod features;
pub mod files;
pub mod head;
pub mod hint;
pub mod import;
pub mod journal;
pub mod keys;
pub mod lockfile;
pub mod log_view;
pub mod logged;
pub mod members_say;
pub mod publish;
pub mod pull;
pub mod registry;
pub mod runtime;
pub mod store;
pub mod trust;
pub mod witness;
pub mod worker;
