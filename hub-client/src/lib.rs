//! Publish, pull, verify and run extractors; train private linear heads on them.

pub mod config;
pub mod consortium;
pub mod dataset;
pub mod features;
pub mod files;
pub mod head;
pub mod hint;
pub mod keys;
pub mod lockfile;
pub mod logged;
pub mod publish;
pub mod pull;
pub mod registry;
pub mod runtime;
pub mod store;
pub mod trust;
pub mod witness;
